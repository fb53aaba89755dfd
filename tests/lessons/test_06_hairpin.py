"""What the lesson on hairpins claims, cell by cell, is what the traces show."""

import json
from fractions import Fraction
from pathlib import Path

import pytest

import svcnotes
from svcnotes import scenarios
from svcnotes.scenarios.changes import without_rule
from svcnotes.toolbox import Terminal

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "06-hairpin.ipynb"
CELLS = {
    cell["id"]: "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
}
ANNA, BERT, CARL, OUTSIDE = "pod/default/anna", "pod/default/bert", "pod/default/carl", "192.0.2.10"
SERVICE, NODE_PORT = "10.96.0.80:80", "172.18.0.11:30080"
A_NODE_1, A_NODE_2, OWN = "10.244.1.1", "10.244.2.1", "10.244.1.10"
NF_OFF = {"sysctls": {"net.bridge.bridge-nf-call-iptables": "0"}}
FLAG_OFF = {"faults": [{"name": "hairpin-off"}]}
YES, LOST = "connected", "timeout"


def plain(**world):
    return scenarios.load("hairpin").with_world(**world)


def local():
    return plain().patch("service", "choir", "spec: {externalTrafficPolicy: Local}")


def bare():
    return without_rule(plain(), "-s 10.244.1.10/32", ["node-1"])


def flag_off_on_node_1():
    return plain(faults=[{"name": "hairpin-off", "node": "node-1"}])


# The cell that claims it; the cluster; who dials what; how it ends with anna, bert, carl; whom each of them sees.
CLAIMS = [
    ("stage-try", plain, ANNA, SERVICE, (YES, YES, YES), (A_NODE_1, OWN, OWN)),
    ("stage-try", bare, ANNA, SERVICE, (LOST, YES, YES), (None, OWN, OWN)),
    ("explain-local", local, ANNA, NODE_PORT, (YES, YES, YES), (A_NODE_1, OWN, OWN)),
    ("recap", local, "node/node-1", NODE_PORT, (YES, YES, YES), (A_NODE_1, A_NODE_1, "172.18.0.11")),
    ("explain-lost", lambda: plain(**FLAG_OFF), ANNA, SERVICE, (LOST, YES, YES), (None, OWN, OWN)),
    ("explain-lost", lambda: plain(**FLAG_OFF), OUTSIDE, NODE_PORT, (YES, YES, YES), (A_NODE_1, A_NODE_1, "172.18.0.11")),
    ("explain-lost", lambda: plain(**FLAG_OFF), CARL, SERVICE, (YES, YES, LOST), ("10.244.2.10", "10.244.2.10", None)),
    ("explain-unseen", lambda: plain(**NF_OFF), ANNA, SERVICE, (YES, LOST, YES), (A_NODE_1, OWN, OWN)),
    ("explain-unseen", lambda: plain(**FLAG_OFF, **NF_OFF), ANNA, SERVICE, (YES, LOST, YES), (A_NODE_1, OWN, OWN)),
    ("explain-unseen", lambda: plain(cni="routed", **FLAG_OFF, **NF_OFF), ANNA, SERVICE, (YES, YES, YES), ("172.18.0.11", OWN, OWN)),
    ("debug-found", lambda: plain(**FLAG_OFF), CARL, SERVICE, (YES, YES, LOST), ("10.244.2.10", "10.244.2.10", None)),
    ("debug-found", flag_off_on_node_1, ANNA, SERVICE, (LOST, YES, YES), (None, OWN, OWN)),
    ("debug-found", flag_off_on_node_1, BERT, SERVICE, (YES, LOST, YES), ("10.244.1.11", None, "10.244.1.11")),
    ("debug-found", flag_off_on_node_1, CARL, SERVICE, (YES, YES, YES), ("10.244.2.10", "10.244.2.10", A_NODE_2)),
    ("explain-unseen", lambda: plain(cni="routed", **FLAG_OFF), ANNA, SERVICE, (YES, YES, YES), ("172.18.0.11", OWN, OWN)),
    ("explain-unseen", lambda: plain(cni="routed", **NF_OFF), ANNA, SERVICE, (YES, YES, YES), ("172.18.0.11", OWN, OWN)),
    ("debug", lambda: scenarios.load("hairpin-sporadic"), ANNA, SERVICE, (YES, LOST, YES), (A_NODE_1, OWN, OWN)),
    ("debug", lambda: scenarios.load("hairpin-sporadic"), BERT, SERVICE, (LOST, YES, YES), ("10.244.1.11", A_NODE_1, "10.244.1.11")),
    ("debug", lambda: scenarios.load("hairpin-sporadic"), CARL, SERVICE, (YES, YES, YES), ("10.244.2.10", "10.244.2.10", A_NODE_2)),
    ("debug", lambda: scenarios.load("hairpin-sporadic"), OUTSIDE, NODE_PORT, (YES, YES, YES), (A_NODE_1, A_NODE_1, "172.18.0.11")),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "make", "source", "to", "outcomes", "seen"), CLAIMS)
def test_a_claim_of_the_lesson_on_hairpins_is_what_a_trace_shows(cell, make, source, to, outcomes, seen):
    assert cell in CELLS
    paths = svcnotes.trace(make(), source, to).paths
    assert tuple(path.outcome for path in paths) == outcomes
    assert tuple(path.source_seen for path in paths) == seen
    assert {path.probability for path in paths} == {Fraction(1, 3)}


def test_without_the_rule_it_is_the_pod_that_drops_the_packet_from_itself():
    assert "martian" in CELLS["stage-try"]
    path = svcnotes.trace(bare(), ANNA, SERVICE).paths[0]
    assert path.hops[-1].host == "default/anna"
    assert path.hops[-1].packet.source == path.hops[-1].packet.destination == OWN


def test_with_the_flag_off_the_bridge_drops_the_packet_before_masquerade():
    assert "MASQUERADE never sees it" in CELLS["explain-lost"]
    path = svcnotes.trace(plain(**FLAG_OFF), ANNA, SERVICE).paths[0]
    assert path.hops[-1].host == "node-1"
    assert [step.table for step in path.hops[-1].steps][-1] == "bridge"
    done = [step.verdict for hop in path.hops for step in hop.steps]
    assert "dnat" in done
    assert "masquerade" not in done


def test_the_kubelet_and_other_programs_of_the_node_come_from_the_bridges_address():
    assert "the kubelet, does so" in CELLS["explain-local"]
    [path] = svcnotes.trace(local(), "node/node-1", "10.244.1.10:8080").paths
    assert (path.outcome, path.source_seen) == (YES, A_NODE_1)


@pytest.mark.parametrize(("pods", "share"), [(1, Fraction(1)), (2, Fraction(1, 2)), (3, Fraction(1, 3))])
def test_one_call_in_n_is_lost(pods, share):
    assert "one call in n" in CELLS["explain-lost"]
    cluster = plain(**FLAG_OFF)
    for name in ["carl", "bert"][: 3 - pods]:
        cluster = cluster.delete("pod", name)
    paths = svcnotes.trace(cluster, ANNA, SERVICE).paths
    assert sum(path.probability for path in paths if path.outcome == LOST) == share


def test_the_neighbours_answer_comes_from_his_own_address_where_the_bridge_is_unseen():
    assert "10.244.1.11:8080" in CELLS["explain-unseen"]
    path = svcnotes.trace(plain(**NF_OFF), ANNA, SERVICE).paths[1]
    home = [hop for hop in path.hops if hop.direction == "back"][-1]
    assert (home.host, home.packet.source, home.packet.source_port) == ("default/anna", "10.244.1.11", 8080)


def test_the_way_back_of_a_hairpin_is_put_right_by_the_node():
    assert "10.244.1.10:40112" in CELLS["rules-explained"]
    path = svcnotes.trace(plain(), ANNA, SERVICE).paths[0]
    home = path.hops[-1].packet
    assert (home.source, home.source_port, home.destination) == ("10.96.0.80", 80, OWN)


def test_a_retry_meets_the_same_pod_where_conntrack_remembers_the_choice():
    assert "conntrack remembers the choice" in CELLS["practice"]
    lost = svcnotes.trace(plain(**NF_OFF), ANNA, SERVICE).paths[1]
    assert (lost.outcome, lost.hops[-1].packet.source) == (LOST, "10.244.1.11")
    [again] = svcnotes.trace(plain(**NF_OFF), ANNA, SERVICE, now=1.0, memories=lost.memories).paths
    assert (again.outcome, again.hops[-1].packet.source) == (LOST, "10.244.1.11")


def test_a_retry_throws_the_dice_anew_where_the_first_try_left_no_note():
    """explain-lost, practice: who waits longer than a second is served late, as he is in a real kernel."""
    lost = svcnotes.trace(plain(**FLAG_OFF), ANNA, SERVICE).paths[0]
    assert lost.outcome == LOST
    again = svcnotes.trace(plain(**FLAG_OFF), ANNA, SERVICE, now=1.0, memories=lost.memories).paths
    assert [path.outcome for path in again] == [LOST, YES, YES]
    for patience, said in ((1, "timed out"), (9, "Hello from")):
        anna = Terminal(plain(**FLAG_OFF), seed=2)
        assert said in str(anna.run(ANNA, f"curl -sS -m {patience} http://10.96.0.80/"))


def test_the_line_that_node_1_keeps_of_a_hairpin_has_two_different_ends():
    assert "conntrack -L" in CELLS["memory"]
    node = Terminal(plain(), seed=2)
    assert f"from anna, you are {A_NODE_1}" in str(node.run(ANNA, "curl -sS -m 1 http://10.96.0.80/"))
    said = str(node.run("node-1", "conntrack -L -p tcp"))
    assert f"src={OWN} dst=10.96.0.80 " in said
    assert f"src={OWN} dst={A_NODE_1} " in said


def test_the_bridge_tells_the_flag_of_each_port():
    assert "bridge -d link show" in CELLS["flags"]
    said = str(Terminal(plain(**FLAG_OFF)).run("node-1", "bridge -d link show"))
    assert said.count("hairpin off") == 2
    assert str(Terminal(plain()).run("node-1", "bridge -d link show")).count("hairpin on") == 2


def test_twelve_calls_show_who_is_missing():
    assert "bert never does" in CELLS["debug-found"]
    command = "curl -sS -m 1 http://10.96.0.80/"
    assert command in CELLS["debug-probe"]
    said = str(Terminal(scenarios.load("hairpin-sporadic")).run(ANNA, command, times=12))
    assert {name for name in ("anna", "bert", "carl") if f"from {name}" in said} == {"anna", "carl"}
    assert "timed out" in said


def test_the_fix_of_the_debug_round_gives_everybody_an_answer():
    assert "debug-fix" in CELLS
    fixed = scenarios.load("hairpin-sporadic").with_world(sysctls={"net.bridge.bridge-nf-call-iptables": "1"})
    for caller in (ANNA, BERT, CARL):
        assert {path.outcome for path in svcnotes.trace(fixed, caller, SERVICE).paths} == {YES}


def test_the_flag_is_no_fix_for_the_debug_round():
    flagged = scenarios.load("hairpin-sporadic").with_world(faults=[])
    assert LOST in {path.outcome for path in svcnotes.trace(flagged, ANNA, SERVICE).paths}


def test_every_endpoint_chain_has_the_rule_for_the_pod_that_draws_itself_on_every_node():
    assert "sep-explained" in CELLS
    for node in plain().nodes:
        text = svcnotes.rules(plain(), node)
        for address in ("10.244.1.10", "10.244.1.11", "10.244.2.10"):
            assert f' -s {address}/32 -m comment --comment "default/choir:http" -j KUBE-MARK-MASQ' in text
