"""`kubectl get`: what is stored, as tables or as YAML."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from svcnotes.control_plane.api_server.kinds import Served
from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.kubectl.rows import PLAIN, PRINTERS
from svcnotes.control_plane.kubectl.tables import table
from svcnotes.control_plane.kubectl.yaml_writer import to_yaml
from svcnotes.control_plane.resources import by_kind

Object = Mapping[str, Any]
KINDS = ("Node", "Pod", "Service", "EndpointSlice", "Endpoints", "NetworkPolicy")


def get(
    source: ApiState | Iterable[Object],
    kinds: Sequence[str] | None = None,
    output: str = "",
    *,
    all_namespaces: bool = True,
    namespace: str = "default",
    labels: bool = False,
    headers: bool = True,
    now: datetime | None = None,
) -> str:
    """The text of `kubectl get KINDS -A [-o wide|yaml]`, kind by kind, each in order of names.

    `kinds` defaults to those that decide where a packet goes. `output` is empty, `wide`, `yaml` or `json`.
    Without `all_namespaces` only the objects of `namespace` are shown. `labels` adds their column, without
    `headers` each table's first line is left out. AGE counts to `now`; it is
    `<unknown>` without one. No control character of a name gets through to the terminal.
    """
    objects = source.objects.values() if isinstance(source, ApiState) else source
    found: dict[str, list[Object]] = {kind: [] for kind in kinds or KINDS}
    for obj in objects:
        kind = str(obj.get("kind", ""))
        if kind not in found:
            continue
        if all_namespaces or not by_kind(kind).namespaced or _place(obj)[0] == namespace:
            found[kind].append(obj)
    groups = [(by_kind(kind), sorted(group, key=_place)) for kind, group in found.items() if group]
    if output in ("yaml", "json"):
        shown = [obj for _, group in groups for obj in group]
        return as_json(shown) if output == "json" else as_yaml(shown)
    several = len(found) > 1  # kinds asked for, not kinds found
    return "\n".join(
        rows(
            resource,
            group,
            wide=output == "wide",
            namespaces=all_namespaces,
            prefix=several,
            labels=labels,
            headers=headers,
            now=now,
        )
        for resource, group in groups
    )


def as_json(objects: Sequence[Object], *, listed: bool = True) -> str:
    """Objects as `kubectl get -o json` prints them."""
    shown = [_without_managers(obj) for obj in objects]
    value: Any = shown[0]
    if listed or len(shown) > 1:
        value = {"apiVersion": "v1", "items": shown, "kind": "List", "metadata": {"resourceVersion": ""}}
    text = json.dumps(value, ensure_ascii=False, indent=4, sort_keys=True)
    for char, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(char, escape)
    return text + "\n"


def as_yaml(objects: Sequence[Object], *, listed: bool = True) -> str:
    """Objects as `kubectl get -o yaml` prints them: a List, or one alone; managedFields are hidden."""
    shown = [_without_managers(obj) for obj in objects]
    if not listed and len(shown) == 1:
        return to_yaml(shown[0])
    return to_yaml({"apiVersion": "v1", "items": shown, "kind": "List", "metadata": {"resourceVersion": ""}})


def _without_managers(obj: Object) -> Object:
    metadata = obj.get("metadata")
    if not isinstance(metadata, Mapping) or "managedFields" not in metadata:
        return obj
    kept = {key: value for key, value in metadata.items() if key != "managedFields"}
    return {**obj, "metadata": kept}


def rows(
    resource: Served,
    objects: Sequence[Object],
    *,
    wide: bool = False,
    namespaces: bool = False,
    prefix: bool = False,
    labels: bool = False,
    headers: bool = True,
    now: datetime | None = None,
) -> str:
    """One kind's table; `prefix` writes names as `service/web`, `namespaces` and `labels` add columns."""
    printer = PRINTERS.get(resource.kind, PLAIN)
    row = printer.wide_row if wide and printer.wide_row else printer.row
    header = [*printer.header, *(printer.wide if wide else ()), *(["LABELS"] if labels else ())]
    lines = []
    for obj in objects:
        cells, more = row(obj, now)
        if prefix:
            cells[0] = f"{resource.printed}/{cells[0]}"
        line = [*cells, *more] if wide else cells
        if labels:
            line = [*line, _labels(obj)]
        lines.append([_place(obj)[0], *line] if namespaces and resource.namespaced else line)
    header = ["NAMESPACE", *header] if namespaces and resource.namespaced else header
    return table(header, lines) if headers or not lines else table(lines[0], lines[1:])


def _labels(obj: Object) -> str:
    found = (obj.get("metadata") or {}).get("labels") or {}
    return ",".join(f"{key}={found[key]}" for key in sorted(found)) or "<none>"


def _place(obj: Object) -> tuple[str, str]:
    metadata = obj.get("metadata")
    metadata = metadata if isinstance(metadata, Mapping) else {}
    return str(metadata.get("namespace") or ""), str(metadata.get("name") or "")
