"""PUT, PATCH and DELETE: how an object that is there already is changed.

Written after apiserver's generic registry. Left out: resourceVersions and with them conflicts (one
author writes here, one request after the other), and time: what a finalizer keeps from deletion gets a
deletionTimestamp at the epoch.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from svcnotes.control_plane.api_server.create import (
    ENDPOINTS_DEPRECATED,
    create,
    decoded,
    known_kind,
    validation_errors,
    with_namespace,
)
from svcnotes.control_plane.api_server.defaulting import fill_in
from svcnotes.control_plane.api_server.kinds import Served
from svcnotes.control_plane.api_server.patching import patched
from svcnotes.control_plane.api_server.state import ApiState, Object, StatusError, Written
from svcnotes.control_plane.api_server.status import bad_request, invalid, not_found
from svcnotes.control_plane.api_server.update_service import update_service, update_service_status
from svcnotes.control_plane.api_server.validate_endpointslice import validate_endpoint_slice
from svcnotes.control_plane.resources import by_kind

_EPOCH = "1970-01-01T00:00:00Z"
_SERVERS_OWN = (
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "resourceVersion",
    "generation",
    "managedFields",
    "selfLink",
)


def missing(kind: str, name: str) -> StatusError:
    """HTTP 404 for an object of that kind."""
    return not_found(by_kind(kind).resource, name)


def replace(
    state: ApiState,
    obj: Object,
    *,
    namespace: str = "default",
    dry_run: bool = False,
    validate: str = "strict",
) -> Written:
    """Put an object in the place of the one of its name (PUT); one that is missing is created.

    `validate` says what becomes of unknown fields: strict, warn or ignore. Raises StatusError.
    """
    known = known_kind(obj)
    metadata = obj.get("metadata") or {}
    where = str(metadata.get("namespace") or namespace) if known.namespaced else ""
    old = state.get(known.kind, where, str(metadata.get("name") or ""))
    if old is None:
        return create(state, obj, namespace=namespace, dry_run=dry_run, validate=validate)
    document, said = decoded(obj, known, validate=validate)
    with_namespace(document, known, namespace)
    return store(state, document, old, known, said, dry_run=dry_run)


def patch(
    state: ApiState,
    kind: str,
    namespace: str,
    name: str,
    content: Any,
    *,
    style: str = "strategic",
    subresource: str = "",
    validate: str = "warn",
    dry_run: bool = False,
) -> Written:
    """Change some fields of an object (PATCH); `content` is the patch as JSON gives it.

    `style`: strategic, merge or json. `subresource`: empty, or `status` to write only that. Raises
    StatusError.
    """
    old = state.get(kind, namespace, name)
    if old is None:
        raise missing(kind, name)
    known = by_kind(kind)
    document, said = patched(old, content, known, style=style, validate=validate)
    document |= {field: old[field] for field in ("apiVersion", "kind")}
    _same_place(document["metadata"], namespace, name)
    return store(state, document, old, known, said, subresource=subresource, dry_run=dry_run)


def _same_place(metadata: Mapping[str, Any], namespace: str, name: str) -> None:
    """A patch may not move an object."""
    named, placed = metadata.get("name") or "", metadata.get("namespace") or ""
    if named != name:
        raise bad_request(f"the name of the object ({named}) does not match the name on the URL ({name})")
    if placed != namespace:
        raise bad_request(
            f"the namespace of the object ({placed}) does not match the namespace on the request ({namespace})"
        )


def delete(state: ApiState, kind: str, namespace: str, name: str) -> ApiState:
    """Remove an object (DELETE), with a Service its Endpoints; raises StatusError (NotFound).

    An object with finalizers stays, marked as being deleted, and keeps its numbers until the last
    finalizer is gone.
    """
    old = state.get(kind, namespace, name)
    if old is None:
        raise missing(kind, name)
    if old["metadata"].get("finalizers"):
        marked = deepcopy(dict(old))
        marked["metadata"].setdefault("deletionTimestamp", _EPOCH)
        marked["metadata"].setdefault("deletionGracePeriodSeconds", 0)
        return state.with_object(marked)
    state = state.without_object(kind, namespace, name)
    return state.without_object("Endpoints", namespace, name) if kind == "Service" else state


def store(
    state: ApiState,
    document: dict[str, Any],
    old: Object,
    known: Served,
    said: list[str],
    *,
    subresource: str = "",
    dry_run: bool = False,
) -> Written:
    """Put a decoded object in the place of `old`, validated; `said` are the warnings so far."""
    warnings = [ENDPOINTS_DEPRECATED] * (known.kind == "Endpoints") + said
    metadata = document["metadata"]
    for field in _SERVERS_OWN:
        if field in old["metadata"]:
            metadata[field] = old["metadata"][field]
    try:
        warnings += _validated(state, document, old, known, subresource, dry_run=dry_run)
    except StatusError as error:
        raise error.with_warnings([*warnings, *error.warnings]) from None
    if metadata.get("deletionTimestamp") and not metadata.get("finalizers"):
        after = state.without_object(known.kind, metadata.get("namespace") or "", metadata["name"])
    elif document == old:
        after = state
    else:
        after = state.with_object(document)
    return Written(state if dry_run else after, document, tuple(warnings))


def _validated(
    state: ApiState, document: dict[str, Any], old: Object, known: Served, subresource: str, *, dry_run: bool
) -> list[str]:
    """Fill in and check the new object, in place; gives the warnings."""
    if known.kind == "Service":
        if subresource == "status":
            update_service_status(document, old)
            return []
        return update_service(state, document, old, dry_run=dry_run)
    fill_in(known.kind, document)
    if known.kind == "EndpointSlice":
        errors = validate_endpoint_slice(document, old)
    else:
        errors = validation_errors(document, known)
    if errors:
        raise invalid(known.kind, document["metadata"].get("name") or "", errors)
    return []
