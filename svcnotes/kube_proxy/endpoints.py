"""Which endpoints a node may use.

Source: pkg/proxy/topology.go of Kubernetes 1.36; KEP-1669 (terminating endpoints), KEP-2433 and
KEP-3015 (hints), KEP-2086 (internal policy).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from svcnotes.kube_proxy.service_ports import ServiceEndpoint, ServicePortInfo


class Pools(NamedTuple):
    """The endpoints of a service port as one node sees them.

    `cluster` serves policy Cluster, `local` policy Local; each is empty where no traffic uses it.
    `reachable` is their union. `anywhere` tells whether any node has a usable endpoint: without
    one the port is refused, with one but none here policy Local is silent.
    """

    cluster: Sequence[ServiceEndpoint]
    local: Sequence[ServiceEndpoint]
    reachable: Sequence[ServiceEndpoint]
    anywhere: bool

    def for_internal(self, info: ServicePortInfo) -> bool:
        """Whether this node has an endpoint for the clusterIP."""
        return bool(self.local) if info.internal_local else self.anywhere

    def for_external(self, info: ServicePortInfo) -> bool:
        """Whether this node has an endpoint for clients from outside: nodePort, external IPs, VIPs."""
        return bool(self.local) if info.external_local else self.anywhere


def _is_draining(item: ServiceEndpoint) -> bool:
    return item.endpoint.serving and item.endpoint.terminating


def hinted(ready: Sequence[ServiceEndpoint], node: str, zone: str) -> Sequence[ServiceEndpoint]:
    """The ready endpoints that hints leave for a node in a zone (empty zone: the node has none).

    Hints count only if every ready endpoint has them and one of them names this node, or, failing
    that, this zone; else all stay. The Service's own fields do not matter here: whoever wrote the
    slice has read trafficDistribution.
    """
    if all(item.endpoint.for_nodes for item in ready):
        mine = [item for item in ready if node in (item.endpoint.for_nodes or ())]
        if mine:
            return mine
    if zone and all(item.endpoint.for_zones for item in ready):
        mine = [item for item in ready if zone in (item.endpoint.for_zones or ())]
        if mine:
            return mine
    return ready


def pools(info: ServicePortInfo, node: str, zone: str) -> Pools:
    """Sort the endpoints of a service port for one node, given its name and its zone."""
    endpoints = info.endpoints
    ready = [item for item in endpoints if item.endpoint.ready]
    # A dying endpoint that still answers is better than none, and only then is it used.
    draining = [] if len(ready) == len(endpoints) else [i for i in endpoints if _is_draining(i)]

    cluster: Sequence[ServiceEndpoint] = ()
    if info.uses_cluster_endpoints:
        cluster = hinted(ready, node, zone) if ready else draining
    if not info.uses_local_endpoints:
        return Pools(cluster, (), cluster, bool(cluster))

    local = [i for i in ready if i.endpoint.node == node] or [
        i for i in draining if not i.endpoint.ready and i.endpoint.node == node
    ]
    reachable = {item.text: item for item in (*cluster, *local)}
    return Pools(cluster, local, list(reachable.values()), bool(ready or draining))
