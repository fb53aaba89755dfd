"""What the nodes forget when a command has changed the cluster: kube-proxy syncs at once."""

from __future__ import annotations

from svcnotes.control_plane.cluster import Cluster
from svcnotes.network.resync import resync
from svcnotes.toolbox.session import Session


def reconcile(session: Session, before: Cluster) -> None:
    """Let every node's kube-proxy sync from the cluster `before`: rules anew, stale UDP entries deleted where it looks."""
    done = resync(
        before, session.cluster, session.memories, now=session.now, restarted=frozenset(session.restarted)
    )
    session.memories = done.memories
    session.restarted.clear()
