"""The cloud's load balancers: which addresses they hold, and which nodes or Pods they choose among.

A pass-through balancer is part of the router: it hands the packet, unchanged, to one of the nodes. A
proxying one is a host that accepts the connection and makes another, from its own address, to a
node's nodePort, or (cloud `pods`) straight to a Pod; where the address has ipMode VIP, nodes and Pods
never come to it, as kube-proxy catches their packets. Behind it kube-proxy cannot tell clients apart, so
the cloud's own firewall holds them to loadBalancerSourceRanges; a pass-through balancer leaves that to
kube-proxy. Simplified: all choices are equally likely, and with no healthy node the packet is dropped (some
clouds then use all nodes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from svcnotes.addresses import BITS
from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import LOCAL, Service, ServicePort
from svcnotes.kube_proxy import healthcheck
from svcnotes.kube_proxy.chain_names import hashed
from svcnotes.network import faults
from svcnotes.network.addresses import family
from svcnotes.network.plan import plan

EXCLUDED = "node.kubernetes.io/exclude-from-external-load-balancers"
FIREWALL = "CLOUD-FW-"


@dataclass(frozen=True, slots=True)
class Balancer:
    """A load balancer's address, and the Services (one, as a rule) that it serves there."""

    address: str
    services: tuple[Service, ...]

    def port(self, protocol: str, port: int) -> tuple[Service, ServicePort] | None:
        """The Service and its port that the balancer listens for; protocol is tcp, udp or sctp."""
        for service in self.services:
            for one in service.ports:
                if one.port == port and one.protocol.lower() == protocol:
                    return service, one
        return None


@lru_cache(maxsize=8)
def balancers(cluster: Cluster) -> Mapping[str, Balancer]:
    """The balancers by address; none without a cloud."""
    if cluster.world.cloud == "none":
        return {}
    found: dict[str, list[Service]] = {}
    for service in cluster.services.values():
        for ingress in service.ingress:
            if ingress.ip and (ingress.ip_mode == "VIP" or cluster.world.cloud != "pass-through"):
                found.setdefault(ingress.ip, []).append(service)
    known = plan(cluster)
    return {
        address: Balancer(address, tuple(services))
        for address, services in found.items()
        if address not in known.node_of and address not in known.pod_of
    }


def source_range_rules(cluster: Cluster, version: int) -> list[str]:
    """The rules of the cloud's firewall in front of its proxying balancers: who may come to their addresses.

    They belong into filter's FORWARD on the router; other clouds have none.
    """
    if cluster.world.cloud not in ("proxying", "pods"):
        return []
    jumps, ranges = [], []
    for address, balancer in balancers(cluster).items():
        for service in balancer.services if family(address) == version else ():
            if not service.load_balancer_source_ranges:
                continue
            chain = FIREWALL + hashed(f"{address} {service.key}")
            remark = (
                f'-m conntrack --ctstate NEW -m comment --comment "{service.key} loadBalancerSourceRanges"'
            )
            for port in service.ports:
                protocol = port.protocol.lower()
                jumps.append(
                    f"-A FORWARD -d {address}/{BITS[version]} -p {protocol} {remark} "
                    f"-m {protocol} --dport {port.port} -j {chain}"
                )
            allowed = (one.strip() for one in service.load_balancer_source_ranges)
            ranges += [f"-A {chain} -s {one} -j RETURN" for one in allowed if family(one) == version]
            ranges.append(f'-A {chain} -m comment --comment "not in loadBalancerSourceRanges" -j DROP')
    return jumps + ranges


def healthy_nodes(cluster: Cluster, service: Service, version: int) -> tuple[str, ...]:
    """The nodes that a balancer sends to: those whose health check passes, under policy Local the Service's own.

    The fault balancer-believes stands for a check that lags.
    """
    offered = [
        name
        for name, node in cluster.nodes.items()
        if node.address(version) and node.labels.get(EXCLUDED, "false") == "false"
    ]
    believed = faults.believed_nodes(cluster, service.key)
    if believed is not None:
        return tuple(name for name in offered if name in believed)
    if service.external_traffic_policy == LOCAL:
        return tuple(
            name
            for name in offered
            if name not in cluster.stopped
            and healthcheck.local_ready_endpoints(cluster, service, name, version)
        )
    return tuple(name for name in offered if healthcheck.is_well(cluster, name, version))


def backends(
    cluster: Cluster, balancer: Balancer, protocol: str, port: int
) -> tuple[tuple[str, int], ...] | None:
    """Where a proxying balancer may connect to: (address, port) pairs; None where it does not listen."""
    found = balancer.port(protocol, port)
    if found is None:
        return None
    service, service_port = found
    version = family(balancer.address)
    if cluster.world.cloud == "pods":
        return _ready_pods(cluster, service, service_port, version)
    if not service_port.node_port:
        return ()
    return tuple(
        (cluster.nodes[name].address(version), service_port.node_port)
        for name in healthy_nodes(cluster, service, version)
    )


def _ready_pods(
    cluster: Cluster, service: Service, port: ServicePort, version: int
) -> tuple[tuple[str, int], ...]:
    found = {
        (address, target.number)
        for one in cluster.endpoint_slices
        if one.service == service.name and one.namespace == service.namespace
        for target in one.ports
        if target.number is not None and target.name == port.name and target.protocol == port.protocol
        for endpoint in one.endpoints
        if endpoint.ready
        for address in endpoint.addresses[:1]
        if one.address_type != "FQDN" and family(address) == version
    }
    return tuple(sorted(found))
