"""A path as a story: every claim that the stage makes can be read off the trace."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hand_made import CLIENT, NODE_2, POD, cluster_policy, local_policy_drop, local_policy_kept

import svcnotes
from svcnotes import scenarios
from svcnotes.netfilter.telling import chains_in
from svcnotes.packet import Packet
from svcnotes.trace import Hop, Path
from svcnotes.views.compare import compare, counterpart
from svcnotes.views.headline import choice, headline
from svcnotes.views.listing import listing
from svcnotes.views.marks import names_of
from svcnotes.views.pack import labels
from svcnotes.views.prose import plain
from svcnotes.views.story import tell


def told(trace, number=0):
    return tell(trace, trace.paths[number], names_of(trace))


def test_the_headline_names_who_is_seen_whose_it_is_and_the_rule_that_did_it():
    story = told(cluster_policy())
    assert plain(headline(story)) == (
        "web-1 sees 172.18.0.12 (node-2), not the client 192.0.2.10. "
        "Changed at step 4 by KUBE-POSTROUTING … MASQUERADE."
    )
    assert story.moments[3].rule.rule == "-A KUBE-POSTROUTING -j MASQUERADE --random-fully"


def test_a_kept_source_is_said_to_be_the_client_itself():
    assert plain(headline(told(local_policy_kept()))) == (
        "web-1 sees 192.0.2.10, the client itself. No rule changed the source."
    )


def test_a_drop_is_said_with_its_place_and_its_rule():
    assert plain(headline(told(local_policy_drop()))) == (
        "Timeout: node-2 drops the packet, and the client 192.0.2.10 waits in vain. No pod sees anything. "
        "Dropped at step 2 by KUBE-EXTERNAL-SERVICES … DROP."
    )


def test_moments_go_there_and_back_and_are_numbered_from_one():
    story = told(cluster_policy())
    assert [m.number for m in story.moments] == list(range(1, 11))
    assert [m.kind for m in story.moments] == [
        "send", "mark", "dnat", "snat", "pass", "receive", "answer", "pass", "undo", "deliver",
    ]  # fmt: skip
    assert [m.direction for m in story.moments].index("back") == 6


def test_a_node_that_asked_gets_the_answer_as_its_own_conntrack_put_it_back():
    trace = svcnotes.trace(scenarios.load("modes"), "node/node-1", "127.0.0.1:30080", proxy_mode="iptables")
    last = told(trace).moments[-1]
    assert (last.kind, last.before, last.after.source_text) == ("deliver", last.after, "127.0.0.1:30080")
    assert last.after.destination_text == "127.0.0.1:40112"


def test_jumps_between_chains_are_no_moments_and_the_router_is_part_of_the_arrow():
    story = told(cluster_policy())
    assert not [
        m for m in story.moments if m.host == "router" or "jump" in (m.rule.verdict if m.rule else "")
    ]


def test_the_mark_names_the_rule_that_asked_for_it():
    assert plain(told(cluster_policy()).moments[1].sentence) == (
        "node-2 marks the packet 0x4000 at PREROUTING, to be masqueraded when it leaves: "
        "KUBE-MARK-MASQ … MARK, called by KUBE-EXT-X."
    )


def test_a_moment_knows_what_changed():
    story = told(cluster_policy())
    assert [m.changed for m in story.moments[1:4]] == [("mark",), ("destination",), ("source",)]
    assert story.moments[8].changed == ("source", "destination")


def outcome(kind, how="", reason="", pod=None, hops=(), icmp_from="", source_seen=None):
    trace = cluster_policy()
    hops = hops or trace.paths[0].hops[:3]
    path = Path(
        kind, Fraction(1), how, icmp_from, pod, pod or "", source_seen, reason=reason, hops=tuple(hops)
    )
    return plain(headline(told(replace(trace, paths=(path,)))))


def test_a_reset_is_told_apart_from_a_reject():
    assert outcome("refused", "rst", "no process listens on port 8080", pod="default/web-1").startswith(
        "Refused: web-1 answers with RST: no process listens on port 8080."
    )


def test_a_reject_names_its_rule():
    drop = local_policy_drop()
    node = drop.paths[0].hops[2]
    rule = replace(node.steps[0], verdict="reject", rule=node.steps[0].rule.replace("DROP", "REJECT"))
    icmp = Packet("icmp", NODE_2, 0, CLIENT, 0, icmp="icmp-port-unreachable", inner=node.packet)
    hops = (
        *drop.paths[0].hops[:2],
        replace(node, steps=(rule,)),
        Hop("node-2", "node", "back", icmp, icmp),
        Hop("client", "client", "back", icmp, None),
    )
    said = outcome("refused", "icmp-port-unreachable", hops=hops)
    assert "node-2 rejects the packet at once, with icmp-port-unreachable" in said
    assert "Rejected at step 2 by KUBE-EXTERNAL-SERVICES … REJECT." in said


def test_a_lost_answer_is_not_told_as_a_drop_on_the_way_there():
    said = outcome("timeout", pod="default/web-1", reason="The reply went straight home", source_seen=CLIENT)
    assert said.startswith("Timeout: web-1 got the packet, its answer is lost.")
    assert said.endswith("The reply went straight home.")


@pytest.mark.parametrize(
    ("kind", "how", "words"),
    [
        ("external", "", "leaves the cluster"),
        ("unreachable", "icmp-ttl-exceeded", "Unreachable: icmp-ttl-exceeded from 172.18.0.12 (node-2)"),
        ("timeout", "", "no answer ever comes"),
    ],
)
def test_every_outcome_has_its_words_and_gives_its_reason(kind, how, words):
    said = outcome(kind, how, reason="because of this", icmp_from=NODE_2 if how else "")
    assert words in said
    assert said.endswith("because of this.")


def test_several_endpoints_are_told_with_exact_shares():
    trace = cluster_policy()
    third = replace(trace.paths[0], probability=Fraction(1, 3))
    assert choice(told(replace(trace, paths=(third, third, third)))) == "1 of 3 endpoints, 1/3 each"
    half = replace(third, probability=Fraction(1, 2))
    sixth = replace(third, probability=Fraction(1, 6))
    assert choice(told(replace(trace, paths=(half, third, sixth)))) == "1 of 3 endpoints, 1/2"
    assert choice(told(trace)) == ""


def test_an_address_keeps_one_mark_wherever_it_stands():
    story = told(cluster_policy())
    roles = {}
    for sentence in (headline(story), *(m.sentence for m in story.moments)):
        for run in sentence:
            if run.role:
                roles.setdefault(run.text.rsplit(":", 1)[0], set()).add(run.role)
    assert roles == {CLIENT: {"client"}, NODE_2: {"node"}, POD: {"pod"}}


def test_the_difference_names_the_fields_and_the_rules():
    found = compare(told(cluster_policy()), told(local_policy_kept()))
    assert [(c.field, c.before, c.after) for c in found.changes] == [("source seen", NODE_2, CLIENT)]
    assert "source 172.18.0.12 → 192.0.2.10." in str(found)
    assert "No longer: KUBE-EXT-X → KUBE-MARK-MASQ, KUBE-POSTROUTING … MASQUERADE." in str(found)


def test_the_difference_to_a_drop_says_that_nobody_sees_a_source():
    found = compare(told(cluster_policy()), told(local_policy_drop()))
    assert {c.field for c in found.changes} == {"outcome", "pod", "source seen", "endpoints"}
    assert "Now: KUBE-EXTERNAL-SERVICES … DROP." in str(found)


def test_nothing_different_is_said_so():
    assert compare(told(cluster_policy()), told(cluster_policy())).changes == ()


def test_the_path_to_compare_with_is_the_one_to_the_same_pod():
    path = cluster_policy().paths[0]
    other = replace(path, pod="default/web-2")
    assert counterpart(other, (path, other)) is other
    assert counterpart(replace(path, pod=None), (path, other)) is path


def test_the_listing_marks_rules_that_matched_and_keeps_those_that_did_not():
    rules = "*nat\n-A KUBE-POSTROUTING -m mark -j RETURN\n-A KUBE-POSTROUTING -j MARK\n-A KUBE-POSTROUTING -j MASQUERADE\n"
    hop = cluster_policy().paths[0].hops[2]
    lines = [
        line for line in listing(hop, "POSTROUTING", chains_in(rules)) if "KUBE-POSTROUTING -" in line.text
    ]
    assert [bool(line.steps) for line in lines] == [False, True, True]
    assert hop.steps[lines[-1].steps[0]].verdict == "masquerade"


def test_a_long_chain_is_shortened_and_says_by_how_much():
    rules = "*nat\n" + "\n".join(f"-A KUBE-EXT-X -d 10.96.0.{n}" for n in range(100))
    hop = cluster_policy().paths[0].hops[2]
    lines = [line.text for line in listing(hop, "PREROUTING", chains_in(rules))]
    assert "… 96 more rules of this chain" in lines
    assert len(lines) < 20


def test_one_pod_by_several_nodes_is_told_as_ways_with_the_node_entered():
    cluster = scenarios.load("loadbalancer")
    trace = svcnotes.trace(cluster, "192.0.2.10", "203.0.113.1:80")
    assert choice(told(trace)) == "1 of 6 ways, 1/6 each"
    assert labels(trace.paths)[1:3] == ["node-1 → my-nginx-2", "node-2 → my-nginx-1"]


def test_a_way_is_compared_with_that_to_the_same_pod_else_with_that_by_the_same_node():
    cluster = scenarios.load("loadbalancer")
    ways = svcnotes.trace(cluster, "192.0.2.10", "203.0.113.1:80").paths
    names = labels(ways)
    at = names.index("node-2 → my-nginx-1")
    assert counterpart(ways[at], ways) == ways[at]
    without = tuple(way for name, way in zip(names, ways, strict=True) if not name.endswith("my-nginx-1"))
    assert labels(ways)[ways.index(counterpart(ways[at], without))] == "node-2 → my-nginx-2"


def test_a_way_that_is_lost_before_its_pod_is_told_by_the_pod_that_it_was_meant_for():
    cluster = scenarios.load("hairpin").with_world(faults=["hairpin-off"])
    trace = svcnotes.trace(cluster, "pod/default/anna", "10.96.0.80:80")
    assert labels(trace.paths, names_of(trace, cluster)) == ["anna → timeout", "bert", "carl"]
    assert labels(trace.paths) == ["node-1 → timeout", "bert", "carl"]
