"""What kube-proxy does to conntrack when endpoints change: it deletes UDP entries that lead to a gone endpoint.

A TCP connection ends by itself when its Pod goes; UDP knows no end, and a client that goes on sending
from one port would be led to the old Pod for ever. Source: pkg/proxy/conntrack/cleanup.go of Kubernetes
1.36: only entries to a port of a Service that has a serving endpoint are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from svcnotes.kube_proxy.service_ports import ServicePortInfo, service_ports
from svcnotes.netfilter import Conntrack, Entry
from svcnotes.network.node_host import node_host
from svcnotes.packet import endpoint_text
from svcnotes.toolbox.session import Session


def reconcile(session: Session) -> None:
    """Delete the stale UDP entries of every node whose kube-proxy runs."""
    cluster = session.cluster
    kept = dict(session.memories)
    for (host, family), memory in session.memories.items():
        if host not in cluster.nodes or host in cluster.stopped:
            continue
        table = _without_stale(session, host, family, memory.conntrack)
        if table is not memory.conntrack:
            kept[host, family] = replace(memory, conntrack=table)
    session.memories = kept


def _without_stale(session: Session, node: str, family: int, table: Conntrack) -> Conntrack:
    entries = [entry for entry in table if entry.original.protocol == "udp" and entry.dnat]
    if not entries or family not in session.cluster.families:
        return table
    ports = [info for info in service_ports(session.cluster, family) if info.protocol == "udp"]
    for entry in entries:
        for info in _of(session, node, ports, entry):
            serving = {one.text for one in info.endpoints if one.endpoint.serving}
            if serving and endpoint_text(entry.reply.source, entry.reply.source_port) not in serving:
                table = table.without_entry(entry)
    return table


def _of(session: Session, node: str, ports: list[ServicePortInfo], entry: Entry) -> Iterator[ServicePortInfo]:
    """The port of a Service that the entry's first packet was for."""
    address, number = entry.original.destination, entry.original.destination_port
    for info in ports:
        own = (info.cluster_ip, *info.external_ips, *info.vips)
        if (address in own and number == info.port.port) or (
            number == info.port.node_port and node_host(session.cluster, node).is_local(address)
        ):
            yield info
