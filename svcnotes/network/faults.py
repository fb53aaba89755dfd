"""What the World has broken in the network: its faults, as each part of the network asks for them.

Their names and arguments are in `svcnotes.control_plane.faults`; those that are rules in `fault_rules`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.faults import (
    BALANCER_BELIEVES,
    CONNTRACK_FULL,
    HAIRPIN_OFF,
    LISTENS_ON_LOOPBACK,
    ROUTE_MISSING,
    full_name,
)
from svcnotes.network.addresses import prefix

Fault = Mapping[str, object]


def of(cluster: Cluster, name: str, host: str = "", *, at: str = "node") -> Iterator[Fault]:
    """The faults of a name that are at a host: those that name it, and those that name none."""
    for fault in cluster.world.faults:
        if fault.get("name") == name and fault.get(at) in (None, host):
            yield fault


def hairpin(cluster: Cluster, node: str) -> bool:
    """Whether the node's bridge sends a frame back out of the port that it came in by."""
    return not any(of(cluster, HAIRPIN_OFF, node))


def missing_routes(cluster: Cluster, host: str) -> frozenset[tuple[int, int, int]]:
    """The ranges that a host (a Node or `router`) has lost the route to."""
    return frozenset(prefix(str(fault["to"])) for fault in of(cluster, ROUTE_MISSING, host, at="on"))


def conntrack_full(cluster: Cluster, node: str) -> bool:
    """Whether a node's table of connections has no room.

    It is full of connections of others, which are not listed here; nf_conntrack's attempt to evict
    one that was never answered (early_drop) is taken to fail.
    """
    return any(of(cluster, CONNTRACK_FULL, node))


def on_loopback(cluster: Cluster, pod: str, port: int) -> bool:
    """Whether the process behind a Pod's port listens on 127.0.0.1 (and ::1) only."""
    return any(
        fault.get("name") == LISTENS_ON_LOOPBACK
        and full_name(fault["pod"]) == pod
        and fault.get("port") in (None, port)
        for fault in cluster.world.faults
    )


def believed_nodes(cluster: Cluster, service: str) -> tuple[str, ...] | None:
    """The Nodes that the load balancer of a Service holds for healthy; None where it knows the truth."""
    for fault in cluster.world.faults:
        if fault.get("name") == BALANCER_BELIEVES:
            wanted = fault.get("service")
            nodes = fault["nodes"]
            if (wanted is None or full_name(wanted) == service) and isinstance(nodes, list | tuple):
                return tuple(str(node) for node in nodes)
    return None
