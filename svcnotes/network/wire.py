"""From one host to the next: who answers for the next hop, and the bridge in between.

Simplified: the tunnel of a vxlan network is a wire between the nodes (its outer packets are not
shown), and an address for which nobody answers fails at once, not after the three seconds of ARP.
"""

from __future__ import annotations

from svcnotes.copying import changed
from svcnotes.network import faults
from svcnotes.network.errors_home import HOST_UNREACHABLE, NO_ROUTE, error_about
from svcnotes.network.flight import DROPPED, EXTERNAL, REFUSED, Ending, Flight
from svcnotes.network.host import Host
from svcnotes.network.node_host import BRIDGE, BRIDGE_NF, NODES
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
        return arrive(flight.closed(host.kind, port or interface), name, far_interface)
    if host.kind == "pod" and segment.startswith("bridge of "):
        return _onto_bridge(net, flight, segment.removeprefix("bridge of "), name, next_hop)
    return arrive(flight.closed(host.kind, interface), name, far_interface)


def stays_on_port(net: Topology, host: Host, flight: Flight, interface: str, next_hop: str) -> Ending | None:
    """The end of a frame that would leave by the bridge port it came in by, where hairpin is off; else None.

    While the bridge shows its frames to iptables, DNAT to a Pod of the same bridge leaves the frame on
    the bridge, and that asks for the port's flag before FORWARD and POSTROUTING see the packet.
    Otherwise the node routes it, and what the node itself sends may leave by every port.
    Sources: net/bridge/br_netfilter_hooks.c (br_nf_pre_routing_finish), br_forward.c (should_deliver).
    """
    if interface != BRIDGE or not flight.port or host.sysctl(BRIDGE_NF[flight.packet.family]) != "1":
        return None
    found = net.neighbour(host.interfaces[BRIDGE].segment, next_hop)
    port = net.bridge_port(host.name, found[0]) if found else ""
    if port != flight.port or faults.hairpin(net.cluster, host.name):
        return None
    text = f"{host.name}: {port} is no hairpin port: the bridge sends no frame back where it came from"
    return Ending(DROPPED, flight.noting("", "bridge", text, "drop"), text)


def _onto_bridge(net: Topology, flight: Flight, node: str, name: str, next_hop: str) -> Flight:
    """A Pod's frame: for its node's own bridge address it goes up the stack, else to another Pod."""
    port = net.bridge_port(node, flight.host)
    there = arrive(flight.closed("pod", "eth0"), node, BRIDGE)
    return changed(there, port=port, next_hop="" if name == node else next_hop)


def arrive(flight: Flight, host: str, interface: str) -> Flight:
    """The packet as it comes in at the next host: skb->mark and conntrack's note do not cross to it."""
    packet = flight.packet.unmarked()
    return changed(
        flight,
        packet=packet,
        host=host,
        interface=interface,
        port="",
        next_hop="",
        arrived=packet,
        connection=None,
        served=None,
        steps=(),
    )


def _nobody(net: Topology, host: Host, flight: Flight, segment: str, next_hop: str) -> Ending:
    packet = flight.packet
    if segment in (OUTSIDE, NODES) and not net.is_somebody(packet.destination):
        who = "the router" if host.kind == "router" else host.name
        text = f"{packet.destination} is nobody's address here: {who} sends the packet out into the world"
        if service := net.plan.services_at.get(packet.destination):
            text += f". {service} names it, but nothing leads it to a node: no route, no load balancer"
        gone = flight.noting("", "routing", text, "external")
        return Ending(EXTERNAL, changed(gone, left=text), text)
    kind = HOST_UNREACHABLE
    text = f"{host.name}: nobody answers for {next_hop}"
    if segment == OUTSIDE:  # its default route leads to networks that know no way in
        kind, text = NO_ROUTE, f"{host.name} knows no way to {packet.destination} inside the cluster"
    lost = flight.noting("", "routing", text, "unreachable")
    return Ending(REFUSED, lost, text, "", error_about(host, lost, kind[packet.family]))
