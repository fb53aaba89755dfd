"""What changed between two clusters, as one kube-proxy sees it.

Source: UpdatedServices in pkg/proxy/servicechangetracker.go and endpointschangetracker.go of Kubernetes 1.36. A
Service counts as changed when one of its ports or endpoints did, ready or not; labels and the like do not matter.
"""

from __future__ import annotations

from dataclasses import fields

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kube_proxy.service_ports import ServicePortInfo, service_ports

Seen = tuple[object, ...]
_FIELDS = [one.name for one in fields(ServicePortInfo) if one.name != "service"]


def _seen(info: ServicePortInfo) -> Seen:
    service = info.service
    affinity = (service.session_affinity, service.affinity_timeout_seconds)
    return (*affinity, *[getattr(info, name) for name in _FIELDS])


def ports_by_service(cluster: Cluster, family: int) -> dict[str, list[ServicePortInfo]]:
    """The ports that kube-proxy serves in a family, by the `namespace/name` of their Service."""
    found: dict[str, list[ServicePortInfo]] = {}
    for info in service_ports(cluster, family):
        found.setdefault(info.service.key, []).append(info)
    return found


def changed_services(before: Cluster, after: Cluster, family: int) -> tuple[str, ...]:
    """The Services, by `namespace/name`, that kube-proxy looks at anew: changed, come or gone."""
    old, new = ports_by_service(before, family), ports_by_service(after, family)
    return tuple(
        key
        for key in sorted(old.keys() | new.keys())
        if list(map(_seen, old.get(key, ()))) != list(map(_seen, new.get(key, ())))
    )


def needs_full_sync(before: Cluster, after: Cluster, node: str) -> bool:
    """Whether kube-proxy writes everything anew: another configuration (it was restarted), or another zone.

    Simplified: the full sync that it makes every hour anyway, and after a failed one, is left out.
    """
    old, new = before.nodes[node], after.nodes[node]
    return (
        before.proxy != after.proxy
        or before.config.service_cidrs != after.config.service_cidrs
        or (old.zone, old.addresses) != (new.zone, new.addresses)
    )
