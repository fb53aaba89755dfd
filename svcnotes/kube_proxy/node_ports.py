"""On which of a node's addresses nodePorts are open: `nodePortAddresses`."""

from __future__ import annotations

from svcnotes.addresses import read_address, read_network
from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import KubeProxyConfiguration, Node
from svcnotes.copying import value
from svcnotes.kube_proxy.service_ports import canonical, of_family

PRIMARY = "primary"
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
EVERYTHING = {4: "0.0.0.0/0", 6: "::/0"}


@value(frozen=True, slots=True)
class NodePortAddresses:
    """Where a node's nodePorts are open, in one family.

    With `match_all` every local address is meant, now and later; else `addresses` lists them, which
    may be none. `localhost` tells whether 127.0.0.1 is among them and kube-proxy has opened it
    (IPv4 only: it sets route_localnet, for which IPv6 has no twin). `listening`: those of `addresses` and the loopback,
    if it is meant: there health checks are served, which no rule has to open.
    """

    match_all: bool
    addresses: tuple[str, ...]
    localhost: bool
    listening: tuple[str, ...] = ()


def primary_address(node: Node, family: int, settings: KubeProxyConfiguration | None = None) -> str:
    """What kube-proxy takes for the node's own address: bindAddress, InternalIP, else ExternalIP, else loopback.

    Source: detectNodeIPs in cmd/kube-proxy/app/server.go of Kubernetes 1.36.
    """
    bound = settings.bind_address if settings else ""
    if bound and of_family((bound,), family):
        return bound
    outer = next(iter(of_family(node.external_addresses, family)), "")
    return canonical(node.address(family) or outer or LOOPBACK[family])


def local_addresses(cluster: Cluster, node: Node, family: int) -> tuple[str, ...]:
    """The addresses on the node's interfaces: lo, eth0 (its InternalIPs), and the pod network's.

    Simplified: link-local addresses, and ExternalIPs (a cloud translates those before the node),
    are on no interface.
    """
    found = [LOOPBACK[family], *(canonical(a) for a in of_family(node.addresses, family))]
    for cidr in of_family(node.pod_cidrs, family):
        network = read_network(cidr, strict=False)
        if cluster.given_world.cni == "vxlan":
            found.append(str(network.network_address))  # flannel.1 holds the range's own address
        if cluster.given_world.cni != "routed":
            found.append(str(network.network_address + 1))  # cni0
    return tuple(dict.fromkeys(found))


def _cidrs(
    settings: KubeProxyConfiguration, node: Node, family: int, default: tuple[str, ...]
) -> tuple[str, ...]:
    given = settings.node_port_addresses or default
    if given == (PRIMARY,):
        address = primary_address(node, family, settings)
        given = () if read_address(address).is_loopback else (address,)
    # Ranges of the other family leave this one at its default.
    return of_family(given, family) or (EVERYTHING[family],)


def node_port_addresses(
    cluster: Cluster, node: Node, family: int, *, default: tuple[str, ...] = (), localhost: bool = True
) -> NodePortAddresses:
    """Read `nodePortAddresses` and `iptables.localhostNodePorts` for one node and family (4 or 6).

    `primary` stands for the node's own address of each family. The proxy mode says what an empty list
    means (`default`; empty: every address) and whether 127.0.0.1 can be opened at all (`localhost`).
    """
    settings = cluster.proxy
    ranges = [read_network(cidr, strict=False) for cidr in _cidrs(settings, node, family, default)]
    holds_loopback = family == 4 and any(
        r.network_address.is_loopback or read_address("127.0.0.0") in r for r in ranges
    )
    localhost = localhost and settings.localhost_node_ports and holds_loopback
    if any(r.prefixlen == 0 for r in ranges):
        return NodePortAddresses(match_all=True, addresses=(), localhost=localhost)
    meant = [a for a in local_addresses(cluster, node, family) if any(read_address(a) in r for r in ranges)]
    opened = tuple(a for a in meant if localhost or not read_address(a).is_loopback)
    return NodePortAddresses(match_all=False, addresses=opened, localhost=localhost, listening=tuple(meant))
