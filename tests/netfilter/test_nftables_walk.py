"""How nftables walks a packet: chains and verdicts, maps, forks, NAT, memory, and its place beside iptables."""

from dataclasses import replace
from fractions import Fraction

import pytest
from rule_texts import HOST, SYN

from svcnotes.addresses import number
from svcnotes.netfilter import Context, NftRuleset, decide, read_rules, visited_rules, walk
from svcnotes.netfilter.learnt import Learnt
from svcnotes.netfilter.nftables.elements import Elements, elements_of
from svcnotes.netfilter.nftables.many import ManyElements, find_elements
from svcnotes.packet import Packet

SYN6 = Packet("tcp", "2001:db8:2::10", 40000, "fd00:18::11", 30080, "SYN")


def text(chains, *, sets="", family="ip"):
    """A table of chains: name → rules; a name with a colon hangs at a hook: `nat prerouting -100`."""
    found = []
    for name, rules in chains.items():
        kind, _, rest = name.partition(" ")
        lines = list(rules)
        if rest:
            hook, _, more = rest.partition(" ")
            priority, _, policy = more.partition(" policy ")
            lines.insert(0, f"type {kind} hook {hook} priority {priority or 0}; policy {policy or 'accept'};")
        body = "".join(f"\t\t{line}\n" for line in lines)
        found.append(f"\tchain {name.replace(' ', '-')} {{\n{body}\t}}\n")
    return f"table {family} t {{\n{sets}{''.join(found)}}}\n"


def at_forward(*rules, packet=SYN, context=HOST, chains=(), **said):
    read = NftRuleset.parse(text({"filter forward": rules, **dict(chains)}, **said), packet.family)
    return walk(read, "FORWARD", packet, context)


def verdict(*rules, **said):
    (one,) = at_forward(*rules, **said)
    return one.verdict


def test_jump_comes_back_and_goto_does_not():
    sub = {"sub": ["meta mark set 0x1"]}
    assert verdict("jump sub", "drop", chains=sub) == "drop"
    assert verdict("goto sub", "drop", chains=sub) == "accept"
    assert verdict("goto sub", chains=sub | {"filter forward": ["goto sub"]}) == "accept"


def test_goto_returns_to_the_caller_of_the_chain_that_it_left():
    chains = {"one": ["goto two", "accept"], "two": ["return"]}
    assert verdict("jump one", "drop", chains=chains) == "drop"


def test_return_in_a_base_chain_asks_the_policy():
    read = NftRuleset.parse(text({"filter forward 0 policy drop": ["return", "accept"]}))
    (one,) = walk(read, "FORWARD", SYN, HOST)
    assert one.verdict == "drop"
    assert one.steps[-1].rule == "type filter hook forward priority 0; policy drop;"
    assert one.steps[-1].number == 0


def test_an_accept_ends_one_base_chain_and_the_next_one_may_still_drop():
    read = NftRuleset.parse(text({"filter forward -1": ["accept"], "filter forward 1": ["drop"]}))
    (one,) = walk(read, "FORWARD", SYN, HOST)
    assert one.verdict == "drop"


def test_base_chains_are_asked_by_priority_not_by_their_order_in_the_text():
    read = NftRuleset.parse(
        text(
            {"filter forward 10": ["meta mark 0x1 drop"], "filter forward filter - 5": ["meta mark set 0x1"]}
        )
    )
    (one,) = walk(read, "FORWARD", SYN, HOST)
    assert one.verdict == "drop"


def test_a_rule_that_breaks_off_has_done_what_stood_before():
    (one,) = at_forward("meta mark set 0x1 ip daddr 10.9.9.9 drop", "meta mark 0x1 accept", "drop")
    assert one.verdict == "accept"
    assert [step.verdict for step in one.steps] == ["continue", "accept"]


def test_a_map_of_verdicts_without_the_key_lets_the_packet_go_on():
    assert verdict("tcp dport vmap { 22 : drop }", "reject") == "reject"
    assert verdict("tcp dport vmap { 30080 : drop }", "reject") == "drop"
    assert verdict("tcp dport vmap { 22 : drop, 30000-32767 : accept }", "drop") == "accept"
    assert verdict("tcp dport vmap { 22 : drop, * : accept }", "drop") == "accept"


def test_a_step_tells_the_rule_as_printed_and_the_element_that_it_found():
    sets = (
        "\tmap m {\n\t\ttype ipv4_addr . inet_proto . inet_service : verdict\n"
        '\t\telements = { 172.18.0.11 . tcp . 30080 comment "default/web" : goto gone }\n\t}\n'
    )
    rule = "ip daddr . meta l4proto . th dport vmap @m"
    (one,) = at_forward("ip saddr 10.0.0.1 drop", rule, sets=sets, chains={"gone": ["reject"]})
    first, second = one.steps
    assert (first.table, first.chain, first.number, first.passed) == ("ip t", "filter-forward", 2, 1)
    assert (first.rule, first.verdict) == (rule, "goto gone")
    assert first.element == '172.18.0.11 . tcp . 30080 comment "default/web" : goto gone'
    assert str(first) == f"FORWARD ip t filter-forward: {rule} [{first.element}] → goto gone"
    assert (second.rule, second.element, second.verdict) == ("reject", "", "reject")
    assert one.reject_with == "icmp-port-unreachable"


@pytest.mark.parametrize("sides", [1, 2, 3, 7])
def test_numgen_forks_into_exact_fractions(sides):
    elements = ", ".join(f"{n} : 10.0.0.{n + 1} . 8080" for n in range(sides))
    rule = f"dnat ip to numgen random mod {sides} map {{ {elements} }}"
    read = NftRuleset.parse(text({"nat prerouting -100": [f"meta l4proto tcp {rule}"]}))
    ways = walk(read, "PREROUTING", SYN, HOST)
    assert [way.probability for way in ways] == [Fraction(1, sides)] * sides
    assert {way.packet.destination_text for way in ways} == {f"10.0.0.{n + 1}:8080" for n in range(sides)}
    assert ways[0].steps[-1].element == "0 : 10.0.0.1 . 8080"
    assert ways[0].steps[-1].verdict == "dnat"


def test_a_map_with_fewer_elements_than_numgen_has_numbers_lets_the_rest_go_on():
    ways = at_forward("numgen random mod 3 vmap { 0 : drop, 2 : accept }", "reject")
    assert {way.verdict: way.probability for way in ways} == dict.fromkeys(
        ("drop", "accept", "reject"), Fraction(1, 3)
    )


def test_numgen_compares_as_any_number_does():
    ways = at_forward("numgen random mod 10 < 3 drop")
    assert sum(way.probability for way in ways if way.verdict == "drop") == Fraction(3, 10)


@pytest.mark.parametrize(
    ("rule", "to"),
    [
        ("dnat to 10.0.0.1", "10.0.0.1:30080"),
        ("tcp dport 30080 dnat to 10.0.0.1:80", "10.0.0.1:80"),
        ("dnat to tcp dport map { 30080 : 10.0.0.2 }", "10.0.0.2:30080"),
        ("dnat ip addr . port to tcp dport map { 30080 : 10.0.0.2 . 81 }", "10.0.0.2:81"),
        ("tcp dport 30080 redirect to :8080", "172.18.0.11:8080"),
    ],
)
def test_dnat_and_redirect_write_where_the_packet_goes(rule, to):
    read = NftRuleset.parse(text({"nat prerouting dstnat": [rule, "drop"]}))
    (one,) = walk(read, "PREROUTING", SYN, HOST)
    assert (one.verdict, one.packet.destination_text) == ("accept", to)


def test_ipv6_is_translated_in_tables_of_ip6_and_of_inet():
    for family in ("ip6", "inet"):
        rule = "dnat ip6 to [fd00:244:1::10]:8080"
        read = NftRuleset.parse(
            text({"nat prerouting dstnat": [f"tcp dport 30080 {rule}"]}, family=family), 6
        )
        (one,) = walk(read, "PREROUTING", SYN6, Context())
        assert one.packet.destination_text == "[fd00:244:1::10]:8080"


def test_a_table_of_one_family_does_not_see_the_others_packets():
    read = NftRuleset.parse(text({"filter forward": ["drop"]}, family="ip6"), 4)
    (one,) = walk(read, "FORWARD", SYN, HOST)
    assert (one.verdict, one.visited) == ("accept", 0)
    both = text(
        {"filter forward": ["ip saddr 192.0.2.10 drop", "ip6 saddr 2001:db8:2::10 reject"]}, family="inet"
    )
    assert walk(NftRuleset.parse(both, 4), "FORWARD", SYN, HOST)[0].verdict == "drop"
    (six,) = walk(NftRuleset.parse(both, 6), "FORWARD", SYN6, Context())
    assert (six.verdict, six.reject_with) == ("reject", "icmp6-port-unreachable")


def test_masquerade_takes_another_port_only_where_it_is_asked_to():
    for flags, kept in (("", True), (" fully-random", False), (" random,persistent", False)):
        read = NftRuleset.parse(text({"nat postrouting srcnat": [f"masquerade{flags}"]}))
        (one,) = walk(read, "POSTROUTING", SYN, HOST)
        assert one.packet.source == "10.244.1.1"
        assert (one.packet.source_port == SYN.source_port) == kept


def test_of_several_nat_chains_the_first_that_translates_speaks_for_all():
    chains = {
        "nat postrouting srcnat": ["ip saddr 10.9.9.9 masquerade"],
        "nat postrouting srcnat + 10": ["snat to 10.1.1.1"],
        "nat postrouting srcnat + 20": ["snat to 10.2.2.2"],
    }
    read = NftRuleset.parse(text(chains))
    (one,) = walk(read, "POSTROUTING", SYN, HOST)
    assert one.packet.source == "10.1.1.1"
    assert decide(read, SYN, HOST, hooks=("POSTROUTING",)).source == "10.1.1.1"


def test_nat_chains_are_asked_at_nats_own_place_whatever_their_priority():
    chains = {
        "nat prerouting -250": ["dnat to 10.1.1.1"],
        "filter prerouting -150": ["ip daddr 10.1.1.1 drop"],
        "filter prerouting 0": ["ip daddr 10.1.1.1 accept", "drop"],
    }
    (one,) = walk(NftRuleset.parse(text(chains)), "PREROUTING", SYN, HOST)
    assert (one.verdict, one.packet.destination) == ("accept", "10.1.1.1")


def test_before_conntrack_a_packet_belongs_to_no_connection():
    chains = {
        "filter prerouting raw": ["ct state invalid meta mark set 0x1", "ct status != dnat drop"],
        "filter prerouting -199": ["meta mark 0x1 ct state new ct status != dnat reject"],
    }
    (one,) = walk(NftRuleset.parse(text(chains)), "PREROUTING", SYN, HOST)
    assert one.verdict == "reject"


def test_notrack_leaves_a_packet_untracked_and_untranslated():
    chains = {
        "filter prerouting raw": ["notrack"],
        "nat prerouting dstnat": ["dnat to 10.0.0.1"],
        "filter prerouting filter": ["ct state untracked accept", "drop"],
    }
    (one,) = walk(NftRuleset.parse(text(chains)), "PREROUTING", SYN, HOST)
    assert (one.verdict, one.packet) == ("accept", SYN)


def test_a_set_remembers_who_came_until_its_time_is_over():
    sets = "\tset s {\n\t\ttype ipv4_addr\n\t\tsize 65535\n\t\tflags dynamic,timeout\n\t\ttimeout 3h\n\t}\n"
    rules = ("ip saddr @s drop", "update @s { ip saddr }")
    (first,) = at_forward(*rules, sets=sets)
    assert first.verdict == "accept"
    assert first.learnt.held("ip t s", 0xC000020A).expires == 3 * 3600
    for time, then in ((0, "drop"), (3 * 3600 - 1, "drop"), (3 * 3600, "accept")):
        later = replace(HOST, learnt=first.learnt, time=time)
        assert verdict(*rules, sets=sets, context=later) == then
        assert verdict(*rules, sets=sets, context=later, packet=replace(SYN, source="192.0.2.11")) == "accept"


def test_update_begins_an_elements_time_anew_and_add_does_not():
    sets = "\tset s {\n\t\ttype ipv4_addr\n\t\tflags dynamic,timeout\n\t}\n"
    for word, until in (("add", 60), ("update", 110)):
        rule = f"{word} @s {{ ip saddr timeout 1m }}"
        (one,) = at_forward(rule, sets=sets)
        (two,) = at_forward(rule, sets=sets, context=replace(HOST, learnt=one.learnt, time=50))
        assert two.learnt.held("ip t s", 0xC000020A).expires == until


def test_a_full_set_takes_no_more_and_the_rule_goes_no_further():
    sets = "\tset s {\n\t\ttype ipv4_addr\n\t\tsize 1\n\t\tflags dynamic\n\t}\n"
    rules = ("add @s { ip saddr } drop", "reject")
    (one,) = at_forward(*rules, sets=sets)
    assert one.verdict == "drop"
    other = replace(SYN, source="192.0.2.11")
    assert verdict(*rules, sets=sets, packet=other, context=replace(HOST, learnt=one.learnt)) == "reject"


def test_an_element_of_the_text_is_forgotten_when_its_time_is_over():
    sets = (
        "\tset s {\n\t\ttype ipv4_addr\n\t\tflags timeout\n"
        "\t\telements = { 192.0.2.10 timeout 1m expires 10s5ms }\n\t}\n"
    )
    assert verdict("ip saddr @s drop", sets=sets, context=replace(HOST, time=10)) == "drop"
    assert verdict("ip saddr @s drop", sets=sets, context=replace(HOST, time=11)) == "accept"


def test_a_look_up_counts_as_its_one_rule_however_many_elements_there_are():
    many = ",\n\t\t\t     ".join(f"10.0.{n // 250}.{n % 250 + 1} . tcp . 80 : drop" for n in range(5000))
    sets = (
        "\tmap m {\n\t\ttype ipv4_addr . inet_proto . inet_service : verdict\n"
        f"\t\telements = {{ {many} }}\n\t}}\n"
    )
    read = NftRuleset.parse(
        text({"filter forward": ["ip daddr . meta l4proto . th dport vmap @m"]}, sets=sets)
    )
    for destination, then in (("10.0.7.7", "drop"), ("10.0.250.1", "accept")):
        sent = replace(SYN, destination=destination, destination_port=80)
        (one,) = walk(read, "FORWARD", sent, HOST)
        assert (one.verdict, one.visited, len(visited_rules(read, one))) == (then, 1, 1)
    assert one.learnt == Learnt()


@pytest.mark.parametrize("kind", ["ipv4_addr", "ipv6_addr"])
def test_elements_found_by_their_text_are_those_found_by_their_numbers(kind):
    start, last = ("10.0.0.", "d") if kind == "ipv4_addr" else ("fd00:0:0:1::", "x")
    keys = [f"{start}{n:{last}} . udp . {n}" for n in range(1, 200)]
    body = f"elements = {{ {', '.join(keys)} }}"
    kinds = (kind, "inet_proto", "inet_service")
    quick, plain = find_elements(body, kinds, frozenset()), Elements(elements_of(body), kinds)
    assert isinstance(quick, ManyElements)
    for n in range(1, 250):
        for key in ((number(f"{start}{n:{last}}"), 17, n), (number(f"{start}{n:{last}}"), 6, n)):
            ours, theirs = quick.find(key), plain.find(key)
            assert (ours and ours.text) == (theirs and theirs.text)


def test_an_address_written_in_another_way_is_found_all_the_same():
    keys = ", ".join(f"fd00:0:0:0:0:0:0:{n:x}" for n in range(1, 200))
    found = find_elements(f"elements = {{ {keys} }}", ("ipv6_addr",), frozenset())
    assert found.find(number("fd00::7")) is not None


def test_chains_of_both_languages_are_asked_by_their_priorities():
    saved = "*mangle\n:FORWARD ACCEPT\n-A FORWARD -j MARK --set-xmark 0x1/0x1\nCOMMIT\n*filter\n:FORWARD ACCEPT\n-A FORWARD -m mark --mark 0x3 -j DROP\nCOMMIT\n"
    nft = text({"filter forward -10": ["meta mark 0x1 meta mark set meta mark | 0x2"]})
    for both in (saved + nft, nft + saved):
        read = read_rules(both)
        (one,) = walk(read, "FORWARD", SYN, HOST)
        assert one.verdict == "drop"
        assert [step.table for step in one.steps if step.number] == ["mangle", "ip t", "filter"]
        assert decide(read, SYN, HOST, hooks=("FORWARD",)).verdict == "drop"
        assert [rule.table for rule in visited_rules(read, one)] == ["mangle", "ip t", "filter"]


def test_a_rule_that_is_not_understood_is_passed_by_where_the_text_is_read_leniently():
    rules = ("ip saddr 192.0.2.10 meta skuid 0 drop", "ip saddr 10.0.0.1 meta skuid 0 drop", "foo", "reject")
    read = NftRuleset.parse(text({"filter forward": rules}), strict=False)
    (one,) = walk(read.check(), "FORWARD", SYN, HOST)
    assert one.verdict == "reject"
    told = [(step.number, step.verdict, step.reason) for step in one.steps]
    assert told[0] == (1, "skip", "`meta skuid 0 drop` not understood: the rule is passed by from there")
    assert [number for number, _, _ in told] == [1, 3, 4]
    assert [problem.line for problem in read.problems()] == [4, 5, 6]


def test_the_fast_walk_and_the_one_that_is_written_down_end_alike(data):
    for path in sorted((data / "oracle").glob("*/node-1.nft"))[:20]:
        read = NftRuleset.parse(path.read_text(encoding="utf-8"))
        for to in ("10.96.0.10:80", "172.18.0.11:30080", "10.96.0.10:81", "203.0.113.10:80"):
            address, port = to.split(":")
            sent = replace(SYN, destination=address, destination_port=int(port))
            ways = walk(read, "PREROUTING", sent, HOST)
            fast = decide(read, sent, HOST, 0.0, ("PREROUTING",))
            assert (fast.verdict, fast.destination) in {(w.verdict, w.packet.destination) for w in ways}
