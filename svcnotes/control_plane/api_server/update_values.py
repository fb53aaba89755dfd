"""What an update of a Service keeps though the manifest leaves it out, and what a new type drops.

Written after pkg/registry/core/service (patchAllocatedValues, normalizeClusterIPs,
dropTypeDependentFields). All functions change the new object's `spec` (a dict of plain JSON) in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svcnotes.control_plane.api_server.defaulting import (
    NODE_PORT_TYPES,
    externally_accessible,
    needs_health_check,
)

Spec = dict[str, Any]
OldSpec = Mapping[str, Any]


def needs_cluster_ip(spec: OldSpec) -> bool:
    """Whether the type has a ClusterIP (None, for headless, counts)."""
    return spec.get("type") != "ExternalName"


def allocates_node_ports(spec: OldSpec) -> bool:
    """Whether ports without a nodePort get one."""
    kind = spec.get("type")
    return kind == "NodePort" or (
        kind == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False
    )


def node_ports(spec: OldSpec) -> list[int]:
    """The nodePorts in use, in the order of the ports."""
    return [port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")]


def prefers_both_as_before(new: OldSpec, old: OldSpec) -> bool:
    """Whether a PreferDualStack Service is left as it is.

    Such a Service gains or loses no address just because the cluster's ranges have changed.
    """
    return (
        new.get("type") == old.get("type") != "ExternalName"
        and new.get("ipFamilyPolicy") == old.get("ipFamilyPolicy") == "PreferDualStack"
        and _same(old, new, "clusterIPs")
        and _same(old, new, "ipFamilies")
    )


def keep_allocated(new: Spec, old: OldSpec) -> None:
    """Fill in the numbers that the server had chosen: a manifest may be sent again without them.

    nodePorts go by the port's name, whatever else of the port has changed.
    """
    if needs_cluster_ip(old) and needs_cluster_ip(new):
        if not new.get("clusterIP") and old.get("clusterIP"):
            new["clusterIP"] = old["clusterIP"]
        if not new.get("clusterIPs") and old.get("clusterIPs"):
            new["clusterIPs"] = list(old["clusterIPs"])
    if allocates_node_ports(old) and allocates_node_ports(new):
        used = set(node_ports(old)) & set(node_ports(new))
        by_name = {port.get("name", ""): port.get("nodePort", 0) for port in old.get("ports") or ()}
        for port in new.get("ports") or ():
            kept = by_name.get(port.get("name", ""), 0)
            if not port.get("nodePort") and kept and kept not in used:
                port["nodePort"] = kept
    if needs_health_check(old) and needs_health_check(new) and not new.get("healthCheckNodePort"):
        _set(new, "healthCheckNodePort", old.get("healthCheckNodePort"))


def normalize_cluster_ips(new: Spec, old: OldSpec) -> None:
    """Make clusterIPs follow clusterIP where only the one was written (older clients know no list)."""
    was, now = old.get("clusterIP") or "", new.get("clusterIP") or ""
    if old.get("clusterIPs") and not new.get("clusterIPs") and was == now:
        new["clusterIPs"] = list(old["clusterIPs"])
    if was != now and _same(old, new, "clusterIPs"):
        if was and not now:
            new.pop("clusterIPs", None)
        else:
            new["clusterIPs"] = [now]


def drop_unneeded(new: Spec, old: OldSpec) -> None:
    """Drop what the new type has no use for, unless the author changed it: then validation complains."""
    if needs_cluster_ip(old) and not needs_cluster_ip(new):
        if _same(old, new, "clusterIP") and _same(old, new, "clusterIPs"):
            new.pop("clusterIP", None)
            new.pop("clusterIPs", None)
        for field in ("ipFamilies", "ipFamilyPolicy"):
            if _same(old, new, field):
                new.pop(field, None)
    uses_no_more = old.get("type") in NODE_PORT_TYPES and new.get("type") not in NODE_PORT_TYPES
    if uses_no_more and set(node_ports(new)) <= set(node_ports(old)):
        for port in new.get("ports") or ():
            port.pop("nodePort", None)
    if needs_health_check(old) and not needs_health_check(new):
        _drop_same(new, old, "healthCheckNodePort")
    if old.get("type") == "LoadBalancer" and new.get("type") != "LoadBalancer":
        _drop_same(new, old, "allocateLoadBalancerNodePorts")
        _drop_same(new, old, "loadBalancerClass")
    if externally_accessible(old) and not externally_accessible(new):
        _drop_same(new, old, "externalTrafficPolicy")


def _same(old: OldSpec, new: OldSpec, field: str) -> bool:
    return (old.get(field) or None) == (new.get(field) or None)


def _drop_same(new: Spec, old: OldSpec, field: str) -> None:
    if new.get(field) == old.get(field):
        new.pop(field, None)


def _set(spec: Spec, field: str, value: Any) -> None:
    if value:
        spec[field] = value
