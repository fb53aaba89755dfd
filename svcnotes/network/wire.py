"""From one host to the next: who answers for the next hop, and the bridge in between.

Simplified: the tunnel of a vxlan network is a wire between the nodes (its outer packets are not
shown), and an address for which nobody answers fails at once, not after the three seconds of ARP.
"""

from __future__ import annotations

from dataclasses import replace

from svcnotes.network import faults
from svcnotes.network.errors_home import HOST_UNREACHABLE, NO_ROUTE, error_about
from svcnotes.network.flight import DROPPED, EXTERNAL, REFUSED, Ending, Flight
from svcnotes.network.hooks import with_marks_cleared
from svcnotes.network.host import Host
from svcnotes.network.node_host import BRIDGE, NODES
from svcnotes.network.outside import OUTSIDE
from svcnotes.network.topology import Topology


def send(net: Topology, host: Host, flight: Flight, interface: str, next_hop: str) -> Flight | Ending:
    """Put a packet on the wire of an interface: the Flight at the next host, or an Ending."""
    segment = host.interfaces[interface].segment
    found = net.neighbour(segment, next_hop)
    if found is None:
        return _nobody(net, host, flight, segment, next_hop)
    name, far_interface = found
    if interface == BRIDGE:
        port = net.bridge_port(host.name, name)
        if port and port == flight.port and not faults.hairpin(net.cluster, host.name):
            text = (
                f"{host.name}: {port} is no hairpin port: the bridge sends no frame back where it came from"
            )
            return Ending(DROPPED, flight.noting("", "bridge", text, "drop"), text)
        return arrive(flight.closed(host.kind, port or interface), name, far_interface)
    if host.kind == "pod" and segment.startswith("bridge of "):
        return _onto_bridge(net, flight, segment.removeprefix("bridge of "), name, next_hop)
    return arrive(flight.closed(host.kind, interface), name, far_interface)


def _onto_bridge(net: Topology, flight: Flight, node: str, name: str, next_hop: str) -> Flight:
    """A Pod's frame: for its node's own bridge address it goes up the stack, else to another Pod."""
    port = net.bridge_port(node, flight.host)
    there = arrive(flight.closed("pod", "eth0"), node, BRIDGE)
    return replace(there, port=port, next_hop="" if name == node else next_hop)


def arrive(flight: Flight, host: str, interface: str) -> Flight:
    """The packet as it comes in at the next host: without mark and note."""
    flight = with_marks_cleared(flight)
    return replace(
        flight, host=host, interface=interface, port="", next_hop="", arrived=flight.packet, steps=()
    )


def _nobody(net: Topology, host: Host, flight: Flight, segment: str, next_hop: str) -> Ending:
    packet = flight.packet
    if segment in (OUTSIDE, NODES) and not net.is_somebody(packet.destination):
        text = (
            f"{packet.destination} is nobody's address here: {host.name} sends the packet out into the world"
        )
        gone = flight.noting("", "routing", text, "external")
        return Ending(EXTERNAL, replace(gone, left=text), text)
    kind = HOST_UNREACHABLE
    text = f"{host.name}: nobody answers for {next_hop}"
    if segment == OUTSIDE:  # its default route leads to networks that know no way in
        kind, text = NO_ROUTE, f"{host.name} knows no way to {packet.destination} inside the cluster"
    lost = flight.noting("", "routing", text, "unreachable")
    return Ending(REFUSED, lost, text, "", error_about(host, lost, kind[packet.family]))
