"""What each port of a Service makes in IPVS mode: virtual servers, entries of IP sets, addresses of kube-ipvs0.

Source: syncProxyRules and syncEndpoint in pkg/proxy/ipvs/proxier.go of Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from svcnotes.kube_proxy.endpoints import pools
from svcnotes.kube_proxy.ipvs import sets
from svcnotes.kube_proxy.service_ports import ServiceEndpoint, ServicePortInfo
from svcnotes.virtual_servers import RealServer, VirtualServer


@dataclass(frozen=True, slots=True)
class NodeView:
    """What all Services on one node have in common, in one family.

    `local_addresses` are those of the node's interfaces but kube-ipvs0, `node_port_addresses` those at which
    nodePorts are open.
    """

    name: str
    zone: str
    address: str
    local_addresses: frozenset[str]
    node_port_addresses: tuple[str, ...]
    scheduler: str


@dataclass(slots=True)
class Contents:
    """What Services make, gathered port by port.

    `servers` by protocol, address and port; `closed_to_node` are the (address, protocol, port) of load balancers that
    the node itself may not call.
    """

    servers: dict[tuple[str, str, int], VirtualServer] = field(default_factory=dict)
    entries: dict[str, set[str]] = field(default_factory=lambda: {name: set() for name in sets.KINDS})
    bound: set[str] = field(default_factory=set)
    closed_to_node: list[tuple[str, str, int]] = field(default_factory=list)


def port_contents(infos: Iterable[ServicePortInfo], node: NodeView) -> Contents:
    """What some service ports make on a node."""
    contents = Contents()
    for info in infos:
        _write_service_port(contents, info, node)
    contents.entries[sets.IPVS_IPS] = contents.bound
    return contents


def _write_service_port(contents: Contents, info: ServicePortInfo, node: NodeView) -> None:
    pool = pools(info, node.name, node.zone)
    # Where Local finds nobody here, all are taken instead, so that pods of this node still get through. A client from
    # outside is led to them too; it does not get an answer that it knows.
    everybody = _real_servers(pool.cluster)
    here = _real_servers(pool.local) if pool.local else everybody
    internal = here if info.internal_local else everybody
    external = here if info.external_local else everybody
    for item in info.endpoints:
        if item.endpoint.node == node.name:  # ready or not
            contents.entries[sets.LOOP_BACK].add(f"{item.address},{info.protocol}:{item.port},{item.address}")
    contents.entries[sets.CLUSTER_IP].add(_entry(info, info.cluster_ip))
    contents.bound.add(info.cluster_ip)
    _add_server(contents, info, info.cluster_ip, info.port.port, internal, node)
    for address in (*info.external_ips, *info.vips):
        # An address that is on another interface already must not be on two.
        if address not in node.local_addresses:
            contents.bound.add(address)
        _add_server(contents, info, address, info.port.port, external, node)
    for address in info.external_ips:
        name = sets.EXTERNAL_IP_LOCAL if info.external_local else sets.EXTERNAL_IP
        contents.entries[name].add(_entry(info, address))
    for address in info.vips:
        _write_load_balancer(contents, info, address, node)
    if info.port.node_port and node.node_port_addresses:
        _write_node_port(contents, info, external, node)
    if info.health_check_node_port:
        contents.entries[sets.HEALTH_CHECK].add(str(info.health_check_node_port))


def _real_servers(endpoints: Sequence[ServiceEndpoint]) -> tuple[RealServer, ...]:
    return tuple([RealServer(item.address, item.port) for item in endpoints])


def _entry(info: ServicePortInfo, address: str) -> str:
    return f"{address},{info.protocol}:{info.port.port}"


def _add_server(
    contents: Contents,
    info: ServicePortInfo,
    address: str,
    port: int,
    real_servers: tuple[RealServer, ...],
    node: NodeView,
) -> None:
    sticky = info.service.session_affinity == "ClientIP"
    contents.servers[info.protocol, address, port] = VirtualServer(
        info.protocol,
        address,
        port,
        scheduler=node.scheduler,
        persistent=info.service.affinity_timeout_seconds if sticky else 0,
        flags="mh-port" if node.scheduler == "mh" else "",
        real_servers=real_servers,
    )


def _write_load_balancer(contents: Contents, info: ServicePortInfo, vip: str, node: NodeView) -> None:
    entry = _entry(info, vip)
    contents.entries[sets.LOAD_BALANCER].add(entry)
    if info.external_local:
        contents.entries[sets.LOAD_BALANCER_LOCAL].add(entry)
    if not info.source_ranges:
        return
    contents.entries[sets.LOAD_BALANCER_FW].add(entry)
    for cidr in info.source_ranges:
        network = ip_network(cidr)
        # A range of every address fits in no such set: ipset refuses it, and kube-proxy goes on without it.
        if network.prefixlen:
            one = str(network.network_address) if network.num_addresses == 1 else cidr
            contents.entries[sets.SOURCE_CIDR].add(f"{entry},{one}")
    if any(ip_address(node.address) in ip_network(cidr) for cidr in info.source_ranges):
        # The VIP is an address of the node itself: then the node calls it from the VIP.
        contents.entries[sets.SOURCE_IP].add(f"{entry},{vip}")
    else:
        contents.closed_to_node.append((vip, info.protocol, info.port.port))


def _write_node_port(
    contents: Contents, info: ServicePortInfo, real_servers: tuple[RealServer, ...], node: NodeView
) -> None:
    port = info.port.node_port
    entries = [str(port)]
    if info.protocol == "sctp":  # a bitmap of ports knows no SCTP
        entries = [f"{address},sctp:{port}" for address in node.node_port_addresses]
    contents.entries[sets.NODE_PORT[info.protocol]].update(entries)
    if info.external_local:
        contents.entries[sets.NODE_PORT_LOCAL[info.protocol]].update(entries)
    for address in node.node_port_addresses:
        _add_server(contents, info, address, port, real_servers, node)
