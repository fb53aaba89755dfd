"""Deployments, ReplicaSets, StatefulSets and DaemonSets to the Pods that their controllers would make.

Names are stable: a StatefulSet's end in an ordinal, the others in letters drawn from the name's hash.
A workload whose Pods are in the files already (a dump) makes none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from svcnotes.control_plane.documents import Found
from svcnotes.control_plane.endpoint_slices import suffix
from svcnotes.control_plane.placement import tolerates
from svcnotes.control_plane.shapes import check
from svcnotes.control_plane.typed import METADATA, POD_TEMPLATE
from svcnotes.errors import InputError

KINDS = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")
MAX_REPLICAS = 100_000

_SHAPE = {
    "metadata": METADATA,
    "spec": {
        "replicas": int,
        "selector": {"matchLabels": {"*": str}},
        "serviceName": str,
        "ordinals": {"start": int},
        "template": POD_TEMPLATE,
    },
}

Json = dict[str, Any]


def expand(
    workloads: Sequence[Found], pods: Sequence[Mapping[str, Any]], nodes: Sequence[Json]
) -> list[Json]:
    """The Pods of all workloads that have none among `pods`; raises InputError for a broken workload.

    A DaemonSet's Pods come with their Node, one for each Node that they tolerate.
    """
    for found in workloads:
        check(found.value, _SHAPE, at="", owner=f"{found.where}: {found.title}")
    owners = _owners([*pods, *(found.value for found in workloads)])
    made: list[Json] = []
    for found in workloads:
        if not _has_children(found, owners):
            made += _pods(found, nodes)
    return made


def _owners(objects: Sequence[Mapping[str, Any]]) -> set[tuple[str, str, str]]:
    """(namespace, kind, name) of everything that some object names as its owner."""
    owners = set()
    for obj in objects:
        metadata = obj.get("metadata") or {}
        for owner in metadata.get("ownerReferences") or ():
            if isinstance(owner, Mapping):
                namespace = metadata.get("namespace") or "default"
                owners.add((str(namespace), str(owner.get("kind")), str(owner.get("name"))))
    return owners


def _has_children(found: Found, owners: set[tuple[str, str, str]]) -> bool:
    """Whether Pods (or a Deployment's ReplicaSet) of this workload are in the files."""
    return (found.namespace, found.kind, found.name) in owners or any(
        namespace == found.namespace and _is_replica_set_of(found.kind, found.name, kind, name)
        for namespace, kind, name in owners
    )


def _is_replica_set_of(kind: str, name: str, owner_kind: str, owner: str) -> bool:
    """Whether `owner` is a ReplicaSet of the Deployment `name`: its name and one part more."""
    prefix = f"{name}-"
    return (
        kind == "Deployment"
        and owner_kind == "ReplicaSet"
        and owner.startswith(prefix)
        and "-" not in owner.removeprefix(prefix)
    )


def is_owned(pod: Mapping[str, Any], namespace: str, kind: str, name: str) -> bool:
    """Whether the Pod belongs to that workload."""
    return any(
        space == namespace
        and ((owner_kind, owner) == (kind, name) or _is_replica_set_of(kind, name, owner_kind, owner))
        for space, owner_kind, owner in _owners([pod])
    )


def _pods(found: Found, nodes: Sequence[Json]) -> Iterator[Json]:
    spec = found.value.get("spec") or {}
    owner = f"{found.where}: {found.title}"
    template = spec.get("template") or {}
    labels = (template.get("metadata") or {}).get("labels") or {}
    wanted = (spec.get("selector") or {}).get("matchLabels") or {}
    for key, value in wanted.items():
        if labels.get(key) != value:
            raise InputError(
                f"{owner}: spec.selector.matchLabels.{key}: the template's labels do not match "
                f"({key}={value} wanted). Make spec.template.metadata.labels carry it"
            )
    replicas = spec.get("replicas")
    replicas = 1 if replicas is None else replicas
    if not 0 <= replicas <= MAX_REPLICAS:
        raise InputError(f"{owner}: spec.replicas: {replicas} is not within the range [0, {MAX_REPLICAS}]")
    if found.kind == "StatefulSet":
        start = (spec.get("ordinals") or {}).get("start") or 0
        for ordinal in range(start, start + replicas):
            name = f"{found.name}-{ordinal}"
            extra = {"statefulset.kubernetes.io/pod-name": name, "apps.kubernetes.io/pod-index": str(ordinal)}
            yield _pod(found, name, extra, {"hostname": name, "subdomain": spec.get("serviceName") or ""})
    elif found.kind == "DaemonSet":
        for node in nodes:
            if tolerates(template.get("spec") or {}, node):
                node_name = node["metadata"]["name"]
                name = f"{found.name}-{suffix(f'{found.title}/{node_name}')}"
                yield _pod(found, name, {}, {"nodeName": node_name})
    else:
        prefix, extra = found.name, {}
        if found.kind == "Deployment":
            template_hash = suffix(found.title, 10)
            prefix, extra = f"{found.name}-{template_hash}", {"pod-template-hash": template_hash}
        for number in range(replicas):
            yield _pod(found, f"{prefix}-{suffix(f'{found.title}/{number}')}", extra, {})


def _pod(found: Found, name: str, labels: Mapping[str, str], spec: Mapping[str, Any]) -> Json:
    """One Pod from the template; a Deployment's Pods belong to its ReplicaSet."""
    template = (found.value.get("spec") or {}).get("template") or {}
    metadata = template.get("metadata") or {}
    kind, owner = found.kind, found.name
    if kind == "Deployment":
        kind, owner = "ReplicaSet", name.rpartition("-")[0]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": found.namespace,
            "labels": {**(metadata.get("labels") or {}), **labels},
            **({"annotations": metadata["annotations"]} if metadata.get("annotations") else {}),
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": kind, "name": owner, "controller": True}],
        },
        "spec": {**(template.get("spec") or {}), **spec},
    }
