"""kube-proxy: what a node is told to do with packets for Services."""

from __future__ import annotations

from svcnotes.collector import resting
from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError
from svcnotes.kube_proxy.mode import Counts, Sync
from svcnotes.kube_proxy.modes import mode_named
from svcnotes.virtual_servers import RealServer, Tuning, VirtualServer

__all__ = [
    "Counts",
    "RealServer",
    "Sync",
    "VirtualServer",
    "counts",
    "ip_sets",
    "own_addresses",
    "partial_sync",
    "rules",
    "tuning",
    "virtual_servers",
]


@resting()
def rules(cluster: Cluster, node: str, proxy_mode: str | None = None, family: int | None = None) -> str:
    """Write the rules of a node as the tool of that mode would print them.

    `proxy_mode` None is the cluster's own, `family` (4 or 6) None the cluster's first. Text that
    replaces the node's rules (`Cluster.with_rules`) wins over what kube-proxy would write; where
    kube-proxy has stopped, the rules are those of the cluster that it last saw. Raises
    QuestionError for a node, a mode or a family that the cluster does not have.
    """
    family = _checked(cluster, node, family)
    mode = mode_named(cluster.proxy.mode if proxy_mode is None else proxy_mode)
    replaced = cluster.node_rules.get((node, family))
    return mode.rules(cluster.seen_by(node), node, family) if replaced is None else replaced


@resting()
def counts(cluster: Cluster, node: str, proxy_mode: str | None = None, family: int | None = None) -> Counts:
    """Count the rules, chains and elements that kube-proxy keeps on a node; for the arguments see `rules`."""
    family = _checked(cluster, node, family)
    mode = mode_named(cluster.proxy.mode if proxy_mode is None else proxy_mode)
    return mode.counts(cluster.seen_by(node), node, family)


@resting()
def partial_sync(
    before: Cluster, after: Cluster, node: str, proxy_mode: str | None = None, family: int | None = None
) -> Sync:
    """What the kube-proxy of a node hands to its tool when one cluster has become the other.

    `proxy_mode` None is the later cluster's own, `family` None its first. Nothing where kube-proxy has
    stopped. Raises QuestionError for a node, a mode or a family that either of them does not have.
    """
    family = _checked(after, node, family)
    _checked(before, node, family)
    mode = mode_named(after.proxy.mode if proxy_mode is None else proxy_mode)
    return mode.partial_sync(before.seen_by(node), after.seen_by(node), node, family)


def ip_sets(cluster: Cluster, node: str, proxy_mode: str | None = None, family: int | None = None) -> str:
    """Write kube-proxy's IP sets on a node as `ipset save` prints them; empty but in IPVS mode. Arguments as `rules`."""
    family = _checked(cluster, node, family)
    mode = mode_named(cluster.proxy.mode if proxy_mode is None else proxy_mode)
    return mode.ip_sets(cluster.seen_by(node), node, family)


def virtual_servers(
    cluster: Cluster, node: str, proxy_mode: str | None = None, family: int | None = None
) -> tuple[VirtualServer, ...]:
    """IPVS's virtual servers on a node, with their real ones; none but in IPVS mode. Arguments as `rules`."""
    family = _checked(cluster, node, family)
    mode = mode_named(cluster.proxy.mode if proxy_mode is None else proxy_mode)
    return mode.virtual_servers(cluster.seen_by(node), node, family)


def tuning(cluster: Cluster, proxy_mode: str | None = None) -> Tuning:
    """How IPVS is set on the nodes: by kube-proxy, by the World, else by the kernel. `proxy_mode` None is the cluster's own."""
    return mode_named(cluster.proxy.mode if proxy_mode is None else proxy_mode).tuning(cluster)


def own_addresses(
    cluster: Cluster, node: str, proxy_mode: str | None = None, family: int | None = None
) -> tuple[str, ...]:
    """The addresses that kube-proxy gives a node (kube-ipvs0's); none but in IPVS mode. Arguments as `rules`."""
    family = _checked(cluster, node, family)
    mode = mode_named(cluster.proxy.mode if proxy_mode is None else proxy_mode)
    return mode.own_addresses(cluster.seen_by(node), node, family)


def _checked(cluster: Cluster, node: str, family: int | None) -> int:
    """The family that is meant; a QuestionError for a node or a family that the cluster lacks."""
    if node not in cluster.nodes:
        raise QuestionError(
            f"node {node!r}: the cluster has no such Node; it has: {', '.join(cluster.nodes)}"
        )
    if family is None:
        family = cluster.families[0]
    if family not in cluster.families:
        held = " and ".join(f"IPv{number}" for number in cluster.families)
        raise QuestionError(f"family {family!r}: the cluster has {held} only")
    return family
