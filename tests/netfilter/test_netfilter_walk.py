"""A packet's way through hooks, tables and chains, with exact fractions."""

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rule_texts import HOST, SYN, table

from svcnotes.netfilter import Context, Recent, Ruleset, decide, visited_rules, walk
from svcnotes.netfilter.choices import by_number
from svcnotes.netfilter.skb import Skb
from svcnotes.packet import Packet


def ways(ruleset: Ruleset, packet: Packet, context: Context, *hooks: str):
    """Every way through several hooks, as (probability, last walk)."""
    ends = [(Fraction(1), None)]
    for hook in hooks:
        onward = []
        for likely, before in ends:
            memory = (
                {}
                if before is None
                else {n: getattr(before, n) for n in ("recent", "conntrack", "connection")}
            )
            now = replace(context, **memory)
            after = walk(ruleset, hook, before.packet if before else packet, now)
            onward += [(likely * one.probability, one) for one in after]
        ends = onward
    return ends


def test_a_nodeport_reaches_each_endpoint_with_the_same_chance(recorded_ruleset):
    walks = walk(recorded_ruleset("nodeport-cluster"), "PREROUTING", SYN, HOST)
    assert [w.probability for w in walks] == [Fraction(1, len(walks))] * len(walks)
    assert len({w.packet.destination for w in walks}) == len(walks) > 1


def test_policy_cluster_masquerades_and_clears_the_mark(recorded_ruleset):
    for _, last in ways(
        recorded_ruleset("nodeport-cluster"), SYN, HOST, "PREROUTING", "FORWARD", "POSTROUTING"
    ):
        assert last.packet.source == "10.244.1.1"
        assert last.packet.source_port != SYN.source_port
        assert last.packet.mark == 0


def test_policy_local_keeps_the_clients_address(recorded_ruleset):
    for _, last in ways(
        recorded_ruleset("nodeport-local"), SYN, HOST, "PREROUTING", "FORWARD", "POSTROUTING"
    ):
        assert (last.packet.source, last.packet.source_port) == ("192.0.2.10", 40000)


def test_a_clusterip_without_endpoints_is_rejected_when_forwarded(recorded_ruleset):
    packet = replace(SYN, destination="10.96.0.10", destination_port=80)
    ((_, last),) = ways(recorded_ruleset("clusterip-no-endpoints"), packet, HOST, "PREROUTING", "FORWARD")
    assert (last.verdict, last.reject_with) == ("reject", "icmp-port-unreachable")
    assert last.steps[-1].chain == "KUBE-SERVICES"


def test_affinity_sends_a_known_client_to_its_endpoint(recorded_ruleset):
    ruleset = recorded_ruleset("affinity-nodeport")
    first = walk(ruleset, "PREROUTING", SYN, HOST)
    assert len(first) == 3
    for chosen in first:
        again = replace(SYN, source_port=40001)
        (second,) = walk(ruleset, "PREROUTING", again, replace(HOST, recent=chosen.recent, time=60.0))
        assert second.packet.destination == chosen.packet.destination


def test_affinity_is_forgotten_after_its_seconds(recorded_ruleset):
    ruleset = recorded_ruleset("affinity-nodeport")
    chosen = walk(ruleset, "PREROUTING", SYN, HOST)[0]
    late = replace(HOST, recent=chosen.recent, time=10_801.0)
    assert len(walk(ruleset, "PREROUTING", replace(SYN, source_port=40001), late)) == 3


def test_a_jump_is_written_down_before_what_it_led_to(recorded_ruleset):
    one = walk(recorded_ruleset("nodeport-cluster"), "PREROUTING", SYN, HOST)[0]
    told = [(step.chain, step.verdict) for step in one.steps if step.table == "nat"]
    assert told[0] == ("PREROUTING", "jump KUBE-SERVICES")
    assert told[-1][1] == "dnat"
    assert ("KUBE-MARK-MASQ", "continue") in told


def test_every_rule_visited_is_listed_and_those_that_matched_are_the_steps(recorded_ruleset):
    ruleset = recorded_ruleset("affinity-nodeport")
    for one in walk(ruleset, "PREROUTING", SYN, HOST):
        visited = visited_rules(ruleset, one)
        assert len(visited) == one.visited
        steps = [(s.table, s.chain, s.number, s.rule) for s in one.steps if s.number]
        assert [(v.table, v.chain, v.number, v.rule) for v in visited if v.matched] == steps
        assert sum(s.passed + 1 for s in one.steps if s.number) <= one.visited


def test_a_rule_that_matched_tells_how_many_were_tried_in_vain(through):
    rules = (
        "-A FORWARD -p udp -j DROP",
        "-A FORWARD -p 1 -j DROP",
        "-A FORWARD -p tcp",
        "-A FORWARD -p udp",
        "-A FORWARD -j DROP",
    )
    (one,) = through("filter", "FORWARD", *rules)
    assert [(s.number, s.passed) for s in one.steps] == [(3, 2), (5, 1)]
    assert one.visited == 5


def test_a_policy_that_decides_is_a_step_without_number(through):
    (one,) = through("filter", "FORWARD", "-A FORWARD -p udp -j ACCEPT", policy="DROP")
    assert one.verdict == "drop"
    assert (one.steps[-1].number, one.steps[-1].rule, one.steps[-1].passed) == (0, "-P FORWARD DROP", 1)


def test_accept_in_one_table_goes_on_with_the_next():
    text = table("mangle", "-A FORWARD -j ACCEPT") + table("filter", "-A FORWARD -j DROP")
    (one,) = walk(Ruleset.parse(text), "FORWARD", SYN, HOST)
    assert [(s.table, s.verdict) for s in one.steps] == [("mangle", "accept"), ("filter", "drop")]


@pytest.mark.parametrize(
    ("hook", "order"),
    [
        ("PREROUTING", ["raw", "conntrack", "mangle", "nat"]),
        ("INPUT", ["mangle", "filter", "nat"]),
        ("FORWARD", ["mangle", "filter"]),
        ("OUTPUT", ["raw", "conntrack", "mangle", "nat", "filter"]),
        ("POSTROUTING", ["mangle", "nat"]),
    ],
)
def test_a_hook_consults_its_tables_in_the_kernels_order(hook, order):
    bases = {"raw": ("PREROUTING", "OUTPUT"), "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
             "filter": ("INPUT", "FORWARD", "OUTPUT"), "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")}  # fmt: skip
    text = "".join(table(name, *(f"-A {chain} -p tcp" for chain in chains)) for name, chains in bases.items())
    (one,) = walk(Ruleset.parse(text), hook, SYN, HOST)
    assert [step.table for step in one.steps if step.number or step.table == "conntrack"] == order


def test_only_the_tables_asked_for_are_consulted():
    text = table("mangle", "-A PREROUTING -j DROP") + table(
        "nat", "-A PREROUTING -p tcp -j DNAT --to-destination :1"
    )
    (one,) = walk(Ruleset.parse(text), "PREROUTING", SYN, HOST, tables=("nat",))
    assert (one.verdict, one.packet.destination_port) == ("accept", 1)


def test_the_nat_table_is_consulted_only_once_for_a_connection(through, host):
    rule = "-A PREROUTING -p tcp -j DNAT --to-destination 10.244.1.10:8080"
    (first,) = through("nat", "PREROUTING", rule)
    (loop,) = through(
        "nat", "PREROUTING", rule, packet=first.packet, context=replace(host, connection=first.connection)
    )
    assert not any(step.table == "nat" for step in loop.steps)


def test_an_unknown_hook_is_named():
    with pytest.raises(ValueError, match="unknown hook INGRESS"):
        walk(Ruleset.parse(""), "INGRESS", SYN, HOST)


def run_of(destinations: list[str]) -> st.SearchStrategy[list[str]]:
    """Eight or more rules of one shape, some alike: what the index folds."""
    rule = st.builds(
        lambda d, p, port, target: f"-A FORWARD {d}-p {p} -m {p} --dport {port} -j {target}",
        st.sampled_from(destinations),
        st.sampled_from(["tcp", "udp"]),
        st.sampled_from([30080, 30081, 80]),
        st.sampled_from(["A", "B"]),
    )
    return st.lists(rule, min_size=8, max_size=20)


PLAIN = st.lists(
    st.sampled_from(
        [
            "-A FORWARD -m mark --mark 0x1 -j RETURN",
            "-A FORWARD -m statistic --mode random --probability 0.5 -j B",
            "-A FORWARD -d 172.18.0.11/32 -p tcp -m tcp --dport 30080 -j A",
        ]
    ),
    max_size=3,
)
RULES = st.lists(
    st.one_of(run_of(["-d 172.18.0.11/32 ", "-d 10.0.0.1/32 "]), run_of([""]), PLAIN), min_size=1, max_size=5
).map(lambda runs: [rule for run in runs for rule in run])
CHAINS = ("-A A -j RETURN", "-A B -j MARK --or-mark 0x1")


def test_of_a_long_run_only_the_rules_for_this_packet_are_tried_and_all_are_counted():
    rules = [f"-A FORWARD -d 10.96.0.{n}/32 -p tcp -m tcp --dport 80 -j A" for n in range(20)]
    ruleset = Ruleset.parse(table("filter", *rules, "-A FORWARD -p tcp", *CHAINS))
    packet = replace(SYN, destination="10.96.0.7", destination_port=80)
    s = Skb(packet, "FORWARD", HOST, by_number(0.5))
    assert [rule.number for rule in ruleset.chain("filter", "FORWARD").candidates(s)] == [8, 21]
    (one,) = walk(ruleset, "FORWARD", packet, HOST)
    assert one.visited == 22
    assert [(step.number, step.passed) for step in one.steps if step.chain == "FORWARD"] == [
        (8, 7),
        (21, 12),
        (0, 0),
    ]


@settings(max_examples=60)
@given(RULES)
def test_long_runs_of_like_rules_behave_as_one_by_one(rules):
    """A comment that is a double quote keeps a rule out of the runs: the same rules, tried one by one."""
    slow = [rule.replace(" -j ", ' -m comment --comment "\\"" -j ') for rule in rules]
    quick, plain = (
        walk(Ruleset.parse(table("filter", *some, *CHAINS)), "FORWARD", SYN, HOST) for some in (rules, slow)
    )
    assert [(w.probability, w.verdict, w.packet, w.visited) for w in quick] == [
        (w.probability, w.verdict, w.packet, w.visited) for w in plain
    ]
    assert [[(s.chain, s.number, s.passed) for s in w.steps] for w in quick] == [
        [(s.chain, s.number, s.passed) for s in w.steps] for w in plain
    ]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6))
def test_the_probabilities_of_all_ways_add_up_to_one(numbers):
    rules = [f"-A FORWARD -m statistic --mode random --probability {1 / n:.11f} -j RETURN" for n in numbers]
    walks = walk(Ruleset.parse(table("filter", *rules)), "FORWARD", SYN, HOST)
    assert sum(w.probability for w in walks) == 1
    assert all(w.probability > 0 for w in walks)


def test_the_quick_way_and_the_written_way_agree(recorded):
    """For every recorded node: one number for all tosses chooses one of the walks, evenly."""
    checked = 0
    for path, text, family in recorded:
        if family == 6:
            continue
        ruleset = Ruleset.parse(text)
        for packet in (
            SYN,
            replace(SYN, destination="10.96.0.10", destination_port=80),
            replace(SYN, protocol="udp", flags=""),
        ):
            written = {
                (w.verdict, w.packet.destination, w.packet.source): 0
                for _, w in ways_while_accepted(ruleset, packet)
            }
            quick = {decide(ruleset, packet, HOST, k / 60) for k in range(60)}
            assert {(d.verdict, d.destination, d.source) for d in quick} == set(written), path
            checked += 1
    assert checked > 300


def ways_while_accepted(ruleset, packet):
    todo, ends = [(Fraction(1), packet, HOST, 0)], []
    hooks = ("PREROUTING", "FORWARD", "POSTROUTING")
    while todo:
        likely, now, context, at = todo.pop()
        for w in walk(ruleset, hooks[at], now, context):
            if w.verdict != "accept" or at == 2:
                ends.append((likely * w.probability, w))
            else:
                onward = replace(context, recent=w.recent, conntrack=w.conntrack, connection=w.connection)
                todo.append((likely * w.probability, w.packet, onward, at + 1))
    return ends


def test_one_number_makes_even_choices(recorded_ruleset):
    ruleset = recorded_ruleset("nodeport-cluster")
    picks = [decide(ruleset, SYN, HOST, (k + 0.5) / 300).destination for k in range(300)]
    assert {pick: picks.count(pick) for pick in set(picks)} == dict.fromkeys(
        set(picks), 300 // len(set(picks))
    )


def test_a_walk_leaves_its_inputs_as_they_were(recorded_ruleset):
    before = (HOST.recent, HOST.conntrack, SYN)
    walk(recorded_ruleset("affinity-nodeport"), "PREROUTING", SYN, HOST)
    assert (HOST.recent, HOST.conntrack, SYN) == before
    assert HOST.recent == Recent()
