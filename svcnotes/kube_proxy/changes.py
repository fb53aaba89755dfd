"""What changed between two clusters, as one kube-proxy sees it.

Source: UpdatedServices in pkg/proxy/servicechangetracker.go and endpointslicecache.go of Kubernetes 1.36. A Service
counts as changed when one of its ports did, not its labels and the like, or anything at all in one of its slices: the
tracker compares what it would proxy of the one, and the whole object of the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import NamedTuple

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import EndpointSlice
from svcnotes.kube_proxy.service_ports import ServicePortInfo, by_name, ports_of, slices_by_service

_FIELDS = [one.name for one in fields(ServicePortInfo) if one.name != "service"]


class Changes(NamedTuple):
    """The Services that kube-proxy looks at anew, by `namespace/name` in order, and their ports before and after."""

    services: tuple[str, ...]
    old: Sequence[ServicePortInfo]
    new: Sequence[ServicePortInfo]


def _seen(info: ServicePortInfo) -> tuple[object, ...]:
    service = info.service
    affinity = (service.session_affinity, service.affinity_timeout_seconds)
    return (*affinity, *[getattr(info, name) for name in _FIELDS])


def _ports(
    cluster: Cluster, key: str, slices: dict[str, list[EndpointSlice]], family: int
) -> list[ServicePortInfo]:
    service = cluster.services.get(key)
    return [] if service is None else list(ports_of(cluster, service, slices.get(key, []), family))


def changes(before: Cluster, after: Cluster, family: int) -> Changes:
    """Find the Services that changed for the kube-proxies of an IP family (4 or 6), came or went."""
    old_slices, new_slices = slices_by_service(before, family), slices_by_service(after, family)
    services, old, new = [], [], []
    for key in sorted(before.services.keys() | after.services.keys()):
        # An object that did not change is the same value in both clusters: most need no closer look.
        if before.services.get(key) is after.services.get(key):
            held, holds = old_slices.get(key, []), new_slices.get(key, [])
            if len(held) == len(holds) and all(a is b for a, b in zip(held, holds, strict=True)):
                continue
        was, now = _ports(before, key, old_slices, family), _ports(after, key, new_slices, family)
        if list(map(_seen, was)) != list(map(_seen, now)) or (
            now and by_name(old_slices.get(key, [])) != by_name(new_slices.get(key, []))
        ):
            services.append(key)
            old += was
            new += now
    return Changes(tuple(services), old, new)


def _service_cidrs(cluster: Cluster) -> tuple[str, ...]:
    return cluster.config.service_cidrs + cluster.config.more_service_cidrs


def needs_full_sync(before: Cluster, after: Cluster, node: str) -> bool:
    """Whether kube-proxy writes everything anew: another configuration (it was restarted), or another zone.

    Simplified: the full sync that it makes every hour anyway, and after a failed one, is left out. New ServiceCIDRs,
    which count in nftables mode only, wait for that; here they have one at once, in every mode.
    """
    old, new = before.nodes[node], after.nodes[node]
    if after.proxy.detect_local_mode == "NodeCIDR" and old.pod_cidrs != new.pod_cidrs:
        return True
    return (
        before.proxy != after.proxy
        or _service_cidrs(before) != _service_cidrs(after)
        or (old.zone, old.addresses) != (new.zone, new.addresses)
    )
