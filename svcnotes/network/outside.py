"""What lies around the cluster: the router and the hosts behind it.

Simplified: the router has no address of its own on the outside, so it answers outside hosts from the
address that the nodes know; outside hosts reach each other through it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from svcnotes.addresses import BITS
from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import OutsideHost
from svcnotes.network import cloud, faults
from svcnotes.network.addresses import family, inside, prefix
from svcnotes.network.fault_rules import router_firewall
from svcnotes.network.host import Host, Interface, Route, make_host
from svcnotes.network.node_host import DEFAULT, NODES, outliers
from svcnotes.network.plan import Plan, interface_addresses, plan
from svcnotes.network.rule_text import with_rules

ROUTER, OUTSIDE = "router", "outside"
CLIENT_ADDRESSES = ("192.0.2.10", "2001:db8:2::10")
CLIENT, BALANCER = "client", "load-balancer"


@dataclass(frozen=True, slots=True)
class Via:
    """A route on the router for one destination, as the asker wishes it."""

    destination: str
    node: str


@lru_cache(maxsize=8)
def outside_names(cluster: Cluster) -> Mapping[str, str]:
    """The outside hosts there are: address to name. The asker of a question may be one more."""
    names = dict.fromkeys(CLIENT_ADDRESSES, CLIENT)
    if cluster.world.cloud in ("proxying", "pods"):
        held = list(cloud.balancers(cluster))
        names |= {a: BALANCER if len(held) == 1 else f"{BALANCER} {a}" for a in held}
    taken = {ROUTER, CLIENT, *cluster.nodes, *cluster.pods}
    for one in cluster.world.hosts:
        names[one.address] = one.name if one.name not in taken else one.address
    return names


@lru_cache(maxsize=8)
def outside_addresses(cluster: Cluster) -> Mapping[str, str]:
    """The outside hosts by name."""
    return {name: address for address, name in outside_names(cluster).items()}


@lru_cache(maxsize=8)
def outside_served(cluster: Cluster) -> Mapping[str, OutsideHost]:
    """The World's hosts by address."""
    return {one.address: one for one in cluster.world.hosts}


@lru_cache(maxsize=256)
def outside_host(name: str, addresses: tuple[str, ...], kind: str) -> Host:
    """A host behind the router."""
    own = tuple(f"{a}/{BITS[family(a)]}" for a in addresses)
    return make_host(
        name,
        kind,
        [Interface("eth0", own, OUTSIDE)],
        [(DEFAULT[version], Route("eth0", ROUTER)) for version in (4, 6)],
    )


@lru_cache(maxsize=64)
def router_host(cluster: Cluster, via: Via | None) -> Host:
    """The router: it joins the nodes' networks, the outside, and knows the way to every Pod's range."""
    where = plan(cluster)
    own = tuple(f"{where.router_addresses[net]}/{prefix(net)[2]}" for net in where.networks)
    lost = faults.missing_routes(cluster, ROUTER)
    kept = [(cidr, route) for cidr, route in _routes(where) if prefix(cidr) not in lost]
    if via is not None and (hop := _node_address(where, via.node, via.destination)):
        kept.append((via.destination, Route("eth0", hop)))
    interfaces = [Interface("eth0", own, NODES), Interface("wan", (), OUTSIDE)]
    return make_host(ROUTER, "router", interfaces, kept, forwards=True)


def _routes(where: Plan) -> Iterator[tuple[str, Route]]:
    cluster = where.cluster
    for version in (4, 6):
        yield DEFAULT[version], Route("wan")
    for cidr in cluster.config.service_cidrs:
        yield cidr, Route(kind="unreachable")
    for net in where.networks:
        yield net, Route("eth0")
    for address in _hosts_among_nodes(cluster):
        yield address, Route("wan")
    if cluster.world.cni != "vxlan":  # with an overlay, nobody outside the nodes knows the Pods' ranges
        for node in cluster.nodes.values():
            for cidr in node.pod_cidrs:
                if hop := _node_address(where, node.name, cidr):
                    yield cidr, Route("eth0", hop)
        for address, pod in outliers(where):
            if hop := _node_address(where, pod.node, address):
                yield address, Route("eth0", hop)
    if cluster.world.cloud == "pass-through":
        for address in cloud.balancers(cluster):
            yield address, Route("eth0", kind="spread")
    for destination, name in cluster.world.routes.items():
        if hop := _node_address(where, name, destination):
            yield destination, Route("eth0", hop)


@lru_cache(maxsize=8)
def _hosts_among_nodes(cluster: Cluster) -> tuple[str, ...]:
    """The outside hosts whose address is of a nodes' network: the router answers for them there."""
    nets = plan(cluster).networks
    return tuple(a for a in outside_names(cluster) if any(inside(a, net) for net in nets))


def _node_address(where: Plan, node: str, like: str) -> str:
    """A node's address of the family of `like`; empty where it has none (or is not there)."""
    if node not in where.cluster.nodes:
        return ""
    version = family(like)
    return next((a for a in interface_addresses(where.cluster.nodes[node]) if family(a) == version), "")


def announced(cluster: Cluster, via: Via | None) -> Mapping[str, str]:
    """Addresses inside the nodes' networks that some node answers for, though it does not hold them."""
    where = plan(cluster)
    told = dict(cluster.world.routes)
    if via is not None:
        told[via.destination] = via.node
    return {
        address: node
        for address, node in told.items()
        if "/" not in address
        and address not in where.node_of
        and any(inside(address, n) for n in where.networks)
    }


@lru_cache(maxsize=16)
def router_rules(cluster: Cluster, version: int) -> str:
    """The router's own rules, empty for none; `version` is the IP family.

    A cloud translates a Node's ExternalIP to its InternalIP, one to one; its firewall drops who is not in
    loadBalancerSourceRanges, and what the fault host-firewall says.
    """
    pairs = {e: i for e, i in plan(cluster).external.items() if family(e) == version}
    lines = [f"-A PREROUTING -d {e}/{BITS[version]} -j DNAT --to-destination {i}" for e, i in pairs.items()]
    text = with_rules("", "nat", lines) if lines else ""
    drops = router_firewall(cluster) + cloud.source_range_rules(cluster, version)
    own = dict.fromkeys(rule.split()[1] for rule in drops if not rule.startswith("-A FORWARD "))
    return with_rules(text, "filter", drops, chains=list(own)) if drops else text
