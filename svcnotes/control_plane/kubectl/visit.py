"""One verb for each object of a manifest file, one after the other, whatever fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from svcnotes.control_plane.api_server.kinds import Served
from svcnotes.control_plane.api_server.state import ApiState, StatusError, Written
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.messages import KubectlError, RefusedError, SeveralError, printed
from svcnotes.control_plane.kubectl.stream import manifests

_VALIDATE = {"true": "strict", "false": "ignore"}
MARKS = {"": "", "client": " (dry run)", "server": " (server dry run)"}


@dataclass(frozen=True, slots=True)
class Target:
    """One object of a file; `namespace` is empty for a kind that lives in none."""

    object: Mapping[str, Any]
    known: Served
    filename: str
    namespace: str
    name: str

    @property
    def title(self) -> str:
        """As kubectl prints it: `service/web`."""
        return f"{self.known.printed}/{self.name}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one request left behind; `notes` are kubectl's own words on stderr."""

    state: ApiState
    stdout: str = ""
    warnings: tuple[str, ...] = ()
    notes: str = ""
    failure: KubectlError | None = None


def refused(state: ApiState, error: StatusError, doing: str = "", notes: str = "") -> Outcome:
    """The outcome of a request that the server refused."""
    return Outcome(state, "", error.warnings, notes, RefusedError(error, doing))


def nameless(state: ApiState, doing: str) -> Outcome:
    """The outcome for an object without a name, which kubectl cannot ask for."""
    return Outcome(state, failure=KubectlError(f"{doing}: resource name may not be empty"))


def done(written: Written, stdout: str, notes: str = "") -> Outcome:
    """The outcome of a request that the server accepted."""
    return Outcome(written.state, stdout, written.warnings, notes)


def answer(outcome: Outcome) -> Answer:
    """One outcome as a command's answer."""
    warned = "".join(f"Warning: {warning}\n" for warning in dict.fromkeys(outcome.warnings))
    failed = printed([outcome.failure]) if outcome.failure else ""
    return Answer(outcome.state, outcome.stdout, outcome.notes + warned + failed, int(bool(failed)))


def each(
    text: str,
    filename: str,
    state: ApiState,
    one: Callable[[ApiState, Target], Outcome],
    *,
    verb: str,
    namespace: str = "default",
    validate: str = "strict",
) -> Answer:
    """The answer of a verb for all objects of a file; what is no object is reported at the end.

    `one` does the work for one object. `apply` reads the whole file first, so that there what is no
    object is reported at the beginning.
    """
    validate = _VALIDATE.get(validate, validate)
    out: list[str] = []
    said: list[str] = []
    failures: list[KubectlError] = []
    unread: list[KubectlError] = []
    for found in manifests(text, filename, validate=validate):
        if isinstance(found, KubectlError):
            unread.append(found)
            continue
        outcome = one(state, _target(found.object, found.known, filename, namespace))
        state = outcome.state
        out.append(outcome.stdout)
        said.append(outcome.notes)
        said += [f"Warning: {warning}\n" for warning in outcome.warnings]
        if outcome.failure:
            failures.append(outcome.failure)
    if unread:
        failures = [SeveralError(unread), *failures] if verb == "apply" else [*failures, SeveralError(unread)]
    elif not failures and not out and verb == "delete":
        return Answer(state, "No resources found\n")
    elif not failures and not out:
        failures.append(KubectlError(f"no objects passed to {verb}"))
    stderr = "".join(dict.fromkeys(said)) + printed(failures)
    return Answer(state, "".join(out), stderr, int(bool(failures)))


def _target(obj: Mapping[str, Any], known: Served, filename: str, namespace: str) -> Target:
    copy = deepcopy(dict(obj))
    metadata = copy["metadata"] = copy.get("metadata") or {}
    if known.namespaced:
        metadata["namespace"] = metadata.get("namespace") or namespace
    name = metadata.get("name")
    where = str(metadata.get("namespace") or "") if known.namespaced else ""
    return Target(copy, known, filename, where, name if isinstance(name, str) else "")
