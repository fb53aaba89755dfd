"""The hosts of a cluster and the wires between them, built from a Cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import Node, Pod

from svcnotes.network.interim.host import Host, Interface, Route, within

CLIENT = {4: "192.0.2.10", 6: "2001:db8:2::10"}
EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
LOOPBACK = {4: "127.0.0.1/8", 6: "::1/128"}
GATEWAY = {4: "169.254.1.1", 6: "fe80::1"}
DEFAULTS = {"net.bridge.bridge-nf-call-iptables": "1", "net.bridge.bridge-nf-call-ip6tables": "1", "net.ipv4.ip_forward": "1"}


@dataclass(frozen=True)
class Topology:
    """Hosts by name, and who answers for an address on which wire.

    `routed_to` says which node the router hands an address or CIDR to (World.routes, a cloud, the
    question's `via`).
    """

    family: int
    hosts: Mapping[str, Host]
    neighbours: Mapping[tuple[str, str], tuple[str, str]]
    pods_by_address: Mapping[str, tuple[Pod, ...]]

    def neighbour(self, segment: str, address: str) -> tuple[str, str] | None:
        """The host and its interface that holds the address on that wire."""
        return self.neighbours.get((segment, address))


def router_address(cluster: Cluster, family: int) -> str:
    """The router's address on the nodes' wire: the first of the network around the first node."""
    first = next((n.address(family) for n in cluster.nodes.values() if n.address(family)), "")
    if not first:
        return "172.18.0.1" if family == 4 else "fd00:18::1"
    network = ip_network(f"{first}/{24 if family == 4 else 64}", strict=False)
    held = {n.address(family) for n in cluster.nodes.values()}
    return next(str(a) for a in network.hosts() if str(a) not in held)


def build(cluster: Cluster, family: int, outside: tuple[str, ...] = (), routes: Mapping[str, str] | None = None) -> Topology:
    """Lay out every host that speaks this family: outside hosts, the router, nodes, pods.

    `outside` are addresses of outside hosts that the question names; `routes` (address or CIDR to
    node name) come before World.routes.
    """
    router = router_address(cluster, family)
    addresses = {h.address: h.name for h in cluster.world.hosts if (":" in h.address) == (family == 6)}
    addresses |= {a: ("client" if a == CLIENT[family] else addresses.get(a, a)) for a in outside}
    hosts = {name: _outside(name, address, family) for address, name in addresses.items()}
    hosts["router"] = _router(cluster, family, router, tuple(addresses), {**cluster.world.routes, **(routes or {})})
    nodes = [node for node in cluster.nodes.values() if node.address(family)]
    pods_by_address: dict[str, tuple[Pod, ...]] = {}
    pods_on: dict[str, list[Pod]] = {}
    for pod in cluster.pods.values():
        address = pod.address(family)
        if address and pod.phase not in ("Succeeded", "Failed"):
            pods_by_address[address] = (*pods_by_address.get(address, ()), pod)
            if not pod.host_network and pod.node in cluster.nodes:
                pods_on.setdefault(pod.node, []).append(pod)
    for node in nodes:
        hosts[node.name] = _node(cluster, node, nodes, pods_on.get(node.name, []), family, router)
        for pod in pods_on.get(node.name, []):
            hosts[pod.key] = _pod(cluster, node, pod, family)
    neighbours = {
        (interface.segment, text.split("/")[0]): (host.name, interface.name)
        for host in hosts.values()
        for interface in host.interfaces
        if not interface.scope_host
        for text in interface.addresses
    }
    if cluster.world.cni == "routed":
        neighbours |= {
            (f"veth {pod.key}", GATEWAY[family]): (pod.node, _veth(pod)) for pods in pods_on.values() for pod in pods
        }
    return Topology(family, hosts, neighbours, pods_by_address)


def _outside(name: str, address: str, family: int) -> Host:
    bits = 32 if family == 4 else 128
    return Host(
        name,
        "outside",
        (Interface("lo", "", (LOOPBACK[family],), scope_host=True), Interface("eth0", "outside", (f"{address}/{bits}",))),
        (Route(EVERYWHERE[family], "eth0", "router"),),
    )


def _router(cluster: Cluster, family: int, address: str, outside: tuple[str, ...], to_nodes: Mapping[str, str]) -> Host:
    bits = 24 if family == 4 else 64
    routes = [Route(str(ip_network(f"{address}/{bits}", strict=False)), "eth1")]
    routes += [Route(outer, "eth0") for outer in outside]
    for node in cluster.nodes.values():
        routes += [Route(cidr, "eth1", node.address(family)) for cidr in node.pod_cidrs if (":" in cidr) == (family == 6)]
        if node.address(family):
            routes.append(Route(node.address(family), "eth1"))
    for cidr, name in to_nodes.items():
        if (":" in cidr) == (family == 6) and name in cluster.nodes:
            routes.append(Route(cidr, "eth1", cluster.nodes[name].address(family)))
    return Host(
        "router",
        "router",
        (
            Interface("lo", "", (LOOPBACK[family],), scope_host=True),
            Interface("eth0", "outside", ("router",)),
            Interface("eth1", "nodes", (f"{address}/{bits}",)),
        ),
        tuple(routes),
    )


def _veth(pod: Pod) -> str:
    return f"veth-{pod.name}"[:15]


def _node(cluster: Cluster, node: Node, nodes: list[Node], pods: list[Pod], family: int, router: str) -> Host:
    bits = 24 if family == 4 else 64
    address = node.address(family)
    interfaces = [
        Interface("lo", "", (LOOPBACK[family],), scope_host=True),
        Interface("eth0", "nodes", (f"{address}/{bits}",)),
    ]
    routes = [Route(EVERYWHERE[family], "eth0", router), Route(str(ip_network(f"{address}/{bits}", strict=False)), "eth0")]
    routes += [Route(other.address(family), "eth0") for other in nodes if other.name != node.name]
    cni = cluster.world.cni
    own = _pod_cidr(node, family)
    if cni == "routed":
        for pod in pods:
            interfaces.append(Interface(_veth(pod), f"veth {pod.key}"))
            routes.append(Route(pod.address(family), _veth(pod)))
    elif own:
        gateway = _first(own)
        interfaces.append(Interface("cni0", f"pods {node.name}", (f"{gateway}/{own.split('/')[1]}",)))
        routes.append(Route(own, "cni0"))
    if cni == "vxlan" and own:
        interfaces.append(Interface("flannel.1", "vxlan", (f"{_zeroth(own)}/{32 if family == 4 else 128}",)))
    for other in nodes:
        cidr = _pod_cidr(other, family)
        if other.name != node.name and cidr:
            way = Route(cidr, "flannel.1", _zeroth(cidr)) if cni == "vxlan" else Route(cidr, "eth0", other.address(family))
            routes.append(way)
    sysctls = dict(DEFAULTS)
    if cluster.proxy.localhost_node_ports:
        sysctls["net.ipv4.conf.all.route_localnet"] = "1"  # kube-proxy sets it for 127.0.0.1:nodePort
    sysctls |= {key: str(value) for key, value in cluster.world.sysctls.items()}
    return Host(node.name, "node", tuple(interfaces), tuple(routes), sysctls)


def _pod(cluster: Cluster, node: Node, pod: Pod, family: int) -> Host:
    address = pod.address(family)
    loopback = Interface("lo", "", (LOOPBACK[family],), scope_host=True)
    own = _pod_cidr(node, family)
    if cluster.world.cni == "routed" or not own or not within(address, own):
        eth0 = Interface("eth0", f"veth {pod.key}", (f"{address}/{32 if family == 4 else 128}",))
        return Host(pod.key, "pod", (loopback, eth0), (Route(EVERYWHERE[family], "eth0", GATEWAY[family]),))
    eth0 = Interface("eth0", f"pods {node.name}", (f"{address}/{own.split('/')[1]}",))
    routes = (Route(EVERYWHERE[family], "eth0", _first(own)), Route(own, "eth0"))
    return Host(pod.key, "pod", (loopback, eth0), routes)


def _pod_cidr(node: Node, family: int) -> str:
    return next((c for c in node.pod_cidrs if (":" in c) == (family == 6)), "")


def _first(cidr: str) -> str:
    return str(ip_network(cidr, strict=False).network_address + 1)


def _zeroth(cidr: str) -> str:
    return str(ip_network(cidr, strict=False).network_address)


__all__ = ["CLIENT", "Topology", "build", "router_address"]
