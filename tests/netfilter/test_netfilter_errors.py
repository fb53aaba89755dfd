"""A rule that this Linux does not know is an error that names line, text and remedy."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rule_texts import HOST, SYN, table

from svcnotes.errors import RuleError
from svcnotes.netfilter import Ruleset, walk


@pytest.mark.parametrize(
    ("name", "rule", "says"),
    [
        ("filter", "-A INPUT -m geoip --src-cc DE -j DROP", "unknown match `geoip`"),
        ("filter", "-A INPUT -p tcp -m tcp --dprot 80 -j DROP", "unknown option `--dprot` of tcp"),
        ("filter", "-A INPUT --dport 80 -j DROP", "unknown option `--dport` before any -m"),
        ("filter", "-A INPUT -m tcp --dport 80 -j DROP", "needs -p tcp"),
        ("filter", "-A INPUT -j NOWHERE", "there is no chain `NOWHERE`"),
        ("filter", "-A INPUT -g ACCEPT", "write -j ACCEPT"),
        ("filter", "-A INPUT -j FORWARD", "only the kernel enters it"),
        ("filter", "-A INPUT -j TPROXY", "not part of this Linux"),
        ("filter", "-A INPUT -m set --match-set x src -j DROP", "there is no set `x`"),
        ("filter", "-A INPUT -s 10.0.0.0/33 -j DROP", "longer than 32 bits"),
        ("filter", "-A INPUT -s web-1 -j DROP", "not an IP address"),
        ("filter", "-A INPUT -s fd00::1 -j DROP", "IPv6 in IPv4 rules"),
        ("filter", "-A INPUT -p tcp --dport 65536 -j DROP", "from 0 to 65535"),
        ("filter", "-A INPUT -p tcp --dport http -j DROP", "from 0 to 65535"),
        ("filter", "-A INPUT -p tcp --dport 90:80 -j DROP", "runs backwards"),
        ("filter", "-A INPUT -p tcpp -j DROP", "unknown protocol `tcpp`"),
        ("filter", "-A INPUT -m conntrack --ctstate NEU -j DROP", "unknown state `NEU`"),
        ("filter", "-A INPUT -m addrtype --dst-type LOKAL -j DROP", "unknown address type"),
        ("filter", "-A INPUT -m statistic --mode random --probability 1.5 -j DROP", "from 0 to 1"),
        ("filter", "-A INPUT -m statistic --mode random -j DROP", "needs --probability"),
        ("filter", "-A INPUT -m recent --name X -j DROP", "exactly one of --set"),
        ("filter", "-A INPUT -m mark -j DROP", "needs --mark"),
        ("filter", "-A INPUT -j DROP -j ACCEPT", "a second target"),
        ("filter", "-A INPUT -s 10.0.0.1 -s 10.0.0.2 -j DROP", "given twice"),
        ("filter", "-A INPUT ! ! -s 10.0.0.1 -j DROP", "two `!`"),
        ("filter", "-A INPUT -j DROP !", "negates nothing"),
        ("filter", "-A INPUT ! -j DROP", "not allowed"),
        ("filter", "-A INPUT -m comment ! --comment x -j DROP", "cannot be negated"),
        ("filter", '-A INPUT -m comment --comment "open -j DROP', "not closed"),
        ("filter", "-A INPUT -p tcp --dport", "needs a value"),
        ("filter", "-A INPUT -j REJECT --reject-with tcp-reset", "needs -p tcp"),
        ("filter", "-A INPUT -j REJECT --reject-with nothing", "REJECT cannot send"),
        ("filter", "-A INPUT -j DNAT --to-destination 10.0.0.1", "belongs into the table nat"),
        ("filter", "-A INPUT -j NOTRACK", "belongs into the table raw"),
        ("nat", "-A PREROUTING -j DROP", "does not belong into the table nat"),
        ("nat", "-A PREROUTING -j REJECT", "belongs into the table filter"),
        ("nat", "-A PREROUTING -j MASQUERADE", "works only in POSTROUTING"),
        ("nat", "-A POSTROUTING -p tcp -j DNAT --to-destination :80", "works only in PREROUTING and OUTPUT"),
        ("nat", "-A PREROUTING -j DNAT --to-destination 10.0.0.1:80", "needs -p tcp"),
        ("nat", "-A PREROUTING -j DNAT", "needs --to-destination"),
        ("filter", "-A INPUT -o eth0 -j DROP", "-o cannot stand in INPUT"),
        ("nat", "-A POSTROUTING -i eth0 -j ACCEPT", "-i cannot stand in POSTROUTING"),
    ],
)
def test_a_rule_that_cannot_be_is_refused_by_its_line(name, rule, says):
    text = table(name, "-A OUTPUT -j ACCEPT", rule)
    with pytest.raises(RuleError) as caught:
        Ruleset.parse(text).check()
    assert says in str(caught.value)
    assert caught.value.text == rule
    assert text.splitlines()[caught.value.line - 1] == rule
    assert str(caught.value).startswith(f"line {caught.value.line}: ")
    assert rule in str(caught.value)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("-A INPUT -j DROP\n", 1, "outside of a table"),
        ("*filters\nCOMMIT\n", 1, "unknown table"),
        ("*filter\n:INPUT ACCEPT\n", 3, "not ended"),
        ("*filter\nCOMMIT\n*filter\nCOMMIT\n", 3, "twice"),
        ("*filter\n:X -\n:X -\nCOMMIT\n", 3, "declared twice"),
        ("*filter\n:X ACCEPT\nCOMMIT\n", 2, "have a policy"),
        ("*filter\n:INPUT -\nCOMMIT\n", 2, "have a policy"),
        ("*filter\n:INPUT MAYBE\nCOMMIT\n", 2, "a chain line is"),
        ("*filter\n-A NEW -j DROP\nCOMMIT\n", 2, "not declared"),
        ("*filter\n-I INPUT -j DROP\nCOMMIT\n", 2, "a line is"),
        ("*filter\nhello\nCOMMIT\n", 2, "a line is"),
        ("*filter\n:" + "X" * 29 + " -\nCOMMIT\n", 2, "at most 28"),
        ("\x7fELF\x02\x01\0\0\0", 1, "not text"),
        ("*filter\n# " + "x" * 2_000_000 + "\nCOMMIT\n", 2, "longer than"),
    ],
)
def test_a_text_that_is_no_iptables_save_is_one_clear_error(text, line, says):
    with pytest.raises(RuleError) as caught:
        Ruleset.parse(text)
    assert (caught.value.line, says in str(caught.value)) == (line, True)
    assert len(str(caught.value)) < 500


def test_a_broken_rule_is_found_when_its_chain_is_visited_and_not_before():
    text = table("filter", "-A FORWARD -j A", "-A A -m nothing -j DROP")
    ruleset = Ruleset.parse(text)
    assert walk(ruleset, "INPUT", SYN, HOST)[0].verdict == "accept"
    with pytest.raises(RuleError, match="unknown match `nothing`"):
        walk(ruleset, "FORWARD", SYN, HOST)


def test_a_broken_rule_among_many_like_it_is_found_too():
    rules = [f"-A FORWARD -d 10.96.0.{n}/32 -p tcp -m tcp --dport 80 -j A" for n in range(20)]
    rules[13] = rules[13].replace("-j A", "-j AA")
    rules.append("-A A -j RETURN")
    with pytest.raises(RuleError, match="no chain `AA`"):
        walk(Ruleset.parse(table("filter", *rules)), "FORWARD", SYN, HOST)


@pytest.mark.parametrize("rules", [("-A A -j A",), ("-A A -j B", "-A B -j C", "-A C -g A")])
def test_chains_that_jump_in_a_circle_are_an_error(rules):
    text = table("filter", "-A FORWARD -j A", *rules)
    with pytest.raises(RuleError, match="in a circle: A"):
        Ruleset.parse(text).check()
    with pytest.raises(RuleError, match="in a circle: A"):
        walk(Ruleset.parse(text), "FORWARD", SYN, HOST)


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_by_a_rule_error(text):
    with suppress(RuleError):
        assert str(Ruleset.parse(text).check()) == text


@given(
    st.lists(
        st.sampled_from(
            [
                "-A",
                "INPUT",
                "!",
                "-s",
                "-d",
                "-p",
                "tcp",
                "udp",
                "-m",
                "comment",
                "--comment",
                "x",
                "mark",
                "--mark",
                "1",
                "0x1/0",
                "-j",
                "ACCEPT",
                "DROP",
                "REJECT",
                "-g",
                "--dport",
                "80",
                '"',
                "recent",
                "--set",
                "statistic",
                "--mode",
                "nth",
                "--every",
                "0",
                "multiport",
                "--ports",
                ",",
                ":",
                "/",
                "10.0.0.1",
                "::1",
            ]
        ),
        max_size=12,
    )
)
def test_any_words_make_a_rule_or_a_rule_error(words):
    text = table("filter", "-A INPUT " + " ".join(words))
    with suppress(RuleError):
        walks = walk(Ruleset.parse(text).check(), "INPUT", SYN, HOST)
        assert sum(w.probability for w in walks) == 1


def test_nat_of_the_wrong_side_is_an_error_where_a_jump_leads_to_it():
    text = table("nat", "-A POSTROUTING -j A", "-A A -p tcp -j DNAT --to-destination :80")
    with pytest.raises(
        RuleError, match="DNAT works only in PREROUTING and OUTPUT, and POSTROUTING jumps to it"
    ):
        walk(Ruleset.parse(text), "POSTROUTING", SYN, HOST)
