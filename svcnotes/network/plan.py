"""The address plan of a cluster: the nodes' networks, the router's addresses, who owns which address."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import Node, Pod
from svcnotes.network.addresses import common_range, family, inside, nth, prefix

_LONGEST = {4: 24, 6: 64}  # a lone node still shares a network with the router
_SHORTEST = {4: 16, 6: 32}  # nodes further apart than this live in networks of their own


@dataclass(frozen=True, eq=False)
class Plan:
    """Who is where: `node_of` and `pod_of` by address (no hostNetwork Pods, no ended ones).

    `networks` are the nodes' networks, `router_addresses` the router's address in each of them;
    `external` maps a Node's ExternalIP to its InternalIP of that family.
    """

    cluster: Cluster
    networks: tuple[str, ...]
    router_addresses: Mapping[str, str]
    node_of: Mapping[str, str]
    pod_of: Mapping[str, Pod]
    pods_of_node: Mapping[str, tuple[Pod, ...]]
    external: Mapping[str, str]

    @cached_property
    def services_at(self) -> Mapping[str, str]:
        """The Service (`namespace/name`) whose externalIPs or load balancer's status name an address."""
        return {
            address: service.key
            for service in self.cluster.services.values()
            for address in (*service.external_ips, *(one.ip for one in service.ingress if one.ip))
        }

    def network_of(self, address: str) -> str:
        """The nodes' network that holds this address, empty where none does."""
        return next((net for net in self.networks if inside(address, net)), "")

    def in_own_range(self, pod: Pod, address: str) -> bool:
        """Whether a Pod's address is of its Node's podCIDR: only then can it sit behind cni0."""
        return any(inside(address, cidr) for cidr in self.cluster.nodes[pod.node].pod_cidrs)

    def bridged(self, pod: Pod, address: str) -> bool:
        """Whether the Pod hangs on its Node's bridge; otherwise on an address-less veth of its own."""
        return self.cluster.world.cni != "routed" and self.in_own_range(pod, address)


def interface_addresses(node: Node) -> tuple[str, ...]:
    """The addresses on eth0: the InternalIPs; a family without one takes the ExternalIPs."""
    if not node.external_addresses:
        return node.addresses
    missing = [v for v in (4, 6) if not node.address(v)]
    return (*node.addresses, *(a for a in node.external_addresses if family(a) in missing))


def veth_name(pod: Pod) -> str:
    """The node's end of a Pod's cable: as its annotation says, else for the Pod where 15 characters suffice."""
    if pod.interface:
        return pod.interface
    plain = f"veth-{pod.name}"
    return plain if len(plain) <= 15 else "veth" + hashlib.sha256(pod.key.encode()).hexdigest()[:8]


def ended(pod: Pod) -> bool:
    """Whether the Pod has no network any more."""
    return pod.phase in ("Succeeded", "Failed")


@lru_cache(maxsize=8)
def plan(cluster: Cluster) -> Plan:
    """Lay out the addresses of a cluster (kept for the last few clusters)."""
    node_of = {a: node.name for node in cluster.nodes.values() for a in interface_addresses(node)}
    networks = tuple(net for version in (4, 6) for net in _networks(node_of, version))
    pod_of: dict[str, Pod] = {}
    pods_of_node: dict[str, list[Pod]] = {}
    for pod in cluster.pods.values():
        if pod.host_network or ended(pod) or pod.node not in cluster.nodes:
            continue
        pods_of_node.setdefault(pod.node, []).append(pod)
        for address in pod.addresses:
            pod_of.setdefault(address, pod)
    external = {
        a: node.address(family(a))
        for node in cluster.nodes.values()
        for a in node.external_addresses
        if node.address(family(a)) and a not in node_of
    }
    return Plan(
        cluster=cluster,
        networks=networks,
        router_addresses={net: _router_address(net, node_of) for net in networks},
        node_of=node_of,
        pod_of=pod_of,
        pods_of_node={node: tuple(pods) for node, pods in pods_of_node.items()},
        external=external,
    )


def _networks(node_of: Mapping[str, str], version: int) -> list[str]:
    own = [a for a in node_of if family(a) == version]
    if not own:
        return []
    whole = common_range(own, _LONGEST[version])
    if prefix(whole)[2] >= _SHORTEST[version]:
        return [whole]
    return list(dict.fromkeys(common_range([a], _LONGEST[version]) for a in own))


def _router_address(network: str, taken: Mapping[str, str]) -> str:
    """The first address of the network that no node has."""
    return next(a for a in (nth(network, i) for i in range(1, len(taken) + 2)) if a not in taken)
