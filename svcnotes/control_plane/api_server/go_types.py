"""The Go types behind Kubernetes' objects: enough of them to decode JSON as kube-apiserver does."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files


@dataclass(eq=False, slots=True)
class GoType:
    """One Go type: `go` is its name in messages; `shape` says what JSON it takes.

    shape: string, bool, int, float, bytes, intstr, quantity, time, any, list, map, struct. `item`
    of a list or map; `fields` of a struct; `pointer`: the field is a pointer, so an empty value
    given stays given.
    """

    go: str
    shape: str
    item: GoType | None = None
    fields: dict[str, GoType] = field(default_factory=dict)
    bits: int = 0
    pointer: bool = False

    @property
    def bare(self) -> str:
        """The name without its package: `ServicePort`."""
        return self.go.rpartition(".")[2]


_LEAVES = {
    "string": ("string", 0),
    "bool": ("bool", 0),
    "int32": ("int", 32),
    "int64": ("int", 64),
    "float64": ("float", 0),
    "[]uint8": ("bytes", 0),
    "interface {}": ("any", 0),
    "v1.FieldsV1": ("any", 0),
    "runtime.RawExtension": ("any", 0),
    "intstr.IntOrString": ("intstr", 32),
    "resource.Quantity": ("quantity", 0),
    "v1.Time": ("time", 0),
    "v1.MicroTime": ("time", 0),
}


@cache
def _table() -> dict[str, dict[str, str]]:
    text = files("svcnotes.control_plane.api_server").joinpath("go_types.json").read_text(encoding="utf-8")
    table: dict[str, dict[str, str]] = json.loads(text)
    # what kubectl reads of any object: types and metadata
    table["resource.metadataOnlyObject"] = {
        "apiVersion": "string",
        "kind": "string",
        "metadata": "v1.ObjectMeta",
    }
    return table


@cache
def _struct(name: str) -> GoType:
    return GoType(name.rpartition("/")[2], "struct")


def _parse(text: str) -> GoType:
    if text.startswith("*"):
        inner = _parse(text[1:])
        return GoType(inner.go, inner.shape, inner.item, inner.fields, inner.bits, pointer=True)
    if text in _LEAVES:
        shape, bits = _LEAVES[text]
        return GoType(text, shape, bits=bits)
    if text == "v1.ResourceList":
        return GoType(text, "map", _parse("resource.Quantity"))
    if text.startswith("[]"):
        item = _parse(text[2:])
        return GoType("[]" + item.go, "list", item)
    if text.startswith("map[string]"):
        item = _parse(text.removeprefix("map[string]"))
        return GoType("map[string]" + item.go, "map", item)
    name, named, underlying = text.partition("=")
    if named:
        return GoType(name, _LEAVES[underlying][0])
    return struct(name)


def struct(name: str) -> GoType:
    """The struct of that key (`v1.Service`, `apps/v1.Deployment`); KeyError where it is not known."""
    found = _struct(name)
    if not found.fields:
        rows = _table()[name]
        found.fields["kind"] = found  # a mark, so that a type that holds itself ends here
        parsed = {key: _parse(text) for key, text in rows.items()}
        found.fields.clear()
        found.fields.update(parsed)
    return found


_GROUPS = {"": "", "apps": "apps/", "batch": "batch/", "discovery.k8s.io": "discovery/"}
_GROUPS["networking.k8s.io"] = "networking/"


def type_of(api_version: str, kind: str) -> GoType | None:
    """The struct that an object of that kind is decoded into, None for kinds without a table here."""
    group, _, version = api_version.rpartition("/")
    key = f"{_GROUPS.get(group, '?')}{version}.{kind}"
    return struct(key) if key in _table() else None
