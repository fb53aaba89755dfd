"""`kubectl replace`: put a manifest in the place of an object, or create what is missing."""

from __future__ import annotations

from svcnotes.control_plane.api_server import update
from svcnotes.control_plane.api_server.state import ApiState, StatusError
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.delete import gone
from svcnotes.control_plane.kubectl.visit import MARKS, Outcome, Target, done, each, nameless, refused


def replace(
    text: str,
    filename: str,
    state: ApiState,
    *,
    namespace: str = "default",
    force: bool = False,
    dry_run: str = "",
    validate: str = "strict",
) -> Answer:
    """What `kubectl replace -f FILE` leaves behind; `dry_run` is empty, client or server.

    `force` deletes the objects and creates them anew.
    """

    def one(state: ApiState, target: Target) -> Outcome:
        said = f"{target.title} replaced{MARKS[dry_run]}\n"
        if not target.name:
            return nameless(state, f'error when replacing "{filename}"')
        if dry_run == "client":
            return Outcome(state, said)
        try:
            written = update.replace(
                state, target.object, namespace=target.namespace, dry_run=bool(dry_run), validate=validate
            )
        except StatusError as error:
            return refused(state, error, f'error when replacing "{filename}"')
        return done(written, said)

    if not force:
        return each(text, filename, state, one, verb="replace", namespace=namespace, validate=validate)
    removed = each(text, filename, state, _remove, verb="replace", namespace=namespace, validate=validate)
    if removed.exit_code:
        return removed
    made = each(text, filename, removed.state, one, verb="replace", namespace=namespace, validate=validate)
    return Answer(made.state, removed.stdout + made.stdout, removed.stderr + made.stderr, made.exit_code)


def _remove(state: ApiState, target: Target) -> Outcome:
    """The first half of `--force`: a missing object is no fault."""
    kind = target.known.kind
    if state.get(kind, target.namespace, target.name) is None:
        return Outcome(state)
    after = update.delete(state, kind, target.namespace, target.name)
    return Outcome(after, gone(target.known, target.namespace, target.name))
