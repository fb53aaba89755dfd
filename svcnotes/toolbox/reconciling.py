"""What the nodes forget when a command has changed the cluster: kube-proxy syncs at once."""

from __future__ import annotations

from svcnotes.network.resync import resync
from svcnotes.toolbox.session import Session


def reconcile(session: Session) -> None:
    """Let every node's kube-proxy sync: rules anew, stale UDP entries deleted."""
    session.memories = resync(session.cluster, session.memories, now=session.now).memories
