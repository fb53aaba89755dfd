"""`kubectl get`, as a command: what it prints, and where the object is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from svcnotes.control_plane.api_server import update
from svcnotes.control_plane.api_server.kinds import Served
from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.api_server.status import go_json
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.delete import unknown
from svcnotes.control_plane.kubectl.derived import with_derived
from svcnotes.control_plane.kubectl.printers import as_json, as_yaml, get, rows
from svcnotes.control_plane.resources import by_word

ENDPOINTS_WARNING = "Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\n"


def get_command(
    words: str,
    names: Sequence[str],
    state: ApiState,
    *,
    output: str = "",
    namespace: str = "default",
    all_namespaces: bool = False,
    now: datetime | None = None,
) -> Answer:
    """What `kubectl get KIND[,KIND...] [NAME...]` prints; the state stays as it is.

    `output` is empty, wide, yaml, json, name or `jsonpath={.spec.clusterIP}` (a path of fields).
    """
    resources = []
    for word in words.split(","):
        resource = by_word(word)
        if resource is None:
            return Answer(state, "", unknown(word), 1)
        resources.append(resource)
    said = ENDPOINTS_WARNING if any(resource.kind == "Endpoints" for resource in resources) else ""
    kinds = [resource.kind for resource in resources]
    whole = with_derived(state, kinds)
    if names:
        return replace(_named(resources[0], names, whole, output, namespace, said, now), state=state)
    found = get(whole, kinds, output, all_namespaces=all_namespaces, namespace=namespace, now=now)
    if not found:
        where = "" if all_namespaces or not resources[0].namespaced else f" in {namespace} namespace"
        return Answer(state, "", f"{said}No resources found{where}{'.' if where else ''}\n")
    return Answer(state, found, said)


def _named(
    resource: Served,
    names: Sequence[str],
    state: ApiState,
    output: str,
    namespace: str,
    said: str,
    now: datetime | None,
) -> Answer:
    where = namespace if resource.namespaced else ""
    found = []
    code = 0
    for name in names:
        obj = state.get(resource.kind, where, name)
        if obj is None:
            said += f"{update.missing(resource.kind, name)}\n"
            code = 1
        else:
            found.append(obj)
    return Answer(state, _printed(resource, found, output, now) if found else "", said, code)


def _printed(resource: Served, found: Sequence[Mapping[str, Any]], output: str, now: datetime | None) -> str:
    if output == "yaml":
        return as_yaml(found, listed=False)
    if output == "json":
        return as_json(found, listed=False)
    if output == "name":
        return "".join(f"{resource.printed}/{obj['metadata']['name']}\n" for obj in found)
    if output.startswith("jsonpath="):
        return " ".join(_at(obj, output.removeprefix("jsonpath=").strip("'{}")) for obj in found)
    return rows(resource, found, wide=output == "wide", now=now)


def _at(obj: Any, path: str) -> str:
    """The values at a plain path such as `.spec.ports[0].nodePort` or `[*]`; empty where there is none."""
    found = [obj]
    for part in path.replace("[", ".").replace("]", "").split("."):
        if part == "*":
            found = [item for held in found if isinstance(held, list) for item in held]
        elif part.isdecimal():
            found = [held[int(part)] for held in found if isinstance(held, list) and int(part) < len(held)]
        elif part:
            found = [held[part] for held in found if isinstance(held, Mapping) and part in held]
    return " ".join(value if isinstance(value, str) else go_json(value) for value in found)
