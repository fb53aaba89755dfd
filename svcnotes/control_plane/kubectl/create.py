"""`kubectl create -f FILE`: every object of the file, one after the other, whatever fails."""

from __future__ import annotations

from collections.abc import Iterable

from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.api_server.status import StatusError, go_quote
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.messages import KubectlError, RefusedError, SeveralError, printed
from svcnotes.control_plane.kubectl.stream import manifests

_SUFFIX = {None: "", "": "", "client": " (dry run)", "server": " (server dry run)"}
_VALIDATE = {"true": "strict", "false": "ignore"}


def create(
    text: str,
    filename: str,
    state: ApiState,
    *,
    namespace: str = "default",
    dry_run: str | None = None,
    validate: str = "strict",
) -> Answer:
    """What `kubectl create -f FILE` leaves behind for a file of that text.

    `filename` as on the command line; `dry_run` is None, `client` or `server`; `validate` is
    strict, warn or ignore (also `true` and `false`). Refusals are in the Answer, never raised.
    """
    return create_files([(filename, text)], state, namespace=namespace, dry_run=dry_run, validate=validate)


def create_files(
    files: Iterable[tuple[str, str]],
    state: ApiState,
    *,
    namespace: str = "default",
    dry_run: str | None = None,
    validate: str = "strict",
) -> Answer:
    """As `create` for several -f options: (file name, text) in their order."""
    validate = _VALIDATE.get(validate, validate)
    out: list[str] = []
    warned: dict[str, None] = {}  # kubectl prints the same warning once
    refused: list[KubectlError] = []
    unread: list[KubectlError] = []  # what is no object is reported last
    for filename, text in files:
        doing = f"error when creating {go_quote(filename)}"
        for found in manifests(text, filename, validate=validate):
            if isinstance(found, KubectlError):
                unread.append(found)
                continue
            name, printed_kind = found.name, found.known.printed
            if dry_run != "client":
                try:
                    written = state.create(
                        found.object, namespace=namespace, dry_run=dry_run == "server", validate=validate
                    )
                except StatusError as error:
                    warned.update(dict.fromkeys(error.warnings))
                    refused.append(RefusedError(error, doing))
                    continue
                state, name = written.state, written.object["metadata"]["name"]
                warned.update(dict.fromkeys(written.warnings))
            out.append(f"{printed_kind}/{name} created{_SUFFIX[dry_run]}\n")
    if unread:
        refused.append(SeveralError(unread))
    if not refused and not out:
        refused.append(KubectlError("no objects passed to create"))
    stderr = "".join(f"Warning: {warning}\n" for warning in warned) + printed(refused)
    return Answer(state, "".join(out), stderr, 1 if refused else 0)
