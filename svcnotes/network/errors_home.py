"""The errors that a host sends back: ICMP messages and resets.

Sources: net/ipv4/icmp.c (icmp_send), net/ipv6/icmp.c, nf_reject_ipv4.c, nf_reject_ipv6.c.
"""

from __future__ import annotations

from svcnotes.network.flight import BACK, THERE, Flight
from svcnotes.network.host import Host
from svcnotes.packet import ECHO_REPLY, Packet

RESET = "tcp-reset"
TTL_EXCEEDED = {4: "icmp-ttl-exceeded", 6: "icmp6-ttl-exceeded"}
NO_ROUTE = {4: "icmp-net-unreachable", 6: "icmp6-no-route"}
HOST_UNREACHABLE = {4: "icmp-host-unreachable", 6: "icmp6-addr-unreachable"}
PORT_UNREACHABLE = {4: "icmp-port-unreachable", 6: "icmp6-port-unreachable"}


def error_about(host: Host, flight: Flight, kind: str) -> Flight | None:
    """The error that the host sends about a packet; None where it must not (errors about errors).

    A packet that was for the host itself is answered from the address that it was sent to, any
    other from the host's address toward the sender; in IPv6 it is that of the interface by which the
    packet came, even where the way back is another (icmp6_send). The error inherits conntrack's note, so that
    the host's own NAT is undone on it.
    """
    packet = flight.packet
    if packet.is_error or "RST" in packet.flags:
        return None
    if kind == RESET:
        answer = reset(packet)
        if answer is None:
            return None
    else:
        source = packet.destination if host.is_local(packet.destination) else _own_address(host, flight)
        if not source:
            return None
        answer = Packet("icmp", source, 0, packet.source, 0, icmp=kind, inner=packet.unmarked())
    note = flight.connection.related_back() if flight.connection else None
    turned = BACK if flight.direction == THERE else THERE
    return flight.made(answer, connection=note, direction=turned)


def reset(packet: Packet) -> Packet | None:
    """The RST that answers a TCP segment; None for other protocols."""
    if packet.protocol != "tcp":
        return None
    flags = "RST" if packet.flags == "SYN,ACK" else "RST,ACK"
    return answer_to(packet, flags)


def answer_to(packet: Packet, flags: str = "") -> Packet:
    """A packet the other way: addresses and ports swapped, a fresh TTL; a ping's is the echo reply."""
    return Packet(
        packet.protocol,
        packet.destination,
        packet.destination_port,
        packet.source,
        packet.source_port,
        flags=flags,
        icmp=ECHO_REPLY[packet.family] if packet.is_echo else "",
    )


def _own_address(host: Host, flight: Flight) -> str:
    """The address that an error about a packet comes from; empty where there is no way to its sender."""
    sender = flight.packet.source
    route = host.route(sender)
    if route is None or route.kind not in ("unicast", "local"):
        return ""
    if flight.packet.family == 6 and flight.interface:
        return host.select_address(flight.interface, sender)
    return host.source_for(sender, route)
