"""`kubectl apply`: create what is missing, else send what changed in the manifest since the last time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from svcnotes.control_plane.api_server import update
from svcnotes.control_plane.api_server.last_applied import LAST_APPLIED, last_applied
from svcnotes.control_plane.api_server.merge_keys import MergeKeys
from svcnotes.control_plane.api_server.state import ApiState, StatusError
from svcnotes.control_plane.api_server.status import go_json
from svcnotes.control_plane.api_server.strategic_diff import three_way
from svcnotes.control_plane.api_server.strategic_merge import MergeError
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.messages import KubectlError, RefusedError
from svcnotes.control_plane.kubectl.visit import MARKS, Outcome, Target, done, each, refused
from svcnotes.control_plane.resources import plural

Json = dict[str, Any]


def apply(
    text: str,
    filename: str,
    state: ApiState,
    *,
    namespace: str = "default",
    dry_run: str = "",
    validate: str = "strict",
    force: bool = False,
) -> Answer:
    """What `kubectl apply -f FILE` leaves behind; `dry_run` is empty, client or server.

    `force` deletes an object that cannot be changed so, and creates it anew. The manifest is kept in the annotation `kubectl.kubernetes.io/last-applied-configuration`, and
    compared with it the next time: what is gone from the manifest is deleted from the object.
    """

    def one(state: ApiState, target: Target) -> Outcome:
        outcome = _apply(state, target, dry_run=dry_run, validate=validate)
        return _anew(state, target, outcome) if force and not dry_run else outcome

    return each(text, filename, state, one, verb="apply", namespace=namespace, validate=validate)


def place(target: Target) -> str:
    """How kubectl names an object in the longest of its errors."""
    known = target.known
    group = f"{known.group}/{known.version}"
    return (
        f'Resource: "{group}, Resource={plural(known)}", GroupVersionKind: "{group}, Kind={known.kind}"\n'
        f'Name: "{target.name}", Namespace: "{target.namespace}"'
    )


def _apply(state: ApiState, target: Target, *, dry_run: str, validate: str) -> Outcome:
    known, source = target.known, target.filename
    prefix = target.object["metadata"].get("generateName")
    if not target.name and prefix:
        return Outcome(state, failure=KubectlError(f"from {prefix}: cannot use generate name with apply"))
    if not target.name:
        why = f'from server for: "{source}": resource name may not be empty'
        text = f"error when retrieving current configuration of:\n{place(target)}\n{why}"
        return Outcome(state, failure=KubectlError(text))
    modified = deepcopy(dict(target.object))
    annotations = modified["metadata"].get("annotations") or {}
    modified["metadata"]["annotations"] = annotations | {LAST_APPLIED: last_applied(modified)}
    current = state.get(known.kind, target.namespace, target.name)
    if current is None:
        return _create(state, target, modified, dry_run=dry_run, validate=validate)
    said = f"{target.title} configured{MARKS[dry_run]}\n"
    if dry_run == "client":
        return Outcome(state, said)
    applied = (current["metadata"].get("annotations") or {}).get(LAST_APPLIED)
    notes = "" if applied is not None else _never_applied(target)
    try:
        patch = three_way(json.loads(applied) if applied else {}, modified, current, MergeKeys(known.kind))
    except MergeError as error:
        notes += "".join(
            f"warning: error calculating patch from {spec} spec: {error}\n"
            for spec in ("openapi v3", "openapi")
        )
        return Outcome(state, "", (), notes, _no_patch(target, applied or "", modified, current, str(error)))
    try:
        written = update.patch(
            state, known.kind, target.namespace, target.name, patch, validate=validate, dry_run=bool(dry_run)
        )
    except StatusError as error:
        doing = f'for: "{source}": error when patching "{source}"'
        return refused(
            state,
            error,
            f"error when applying patch:\n{go_json(patch)}\nto:\n{place(target)}\n{doing}",
            notes,
        )
    if current["metadata"].get("deletionTimestamp"):
        notes += f"Warning: Detected changes to resource {target.name} which is currently being deleted.\n"
    return done(written, said if patch else f"{target.title} unchanged{MARKS[dry_run]}\n", notes)


def _create(state: ApiState, target: Target, obj: Json, *, dry_run: str, validate: str) -> Outcome:
    said = f"{target.title} created{MARKS[dry_run]}\n"
    if dry_run == "client":
        return Outcome(state, said)
    try:
        written = state.create(obj, namespace=target.namespace, dry_run=bool(dry_run), validate=validate)
    except StatusError as error:
        return refused(state, error, f'error when creating "{target.filename}"')
    return done(written, said)


def _anew(state: ApiState, target: Target, outcome: Outcome) -> Outcome:
    """With `--force`: a change that is refused as invalid is made by deleting and creating."""
    failure = outcome.failure
    kind = target.known.kind
    if not isinstance(failure, RefusedError) or failure.status.reason != "Invalid":
        return outcome
    if state.get(kind, target.namespace, target.name) is None:
        return outcome
    gone = update.delete(state, kind, target.namespace, target.name)
    made = _apply(gone, target, dry_run="", validate="strict")
    if made.failure:
        return outcome
    return Outcome(made.state, f"{target.title} configured\n", made.warnings, outcome.notes)


def _no_patch(
    target: Target, applied: str, modified: Json, current: Mapping[str, Any], why: str
) -> KubectlError:
    """A list's item lacks its key: kubectl shows all it had to make the patch from."""
    source = target.filename
    return KubectlError(
        f"error when applying patch:\n\nto:\n{place(target)}\n"
        f'for: "{source}": error when patching "{source}": creating patch with:\n'
        f"original:\n{applied}\nmodified:\n{go_json(modified)}\n\ncurrent:\n{go_json(current)}\n\nfor: {why}"
    )


def _never_applied(target: Target) -> str:
    return (
        f"Warning: resource {plural(target.known)}/{target.name} is missing the {LAST_APPLIED} annotation which "
        "is required by kubectl apply. kubectl apply should only be used on resources created declaratively by "
        "either kubectl create --save-config or kubectl apply. The missing annotation will be patched "
        "automatically.\n"
    )
