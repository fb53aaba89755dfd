"""PATCH with application/apply-patch: the server itself remembers which fields a manifest had.

Written after apiserver's field manager. Simplified: there is one manager, `kubectl`; so nobody else's
fields are in conflict with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from svcnotes.control_plane.api_server.create import decoded, known_kind, with_namespace
from svcnotes.control_plane.api_server.go_types import type_of
from svcnotes.control_plane.api_server.kinds import Served
from svcnotes.control_plane.api_server.last_applied import LAST_APPLIED, last_applied
from svcnotes.control_plane.api_server.merge_keys import MergeKeys
from svcnotes.control_plane.api_server.state import ApiState, Object, StatusError, Written
from svcnotes.control_plane.api_server.typed import Schema, errors, fields, overlay, without
from svcnotes.control_plane.api_server.update import store

MANAGER = "kubectl"
_NOT_OWNED = ("apiVersion", "kind")


def server_side_apply(
    state: ApiState, obj: Object, *, namespace: str = "default", dry_run: bool = False
) -> Written:
    """Create the object, or change it to what the manifest says; raises StatusError.

    What the manifest had the last time and has no more is removed; what others set stays.
    """
    known = known_kind(obj)
    document = deepcopy(dict(obj))
    with_namespace(document, known, namespace)
    go = type_of(known.api_version, known.kind)
    schema = None if go is None else Schema(go, MergeKeys(known.kind))
    if schema is not None:
        _check(document, known, schema)
    owned = {} if schema is None else _owned(document, schema)
    metadata = document["metadata"]
    old = state.get(known.kind, str(metadata.get("namespace") or ""), str(metadata.get("name") or ""))
    if old is None:
        written = state.create(document, namespace=namespace, dry_run=dry_run)
        return _noted(state, written, known, owned, dry_run=dry_run)
    merged = document
    if schema is not None:
        merged = overlay(dict(old), document, schema)
        merged = without(merged, _before(old), owned, schema)
    _refresh_annotation(merged, document)
    new, said = decoded(merged, known, validate="ignore")
    written = store(state, new, old, known, said, dry_run=dry_run)
    return _noted(state, written, known, owned, dry_run=dry_run)


def _refresh_annotation(merged: dict[str, Any], document: Object) -> None:
    """What `kubectl apply` had noted of the manifest is kept up to date, in place."""
    annotations = (merged.get("metadata") or {}).get("annotations") or {}
    if LAST_APPLIED in annotations:
        merged["metadata"] = merged["metadata"] | {
            "annotations": annotations | {LAST_APPLIED: last_applied(document)}
        }


def _check(document: Object, known: Served, schema: Schema) -> None:
    said = list(errors(document, schema))
    if not said:
        return
    metadata = document.get("metadata") or {}
    group = f"{known.group}/{known.version}"
    where = f"({metadata.get('namespace') or ''}/{metadata.get('name') or ''}; {group}, Kind={known.kind})"
    text = said[0] if len(said) == 1 else "\n  ".join(["errors:", *said])
    raise StatusError("", f"failed to create typed patch object {where}: {text}", code=500)


def _owned(document: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """The fields that applying this manifest owns: all but what names the object."""
    kept = {name: value for name, value in document.items() if name not in _NOT_OWNED}
    metadata = {
        name: value
        for name, value in (kept.pop("metadata", None) or {}).items()
        if name not in ("name", "namespace", "managedFields")
    }
    return fields(kept | ({"metadata": metadata} if metadata else {}), schema)


def _before(old: Object) -> dict[str, Any]:
    for entry in old["metadata"].get("managedFields") or ():
        if entry.get("manager") == MANAGER and entry.get("operation") == "Apply":
            return dict(entry.get("fieldsV1") or {})
    return {}


def _noted(
    state: ApiState, written: Written, known: Served, owned: dict[str, Any], *, dry_run: bool
) -> Written:
    """The object with the note in managedFields of who applied what."""
    obj = deepcopy(dict(written.object))
    others = [
        entry for entry in obj["metadata"].get("managedFields") or () if entry.get("manager") != MANAGER
    ]
    entry = {
        "manager": MANAGER,
        "operation": "Apply",
        "apiVersion": known.api_version,
        "fieldsType": "FieldsV1",
        "fieldsV1": owned,
    }
    obj["metadata"]["managedFields"] = [entry, *others]
    return Written(state if dry_run else written.state.with_object(obj), obj, written.warnings)
