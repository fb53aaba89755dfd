"""What kube-proxy makes of Services and EndpointSlices: one value for each port of a Service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple

from svcnotes.addresses import read_network
from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import LOCAL, Endpoint, EndpointSlice, Service, ServicePort
from svcnotes.copying import value
from svcnotes.packet import endpoint_text

# kube-proxy does not even ask for Services with the first label and for EndpointSlices with the second.
SERVICE_PROXY_NAME = "service.kubernetes.io/service-proxy-name"
HEADLESS = "service.kubernetes.io/headless"
ADDRESS_TYPES = {4: "IPv4", 6: "IPv6"}


class ServiceEndpoint(NamedTuple):
    """An endpoint of one service port: `text` is `IP:port` as it stands in the rules."""

    text: str
    address: str
    port: int
    endpoint: Endpoint


@value(frozen=True, slots=True)
class ServicePortInfo:
    """One port of a Service in one IP family, with all its endpoints, ready or not.

    `name` is `namespace/name` or `namespace/name:port`; `protocol` is lower case. `vips` are the
    load balancer's addresses that the node itself captures (ipMode VIP). `endpoints` are sorted by
    their text. Policies are booleans: whether only endpoints on the node itself may be used.
    """

    service: Service
    port: ServicePort
    name: str
    protocol: str
    cluster_ip: str
    external_ips: tuple[str, ...]
    vips: tuple[str, ...]
    source_ranges: tuple[str, ...]
    health_check_node_port: int
    external_local: bool
    internal_local: bool
    endpoints: tuple[ServiceEndpoint, ...]

    @property
    def externally_accessible(self) -> bool:
        """Whether anything but the clusterIP leads here: a nodePort, an external IP, a VIP."""
        return bool(self.port.node_port or self.vips or self.external_ips)

    @property
    def uses_cluster_endpoints(self) -> bool:
        """Whether traffic may go to endpoints anywhere.

        With external policy Local it may too: pods and the node itself take a short cut.
        """
        return not self.internal_local or self.externally_accessible

    @property
    def uses_local_endpoints(self) -> bool:
        """Whether some traffic may go to the node's own endpoints only."""
        return self.internal_local or (self.external_local and self.externally_accessible)


@lru_cache(maxsize=4096)
def canonical(address: str) -> str:
    """Write an address as Go and the kernel do (RFC 5952 for IPv6)."""
    return str(ip_address(address)) if ":" in address else address


def of_family(addresses: tuple[str, ...], family: int) -> tuple[str, ...]:
    """The addresses or CIDRs of one family, in their order."""
    return tuple(a for a in addresses if (":" in a) == (family == 6))


def networks(cidrs: tuple[str, ...], family: int) -> tuple[str, ...]:
    """The CIDRs of one family, host bits cleared; blanks around them are allowed, as in the API."""
    stripped = tuple(cidr.strip() for cidr in cidrs)
    return tuple(str(read_network(cidr, strict=False)) for cidr in of_family(stripped, family))


def is_proxied(service: Service) -> bool:
    """Whether kube-proxy looks at a Service at all.

    Headless and ExternalName Services have DNS records only; the label service.kubernetes.io/service-proxy-name,
    whatever its value, hands a Service to another proxy. service.kubernetes.io/headless is a word of the
    EndpointSlice controller and means nothing here. Source: the informers in cmd/kube-proxy/app/server.go of
    Kubernetes 1.36; pull request 134623 of kubernetes/kubernetes.
    """
    return (
        service.type != "ExternalName"
        and not service.headless
        and bool(service.cluster_ips)
        and SERVICE_PROXY_NAME not in service.labels
    )


def _external_policy_local(service: Service) -> bool:
    takes_outside_traffic = service.type in {"NodePort", "LoadBalancer"} or bool(service.external_ips)
    return service.external_traffic_policy == LOCAL and takes_outside_traffic


def needs_health_check(service: Service) -> bool:
    """Whether load balancers ask each node if it has endpoints of its own (healthCheckNodePort)."""
    return service.type == "LoadBalancer" and service.external_traffic_policy == LOCAL


def slices_by_service(cluster: Cluster, family: int) -> dict[str, list[EndpointSlice]]:
    """The EndpointSlices of one family that kube-proxy sees, by the `namespace/name` of their Service."""
    wanted = ADDRESS_TYPES[family]
    found: dict[str, list[EndpointSlice]] = {}
    for piece in cluster.endpoint_slices:
        if piece.address_type == wanted and piece.service and HEADLESS not in piece.labels:
            found.setdefault(f"{piece.namespace}/{piece.service}", []).append(piece)
    return found


def by_name(slices: Sequence[EndpointSlice]) -> dict[str, EndpointSlice]:
    """The EndpointSlices of one Service by their names, to be compared with what they were."""
    return {one.name: one for one in slices}


def _endpoints(slices: list[EndpointSlice], port: ServicePort) -> tuple[ServiceEndpoint, ...]:
    """The endpoints of a port, each `IP:port` once: a slice's port belongs by name and protocol."""
    found: dict[str, ServiceEndpoint] = {}
    for piece in slices:
        for slice_port in piece.ports:
            number = slice_port.number
            if not number or slice_port.name != port.name or slice_port.protocol != port.protocol:
                continue
            for endpoint in piece.endpoints:
                if not endpoint.addresses:
                    continue
                address = canonical(endpoint.addresses[0])
                text = endpoint_text(address, number)
                # Two Pods may hold one address while the older one terminates: the living one wins.
                if text not in found or not endpoint.terminating:
                    found[text] = ServiceEndpoint(text, address, number, endpoint)
    return tuple(found[text] for text in sorted(found))


def ports_of(
    cluster: Cluster, service: Service, slices: list[EndpointSlice], family: int
) -> Iterator[ServicePortInfo]:
    """Yield the ports of one Service of a cluster in one family, given its EndpointSlices of that family.

    Without the gate AllowServiceExternalIPs there are no external IPs (KEP-5707).
    """
    cluster_ip = next(iter(of_family(service.cluster_ips, family)), "")
    if not cluster_ip or not is_proxied(service):
        return
    external_local = _external_policy_local(service)
    external_ips = service.external_ips if cluster.proxy.allow_external_ips else ()
    ranges = service.load_balancer_source_ranges
    vips = tuple(canonical(i.ip) for i in service.ingress if i.ip and i.ip_mode == "VIP")
    for port in service.ports:
        yield ServicePortInfo(
            service=service,
            port=port,
            name=f"{service.key}:{port.name}" if port.name else service.key,
            protocol=port.protocol.lower(),
            cluster_ip=canonical(cluster_ip),
            external_ips=tuple(canonical(a) for a in of_family(external_ips, family)),
            vips=of_family(vips, family),
            source_ranges=networks(ranges, family) if ranges else (),
            health_check_node_port=service.health_check_node_port if needs_health_check(service) else 0,
            external_local=external_local,
            internal_local=service.internal_traffic_policy == LOCAL,
            endpoints=_endpoints(slices, port),
        )


@lru_cache(maxsize=8)  # they are the same on every node of a cluster
def service_ports(cluster: Cluster, family: int) -> tuple[ServicePortInfo, ...]:
    """Every port of every Service that kube-proxy serves in that family (4 or 6), by name.

    kube-proxy itself walks a Go map, in an order that changes from run to run.
    """
    slices = slices_by_service(cluster, family)
    return tuple(
        info
        for key in sorted(cluster.services)
        for info in ports_of(cluster, cluster.services[key], slices.get(key, []), family)
    )
