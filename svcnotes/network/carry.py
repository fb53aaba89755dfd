"""Carry a packet from host to host until its way ends: a machine of small steps, forking where it must."""

from __future__ import annotations

from collections.abc import Iterator

from svcnotes.copying import changed
from svcnotes.network.bridge import cross
from svcnotes.network.flight import DROPPED, Ending, Flight
from svcnotes.network.node_host import BRIDGE
from svcnotes.network.stay import make, receive
from svcnotes.network.topology import Topology
from svcnotes.network.wire import send

MOST_HOPS = 300  # more than any TTL allows: a guard, not a rule of Linux


def carry(net: Topology, flight: Flight) -> Iterator[Ending]:
    """Give every way that a packet, just made at `flight.host`, may end; all their chances add up to its own."""
    under_way: list[Flight | Ending]
    if flight.next_hop:  # made for the bridge: a frame, not a packet to route
        under_way = [send(net, net.host(flight.host), flight, BRIDGE, flight.next_hop)]
    else:
        under_way = list(make(net, flight))
    while under_way:
        now = under_way.pop(0)
        if isinstance(now, Ending):
            yield now
        elif len(now.hops) > MOST_HOPS:
            yield Ending(DROPPED, now, "the packet goes round without end")
        else:
            now = _spin(now)
            under_way[:0] = cross(net, now) if now.next_hop else receive(net, now)


def _spin(flight: Flight) -> Flight:
    """Shorten a routing loop: what came to the same place thrice, unchanged, goes on until its TTL runs out."""
    packet = flight.packet
    place = (flight.host, flight.interface, flight.port)
    before = [
        was.ttl for where, was in flight.rounds if where == place and was.with_ttl(packet.ttl) == packet
    ]
    flight = changed(flight, rounds=(*flight.rounds, (place, packet)))
    if len(before) < 2 or before[-1] <= packet.ttl:
        return flight
    cost = before[-1] - packet.ttl
    turns = (packet.ttl - 1) // cost
    if not turns:
        return flight
    spent = packet.with_ttl(packet.ttl - turns * cost)
    text = f"a routing loop: {turns} more rounds like this take the TTL from {packet.ttl} to {spent.ttl}"
    return flight.noting("", "routing", text, "continue", spent)
