"""A manifest file as kubectl reads it: split into documents, each checked and mapped to a resource.

Source: cli-runtime's resource builder (StreamVisitor, FlattenListVisitor, mapper) and apimachinery's
YAML reader. What is sent to the server is decoded there; kubectl itself reads the types and metadata.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from svcnotes.control_plane.api_server.decoding import DecodeError, decode, json_kind
from svcnotes.control_plane.api_server.go_types import struct
from svcnotes.control_plane.api_server.kinds import Served, mapped
from svcnotes.control_plane.api_server.status import go_json, go_quote
from svcnotes.control_plane.kubectl.json_stream import json_documents
from svcnotes.control_plane.kubectl.messages import KubectlError
from svcnotes.control_plane.kubectl.yaml_errors import go_yaml_error
from svcnotes.control_plane.yaml_reader import YamlError, read

_UNSET = "if you choose to ignore these errors, turn validation off with --validate=false"


class StreamEndedError(KubectlError):
    """An error after which kubectl reads no more of this file."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One object of a file, with the kind that kubectl takes it for."""

    object: Mapping[str, Any]
    known: Served

    @property
    def name(self) -> str:
        """metadata.name, empty where there is none."""
        metadata = self.object.get("metadata")
        name = metadata.get("name") if isinstance(metadata, Mapping) else ""
        return name if isinstance(name, str) else ""


def manifests(text: str, filename: str, *, validate: str = "strict") -> Iterator[Manifest | KubectlError]:
    """The objects of a file in order, and in their places the errors of documents that are none.

    `validate`: strict, warn, or ignore (then apiVersion and kind are not asked for beforehand).
    """
    for value in _values(text, filename):
        if isinstance(value, KubectlError):
            yield value
            return
        if validate != "ignore":
            error = _untyped(value, filename)
            if error:
                yield error
                return
        yield from _flatten(value, filename)


def split(text: str) -> Iterator[str | KubectlError]:
    """The documents' texts: a line that begins with `---` ends one.

    A first `---` belongs to the document that follows, so that its lines count from there.
    """
    lines: list[str] = []
    for line in re.findall(r"[^\n]*\n|[^\n]+", text):
        if line.startswith("---"):
            rest = line[3:].strip()
            if rest and not rest.startswith("#"):
                yield KubectlError(f"invalid Yaml document separator: {rest}")
                return
            if lines:
                yield "".join(lines)
                lines = []
                continue
        lines.append(line)
    if lines:
        yield "".join(lines)


def _values(text: str, filename: str) -> Iterator[Any]:
    if text.lstrip()[:1] == "{":  # then it is JSON: YAML's {a: b} will not do
        for value in json_documents(text):
            if isinstance(value, KubectlError):
                yield StreamEndedError(f"error parsing {filename}: {value}")
                return
            yield value
        return
    for document in split(text):
        if isinstance(document, KubectlError):
            yield StreamEndedError(f"error parsing {filename}: {document}")
            return
        try:
            found = read(document, filename)
        except YamlError as error:
            said = go_yaml_error(document, error)
            yield StreamEndedError(f"error parsing {filename}: error converting YAML to JSON: {said}")
            return
        for held in found:
            if held.value is not None:
                yield held.value


def _untyped(value: Any, filename: str) -> KubectlError | None:
    """The error of a document that does not say what it is."""
    said = []
    if not isinstance(value, Mapping):
        said.append("invalid object to validate")
    else:
        for field in ("apiVersion", "kind"):
            if value.get(field) is None:
                said.append(f"{field} not set")
            elif not isinstance(value[field], str):
                said.append(f"{field} isn't string type")
            elif field == "apiVersion" and value[field].count("/") > 1:
                said.append(f"unexpected GroupVersion string: {value[field]}")
    if not said:
        return None
    text = said[0] if len(said) == 1 else f"[{', '.join(said)}]"
    return StreamEndedError(f"error validating {go_quote(filename)}: error validating data: {text}; {_UNSET}")


def _flatten(value: Any, filename: str) -> Iterator[Manifest | KubectlError]:
    """One document's objects: itself, or what its List holds."""
    error = _undecodable(value)
    if error:
        yield KubectlError(f"unable to decode {go_quote(filename)}: {error}")
        return
    api_version, kind = str(value.get("apiVersion") or ""), str(value["kind"])
    if isinstance(value.get("items"), list) and kind.endswith("List"):
        yield from _items(value["items"], api_version, kind.removesuffix("List"))
        return
    known = _mapped(api_version, kind)
    if known is not None:
        yield Manifest(value, known)
        return
    metadata = value.get("metadata") or {}
    yield KubectlError(
        f"resource mapping not found for name: {go_quote(str(metadata.get('name') or ''))} "
        f"namespace: {go_quote(str(metadata.get('namespace') or ''))} from {go_quote(filename)}: "
        f"{_no_match(api_version, kind)}\nensure CRDs are installed first"
    )


def _undecodable(value: Any) -> str:
    """What kubectl's own decoding says of a document, empty if nothing: no kind, wrong metadata."""
    if not isinstance(value, Mapping):
        return (
            f"couldn't get version/kind; json parse error: json: cannot unmarshal {json_kind(value)} "
            "into Go value of type struct { APIVersion string "
            '"json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
        )
    if not value.get("kind"):
        return f"Object 'Kind' is missing in '{go_json(value)}'"
    try:
        decode(
            {field: value.get(field) for field in ("apiVersion", "kind", "metadata")},
            struct("resource.metadataOnlyObject"),
        )
    except DecodeError as error:
        return str(error)
    return ""


def _items(items: list[Any], api_version: str, kind: str) -> Iterator[Manifest | KubectlError]:
    """A List's items; the first that cannot be mapped ends it. A ServiceList's may leave out their kind."""
    for item in items:
        if not isinstance(item, Mapping):
            yield KubectlError(f"unable to decode: {json_kind(item)} in a List")
            return
        if kind and not item.get("kind") and not item.get("apiVersion"):
            item = {**item, "apiVersion": api_version, "kind": kind}  # noqa: PLW2901 - the same item, completed
        own = str(item.get("kind") or "")
        if not own:
            yield KubectlError(
                "unable to get type info from the object \"*unstructured.Unstructured\": Object 'Kind' is "
                "missing in 'unstructured object has no kind'"
            )
            return
        version = str(item.get("apiVersion") or "")
        if isinstance(item.get("items"), list) and own.endswith("List"):
            yield from _items(item["items"], version, own.removesuffix("List"))
            continue
        known = _mapped(version, own)
        if known is None:
            yield KubectlError(f"unable to recognize {_no_match(version, own)}")
            return
        yield Manifest(item, known)


def _mapped(api_version: str, kind: str) -> Served | None:
    return mapped(api_version or "v1", kind)


def _no_match(api_version: str, kind: str) -> str:
    return f"no matches for kind {go_quote(kind)} in version {go_quote(api_version)}"
