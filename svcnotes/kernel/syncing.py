"""Let kube-proxy sync in a lab where flows are open: the rules are loaded anew, stale UDP entries are deleted.

Which entries are stale `network.resync` says, of what conntrack really holds (pkg/proxy/conntrack/cleanup.go: after
the rules). The lists of `recent` are the kernel's own: what becomes of them is read, not done.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kernel.lab import Lab
from svcnotes.netfilter import Conntrack, Entry
from svcnotes.netfilter.conntrack import Flow as Tuple
from svcnotes.network.addresses import family
from svcnotes.network.flight import Memory
from svcnotes.network.resync import Resync, resync
from svcnotes.network.topology import Topology

# include/uapi/linux/netfilter/nf_conntrack_common.h
_SEEN_REPLY, _CONFIRMED, _SNAT, _DNAT = 1 << 1, 1 << 3, 1 << 4, 1 << 5


def sync(lab: Lab, before: Cluster, net: Topology) -> Resync:
    """Have the lab be this network, and every node's kube-proxy sync from the cluster `before`; what was forgotten.

    It is told as `resync` tells it.

    Raises QuestionError where the lab cannot become it with flows open.
    """
    lists = lab.lists()
    lab.up(net)
    done = resync(before, net.cluster, dict(_memories(lab, net)), net.proxy_mode)
    for node in dict(done.entries):
        stale = [entry.original for host, entry in done.entries if host == node]
        lab.delete(node, [[t.source, t.source_port, t.destination, t.destination_port] for t in stale])
    return replace(done, lists=tuple(sorted(lists - lab.lists())))


def _memories(lab: Lab, net: Topology) -> Iterator[tuple[tuple[str, int], Memory]]:
    for node in net.cluster.nodes:
        flows = lab.flows(node)
        for version in net.cluster.families:
            table = Conntrack()
            for first, *rest in flows:
                if family(first[0]) == version:
                    table = table.with_entry(_entry(first, *rest))
            yield (node, version), Memory(table)


def _entry(first: list[Any], answer: list[Any], status: int, left: int) -> Entry:
    return Entry(
        original=Tuple("udp", *first),
        reply=Tuple("udp", *answer),
        dnat=bool(status & _DNAT),
        snat=bool(status & _SNAT),
        seen_reply=bool(status & _SEEN_REPLY),
        confirmed=bool(status & _CONFIRMED),
        expires=float(left),
    )
