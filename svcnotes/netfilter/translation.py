"""Rewrite a packet by its connection's entry: what NAT does after the first packet, and to errors.

Sources: nf_nat_packet and nf_nat_icmp_reply_translation in net/netfilter/nf_nat_core.c, nf_nat_proto.c.
"""

from __future__ import annotations

from dataclasses import replace

from svcnotes.netfilter.conntrack import ORIGINAL, REPLY, Entry, Flow
from svcnotes.packet import Packet

DESTINATION_HOOKS = ("PREROUTING", "OUTPUT")


def translate(packet: Packet, entry: Entry, direction: str, hook: str) -> Packet:
    """Give the packet as NAT leaves it at this hook; the same packet where there is nothing to do.

    Destinations change at PREROUTING and OUTPUT, sources at POSTROUTING and INPUT. A packet of the
    original direction takes the entry's DNAT and SNAT; an answer has them undone, so that its
    destination changes where the connection has SNAT and its source where it has DNAT.
    """
    if hook == "FORWARD" or not _concerned(entry, direction, hook):
        return packet
    answer = entry.flow(REPLY if direction == ORIGINAL else ORIGINAL)
    if packet.icmp and packet.inner is not None:
        return _translate_error(packet, packet.inner, answer, hook)
    if hook in DESTINATION_HOOKS:
        return packet.between(packet.source, packet.source_port, answer.source, answer.source_port)
    return packet.between(
        answer.destination, answer.destination_port, packet.destination, packet.destination_port
    )


def _concerned(entry: Entry, direction: str, hook: str) -> bool:
    destination = hook in DESTINATION_HOOKS
    return entry.dnat if destination == (direction == ORIGINAL) else entry.snat


def _translate_error(packet: Packet, inner: Packet, answer: Flow, hook: str) -> Packet:
    """Change an ICMP error without and within: the inner packet travels the other way."""
    if hook in DESTINATION_HOOKS:
        inner = replace(inner, source=answer.source, source_port=answer.source_port)
        return replace(packet, destination=answer.source, inner=inner)
    inner = replace(inner, destination=answer.destination, destination_port=answer.destination_port)
    return replace(packet, source=answer.destination, inner=inner)
