"""What each match lets through."""

from dataclasses import replace
from fractions import Fraction

import pytest

from svcnotes.errors import RuleError
from svcnotes.netfilter import Context, Recent
from svcnotes.netfilter.conntrack import Connection, Entry, Flow
from svcnotes.netfilter.memory import probability
from svcnotes.packet import Packet

SYN6 = Packet("tcp", "2001:db8:2::10", 40000, "fd00:18::11", 30080, "SYN")


@pytest.mark.parametrize(
    ("options", "hit"),
    [
        ("-s 192.0.2.10/32", True),
        ("! -s 192.0.2.10/32", False),
        ("-s 192.0.2.0/24", True),
        ("-s 192.0.2.0/255.255.255.0", True),
        ("-s 0.0.2.10/0.0.255.255", True),
        ("! -s 10.0.0.0/8", True),
        ("-d 172.18.0.11", True),
        ("-d 172.18.0.12/32", False),
        ("-d 0.0.0.0/0", True),
        ("-i eth0", True),
        ("-i eth+", True),
        ("! -i eth+", False),
        ("-i eth", False),
        ("-o cni0", True),
        ("-o eth0", False),
        ("-p tcp", True),
        ("-p 6", True),
        ("-p udp", False),
        ("! -p udp", True),
        ("-p all", True),
        ("-p tcp -m tcp --dport 30080", True),
        ("-p tcp -m tcp ! --dport 30080", False),
        ("-p tcp --dport 30000:32767", True),
        ("-p tcp -m tcp --dport :1024", False),
        ("-p tcp -m tcp --sport 40000: --dport 30080", True),
        ("-p tcp -m tcp --syn", True),
        ("-p tcp -m tcp ! --syn", False),
        ("-p tcp -m tcp --tcp-flags SYN,ACK SYN", True),
        ("-p tcp -m tcp --tcp-flags ALL NONE", False),
        ("-p tcp -m multiport --dports 80,30000:30100", True),
        ("-p tcp -m multiport ! --dports 80,443", True),
        ("-p tcp -m multiport --ports 40000", True),
        ("-p tcp -m multiport --sports 80", False),
        ("-m mark --mark 0x0", True),
        ("-m mark ! --mark 0x4000/0x4000", True),
        ("-m addrtype --dst-type LOCAL", True),
        ("-m addrtype ! --dst-type LOCAL", False),
        ("-m addrtype --src-type UNICAST,LOCAL --dst-type LOCAL", True),
        ("-m conntrack --ctstate NEW", True),
        ("-m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT", True),
        ("-m conntrack --ctstate INVALID", False),
        ("-m state --state NEW", True),
        ("-m conntrack --ctorigdst 172.18.0.0/24 --ctorigdstport 30080", True),
        ("-m conntrack --ctreplsrc 10.0.0.0/8", False),
        ("-m conntrack --ctdir ORIGINAL", True),
        ("-m conntrack --ctproto tcp", True),
        ("-m conntrack --ctstatus SEEN_REPLY", False),
        ("-m comment --comment anything", True),
        ("-m nfacct --nfacct-name  counter", True),
        ("-m limit --limit 5/min", True),
        ("-m hashlimit --hashlimit-name x --hashlimit-upto 5/sec", True),
        ("-m hashlimit --hashlimit-name x --hashlimit-above 5/sec", False),
        ("-m physdev --physdev-in veth0", False),
        ("-m physdev ! --physdev-is-bridged", True),
        ("-m statistic --mode random --probability 0", False),
        ("-m statistic --mode nth --every 1", True),
    ],
)
def test_a_match_on_the_first_packet_to_a_nodeport(matches, options, hit):
    assert matches(options) is hit


@pytest.mark.parametrize(
    ("options", "hit"),
    [
        ("-s 2001:db8::/32", True),
        ("-d fd00:18::11/128", True),
        ("! -d ::1/128", True),
        ("-p tcp -m tcp --dport 30080", True),
        ("-p ipv6-icmp", False),
    ],
)
def test_the_same_matches_in_ipv6(matches, options, hit):
    assert matches(options, SYN6) is hit


def test_bridge_ports_are_matched_by_name(matches, host):
    crossing = replace(host, physdev_in="veth-a", physdev_out="veth-b", bridged=True)
    assert matches(
        "-m physdev --physdev-in veth+ --physdev-out veth-b --physdev-is-bridged", context=crossing
    )
    assert not matches("-m physdev --physdev-is-in", context=host)


@pytest.mark.parametrize(
    ("word", "hit"),
    [("3", True), ("3/3", True), ("port-unreachable", True), ("3/1", False), ("any", True), ("8", False)],
)
def test_icmp_types_have_names_and_numbers(matches, word, hit):
    error = Packet("icmp", "10.0.0.1", 0, "192.0.2.10", 0, icmp="icmp-port-unreachable")
    assert matches(f"-p icmp -m icmp --icmp-type {word}", error) is hit


def test_ipv6_icmp_errors_have_their_own_types(matches):
    error = Packet("icmp", "fd00::1", 0, "2001:db8::1", 0, icmp="icmp6-port-unreachable")
    assert matches("-p ipv6-icmp -m icmp6 --icmpv6-type port-unreachable", error)
    assert not matches("-p ipv6-icmp -m icmp6 --icmpv6-type no-route", error)


def test_a_marked_packet_matches_its_mark(matches):
    assert matches("-m mark --mark 0x4000/0x4000", mark=0xC000)
    assert not matches("-m mark --mark 0x4000", mark=0xC000)


def test_the_status_of_a_translated_connection_is_a_state(matches, host):
    flow = Flow("tcp", "192.0.2.10", 40000, "172.18.0.11", 30080)
    entry = Entry(
        flow, Flow("tcp", "10.244.1.10", 8080, "192.0.2.10", 40000), dnat=True, dnat_done=True, mark=7
    )
    context = replace(host, connection=Connection("NEW", entry))
    assert matches("-m conntrack --ctstate DNAT", context=context)
    assert not matches("-m conntrack ! --ctstate DNAT", context=context)
    assert not matches("-m conntrack --ctstate SNAT", context=context)
    assert matches(
        "-m conntrack --ctorigdst 172.18.0.11 --ctreplsrc 10.244.0.0/16 --ctreplsrcport 8080", context=context
    )
    assert matches("-m connmark --mark 0x7", context=context)


def test_an_untracked_packet_has_no_addresses_to_compare(matches, host):
    context = replace(host, connection=Connection("UNTRACKED"))
    assert matches("-m conntrack --ctstate UNTRACKED", context=context)
    assert not matches("-m conntrack --ctorigdst 0.0.0.0/0", context=context)
    assert not matches("-m conntrack ! --ctorigdst 10.0.0.0/8", context=context)


def test_address_types_may_be_asked_of_one_interface(matches):
    context = Context(
        in_interface="eth0",
        out_interface="eth1",
        address_type=lambda _, interface: "LOCAL" if interface == "eth0" else "UNICAST",
    )
    assert matches("-m addrtype --dst-type LOCAL --limit-iface-in", context=context)
    assert not matches("-m addrtype --dst-type LOCAL --limit-iface-out", context=context)
    assert not matches("-m addrtype --dst-type LOCAL", context=context)


# recent ---------------------------------------------------------------------------------------------


def test_recent_set_matches_and_remembers_the_client(through, host):
    (one,) = through(
        "filter",
        "FORWARD",
        "-A FORWARD -m recent --set --name L --rsource -j ACCEPT",
        context=replace(host, time=5.0),
    )
    assert one.recent.seen("L", "192.0.2.10") == (5.0,)
    assert host.recent == Recent()


@pytest.mark.parametrize(("now", "hit"), [(100.0, True), (10_900.0, True), (10_901.0, False)])
def test_recent_rcheck_forgets_after_its_seconds(matches, host, now, hit):
    context = replace(host, time=now, recent=Recent().with_seen("L", "192.0.2.10", 100.0))
    assert matches("-m recent --rcheck --seconds 10800 --reap --name L --rsource", context=context) is hit


def test_recent_reap_removes_what_is_too_old(through, host):
    context = replace(host, time=20_000.0, recent=Recent().with_seen("L", "192.0.2.10", 1.0))
    rule = "-A FORWARD -m recent --rcheck --seconds 10800 --reap --name L --rsource -j ACCEPT"
    (one,) = through("filter", "FORWARD", rule, context=context)
    assert one.recent.seen("L", "192.0.2.10") == ()


def test_recent_update_refreshes_only_who_is_listed(through, host):
    listed = replace(host, time=50.0, recent=Recent().with_seen("L", "192.0.2.10", 1.0))
    rule = "-A FORWARD -m recent --update --seconds 60 --name L --rsource -j DROP"
    (known,) = through("filter", "FORWARD", rule, context=listed)
    (unknown,) = through("filter", "FORWARD", rule, context=host)
    assert known.recent.seen("L", "192.0.2.10") == (1.0, 50.0)
    assert (unknown.verdict, unknown.recent) == ("accept", Recent())


def test_recent_counts_hits_masks_addresses_and_can_forget(matches, host):
    seen = Recent().with_seen("L", "192.0.2.0", 1.0).with_seen("L", "192.0.2.0", 2.0)
    context = replace(host, recent=seen, time=3.0)
    check = "-m recent --rcheck --name L --mask 255.255.255.0 --rsource"
    assert matches(f"{check} --hitcount 2", context=context)
    assert not matches(f"{check} --hitcount 3", context=context)
    assert matches("-m recent ! --rcheck --name L --rsource", context=context)
    assert not matches("-m recent --rcheck --name L --rdest", context=context)
    assert matches("-m recent --remove --name L --mask 255.255.255.0 --rsource", context=context)


def test_a_recent_list_holds_a_hundred_addresses():
    lists = Recent()
    for number in range(101):
        lists = lists.with_seen("L", f"10.0.0.{number}", float(number))
    assert len(lists.lists["L"]) == 100
    assert lists.seen("L", "10.0.0.0") == ()


# statistic ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("0.33333333349", Fraction(1, 3)),
        ("0.3333333333", Fraction(1, 3)),
        ("0.20000000019", Fraction(1, 5)),
        ("0.14285714272", Fraction(1, 7)),
        ("0.50000000000", Fraction(1, 2)),
        ("0.66666666651", Fraction(2, 3)),
        ("1", Fraction(1)),
        ("0", Fraction(0)),
    ],
)
def test_a_printed_probability_is_the_fraction_meant(word, meant):
    assert probability(word) == meant


@pytest.mark.parametrize("word", ["1e999999999", "2", "-1", "nan", "inf", "one", "٠.٥", ""])
def test_what_is_no_probability_is_one_clear_error(word):
    with pytest.raises(RuleError, match="is not a number from 0 to 1"):
        probability(word)


def test_every_one_in_n_is_read_back_from_what_the_kernel_keeps():
    for n in range(1, 3000):
        printed = f"{round(Fraction(2**31, n)) / 2**31:.11f}"
        assert probability(printed) == Fraction(1, n)


def test_a_negated_probability_is_the_rest(through):
    rule = "-A FORWARD -m statistic --mode random ! --probability 0.25 -j DROP"
    walks = through("filter", "FORWARD", rule)
    assert {w.verdict: w.probability for w in walks} == {"drop": Fraction(3, 4), "accept": Fraction(1, 4)}


def test_rpfilter_asks_the_host(through, host):
    rule = "-A PREROUTING -m rpfilter --invert -j DROP"
    (good,) = through("raw", "PREROUTING", rule)
    (bad,) = through("raw", "PREROUTING", rule, context=replace(host, reverse_path=lambda: False))
    assert (good.verdict, bad.verdict) == ("accept", "drop")
