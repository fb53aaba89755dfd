"""What happens by itself after a write: Pods are placed, EndpointSlices follow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from svcnotes.control_plane import workloads
from svcnotes.control_plane.api_server.state import ApiState, Key, Object
from svcnotes.control_plane.api_server.versioned_map import VersionedMap
from svcnotes.control_plane.documents import Found
from svcnotes.control_plane.endpoint_slices import CONTROLLER, MANAGED_BY, all_slices, mirrored
from svcnotes.control_plane.placement import place
from svcnotes.control_plane.typed import SERVICE_NAME

_WATCHED = (
    "selector",
    "ports",
    "type",
    "ipFamilies",
    "clusterIP",
    "publishNotReadyAddresses",
    "trafficDistribution",
)


def settle(before: ApiState, after: ApiState) -> ApiState:
    """The state after a write, when the controllers have done their work.

    A Service whose selector, ports or the like changed gets new slices, and so do the Services of
    a namespace whose Pods changed. A Service that lost its selector, or became an ExternalName, keeps its old
    slices, as with the real controller; those of a deleted Service are collected.
    """
    if after is before:
        return after
    after = _scaled(before, after)
    pods_of, services, deleted = _changes(before.objects, after.objects)
    state = _placed(after) if pods_of else after
    touched = [key for key in state.objects if key[0] == "Service" and (key in services or key[1] in pods_of)]
    stale = {key[1:] for key in touched if _has_selector(state.objects[key])} | {key[1:] for key in deleted}
    if stale:
        state = _with_slices(state, [state.objects[key] for key in touched], stale)
    lost = [
        key
        for key in services
        if key in before.objects and _lost_selector(before.objects[key], after.objects[key])
    ]
    return _mirrored(state, lost) if lost else state


def _scaled(before: ApiState, after: ApiState) -> ApiState:
    """The state with the Pods of each new, changed or deleted workload made anew; equal ones keep name and place."""
    changed = [
        key
        for key in {**before.objects, **after.objects}
        if key[0] in workloads.KINDS and _spec(before.objects.get(key)) != _spec(after.objects.get(key))
    ]
    for kind, namespace, name in changed:
        pods = {key: obj for key, obj in after.objects.items() if key[0] == "Pod"}
        old = {key for key, obj in pods.items() if workloads.is_owned(obj, namespace, kind, name)}
        workload = after.objects.get((kind, namespace, name))
        nodes = [dict(obj) for key, obj in after.objects.items() if key[0] == "Node"]
        found = [Found(dict(workload), "the change")] if workload else []
        new = {_key(made): made for made in workloads.expand(found, [], nodes)}
        kept = {key: obj for key, obj in after.objects.items() if key not in old or key in new}
        fresh = {
            key: made
            for key, made in new.items()
            if key not in kept or _template(made) != _template(kept[key])
        }
        after = replace(after, objects=VersionedMap({**kept, **fresh}))
    return after


def _spec(obj: Object | None) -> Any:
    return None if obj is None else obj.get("spec") or {}


def _template(pod: Object) -> tuple[Any, ...]:
    """What a Pod has from its workload: labels, annotations, and its spec but for the Node."""
    spec = {key: value for key, value in (pod.get("spec") or {}).items() if key != "nodeName"}
    return pod["metadata"].get("labels"), pod["metadata"].get("annotations"), spec


def _lost_selector(old: Object, new: Object) -> bool:
    return _has_selector(old) and not (new.get("spec") or {}).get("selector")


def _mirrored(state: ApiState, lost: Iterable[Key]) -> ApiState:
    objects = dict(state.objects)
    for key in lost:
        ours = [
            obj
            for other, obj in state.objects.items()
            if other[0] == "EndpointSlice" and other[1] == key[1] and _labels(obj).get(SERVICE_NAME) == key[2]
        ]
        old = [obj for obj in ours if _labels(obj).get(MANAGED_BY) == CONTROLLER]
        objects |= {_key(made): made for made in mirrored(state.objects[key], old)}
    return replace(state, objects=VersionedMap(objects))


def _labels(obj: Object) -> Mapping[str, str]:
    return obj["metadata"].get("labels") or {}


def _changes(
    before: Mapping[Key, Object], after: Mapping[Key, Object]
) -> tuple[set[str], set[Key], set[Key]]:
    """Namespaces with changed Pods, Services whose slices may change, and deleted Services."""
    pods_of: set[str] = set()
    services: set[Key] = set()
    for key, obj in after.items():
        old = before.get(key)
        if old is obj:
            continue
        if key[0] == "Pod":
            pods_of.add(key[1])
        elif key[0] == "Service" and (old is None or _watched(old) != _watched(obj)):
            services.add(key)
    gone = [key for key in before if key not in after]
    pods_of |= {key[1] for key in gone if key[0] == "Pod"}
    return pods_of, services, {key for key in gone if key[0] == "Service"}


def _watched(service: Object) -> tuple[Any, ...]:
    """The fields that the EndpointSlice controller looks at."""
    metadata, spec = service["metadata"], service.get("spec") or {}
    annotations = {k: v for k, v in (metadata.get("annotations") or {}).items() if "topology" in k}
    return (*(spec.get(name) for name in _WATCHED), metadata.get("labels"), annotations)


def _has_selector(service: Object) -> bool:
    spec = service.get("spec") or {}
    return bool(spec.get("selector")) and spec.get("type") != "ExternalName"


def _placed(state: ApiState) -> ApiState:
    """The state with Pods that came without a Node or an address placed and numbered."""
    keys = [key for key in state.objects if key[0] == "Pod"]
    nodes = [dict(obj) for key, obj in state.objects.items() if key[0] == "Node"]
    placed, _ = place([dict(state.objects[key]) for key in keys], nodes)
    return replace(state, objects=VersionedMap({**state.objects, **dict(zip(keys, placed, strict=True))}))


def _with_slices(state: ApiState, services: Iterable[Object], stale: set[tuple[str, str]]) -> ApiState:
    """The state with fresh slices of these Services in place of the controller's `stale` ones."""
    objects: dict[Key, Object] = {}
    for key, obj in state.objects.items():
        labels = _labels(obj) if key[0] == "EndpointSlice" else {}
        ours = labels.get(MANAGED_BY) == CONTROLLER and (key[1], labels.get(SERVICE_NAME)) in stale
        if not ours:
            objects[key] = obj
    for made in _made(state, services):
        objects[_key(made)] = made
    return replace(state, objects=VersionedMap(objects))


def _made(state: ApiState, services: Iterable[Object]) -> Iterator[dict[str, Any]]:
    kinds: dict[str, list[Object]] = {"Pod": [], "Node": []}
    for key, obj in state.objects.items():
        if key[0] in kinds:
            kinds[key[0]].append(obj)
    return all_slices(services, kinds["Pod"], kinds["Node"])


def _key(obj: Mapping[str, Any]) -> Key:
    metadata = obj["metadata"]
    return obj["kind"], metadata.get("namespace") or "", metadata["name"]


def add_slices(state: ApiState) -> ApiState:
    """The state with the slices of every Service that has none of its own."""
    have = {
        (key[1], _labels(obj).get(SERVICE_NAME))
        for key, obj in state.objects.items()
        if key[0] == "EndpointSlice"
    }
    lacking = [obj for key, obj in state.objects.items() if key[0] == "Service" and key[1:] not in have]
    made = {_key(one): one for one in _made(state, lacking)}
    return replace(state, objects=VersionedMap({**state.objects, **made})) if made else state
