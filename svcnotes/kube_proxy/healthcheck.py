"""The health checks that kube-proxy answers on each node.

A healthCheckNodePort tells a load balancer whether a node has endpoints of its own for one Service
with external policy Local; port 10256 (healthzBindAddress) tells whether kube-proxy itself is well. Source:
pkg/proxy/healthcheck of Kubernetes 1.36, KEP-3836. kube-proxy is always in time here, and its
answers' times (lastUpdated, currentTime) are left out; so are paths: any path is `/healthz`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import Service
from svcnotes.kube_proxy.modes import mode_named
from svcnotes.kube_proxy.node_ports import node_port_addresses
from svcnotes.kube_proxy.service_ports import (
    is_proxied,
    needs_health_check,
    of_family,
    ports_of,
    slices_by_service,
)

HEALTHZ_PORT = 10256
"""Where clouds ask, whatever kube-proxy's healthzBindAddress says."""
BEING_DELETED = "ToBeDeletedByClusterAutoscaler"
_HEADERS = {"Content-Type": "application/json", "X-Content-Type-Options": "nosniff"}


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: status code, headers, and the JSON body as Python values."""

    status: int
    headers: Mapping[str, str]
    body: Mapping[str, object]


def listening_ports(
    cluster: Cluster, node: str, family: int | None = None, proxy_mode: str | None = None
) -> dict[int, tuple[str, ...]]:
    """The TCP ports on which kube-proxy listens on a node, each with the addresses it listens on.

    No addresses: on every local one. `family` (4 or 6) None is the cluster's first, `proxy_mode` None its own. A nodePort is
    not among them: no process listens there, rules catch the packet before. None at all where
    kube-proxy has stopped. Raises KeyError for a node that is not there.
    """
    if node in cluster.stopped:
        return {}
    family = cluster.families[0] if family is None else family
    at, port = cluster.proxy.healthz
    ports: dict[int, tuple[str, ...]] = (
        {port: (at,) if at else ()} if of_family((at,), family) or not at else {}
    )
    checked = list(_checked_services(cluster, family))
    if checked:
        mode = mode_named(cluster.proxy.mode if proxy_mode is None else proxy_mode)
        open_at = node_port_addresses(
            cluster, cluster.nodes[node], family, default=mode.node_port_default, localhost=mode.localhost
        )
        if open_at.match_all or open_at.listening:
            ports |= {service.health_check_node_port: open_at.listening for service in checked}
    return ports


def answer(
    cluster: Cluster, node: str, port: int, family: int | None = None, proxy_mode: str | None = None
) -> Answer | None:
    """What kube-proxy on a node answers to GET /healthz on a port, None where it does not listen.

    Arguments as for `listening_ports`. Raises KeyError for a node that is not there.
    """
    family = cluster.families[0] if family is None else family
    if port not in listening_ports(cluster, node, family, proxy_mode):
        return None
    if port == cluster.proxy.healthz[1]:
        return _healthz(cluster, node)
    service = next(s for s in _checked_services(cluster, family) if s.health_check_node_port == port)
    count = local_ready_endpoints(cluster, service, node, family)
    return Answer(
        status=200 if count else 503,
        headers={**_HEADERS, "X-Load-Balancing-Endpoint-Weight": str(count)},
        body={
            "service": {"namespace": service.namespace, "name": service.name},
            "localEndpoints": count,
            "serviceProxyHealthy": True,
        },
    )


def is_well(cluster: Cluster, node: str, family: int) -> bool:
    """Whether a cloud that asks a node's own address, at the usual port, hears that its kube-proxy is well."""
    at = listening_ports(cluster, node, family).get(HEALTHZ_PORT)
    heard = at is not None and (not at or cluster.nodes[node].address(family) in at)
    said = answer(cluster, node, HEALTHZ_PORT, family) if heard else None
    return said is not None and said.status == 200


def local_ready_endpoints(cluster: Cluster, service: Service, node: str, family: int) -> int:
    """Count the addresses of a Service's ready endpoints on a node, whatever their port.

    Endpoints that terminate are not ready: the load balancer turns away from the node while
    kube-proxy still forwards to them.
    """
    slices = slices_by_service(cluster, family).get(service.key, [])
    found = {
        item.address
        for info in ports_of(cluster, service, slices, family)
        for item in info.endpoints
        if item.endpoint.ready and item.endpoint.node == node
    }
    return len(found)


def _checked_services(cluster: Cluster, family: int) -> Iterator[Service]:
    return (
        service
        for service in cluster.services.values()
        if service.health_check_node_port
        and needs_health_check(service)
        and is_proxied(service)
        and of_family(service.cluster_ips, family)
    )


def _healthz(cluster: Cluster, node: str) -> Answer:
    """kube-proxy is well, but a node about to go says so: load balancers may drain it in time."""
    raw = cluster.state.objects[("Node", "", node)]
    taints = (raw.get("spec") or {}).get("taints") or ()
    leaving = bool(raw["metadata"].get("deletionTimestamp")) or any(
        taint.get("key") == BEING_DELETED for taint in taints
    )
    return Answer(
        status=503 if leaving else 200,
        headers=_HEADERS,
        body={
            "nodeEligible": not leaving,
            "healthy": True,
            # Both families have a proxier, whichever of them the cluster uses.
            "status": {"IPv4": {"healthy": True}, "IPv6": {"healthy": True}},
        },
    )
