"""IPVS mode on one node: its virtual servers, IP sets, the addresses of kube-ipvs0, and the iptables rules that remain.

Simplified: IPVS lists virtual servers, and real ones, in the order of its hash table; here they stand by Service and
by their text.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kube_proxy.ipvs import sets
from svcnotes.kube_proxy.ipvs.service import Contents, NodeView, port_contents
from svcnotes.kube_proxy.ipvs.tables import iptables_text
from svcnotes.kube_proxy.node_ports import local_addresses, node_port_addresses, primary_address
from svcnotes.kube_proxy.service_ports import service_ports
from svcnotes.virtual_servers import UNTUNED, Tuning, VirtualServer

DUMMY = "kube-ipvs0"
"""The interface, down and without ARP, that holds every Service's addresses: so they are the node's own."""


def node_view(cluster: Cluster, node: str, family: int) -> NodeView:
    """How a node, by its name, looks to every Service; loopback is never among its addresses."""
    member = cluster.nodes[node]
    own = tuple(a for a in local_addresses(cluster, member, family) if not ip_address(a).is_loopback)
    open_at = node_port_addresses(cluster, member, family, localhost=False)
    return NodeView(
        name=node,
        zone=member.zone,
        address=primary_address(member, family, cluster.proxy),
        local_addresses=frozenset(own),
        node_port_addresses=own if open_at.match_all else open_at.addresses,
        scheduler=cluster.proxy.ipvs_scheduler,
    )


@lru_cache(maxsize=8)  # the four texts of a node are mostly asked for together
def node_contents(cluster: Cluster, node: str, family: int) -> Contents:
    """What the Services of a cluster make on a node, by its name."""
    return port_contents(service_ports(cluster, family), node_view(cluster, node, family))


def rules(cluster: Cluster, node: str, family: int) -> str:
    """Write the iptables rules that a node has in IPVS mode, for IPv4 (4) or IPv6 (6).

    Raises KeyError for a node that is not there.
    """
    return iptables_text(cluster, node, node_contents(cluster, node, family), family)


def sysctls(cluster: Cluster) -> dict[str, str]:
    """The switches that kube-proxy sets in this mode (NewProxier in pkg/proxy/ipvs/proxier.go).

    It sets conn_reuse_mode to 0 on kernels before 5.9 only: here the kernel's own, 1, stays.

    With strictARP a node answers ARP only for addresses of the interface that was asked.
    """
    strict = {"net.ipv4.conf.all.arp_ignore": "1", "net.ipv4.conf.all.arp_announce": "2"}
    return {
        "net.ipv4.vs.conntrack": "1",
        "net.ipv4.vs.expire_nodest_conn": "1",
        "net.ipv4.vs.expire_quiescent_template": "1",
        **(strict if cluster.proxy.strict_arp else {}),
    }


def tuning(cluster: Cluster) -> Tuning:
    """How IPVS is set: kube-proxy's timeouts and switches, unless the World says otherwise of a switch.

    A timeout that is 0 leaves the kernel's own (ConfigureTimeouts in pkg/util/ipvs, `ipvsadm --set`).
    """
    switches = {**sysctls(cluster), **cluster.given_world.sysctls}
    tcp, tcp_fin, udp = cluster.proxy.ipvs_timeouts
    return Tuning(
        tcp=tcp or UNTUNED.tcp,
        tcp_fin=tcp_fin or UNTUNED.tcp_fin,
        udp=udp or UNTUNED.udp,
        expire_nodest_conn=switches.get("net.ipv4.vs.expire_nodest_conn") != "0",
        expire_quiescent_template=switches.get("net.ipv4.vs.expire_quiescent_template") != "0",
        conn_reuse_mode=int(switches.get("net.ipv4.vs.conn_reuse_mode", "1")),
    )


def virtual_servers(cluster: Cluster, node: str, family: int) -> tuple[VirtualServer, ...]:
    """The virtual servers of a node, with their real servers: by Service, then as they were dialled."""
    return tuple(node_contents(cluster, node, family).servers.values())


def ip_sets(cluster: Cluster, node: str, family: int) -> str:
    """Write the IP sets of a node as `ipset save` prints them."""
    return sets.saved(node_contents(cluster, node, family).entries, family)


def bound_addresses(cluster: Cluster, node: str, family: int) -> tuple[str, ...]:
    """The addresses of kube-ipvs0 on a node, in numerical order."""
    return tuple(sorted(node_contents(cluster, node, family).bound, key=ip_address))
