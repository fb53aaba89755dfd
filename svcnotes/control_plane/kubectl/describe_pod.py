"""`kubectl describe pod`.

Left out: what svcnotes keeps no account of, such as image IDs, resources, probes and volumes, unless the
Pod's file says it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from svcnotes.control_plane.kubectl.describe_columns import NONE, Object, head, labels, text, when

_TOLERATED = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")


def pod(obj: Object, node: Object | None) -> Iterator[str]:
    """The lines for a Pod; `node` is its Node, where there is one."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    first = list(head(obj))
    yield from first[:2]
    yield f"Priority:\t{spec.get('priority', 0)}"
    yield f"Service Account:\t{text(spec.get('serviceAccountName') or 'default')}"
    yield f"Node:\t{_node(spec, status, node)}"
    if status.get("startTime"):
        yield f"Start Time:\t{when(status['startTime'])}"
    yield from first[2:]
    going = obj["metadata"].get("deletionTimestamp") and status.get("phase") not in ("Succeeded", "Failed")
    yield f"Status:\t{'Terminating' if going else status.get('phase', '')}"
    yield from (
        f"{field.title()}:\t{text(status[field])}" for field in ("reason", "message") if status.get(field)
    )
    yield f"IP:\t{status.get('podIP') or ''}"
    addresses = [one["ip"] for one in status.get("podIPs") or () if one.get("ip")]
    yield "IPs:" if addresses else f"IPs:\t{NONE}"
    yield from (f"  IP:\t{address}" for address in addresses)
    owners = [ref for ref in obj["metadata"].get("ownerReferences") or () if ref.get("controller", True)]
    yield from (f"Controlled By:\t{text(ref.get('kind'))}/{text(ref.get('name'))}" for ref in owners[:1])
    for title, field, state in (
        ("Init Containers", "initContainers", "initContainerStatuses"),
        ("Containers", "containers", "containerStatuses"),
    ):
        if spec.get(field):
            yield f"{title}:"
            known = {one.get("name"): one for one in status.get(state) or ()}
            for container in spec[field]:
                yield from _container(container, known.get(container.get("name")))
    if status.get("conditions"):
        yield "Conditions:"
        yield "  Type\tStatus"
        yield from (f"  {text(c.get('type'))} \t{text(c.get('status'))} " for c in status["conditions"])
    yield f"Volumes:\t{NONE}" if not spec.get("volumes") else "Volumes:"
    yield from (f"  {text(volume.get('name'))}:" for volume in spec.get("volumes") or ())
    yield f"QoS Class:\t{status.get('qosClass') or 'BestEffort'}"
    yield from labels("Node-Selectors", spec.get("nodeSelector"))
    yield from _tolerations(spec.get("tolerations"))


def _node(spec: Object, status: Object, node: Object | None) -> str:
    if not spec.get("nodeName"):
        return NONE
    addresses = ((node or {}).get("status") or {}).get("addresses") or ()
    inner = next((a.get("address") for a in addresses if a.get("type") == "InternalIP"), "")
    return f"{text(spec['nodeName'])}/{status.get('hostIP') or inner}"


def _container(container: Object, status: Object | None) -> Iterator[str]:
    yield f"  {text(container.get('name'))}:"
    if status is not None:
        yield f"    Container ID:\t{text(status.get('containerID') or '')}"
    yield f"    Image:\t{text(container.get('image') or '')}"
    if status is not None:
        yield f"    Image ID:\t{text(status.get('imageID') or '')}"
    ports = container.get("ports") or ()
    for title, field in (("Port", "containerPort"), ("Host Port", "hostPort")):
        shown = ", ".join(_port(port, field) for port in ports)
        yield f"    {title}{'s' if ',' in shown else ''}:\t{shown or NONE}"
    for title, field in (("Command", "command"), ("Args", "args")):
        if container.get(field):
            yield f"    {title}:"
            yield from (f"      {text(word)}" for word in container[field])
    if status is not None:
        yield from _state("State", status.get("state"))
        if status.get("lastState"):
            yield from _state("Last State", status["lastState"])
        yield f"    Ready:\t{bool(status.get('ready'))}"
        yield f"    Restart Count:\t{status.get('restartCount', 0)}"
    for title in ("liveness", "readiness", "startup"):
        if container.get(f"{title}Probe"):
            yield f"    {title.title()}:\t{text(_probe(container[f'{title}Probe']))}"
    yield from _environment(container.get("env") or ())
    mounts = [one for one in container.get("volumeMounts") or () if isinstance(one, Mapping)]
    yield f"    Mounts:\t{NONE}" if not mounts else "    Mounts:"
    for mount in mounts:
        how = "ro" if mount.get("readOnly") else "rw"
        yield f"      {text(mount.get('mountPath'))} from {text(mount.get('name'))} ({how})"


def _port(port: Object, field: str) -> str:
    name = f" ({text(port['name'])})" if port.get("name") else ""
    return f"{port.get(field) or 0}/{port.get('protocol') or 'TCP'}{name}"


def _state(title: str, state: Any) -> Iterator[str]:
    kind = next(iter(state), "waiting") if isinstance(state, Mapping) else "waiting"
    held = (state or {}).get(kind) or {}
    yield f"    {title}:\t{kind.title()}"
    if kind == "running":
        if held.get("startedAt"):
            yield f"      Started:\t{when(held['startedAt'])}"
        return
    if held.get("reason"):
        yield f"      Reason:\t{text(held['reason'])}"
    if kind == "terminated":
        yield f"      Exit Code:\t{held.get('exitCode', 0)}"


def _probe(probe: Object) -> str:
    """A probe in one line, with the API server's defaults (kubectl/pkg/describe: DescribeProbe)."""
    pace = (
        f"delay={probe.get('initialDelaySeconds', 0)}s timeout={probe.get('timeoutSeconds', 1)}s "
        f"period={probe.get('periodSeconds', 10)}s #success={probe.get('successThreshold', 1)} "
        f"#failure={probe.get('failureThreshold', 3)}"
    )
    if "exec" in probe:
        return f"exec [{' '.join(map(str, probe['exec'].get('command') or ()))}] {pace}"
    if "httpGet" in probe:
        asked = probe["httpGet"]
        scheme = str(asked.get("scheme", "HTTP")).lower()
        return (
            f"http-get {scheme}://{asked.get('host', '')}:{asked.get('port')}{asked.get('path', '')} {pace}"
        )
    if "tcpSocket" in probe:
        return f"tcp-socket {probe['tcpSocket'].get('host', '')}:{probe['tcpSocket'].get('port')} {pace}"
    if "grpc" in probe:
        return f"grpc <pod>:{probe['grpc'].get('port')} {probe['grpc'].get('service') or ''} {pace}"
    return f"unknown {pace}"


def _environment(variables: Sequence[Object]) -> Iterator[str]:
    yield f"    Environment:\t{NONE}" if not variables else "    Environment:"
    for one in variables:
        value = one.get("value", "") if "valueFrom" not in one else "<set from elsewhere>"
        yield f"      {text(one.get('name'))}:\t{text(value)}"


def _tolerations(given: Sequence[Object] | None) -> Iterator[str]:
    """The tolerations; the two that admission adds to every Pod where the file says none."""
    added: list[Object] = [
        {"key": key, "effect": "NoExecute", "operator": "Exists", "tolerationSeconds": 300}
        for key in _TOLERATED
    ]
    lines = []
    for one in added if given is None else given:
        effect = f":{one['effect']}" if one.get("effect") else ""
        value = f"={one['value']}" if one.get("value") else ""
        exists = " op=Exists" if one.get("operator") == "Exists" else ""
        seconds = f" for {one['tolerationSeconds']}s" if one.get("tolerationSeconds") is not None else ""
        lines.append(text(f"{one.get('key', '')}{value}{effect}{exists}{seconds}"))
    lines = lines or [NONE]
    yield f"Tolerations:\t{lines[0]}"
    yield from (f"\t{line}" for line in lines[1:])
