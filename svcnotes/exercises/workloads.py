"""What kube-apiserver asks of a new Pod and of a new workload, and the model's own does not: its files need not say so much.

An answer is held to it, so that whoever learns to write one here writes one that a real cluster takes. Source:
pkg/apis/core/validation (ValidatePodSpec), pkg/apis/apps/validation.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.kubectl.stream import Manifest, manifests
from svcnotes.errors import InputError

WORKLOADS = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")
_REQUIRED = "Required value"


def check_workloads(before: Cluster, text: str, namespace: str = "default") -> None:
    """Raise InputError, in kube-apiserver's words, for a new Pod or workload without what it needs."""
    for found in manifests(text, "input"):
        if not isinstance(found, Manifest) or found.known.kind not in (*WORKLOADS, "Pod"):
            continue
        kind, metadata = found.known.kind, _map(found.object.get("metadata"))
        if before.state.get(kind, str(metadata.get("namespace") or namespace), found.name) is not None:
            continue  # what it does not say stays as it is
        missing = list(_missing(kind, _map(found.object.get("spec"))))
        if missing:
            said = missing[0] if len(missing) == 1 else "\n".join(["", *(f"* {one}" for one in missing)])
            raise InputError(f'The {kind} "{found.name}" is invalid: {said}')


def _missing(kind: str, spec: Mapping[str, Any]) -> Iterator[str]:
    """The fields that a spec lacks, each as kube-apiserver says it."""
    at, pod = "spec", spec
    if kind != "Pod":
        if not _map(spec.get("selector")):
            yield f"spec.selector: {_REQUIRED}"
        at, pod = "spec.template.spec", _map(_map(spec.get("template")).get("spec"))
    containers = pod.get("containers")
    if not isinstance(containers, list) or not containers:
        yield f"{at}.containers: {_REQUIRED}"
        return
    for number, container in enumerate(containers):
        for field in ("name", "image"):
            if not _map(container).get(field):
                yield f"{at}.containers[{number}].{field}: {_REQUIRED}"


def _map(value: object) -> Mapping[str, Any]:
    """A map, an empty one in the place of anything else: that is for the decoder to refuse."""
    return value if isinstance(value, Mapping) else {}
