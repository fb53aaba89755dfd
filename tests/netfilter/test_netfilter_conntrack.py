"""Connections: what a host remembers, and how it translates what belongs to them."""

from dataclasses import replace

import pytest

from svcnotes.netfilter import Conntrack, Ruleset, translate, walk
from svcnotes.netfilter.conntrack import ORIGINAL, REPLY, Entry, Flow
from svcnotes.packet import Packet

ROUTER = "172.18.0.1"


@pytest.fixture
def node(recorded_ruleset):
    return recorded_ruleset("nodeport-cluster")


@pytest.fixture
def opened(node, host, syn):
    """A connection through a nodePort: the packet as it left, and the host as it then is."""
    packet, context = syn, host
    for hook in ("PREROUTING", "FORWARD", "POSTROUTING"):
        after = walk(node, hook, packet, context)[0]
        packet = after.packet
        context = replace(
            context, recent=after.recent, conntrack=after.conntrack, connection=after.connection
        )
    return packet, replace(context, connection=None)


def across(node, packet, context, *hooks):
    for hook in hooks:
        (after,) = walk(node, hook, packet, context)
        assert after.verdict == "accept"
        packet, context = (
            after.packet,
            replace(context, conntrack=after.conntrack, connection=after.connection),
        )
    return packet, replace(context, connection=None)


def answer_to(packet, flags="SYN,ACK"):
    return Packet(
        packet.protocol, packet.destination, packet.destination_port, packet.source, packet.source_port, flags
    )


def test_an_answer_comes_back_as_from_the_address_dialled(node, opened, syn):
    packet, context = opened
    back, _ = across(node, answer_to(packet), context, "PREROUTING", "FORWARD", "POSTROUTING")
    assert (back.source, back.source_port) == (syn.destination, syn.destination_port)
    assert (back.destination, back.destination_port) == (syn.source, syn.source_port)


def test_the_destination_turns_at_prerouting_and_the_source_at_postrouting(node, opened, syn):
    packet, context = opened
    halfway, _ = across(node, answer_to(packet), context, "PREROUTING")
    assert (halfway.destination, halfway.source) == (syn.source, packet.destination)


def test_later_packets_take_the_same_endpoint_without_the_nat_rules(node, opened, syn):
    packet, context = opened
    _, context = across(node, answer_to(packet), context, "PREROUTING", "FORWARD", "POSTROUTING")
    ack = replace(syn, flags="ACK")
    (first,) = walk(node, "PREROUTING", ack, context)
    assert first.connection.state == "ESTABLISHED"
    assert not any(step.table == "nat" for step in first.steps)
    there, _ = across(node, ack, context, "PREROUTING", "FORWARD", "POSTROUTING")
    assert (there.source, there.source_port, there.destination) == (
        packet.source,
        packet.source_port,
        packet.destination,
    )


def test_a_syn_sent_again_before_any_answer_is_new_and_goes_to_the_same_endpoint(node, opened, syn):
    packet, context = opened
    (again,) = walk(node, "PREROUTING", syn, context)
    assert (again.connection.state, again.packet.destination) == ("NEW", packet.destination)


def test_an_icmp_error_is_translated_without_and_within(node, opened, syn):
    """A router beyond the node complains about the packet as it looked there."""
    packet, context = opened
    error = Packet("icmp", ROUTER, 0, packet.source, 0, icmp="icmp-ttl-exceeded", inner=packet)
    (first,) = walk(node, "PREROUTING", error, context)
    assert first.connection.state == "RELATED"
    back, _ = across(node, error, context, "PREROUTING", "FORWARD", "POSTROUTING")
    assert back.destination == syn.source
    assert back.source == syn.destination
    assert (back.inner.source, back.inner.source_port) == (syn.source, syn.source_port)
    assert (back.inner.destination, back.inner.destination_port) == (syn.destination, syn.destination_port)


def test_the_hosts_own_error_about_an_unfinished_connection_is_translated_too(node, host, syn):
    first = walk(node, "PREROUTING", syn, host)[0]
    error = Packet("icmp", "172.18.0.11", 0, syn.source, 0, icmp="icmp-port-unreachable", inner=first.packet)
    (out,) = walk(node, "OUTPUT", error, replace(host, connection=first.connection.related_back()))
    (left,) = walk(node, "POSTROUTING", out.packet, replace(host, connection=out.connection))
    assert left.packet.inner.destination == syn.destination
    assert left.packet.source == syn.destination


def test_an_error_about_an_unknown_connection_is_invalid(syn):
    error = Packet(
        "icmp", ROUTER, 0, "172.18.0.11", 0, icmp="icmp-host-unreachable", inner=replace(syn, source_port=1)
    )
    assert Conntrack().classify(error).state == "INVALID"


@pytest.mark.parametrize(
    ("flags", "state"),
    [
        ("SYN", "NEW"),
        ("ACK", "NEW"),
        ("SYN,ACK", "INVALID"),
        ("RST", "INVALID"),
        ("RST,ACK", "INVALID"),
        ("FIN,ACK", "INVALID"),
    ],
)
def test_only_some_packets_can_begin_a_connection(syn, flags, state):
    assert Conntrack().classify(replace(syn, flags=flags)).state == state


def test_a_strict_host_takes_up_no_connection_under_way(syn):
    assert Conntrack(loose=False).classify(replace(syn, flags="ACK")).state == "INVALID"


def test_a_stray_answer_is_dropped_by_the_rule_for_invalid_packets(node, host, syn):
    stray = answer_to(syn)
    (first,) = walk(node, "PREROUTING", stray, host)
    (second,) = walk(node, "FORWARD", first.packet, replace(host, connection=first.connection))
    assert (second.verdict, second.steps[-1].chain) == ("drop", "KUBE-FORWARD")


def test_a_rejected_or_dropped_first_packet_leaves_no_entry(through):
    (one,) = through("filter", "INPUT", "-A INPUT -j DROP")
    assert len(one.conntrack) == 0


def test_a_connection_is_remembered_once_it_is_through(opened):
    _, context = opened
    (entry,) = context.conntrack
    assert (entry.confirmed, entry.dnat, entry.snat, entry.phase) == (True, True, True, "SYN_SENT")


def test_udp_is_new_until_answered_then_established():
    packet = Packet("udp", "192.0.2.10", 40000, "10.0.0.1", 53)
    table = Conntrack()
    begun = table.classify(packet, 0.0)
    table = table.with_entry(replace(begun.entry, confirmed=True))
    assert table.classify(packet, 1.0).state == "NEW"
    reply = table.classify(answer_to(packet, ""), 2.0)
    assert (reply.state, reply.direction) == ("ESTABLISHED", REPLY)
    later = table.with_entry(reply.entry).classify(packet, 3.0)
    assert (later.state, later.direction) == ("ESTABLISHED", ORIGINAL)


def test_udp_that_still_goes_on_after_two_seconds_is_a_stream_and_kept_four_times_as_long():
    """nf_conntrack_udp_packet: a question and its answer are none, however often; as Linux 6.18 showed it, too."""
    packet = Packet("udp", "192.0.2.10", 40000, "10.0.0.1", 53)
    table, told = Conntrack(), []
    for time, sent in [(5.0, packet), (5.0, answer_to(packet, "")), (6.9, packet), (7.1, packet)]:
        entry = table.classify(sent, time).entry
        table = table.with_entry(replace(entry, confirmed=True))
        told.append((entry.phase, entry.expires - time))
    assert told == [("UNREPLIED", 30), ("REPLIED", 30), ("REPLIED", 30), ("ASSURED", 120)]


@pytest.mark.parametrize(
    ("protocol", "flags", "seconds"), [("tcp", "SYN", 120), ("udp", "", 30), ("sctp", "", 3)]
)
def test_an_unanswered_connection_is_forgotten_after_its_protocols_time(protocol, flags, seconds):
    packet = Packet(protocol, "192.0.2.10", 40000, "10.0.0.1", 80, flags)
    entry = Conntrack().classify(packet, 0.0).entry
    table = Conntrack().with_entry(entry)
    assert table.find(Flow.of(packet), seconds) is not None
    assert table.find(Flow.of(packet), seconds + 1) is None


def test_tcp_goes_through_its_phases(syn):
    table = Conntrack()
    told = []
    for packet in (
        syn,
        answer_to(syn),
        replace(syn, flags="ACK"),
        replace(syn, flags="FIN,ACK"),
        answer_to(syn, "RST"),
    ):
        entry = table.classify(packet, 0.0).entry
        told.append((entry.phase, entry.expires))
        table = table.with_entry(entry)
    assert told == [
        ("SYN_SENT", 120),
        ("SYN_RECV", 60),
        ("ESTABLISHED", 432_000),
        ("FIN_WAIT", 120),
        ("CLOSE", 10),
    ]


def test_a_full_table_drops_new_connections_only(node, syn, opened):
    packet, context = opened
    full = replace(context, conntrack=replace(context.conntrack, limit=1))
    (refused,) = {w.verdict for w in walk(node, "PREROUTING", replace(syn, source_port=5), full)}
    (known,) = walk(node, "PREROUTING", answer_to(packet), full)
    assert (refused, known.verdict) == ("drop", "accept")


def test_an_entry_can_be_deleted(opened):
    _, context = opened
    (entry,) = context.conntrack
    assert len(context.conntrack.without_entry(entry)) == 0


def test_two_connections_whose_answers_would_be_alike_get_different_ports(host):
    """Two clients' packets to two addresses, DNATed to one endpoint without masquerade, from one source."""
    rules = Ruleset.parse(
        "*nat\n:PREROUTING ACCEPT\n:POSTROUTING ACCEPT\n-A PREROUTING -p tcp -j DNAT --to-destination 10.244.1.10:8080\nCOMMIT\n"
    )
    first = Packet("tcp", "192.0.2.10", 40000, "10.96.0.1", 80, "SYN")
    packet, context = across(rules, first, host, "PREROUTING", "POSTROUTING")
    other, context = across(
        rules, replace(first, destination="10.96.0.2"), context, "PREROUTING", "POSTROUTING"
    )
    assert (packet.source_port, packet.destination) == (40000, other.destination)
    assert other.source_port != 40000
    back, _ = across(rules, answer_to(other), context, "PREROUTING", "POSTROUTING")
    assert (back.source, back.destination_port) == ("10.96.0.2", 40000)


def test_translation_concerns_each_hook_with_one_side():
    original = Flow("tcp", "192.0.2.10", 40000, "172.18.0.11", 30080)
    reply = Flow("tcp", "10.244.1.10", 8080, "10.244.1.1", 7000)
    entry = Entry(original, reply, dnat=True, snat=True)
    there = Packet("tcp", "192.0.2.10", 40000, "172.18.0.11", 30080, "ACK")
    assert translate(there, entry, ORIGINAL, "PREROUTING").destination == "10.244.1.10"
    assert translate(there, entry, ORIGINAL, "FORWARD") == there
    assert translate(there, entry, ORIGINAL, "POSTROUTING").source == "10.244.1.1"
    assert translate(there, replace(entry, snat=False), ORIGINAL, "POSTROUTING") == there


def test_a_packet_over_loopback_keeps_its_connection(recorded_ruleset, host):
    """A process on the node dials the nodePort at 127.0.0.1: OUTPUT chose; PREROUTING must not again."""
    node = recorded_ruleset("nodeport-cluster")
    packet = Packet("tcp", "127.0.0.1", 40000, "127.0.0.1", 30080, "SYN")
    for sent in walk(node, "OUTPUT", packet, host):
        (left,) = walk(node, "POSTROUTING", sent.packet, replace(host, connection=sent.connection))
        assert left.packet.source == "10.244.1.1"
        (again,) = walk(
            node,
            "PREROUTING",
            left.packet,
            replace(host, conntrack=left.conntrack, connection=left.connection),
        )
        assert again.packet == left.packet


def test_a_syn_after_a_reset_begins_a_connection_anew(node, opened, syn):
    packet, context = opened
    _, context = across(node, answer_to(packet, "RST,ACK"), context, "PREROUTING", "FORWARD", "POSTROUTING")
    assert [entry.phase for entry in context.conntrack] == ["CLOSE"]
    again = walk(node, "PREROUTING", syn, context)
    assert len(again) > 1
    assert {w.connection.state for w in again} == {"NEW"}
