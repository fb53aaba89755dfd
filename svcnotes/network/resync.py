"""What the nodes forget when a cluster changes and kube-proxy has written its rules anew.

Conntrack knows nothing of rules: an open connection goes on as it was settled. kube-proxy itself deletes
UDP entries (`kube_proxy.cleanup`). And what rules have learnt goes with them: a list of `recent` with the last
rule that names it (recent_mt_destroy of net/netfilter/xt_recent.c), the elements of a set with the set. So an
endpoint that returns finds its clients' affinity forgotten.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kube_proxy.cleanup import cleans_up, cleanup
from svcnotes.netfilter import Entry
from svcnotes.network.flight import Memory
from svcnotes.network.leaving import after_sync
from svcnotes.network.node_rules import node_ruleset
from svcnotes.network.outside import ROUTER
from svcnotes.packet import endpoint_text

Memories = Mapping[tuple[str, int], Memory]


@dataclass(frozen=True, slots=True)
class Resync:
    """What the hosts remember afterwards, and what they forgot: (node, entry), and (node, name of a list or set)."""

    memories: Memories
    entries: tuple[tuple[str, Entry], ...] = ()
    lists: tuple[tuple[str, str], ...] = ()


def resync(
    before: Cluster,
    cluster: Cluster,
    memories: Memories,
    proxy_mode: str | None = None,
    now: float = 0.0,
    restarted: Container[str] = (),
) -> Resync:
    """Let kube-proxy sync on every node of a cluster that was `before`, one after the other at once.

    On the nodes in `restarted` it began anew in between. A node that is gone has forgotten all. Where kube-proxy
    has stopped, nobody deletes entries.
    Simplified: in a real cluster each node syncs by itself, within about a second of the change.
    """
    kept: dict[tuple[str, int], Memory] = {}
    entries: list[tuple[str, Entry]] = []
    lists: list[tuple[str, str]] = []
    for (host, family), memory in memories.items():
        if host in cluster.nodes:
            udp = _udp(memory, now)
            looks = udp and cleans_up(before, cluster, host, family, restarted=host in restarted)
            stale = tuple(_stale(cluster, family, udp)) if looks else ()
            entries += [(host, entry) for entry in stale]
            gone = _without_rule(cluster, host, family, memory, proxy_mode)
            lists += [(host, name) for name in gone]
            memory = _without(memory, stale, gone)  # noqa: PLW2901 - the same memory, a little later
            memory = after_sync(cluster, host, family, memory, proxy_mode, now)  # noqa: PLW2901
        elif host != ROUTER:
            continue
        kept[host, family] = memory
    return Resync(kept, tuple(entries), tuple(lists))


def _udp(memory: Memory, now: float) -> list[Entry]:
    return [one for one in memory.conntrack if one.original.protocol == "udp" and one.expires >= now]


def _stale(cluster: Cluster, family: int, udp: Iterable[Entry]) -> Iterator[Entry]:
    judge = cleanup(cluster, family)
    for entry in udp:
        first, answer = entry.original, entry.reply
        answers_from = endpoint_text(answer.source, answer.source_port)
        if judge.stale(first.destination, first.destination_port, answers_from):
            yield entry


def _without_rule(
    cluster: Cluster, node: str, family: int, memory: Memory, proxy_mode: str | None
) -> list[str]:
    """The lists and sets that packets have filled and that no rule has any more."""
    kept = [*memory.recent.lists, *memory.learnt.sets]
    rules = node_ruleset(cluster, node, proxy_mode, family) if kept else None
    if rules is None:
        return []
    named = rules.memories()
    return [name for name in kept if name not in named]


def _without(memory: Memory, entries: tuple[Entry, ...], gone: list[str]) -> Memory:
    if not entries and not gone:
        return memory
    table = memory.conntrack
    for entry in entries:
        table = table.without_entry(entry)
    names = frozenset(gone)
    return memory._replace(
        conntrack=table,
        recent=memory.recent.without_lists(names),
        learnt=memory.learnt.without(names),
    )
