"""A packet's stay at one host: from an interface or a process, through the hooks, to a wire or a socket.

Sources: net/ipv4/ip_input.c, ip_forward.c, ip_output.c, fib_frontend.c. Simplified: no
fragments, no MTU, no ICMP redirects, no rate limit on ICMP errors.
"""

from __future__ import annotations

from collections.abc import Iterator

from svcnotes.copying import changed
from svcnotes.network.addresses import is_loopback
from svcnotes.network.errors_home import HOST_UNREACHABLE, NO_ROUTE, TTL_EXCEEDED, error_about
from svcnotes.network.flight import DELIVERED, DROPPED, REFUSED, Ending, Flight
from svcnotes.network.flight import NO_ROUTE as NOWHERE
from svcnotes.network.hooks import pass_hook, reverse_path
from svcnotes.network.host import LOOPBACK, Host, Route
from svcnotes.network.legs import FIRST
from svcnotes.network.topology import Topology
from svcnotes.network.wire import send, stays_on_port
from svcnotes.packet import Packet

Outcome = Iterator[Flight | Ending]


def receive(net: Topology, flight: Flight) -> Outcome:
    """Take a packet in from an interface: PREROUTING, then the routing decision."""
    host = net.host(flight.host)
    for after in pass_hook(net, host, "PREROUTING", flight, in_interface=flight.interface):
        yield from [after] if isinstance(after, Ending) else route_in(net, host, after)


def route_in(net: Topology, host: Host, flight: Flight) -> Outcome:
    """Decide what becomes of a packet that came in: deliver it here, or pass it on."""
    strange = martian(host, flight)
    if strange:
        yield Ending(DROPPED, flight.noting("", "routing", strange, "drop"), f"{host.name}: {strange}")
        return
    packet = flight.packet
    if host.is_local(packet.destination):
        here = flight.noting("", "routing", f"{packet.destination} is an address of {host.name}", "local")
        yield from deliver(net, host, here)
    elif not _forwards(host, packet.family):
        why = " (ip_forward is 0)" if host.forwards else ""
        text = f"{host.name} does not have {packet.destination}, and passes no packets on{why}"
        yield Ending(DROPPED, flight.noting("", "routing", text, "drop"), text)
    else:
        yield from forward(net, host, flight)


def martian(host: Host, flight: Flight) -> str:
    """Why the kernel would not believe a packet's addresses; empty where it does (fib_validate_source)."""
    packet, interface = flight.packet, flight.interface
    if interface == LOOPBACK:
        return ""
    if packet.family == 6:
        return f"::1 cannot come in by {interface}" if "::1" in (packet.source, packet.destination) else ""
    for address in (packet.source, packet.destination):
        if is_loopback(address) and host.conf(interface, "route_localnet") != "1":
            return f"{address} cannot come in by {interface} while route_localnet is 0 (martian)"
    if host.is_local(packet.source):
        return f"a packet from {packet.source}, which is {host.name} itself, came in by {interface} (martian)"
    strictness = host.conf(interface, "rp_filter")
    if strictness != "0" and not reverse_path(host, packet.source, interface, loose=strictness == "2"):
        return f"rp_filter: the way back to {packet.source} does not go by {interface}"
    return ""


def _forwards(host: Host, family: int) -> bool:
    name = "net.ipv4.ip_forward" if family == 4 else "net.ipv6.conf.all.forwarding"
    return host.forwards and host.sysctl(name, "1") == "1"


def deliver(net: Topology, host: Host, flight: Flight) -> Outcome:
    """Hand a packet up to this host's sockets, through INPUT."""
    for after in pass_hook(net, host, "INPUT", flight, in_interface=flight.interface):
        if isinstance(after, Ending):
            yield after
        elif after.anew:
            yield from _send_anew(net, host, after)
        else:
            yield Ending(DELIVERED, after)


def _send_anew(net: Topology, host: Host, flight: Flight) -> Outcome:
    """Send what IPVS took out of a hook to its real server: route, TTL, the whole of OUTPUT, POSTROUTING.

    FORWARD never sees it. Source: ip_vs_nat_xmit in net/netfilter/ipvs/ip_vs_xmit.c.
    """
    flight = changed(flight, anew=False)
    packet = flight.packet
    route = host.route(packet.destination)
    if route is None or route.kind in ("unreachable", "blackhole"):
        text = f"{host.name} has no route to {packet.destination}"
        lost = flight.noting("", "routing", text, "unreachable")
        yield Ending(REFUSED, lost, text, "", error_about(host, lost, HOST_UNREACHABLE[packet.family]))
        return
    spent = _spent(host, flight)
    if spent:
        yield spent
        return
    way = f"the node sends it on: {_way(packet.destination, route)}"
    flight = flight.noting("", "routing", way, "forward", packet.with_ttl(packet.ttl - 1))
    for after in pass_hook(net, host, "OUTPUT", flight, out_interface=route.interface):
        yield from [after] if isinstance(after, Ending) else _leave(net, host, after, route)


def _spent(host: Host, flight: Flight) -> Ending | None:
    """The end of a packet that may not go one hop further; None where it may."""
    packet = flight.packet
    if packet.ttl > 1:
        return None
    text = f"the packet's TTL ran out at {host.name}"
    spent = flight.noting("", "routing", text, "drop")
    return Ending(REFUSED, spent, text, "", error_about(host, spent, TTL_EXCEEDED[packet.family]))


def forward(net: Topology, host: Host, flight: Flight) -> Outcome:
    """Pass a packet on: route, TTL, FORWARD, POSTROUTING, wire."""
    packet = flight.packet
    route = host.route(packet.destination)
    if route is None or route.kind in ("unreachable", "blackhole"):
        yield _nowhere(net, host, flight, route)
        return
    spent = _spent(host, flight)
    if spent:
        yield spent
        return
    less = packet.with_ttl(packet.ttl - 1)
    flight = flight.noting("", "routing", _way(packet.destination, route), "forward", less)
    kept = stays_on_port(net, host, flight, route.interface, route.next_hop or packet.destination)
    if kept:
        yield kept
        return
    hooked = pass_hook(
        net, host, "FORWARD", flight, in_interface=flight.interface, out_interface=route.interface
    )
    for after in hooked:
        yield from [after] if isinstance(after, Ending) else _leave(net, host, after, route)


def _nowhere(net: Topology, host: Host, flight: Flight, route: Route | None) -> Ending:
    packet = flight.packet
    if route is not None and route.kind == "blackhole":
        text = f"{host.name} has a blackhole route for {packet.destination}: dropped in silence"
        return Ending(DROPPED, flight.noting("", "routing", text, "drop"), text)
    text = f"{host.name} has no route to {packet.destination}"
    lost = flight.noting("", "routing", text, "unreachable")
    if not net.is_somebody(packet.destination):
        lost = changed(lost, left=f"{text}, and nobody in this world has that address")
    return Ending(REFUSED, lost, text, "", error_about(host, lost, NO_ROUTE[packet.family]))


def _way(destination: str, route: Route) -> str:
    by = f"via {route.next_hop} " if route.next_hop else ""
    return f"{destination} {by}goes out by {route.interface}"


def make(net: Topology, flight: Flight) -> Outcome:
    """Send a packet that a process (or the kernel) of this host made: route, OUTPUT, route again, POSTROUTING."""
    host = net.host(flight.host)
    packet = flight.packet
    route = host.route(packet.destination)
    if route is None or route.kind in ("unreachable", "blackhole"):
        text = f"{host.name} has no route to {packet.destination}"
        yield Ending(NOWHERE, flight.noting("", "routing", text, "unreachable"), text)
        return
    flight = flight.noting("OUTPUT", "routing", _way(packet.destination, route), "route")
    for after in pass_hook(net, host, "OUTPUT", flight, out_interface=route.interface):
        if isinstance(after, Ending):
            yield after
        elif after.anew:
            yield from _send_anew(net, host, after)
        else:
            yield from _reroute(net, host, after, route, packet.destination)


def _reroute(net: Topology, host: Host, flight: Flight, route: Route, before: str) -> Outcome:
    """Route again what NAT turned elsewhere in OUTPUT (ip_route_me_harder); the source stays."""
    packet = flight.packet
    if packet.destination != before:
        again = host.route(packet.destination)
        if again is None or again.kind in ("unreachable", "blackhole"):
            text = f"{host.name} has no route to {packet.destination}"
            lost = _before_filter(flight).noting("OUTPUT", "routing", text, "drop")
            yield Ending(_unsent(packet), lost, text, "OUTPUT")
            return
        route = again
        way = f"the destination changed: {_way(packet.destination, route)}"
        flight = flight.noting("OUTPUT", "routing", way, "route")
    stuck = _tied_to_loopback(host, packet.source, route)
    if stuck:
        turned = packet.destination != before
        flight = _before_filter(flight) if turned else flight
        kind = _unsent(packet) if turned else DROPPED
        yield Ending(kind, flight.noting("OUTPUT", "routing", stuck, "drop"), stuck)
    else:
        yield from _leave(net, host, flight, route)


def _unsent(packet: Packet) -> str:
    """How it ends where nat turned a packet that then has no way: send() fails at once, but TCP goes on trying."""
    return DROPPED if packet.protocol == "tcp" else NOWHERE


def _before_filter(flight: Flight) -> Flight:
    """The flight as it was when nat routed it again, which the kernel does before it asks filter (nf_nat_ipv4_local_fn).

    Simplified: what filter would have done to a packet that finds no way then is taken back, not left out.
    """
    turned = [step.before.destination != step.after.destination for step in flight.steps]
    if not any(turned):
        return flight
    asked = len(turned) - turned[::-1].index(True)
    later = tuple(step for step in flight.steps[asked:] if not step.chain)
    return changed(flight, steps=(*flight.steps[:asked], *later))


def _tied_to_loopback(host: Host, source: str, route: Route) -> str:
    """Why a packet from a loopback address may not leave the host; empty where it may."""
    if route.interface == LOOPBACK or not is_loopback(source):
        return ""
    if ":" in source:
        return f"{source} cannot leave {host.name} by {route.interface}"
    if host.conf(route.interface, "route_localnet") == "1":
        return ""
    return f"{source} cannot leave {host.name} by {route.interface} while route_localnet is 0"


def _leave(net: Topology, host: Host, flight: Flight, route: Route) -> Outcome:
    """POSTROUTING, then the wire; or lo, which brings the packet straight back in."""
    # nftables may still ask for the interface that a routed packet came in by; iptables refuses to (ip_output).
    hooked = pass_hook(
        net, host, "POSTROUTING", flight, in_interface=flight.interface, out_interface=route.interface
    )
    for after in hooked:
        if isinstance(after, Ending):
            yield after
        elif route.interface == LOOPBACK:
            yield from _looped(net, host, after)
        else:
            yield from _out(net, host, after, route)


def _looped(net: Topology, host: Host, flight: Flight) -> Outcome:
    """A packet on lo keeps its note and its route: only the hooks see it come in."""
    flight = changed(flight, interface=LOOPBACK, port="")
    for after in pass_hook(net, host, "PREROUTING", flight, in_interface=LOOPBACK):
        if isinstance(after, Ending):
            yield after
        else:
            yield from deliver(
                net, host, after.noting("", "routing", f"lo brings it back to {host.name}", "local")
            )


def _out(net: Topology, host: Host, flight: Flight, route: Route) -> Outcome:
    """Choose among a balancer's nodes where there is a choice, then hand the packet to the wire."""
    if route.kind != "spread":
        segment, hop = host.interfaces[route.interface].segment, route.next_hop or flight.packet.destination
        answering = net.answering(segment, hop)
        if answering:
            yield from _first_to_answer(net, host, flight, route, answering)
            return
        yield send(net, host, flight, route.interface, route.next_hop or flight.packet.destination)
        return
    packet = flight.packet
    known = flight.chosen.get(packet.destination)
    nodes = (known,) if known else net.spread(packet.destination, packet.protocol, packet.destination_port)
    if not nodes:
        text = (
            f"the load balancer has no healthy node for {packet.destination_text}, or does not listen there"
        )
        if packet.is_echo:
            text = "the load balancer passes no pings on"
        yield Ending(DROPPED, flight.noting("", "routing", text, "drop"), text)
    for node in nodes:
        picked = changed(
            flight,
            probability=flight.probability / len(nodes),
            chosen={**flight.chosen, packet.destination: node},
        )
        text = f"the load balancer hands it to {node}, one of {len(nodes)}"
        if not known:
            picked = picked.noting("", "routing", text, "forward")
        yield send(net, host, picked, route.interface, node)


def _first_to_answer(
    net: Topology, host: Host, flight: Flight, route: Route, answering: tuple[str, ...]
) -> Outcome:
    """Several nodes answer ARP for one address: who is first is not known, and gets all until the next asking."""
    destination = flight.packet.destination
    known = flight.chosen.get(destination)
    for name in answering:
        address = net.cluster.nodes[name].address(4)
        if known not in (None, address):
            continue
        picked = changed(flight, chosen={**flight.chosen, destination: address})
        if not known:
            count = len(answering)
            text = f"{FIRST} {name}, one of {count} that have {destination} (arp_ignore is 0)"
            picked = changed(picked, probability=flight.probability / count)
            picked = picked.noting("", "routing", text, "forward")
        yield send(net, host, picked, route.interface, address)
