"""What an exercise asks of the model: packets in clusters, and all that a trace then shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises.evidence import ending_rule, source_rule, target_rule
from svcnotes.exercises.following import follow
from svcnotes.trace import Path, Trace


@dataclass(frozen=True)
class Asked:
    """One packet in one cluster: what `svcnotes.trace` is asked.

    The cluster comes as a function, so that a question can be stated before any cluster is read.
    `source` is an outside address, `pod/NAMESPACE/NAME` or `node/NAME`; `via` the node that the router
    hands the packet to, None where it is not told.
    """

    cluster: Callable[[], Cluster]
    source: str
    to: str
    via: str | None = None
    protocol: str = "tcp"

    def trace(self) -> Trace:
        """Follow the packet."""
        return self.within(self.cluster())

    def within(self, cluster: Cluster) -> Trace:
        """Follow the same packet in another cluster."""
        return follow(cluster, self.source, self.to, self.protocol, self.via)


Subject = Asked | Callable[[], Cluster]
"""What a question is about: a packet, or a cluster as a whole."""


@dataclass(frozen=True)
class Seen:
    """What was found: the clusters in the order asked, and the traces of those asked with a packet."""

    clusters: tuple[Cluster, ...]
    traces: tuple[Trace, ...]

    @property
    def cluster(self) -> Cluster:
        """The first cluster."""
        return self.clusters[0]

    @property
    def trace(self) -> Trace:
        """The first trace."""
        return self.traces[0]

    @property
    def paths(self) -> tuple[Path, ...]:
        """The paths of the first trace."""
        return self.trace.paths

    @property
    def outcomes(self) -> frozenset[str]:
        """How the first packet may end."""
        return frozenset(path.outcome for path in self.paths)

    @property
    def sources(self) -> frozenset[str]:
        """Every source address that is seen by somebody whom the first packet reaches."""
        return frozenset(path.source_seen for path in self.paths if path.source_seen)

    @property
    def rule(self) -> str:
        """The rule that decides the first packet: the one that ended it, changed its source, or its destination."""
        if not self.traces:
            return ""
        path = self.paths[0]
        return ending_rule(path) or source_rule(path) or target_rule(path)


def look(subjects: Sequence[Subject]) -> Seen:
    """Read every cluster and follow every packet."""
    clusters, traces = [], []
    for subject in subjects:
        if isinstance(subject, Asked):
            cluster = subject.cluster()
            traces.append(subject.within(cluster))
        else:
            cluster = subject()
        clusters.append(cluster)
    return Seen(tuple(clusters), tuple(traces))


def listed(asked: Subject | Sequence[Subject]) -> tuple[Subject, ...]:
    """One subject, or several, as a tuple."""
    return tuple(asked) if isinstance(asked, Sequence) else (asked,)


def reveal(subjects: Sequence[Subject]) -> Callable[[], Trace]:
    """The trace that a prediction's reveal tells of: the first packet's; one without paths where there is none."""
    first = next((subject for subject in subjects if isinstance(subject, Asked)), None)
    return first.trace if first is not None else (lambda: Trace("", "", "", "", "", ""))
