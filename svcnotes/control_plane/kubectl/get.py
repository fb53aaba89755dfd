"""`kubectl get`, as a command: what it prints, and where the object is missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from svcnotes.control_plane.api_server import update
from svcnotes.control_plane.api_server.kinds import Served
from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.delete import unknown
from svcnotes.control_plane.kubectl.derived import with_derived
from svcnotes.control_plane.kubectl.fields import custom_columns, jsonpath
from svcnotes.control_plane.kubectl.messages import KubectlError, printed
from svcnotes.control_plane.kubectl.printers import as_json, as_yaml, get, rows
from svcnotes.control_plane.kubectl.selecting import chooser
from svcnotes.control_plane.resources import by_word

Object = Mapping[str, Any]
ENDPOINTS_WARNING = "Warning: v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice\n"
_COLUMNS = "custom-columns="


def get_command(
    words: str,
    names: Sequence[str],
    state: ApiState,
    *,
    output: str = "",
    namespace: str = "default",
    all_namespaces: bool = False,
    selector: str = "",
    show_labels: bool = False,
    headers: bool = True,
    now: datetime | None = None,
) -> Answer:
    """What `kubectl get KIND[,KIND...] [NAME...]` prints; the state stays as it is.

    `output` is empty, wide, yaml, json, name, `jsonpath={.spec.clusterIP}` (a path of fields) or
    `custom-columns=NAME:.metadata.name,...`.
    `selector` is what follows `-l`; `show_labels` adds a column, without `headers` the first line is left out.
    """
    try:
        fits = chooser(selector)
    except KubectlError as error:
        return Answer(state, "", printed([error]), 1)
    resources = []
    for word in words.split(","):
        resource = by_word(word)
        if resource is None:
            return Answer(state, "", unknown(word), 1)
        resources.append(resource)
    said = ENDPOINTS_WARNING if any(resource.kind == "Endpoints" for resource in resources) else ""
    kinds = [resource.kind for resource in resources]
    whole = with_derived(state, kinds)
    shown = {"labels": show_labels, "headers": headers}
    if names:
        return replace(_named(resources[0], names, whole, output, namespace, said, now, shown), state=state)
    objects = [obj for obj in whole.objects.values() if fits(obj)]
    where = "" if all_namespaces else namespace
    if output.startswith(("jsonpath=", _COLUMNS)):
        # One list of all kinds, empty or not: "No resources found" is said for people's tables only.
        picked = [obj for resource in resources for obj in _of_kind(objects, resource, where)]
        return Answer(state, _printed(resources[0], picked, output, now), said)
    if output == "name":
        found = "".join(
            _printed(resource, of_kind, output, now)
            for resource in resources
            if (of_kind := _of_kind(objects, resource, where))
        )
    else:
        found = get(
            objects, kinds, output, all_namespaces=all_namespaces, namespace=namespace, now=now, **shown
        )
    if not found:
        inside = f" in {namespace} namespace." if where and resources[0].namespaced else ""
        return Answer(state, "", f"{said}No resources found{inside}\n")
    return Answer(state, found, said)


def _named(
    resource: Served,
    names: Sequence[str],
    state: ApiState,
    output: str,
    namespace: str,
    said: str,
    now: datetime | None,
    shown: Mapping[str, bool],
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
    if found and output not in ("", "wide"):
        listed = len(found) > 1
        return Answer(state, _printed(resource, found, output, now, listed=listed), said, code)
    text = rows(resource, found, wide=output == "wide", now=now, **shown) if found else ""
    return Answer(state, text, said, code)


def _of_kind(objects: Sequence[Object], resource: Served, namespace: str) -> list[Object]:
    """The objects of a kind, in order of names; of one namespace where one is named."""
    found = [
        obj
        for obj in objects
        if obj.get("kind") == resource.kind
        and (not namespace or not resource.namespaced or obj["metadata"].get("namespace") == namespace)
    ]
    return sorted(found, key=lambda obj: (obj["metadata"].get("namespace") or "", obj["metadata"]["name"]))


def _printed(
    resource: Served, found: Sequence[Object], output: str, now: datetime | None, *, listed: bool = True
) -> str:
    if output == "yaml":
        return as_yaml(found, listed=False)
    if output == "json":
        return as_json(found, listed=False)
    if output == "name":
        return "".join(f"{resource.printed}/{obj['metadata']['name']}\n" for obj in found)
    if output.startswith("jsonpath="):
        whole = {"items": list(found)} if listed else found[0]
        return jsonpath(whole, output.removeprefix("jsonpath="))
    if output.startswith(_COLUMNS):
        return custom_columns(found, output.removeprefix(_COLUMNS))
    return rows(resource, found, wide=output == "wide", now=now)
