"""Texts of nftables: read and printed as inverses, and what is said of words that are not known."""

import re

import pytest

from svcnotes.errors import RuleError
from svcnotes.netfilter import NftRuleset, Ruleset, read_rules
from svcnotes.netfilter.languages import Joined, split
from svcnotes.netfilter.nftables.document import document
from svcnotes.netfilter.nftables.statements import rule


def in_chain(*rules, head="", family="ip"):
    lines = "".join(f"\t\t{one}\n" for one in rules)
    return f"table {family} t {{\n{head}\tchain c {{\n\t\ttype filter hook forward priority filter; policy accept;\n{lines}\t}}\n}}\n"


def recorded(data):
    return sorted((data / "oracle").glob("*/node-*.nft"))


def test_every_recorded_text_prints_as_it_was(data):
    assert len(recorded(data)) == 162
    for path in recorded(data):
        text = path.read_text(encoding="utf-8")
        assert str(document(text)) == text, path


def test_every_recorded_text_is_understood_to_its_last_rule(data):
    for path in recorded(data):
        text = path.read_text(encoding="utf-8")
        NftRuleset.parse(text, 6 if text.startswith("table ip6") else 4).check()


def test_what_nft_printed_of_every_kind_of_statement_prints_as_it_was(data):
    for path in sorted((data / "nftables").glob("*.nft")):
        text = path.read_text(encoding="utf-8")
        assert str(document(text)) == text, path
        for version in (4, 6):
            NftRuleset.parse(text, version).check()


def test_handles_and_other_notes_of_nft_are_no_part_of_a_rule():
    text = in_chain("tcp dport 22 accept # handle 7").replace("chain c {", "chain c { # handle 3")
    assert NftRuleset.parse(text).rules("ip t", "c") == ("tcp dport 22 accept",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("foo bar accept", "unknown word `foo`"),
        ("ip daddr", "a value is missing"),
        ("ip fooaddr 10.0.0.1 accept", "`ip fooaddr`"),
        ("meta foo 1 accept", "unknown word `meta foo`: known are mark"),
        ("meta skuid 0 accept", "`meta skuid` is not part of this Linux: take the line out"),
        ("ct foo new accept", "unknown word `ct foo`"),
        ("ct bytes 10 accept", "`ct bytes` is not part of this Linux"),
        ("ct state fresh accept", "unknown ct_state `fresh`: known are"),
        ("fib daddr sort local accept", "unknown word `sort` of fib"),
        ("tcp dport http accept", "the port `http` is a name: write its number"),
        ("tcp dport 70000 accept", "the port `70000` is not a number from 0 to 65535"),
        ("tcp dport 90-80 accept", "the range `90-80` runs backwards"),
        ("ip daddr 10.0.0.300 accept", "`10.0.0.300` is not an IP address"),
        ("ip daddr fd00::1 accept", "`fd00::1` is IPv6 in IPv4 rules"),
        ("ip daddr 10.0.0.0/33 accept", "has a prefix longer than 32 bits"),
        ("ip daddr { 10.0.0.1 10.0.0.2 } accept", "write `,` or `}`"),
        ("ip daddr { } accept", "holds nothing"),
        ("ip daddr @nobody accept", "there is no set or map `nobody`"),
        ("ip daddr . tcp dport 10.0.0.1 accept", "has 1 fields, where 2 are asked"),
        ("jump nowhere", "there is no chain `nowhere` in table ip t"),
        ("tcp dport 22 jump { accept }", "a chain without a name"),
        ("queue num 0", "`queue` (hands the packet to a program, which decides)"),
        ("tproxy to :80", "`tproxy`"),
        ("flow add @f", "`flow`"),
        ('xt match "comment" accept', "iptables-nft's own: give its rules as iptables-save prints them"),
        ("ip daddr set 10.0.0.1", "`ip daddr set` is not part of this Linux"),
        ("reject with icmp foo", "known are net-unreachable"),
        ("reject with icmpv6 port-unreachable", "in a table of ip"),
        ("dnat", "dnat needs `to ADDRESS`"),
        ("ip6 daddr ::1 accept", "it sees no such packet"),
        ("numgen random mod 0 0 accept", "numgen mod 0 has no value"),
        ("numgen inc mod 4294967295 0 accept", "no more than 100,000 are"),
        ('accept comment "x" drop', "stands behind the comment"),
        ("tcp dport vmap { 22 : 23 }", "has no verdict"),
        ("counter packets many bytes 0", "`many` stands where a number must"),
        ("limit rate often accept", "is no rate"),
        ("log level loud", "unknown log level `loud`"),
        ("meta mark set 0x100000000", "is not a number from 0 to 4294967295"),
    ],
)
def test_a_rule_that_is_not_understood_is_one_error_naming_line_and_remedy(text, said):
    with pytest.raises(RuleError) as caught:
        NftRuleset.parse(in_chain(text)).check()
    assert caught.value.line == 4
    assert text in str(caught.value)
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("hello\n", 1, "begin with `table ip NAME {`"),
        ("add rule ip t c accept\n", 1, "begin with `table ip NAME {`"),
        ("table ip t {\n", 2, "is not ended"),
        ("table ip t {\n\tchain c {\n}\n", 4, "is not ended"),
        ("table ip t {\n}\ntable ip t {\n}\n", 3, "stands here twice"),
        ("table ip t {\n\tchain c {\n\t}\n\tchain c {\n\t}\n}\n", 4, "stands here twice"),
        ("table ip t {\n\tthing c {\n\t}\n}\n", 2, "unknown block"),
        (in_chain().replace("forward", "ingress"), 3, "the hook ingress is not part of this Linux"),
        (in_chain().replace("priority filter", "priority soon"), 3, "unknown priority `soon`"),
        (in_chain().replace("type filter", "type nat"), 3, "a chain of type nat cannot hang at forward"),
        ("table bridge b {\n}\n", 1, "tables of bridge are not part of this Linux"),
        ("table ip t {\n\tset s {\n\t\ttype foo\n\t}\n}\n", 2, "unknown type `foo`"),
        ("table ip t {\n\tset s {\n\t}\n}\n", 2, "a set says what it holds"),
        (
            "table ip t {\n\tset s {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.1 . 80 }\n\t}\n}\n",
            4,
            "has 2 fields, its set 1",
        ),
        ("\0", 1, "this is not text"),
    ],
)
def test_a_line_that_is_no_part_of_a_text_is_named(text, line, said):
    with pytest.raises(RuleError) as caught:
        NftRuleset.parse(text).check()
    assert caught.value.line == line
    assert said in str(caught.value)


def test_several_rules_that_are_not_understood_are_one_error():
    with pytest.raises(RuleError, match="2 rules are not understood") as caught:
        NftRuleset.parse(in_chain("foo", "ip daddr 10.0.0.1 accept", "meta cpu 0 drop")).check()
    assert [int(n) for n in re.findall(r"line (\d+)", str(caught.value))] == [4, 6]


def test_chains_in_a_circle_are_refused_as_nft_refuses_them():
    text = "table ip t {\n\tchain a {\n\t\tjump b\n\t}\n\n\tchain b {\n\t\ttcp dport vmap { 22 : goto a }\n\t}\n}\n"
    with pytest.raises(RuleError, match=r"circle, and nft refuses them .*: a -> b -> a") as caught:
        NftRuleset.parse(text).check()
    assert caught.value.line == 7


def test_a_circle_through_a_map_of_verdicts_is_found_too():
    text = (
        "table ip t {\n\tmap m {\n\t\ttype inet_service : verdict\n\t\telements = { 22 : jump a }\n\t}\n\n"
        "\tchain a {\n\t\ttcp dport vmap @m\n\t}\n}\n"
    )
    with pytest.raises(RuleError, match=r"circle.*a -> a"):
        NftRuleset.parse(text).check()


def test_jumps_nest_sixteen_deep_and_no_deeper():
    def nested(depth):
        chains = (f"\tchain c{n} {{\n\t\tjump c{n + 1}\n\t}}\n" for n in range(depth))
        return f"table ip t {{\n{''.join(chains)}\tchain c{depth} {{\n\t}}\n}}\n"

    NftRuleset.parse(nested(16)).check()
    with pytest.raises(RuleError, match="more than 16 jumps deep"):
        NftRuleset.parse(nested(17)).check()


def test_both_languages_in_one_text_keep_the_numbers_of_their_lines():
    nft = in_chain("ip daddr 10.0.0.1 accept")
    saved = "*filter\n:FORWARD ACCEPT\n-A FORWARD -d 10.0.0.1/32 -j ACCEPT\nCOMMIT\n"
    assert isinstance(read_rules(nft), NftRuleset)
    assert isinstance(read_rules(saved), Ruleset)
    assert isinstance(read_rules(nft + saved), Joined)
    for text in (nft + saved, saved + nft):
        mine, theirs = split(text)
        for part in (mine, theirs):
            lines = part.split("\n")
            assert all(not line or line == text.split("\n")[at] for at, line in enumerate(lines))
        assert read_rules(text).check().tables == {
            "filter": ("FORWARD",),
            "ip t": ("c",),
        }
    with pytest.raises(RuleError) as caught:
        read_rules((nft + saved).replace("-j ACCEPT", "-j FOO")).check()
    assert caught.value.line == 9


def test_a_rule_is_a_value_that_prints_itself():
    text = "ip daddr . meta l4proto . th dport vmap @service-ips"
    assert rule(text) == rule(text)
    assert str(rule(text)) == text
