"""What else the lesson on SNAT claims, in its text, its commands and its exercises, each with the cell."""

import base64
import hashlib
import re

import ledger
import pytest

import svcnotes
from svcnotes.errors import ApiError, RuleError
from svcnotes.exercises import snat
from svcnotes.exercises import snat_clusters as worlds
from svcnotes.exercises.evidence import chains, ending_rule, jump_rule, source_rule, steps_there
from svcnotes.scenarios.changes import without_rule
from svcnotes.toolbox import Terminal

LESSON = "02-snat"
CLIENT, TOOL, BY_1, BY_2 = worlds.CLIENT, worlds.TOOL, "172.18.0.11:30080", "172.18.0.12:30080"
EXT = "KUBE-EXT-SV7AMNAGZFKZEMQ4"


def path_of(cluster, source=CLIENT, to=BY_2, **more):
    return svcnotes.trace(cluster, source, to, **more).paths[0]


def lines(cluster, words, node="node-2"):
    return [line for line in svcnotes.rules(cluster, node).splitlines() if words in line]


def leaves_by(cluster, to, host="node-2"):
    """The interface by which the packet leaves the host on the way there; a pod's own cable counts as its bridge."""
    path = path_of(cluster, CLIENT, to)
    return next(h.out_interface for h in path.hops if h.host == host and h.direction == "there")


# the cell; the cluster; who dials what; the outcome, how; the source seen
CLAIMS = [
    ("recall", worlds.whole, CLIENT, BY_2, "connected", "", "172.18.0.12"),
    ("round1", worlds.whole, CLIENT, BY_2, "connected", "", "172.18.0.12"),
    ("before-neighbour", worlds.without, CLIENT, BY_2, "timeout", "", CLIENT),
    ("explain-neighbour", worlds.without, CLIENT, BY_1, "connected", "", CLIENT),
    ("explain-neighbour", worlds.without, CLIENT, "172.18.0.13:30080", "timeout", "", CLIENT),
    ("explain-exhausted", worlds.local, CLIENT, BY_1, "connected", "", CLIENT),
    ("explain-exhausted", worlds.without, CLIENT, BY_2, "timeout", "", CLIENT),
    ("explain-note", worlds.without, CLIENT, BY_2, "timeout", "", CLIENT),
    ("debug-found", worlds.whole, TOOL, "10.244.1.10:80", "connected", "", "10.244.2.10"),
    ("recap", worlds.without, CLIENT, BY_2, "timeout", "", CLIENT),
    ("recap", worlds.local, "node/node-1", BY_1, "connected", "", "10.244.1.1"),
    ("exercise-words-text", worlds.local, TOOL, "172.18.0.13:30080", "timeout", "", "10.244.2.10"),
    ("exercise-note-text", worlds.whole, TOOL, "10.96.0.80:8080", "connected", "", "10.244.2.10"),
    ("exercise-note-text", worlds.local, "node/node-2", BY_2, "connected", "", "172.18.0.12"),
    ("exercise-note-text", worlds.local, TOOL, BY_2, "connected", "", "10.244.2.10"),
    ("exercise-note-text", worlds.local, CLIENT, BY_2, "timeout", "", None),
]


@pytest.mark.parametrize(("cell", "make", "source", "to", "outcome", "how", "seen"), CLAIMS)
def test_another_claim_of_the_lesson_on_snat_is_what_a_trace_shows(
    cell, make, source, to, outcome, how, seen
):
    assert cell in ledger.cells(LESSON)
    path = path_of(make(), source, to)
    assert (path.outcome, path.how, path.source_seen) == (outcome, how, seen)


def test_each_of_the_four_chains_does_what_is_recalled():
    """recall, stage-try: of the four only KUBE-SEP changes an address, and one rule less makes it all."""
    changes = {
        re.sub(r"-[A-Z0-9]{16}$", "", step.chain)
        for step in steps_there(path_of(worlds.whole()))
        if step.chain and step.before.destination != step.after.destination
    }
    assert changes == {"KUBE-SEP"}
    before, after = (svcnotes.rules(make(), "node-2") for make in (worlds.whole, worlds.lost_on_node_2))
    assert len(before.splitlines()) - len(after.splitlines()) == 1


def test_the_words_stand_in_one_rule_only_and_it_asks_for_the_mark():
    """round1, explain-edit"""
    (rule,) = lines(worlds.whole(), worlds.ASKS)
    assert rule.startswith(f"-A {EXT} ")
    assert rule.endswith("-j KUBE-MARK-MASQ")


def test_without_dnat_the_node_answers_for_itself():
    """explain-edit: the other words to try."""
    bare = without_rule(worlds.whole(), "-j DNAT", ["node-2"])
    assert path_of(bare).how == "rst"


def test_the_rst_goes_to_the_pod_and_the_client_asks_again():
    """explain-edit, practice: what tcpdump shows at the pod's node, at the node dialled, at the client."""
    terminal = Terminal(worlds.lost_on_node_2())
    curl = "curl -sS -m 3 172.18.0.12:30080"
    said = {
        host: str(terminal.capture(host, "tcpdump -ni eth0 'tcp port 80'", "client", curl))
        for host in ("node-1", "node-2")
    }
    assert all(f"Flags [{flag}]" in said["node-1"] for flag in ("S", "S.", "R"))
    assert re.search(r"IP 192\.0\.2\.10\.\d+ > 10\.244\.1\.10\.80: Flags \[R\]", said["node-1"])
    assert "Flags [S]" in said["node-2"]
    assert "Flags [S.]" not in said["node-2"]
    assert "Flags [R]" not in said["node-2"]
    assert said["node-2"].count("Flags [S]") > 1
    assert "tcpdump -ni any 'tcp port 80'" in ledger.cells(LESSON)["practice"][1]


def test_the_pods_log_says_nothing_of_a_connection_that_never_came_to_be():
    """explain-edit; practice: a line begins with the address that nginx saw."""
    terminal = Terminal(worlds.lost_on_node_2())
    terminal.run("client", "curl -sS -m 3 172.18.0.12:30080")
    assert str(terminal.run("kubectl logs my-nginx-1")).strip() == ""
    terminal.run("client", "curl -sS -m 3 172.18.0.11:30080")
    assert str(terminal.run("kubectl logs my-nginx-1")).startswith("10.244.1.1 - - [")


@pytest.mark.parametrize(
    ("make", "own", "other"),
    [(worlds.whole, "cni0", "eth0"), (worlds.tunnel, "cni0", "flannel.1"), (worlds.routed, "", "eth0")],
)
def test_each_plugin_leads_to_pods_by_the_interfaces_of_the_table(make, own, other):
    """explain-neighbour: to the node's own pods, and to those on other nodes."""
    from svcnotes.network.node_host import node_host

    found = node_host(make(), "node-2").interfaces
    assert leaves_by(make(), BY_2) == other
    assert ("cni0" in found) == bool(own)
    if not own:
        cables = [face for name, face in found.items() if name not in ("eth0", "lo")]
        assert cables
        assert all(not face.addresses for face in cables)


def test_masquerade_takes_neither_the_nodes_address_nor_the_dialled_one_but_the_interfaces():
    """explain-flannel, recap; snat.flannel, snat.own_node"""
    from svcnotes.network.node_host import node_host

    for make, to, node in [(worlds.whole, BY_2, "node-2"), (worlds.tunnel, BY_2, "node-2")]:
        face = node_host(make(), node).interfaces[leaves_by(make(), to, node)]
        assert path_of(make(), CLIENT, to).source_seen in {a.partition("/")[0] for a in face.addresses}
    own = svcnotes.trace(worlds.local(), "node/node-1", BY_1)
    assert own.source_address == "172.18.0.11"
    assert svcnotes.trace(worlds.local(), "node/node-1", "127.0.0.1:30080").source_address == "127.0.0.1"


def test_kubectl_does_not_show_the_tunnels_address():
    """explain-flannel"""
    shown = str(Terminal(worlds.tunnel()).run("kubectl get nodes -o wide"))
    assert "172.18.0.12" in shown
    assert "10.244.2.0" not in shown


def test_ports_may_be_named_only_where_the_protocol_is():
    """explain-exhausted"""
    text = svcnotes.rules(worlds.whole(), "node-2").replace("--random-fully", "--to-ports 61000-61001")
    with pytest.raises(RuleError, match="needs -p tcp"):
        path_of(worlds.whole().with_rules("node-2", text))


def test_curl_gives_up_when_it_was_told_to():
    """explain-note"""
    said = str(Terminal(worlds.without()).run("client", "curl -sS -m 5 172.18.0.12:30080"))
    assert said.startswith("curl: (28) Connection timed out after 5000 milliseconds")


def test_the_commands_of_practice_print_what_their_remarks_say():
    """practice"""
    text = ledger.cells(LESSON)["practice"][1]
    terminal = Terminal(worlds.whole())
    terminal.run("client", "curl -sS -m 5 172.18.0.12:30080")
    for command, shows in [
        (f"iptables -t nat -S {EXT}", "-j KUBE-MARK-MASQ"),
        ("iptables -t nat -S KUBE-POSTROUTING", "-j MASQUERADE"),
        ("conntrack -L -p tcp --orig-port-dst 30080", "src=10.244.1.10 dst=172.18.0.12"),
        ("conntrack -S | grep -o 'insert_failed=[0-9]*'", "insert_failed=0"),
        (f"iptables -t nat -D {EXT} 1", ""),
    ]:
        assert command in text
        assert shows in str(terminal.run("node-2", command))
    assert "timed out" in str(terminal.run("client", "curl -sS -m 5 172.18.0.12:30080"))
    assert "Hello" in str(terminal.run("client", "curl -sS -m 5 172.18.0.11:30080"))
    assert "node-1" in str(terminal.run("kubectl get pods -l run=my-nginx -o wide"))


def test_the_manifest_of_practice_makes_one_pod_and_the_chain_of_that_name():
    """practice"""
    text = ledger.cells(LESSON)["practice"][1].partition("```yaml\n")[2].partition("```")[0]
    cluster = svcnotes.loads(text)
    assert len(cluster.pods) == 1
    assert lines(cluster, f":{EXT} ")


def test_the_bit_of_the_mark_can_be_changed():
    """practice: 14 unless told otherwise."""
    proxy = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\niptables: {masqueradeBit: 20}\n---\n"
    manifest = ledger.cells(LESSON)["practice"][1].partition("```yaml\n")[2].partition("```")[0]
    assert lines(svcnotes.loads(proxy + manifest), "-A KUBE-MARK-MASQ") == [
        "-A KUBE-MARK-MASQ -j MARK --set-xmark 0x100000/0x100000"
    ]
    assert 1 << 14 == 0x4000


def test_the_lost_rule_stood_first_in_its_chain():
    """exercise-put-back-text; snat.put_back"""
    first = lines(worlds.whole(), f"-A {EXT} ")[0]
    assert worlds.ASKS in first


# an answer to snat.put_back, whether it is right, what the check says
LINES = [
    ("-t nat -I KUBE-EXT-SV7AMNAGZFKZEMQ4 -j KUBE-MARK-MASQ", True, "172.18.0.12"),
    ("-t nat -A POSTROUTING -s 192.0.2.10 -j MASQUERADE", True, "172.18.0.12"),
    ("-t nat -A POSTROUTING -j MASQUERADE", False, "also changes packets that go from pod to pod"),
    ("-t nat -I PREROUTING -j MASQUERADE", False, "nobody knows yet by which interface it will leave"),
    ("-t nat -A KUBE-EXT-SV7AMNAGZFKZEMQ4 -j KUBE-MARK-MASQ", False, "took no part"),
]


@pytest.mark.parametrize(("line", "right", "says"), LINES)
def test_there_is_more_than_one_right_rule_and_a_wrong_one_is_told_why(line, right, says):
    """exercise-put-back-text; snat.put_back"""
    verdict = snat.put_back.check(line)
    assert verdict.ok == right
    assert says in " ".join(str(verdict).split())


def test_the_courses_note_is_corrected_by_the_rules():
    """exercise-note-text; snat_note.note: each of its lines, by the model."""
    path = path_of(worlds.whole())
    jump = jump_rule(path, "KUBE-EXT-")
    assert "KUBE-SVC" not in jump
    assert '--comment "default/my-nginx:http"' in jump
    for name, letters in [
        ("default/my-nginx:httptcp", EXT[-16:]),
        ("default/mysql-service:tcp", "67RL4FN6JRUPOJYM"),
    ]:
        assert base64.b32encode(hashlib.sha256(name.encode()).digest()).decode()[:16] == letters
    assert len(lines(worlds.whole(), "-A KUBE-POSTROUTING ")) == 3
    assert [step.hook for step in steps_there(path) if step.chain == "KUBE-MARK-MASQ"] == ["PREROUTING"]
    assert source_rule(path).startswith("-A KUBE-POSTROUTING")
    with pytest.raises(ApiError, match='supported values: "Cluster", "Local"'):
        worlds.whole().patch("service", "my-nginx", "spec: {externalTrafficPolicy: local}")
    assert ending_rule(path_of(worlds.local())).endswith("-j DROP")
    assert f"KUBE-SVC-{EXT[-16:]}" in chains(path_of(worlds.local(), "node/node-2"))
    assert snat.note.check("1, 2, 3, 5, 6, 7, 9, 10, 12").ok


def test_three_numbers_alike_and_one_different_make_another_connection():
    """exercise-words-text; snat.ports: the third client takes a port that another connection has."""
    first = snat.in_turn(worlds.narrow(), [CLIENT, "192.0.2.11"])
    third = path_of(worlds.narrow(), "192.0.2.12", "172.18.0.12:30443", memories=first[-1].memories)
    assert third.outcome == "connected"
    assert third.source_port_seen in {path.source_port_seen for path in first}


def test_the_answers_of_the_exercises_are_the_traces():
    """exercise-words-text; snat.back, snat.asymmetric, snat.neighbour, snat.reply, snat.own_node, snat.flannel"""
    for exercise, answer in [
        (snat.back, "0"),
        (snat.asymmetric, "timeout"),
        (snat.neighbour, "connected"),
        (snat.reply, "10.244.1.1"),
        (snat.own_node, "10.244.1.1"),
        (snat.flannel, "10.244.2.0"),
    ]:
        assert exercise.check(answer).ok, exercise.name


def test_the_answer_to_tool_2_goes_straight_from_node_1_to_node_2():
    """exercise-words-text; snat.asymmetric"""
    path = path_of(worlds.local(), TOOL, "172.18.0.13:30080")
    back = [hop.host for hop in path.hops if hop.direction == "back"]
    assert "node-3" not in back
    assert back[-1] == "node-2"
