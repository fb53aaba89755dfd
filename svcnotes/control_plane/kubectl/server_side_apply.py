"""`kubectl apply --server-side`: the server works out what changed in the manifest."""

from __future__ import annotations

from svcnotes.control_plane.api_server import server_side_apply as server
from svcnotes.control_plane.api_server.state import ApiState, StatusError
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.visit import MARKS, Outcome, Target, done, each, refused


def server_side_apply(
    text: str, filename: str, state: ApiState, *, namespace: str = "default", dry_run: str = ""
) -> Answer:
    """What `kubectl apply --server-side -f FILE` leaves behind; `dry_run` is empty or server."""

    def one(state: ApiState, target: Target) -> Outcome:
        try:
            written = server.server_side_apply(
                state, target.object, namespace=target.namespace, dry_run=bool(dry_run)
            )
        except StatusError as error:
            return refused(state, error)
        return done(written, f"{target.title} serverside-applied{MARKS[dry_run]}\n")

    return each(text, filename, state, one, verb="apply", namespace=namespace)
