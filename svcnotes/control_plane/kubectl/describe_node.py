"""`kubectl describe node`.

Left out: lease, capacity and the sums of requests, which svcnotes keeps no account of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from svcnotes.control_plane.kubectl.ages import age
from svcnotes.control_plane.kubectl.describe_columns import NONE, Object, head, text, when
from svcnotes.control_plane.kubectl.rows import node_row

_INFO = (
    ("Machine ID", "machineID"),
    ("System UUID", "systemUUID"),
    ("Boot ID", "bootID"),
    ("Kernel Version", "kernelVersion"),
    ("OS Image", "osImage"),
    ("Operating System", "operatingSystem"),
    ("Architecture", "architecture"),
    ("Container Runtime Version", "containerRuntimeVersion"),
    ("Kubelet Version", "kubeletVersion"),
)
_CONDITION = ("lastHeartbeatTime", "lastTransitionTime")


def node(obj: Object, pods: Sequence[Object], now: datetime | None) -> Iterator[str]:
    """The lines for a Node; `pods` are those on it that have not ended."""
    metadata, spec, status = obj["metadata"], obj.get("spec") or {}, obj.get("status") or {}
    first = list(head(obj))
    yield first[0]
    roles = node_row(obj, now)[0][2].split(",")
    yield f"Roles:\t{','.join(roles)}"
    yield from first[2:]
    if metadata.get("creationTimestamp"):
        yield f"CreationTimestamp:\t{when(metadata['creationTimestamp'])}"
    taints = [_taint(one) for one in spec.get("taints") or ()] or [NONE]
    yield f"Taints:\t{taints[0]}"
    yield from (f"\t{taint}" for taint in taints[1:])
    yield f"Unschedulable:\t{str(bool(spec.get('unschedulable'))).lower()}"
    if status.get("conditions"):
        yield "Conditions:"
        yield "  Type\tStatus\tLastHeartbeatTime\tLastTransitionTime\tReason\tMessage"
        yield "  ----\t------\t-----------------\t------------------\t------\t-------"
        for one in status["conditions"]:
            times = "\t".join(when(one[field]) if one.get(field) else "<unknown>" for field in _CONDITION)
            words = "\t".join(text(one.get(field) or "") for field in ("reason", "message"))
            yield f"  {text(one.get('type'))} \t{text(one.get('status'))} \t{times} \t{words}"
    yield "Addresses:"
    yield from (f"  {text(a.get('type'))}:\t{text(a.get('address'))}" for a in status.get("addresses") or ())
    info = status.get("nodeInfo") or {}
    if info:
        yield "System Info:"
        yield from (f"  {title}:\t{text(info.get(field) or '')}" for title, field in _INFO)
    if spec.get("podCIDR"):
        yield f"PodCIDR:\t{spec['podCIDR']}"
    if spec.get("podCIDRs"):
        yield f"PodCIDRs:\t{','.join(spec['podCIDRs'])}"
    yield f"Non-terminated Pods:\t({len(pods)} in total)"
    yield "  Namespace\tName\t\tCPU Requests\tCPU Limits\tMemory Requests\tMemory Limits\tAge"
    yield "  ---------\t----\t\t------------\t----------\t---------------\t-------------\t---"
    for pod in pods:
        about = pod["metadata"]
        since = age(about.get("creationTimestamp"), now)
        nothing = "\t".join(["0 (0%)"] * 4)
        yield f"  {text(about.get('namespace'))}\t{text(about['name'])}\t\t{nothing}\t{since}"


def _taint(one: Object) -> str:
    value = f"={one['value']}" if one.get("value") else ""
    return text(f"{one.get('key', '')}{value}:{one.get('effect', '')}")
