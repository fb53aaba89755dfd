"""What becomes of IPVS's connections when kube-proxy has synced: some go with their real server, some drain.

kube-proxy takes a real server away at once where its protocol is UDP or SCTP. Of TCP it sets the weight to 0 as long
as a connection is open, and looks again every minute. Source: pkg/proxy/ipvs/graceful_termination.go.
Simplified: a real server is gone at the first sync after its last connection, not within a minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kube_proxy import virtual_servers
from svcnotes.netfilter import Balancing, Conntrack, Flow
from svcnotes.netfilter.balancing import server_name
from svcnotes.network.flight import Memory

GRACEFUL = "tcp"


def after_sync(
    cluster: Cluster, node: str, family: int, memory: Memory, proxy_mode: str | None, now: float
) -> Memory:
    """A node's memory when its kube-proxy has synced: what ran out is forgotten, and who drains is known."""
    balancing = memory.balancing
    if balancing == Balancing():
        return memory
    wanted = _real_servers(cluster, node, family, proxy_mode)
    over = frozenset(key for key, one in balancing.requests.items() if one.expires < now)
    leaving = frozenset(
        (one.server, one.real_text)
        for one in balancing.alive(now)
        if one.request.protocol == GRACEFUL
        and one.server in wanted
        and one.real_text not in wanted[one.server]
    )
    there = replace(
        balancing.without(over),
        leaving=leaving,
        places={name: place for name, place in balancing.places.items() if name in wanted},
        kept={key: one for key, one in balancing.kept.items() if key[0] in wanted},
    )
    return memory._replace(conntrack=_forgotten(memory.conntrack, over), balancing=there)


def _real_servers(
    cluster: Cluster, node: str, family: int, proxy_mode: str | None
) -> Mapping[str, frozenset[str]]:
    """The real servers (`IP:port`) of each virtual server as kube-proxy wants them now."""
    if family not in cluster.families:
        return {}
    return {
        server_name(one.protocol, one.address, one.port): frozenset(real.text for real in one.real_servers)
        for one in virtual_servers(cluster, node, proxy_mode, family)
    }


def _forgotten(table: Conntrack, over: frozenset[Flow]) -> Conntrack:
    """Conntrack's table without the entries of connections that IPVS has forgotten (ip_vs_conn_drop_conntrack)."""
    for key in over:
        found = table.find(key)
        if found is not None:
            table = table.without_entry(found[0])
    return table
