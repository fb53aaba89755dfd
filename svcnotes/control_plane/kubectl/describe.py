"""`kubectl describe`: one object after the other, in words. Source: kubectl's pkg/describe/describe.go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime

from svcnotes.control_plane.api_server import update
from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.delete import unknown
from svcnotes.control_plane.kubectl.describe_columns import Event, Object, aligned, events
from svcnotes.control_plane.kubectl.describe_node import node
from svcnotes.control_plane.kubectl.describe_pod import pod
from svcnotes.control_plane.kubectl.describe_policy import network_policy
from svcnotes.control_plane.kubectl.describe_service import service
from svcnotes.control_plane.kubectl.describe_slice import endpoint_slice
from svcnotes.control_plane.kubectl.messages import KubectlError, printed
from svcnotes.control_plane.kubectl.selecting import chooser
from svcnotes.control_plane.resources import by_word
from svcnotes.errors import InputError

Key = tuple[str, str, str]
SERVICE_NAME = "kubernetes.io/service-name"


def describe(
    word: str,
    names: Sequence[str],
    state: ApiState,
    *,
    namespace: str = "default",
    all_namespaces: bool = False,
    selector: str = "",
    now: datetime | None = None,
    happened: Mapping[Key, Sequence[Event]] | None = None,
) -> Answer:
    """What `kubectl describe KIND [NAME...] [-l SELECTOR]` prints; the state stays as it is.

    `happened` are the events by (kind, namespace, name). Raises InputError for a kind that svcnotes does
    not describe.
    """
    resource = by_word(word)
    if resource is None:
        return Answer(state, "", unknown(word), 1)
    if resource.kind not in _DESCRIBERS:
        known = ", ".join(_DESCRIBERS)
        raise InputError(
            f"kubectl describe {word}: not known here. Known are {known}; try `kubectl get {word} -o yaml`"
        )
    where = namespace if resource.namespaced else ""
    said, code = "", 0
    if names:
        found = []
        for name in names:
            obj = state.get(resource.kind, where, name)
            if obj is None:
                said, code = f"{said}{update.missing(resource.kind, name)}\n", 1
            else:
                found.append(obj)
    else:
        try:
            fits = chooser(selector)
        except KubectlError as error:
            return Answer(state, "", printed([error]), 1)
        found = [
            obj
            for (kind, space, _), obj in sorted(state.objects.items())
            if kind == resource.kind and (all_namespaces or space == where) and fits(obj)
        ]
        if not found:
            end = "." if resource.namespaced and not all_namespaces else ""
            said = f"No resources found{f' in {namespace} namespace' if end else ''}{end}\n"
    return Answer(state, "\n\n".join(_one(obj, state, now, happened or {}) for obj in found), said, code)


def _one(obj: Object, state: ApiState, now: datetime | None, happened: Mapping[Key, Sequence[Event]]) -> str:
    kind, metadata = str(obj["kind"]), obj["metadata"]
    lines = list(_DESCRIBERS[kind](obj, state, now))
    if kind == "NetworkPolicy":
        return aligned(lines)
    found = happened.get((kind, metadata.get("namespace") or "", metadata["name"]), ())
    if found:  # kubectl closes the columns before a table of events
        return aligned(lines) + aligned(list(events(found, now)))
    return aligned([*lines, *events(found, now)])


def _service(obj: Object, state: ApiState, now: datetime | None) -> Iterator[str]:
    del now
    metadata = obj["metadata"]
    slices = [
        one
        for (kind, space, _), one in state.objects.items()
        if kind == "EndpointSlice"
        and space == metadata["namespace"]
        and (one["metadata"].get("labels") or {}).get(SERVICE_NAME) == metadata["name"]
    ]
    return service(obj, slices)


def _pod(obj: Object, state: ApiState, now: datetime | None) -> Iterator[str]:
    del now
    return pod(obj, state.get("Node", "", (obj.get("spec") or {}).get("nodeName") or ""))


def _node(obj: Object, state: ApiState, now: datetime | None) -> Iterator[str]:
    pods = [
        one
        for (kind, _, _), one in sorted(state.objects.items())
        if kind == "Pod"
        and (one.get("spec") or {}).get("nodeName") == obj["metadata"]["name"]
        and (one.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
    ]
    return node(obj, pods, now)


Describer = Callable[[Object, ApiState, datetime | None], Iterator[str]]
_DESCRIBERS: Mapping[str, Describer] = {
    "Service": _service,
    "Pod": _pod,
    "Node": _node,
    "EndpointSlice": lambda obj, _, __: endpoint_slice(obj),
    "NetworkPolicy": lambda obj, _, __: network_policy(obj),
}
