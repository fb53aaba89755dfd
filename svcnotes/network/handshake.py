"""The third packet of a TCP handshake, which may be lost where the first two came through.

A node that passes the packets there and never sees an answer knows a SYN alone. The ACK that follows does not fit
that: to its conntrack it is INVALID, and what kube-proxy's rules do with such packets is theirs to say. Source:
tcp_conntracks in net/netfilter/nf_conntrack_proto_tcp.c.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from svcnotes.network.carry import carry
from svcnotes.network.flight import BACK, DELIVERED, THERE, Flight
from svcnotes.network.legs import entered
from svcnotes.network.topology import Topology


def lost_ack(net: Topology, first: Flight, answered: Flight) -> str:
    """Why the ACK of the one who asked does not come up to who answered; empty where it does.

    `answered` is the answer to the connection's `first` packet, at the asker's host. Only where a node has seen more of
    the one than of the other is it sent at all: elsewhere it goes the way of the first.
    """
    packet = first.packet
    if packet.protocol != "tcp" or "ACK" in packet.flags:
        return ""
    stays = Counter((hop.direction, hop.host) for hop in answered.hops if hop.kind == "node")
    if all(stays[BACK, host] >= times for (way, host), times in stays.items() if way == THERE):
        return ""
    node = entered(answered.hops)
    chosen = {packet.destination: net.cluster.nodes[node].address(packet.family)} if node else first.chosen
    ack = answered.made(replace(packet, flags="ACK", mark=0, ttl=64), direction=THERE, chosen=chosen)
    ends = list(carry(net, ack))
    return "" if any(one.kind == DELIVERED for one in ends) else ends[0].reason
