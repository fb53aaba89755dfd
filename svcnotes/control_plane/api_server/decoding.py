"""JSON into Go's types, as kube-apiserver decodes a request: wrong types and unknown fields.

A JSON Schema library finds the same faults, but neither Go's words for them nor their order, and the
order decides: of several wrong types only the first that the decoder meets is reported. So this walks
the document as sigs.k8s.io/json does: keys sorted (kubectl sends them so), depth first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from svcnotes.control_plane.api_server.go_types import GoType
from svcnotes.control_plane.api_server.status import go_quote

MAX_STRICT_ERRORS = 100
_QUANTITY = re.compile(
    r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[KMGTPE]i|[numkMGTPE]|[eE][-+]?[0-9]+)?", re.ASCII
)
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_BASE64 = re.compile(r"[A-Za-z0-9+/\r\n]*={0,2}[\r\n]*", re.ASCII)


class DecodeError(Exception):
    """The document cannot be held by its Go type; `str()` is the decoder's message."""


def go_number(value: float) -> str:
    """A number as Go's encoding/json writes it."""
    if isinstance(value, int) or (value.is_integer() and abs(value) < 1e21):
        return str(int(value)) if abs(value) < 1e21 else _exponent(float(value))
    return _exponent(value) if abs(value) < 1e-6 or abs(value) >= 1e21 else repr(value)


def _exponent(value: float) -> str:
    mantissa, _, exponent = repr(value).partition("e")
    sign, digits = (exponent[0], exponent[1:]) if exponent[:1] in "+-" else ("+", exponent)
    return f"{mantissa.removesuffix('.0')}e{sign}{digits.lstrip('0') or '0'}"


def json_kind(value: Any) -> str:
    """What encoding/json calls a value that it cannot place: bool, string, number, array, object."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, str):
        return "string"
    if isinstance(value, int | float):
        return "number"
    return "array" if isinstance(value, list) else "object"


class _Walk:
    """One walk: where it is, and the unknown fields met."""

    def __init__(self) -> None:
        self.fields: list[str] = []  # struct fields only, as in Go's errors
        self.path: list[str] = []  # with indexes and map keys, as in strict errors
        self.unknown: list[str] = []

    def wrong(self, said: str, go: str, struct: str) -> DecodeError:
        """json: cannot unmarshal ..."""
        where = f"Go struct field {struct}.{'.'.join(self.fields)}" if self.fields else "Go value"
        return DecodeError(f"json: cannot unmarshal {said} into {where} of type {go}")

    def struct(self, value: Any, go: GoType, outer: str) -> None:
        if not isinstance(value, Mapping):
            raise self.wrong(json_kind(value), go.go, outer)
        bare, fields = go.bare, go.fields
        for key in sorted(value):
            held = value[key]
            kind = fields.get(key)
            if kind is None:
                if len(self.unknown) < MAX_STRICT_ERRORS:
                    self.unknown.append("".join([*self.path, "." if self.path else "", key]))
                continue
            if held is None or (kind.shape == "string" and type(held) is str):
                continue
            self.fields.append(key)
            self.path.append(f".{key}" if self.path else key)
            self.value(held, kind, bare)
            self.fields.pop()
            self.path.pop()

    def value(self, value: Any, go: GoType, struct: str) -> None:
        """Walk one value of type `go` that is a field (or below one) of the Go struct `struct`."""
        if value is None:
            return
        shape = go.shape
        if shape == "struct":
            self.struct(value, go, struct)
        elif shape == "list":
            if not isinstance(value, list):
                raise self.wrong(json_kind(value), go.go, struct)
            assert go.item is not None  # noqa: S101 - a list has one
            for index, item in enumerate(value):
                self.path.append(f"[{index}]")
                self.value(item, go.item, struct)
                self.path.pop()
        elif shape == "map":
            if not isinstance(value, Mapping):
                raise self.wrong(json_kind(value), go.go, struct)
            assert go.item is not None  # noqa: S101 - the same
            for key in sorted(value):
                self.path.append(f".{key}")
                self.value(value[key], go.item, struct)
                self.path.pop()
        elif shape != "any":
            self.scalar(value, go, struct)

    def scalar(self, value: Any, go: GoType, struct: str) -> None:
        shape, kind = go.shape, json_kind(value)
        if shape == "intstr":
            if kind == "string":
                return
            shape, named = "int", "int32"  # IntOrString decodes what is no string into its int32
        else:
            named = go.go
        if shape == "int":
            if kind != "number":
                raise self.wrong(kind, named, struct)
            bound = 1 << (go.bits - 1)
            if not isinstance(value, int) or not -bound <= value < bound:
                raise self.wrong(f"number {go_number(value)}", named, struct)
        elif shape == "bool":
            if kind != "bool":
                raise self.wrong(kind, named, struct)
        elif shape == "float":
            if kind != "number":
                raise self.wrong(kind, named, struct)
        elif shape == "quantity":
            text = value if kind == "string" else go_number(value) if kind == "number" else ""
            if not _QUANTITY.fullmatch(text):
                raise DecodeError(
                    "quantities must match the regular expression "
                    "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                )
        elif kind != "string":
            raise self.wrong(kind, "string" if shape == "time" else named, struct)
        elif shape == "time" and not _TIME.fullmatch(value):
            raise DecodeError(
                f'parsing time {go_quote(value)} as "2006-01-02T15:04:05Z07:00": '
                f'cannot parse {go_quote(value)} as "2006"'
            )
        elif shape == "bytes" and not _BASE64.fullmatch(value):
            good = re.match(r"[A-Za-z0-9+/\r\n]*", value)
            raise DecodeError(f"illegal base64 data at input byte {good.end() if good else 0}")


def decode(document: Any, go: GoType) -> tuple[str, ...]:
    """Check a document against its Go type; gives the paths of unknown fields, in decoding order.

    Raises DecodeError at the first value of a wrong type.
    """
    walk = _Walk()
    walk.struct(document, go, "")
    return tuple(walk.unknown)


def compact(value: Any, go: GoType) -> Any:
    """The value as it is stored: what Go leaves out when empty (`omitempty`) is left out.

    Null, and empty values of fields that are no pointers, are dropped; a null in a list or map
    becomes its type's empty value, as in Go.
    """
    if go.shape == "struct":
        kept = {}
        for key, held in value.items():
            kind = go.fields.get(key)
            if kind is None or held is None:
                continue
            new = compact(held, kind) if kind.shape in _COMPOUND else held
            if kind.pointer or kind.shape == "intstr" or new not in _EMPTY or isinstance(new, float):
                kept[key] = new
        return kept
    if go.shape == "list" and go.item is not None:
        item = go.item
        return [compact(_zero(item) if held is None else held, item) for held in value]
    if go.shape == "map" and go.item is not None:
        item = go.item
        return {key: compact(_zero(item) if held is None else held, item) for key, held in value.items()}
    return value


_COMPOUND = ("struct", "list", "map")
_EMPTY: tuple[Any, ...] = ("", 0, False, [], {})


def _zero(go: GoType) -> Any:
    zeros = {"struct": {}, "map": {}, "list": [], "string": "", "bool": False}
    return zeros.get(go.shape, 0)
