"""What other programs than kube-proxy write: IP sets and more matches, and rules that are not understood."""

from dataclasses import replace

import pytest
from rule_texts import HOST, SYN, table

from svcnotes.errors import RuleError
from svcnotes.netfilter import Context, Ruleset, decide, visited_rules, walk
from svcnotes.netfilter.left_out import MATCHES as MATCHES_LEFT_OUT
from svcnotes.netfilter.left_out import TARGETS as TARGETS_LEFT_OUT
from svcnotes.netfilter.sets import read_sets
from svcnotes.netfilter.syntax import MATCHES, TARGETS
from svcnotes.packet import Packet

SETS = """# written by hand after ipset's own print
create nets hash:net family inet hashsize 1024 maxelem 65536 bucketsize 12 initval 0x9b0c7329
add nets 192.0.0.0/8
add nets 192.0.2.0/24 nomatch
add nets 192.0.2.10
create services hash:ip,port family inet hashsize 1024 maxelem 65536
add services 172.18.0.11,tcp:30080
add services 172.18.0.11,udp:30000-30010
add services 172.18.0.11,53
create ports bitmap:port range 30000-32767
add ports 30080-30081
create range hash:ip family inet hashsize 1024 netmask 24
add range 192.0.2.0
create span bitmap:ip range 192.0.2.0-192.0.2.255
add span 192.0.2.9-192.0.2.10
create by hash:net,iface family inet hashsize 1024
add by 192.0.2.0/24,eth0
create six hash:ip family inet6 hashsize 1024
add six fd00::1
create macs hash:mac hashsize 1024
add macs 00:11:22:33:44:55
create both list:set size 8
add both six
add both span
"""


@pytest.fixture
def fits():
    def tried(options, packet=SYN, context=HOST, **changes):
        packet = replace(packet, **changes)
        text = table("filter", f"-A FORWARD {options} -j DROP")
        (one,) = walk(Ruleset.parse(text, packet.family, sets=SETS), "FORWARD", packet, context)
        return one.verdict == "drop"

    return tried


@pytest.mark.parametrize(
    ("options", "changes", "expected"),
    [
        ("-m set --match-set nets src", {"source": "192.0.2.10"}, True),
        ("-m set --match-set nets src", {"source": "192.0.2.11"}, False),
        ("-m set --match-set nets src", {"source": "192.0.3.11"}, True),
        ("-m set --match-set nets src", {"source": "10.0.0.1"}, False),
        ("-m set ! --match-set nets src", {"source": "10.0.0.1"}, True),
        ("-m set --match-set nets dst", {"source": "192.0.2.10"}, False),
        ("-m set --match-set nets src --return-nomatch", {"source": "192.0.2.11"}, True),
        ("-m set --match-set nets src --return-nomatch", {"source": "192.0.3.11"}, False),
        ("-m set --match-set services dst,dst", {}, True),
        ("-m set --match-set services dst,dst", {"destination_port": 30005}, False),
        (
            "-m set --match-set services dst,dst",
            {"destination_port": 30005, "protocol": "udp", "flags": ""},
            True,
        ),
        ("-m set --match-set services dst,dst", {"destination_port": 53}, True),
        (
            "-m set --match-set services dst,dst",
            {"destination_port": 53, "protocol": "udp", "flags": ""},
            False,
        ),
        ("-m set --match-set services src,dst", {}, False),
        ("-m set --match-set ports dst", {"protocol": "udp", "flags": ""}, True),
        ("-m set --match-set ports src", {}, False),
        ("-m set --match-set range src", {"source": "192.0.2.77"}, True),
        ("-m set --match-set span src", {"source": "192.0.2.9"}, True),
        ("-m set --match-set span src", {"source": "192.0.2.11"}, False),
        ("-m set --match-set by src,src", {}, True),
        ("-m set --match-set by src,dst", {}, False),
        ("-m set --match-set both src", {"source": "192.0.2.10"}, True),
        ("-m set --match-set both src", {"source": "192.0.2.77"}, False),
        ("-m set --match-set six src", {}, False),
        ("-m set --match-set services dst", {}, False),
        ("-m set ! --match-set services dst", {}, True),
        ("-m iprange --src-range 192.0.2.1-192.0.2.10", {}, True),
        ("-m iprange --src-range 192.0.2.11-192.0.2.20", {}, False),
        ("-m iprange ! --dst-range 172.18.0.1-172.18.0.10", {}, True),
        ("-m ttl --ttl-eq 64", {}, True),
        ("-m ttl --ttl-lt 64", {}, False),
        ("-m ttl ! --ttl-eq 64", {}, False),
        ("-m ttl --ttl-gt 5", {"ttl": 6}, True),
        ("-m pkttype --pkt-type unicast", {}, True),
        ("-m pkttype ! --pkt-type multicast", {}, True),
        ("-m pkttype --pkt-type broadcast", {}, False),
        ("-m policy --dir in --pol none", {}, True),
        ("-m policy --dir in --pol ipsec", {}, False),
        ("-m dscp --dscp 0x00", {}, True),
        ("-m dscp ! --dscp 0x01", {}, True),
        ("-m tos --tos 0x10/0x3f", {}, False),
        ("-p tcp -m socket --transparent --nowildcard", {}, False),
        ("-f", {}, False),
        ("! -f", {}, True),
    ],
)
def test_a_match_of_other_programs(fits, options, changes, expected):
    assert fits(options, **changes) is expected


def test_a_set_of_ipv6_addresses_is_asked_for_ipv6_packets(fits):
    packet = Packet("tcp", "fd00::1", 4000, "fd00::2", 80, "SYN")
    assert fits("-m set --match-set six src", packet)
    assert fits("-m hl --hl-eq 64", packet)
    assert not fits("-m set --match-set six dst", packet)


@pytest.mark.parametrize(
    "rule",
    [
        "-m set --match-set a src -m set ! --match-set b dst,dst -j ACCEPT",
        "-m set --match-set a src --return-nomatch ! --update-counters -j ACCEPT",
        "! -f -m iprange --src-range 10.0.0.1-10.0.0.9 ! --dst-range 10.0.0.1-10.0.0.2",
        "-m ttl ! --ttl-eq 5",
        "-m pkttype ! --pkt-type multicast",
        "-m dscp ! --dscp 0x01 -j DSCP --set-dscp 0x02",
        "-m tos --tos 0x10/0x3f -j TOS --set-tos 0x10/0x3f",
        "-p tcp -m tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
        "-j CLASSIFY --set-class 0001:0001",
        "-p udp -j CHECKSUM --checksum-fill",
    ],
)
def test_a_rule_of_other_programs_prints_as_iptables_save_prints_it(rule):
    from svcnotes.netfilter.rule import Rule

    line = f"-A FORWARD {rule}"
    assert str(Rule.parse(line)) == line


@pytest.mark.parametrize(
    "target",
    ["CHECKSUM --checksum-fill", "CLASSIFY --set-class 1:1", "DSCP --set-dscp 0x02", "TOS --set-tos 0x10/0x3f",
     "TCPMSS --set-mss 1400"],
)  # fmt: skip
def test_a_target_that_changes_what_no_packet_here_has_goes_on(through, target):
    (one,) = through("mangle", "FORWARD", f"-A FORWARD -j {target}", "-A FORWARD -j DROP")
    assert [step.verdict for step in one.steps if step.chain] == ["continue", "drop"]


def test_a_helper_does_not_stop_tracking(through):
    (one,) = through("raw", "PREROUTING", "-A PREROUTING -p tcp -j CT --helper ftp")
    assert one.connection.state == "NEW"


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("hello", 1, "a line is `create NAME TYPE"),
        ("create a hash:ip\nadd b 10.0.0.1", 2, "a line is `create NAME TYPE"),
        ("create a hash:ip,port\nadd a 10.0.0.1", 2, "has not the parts of a hash:ip,port"),
        ("create a hash:ip\n\nadd a web", 3, "not an IP address"),
        ("create a hash:ip family inet6\nadd a 10.0.0.1", 2, "IPv4 in IPv6 rules"),
        ("create a hash:ip,port\nadd a 10.0.0.1,icmp:8/0", 2, "it may be tcp, udp or sctp"),
    ],
)
def test_a_text_that_is_no_ipset_save_is_one_clear_error(text, line, says):
    with pytest.raises(RuleError) as caught:
        read_sets(text)
    assert (caught.value.line, says in str(caught.value)) == (line, True)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ("-m set --match-set missing src", r"no set `missing` \(sets: nets, services,"),
        ("-m set --match-set macs src", "of the type hash:mac, which is not understood"),
        ("-m set --match-set nets up", "unknown direction `up`"),
        ("-m set --match-set nets src --update-counters", "stands only behind `!`"),
        ("-m iprange", "needs --src-range or --dst-range"),
        ("-m iprange --src-range 10.0.0.9-10.0.0.1", "runs backwards"),
        ("-m ttl --ttl-eq 300", "from 0 to 255"),
        ("-m ttl ! --ttl-lt 5", "cannot be negated"),
        ("-p tcp -m socket --nowildcard", "only with --transparent"),
    ],
)
def test_a_match_that_cannot_be_says_why(fits, options, says):
    with pytest.raises(RuleError, match=says):
        fits(options)


# What is not understood


def lenient(*rules, name="filter"):
    return Ruleset.parse(table(name, *rules), strict=False).check()


def test_no_extension_is_both_known_and_left_out():
    assert not set(MATCHES) & set(MATCHES_LEFT_OUT)
    assert not set(TARGETS) & set(TARGETS_LEFT_OUT)


@pytest.mark.parametrize("name", [*MATCHES_LEFT_OUT])
def test_a_match_that_is_left_out_is_told_by_what_it_does(name):
    with pytest.raises(
        RuleError, match=rf"the match {name} \(.+\) is not part of this Linux: .* never matches"
    ):
        Ruleset.parse(table("filter", f"-A INPUT -m {name} --some thing -j DROP")).check()


@pytest.mark.parametrize("name", [*TARGETS_LEFT_OUT])
@pytest.mark.parametrize("option", ["", " --some thing"])
def test_a_target_that_is_left_out_is_told_by_what_it_does(name, option):
    with pytest.raises(
        RuleError, match=rf"the target {name} \(.+\) is not part of this Linux: .* does nothing"
    ):
        Ruleset.parse(table("mangle", f"-A INPUT -j {name}{option}")).check()


def test_all_lines_are_named_and_the_first_is_the_errors_own():
    rules = ("-A INPUT -m owner --uid-owner 0 -j DROP", "-A INPUT -j ACCEPT", "-A OUTPUT -j TTL --ttl-set 1")
    with pytest.raises(RuleError) as caught:
        Ruleset.parse(table("filter", *rules)).check()
    assert str(caught.value).startswith("2 rules are not understood:\n  line 5: the match owner (")
    assert "\n  line 7: the target TTL (" in str(caught.value)
    assert (caught.value.line, caught.value.text) == (5, rules[0])


@pytest.mark.parametrize(
    "unknown",
    [
        "-m owner --uid-owner 0",
        "-m owner ! --uid-owner 0 --socket-exists",
        '-m string --string "GET -j /" --algo bm',
        "-m geoip ! --src-cc DE,FR",
        "-m tcp --dport http",
        "-m conntrack --ctstate FRESH",
        "-m set --match-set nowhere src",
        "-s not-an-address",
        "-i an-interface-name-too-long",
    ],
)
def test_a_rule_with_a_match_that_is_not_understood_never_matches_and_says_so(unknown):
    rules = lenient(f"-A FORWARD -p tcp {unknown} -m comment --comment x -j DROP", "-A FORWARD -j ACCEPT")
    (one,) = walk(rules, "FORWARD", SYN, HOST)
    assert [(s.verdict, s.number) for s in one.steps if s.chain] == [("skip", 1), ("accept", 2)]
    (said,) = [s.reason for s in one.steps if s.reason]
    assert said.endswith(" not understood: the rule is taken as not matching")
    assert said.startswith(" ".join(word for word in unknown.split()[: 1 + unknown.startswith("-m")]))
    assert [r.matched for r in visited_rules(rules, one)] == [False, True]


def test_what_is_understood_of_a_rule_still_counts():
    rules = lenient(
        "-A FORWARD -p udp -m owner --uid-owner 0 -j DROP", "-A FORWARD -d 10.0.0.1/32 -m owner -j DROP"
    )
    (one,) = walk(rules, "FORWARD", SYN, HOST)
    assert [s for s in one.steps if s.chain and s.number] == []


def test_a_toss_beside_what_is_not_understood_is_not_made():
    rules = lenient("-A FORWARD -m statistic --mode random --probability 0.5 -m owner --uid-owner 0 -j DROP")
    assert len(walk(rules, "FORWARD", SYN, HOST)) == 1
    kept = lenient("-A FORWARD -m recent --set --name X -m owner --uid-owner 0 -j DROP")
    (one,) = walk(kept, "FORWARD", SYN, HOST)
    assert one.recent.lists == {}


def test_a_rule_whose_target_is_not_understood_does_nothing():
    rules = lenient(
        "-A FORWARD -p tcp -j NFQUEUE --queue-num 1", "-A FORWARD -p udp -j TEE", "-A FORWARD -j NOWHERE"
    )
    (one,) = walk(rules, "FORWARD", SYN, HOST)
    assert [s.reason for s in one.steps if s.number] == [
        "-j NFQUEUE not understood: the rule does nothing",
        "-j NOWHERE not understood: the rule does nothing",
    ]
    assert one.verdict == "accept"


def test_without_strict_the_problems_are_told_when_asked():
    rules = lenient("-A FORWARD -p tcp -m owner --uid-owner 0 -m mac --mac-source 00:11:22:33:44:55 -j TEE")
    (problem,) = rules.problems()
    for name in ("owner", "mac", "TEE"):
        assert f"{name} (" in str(problem)


def test_a_decision_passes_by_what_is_not_understood_too():
    rules = lenient("-A FORWARD -m owner --uid-owner 0 -j DROP", "-A FORWARD -j ACCEPT")
    assert decide(rules, SYN, Context()).verdict == "accept"


def test_a_circle_of_chains_is_an_error_however_the_text_is_read():
    with pytest.raises(RuleError, match="in a circle"):
        lenient("-A FORWARD -j A", "-A A -m owner --uid-owner 0 -j DROP", "-A A -j A")
