"""What the lesson on NodePort claims, cell by cell, is what traces, rules, kubectl and the API server show."""

import base64
import hashlib
import re
from fractions import Fraction

import ledger
import pytest

import svcnotes
from svcnotes import scenarios
from svcnotes.exercises.evidence import chains, ending_rule, source_rule, steps_there, target_rule
from svcnotes.network.node_host import node_host
from svcnotes.scenarios.changes import without_rule
from svcnotes.toolbox import Terminal

LESSON = "01-nodeport"
CLIENT, TOOL = "192.0.2.10", "pod/default/my-nginx-2"
BY_1, BY_2, BY_3 = "172.18.0.11:30080", "172.18.0.12:30080", "172.18.0.13:30080"
POD_1, POD_2 = "default/my-nginx-1", "default/my-nginx-2"
LETTERS = "SV7AMNAGZFKZEMQ4"


def whole():
    return scenarios.load("nodeport")


def local():
    return whole().patch("service", "my-nginx", "spec: {externalTrafficPolicy: Local}")


def empty():
    return scenarios.load("nodeport-empty")


def unready(cluster, *pods):
    for pod in pods:
        cluster = cluster.patch("pod", pod, 'status: {conditions: [{type: Ready, status: "False"}]}')
    return cluster


def broken():
    return scenarios.load("nodeport-refused")


def unmasked():
    """No rule asks for another source."""
    return without_rule(whole(), ":http external destinations")


# The cell that claims it; the cluster; who dials what; the outcome, how; the source that each pod sees.
CLAIMS = [
    ("title", whole, CLIENT, BY_1, "connected", "", {POD_1: "10.244.1.1", POD_2: "172.18.0.11"}),
    ("stage-try", local, CLIENT, BY_1, "connected", "", {POD_1: CLIENT}),
    ("recall", whole, CLIENT, "172.18.0.11:12345", "refused", "rst", {}),
    ("three-ports", whole, TOOL, "10.96.0.80:8080", "connected", "", {POD_1: "10.244.2.10", POD_2: "10.244.2.1"}),
    ("three-ports", whole, CLIENT, "172.18.0.11:30443", "connected", "", {POD_1: "10.244.1.1", POD_2: "172.18.0.11"}),
    ("explain-entry", whole, CLIENT, BY_3, "connected", "", {POD_1: "172.18.0.13", POD_2: "172.18.0.13"}),
    ("explain-listens", whole, CLIENT, "172.18.0.13:30081", "refused", "rst", {}),
    ("explain-source", whole, CLIENT, BY_2, "connected", "", {POD_1: "172.18.0.12", POD_2: "10.244.2.1"}),
    ("rules-explained", unmasked, CLIENT, BY_2, "timeout", "", {POD_1: CLIENT}),
    ("explain-local", local, CLIENT, BY_1, "connected", "", {POD_1: CLIENT}),
    ("explain-local", local, CLIENT, BY_2, "connected", "", {POD_2: CLIENT}),
    ("explain-local", local, CLIENT, BY_3, "timeout", "", {}),
    ("refused-timeout", local, TOOL, BY_2, "connected", "", {POD_1: "10.244.2.10", POD_2: "10.244.2.1"}),
    ("refused-timeout", local, "node/node-3", BY_3, "connected", "", {POD_1: "172.18.0.13", POD_2: "172.18.0.13"}),
    ("refused-timeout", empty, CLIENT, BY_1, "refused", "icmp-port-unreachable", {}),
    ("refused-timeout", whole, CLIENT, "172.18.0.11:30081", "refused", "rst", {}),
    ("debug", broken, CLIENT, BY_1, "refused", "rst", {}),
    ("debug", broken, CLIENT, BY_2, "refused", "rst", {}),
    ("debug", broken, CLIENT, BY_3, "refused", "rst", {}),
    ("recap", local, CLIENT, BY_3, "timeout", "", {}),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "make", "source", "to", "outcome", "how", "seen"), CLAIMS)
def test_a_claim_of_the_lesson_on_nodeport_is_what_a_trace_shows(cell, make, source, to, outcome, how, seen):
    assert cell in ledger.cells(LESSON)
    paths = [path for path in svcnotes.trace(make(), source, to).paths if path.pod in seen or not seen]
    assert {path.pod: path.source_seen for path in paths if seen} == seen
    assert {(path.outcome, path.how) for path in paths} == {(outcome, how)}


def path_to(pod, cluster, source=CLIENT, to=BY_2):
    return next(path for path in svcnotes.trace(cluster, source, to).paths if path.pod == pod)


def rules(cluster, node, chain):
    return [r for r in svcnotes.rules(cluster, node).splitlines() if r.startswith(f"-A {chain} ")]


def target(rule):
    return rule.rpartition(" -j ")[2].split()[0]


def test_nat_is_undone_on_the_answer():
    """recall, rules-explained: conntrack gives back what was changed, both addresses."""
    path = path_to(POD_1, whole())
    home = path.hops[-1].packet
    assert (home.source, home.source_port, home.destination) == ("172.18.0.12", 30080, CLIENT)
    back = [step for hop in path.hops if hop.direction == "back" for step in hop.steps]
    changed = [
        s for s in back if (s.before.source, s.before.destination) != (s.after.source, s.after.destination)
    ]
    assert {step.table for step in changed} == {"conntrack"}
    assert not [step for step in back if step.table == "nat" and step.chain]


def test_every_node_turns_the_entry_into_the_same_rules():
    """cast, explain-entry, read-rule; nodeport.entry"""
    texts = {svcnotes.rules(whole(), node) for node in whole().nodes}
    assert len(texts) == 1
    assert "KUBE-NODEPORTS" in texts.pop()


def test_each_node_leads_to_either_pod_one_time_in_two():
    """explain-entry"""
    for to in (BY_1, BY_2, BY_3):
        found = {path.pod: path.probability for path in svcnotes.trace(whole(), CLIENT, to).paths}
        assert found == {POD_1: Fraction(1, 2), POD_2: Fraction(1, 2)}


def test_the_letters_are_a_hash_of_names_and_protocol_and_so_the_same_everywhere():
    """read-rule"""
    digest = hashlib.sha256(b"default/my-nginx:httptcp").digest()
    assert base64.b32encode(digest).decode()[:16] == LETTERS
    other = svcnotes.loads(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: x, labels: {a: b}}\nspec: {containers: [{name: c, image: i}]}\n---\n"
        "apiVersion: v1\nkind: Service\nmetadata: {name: my-nginx}\n"
        "spec: {type: NodePort, selector: {a: b}, ports: [{name: http, port: 1}]}\n"
    )
    assert f"KUBE-EXT-{LETTERS}" in svcnotes.rules(other, "node-1")


def test_two_rules_are_left_out_and_they_are_for_calls_from_the_node_to_itself():
    """read-rule"""
    left_out = [rule for rule in rules(whole(), "node-3", "KUBE-NODEPORTS") if "127.0.0.0" in rule]
    assert len(left_out) == 2
    assert all(rule.startswith("-A KUBE-NODEPORTS -d 127.0.0.0/8 ") for rule in left_out)


def test_the_two_ports_have_two_sets_of_chains():
    """read-rule"""
    text = svcnotes.rules(whole(), "node-1")
    for kind in ("EXT", "SVC"):
        assert (
            len(set(re.findall(rf"^:KUBE-{kind}-(\w+)", text, re.MULTILINE)) & {LETTERS, "WJQIRF6WKN5OOCTI"})
            == 2
        )


def test_no_program_of_the_node_has_the_nodeport_open():
    """explain-listens, recap; nodeport.netstat: the destination is another one before the node asks who listens."""
    listed = str(Terminal(whole()).run("node-1", "ss -lnt"))
    assert "LISTEN" in listed
    assert ":30080" not in listed
    hop = next(hop for hop in path_to(POD_1, whole(), to=BY_1).hops if hop.kind == "node")
    order = [step.verdict if step.verdict == "dnat" else step.table for step in hop.steps]
    assert order.index("dnat") < order.index("routing")
    assert next(step.hook for step in hop.steps if step.verdict == "dnat") == "PREROUTING"
    assert "INPUT" not in {step.hook for step in hop.steps}


def test_the_bridge_has_the_first_address_of_the_nodes_pod_range():
    """explain-source, exercise-nobody-text; nodeport.caller"""
    bridge = node_host(whole(), "node-2").interfaces["cni0"]
    assert bridge.addresses == ("10.244.2.1/24",)
    assert path_to(POD_2, whole()).source_seen == "10.244.2.1"


def test_masquerade_picks_a_port_so_that_two_clients_do_not_collide():
    """explain-source: one port from two clients is two ports at the pod."""
    first = path_to(POD_1, whole())
    assert first.source_port_seen == 1968
    second = next(
        path
        for path in svcnotes.trace(whole(), "192.0.2.11", BY_2, memories=first.memories).paths
        if path.pod == POD_1
    )
    assert second.source_seen == first.source_seen
    assert second.source_port_seen != first.source_port_seen


def test_the_seven_stations_stand_in_this_order():
    """rules-intro, rules-explained: and the first two lines only lead the way."""
    path = path_to(POD_1, whole())
    kinds = [re.sub(r"(KUBE-(?:EXT|SVC|SEP))-.*", r"\1", chain) for chain in chains(path)]
    assert kinds == [
        "PREROUTING", "KUBE-SERVICES",
        "KUBE-NODEPORTS", "KUBE-EXT", "KUBE-MARK-MASQ", "KUBE-SVC", "KUBE-SEP", "POSTROUTING", "KUBE-POSTROUTING",
    ]  # fmt: skip
    last = rules(whole(), "node-2", "KUBE-SERVICES")[-1]
    assert "--dst-type LOCAL -j KUBE-NODEPORTS" in last
    assert target_rule(path).endswith("--to-destination 10.244.1.10:80")


def test_a_mark_changes_no_address_and_stays_on_its_node():
    """rules-explained"""
    path = path_to(POD_1, whole())
    step = next(step for step in steps_there(path) if step.chain == "KUBE-MARK-MASQ")
    assert (step.before.mark, step.after.mark) == (0, 0x4000)
    assert (step.before.source, step.before.destination) == (step.after.source, step.after.destination)
    assert [hop.packet.mark for hop in path.hops if hop.host == "node-1"] == [0, 0]


def test_postrouting_returns_without_a_mark_wipes_it_off_and_masquerades():
    """rules-explained, recap"""
    first, second, third = rules(whole(), "node-2", "KUBE-POSTROUTING")
    assert "! --mark 0x4000/0x4000 -j RETURN" in first
    assert "--set-xmark 0x4000/0x0" in second
    assert "-j MASQUERADE" in third
    hop = next(h for h in path_to(POD_1, whole()).hops if h.host == "node-2" and h.direction == "there")
    assert hop.out_interface == "eth0"
    assert source_rule(path_to(POD_1, whole())) == third


def test_heads_or_tails_with_two_pods():
    """rules-explained: the first rule has probability 0.5, the last one needs none."""
    choices = rules(whole(), "node-2", f"KUBE-SVC-{LETTERS}")
    assert [re.findall(r"--probability (\S+)", rule) for rule in choices if "KUBE-SEP" in rule] == [
        ["0.50000000000"],
        [],
    ]


def test_without_another_source_the_answer_belongs_to_no_connection():
    """rules-explained: it comes from the pod's own address, and the client says RST."""
    path = path_to(POD_1, unmasked())
    assert path.hops[-1].packet.source == "10.244.1.10"
    assert "RST" in path.reason


def test_under_local_what_comes_from_outside_is_not_marked():
    """refused-timeout; nodeport.blank: the last rule of KUBE-EXT leads to this node's pods."""
    path = path_to(POD_2, local())
    assert "KUBE-MARK-MASQ" not in chains(path)
    *before, last = rules(local(), "node-2", f"KUBE-EXT-{LETTERS}")
    assert target(last) == f"KUBE-SVL-{LETTERS}"
    assert [target(rule) for rule in before] == [
        f"KUBE-SVC-{LETTERS}",
        "KUBE-MARK-MASQ",
        f"KUBE-SVC-{LETTERS}",
    ]
    assert "-s 10.244.0.0/16" in before[0]
    assert "--src-type LOCAL" in before[1]
    for node, endpoint in [("node-1", "10.244.1.10"), ("node-2", "10.244.2.10")]:
        (only,) = rules(local(), node, f"KUBE-SVL-{LETTERS}")
        assert f"-> {endpoint}:80" in only
    assert len(rules(local(), "node-2", f"KUBE-SVC-{LETTERS}")) == 3


def test_node_3_has_no_such_chain_and_drops_at_input():
    """refused-timeout, explain-local; nodeport.silence"""
    assert f"KUBE-SVL-{LETTERS}" not in svcnotes.rules(local(), "node-3")
    path = svcnotes.trace(local(), CLIENT, BY_3).paths[0]
    assert ending_rule(path).endswith("-j DROP")
    assert "has no local endpoints" in ending_rule(path)
    drop = next(step for step in steps_there(path) if step.verdict == "drop")
    assert (drop.table, drop.hook) == ("filter", "INPUT")


def test_who_says_no_is_as_the_table_says():
    """refused-timeout; nodeport.nobody: the kernel, a REJECT, a DROP."""
    nobody = svcnotes.trace(empty(), CLIENT, BY_1).paths[0]
    assert "has no endpoints" in ending_rule(nobody)
    assert "REJECT --reject-with icmp-port-unreachable" in ending_rule(nobody)
    assert nobody.icmp_from == "172.18.0.11"
    [resting] = svcnotes.trace(unready(whole(), "my-nginx-1", "my-nginx-2"), CLIENT, BY_1).paths
    assert ending_rule(resting) == ending_rule(nobody)
    [elsewhere] = svcnotes.trace(unready(local(), "my-nginx-1"), CLIENT, BY_1).paths
    assert "has no local endpoints" in ending_rule(elsewhere)
    unheard = svcnotes.trace(whole(), CLIENT, "172.18.0.11:30081").paths[0]
    assert ending_rule(unheard) == ""
    by_pod = svcnotes.trace(broken(), CLIENT, BY_1).paths[0]
    assert by_pod.hops[-1].packet.flags
    assert ending_rule(by_pod) == ""


def test_the_broken_services_packet_comes_to_a_pod_on_a_port_where_nothing_listens():
    """debug-found"""
    for path in svcnotes.trace(broken(), CLIENT, BY_1).paths:
        assert target_rule(path).endswith(":8080")
        assert "nothing listens" in path.reason
    assert broken().services["default/my-nginx"].ports[0].target_port == 8080


def test_under_local_a_nodes_share_goes_to_its_own_pods_only():
    """recap"""
    found = svcnotes.trace(local(), CLIENT, BY_1).paths
    assert {path.pod: path.probability for path in found} == {POD_1: Fraction(1)}
