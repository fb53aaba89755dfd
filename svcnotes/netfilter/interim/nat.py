"""NAT: what a rule chose for a connection's first packet, and its translation of every later one.

Sources: nf_nat_core.c (nf_nat_packet), nf_nat_proto.c (nf_nat_icmp_reply_translation).
"""

from __future__ import annotations

from dataclasses import replace

from svcnotes.netfilter.conntrack import ORIGINAL, Conntrack, Entry
from svcnotes.netfilter.walk import Mapping
from svcnotes.packet import Packet

# Destinations are written where a packet comes in, sources where it goes out.
DESTINATION_HOOKS = frozenset({"PREROUTING", "OUTPUT"})


def undecided(entry: Entry, hook: str) -> bool:
    """Whether the nat rules have not had their say yet for the half of NAT done at this hook."""
    return not (entry.dnat_done if hook in DESTINATION_HOOKS else entry.snat_done)


def decide(entry: Entry, hook: str, chosen: Mapping | None, table: Conntrack, time: float) -> Entry:
    """The entry after the nat rules of a hook, with what they chose, if anything.

    Where another connection holds the answer's tuple already, the source port gives way
    (nf_nat_used_tuple); Linux does that even without a rule.
    """
    if hook in DESTINATION_HOOKS:
        if chosen is None:
            return replace(entry, dnat_done=True)
        reply = replace(entry.reply, source=chosen.address, source_port=chosen.port)
        return replace(entry, reply=reply, dnat=reply != entry.reply or entry.dnat, dnat_done=True)
    reply = entry.reply
    if chosen is not None:
        reply = replace(reply, destination=chosen.address, destination_port=chosen.port)
    while table.taken(reply, time):
        reply = replace(reply, destination_port=1024 + (reply.destination_port - 1023) % 64512)
    expected = entry.original
    snat = (reply.destination, reply.destination_port) != (expected.source, expected.source_port)
    return replace(entry, reply=reply, snat=snat, snat_done=True)


def translate(packet: Packet, entry: Entry, direction: str, hook: str) -> Packet:
    """Rewrite a packet of a known connection as NAT does at that hook.

    An ICMP error is rewritten outside, and inside the other way round, so that it looks like an
    answer to what its receiver sent.
    """
    at_destination = hook in DESTINATION_HOOKS
    forward = direction == ORIGINAL
    if not (entry.dnat if at_destination == forward else entry.snat):
        return packet
    other = entry.reply if forward else entry.original
    target = other.inverted()
    if packet.inner is not None:
        if at_destination:
            inner = replace(packet.inner, source=other.source, source_port=other.source_port)
            return replace(packet, destination=target.destination, inner=inner)
        inner = replace(packet.inner, destination=other.destination, destination_port=other.destination_port)
        return replace(packet, source=target.source, inner=inner)
    if at_destination:
        return replace(packet, destination=target.destination, destination_port=target.destination_port)
    return replace(packet, source=target.source, source_port=target.source_port)
