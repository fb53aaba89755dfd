"""Which remembered UDP flows kube-proxy deletes at a sync: those to a Service that end at no serving endpoint of it.

A TCP connection ends by itself when its Pod goes; UDP knows no end, and a client that goes on sending
from one port would be led to the old Pod for ever. Source: pkg/proxy/conntrack/cleanup.go of Kubernetes
1.36. A Service without any serving endpoint, or that is gone, is not looked at: its flows go on.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kube_proxy.service_ports import service_ports
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
