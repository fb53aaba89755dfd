"""Describe a cluster's network as namespaces to build: from the very hosts that the simulation carries packets between.

Every host of `network.topology` becomes a namespace with the same interfaces, addresses, routes and switches.
Three things have no name there: `cables` holds the bridges that stand for the nodes' network and
the outside, `world` takes what the router sends to nobody. Who answers for an address on the nodes' network is
told to every host beforehand (permanent neighbours), as the simulation knows it; on a node's bridge ARP asks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from svcnotes.errors import QuestionError
from svcnotes.kernel.loaders import lacking
from svcnotes.kernel.texts import languages
from svcnotes.kube_proxy.modes import mode_named
from svcnotes.network import faults
from svcnotes.network.addresses import family
from svcnotes.network.host import LOOPBACK, Host, Route
from svcnotes.network.node_host import BRIDGE, NODES, TUNNEL
from svcnotes.network.outside import OUTSIDE, ROUTER, outside_host
from svcnotes.network.plan import interface_addresses, plan
from svcnotes.network.topology import Topology

CABLES, WORLD = "cables", "world"
WORLD_GATEWAY = {4: "169.254.0.1", 6: "fe80::ff"}
_HUBS = {NODES: 2, OUTSIDE: 3}


def mac(host: str, interface: str) -> str:
    """A fixed MAC address (locally administered) for an interface."""
    digest = hashlib.sha256(f"{host} {interface}".encode()).hexdigest()
    return ":".join(["02", *(digest[i : i + 2] for i in range(0, 10, 2))])


@dataclass
class Blueprint:
    """What is to be built, as JSON values.

    `links` are in the order in which they are made: where an interface has no address of its own, Linux takes
    that of the first that was made. `index` has the number of each host's interfaces.
    """

    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    links: list[list[Any]] = field(default_factory=list)
    index: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, host: str, sysctls: Mapping[str, str] | None = None) -> None:
        """A host without anything yet."""
        paths = {name.replace(".", "/"): value for name, value in (sysctls or {}).items()}
        blank: dict[str, Any] = {
            "names": {}, "ports": [], "addresses": [], "tunnel": [], "neighbours": [], "routes": [], "languages": [],
        }  # fmt: skip
        self.hosts[host] = {"sysctls": paths, **blank}

    def end(self, host: str, name: str) -> list[Any]:
        """One more interface of a host: [host, index, name, MAC]."""
        names = self.hosts[host]["names"]
        index = len(names) + 2
        names[index] = name
        self.index[host, name] = index
        return [host, index, name, mac(host, name)]

    def to_json(self) -> dict[str, Any]:
        """The JSON values that the worker takes."""
        return {"hosts": self.hosts, "links": self.links}


def outside_of(net: Topology) -> list[str]:
    """The names of the outside hosts of a question."""
    names = dict.fromkeys(net.outside.values())
    if net.asker:
        names[net.outside_name(net.asker)] = None
    return list(names)


def blueprint(net: Topology, earlier: Iterable[str] = ()) -> Blueprint:
    """Describe the network of a topology; raises QuestionError for what no kernel lab can be.

    `earlier` are outside addresses that asked before: their hosts stay, but nothing leads to them.
    """
    refuse(net)
    made = Blueprint()
    made.add(CABLES, {"net.bridge.bridge-nf-call-iptables": "0", "net.bridge.bridge-nf-call-ip6tables": "0"})
    made.add(WORLD)
    made.links += [["bridge", made.end(CABLES, segment)] for segment in _HUBS]
    nodes = list(net.cluster.nodes)
    pods = [
        pod.key for node in nodes for pod in plan(net.cluster).pods_of_node.get(node, ()) if pod.addresses
    ]
    behind = {name: net.host(name) for name in outside_of(net)}
    behind |= {a: outside_host(a, (a,), "outside") for a in earlier if a not in behind}
    hosts = {name: net.host(name) for name in (ROUTER, *nodes)}
    hosts |= {name: behind[name] for name in sorted(behind)}  # whoever asks, they are plugged in alike
    hosts |= {name: net.host(name) for name in pods}
    for name, host in hosts.items():
        made.add(name, _sysctls(host))
    for name in nodes:
        made.hosts[name]["languages"] = languages(net, name)
    for name, host in hosts.items():
        _interfaces(made, net, name, host)
    _plug(made, OUTSIDE, WORLD, "wan")
    for name, host in hosts.items():
        spec = made.hosts[name]
        spec["neighbours"] = list(neighbours(net, made, host))
        spec["routes"] = list(routes(net, made, host))
    return made


def refuse(net: Topology) -> None:
    """Raise QuestionError for a World that namespaces of one machine cannot be, or rules that no loader loads."""
    cluster, mode = net.cluster, net.proxy_mode or net.cluster.proxy.mode
    why = lacking(mode_named(mode).formats)
    if cluster.world.cloud != "none":
        why = f"cloud: {cluster.world.cloud}: the kernel lab has no cloud load balancers"
    elif any(fault.get("name") == "conntrack-full" for fault in cluster.world.faults):
        why = "fault conntrack-full: the size of the kernel's table is one for the whole machine"
    elif why:
        why = f"proxy mode {mode}: {why}"
    if why:
        raise QuestionError(f"engine kernel: {why}; ask the simulation (engine=simulated)")


def _sysctls(host: Host) -> dict[str, str]:
    if host.kind == "node":
        return dict(host.sysctls)
    if host.kind == "router":
        return {"net.ipv4.ip_forward": "1", "net.ipv6.conf.all.forwarding": "1"}
    return {}


def _interfaces(made: Blueprint, net: Topology, name: str, host: Host) -> None:
    for one in host.interfaces.values():
        if one.name == LOOPBACK:
            continue
        if one.segment in _HUBS:
            _plug(made, one.segment, name, one.name)
        elif one.name == BRIDGE:
            made.links.append(["bridge", made.end(name, BRIDGE)])
            for pod, veth in host.veths.items():
                if net.bridge_port(name, pod):
                    made.links.append(["cable", made.end(name, veth), made.end(pod, "eth0")])
                    port = [
                        made.index[name, veth],
                        made.index[name, BRIDGE],
                        faults.hairpin(net.cluster, name),
                    ]
                    made.hosts[name]["ports"].append(port)
        elif one.name == TUNNEL:
            own = interface_addresses(net.cluster.nodes[name])[0]
            made.links.append(["tunnel", made.end(name, TUNNEL), own])
        elif host.kind == "node":
            pod = one.segment.removeprefix("veth of ")
            if net.host(pod).interfaces["eth0"].segment == one.segment:
                made.links.append(["cable", made.end(name, one.name), made.end(pod, "eth0")])
    for one in host.interfaces.values():
        if one.name != LOOPBACK and (name, one.name) in made.index:
            made.hosts[name]["addresses"] += [[made.index[name, one.name], a] for a in one.addresses]


def _plug(made: Blueprint, segment: str, host: str, interface: str) -> None:
    """A cable from a host to the bridge that stands for a segment."""
    far = made.end(CABLES, f"p{len(made.hosts[CABLES]['names'])}")
    made.links.append(["cable", far, made.end(host, interface)])
    made.hosts[CABLES]["ports"].append([far[1], _HUBS[segment], False])


def neighbours(net: Topology, made: Blueprint, host: Host) -> Iterator[list[Any]]:
    """Who answers for which address: [interface's index, address, MAC]."""
    for one in host.interfaces.values():
        index = made.index.get((host.name, one.name))
        if index is None:
            continue
        if one.segment == OUTSIDE and host.name == ROUTER:
            yield from ([index, via, mac(WORLD, "wan")] for via in WORLD_GATEWAY.values())
            yield from ([index, a, mac(n, "eth0")] for a, n in _outside(net).items())
        elif one.segment == OUTSIDE:
            yield from ([index, via, mac(ROUTER, "wan")] for via in WORLD_GATEWAY.values())
        else:
            for address in _asked_for(net, one.segment, host):
                found = net.neighbour(one.segment, address)
                if found and found[0] != host.name:
                    yield [index, address, mac(*found)]
    for other in net.cluster.nodes if (host.name, TUNNEL) in made.index else ():
        if other != host.name:
            via = interface_addresses(net.cluster.nodes[other])[0]
            made.hosts[host.name]["tunnel"].append([made.index[host.name, TUNNEL], mac(other, TUNNEL), via])


def _outside(net: Topology) -> dict[str, str]:
    asker = {net.asker: net.outside_name(net.asker)} if net.asker else {}
    return {**net.outside, **asker}


def _asked_for(net: Topology, segment: str, host: Host) -> set[str]:
    """The addresses that a host may look for on a segment; on a node's bridge it asks by ARP."""
    if segment == NODES:
        return {*net.plan.node_of, *net.announced, *_outside(net), *net.router.addresses} - host.addresses
    if segment == TUNNEL:
        return {route.next_hop for _, route in host.routes if route.interface == TUNNEL and route.next_hop}
    if segment.startswith("veth of ") and host.kind == "pod":
        return {route.next_hop for _, route in host.routes if route.next_hop}
    if segment.startswith("veth of "):
        return set(net.cluster.pods[segment.removeprefix("veth of ")].addresses)
    return set()


def routes(net: Topology, made: Blueprint, host: Host) -> Iterator[list[Any]]:
    """A host's routes: [range, kind, interface's index, next hop]."""
    for cidr, one in host.routes:
        if one.kind == "unreachable" and family(cidr) == 4:
            continue  # a rule of the router answers instead (svcnotes.kernel.lab)
        yield route_json(made, host.name, cidr, one)
    if host.name == ROUTER:
        for address in _outside(net):
            yield route_json(made, ROUTER, address, Route("wan"))


def route_json(made: Blueprint, host: str, cidr: str, one: Route) -> list[Any]:
    """One route as the worker takes it; what leaves for the outside has a gateway to go by."""
    hop = one.next_hop
    if hop == ROUTER or (one.interface == "wan" and cidr.endswith("/0")):
        hop = WORLD_GATEWAY[family(cidr)]
    return [cidr, one.kind, made.index.get((host, one.interface), 0), hop]
