"""kube-proxy: what a node is told to do with packets for Services."""

from __future__ import annotations

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError
from svcnotes.kube_proxy.modes import writer

__all__ = ["rules"]


def rules(cluster: Cluster, node: str, proxy_mode: str | None = None, family: int | None = None) -> str:
    """Write the rules of a node as the tool of that mode would print them.

    `proxy_mode` None is the cluster's own, `family` (4 or 6) None the cluster's first. Text that
    replaces the node's rules (`Cluster.with_rules`) wins over what kube-proxy would write; where
    kube-proxy has stopped, the rules are those of the cluster that it last saw. Raises
    QuestionError for a node, a mode or a family that the cluster does not have.
    """
    if node not in cluster.nodes:
        raise QuestionError(
            f"node {node!r}: the cluster has no such Node; it has: {', '.join(cluster.nodes)}"
        )
    if family is None:
        family = cluster.families[0]
    if family not in cluster.families:
        held = " and ".join(f"IPv{number}" for number in cluster.families)
        raise QuestionError(f"family {family!r}: the cluster has {held} only")
    write = writer(cluster.proxy.mode if proxy_mode is None else proxy_mode)
    replaced = cluster.node_rules.get((node, family))
    return write(cluster.seen_by(node), node, family) if replaced is None else replaced
