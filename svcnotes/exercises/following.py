"""Follow a packet in a cluster, once: the lines and claims of an exercise often ask the same again."""

from __future__ import annotations

from functools import lru_cache

from svcnotes.control_plane.cluster import Cluster
from svcnotes.trace import Trace, trace


def follow(cluster: Cluster, source: str, to: str, protocol: str = "tcp", via: str | None = None) -> Trace:
    """What `svcnotes.trace` finds, with nothing remembered from before; raises as it does."""
    return _followed(cluster, source, to, protocol, via)


@lru_cache(maxsize=32)  # clusters and traces are immutable; those of the last few exercises are enough
def _followed(cluster: Cluster, source: str, to: str, protocol: str, via: str | None) -> Trace:
    return trace(cluster, source, to, protocol, via)
