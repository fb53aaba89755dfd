"""`kubectl delete`: by name, or what a manifest names."""

from __future__ import annotations

from collections.abc import Sequence

from svcnotes.control_plane.api_server import update
from svcnotes.control_plane.api_server.kinds import Served
from svcnotes.control_plane.api_server.state import ApiState, StatusError
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.messages import KubectlError, RefusedError, printed
from svcnotes.control_plane.kubectl.visit import Outcome, Target, each, nameless, refused
from svcnotes.control_plane.resources import by_word


def delete(
    word: str,
    names: Sequence[str],
    state: ApiState,
    *,
    namespace: str = "default",
    ignore_not_found: bool = False,
) -> Answer:
    """What `kubectl delete WORD NAME...` leaves behind; it does not wait for finalizers."""
    known = by_word(word)
    if known is None:
        return Answer(state, "", unknown(word), 1)
    where = namespace if known.namespaced else ""
    if not names:
        names = sorted(name for kind, place, name in state.objects if (kind, place) == (known.kind, where))
        if not names:
            return Answer(state, "No resources found\n")
    out, failures = "", list[KubectlError]()
    for name in names:
        try:
            state = update.delete(state, known.kind, where, name)
        except StatusError as error:
            if not (ignore_not_found and error.reason == "NotFound"):
                failures.append(RefusedError(error))
        else:
            out += gone(known, where, name)
    return Answer(state, out, printed(failures), int(bool(failures)))


def delete_file(
    text: str, filename: str, state: ApiState, *, namespace: str = "default", ignore_not_found: bool = False
) -> Answer:
    """What `kubectl delete -f FILE` leaves behind."""

    def one(state: ApiState, target: Target) -> Outcome:
        if not target.name:
            return nameless(state, f'error when deleting "{filename}"')
        try:
            after = update.delete(state, target.known.kind, target.namespace, target.name)
        except StatusError as error:
            if ignore_not_found and error.reason == "NotFound":
                return Outcome(state)
            return refused(state, error, f'error when deleting "{filename}"')
        return Outcome(after, gone(target.known, target.namespace, target.name))

    return each(text, filename, state, one, verb="delete", namespace=namespace, validate="ignore")


def gone(known: Served, namespace: str, name: str) -> str:
    """The line for an object deleted."""
    where = f" from {namespace} namespace" if namespace else ""
    return f'{known.printed} "{name}" deleted{where}\n'


def unknown(word: str) -> str:
    """The line for a kind that the server does not have."""
    return f'error: the server doesn\'t have a resource type "{word}"\n'
