"""A question asked over the network: the packet there, the answer back, and what the asker makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from svcnotes.copying import changed, value
from svcnotes.network import cloud
from svcnotes.network.carry import carry
from svcnotes.network.errors_home import PORT_UNREACHABLE, answer_to, error_about, reset
from svcnotes.network.flight import (
    BACK,
    DELIVERED,
    DROPPED,
    EXTERNAL,
    NO_ROUTE,
    REFUSED,
    THERE,
    Ending,
    Flight,
)
from svcnotes.network.handshake import lost_ack
from svcnotes.network.sockets import Listener, listener
from svcnotes.network.topology import Topology
from svcnotes.packet import Packet, endpoint_text

CONNECTED, UNREACHABLE, TIMEOUT = "connected", "unreachable", "timeout"
_ANSWERS = {"tcp": "SYN,ACK"}
_DATA = "PSH,ACK"
LOCAL_HOOKS = ("OUTPUT", "POSTROUTING")


@value(frozen=True, slots=True)
class Served:
    """The process that got the packet, at which host, and the packet as that process saw it."""

    host: str
    by: Listener
    seen: Packet


@value(frozen=True, slots=True)
class Result:
    """How one way of a conversation ended; `flight` has the hops and what the hosts remember now.

    `served` is the process that took the packet; `closed_at` the host that got it where no process listens.
    """

    outcome: str
    flight: Flight
    how: str = ""
    icmp_from: str = ""
    served: Served | None = None
    reason: str = ""
    closed_at: str = ""


def converse(net: Topology, first: Flight) -> Iterator[Result]:
    """Send a first packet from its host and follow everything that comes of it.

    The probabilities of the results add up to that of the first packet.
    """
    for ending in carry(net, first):
        yield from _went(net, first, ending)


def _went(net: Topology, first: Flight, ending: Ending) -> Iterator[Result]:
    """What came of the packet there."""
    flight = ending.flight
    if ending.kind == DELIVERED:
        yield from _taken(net, first, flight)
    elif ending.kind == EXTERNAL:
        yield Result(EXTERNAL, _close(net, flight, ending.reason), reason=ending.reason)
    elif ending.kind == NO_ROUTE:
        yield Result(UNREACHABLE, _close(net, flight, ending.reason), "enetunreach", reason=ending.reason)
    elif _send_fails(first, ending):
        outcome = REFUSED if ending.kind == REFUSED else TIMEOUT
        reason = f"{ending.reason}; send() fails with EPERM"
        yield Result(outcome, _close(net, flight, ending.reason), "eperm", reason=reason)
    elif ending.answer is None:
        outcome = EXTERNAL if flight.left else TIMEOUT
        yield Result(outcome, _close(net, flight, ending.reason), reason=ending.reason)
    else:
        closed = _close(net, flight, ending.reason)
        answer = changed(ending.answer, hops=closed.hops, memories=flight.memories)
        yield from _answer(net, first, answer, None, ending.reason)


def _send_fails(first: Flight, ending: Ending) -> bool:
    """Whether the asker learns at once: a local rule stopped its datagram before it left the host.

    The one who pings over IPv6 does not: icmpv6_push_pending_frames (net/ipv6/icmp.c) keeps the error to itself.
    """
    at_home = ending.flight.host == first.host and not ending.flight.interface
    told = first.packet.protocol != "tcp" and not (first.packet.icmp and first.packet.family == 6)
    return told and at_home and ending.hook in LOCAL_HOOKS


def _taken(net: Topology, first: Flight, flight: Flight) -> Iterator[Result]:
    """The packet came up to a host's sockets."""
    packet, host = flight.packet, net.host(flight.host)
    balancer = _balancer(net, flight)
    if balancer is not None and not packet.is_echo:
        yield from _proxied(net, first, flight, balancer)
        return
    open_there = _is_data(packet)
    process = _holder(net, flight) if open_there else listener(net, flight.host, packet)
    at = packet.destination_text
    if process is not None:
        who = process.pod or process.name
        text = f"{who} listens on {at} and sees {packet.source_text}"
        if packet.is_echo:
            text = f"the kernel of {who} answers the ping of {packet.source}"
        elif open_there:
            text = f"{who} has this connection open: it reads, and answers {packet.source_text}"
        taken = _close(net, flight.noting("", "socket", text, "deliver"), f"{who} took it")
        served = Served(flight.host, process, packet)
        reply = answer_to(packet, _answer_flags(packet))
        yield from _answer(net, first, taken.made(reply, direction=BACK), served, "")
        return
    text = f"{host.name}: nothing listens on {packet.protocol} {at}"
    if open_there:
        text = f"{host.name}: no process there has this connection open"
    closed = _close(net, flight.noting("", "socket", text, "refuse"), text)
    if packet.protocol == "tcp":
        made = reset(packet)
        answer = None if made is None else closed.made(made, direction=BACK)
    elif packet.protocol == "udp":
        answer = error_about(host, flight, PORT_UNREACHABLE[packet.family])
    else:
        answer = closed.made(answer_to(packet), direction=BACK)
    if answer is None:
        yield Result(TIMEOUT, closed, reason=text)
        return
    answer = changed(answer, hops=closed.hops, memories=flight.memories, connection=None)
    for result in _answer(net, first, answer, None, text):
        yield replace(result, closed_at=host.name)


def _is_data(packet: Packet) -> bool:
    """Whether it is a segment of a TCP connection that is open: only the process that holds it takes it."""
    return packet.protocol == "tcp" and "ACK" in packet.flags and "SYN" not in packet.flags


def _answer_flags(packet: Packet) -> str:
    return _DATA if _is_data(packet) else _ANSWERS.get(packet.protocol, "")


def _held(flight: Flight) -> int | None:
    """Which leg of an open connection ends at this host with this packet's addresses; None for none."""
    for number, leg in enumerate(flight.held):
        if leg.server == flight.host and _same(leg.seen, flight.packet):
            return number
    return None


def _holder(net: Topology, flight: Flight) -> Listener | None:
    """The process that holds this connection open; it need not listen any more."""
    number = _held(flight)
    if number is None:
        return None
    return listener(net, flight.host, flight.held[number].seen) or Listener(
        flight.host, _pod(net, flight.host)
    )


def _pod(net: Topology, host: str) -> str | None:
    return host if host in net.cluster.pods else None


def _answer(
    net: Topology, first: Flight, answer: Flight, served: Served | None, why: str
) -> Iterator[Result]:
    """Carry an answer home; it walks on its own and may fail."""
    for ending in carry(net, answer):
        flight = ending.flight
        if ending.kind == DELIVERED and flight.host == first.host:
            yield _heard(net, first, flight, served, why)
        else:
            yield _lost(net, ending, served, why)


def _lost(net: Topology, ending: Ending, served: Served | None, why: str) -> Result:
    """The answer never came to the asker."""
    flight = ending.flight
    reason = ending.reason
    if ending.kind == DELIVERED:
        reason = f"it came to {flight.host}, which knows no such connection"
        if flight.packet.flags == "SYN,ACK":
            reason += " and answers RST"
        flight = flight.noting("", "socket", reason, "refuse")
    what = "the answer" if served else "the error"
    whole = f"{what} was lost on its way back: {reason}"
    if why:
        whole = f"{why}; {whole}"
    outcome = EXTERNAL if flight.left and served is None else TIMEOUT
    return Result(outcome, _close(net, flight, reason), served=served, reason=whole)


def _heard(net: Topology, first: Flight, flight: Flight, served: Served | None, why: str) -> Result:
    """Whether what came to the asker's host belongs to what it asked."""
    packet, asked = flight.packet, first.packet
    if packet.is_error:
        inner = packet.inner
        if inner is None or not _same(inner, asked):
            return _stray(net, flight, served, "its error is about no packet that", why)
        done = _close(
            net,
            flight.noting("", "socket", f"the asker reads {packet.icmp}", "deliver"),
            f"the asker learns: {packet.icmp}",
        )
        port_closed = packet.icmp in PORT_UNREACHABLE.values()
        outcome = REFUSED if port_closed else EXTERNAL if flight.left else UNREACHABLE
        return Result(outcome, done, packet.icmp, packet.source, served, why)
    if not _same(answer_to(packet), asked):
        came, dialled = packet.source_text, asked.destination_text
        return _stray(net, flight, served, f"the answer comes from {came}, not from {dialled}:", why)
    done = _close(
        net, flight.noting("", "socket", "the asker gets its answer", "deliver"), "the asker has its answer"
    )
    if served is not None:
        who = served.by.pod or served.by.name
        if lost := lost_ack(net, first, flight):
            return Result(
                TIMEOUT, done, served=served, reason=f"{who} answered; the ACK that follows was lost: {lost}"
            )
        return Result(CONNECTED, done, served=served, reason=f"{who} answered")
    return Result(REFUSED, done, "rst" if packet.protocol == "tcp" else "abort", reason=why)


def _same(one: Packet, asked: Packet) -> bool:
    return (one.protocol, one.source, one.source_port, one.destination, one.destination_port) == (
        asked.protocol,
        asked.source,
        asked.source_port,
        asked.destination,
        asked.destination_port,
    )


def _stray(net: Topology, flight: Flight, served: Served | None, text: str, why: str) -> Result:
    """An answer that the asker does not recognise: TCP resets it, and goes on waiting."""
    host = net.host(flight.host)
    reason = f"{text} {host.name} knows no such connection"
    if flight.packet.protocol == "tcp":
        reason += " and answers RST"
    noted = flight.noting("", "socket", reason, "refuse")
    whole = f"{why}; {reason}" if why else reason
    return Result(TIMEOUT, _close(net, noted, reason), served=served, reason=whole)


def _close(net: Topology, flight: Flight, ended: str) -> Flight:
    """Write down the last hop of a packet."""
    return flight.closed(net.host(flight.host).kind, "", ended=ended or "it ended here")


def _balancer(net: Topology, flight: Flight) -> cloud.Balancer | None:
    if net.host(flight.host).kind != "outside" or net.cluster.world.cloud not in ("proxying", "pods"):
        return None
    return cloud.balancers(net.cluster).get(flight.packet.destination)


def _proxied(net: Topology, first: Flight, flight: Flight, balancer: cloud.Balancer) -> Iterator[Result]:
    """A proxying balancer accepts, and asks a backend itself: the Pod sees the balancer.

    Simplified: it answers the client when its backend has answered, and where the backend did not, the
    client's outcome is what the balancer met.
    """
    packet = flight.packet
    number = _held(flight)
    if _is_data(packet) and number is None:
        text = f"{flight.host}: no process there has this connection open"
        yield Result(TIMEOUT, _close(net, flight.noting("", "socket", text, "drop"), text), reason=text)
        return
    onward = flight.held[number + 1 : number + 2] if number is not None else ()
    choices = cloud.backends(net.cluster, balancer, packet.protocol, packet.destination_port)
    if onward and (_is_data(packet) or onward[0].end in (choices or ())):
        choices = (onward[0].end,)  # it goes on with the backend that it chose
    at = endpoint_text(packet.destination, packet.destination_port)
    if choices is None:
        text = f"the load balancer does not listen on {packet.protocol} {at}"
        closed = _close(net, flight.noting("", "socket", text, "drop"), text)
        yield Result(TIMEOUT, closed, reason=text)
        return
    if not choices:
        text = f"the load balancer has no healthy backend for {at}"
        closed = _close(net, flight.noting("", "socket", text, "drop"), text)
        yield Result(TIMEOUT, closed, reason=text)
        return
    for address, port in choices:
        text = (
            f"the load balancer accepts, and connects to {endpoint_text(address, port)} (1 of {len(choices)})"
        )
        if onward:
            text = f"the load balancer passes it on to {endpoint_text(address, port)}, whom it asks already"
        taken = _close(net, flight.noting("", "socket", text, "deliver"), text)
        ask = Packet(
            packet.protocol, packet.destination, packet.source_port, address, port, flags=packet.flags
        )
        second = taken.made(ask, direction=THERE)
        second = changed(second, probability=flight.probability * Fraction(1, len(choices)))
        for result in converse(net, second):
            whole = f"{text}: {result.reason}"
            if result.outcome != CONNECTED:
                yield replace(result, reason=whole)
                continue
            back = result.flight.hops[-1]
            passing = replace(back, ended="the load balancer has its backend's answer, and passes it on")
            heard = changed(result.flight, hops=(*result.flight.hops[:-1], passing))
            answer = heard.made(answer_to(packet, _answer_flags(packet)), direction=BACK)
            for home in _answer(net, first, answer, result.served, ""):
                yield replace(home, reason=whole if home.outcome == CONNECTED else f"{whole}; {home.reason}")


__all__ = ["CONNECTED", "DROPPED", "TIMEOUT", "UNREACHABLE", "Result", "Served", "converse"]
