"""A patch laid over an object, and the object decoded again: what can go wrong on the way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svcnotes.control_plane.api_server.decoding import DecodeError, compact, decode
from svcnotes.control_plane.api_server.defaulting import DEFAULTS
from svcnotes.control_plane.api_server.go_types import GoType, type_of
from svcnotes.control_plane.api_server.json_patch import JsonPatchError, json_patch, merge_patch
from svcnotes.control_plane.api_server.kinds import Served
from svcnotes.control_plane.api_server.merge_keys import MergeKeys
from svcnotes.control_plane.api_server.state import Object, StatusError
from svcnotes.control_plane.api_server.status import (
    INVALID,
    FieldError,
    bad_request,
    go_json,
    go_quote,
    invalid,
)
from svcnotes.control_plane.api_server.strategic_merge import MergeError, go_value, merge, rest

_REJECTED = "the server rejected our request due to an error in our request"


def patched(
    old: Object, content: Any, known: Served, *, style: str, validate: str
) -> tuple[dict[str, Any], list[str]]:
    """The object with the patch laid over it, without what Go leaves out when empty, and warnings.

    `validate` says what becomes of unknown fields: strict, warn or ignore. Raises StatusError.
    """
    merged = _merged(old, content, known.kind, style)
    shown = go_value(rest(content)) if style == "strategic" else go_json(merged)
    go = type_of(known.api_version, known.kind)
    if go is None:
        return merged, []
    try:
        if style == "strategic":
            _convert(merged, go)
        unknown = decode(merged, go)
    except DecodeError as error:
        raise _refused(shown, str(error)) from None
    said = [f"unknown field {go_quote(path)}" for path in unknown]
    if said and validate == "strict":
        raise _refused(shown, f"strict decoding error: {', '.join(said)}")
    document = compact(merged, go) if known.kind in DEFAULTS or said else merged
    document.setdefault("metadata", {})
    return document, said if validate == "warn" else []


def _refused(shown: str, why: str) -> StatusError:
    return invalid("", "", [FieldError("patch", INVALID, shown, why)])


def _merged(old: Object, content: Any, kind: str, style: str) -> dict[str, Any]:
    if style == "json":
        if not isinstance(content, list):
            where = "Go value of type jsonpatch.Patch"
            raise bad_request(f"json: cannot unmarshal {_json_name(content)} into {where}")
        try:
            return json_patch(old, content)
        except JsonPatchError:
            raise StatusError("Invalid", _REJECTED, code=422) from None
    if not isinstance(content, Mapping):
        where = "Go value of type map[string]interface {}"
        raise bad_request(f"json: cannot unmarshal {_json_name(content)} into {where}")
    if style == "merge":
        return dict(merge_patch(old, content))
    try:
        return merge(old, content, MergeKeys(kind))
    except MergeError as error:
        raise StatusError("", str(error), code=500) from None


def _json_name(value: Any) -> str:
    names = {str: "string", bool: "bool", list: "array", dict: "object"}
    return names.get(type(value), "number")


_GO_KINDS = {str: "string", bool: "bool", int: "int64", float: "float64", list: "slice", dict: "map"}
_SCALARS = {str: ("string", "time", "bytes"), bool: ("bool",), int: ("int", "float"), float: ("float",)}


def _convert(value: Any, go: GoType) -> None:
    """A strategic patch's result goes into Go's types without passing through JSON: other words."""
    if value is None or go.shape in ("any", "intstr", "quantity"):
        return
    kind = _GO_KINDS[type(value)]
    if go.shape == "struct":
        if not isinstance(value, Mapping):
            raise DecodeError(f"cannot restore struct from: {kind}")
        for field, inner in go.fields.items():
            if field in value:
                _convert(value[field], inner)
    elif go.shape in ("list", "map"):
        if type(value) is not (list if go.shape == "list" else dict):
            raise DecodeError(f"cannot restore {'slice' if go.shape == 'list' else 'map'} from {kind}")
        for item in value.values() if isinstance(value, dict) else value:
            if go.item is not None:
                _convert(item, go.item)
    elif go.shape not in _SCALARS.get(type(value), ()):
        wanted = f"int{go.bits}" if go.shape == "int" else "float64" if go.shape == "float" else go.shape
        raise DecodeError(f"unrecognized type: {wanted}")
