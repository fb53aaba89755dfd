"""Which remembered UDP flows kube-proxy deletes at a sync: those to a Service that end at no serving endpoint of it.

A TCP connection ends by itself when its Pod goes; UDP knows no end, and a client that goes on sending
from one port would be led to the old Pod for ever. A Service without any serving endpoint, or that is gone, is not
looked at: its flows go on. And kube-proxy looks only after a sync for which an EndpointSlice of a UDP port changed (at
its start every one has), then at all UDP Services, in every mode alike; a Service that changes alone leaves the flows be.
Sources: pkg/proxy/conntrack/cleanup.go, and ConntrackCleanupRequired in pkg/proxy/endpointschangetracker.go of
Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import EndpointSlice
from svcnotes.kube_proxy.service_ports import by_name, service_ports, slices_by_service
from svcnotes.packet import endpoint_text

Serving = frozenset[str]


@dataclass(frozen=True, slots=True)
class Cleanup:
    """The serving endpoints (`IP:port`) of UDP Services, by the address and port that leads to them.

    `addresses` are clusterIPs, external IPs and load balancers' addresses as `IP:port`; `node_ports` count
    at any address, a node's or not: kube-proxy does not look.
    """

    addresses: Mapping[str, Serving]
    node_ports: Mapping[int, Serving]

    def stale(self, destination: str, port: int, answers_from: str) -> bool:
        """Whether a UDP flow goes: first sent to `destination` and `port`, answered from `IP:port`."""
        asked = (self.addresses.get(endpoint_text(destination, port)), self.node_ports.get(port))
        return any(serving is not None and answers_from not in serving for serving in asked)


@lru_cache(maxsize=64)
def cleanup(cluster: Cluster, family: int) -> Cleanup:
    """What the kube-proxies of a cluster hold UDP flows of an IP family (4 or 6) against."""
    addresses: dict[str, Serving] = {}
    node_ports: dict[int, Serving] = {}
    for info in service_ports(cluster, family) if family in cluster.families else ():
        serving = frozenset(one.text for one in info.endpoints if one.endpoint.serving)
        if info.protocol != "udp" or not serving:
            continue
        for own in (info.cluster_ip, *info.external_ips, *info.vips):
            addresses[endpoint_text(own, info.port.port)] = serving
        if info.port.node_port:
            node_ports[info.port.node_port] = serving
    return Cleanup(addresses, node_ports)


def cleans_up(before: Cluster, after: Cluster, node: str, family: int, *, restarted: bool = False) -> bool:
    """Whether the kube-proxy of a node looks for stale flows of an IP family when `before` has become `after`.

    `restarted`: it began anew in between, which can be seen in neither.
    """
    if node in after.stopped or family not in after.families:
        return False
    if restarted or _began_anew(before, after, node):
        return any(map(_has_udp, slices_by_service(after, family).values()))
    return _udp_changed(before, after, family)


def _began_anew(before: Cluster, after: Cluster, node: str) -> bool:
    """Whether kube-proxy was started: it does not outlive another configuration, or other addresses of its node.

    Source: NodeManager in pkg/proxy/node.go.
    """
    if node not in before.nodes or node in before.stopped or before.proxy != after.proxy:
        return True
    old, new = before.nodes[node], after.nodes[node]
    by_range = after.proxy.detect_local_mode == "NodeCIDR" and old.pod_cidrs != new.pod_cidrs
    return by_range or old.addresses != new.addresses


@lru_cache(maxsize=64)
def _udp_changed(before: Cluster, after: Cluster, family: int) -> bool:
    """Whether any slice changed, came or went of a Service whose slices have, or had, a UDP port."""
    old, new = slices_by_service(before, family), slices_by_service(after, family)
    return any(
        (_has_udp(old.get(key, ())) or _has_udp(new.get(key, ())))
        and by_name(old.get(key, ())) != by_name(new.get(key, ()))
        for key in old.keys() | new.keys()
    )


def _has_udp(slices: Sequence[EndpointSlice]) -> bool:
    """Whether a UDP port has an endpoint, ready or not: one without any is no entry of kube-proxy's map."""
    return any(
        port.protocol == "UDP" and port.number and any(endpoint.addresses for endpoint in one.endpoints)
        for one in slices
        for port in one.ports
    )
