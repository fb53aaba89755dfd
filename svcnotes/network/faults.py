"""What may be broken in a World on purpose: `faults`."""

from __future__ import annotations

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import InputError
from svcnotes.network.addresses import prefix

HAIRPIN_OFF = "hairpin-off"
ROUTE_MISSING = "route-missing"
_ARGUMENTS = {HAIRPIN_OFF: {"node"}, ROUTE_MISSING: {"on", "to"}}


def check(cluster: Cluster) -> None:
    """Raise InputError for a fault that this network does not know, or a host that is not there."""
    for fault in cluster.world.faults:
        name = str(fault.get("name"))
        if name not in _ARGUMENTS:
            raise InputError(f"World: faults: {name!r} is not known; known are: {', '.join(_ARGUMENTS)}")
        unknown = set(fault) - _ARGUMENTS[name] - {"name"}
        if unknown:
            takes = ", ".join(sorted(_ARGUMENTS[name]))
            raise InputError(f"World: faults: {name} does not take {min(unknown)!r}; it takes: {takes}")
        for key in ("node", "on"):
            host = fault.get(key)
            if host is not None and host != "router" and host not in cluster.nodes:
                raise InputError(
                    f"World: faults: {name}: {key}: the cluster has no Node {host!r}; "
                    f"it has: {', '.join(cluster.nodes)}"
                )
        if name == ROUTE_MISSING:
            _range(str(fault.get("to", "")))


def hairpin(cluster: Cluster, node: str) -> bool:
    """Whether the node's bridge sends a frame back out of the port that it came in by."""
    return not any(
        fault.get("name") == HAIRPIN_OFF and fault.get("node", node) == node for fault in cluster.world.faults
    )


def missing_routes(cluster: Cluster, host: str) -> frozenset[tuple[int, int, int]]:
    """The ranges that a host (a Node or `router`) has lost the route to."""
    return frozenset(
        _range(str(fault["to"]))
        for fault in cluster.world.faults
        if fault.get("name") == ROUTE_MISSING and fault.get("on", host) == host
    )


def _range(text: str) -> tuple[int, int, int]:
    try:
        return prefix(text)
    except ValueError:
        raise InputError(
            f"World: faults: {ROUTE_MISSING}: to: {text!r} is no range; write it as 10.244.2.0/24"
        ) from None
