"""A frame from one Pod to another of the same node: it crosses the bridge, and netfilter sees it or not.

Source: net/bridge/br_netfilter_hooks.c. With bridge-nf-call-iptables the bridge shows each IP
packet to iptables as if it were routed; replies are then un-NATed there.
"""

from __future__ import annotations

from collections.abc import Iterator

from svcnotes.copying import changed
from svcnotes.network.flight import Ending, Flight
from svcnotes.network.hooks import pass_hook
from svcnotes.network.node_host import BRIDGE, BRIDGE_NF
from svcnotes.network.stay import route_in
from svcnotes.network.topology import Topology
from svcnotes.network.wire import send


def cross(net: Topology, flight: Flight) -> Iterator[Flight | Ending]:
    """Carry a frame over a node's bridge to `flight.next_hop`."""
    host, target = net.host(flight.host), flight.next_hop
    switch = BRIDGE_NF[flight.packet.family]
    if host.sysctl(switch) != "1":
        text = f"the bridge passes the frame on unseen by iptables ({switch.rpartition('.')[2]}=0)"
        yield send(net, host, flight.noting("", "bridge", text, "forward"), BRIDGE, target)
        return
    flight = flight.noting("", "bridge", "the bridge shows the frame to iptables", "continue")
    before = flight.packet.destination
    for came in pass_hook(net, host, "PREROUTING", flight, in_interface=BRIDGE, bridged=True):
        if isinstance(came, Ending):
            yield came
        elif came.packet.destination != before:
            # NAT turned it elsewhere: the bridge hands it to the routing code.
            yield from route_in(net, host, changed(came, next_hop=""))
        else:
            yield from _on(net, came, target)


def _on(net: Topology, flight: Flight, target: str) -> Iterator[Flight | Ending]:
    host = net.host(flight.host)
    found = net.neighbour(host.interfaces[BRIDGE].segment, target)
    port = net.bridge_port(host.name, found[0]) if found else ""
    hooked = pass_hook(
        net,
        host,
        "FORWARD",
        flight,
        in_interface=BRIDGE,
        out_interface=BRIDGE,
        physdev_out=port,
        bridged=True,
    )
    for passed in hooked:
        if isinstance(passed, Ending):
            yield passed
            continue
        last = pass_hook(
            net, host, "POSTROUTING", passed, out_interface=BRIDGE, physdev_out=port, bridged=True
        )
        for left in last:
            yield left if isinstance(left, Ending) else send(net, host, left, BRIDGE, target)
