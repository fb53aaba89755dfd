"""The other two kinds of patch: JSON patch (RFC 6902) and JSON merge patch (RFC 7386)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

Json = dict[str, Any]


class JsonPatchError(Exception):
    """An operation that does not apply to the object."""


def merge_patch(original: Any, patch: Any) -> Any:
    """The value with a merge patch laid over it: null deletes, a list replaces (RFC 7386)."""
    if not isinstance(patch, Mapping):
        return deepcopy(patch)
    out = dict(original) if isinstance(original, Mapping) else {}
    for field, value in patch.items():
        if value is None:
            out.pop(field, None)
        else:
            out[field] = merge_patch(out.get(field), value)
    return out


def json_patch(original: Mapping[str, Any], operations: Sequence[Any]) -> Json:
    """The object after the operations, one after the other (RFC 6902). Raises JsonPatchError."""
    out: Any = deepcopy(dict(original))
    for operation in operations:
        if not isinstance(operation, Mapping):
            raise JsonPatchError(f"not an operation: {operation!r}")
        out = _apply(out, operation)
    if not isinstance(out, dict):
        raise JsonPatchError("the document is no object any more")
    return out


def _apply(document: Any, operation: Mapping[str, Any]) -> Any:
    kind, path = operation.get("op"), _path(operation.get("path"))
    if kind == "add":
        return _put(document, path, deepcopy(operation.get("value")), new=True)
    if kind == "replace":
        _get(document, path)
        return _put(document, path, deepcopy(operation.get("value")), new=False)
    if kind == "remove":
        return _remove(document, path)
    if kind == "test":
        try:
            found = _get(document, path)
        except JsonPatchError:
            found = None
        if found != operation.get("value"):
            raise JsonPatchError(f"testing value {operation.get('path')} failed")
        return document
    if kind in ("move", "copy"):
        source = _path(operation.get("from"))
        value = deepcopy(_get(document, source))
        if kind == "move":
            document = _remove(document, source)
        return _put(document, path, value, new=True)
    raise JsonPatchError(f"unexpected kind: {kind}")


def _path(pointer: Any) -> list[str]:
    """The parts of a JSON pointer (RFC 6901)."""
    if not isinstance(pointer, str) or (pointer and not pointer.startswith("/")):
        raise JsonPatchError(f"not a path: {pointer!r}")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _index(items: list[Any], part: str, *, end: bool) -> int:
    if end and part == "-":
        return len(items)
    if not part.lstrip("-").isdigit():
        raise JsonPatchError(f"not an index: {part}")
    number = int(part)
    index = number + len(items) if number < 0 else number
    if not 0 <= index < len(items) + end:
        raise JsonPatchError(f"no such index: {part}")
    return index


def _get(document: Any, path: Sequence[str]) -> Any:
    for part in path:
        if isinstance(document, dict) and part in document:
            document = document[part]
        elif isinstance(document, list):
            document = document[_index(document, part, end=False)]
        else:
            raise JsonPatchError(f"no such path: {'/'.join(path)}")
    return document


def _put(document: Any, path: Sequence[str], value: Any, *, new: bool) -> Any:
    if not path:
        return value
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, dict):
        parent[last] = value
    elif isinstance(parent, list) and new:
        parent.insert(_index(parent, last, end=True), value)
    elif isinstance(parent, list):
        parent[_index(parent, last, end=False)] = value
    else:
        raise JsonPatchError(f"no such path: {'/'.join(path)}")
    return document


def _remove(document: Any, path: Sequence[str]) -> Any:
    _get(document, path)
    if not path:
        raise JsonPatchError("the whole object cannot be removed")
    parent, last = _get(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        del parent[_index(parent, last, end=False)]
    else:
        del parent[last]
    return document
