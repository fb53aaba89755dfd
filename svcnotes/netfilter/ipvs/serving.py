"""A new connection to a virtual server: which real server gets it, by persistence or by the scheduler.

Sources: ip_vs_schedule and ip_vs_sched_persist in ip_vs_core.c, ip_vs_check_template in ip_vs_conn.c.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Protocol

from svcnotes.netfilter.balancing import (
    ESTABLISHED,
    Balancing,
    Kept,
    Served,
    first_state,
    lasts,
    server_name,
)
from svcnotes.netfilter.conntrack import Flow
from svcnotes.netfilter.ipvs.schedulers import Choice, schedule
from svcnotes.netfilter.skb import Skb
from svcnotes.packet import Packet
from svcnotes.virtual_servers import RealServer, Tuning, VirtualServer, add_real, add_service


class Lookup(Protocol):
    """Where virtual servers are found, and how the host's IPVS is set."""

    @property
    def tuning(self) -> Tuning:
        """The timeouts and switches."""
        ...

    def find(self, name: str, balancing: Balancing) -> VirtualServer | None:
        """A virtual server by its name (`tcp 10.96.0.80:80`), those real ones included that are leaving."""
        ...


@dataclass(frozen=True, slots=True)
class Serving:
    """What came of a request: the virtual server, its lines as `ipvsadm -Sn` prints them, and the connection.

    `connection` is None where no real server may be had. `number` is the line of the real server, from 1; `why`
    says in a few words what decided.
    """

    server: VirtualServer
    lines: tuple[str, ...]
    connection: Served | None
    number: int
    why: str
    balancing: Balancing


def serve(servers: Lookup, s: Skb, packet: Packet) -> Serving | None:
    """Find the virtual server that a packet is for, and choose its real server; None where there is none."""
    name = server_name(packet.protocol, packet.destination, packet.destination_port)
    found = servers.find(name, s.balancing)
    if found is None:
        return None
    server = counted(found, s.balancing, s.context.time)
    balancing = s.balancing
    choice = _kept(server, name, s, servers.tuning) if server.persistent else None
    if choice is None:
        choice = schedule(server, balancing.places.get(name, ()), s)
        balancing = balancing.with_place(name, choice.place) if choice.place else balancing
    lines = (add_service(server), *(add_real(server, one) for one in server.real_servers))
    real = choice.real
    if real is None:
        return Serving(server, lines, None, 0, choice.why, balancing)
    if server.persistent:
        until = s.context.time + server.persistent
        balancing = balancing.with_kept(name, s.source(), Kept(real.text, until))
    state = first_state(packet.protocol)
    expires = s.context.time + lasts(packet.protocol, state, servers.tuning)
    connection = Served(Flow.of(packet), real.address, real.port, state, expires)
    number = server.real_servers.index(real) + 2
    return Serving(server, lines, connection, number, choice.why, balancing)


def _kept(server: VirtualServer, name: str, s: Skb, tuning: Tuning) -> Choice | None:
    """The real server that a client stays with; None where it has none, or one that takes nobody any more.

    One of weight 0 takes who was there before, unless expire_quiescent_template is set. The client stays for as long as the time says, and while a connection of this client is open.
    """
    kept = s.balancing.kept.get((name, s.source()))
    if kept is None:
        return None
    time, client = s.context.time, s.source()
    in_use = any(one.server == name and one.request.source == client for one in s.balancing.alive(time))
    real = next((one for one in server.real_servers if one.text == kept.real), None)
    quiescent = real is not None and not real.weight and tuning.expire_quiescent_template
    if real is None or quiescent or (kept.expires < time and not in_use):
        return None
    return Choice(real, f"persistent: {client} had it before")


def counted(server: VirtualServer, balancing: Balancing, time: float) -> VirtualServer:
    """A virtual server whose real ones say how many connections they have (ActiveConn, InActConn)."""
    if not balancing.requests:
        return server
    name = server_name(server.protocol, server.address, server.port)
    of_it = [one for one in balancing.alive(time) if one.server == name]
    active = Counter(one.real_text for one in of_it if one.state == ESTABLISHED)
    every = Counter(one.real_text for one in of_it)
    reals = tuple(
        replace(one, active=active[one.text], inactive=every[one.text] - active[one.text])
        for one in server.real_servers
    )
    return replace(server, real_servers=reals)


def with_leaving(server: VirtualServer, balancing: Balancing) -> VirtualServer:
    """A virtual server with the real ones that kube-proxy took away while connections were open: weight 0."""
    if not balancing.leaving:
        return server
    name = server_name(server.protocol, server.address, server.port)
    there = {one.text for one in server.real_servers}
    leaving = sorted(real for of, real in balancing.leaving if of == name and real not in there)
    return replace(server, real_servers=(*server.real_servers, *map(_without_weight, leaving)))


def _without_weight(text: str) -> RealServer:
    address, _, port = text.rpartition(":")
    return RealServer(address.strip("[]"), int(port), weight=0)
