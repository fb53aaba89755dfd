"""The row of a Pod in `kubectl get pods`: how ready it is, and one word for how it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from svcnotes.control_plane.kubectl.ages import age

Object = Mapping[str, Any]
NONE = "<none>"

HEADER = ("NAME", "READY", "STATUS", "RESTARTS", "AGE")
WIDE = ("IP", "NODE", "NOMINATED NODE", "READINESS GATES")


def row(pod: Object, now: datetime | None) -> tuple[list[str], list[str]]:
    """The cells of a Pod, and those that `-o wide` adds (pkg/printers, printPod)."""
    metadata, spec, status = pod.get("metadata") or {}, pod.get("spec") or {}, pod.get("status") or {}
    containers = _list(spec, "containers")
    sidecars = [c for c in _list(spec, "initContainers") if c.get("restartPolicy") == "Always"]
    reason, restarts, last, ready = _progress(spec, status, {str(c.get("name")) for c in sidecars})
    if metadata.get("deletionTimestamp") and status.get("phase") not in ("Succeeded", "Failed"):
        reason = "Unknown" if status.get("reason") == "NodeLost" else "Terminating"
    count = str(restarts) if not restarts or not last else f"{restarts} ({age(last, now)} ago)"
    cells = [
        str(metadata.get("name", "")),
        f"{ready}/{len(containers) + len(sidecars)}",
        reason,
        count,
        age(metadata.get("creationTimestamp"), now),
    ]
    addresses = [str(entry.get("ip")) for entry in _list(status, "podIPs") if entry.get("ip")]
    address = addresses[0] if addresses else str(status.get("podIP") or NONE)
    return cells, [
        address,
        str(spec.get("nodeName") or NONE),
        str(status.get("nominatedNodeName") or NONE),
        _gates(spec, status),
    ]


def _progress(spec: Object, status: Object, sidecars: set[str]) -> tuple[str, int, str, int]:
    """STATUS, restarts, when the last restart was, ready containers."""
    reason = str(status.get("reason") or status.get("phase") or "Unknown")
    for condition in _list(status, "conditions"):
        if condition.get("type") == "PodScheduled" and condition.get("reason") == "SchedulingGated":
            reason = "SchedulingGated"
    restarts, last, ready = 0, "", 0
    sidecar_restarts, sidecar_last = 0, ""
    initializing = False
    for index, container in enumerate(_list(status, "initContainerStatuses")):
        number, when = int(container.get("restartCount") or 0), _finished(container)
        restarts, last = restarts + number, max(last, when)
        is_sidecar = container.get("name") in sidecars
        if is_sidecar:
            sidecar_restarts, sidecar_last = sidecar_restarts + number, max(sidecar_last, when)
        state = container.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if terminated and terminated.get("exitCode") == 0:
            continue
        if is_sidecar and container.get("started"):
            ready += bool(container.get("ready"))
            continue
        if terminated:
            reason = "Init:" + (str(terminated.get("reason") or "") or _exit(terminated))
        elif waiting.get("reason") and waiting["reason"] != "PodInitializing":
            reason = f"Init:{waiting['reason']}"
        else:
            reason = f"Init:{index}/{len(_list(spec, 'initContainers'))}"
        initializing = True
        break
    if initializing and not _condition(status, "Initialized"):
        return reason, restarts, last, ready
    restarts, last, running = sidecar_restarts, sidecar_last, False
    for container in reversed(_list(status, "containerStatuses")):
        restarts, last = restarts + int(container.get("restartCount") or 0), max(last, _finished(container))
        state = container.get("state") or {}
        terminated, waiting = state.get("terminated"), state.get("waiting") or {}
        if waiting.get("reason"):
            reason = str(waiting["reason"])
        elif terminated:
            reason = str(terminated.get("reason") or "") or _exit(terminated)
        elif container.get("ready") and state.get("running") is not None:
            running, ready = True, ready + 1
    if reason == "Completed" and running:
        reason = "Running" if _condition(status, "Ready") else "NotReady"
    return reason, restarts, last, ready


def _exit(terminated: Object) -> str:
    signal = terminated.get("signal")
    return f"Signal:{signal}" if signal else f"ExitCode:{terminated.get('exitCode', 0)}"


def _finished(container: Object) -> str:
    terminated = (container.get("lastState") or {}).get("terminated") or {}
    return str(terminated.get("finishedAt") or "")


def _gates(spec: Object, status: Object) -> str:
    gates = _list(spec, "readinessGates")
    if not gates:
        return NONE
    met = sum(_condition(status, str(gate.get("conditionType"))) for gate in gates)
    return f"{met}/{len(gates)}"


def _condition(status: Object, kind: str) -> bool:
    return any(c.get("type") == kind and c.get("status") == "True" for c in _list(status, "conditions"))


def _list(obj: Object, field: str) -> Sequence[Any]:
    return [item for item in obj.get(field) or () if isinstance(item, Mapping)]
