"""What else the lesson on hairpins claims, in its text, its commands and its exercises, each with the cell."""

from fractions import Fraction

import ledger
import pytest

import svcnotes
from svcnotes import scenarios
from svcnotes.exercises import hairpin
from svcnotes.exercises.evidence import chains, source_rule, steps_there
from svcnotes.scenarios import controls
from svcnotes.scenarios.changes import without_rule
from svcnotes.toolbox import Terminal
from svcnotes.widgets.stage import Stage

LESSON = "06-hairpin"
ANNA, BERT, CARL, OUTSIDE = "pod/default/anna", "pod/default/bert", "pod/default/carl", "192.0.2.10"
SERVICE, NODE_PORT = "10.96.0.80:80", "172.18.0.11:30080"
NF_OFF = {"sysctls": {"net.bridge.bridge-nf-call-iptables": "0"}}
FLAG_OFF = {"faults": [{"name": "hairpin-off"}]}
YES, LOST = "connected", "timeout"
MORE = """\
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: choir}}}}
spec: {{nodeName: node-2, containers: [{{name: choir, image: choir, ports: [{{name: http, containerPort: 8080}}]}}]}}
"""


def plain(**world):
    return scenarios.load("hairpin").with_world(**world)


def local():
    return plain().patch("service", "choir", "spec: {externalTrafficPolicy: Local}")


def bare():
    return without_rule(plain(), "-s 10.244.1.10/32", ["node-1"])


def four():
    return plain(**FLAG_OFF).apply(MORE.format(name="dora"))


def ends(cluster, source=ANNA, to=SERVICE):
    return tuple(path.outcome for path in svcnotes.trace(cluster, source, to).paths)


# The cell; the cluster; who dials what; how it ends with each endpoint in turn.
CLAIMS = [
    ("title", plain, ANNA, SERVICE, (YES, YES, YES)),
    ("title", bare, ANNA, SERVICE, (LOST, YES, YES)),
    ("recall", plain, BERT, SERVICE, (YES, YES, YES)),
    ("cast", plain, OUTSIDE, NODE_PORT, (YES, YES, YES)),
    ("cast", plain, OUTSIDE, "10.244.1.10:8080", (YES,)),
    ("stage-all-text", lambda: plain(**FLAG_OFF), ANNA, SERVICE, (LOST, YES, YES)),
    ("stage-all-text", lambda: plain(**FLAG_OFF, **NF_OFF), ANNA, SERVICE, (YES, LOST, YES)),
    ("stage-all-text", lambda: plain(cni="routed", **FLAG_OFF, **NF_OFF), ANNA, SERVICE, (YES, YES, YES)),
    ("debug-found", lambda: scenarios.load("hairpin-sporadic"), CARL, SERVICE, (YES, YES, YES)),
    ("recap", four, OUTSIDE, NODE_PORT, (YES, YES, YES, YES)),
    ("recap", four, ANNA, SERVICE, (LOST, YES, YES, YES)),
    ("recap", lambda: plain(**NF_OFF), ANNA, SERVICE, (YES, LOST, YES)),
    ("exercise-notes-text", lambda: plain(**FLAG_OFF), ANNA, "10.244.1.10:8080", (YES,)),
    ("exercise-notes-text", lambda: plain(**FLAG_OFF), OUTSIDE, NODE_PORT, (YES, YES, YES)),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "make", "source", "to", "outcomes"), CLAIMS)
def test_another_claim_on_hairpins_is_what_a_trace_shows(cell, make, source, to, outcomes):
    assert cell in ledger.cells(LESSON)
    assert ends(make(), source, to) == outcomes


def test_anna_throws_it_away_at_the_third_step_as_the_stage_has_it():
    """stage-try"""
    rule = controls.rule("-s 10.244.1.10/32", ["node-1"], "the rule about anna calling anna")
    stage = Stage(plain(), "default/choir", source=ANNA, to=SERVICE, controls=[rule], rule="out")
    assert "Dropped at step 3" in stage.sentence
    path = svcnotes.trace(bare(), ANNA, SERVICE).paths[0]
    assert path.hops[-1].in_interface == "eth0"
    assert "martian" in path.reason


def test_what_a_pod_sends_to_itself_never_leaves_it():
    """stage-try; hairpin.notes"""
    path = svcnotes.trace(plain(), ANNA, "10.244.1.10:8080").paths[0]
    assert {hop.host for hop in path.hops} == {"default/anna"}


def test_a_call_to_a_cluster_ip_is_not_masqueraded_but_that_of_the_pod_to_itself():
    """recall; hairpin.duet: bert's chain marks what comes from bert."""
    seen = [path.source_seen for path in svcnotes.trace(plain(), ANNA, SERVICE).paths]
    assert seen == ["10.244.1.1", "10.244.1.10", "10.244.1.10"]
    found = svcnotes.trace(local(), ANNA, NODE_PORT).paths
    assert {path.pod for path in found} == {"default/anna", "default/bert", "default/carl"}


def test_each_chain_has_two_rules_and_the_first_never_matches_another_caller():
    """sep-intro, sep-explained"""
    for node in plain().nodes:
        lines = [r for r in svcnotes.rules(plain(), node).splitlines() if r.startswith("-A KUBE-SEP-")]
        assert len(lines) == 6
        assert ["-j KUBE-MARK-MASQ" in line for line in lines] == [True, False] * 3
    met = chains(svcnotes.trace(plain(), BERT, SERVICE).paths[0])
    assert "KUBE-MARK-MASQ" not in met


def test_under_local_kube_ext_marks_nothing_that_comes_from_a_pod():
    """sep-explained, explain-local; hairpin.self_local"""
    paths = svcnotes.trace(local(), ANNA, NODE_PORT).paths
    assert ["KUBE-MARK-MASQ" in chains(path) for path in paths] == [True, False, False]
    text = svcnotes.rules(local(), "node-1")
    (rule,) = [r for r in text.splitlines() if "-s 10.244.1.10/32" in r and "KUBE-SEP" in r]
    assert rule.endswith("-j KUBE-MARK-MASQ")


def test_the_frame_comes_in_and_would_go_out_by_the_same_port():
    """explain-local, explain-lost: the bridge has it back from iptables with another destination."""
    path = svcnotes.trace(plain(**FLAG_OFF), ANNA, SERVICE).paths[0]
    hop = path.hops[-1]
    assert (hop.host, hop.in_interface) == ("node-1", "cni0")
    assert "hairpin" in path.reason
    order = [step.verdict for step in hop.steps]
    assert order.index("dnat") < len(order) - 1
    assert hop.steps[-1].table == "bridge"


def test_all_calls_come_to_node_1():
    """crowd-text"""
    for path in svcnotes.trace(plain(**FLAG_OFF), ANNA, SERVICE).paths:
        assert next(hop.host for hop in path.hops if hop.kind == "node") == "node-1"


@pytest.mark.parametrize(("pods", "share"), [(1, "1"), (10, "1/10")])
def test_with_one_pod_every_call_fails_and_with_ten_hardly_anybody_notices(pods, share):
    """explain-lost"""
    cluster = plain(**FLAG_OFF)
    if pods == 1:
        cluster = cluster.delete("pod", "bert").delete("pod", "carl")
    for number in range(3, pods):
        cluster = cluster.apply(MORE.format(name=f"singer-{number}"))
    found = svcnotes.trace(cluster, ANNA, SERVICE).paths
    assert sum(p.probability for p in found if p.outcome == LOST) == Fraction(share)


def test_with_the_setting_at_0_berts_answer_meets_no_rule_on_node_1():
    """explain-lost, explain-unseen: he gets the call and answers; anna answers RST."""
    path = svcnotes.trace(plain(**NF_OFF), ANNA, SERVICE).paths[1]
    assert path.pod == "default/bert"
    back = [hop for hop in path.hops if hop.direction == "back"]
    assert not [step for hop in back if hop.host == "node-1" for step in hop.steps if step.chain]
    assert "RST" in path.reason
    home = back[-1].packet
    assert (home.source, home.source_port) == ("10.244.1.11", 8080)


def test_with_the_setting_at_0_the_node_itself_does_the_dnat_and_annas_answer_is_for_the_node():
    """explain-unseen; hairpin.unseen"""
    for world in (NF_OFF, {**NF_OFF, **FLAG_OFF}):
        path = svcnotes.trace(plain(**world), ANNA, SERVICE).paths[0]
        assert (path.outcome, path.source_seen) == (YES, "10.244.1.1")
        assert path.hops[-1].packet.source == "10.96.0.80"


def test_without_a_bridge_the_rule_is_needed_as_before():
    """explain-unseen, recap; hairpin.cables"""
    cables = without_rule(plain(cni="routed"), "-s 10.244.1.10/32", ["node-1"])
    assert ends(cables) == (LOST, YES, YES)
    assert svcnotes.trace(plain(cni="routed"), ANNA, SERVICE).paths[0].source_seen == "172.18.0.11"


def test_the_dice_are_one_in_three_and_the_packet_goes_from_anna_to_anna_for_a_moment():
    """rules-explained"""
    path = svcnotes.trace(plain(), ANNA, SERVICE).paths[0]
    moments = [(s.after.source, s.after.destination) for s in steps_there(path) if s.verdict == "dnat"]
    assert moments == [("10.244.1.10", "10.244.1.10")]
    assert any("--probability 0.33333333349" in step.rule for step in steps_there(path))
    assert source_rule(path).startswith("-A KUBE-POSTROUTING")


def test_the_way_back_of_the_worked_packet_asks_no_rule_of_nat():
    """rules-explained"""
    path = svcnotes.trace(plain(), ANNA, SERVICE).paths[0]
    back = [step for hop in path.hops if hop.direction == "back" for step in hop.steps]
    assert not [step for step in back if step.table == "nat" and step.chain]
    assert any(step.table == "conntrack" for step in back)
    turned = next(hop for hop in path.hops if hop.direction == "back" and hop.host == "node-1")
    assert turned.packet.source == "10.244.1.10"
    assert (turned.in_interface, turned.out_interface) == ("cni0", "veth-anna")


def test_the_program_in_the_pod_says_who_it_is_and_whom_it_sees():
    """memory-explained, rules-explained"""
    node = Terminal(plain(), seed=2)
    assert (
        str(node.run(ANNA, "curl -sS -m 1 http://10.96.0.80/")).strip()
        == "Hello from anna, you are 10.244.1.1"
    )
    note = str(node.run("node-1", "conntrack -L -p tcp"))
    assert "TIME_WAIT src=10.244.1.10 dst=10.96.0.80" in note
    assert "src=10.244.1.10 dst=10.244.1.1 sport=8080" in note


def test_the_answers_of_the_exercises_are_the_traces():
    """exercise-sources-text, exercise-rounds-text, exercise-notes-text; hairpin.self_local, .lost, .unseen, .blank, .duet, .cables, .rounds, .notes"""
    for exercise, answer in [
        (hairpin.self_local, "10.244.1.1"),
        (hairpin.lost, "one in three"),
        (hairpin.unseen, "bert (on the same node)"),
        (hairpin.blank, "KUBE-MARK-MASQ"),
        (hairpin.duet, "10.244.1.10"),
        (hairpin.cables, "172.18.0.11"),
        (hairpin.rounds, "2/9"),
        (hairpin.notes, "1, 3"),
    ]:
        assert exercise.check(answer).ok, exercise.name


@pytest.mark.parametrize(("word", "right"), [("-I", True), ("-A", False)])
def test_the_rule_must_stand_before_the_dnat(word, right):
    """exercise-put-back-text; hairpin.put_back"""
    line = f"{word} KUBE-SEP-VH4ZNAPGOF73HPSQ -s 10.244.1.10/32 -j KUBE-MARK-MASQ"
    assert hairpin.put_back.check(line).ok == right
    everybody = hairpin.put_back.check(line.replace(" -s 10.244.1.10/32", ""))
    assert not everybody.ok


def test_the_commands_of_practice_print_what_their_remarks_say():
    """practice"""
    text = ledger.cells(LESSON)["practice"][1]
    for command, shows, without in [
        ("bridge -d link show", "hairpin on", "hairpin off"),
        ("sysctl net.bridge.bridge-nf-call-iptables", "= 1", "= 0"),
        ("iptables-save -t nat | grep 'KUBE-SEP.*-s '", "-s 10.244.1.10/32", "-s 10.244.1.11/32"),
    ]:
        assert command in text
        assert shows in str(Terminal(plain()).run("node-1", command))
        other = Terminal(plain(**FLAG_OFF, **NF_OFF)).run("node-1", command)
        assert without in str(other)


def test_the_manifest_of_practice_is_one_pod_that_can_only_draw_itself():
    """practice"""
    text = ledger.cells(LESSON)["practice"][1].partition("```yaml\n")[2].partition("```")[0]
    made = svcnotes.loads(text)
    (pod,) = made.pods.values()
    to = f"{made.services['default/choir'].cluster_ips[0]}:80"
    (path,) = svcnotes.trace(made, f"pod/default/{pod.name}", to).paths
    assert (path.outcome, path.pod) == (YES, f"default/{pod.name}")
    assert path.source_seen != pod.addresses[0]
    broken = made.with_world(**FLAG_OFF)
    assert ends(broken, f"pod/default/{pod.name}", to) == (LOST,)
