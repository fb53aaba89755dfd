"""What each target does to a packet, and what follows."""

from dataclasses import replace

import pytest

from svcnotes.netfilter.conntrack import Connection, Entry, Flow
from svcnotes.packet import Packet

UDP = Packet("udp", "192.0.2.10", 40000, "172.18.0.11", 53)


@pytest.mark.parametrize(
    ("option", "before", "after"),
    [
        ("--set-xmark 0x4000/0x4000", 0x1, 0x4001),
        ("--set-xmark 0x4000/0x0", 0x4001, 0x1),
        ("--set-xmark 0x1", 0xFF, 0x1),
        ("--set-mark 0x2/0xf", 0x1F, 0x12),
        ("--or-mark 0x4000", 0x1, 0x4001),
        ("--and-mark 0xf0", 0xFF, 0xF0),
        ("--xor-mark 0xff", 0xF0, 0x0F),
    ],
)
def test_mark_changes_the_mark_and_goes_on(through, syn, option, before, after):
    (one,) = through("mangle", "FORWARD", f"-A FORWARD -j MARK {option}", packet=replace(syn, mark=before))
    assert (one.packet.mark, one.verdict) == (after, "accept")
    assert one.steps[0].verdict == "continue"


@pytest.mark.parametrize(
    ("option", "answer"),
    [
        ("", "icmp-port-unreachable"),
        (" --reject-with icmp-net-unreachable", "icmp-net-unreachable"),
        (" --reject-with icmp-admin-prohibited", "icmp-admin-prohibited"),
        (" --reject-with tcp-reset", "tcp-reset"),
    ],
)
def test_reject_says_with_what(through, option, answer):
    (one,) = through("filter", "INPUT", f"-A INPUT -p tcp -j REJECT{option}")
    assert (one.verdict, one.reject_with) == ("reject", answer)


def test_reject_in_ipv6_has_its_own_answers(through):
    packet = Packet("tcp", "2001:db8::1", 1, "fd00::1", 2, "SYN")
    (one,) = through("filter", "INPUT", "-A INPUT -j REJECT", packet=packet)
    assert one.reject_with == "icmp6-port-unreachable"


def test_return_goes_on_after_the_jump_and_goto_does_not(through):
    chains = ("-A A -j RETURN", "-A A -j DROP")
    (jumped,) = through("filter", "FORWARD", "-A FORWARD -j A", "-A FORWARD -j DROP", *chains)
    (gone,) = through("filter", "FORWARD", "-A FORWARD -g A", "-A FORWARD -j DROP", *chains)
    assert (jumped.verdict, gone.verdict) == ("drop", "accept")
    assert gone.steps[-1].number == 0


def test_goto_from_a_called_chain_returns_to_the_caller_of_that_chain(through):
    rules = (
        "-A FORWARD -j A",
        "-A FORWARD -p tcp -j ACCEPT",
        "-A A -g B",
        "-A A -j DROP",
        "-A B -p udp -j DROP",
    )
    (one,) = through("filter", "FORWARD", *rules)
    assert [step.verdict for step in one.steps] == ["jump A", "goto B", "accept"]


def test_log_and_trace_and_a_rule_without_target_go_on(through):
    rules = (
        '-A FORWARD -j LOG --log-prefix "a b "',
        "-A FORWARD -j NFLOG --nflog-group 1",
        "-A FORWARD -p tcp",
    )
    (one,) = through("filter", "FORWARD", *rules, "-A FORWARD -j DROP")
    assert [step.verdict for step in one.steps] == ["continue", "continue", "continue", "drop"]


@pytest.mark.parametrize(
    ("to", "address", "port"),
    [
        ("10.244.1.10:8080", "10.244.1.10", 8080),
        ("10.244.1.10", "10.244.1.10", 30080),
        (":8080", "172.18.0.11", 8080),
    ],
)
def test_dnat_writes_address_and_port(through, to, address, port):
    (one,) = through("nat", "PREROUTING", f"-A PREROUTING -p tcp -j DNAT --to-destination {to}")
    assert (one.packet.destination, one.packet.destination_port) == (address, port)
    assert (one.nat.kind, one.nat.address, one.nat.port) == ("dnat", address, port)
    assert one.steps[-1].verdict == "dnat"


def test_dnat_to_ipv6_keeps_the_brackets_off_the_address(through):
    packet = Packet("tcp", "2001:db8::1", 1, "fd00::1", 2, "SYN")
    (one,) = through(
        "nat",
        "PREROUTING",
        "-A PREROUTING -p tcp -j DNAT --to-destination [fd00:244:1::10]:8080",
        packet=packet,
    )
    assert (one.packet.destination, one.packet.destination_port) == ("fd00:244:1::10", 8080)
    (bare,) = through(
        "nat", "PREROUTING", "-A PREROUTING -j DNAT --to-destination fd00:244:1::10", packet=packet
    )
    assert (bare.packet.destination, bare.packet.destination_port) == ("fd00:244:1::10", 2)


def test_dnat_to_ranges_stays_in_them(through):
    (one,) = through(
        "nat", "PREROUTING", "-A PREROUTING -p tcp -j DNAT --to-destination 10.0.0.5-10.0.0.9:8000-8010"
    )
    assert one.packet.destination in {f"10.0.0.{n}" for n in range(5, 10)}
    assert 8000 <= one.packet.destination_port <= 8010


def test_a_nat_chain_ends_at_the_first_nat_verdict(through):
    rules = (
        "-A PREROUTING -j A",
        "-A PREROUTING -p tcp -j DNAT --to-destination :9",
        "-A A -p tcp -j DNAT --to-destination :8",
    )
    (one,) = through("nat", "PREROUTING", *rules)
    assert one.packet.destination_port == 8


def test_masquerade_takes_the_outgoing_interfaces_address_and_keeps_a_free_port(through):
    (one,) = through("nat", "POSTROUTING", "-A POSTROUTING -j MASQUERADE")
    assert (one.packet.source, one.packet.source_port) == ("10.244.1.1", 40000)


def test_masquerade_random_fully_always_takes_another_port_and_always_the_same(through):
    first, second = (
        through("nat", "POSTROUTING", "-A POSTROUTING -j MASQUERADE --random-fully")[0] for _ in range(2)
    )
    assert first.packet.source_port not in (40000, 0)
    assert first.packet == second.packet


def test_masquerade_on_an_interface_without_address_drops(through, host):
    (one,) = through(
        "nat", "POSTROUTING", "-A POSTROUTING -j MASQUERADE", context=replace(host, out_interface="veth9")
    )
    assert one.verdict == "drop"


def test_snat_gives_another_port_when_the_answers_would_meet_another_connections(through, host):
    other = Flow("udp", "192.0.2.99", 40000, "172.18.0.11", 53)
    entry = Entry(
        other, Flow("udp", "172.18.0.11", 53, "198.51.100.1", 40000), snat=True, expires=100.0, confirmed=True
    )
    context = replace(host, conntrack=host.conntrack.with_entry(entry))
    rule = "-A POSTROUTING -j SNAT --to-source 198.51.100.1"
    (alone,) = through("nat", "POSTROUTING", rule, packet=UDP)
    (second,) = through("nat", "POSTROUTING", rule, packet=UDP, context=context)
    assert alone.packet.source_port == 40000
    assert second.packet.source_port != 40000
    assert len(second.conntrack) == 2


def test_snat_keeps_to_its_ports(through):
    (one,) = through("nat", "POSTROUTING", "-A POSTROUTING -p tcp -j SNAT --to-source 198.51.100.1:2000-2009")
    assert 2000 <= one.packet.source_port <= 2009


def test_redirect_sends_to_the_host_itself(through, host):
    here = replace(
        host, masquerade_address=lambda _, interface: "172.18.0.11" if interface == "eth0" else None
    )
    packet = replace(UDP, destination="10.96.0.10")
    (arriving,) = through(
        "nat", "PREROUTING", "-A PREROUTING -p udp -j REDIRECT --to-ports 5353", packet=packet, context=here
    )
    (own,) = through(
        "nat", "OUTPUT", "-A OUTPUT -p udp -j REDIRECT --to-ports 5353", packet=packet, context=here
    )
    assert (arriving.packet.destination, arriving.packet.destination_port) == ("172.18.0.11", 5353)
    assert own.packet.destination == "127.0.0.1"


@pytest.mark.parametrize("target", ["NOTRACK", "CT --notrack"])
def test_notrack_leaves_the_packet_untracked(through, target):
    (one,) = through("raw", "PREROUTING", f"-A PREROUTING -j {target}")
    assert one.connection == Connection("UNTRACKED")


def test_connmark_carries_a_mark_to_later_packets(through, host, syn):
    (saved,) = through(
        "mangle", "POSTROUTING", "-A POSTROUTING -j CONNMARK --save-mark", packet=replace(syn, mark=5)
    )
    assert saved.connection.entry.mark == 5
    later = replace(host, conntrack=saved.conntrack)
    (restored,) = through("mangle", "PREROUTING", "-A PREROUTING -j CONNMARK --restore-mark", context=later)
    assert restored.packet.mark == 5
    (setting,) = through("mangle", "PREROUTING", "-A PREROUTING -j CONNMARK --set-xmark 0x9", context=host)
    assert setting.connection.entry.mark == 9
