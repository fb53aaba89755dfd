"""Claims of the lesson on SNAT: each names the cell that makes it, and is tried by a trace."""

import json
from pathlib import Path

import pytest

import svcnotes
from svcnotes.exercises import snat_clusters as worlds
from svcnotes.network.node_rules import rules_text
from svcnotes.scenarios.changes import without_rule
from svcnotes.toolbox import Terminal
from svcnotes.views.cast import cast_of

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "02-snat.ipynb"
CELLS = {
    cell["id"]: "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
}
CLIENT, BY_1, BY_2, BY_3 = worlds.CLIENT, "172.18.0.11:30080", "172.18.0.12:30080", "172.18.0.13:30080"


def path_of(cluster, source=CLIENT, to=BY_2, **more):
    return svcnotes.trace(cluster, source=source, to=to, **more).paths[0]


def bridge():
    return worlds.whole().with_world(cni="bridge")


# cell, what is asked, the outcome, the source that the pod sees, words of the cell that say so
CLAIMS = [
    ("title", worlds.whole, CLIENT, BY_2, "connected", "172.18.0.12", "its own address in place of yours"),
    ("stage-try", worlds.lost_on_node_2, CLIENT, BY_2, "timeout", CLIENT, "nobody is served"),
    ("explain-edit", worlds.lost_on_node_2, CLIENT, BY_2, "timeout", CLIENT, "The pod sees *you*"),
    (
        "explain-neighbour",
        worlds.without,
        CLIENT,
        BY_1,
        "connected",
        CLIENT,
        "It works, and **the pod sees you**",
    ),
    ("explain-flannel", bridge, CLIENT, BY_1, "connected", "10.244.1.1", "bridge | 10.244.1.1"),
    ("explain-flannel", bridge, CLIENT, BY_2, "connected", "172.18.0.12", "172.18.0.12 (`eth0` of node-2)"),
    ("explain-flannel", worlds.tunnel, CLIENT, BY_1, "connected", "10.244.1.1", "VXLAN | 10.244.1.1"),
    (
        "explain-flannel",
        worlds.tunnel,
        CLIENT,
        BY_2,
        "connected",
        "10.244.2.0",
        "**10.244.2.0** (`flannel.1`",
    ),
    ("explain-flannel", worlds.routed, CLIENT, BY_1, "connected", "172.18.0.11", "**172.18.0.11** (node-1)"),
    ("explain-flannel", worlds.routed, CLIENT, BY_2, "connected", "172.18.0.12", "routed |"),
    ("explain-own-node", worlds.local, CLIENT, BY_1, "connected", CLIENT, "two of them keep their address"),
    ("explain-own-node", worlds.local, worlds.TOOL, BY_1, "connected", "10.244.2.10", "**From a pod**"),
    ("explain-own-node", worlds.local, "node/node-1", BY_1, "connected", "10.244.1.1", "**Marked**"),
    ("explain-own-node", worlds.local, worlds.TOOL, BY_2, "connected", "10.244.2.10", "wherever they run"),
    (
        "explain-own-node",
        worlds.local,
        "node/node-2",
        BY_2,
        "connected",
        "172.18.0.12",
        "be it to a pod on another node",
    ),
    (
        "explain-own-node",
        worlds.local,
        "pod/default/my-nginx-1",
        BY_1,
        "connected",
        "10.244.1.1",
        "calls *itself*",
    ),
    ("recap", worlds.local, CLIENT, BY_1, "connected", CLIENT, "clients outside are not changed"),
    ("debug", worlds.hardened, CLIENT, BY_1, "connected", CLIENT, "172.18.0.11:30080` works"),
    ("debug", worlds.hardened, CLIENT, BY_2, "timeout", CLIENT, "By node-2 and node-3 it hangs"),
    ("debug", worlds.hardened, CLIENT, BY_3, "timeout", CLIENT, "By node-2 and node-3 it hangs"),
]


@pytest.mark.parametrize(("cell", "cluster", "source", "to", "outcome", "seen", "words"), CLAIMS)
def test_a_claim_of_the_lesson_on_snat_is_what_a_trace_shows(cell, cluster, source, to, outcome, seen, words):
    assert words in CELLS[cell]
    path = path_of(cluster(), source, to)
    assert (path.outcome, path.source_seen) == (outcome, seen)


def test_the_answer_without_snat_goes_past_the_node_that_was_dialled():
    """explain-edit: it passes node-1 and the router, never node-2, and the client says RST."""
    path = path_of(worlds.lost_on_node_2())
    assert [hop.host for hop in path.hops if hop.direction == "back"] == [
        worlds.POD,
        "node-1",
        "router",
        "client",
    ]
    assert path.hops[-1].packet.source == "10.244.1.10"
    assert "answers RST" in path.reason
    assert "**node-2**" in CELLS["explain-edit"]


def test_with_snat_the_answer_comes_by_the_node_that_was_dialled():
    """before-neighbour"""
    path = path_of(worlds.whole())
    assert "node-2" in [hop.host for hop in path.hops if hop.direction == "back"]
    assert path.hops[-1].packet.source == "172.18.0.12"


def met(path, direction, table):
    return [
        step
        for hop in path.hops
        if hop.host == "node-2" and hop.direction == direction
        for step in hop.steps
        if step.table == table and step.chain
    ]


def test_dnat_stands_at_prerouting_and_snat_at_postrouting():
    """recall, explain-worked: the mark is put at the one and read at the other; OUTPUT for the node's own programs."""
    steps = {step.verdict: step.hook for step in met(path_of(worlds.whole()), "there", "nat")}
    assert (steps["dnat"], steps["masquerade"]) == ("PREROUTING", "POSTROUTING")
    marks = [s.hook for s in met(path_of(worlds.whole()), "there", "nat") if "--set-xmark" in s.rule]
    assert marks == ["PREROUTING", "POSTROUTING"]
    own = path_of(worlds.whole(), "node/node-2")
    assert {s.verdict: s.hook for s in met(own, "there", "nat")}["dnat"] == "OUTPUT"
    assert "FORWARD" not in {step.hook for hop in own.hops[:1] for step in hop.steps}


def test_the_hops_of_node_2_have_the_numbers_that_the_text_gives():
    """explain-worked: hop 3 is the way there, hop 8 the way back."""
    hops = path_of(worlds.whole()).hops
    assert [number for number, hop in enumerate(hops, 1) if hop.host == "node-2"] == [3, 8]


def test_the_answer_meets_no_rule_of_the_table_nat():
    """explain-worked: no line of the way back says nat."""
    path = path_of(worlds.whole())
    assert met(path, "there", "nat")
    assert met(path, "back", "nat") == []
    assert met(path, "back", "filter")


def test_kube_postrouting_has_three_rules():
    """explain-worked"""
    lines = [
        line
        for line in svcnotes.rules(worlds.whole(), "node-2").splitlines()
        if line.startswith("-A KUBE-POSTROUTING")
    ]
    assert [line.rpartition(" -j ")[2].split()[0] for line in lines] == ["RETURN", "MARK", "MASQUERADE"]


def test_conntrack_prints_the_two_halves_and_what_the_first_still_waits_for():
    """explain-worked, explain-note: with the rule both changes show; without it the answer is expected at the client."""
    printed = {}
    for name, cluster in [("SNAT", worlds.whole()), ("no SNAT", worlds.without())]:
        terminal = Terminal(cluster)
        said = terminal.run("client", "curl -sS -m 5 172.18.0.12:30080").text
        printed[name] = said, terminal.run("node-2", "conntrack -L").text
    assert "Hello from my-nginx-1, you are 172.18.0.12" in printed["SNAT"][0]
    assert "src=192.0.2.10 dst=172.18.0.12" in printed["SNAT"][1]
    assert "src=10.244.1.10 dst=172.18.0.12 sport=80" in printed["SNAT"][1]
    assert "TIME_WAIT" in printed["SNAT"][1]
    assert "timed out" in printed["no SNAT"][0]
    assert "[UNREPLIED] src=10.244.1.10 dst=192.0.2.10" in printed["no SNAT"][1]
    assert "SYN_SENT" in printed["no SNAT"][1]


def test_the_mark_for_a_nodes_own_programs_is_for_those_who_dial_127_0_0_1():
    """explain-own-node: without it the node's own address still answers, 127.0.0.1 does not."""
    assert "talks to itself" in CELLS["explain-own-node"]
    bare = without_rule(worlds.local(), "masquerade LOCAL")
    assert "127.0.0.1:30080" in CELLS["explain-own-node"]
    for node, own in [("node-1", BY_1), ("node-2", BY_2)]:
        assert path_of(bare, f"node/{node}", own).outcome == "connected"
        assert path_of(bare, f"node/{node}", "127.0.0.1:30080").outcome == "timeout"
        assert path_of(worlds.local(), f"node/{node}", "127.0.0.1:30080").outcome == "connected"


def test_the_answer_to_tool_2_is_dropped_by_the_rule_that_the_debug_round_names():
    """debug-found"""
    path = path_of(worlds.local(), worlds.TOOL, BY_3)
    assert "ct_state_invalid_dropped_pkts" in path.reason
    assert "the answer to `tool-2`" in CELLS["debug-found"]


def test_a_note_has_two_halves_that_show_both_changes():
    """explain-note"""
    (entry,) = path_of(worlds.whole()).memories["node-2", 4].conntrack
    assert (entry.original.source, entry.original.destination) == (CLIENT, "172.18.0.12")
    assert (entry.reply.source, entry.reply.destination) == ("10.244.1.10", "172.18.0.12")
    assert (entry.original.source_port, entry.reply.destination_port) == (40112, 1968)
    (bare,) = path_of(worlds.lost_on_node_2()).memories["node-2", 4].conntrack
    assert (bare.reply.destination, bare.seen_reply) == (CLIENT, False)


def test_without_random_fully_the_first_client_keeps_its_port_and_the_second_does_not():
    """explain-kept"""
    text = rules_text(worlds.whole(), "node-2").replace(" --random-fully", "")
    first, second = worlds.in_turn(worlds.whole().with_rules("node-2", text), [CLIENT, "192.0.2.11"])
    assert first.source_port_seen == 40112
    assert second.outcome == "connected"
    assert second.source_port_seen != 40112


def test_with_random_fully_the_port_changes_though_it_is_free():
    """round 3: the pod saw 1968"""
    assert "the pod saw 1968" in CELLS["explain-note"]
    assert path_of(worlds.whole()).source_port_seen == 1968


def test_with_two_ports_the_third_client_is_dropped_and_not_refused():
    """explain-exhausted"""
    last = worlds.in_turn(worlds.narrow(), [CLIENT, "192.0.2.11", "192.0.2.12"])[-1]
    assert (last.outcome, last.pod) == ("timeout", None)
    assert "node-2" in last.reason


def test_with_a_tunnel_an_allow_list_of_the_nodes_range_shuts_out_who_comes_by_another_node():
    """explain-flannel: 10.244.2.0 is no address of a pod, nor one that kubectl shows for a node."""
    cluster = worlds.tunnel()
    addresses = {a for pod in cluster.pods.values() for a in pod.addresses}
    addresses |= {a for node in cluster.nodes.values() for a in node.addresses}
    assert path_of(cluster).source_seen not in addresses
    assert not path_of(cluster).source_seen.startswith("172.18.0.")


def test_the_first_rule_that_fits_decides_in_kube_ext_under_local():
    """explain-own-node"""
    rules = [
        line
        for line in svcnotes.rules(worlds.local(), "node-1").splitlines()
        if line.startswith("-A KUBE-EXT-SV7")
    ]
    assert [rule.rpartition(" -j ")[2][:9] for rule in rules] == [
        "KUBE-SVC-",
        "KUBE-MARK",
        "KUBE-SVC-",
        "KUBE-SVL-",
    ]
    assert "-s 10.244.0.0/16" in rules[0]
    assert "--src-type LOCAL" in rules[1]


def test_the_debug_round_is_mended_by_taking_out_the_colleagues_rule():
    """debug-found, debug-fix"""
    broken = worlds.hardened()
    steps = met(path_of(broken), "there", "nat")
    assert "no NAT towards pods" in steps[-1].rule
    assert steps[-1].verdict == "accept"
    assert any("--set-xmark" in step.rule for step in steps)
    for words, ends in [("no NAT towards pods", "connected"), ("ct_state_invalid_dropped_pkts", "timeout")]:
        fixed = without_rule(broken, words)
        assert [path_of(fixed, to=to).outcome for to in (BY_2, BY_3)] == [ends, ends]
        assert path_of(fixed, to=BY_1).outcome == "connected"


def test_the_lesson_shows_the_stages_with_the_controls_that_it_speaks_of():
    """stage, observe-flannel"""
    assert 'controls.rule(":http external destinations", ["node-2"]' in CELLS["stage"]
    assert 'controls=["enter", "cni"]' in CELLS["observe-flannel"]


@pytest.mark.parametrize(
    ("cluster", "names"),
    [(bridge, ["cni0"]), (worlds.tunnel, ["cni0", "flannel.1"]), (worlds.routed, [])],
)
def test_the_picture_names_the_interfaces_that_the_table_lists(cluster, names):
    """explain-neighbour: the three plugins on node-2."""
    found = cluster()
    node = cast_of(svcnotes.trace(found, CLIENT, BY_2), found).nodes[1]
    addresses = {"cni0": node.bridge, "flannel.1": node.tunnel}
    assert [name for name, address in addresses.items() if address] == names
    for name in names:
        assert f"`{name}` {addresses[name]}" in CELLS["explain-neighbour"]
