"""Server-side apply's own look at a manifest: fields by path, list items by their keys.

Written after sigs.k8s.io/structured-merge-diff. A Service's ports are told apart by port and protocol
here, so that 53/UDP and 53/TCP are two items, as they are not to a strategic merge patch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from svcnotes.control_plane.api_server.go_types import GoType
from svcnotes.control_plane.api_server.merge_keys import MergeKeys
from svcnotes.control_plane.api_server.status import go_json, go_quote
from svcnotes.control_plane.api_server.strategic_merge import go_value

_KEYS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("spec", "ports"): ("port", "protocol"),
    ("spec", "containers", "ports"): ("containerPort", "protocol"),
}
_DEFAULTS = {"protocol": "TCP"}
_ATOMIC = frozenset({("spec", "selector"), ("status", "loadBalancer")})
_SCALARS = {"string": "string", "time": "string", "bytes": "string", "int": "numeric", "float": "numeric"}
_GO_TYPES = {str: "string", bool: "bool", int: "int64", float: "float64"}


class Schema:
    """What one kind's manifests look like, seen from one field."""

    __slots__ = ("at", "go", "keys")

    def __init__(self, go: GoType, keys: MergeKeys, at: tuple[str, ...] = ()) -> None:
        self.go, self.keys, self.at = go, keys, at

    def field(self, name: str) -> Schema | None:
        """Seen from inside a field, None where there is none of that name."""
        inner = self.go.fields.get(name) if self.go.shape == "struct" else self.go.item
        return None if inner is None else Schema(inner, self.keys, (*self.at, name))

    def item(self) -> Schema:
        """Seen from inside a list's item."""
        return Schema(self.go.item or self.go, self.keys, self.at)

    @property
    def atomic(self) -> bool:
        """Whether the value has one owner as a whole."""
        return self.at in _ATOMIC or (self.go.shape == "list" and not self.item_keys)

    @property
    def item_keys(self) -> tuple[str, ...]:
        """The fields that tell a list's items apart; empty for a list that is one value."""
        if self.at in _KEYS:
            return _KEYS[self.at]
        key = self.keys.of(self.at)
        return (key,) if key else ()


def key_text(item: Mapping[str, Any], keys: Sequence[str]) -> str:
    """A list item's place in a path: `[port=80,protocol="TCP"]`."""
    pairs = ((key, item.get(key, _DEFAULTS.get(key, 0))) for key in keys)
    return (
        "["
        + ",".join(f"{key}={go_quote(v) if isinstance(v, str) else go_value(v)}" for key, v in pairs)
        + "]"
    )


def errors(value: Any, schema: Schema, path: str = "") -> Iterator[str]:
    """What does not fit the schema, in the library's words, each with its path."""
    shape = schema.go.shape
    if value is None or shape in ("any", "intstr", "quantity"):
        return
    if shape in ("struct", "map"):
        if not isinstance(value, Mapping):
            yield f"{path}: expected map, got {_shown(value)}"
            return
        for name in sorted(value):
            inner = schema.field(name)
            if inner is None:
                yield f"{path}.{name}: field not declared in schema"
            else:
                yield from errors(value[name], inner, f"{path}.{name}")
    elif shape == "list":
        yield from _list_errors(value, schema, path)
    elif shape == "bool":
        if not isinstance(value, bool):
            yield f"{path}: expected boolean, got {_shown(value)}"
    elif _SCALARS.get(shape) == "numeric":
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield f"{path}: expected numeric (int or float), got {_GO_TYPES.get(type(value), go_kind(value))}"
    elif not isinstance(value, str):
        yield f"{path}: expected string, got {_shown(value)}"


def go_kind(value: Any) -> str:
    """A compound JSON value's Go type."""
    return "[]interface {}" if isinstance(value, list) else "map[string]interface {}"


def _shown(value: Any) -> str:
    """A value as the errors show it: Go's %v, strings quoted."""
    if isinstance(value, Mapping | list):
        return f"{go_kind(value)}{go_json(value)}" if isinstance(value, Mapping) else go_value(value)
    return go_quote(value) if isinstance(value, str) else go_value(value)


def _list_errors(value: Any, schema: Schema, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: expected list, got {_shown(value)}"
        return
    keys, seen = schema.item_keys, set()
    for index, item in enumerate(value):
        at = f"[{index}]"
        if keys and isinstance(item, Mapping):
            at = key_text(item, keys)
            if at in seen:
                yield f"{path}: duplicate entries for key {at}"
            seen.add(at)
        yield from errors(item, schema.item(), f"{path}{at}")


def fields(value: Any, schema: Schema) -> dict[str, Any]:
    """The set of fields of a manifest, as managedFields writes it (FieldsV1)."""
    if schema.atomic or not isinstance(value, Mapping | list):
        return {}
    if isinstance(value, Mapping):
        inner = {name: schema.field(name) for name in value}
        return {f"f:{name}": fields(value[name], found) for name, found in inner.items() if found is not None}
    keys = schema.item_keys
    return {
        f"k:{go_json(_key(item, keys))}": {".": {}} | fields(item, schema.item())
        for item in value
        if isinstance(item, Mapping)
    }


def _key(item: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: item.get(key, _DEFAULTS.get(key, 0)) for key in keys}


def overlay(live: Any, applied: Any, schema: Schema) -> Any:
    """The live value with the applied one laid over it."""
    if schema.atomic or type(live) is not type(applied) or not isinstance(applied, Mapping | list):
        return applied
    if isinstance(applied, Mapping):
        out = dict(live)
        for name, value in applied.items():
            inner = schema.field(name)
            out[name] = value if inner is None or name not in live else overlay(live[name], value, inner)
        return out
    keys = schema.item_keys
    by_key = {go_json(_key(item, keys)): item for item in live}
    new = [
        overlay(by_key[at], item, schema.item()) if at in by_key else item
        for item in applied
        for at in (go_json(_key(item, keys)),)
    ]
    named = {go_json(_key(item, keys)) for item in applied}
    return new + [item for at, item in by_key.items() if at not in named]


def without(value: Any, before: Mapping[str, Any], now: Mapping[str, Any], schema: Schema) -> Any:
    """The value less the fields that were applied before and are not any more."""
    if isinstance(value, Mapping):
        out = dict(value)
        for name in value:
            held = before.get(f"f:{name}")
            inner = schema.field(name)
            if held is None or inner is None:
                continue
            if f"f:{name}" not in now and not held:
                del out[name]
            else:
                out[name] = without(value[name], held, now.get(f"f:{name}", {}), inner)
        return out
    if isinstance(value, list) and schema.item_keys:
        out_list = []
        for item in value:
            at = f"k:{go_json(_key(item, schema.item_keys))}"
            if at in before and at not in now:
                continue
            out_list.append(without(item, before.get(at, {}), now.get(at, {}), schema.item()))
        return out_list
    return value
