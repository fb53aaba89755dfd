"""A Node and its Pods as hosts: eth0, cni0 or address-less veths, flannel.1, and the routes."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from svcnotes.addresses import BITS
from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import KubeProxyConfiguration, Node, Pod
from svcnotes.kube_proxy.mode import Mode
from svcnotes.kube_proxy.modes import mode_named
from svcnotes.kube_proxy.node_ports import node_port_addresses
from svcnotes.network import faults
from svcnotes.network.addresses import family, inside, nth, prefix
from svcnotes.network.host import Host, Interface, Route, make_host
from svcnotes.network.plan import Plan, interface_addresses, plan, veth_name

BRIDGE, TUNNEL, NODES = "cni0", "flannel.1", "nodes"
# Whether the bridge shows its frames to iptables.
BRIDGE_NF = {4: "net.bridge.bridge-nf-call-iptables", 6: "net.bridge.bridge-nf-call-ip6tables"}
# What a Pod behind an address-less veth calls its gateway: the node answers for any address (proxy ARP).
VETH_GATEWAY = {4: "169.254.1.1", 6: "fe80::1"}
DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}


def bridge_segment(node: str) -> str:
    """The name of a node's bridge as a segment."""
    return f"bridge of {node}"


def veth_segment(pod: Pod) -> str:
    """The name of a Pod's own cable as a segment."""
    return f"veth of {pod.key}"


@lru_cache(maxsize=512)
def node_host(cluster: Cluster, name: str, proxy_mode: str | None = None) -> Host:
    """A Node as a host; `proxy_mode` None is the cluster's own.

    Where the mode has addresses of its own, they are the node's: on an interface that is down and answers no ARP.
    """
    mode = mode_named(cluster.proxy.mode if proxy_mode is None else proxy_mode)
    localhost = node_port_addresses(
        cluster, cluster.nodes[name], 4, default=mode.node_port_default, localhost=mode.localhost
    ).localhost
    return _node_host(cluster, name, mode if mode.dummy else None, localhost=localhost)


@lru_cache(maxsize=512)
def _node_host(cluster: Cluster, name: str, mode: Mode | None, *, localhost: bool) -> Host:
    where = plan(cluster)
    node = cluster.nodes[name]
    veths = {pod.key: veth_name(pod) for pod in where.pods_of_node.get(name, ())}
    lost = faults.missing_routes(cluster, name)
    return make_host(
        name,
        "node",
        (*_interfaces(where, node), *_dummy(cluster, name, mode)),
        ((cidr, route) for cidr, route in _routes(where, node) if prefix(cidr) not in lost),
        forwards=True,
        sysctls=_sysctls(cluster, mode, localhost=localhost),
        veths=veths,
        tracks_at_most=0 if faults.conntrack_full(cluster, name) else None,
    )


def _sysctls(cluster: Cluster, mode: Mode | None, *, localhost: bool) -> dict[str, str]:
    """The node's switches: what kube-proxy and the network's installer set, unless the World says otherwise.

    route_localnet it sets only where it opens nodePorts at 127.0.0.1 (NewProxier in pkg/proxy/iptables/proxier.go).
    """
    return {
        "net.ipv4.ip_forward": "1",
        "net.ipv6.conf.all.forwarding": "1",
        "net.bridge.bridge-nf-call-iptables": "1",
        "net.bridge.bridge-nf-call-ip6tables": "1",
        "net.ipv4.conf.all.route_localnet": str(int(localhost)),
        "net.ipv4.conf.all.rp_filter": "0",
        **_tracking(cluster.proxy),
        **(mode.sysctls(cluster) if mode else {}),
        **cluster.world.sysctls,
    }


def _tracking(proxy: KubeProxyConfiguration) -> dict[str, str]:
    """The switches of conntrack that kube-proxy sets when it starts (setupConntrack in cmd/kube-proxy/app/server_linux.go)."""
    names = ("tcp_timeout_established", "tcp_timeout_close_wait", "udp_timeout", "udp_timeout_stream")
    given = zip(names, proxy.conntrack_timeouts, strict=True)
    found = {f"net.netfilter.nf_conntrack_{name}": str(seconds) for name, seconds in given if seconds}
    return {**found, "net.netfilter.nf_conntrack_tcp_be_liberal": "1"} if proxy.tcp_be_liberal else found


def _dummy(cluster: Cluster, name: str, mode: Mode | None) -> Iterator[Interface]:
    """The interface that holds the addresses of kube-proxy's mode; it leads nowhere."""
    if mode is None:
        return
    seen = cluster.seen_by(name)
    addresses = (
        f"{address}/{BITS[version]}"
        for version in sorted(cluster.families)
        for address in mode.own_addresses(seen, name, version)
    )
    yield Interface(mode.dummy, tuple(addresses))


def _interfaces(where: Plan, node: Node) -> Iterator[Interface]:
    cni = where.cluster.world.cni
    eth0 = (f"{a}/{_bits(where, a)}" for a in interface_addresses(node))
    yield Interface("eth0", tuple(eth0), NODES)
    if cni == "vxlan":
        addresses = (f"{nth(cidr, 0)}/{BITS[prefix(cidr)[0]]}" for cidr in node.pod_cidrs)
        yield Interface(TUNNEL, tuple(addresses), TUNNEL)
    if cni != "routed":
        addresses = (f"{nth(cidr, 1)}/{prefix(cidr)[2]}" for cidr in node.pod_cidrs)
        yield Interface(BRIDGE, tuple(addresses), bridge_segment(node.name))
    for pod in where.pods_of_node.get(node.name, ()):
        if not all(where.bridged(pod, a) for a in pod.addresses):
            yield Interface(veth_name(pod), (), veth_segment(pod))


def _bits(where: Plan, address: str) -> int:
    return prefix(where.network_of(address))[2]


def _routes(where: Plan, node: Node) -> Iterator[tuple[str, Route]]:
    cluster = where.cluster
    for address in interface_addresses(node):
        network = where.network_of(address)
        yield network, Route("eth0")
        yield DEFAULT[family(address)], Route("eth0", where.router_addresses[network])
    for cidr in node.pod_cidrs:
        # A routed CNI holds its range back, so that an address without a Pod does not circle.
        yield cidr, Route(kind="blackhole") if cluster.world.cni == "routed" else Route(BRIDGE)
    for other in cluster.nodes.values():
        for cidr in other.pod_cidrs if other is not node else ():
            if cluster.world.cni == "vxlan":
                yield cidr, Route(TUNNEL, nth(cidr, 0))
            elif hop := next_hop(where, node, other, prefix(cidr)[0]):
                yield cidr, Route("eth0", hop)
    for pod in where.pods_of_node.get(node.name, ()):
        for address in pod.addresses:
            if not where.bridged(pod, address):
                yield address, Route(veth_name(pod))
    for address, pod in outliers(where):
        if pod.node != node.name and (hop := next_hop(where, node, cluster.nodes[pod.node], family(address))):
            yield address, Route("eth0", hop)


def outliers(where: Plan) -> Iterator[tuple[str, Pod]]:
    """The Pods with an address outside their Node's podCIDR: each has a route of its own everywhere."""
    for pods in where.pods_of_node.values():
        for pod in pods:
            for address in pod.addresses:
                if not where.in_own_range(pod, address):
                    yield address, pod


def next_hop(where: Plan, node: Node, other: Node, version: int) -> str:
    """The address that a node sends to for another: that node's, or the router's; empty for none."""

    def own(of: Node) -> str:
        return next((a for a in interface_addresses(of) if family(a) == version), "")

    mine, theirs = own(node), own(other)
    if not mine or not theirs:
        return ""
    network = where.network_of(mine)
    return theirs if inside(theirs, network) else where.router_addresses[network]


@lru_cache(maxsize=4096)
def pod_host(cluster: Cluster, key: str) -> Host:
    """A Pod as a host of its own: eth0 and a default route through its Node."""
    where, pod = plan(cluster), cluster.pods[key]
    node = cluster.nodes[pod.node]
    addresses, routes, segment = [], [], veth_segment(pod)
    for address in pod.addresses:
        version = family(address)
        cidr = next((c for c in node.pod_cidrs if inside(address, c)), "")
        if where.bridged(pod, address):
            segment = bridge_segment(node.name)
            addresses.append(f"{address}/{prefix(cidr)[2]}")
            routes += [(cidr, Route("eth0")), (DEFAULT[version], Route("eth0", nth(cidr, 1)))]
        else:
            addresses.append(f"{address}/{BITS[version]}")
            routes.append((DEFAULT[version], Route("eth0", VETH_GATEWAY[version])))
    return make_host(key, "pod", [Interface("eth0", tuple(addresses), segment)], routes)
