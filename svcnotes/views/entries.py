"""One question asked by way of every node in turn, and the hosts that may answer it."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from svcnotes.errors import QuestionError
from svcnotes.packet import endpoint_text
from svcnotes.scenarios.changes import find_port, find_service
from svcnotes.trace import Path, Trace, trace

if TYPE_CHECKING:
    from svcnotes.control_plane.cluster import Cluster
    from svcnotes.control_plane.objects import Service, ServicePort


@dataclass(frozen=True, slots=True)
class Entry:
    """The question asked by way of `node`, and its answer."""

    node: str
    trace: Trace


def each_node(
    cluster: Cluster,
    service: str,
    port: int | str | None = None,
    source: str = "192.0.2.10",
    protocol: str = "",
    to: str = "",
) -> tuple[Entry, ...]:
    """Ask for a Service (`namespace/name`) by way of each Node: its nodePort, or `to` handed to that Node.

    `port` is the Service's, by number or name, the first by default; `protocol` that port's own by default.
    `to` is an address of the Service (clusterIP, externalIP, a load balancer's), with a port or without (the
    Service's then). A Node without an address of the source's IP family is left out. Raises QuestionError
    where there is nothing to dial, and what `svcnotes.trace` raises.
    """
    found = find_service(cluster, service)
    chosen = find_port(found, port)
    protocol = protocol or chosen.protocol.lower()
    if to:
        aim = with_port(to, chosen.port)
        return tuple(Entry(name, trace(cluster, source, aim, protocol, via=name)) for name in cluster.nodes)
    if not chosen.node_port:
        raise QuestionError(
            f'Service "{service}" has no nodePort for port {chosen.port}. Say `to`: {_addresses(found, chosen)}'
        )
    family = _family(cluster, source)
    entries = tuple(
        Entry(name, trace(cluster, source, endpoint_text(address, chosen.node_port), protocol))
        for name, node in cluster.nodes.items()
        if (address := node.address(family))
    )
    if not entries:
        raise QuestionError(
            f"source {source}: no Node has an IPv{family} address to dial; ask from the other family"
        )
    return entries


def with_port(to: str, port: int) -> str:
    """Write `to` with a port: a bare address gets the one given."""
    try:
        return endpoint_text(str(ip_address(to.strip("[]"))), port)
    except ValueError:
        return to


def entered(path: Path) -> str:
    """Name the node by which a path's packet came in, empty where it met none."""
    return next((hop.host for hop in path.hops if hop.kind == "node" and hop.direction == "there"), "")


def endpoint_hosts(cluster: Cluster, service: Service) -> dict[str, str]:
    """Give the Service's endpoints: the host's name in hops to the node it runs on, or empty outside.

    Those that may get traffic: ready, or at least serving while they end.
    """
    outside = {host.address: host.name for host in cluster.world.hosts}
    found: dict[str, str] = {}
    for one in cluster.endpoint_slices:
        if (one.namespace, one.service) != (service.namespace, service.name):
            continue
        for endpoint in one.endpoints:
            if not (endpoint.ready or endpoint.serving):
                continue
            pod = cluster.pods.get(endpoint.pod)
            host = pod.key if pod else outside.get(endpoint.addresses[0], endpoint.addresses[0])
            found.setdefault(host, pod.node if pod else "")
    return found


def _family(cluster: Cluster, source: str) -> int:
    try:
        return ip_address(source).version
    except ValueError:
        return cluster.families[0]


def _addresses(service: Service, port: ServicePort) -> str:
    own = (*service.cluster_ips, *service.external_ips, *(one.ip for one in service.ingress))
    given = [endpoint_text(address, port.port) for address in own if address not in {"", "None"}]
    return ", ".join(given) or "but it has no address either"
