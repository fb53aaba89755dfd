"""What `kubectl get` shows of an object: one row of a table (pkg/printers/internalversion)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from svcnotes.control_plane.kubectl import pod_rows
from svcnotes.control_plane.kubectl.ages import age

Object = Mapping[str, Any]
Row = tuple[list[str], list[str]]
NONE = "<none>"
_AT_MOST = 3  # endpoints and ports named in a cell, the others are counted
_INGRESS_WIDTH = 16


@dataclass(frozen=True, slots=True)
class Printer:
    """How a kind is shown: column names, those that `-o wide` adds, and a row's cells of both."""

    header: Sequence[str]
    wide: Sequence[str]
    row: Callable[[Object, datetime | None], Row]
    wide_row: Callable[[Object, datetime | None], Row] | None = None


def service_row(service: Object, now: datetime | None, *, wide: bool = False) -> Row:
    """A Service: where it is reached from inside and outside, and on which ports."""
    spec = service.get("spec") or {}
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP") or NONE]
    ports = ",".join(map(_service_port, spec.get("ports") or ())) or NONE
    name, since = _name(service), age(_metadata(service).get("creationTimestamp"), now)
    cells = [
        name,
        str(spec.get("type", "")),
        str(addresses[0]),
        external_ip(service, wide=wide),
        ports,
        since,
    ]
    selector = spec.get("selector") or {}
    return cells, [",".join(f"{key}={selector[key]}" for key in sorted(selector)) or NONE]


def _service_port(port: Object) -> str:
    node_port = port.get("nodePort") or 0
    number = f"{port.get('port', 0)}:{node_port}" if node_port else f"{port.get('port', 0)}"
    return f"{number}/{port.get('protocol', '')}"


def external_ip(service: Object, *, wide: bool = False) -> str:
    """The EXTERNAL-IP of a Service; a narrow table cuts a load balancer's at 16 characters."""
    spec = service.get("spec") or {}
    external = list(spec.get("externalIPs") or ())
    kind = spec.get("type")
    if kind == "ExternalName":
        return str(spec.get("externalName", ""))
    if kind == "LoadBalancer":
        ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
        given = sorted({str(entry.get("ip") or entry.get("hostname") or "") for entry in ingress} - {""})
        text = ",".join(given)
        if not wide and len(text) > _INGRESS_WIDTH:
            text = text[: _INGRESS_WIDTH - 3] + "..."
        return ",".join([text, *external] if text else external) or "<pending>"
    if kind in ("ClusterIP", "NodePort"):
        return ",".join(external) or NONE
    return "<unknown>"


def node_row(node: Object, now: datetime | None) -> Row:
    """A Node: whether it is ready, its roles, and where it is reached."""
    metadata, status = _metadata(node), node.get("status") or {}
    ready = [c for c in status.get("conditions") or () if c.get("type") == "Ready"]
    words = ["Ready" if c.get("status") == "True" else "NotReady" for c in ready] or ["Unknown"]
    if (node.get("spec") or {}).get("unschedulable"):
        words.append("SchedulingDisabled")
    info = status.get("nodeInfo") or {}
    kernel = str(info.get("kernelVersion") or "<unknown>")
    if info.get("kernelVersion") and info.get("architecture"):
        kernel += f" ({info['architecture']})"
    addresses = {
        kind: next((a.get("address") for a in status.get("addresses") or () if a.get("type") == kind), None)
        for kind in ("InternalIP", "ExternalIP")
    }
    since = age(metadata.get("creationTimestamp"), now)
    version = str(info.get("kubeletVersion", ""))
    return [
        _name(node),
        ",".join(words),
        ",".join(_roles(metadata.get("labels") or {})) or NONE,
        since,
        version,
    ], [
        str(addresses["InternalIP"] or NONE),
        str(addresses["ExternalIP"] or NONE),
        str(info.get("osImage") or "<unknown>"),
        kernel,
        str(info.get("containerRuntimeVersion") or "<unknown>"),
    ]


def _roles(labels: Mapping[str, str]) -> list[str]:
    prefix = "node-role.kubernetes.io/"
    roles = {key.removeprefix(prefix) for key in labels if key.startswith(prefix)} - {""}
    if labels.get("kubernetes.io/role"):
        roles.add(labels["kubernetes.io/role"])
    return sorted(roles)


def endpoint_slice_row(endpoint_slice: Object, now: datetime | None) -> Row:
    """An EndpointSlice: its address family, ports and the first endpoints."""
    ports = [
        str(port["port"]) if port.get("port") is not None else str(port.get("name") or "*")
        for port in endpoint_slice.get("ports") or ()
    ]
    addresses = [
        str(address)
        for endpoint in endpoint_slice.get("endpoints") or ()
        for address in endpoint.get("addresses") or ()
    ]
    since = age(_metadata(endpoint_slice).get("creationTimestamp"), now)
    family = str(endpoint_slice.get("addressType", ""))
    return [
        _name(endpoint_slice),
        family,
        _some(ports) or "<unset>",
        _some(addresses) or "<unset>",
        since,
    ], []


def endpoints_row(endpoints: Object, now: datetime | None) -> Row:
    """A v1 Endpoints: the first addresses, each with each port."""
    pairs = []
    for subset in endpoints.get("subsets") or ():
        addresses = [str(address.get("ip", "")) for address in subset.get("addresses") or ()]
        ports = subset.get("ports") or ()
        pairs += (
            [_join(ip, port.get("port", 0)) for port in ports for ip in addresses] if ports else addresses
        )
    since = age(_metadata(endpoints).get("creationTimestamp"), now)
    return [_name(endpoints), _some(pairs) or NONE, since], []


def _join(address: str, port: Any) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _some(texts: Sequence[str]) -> str:
    shown = ",".join(texts[:_AT_MOST])
    return f"{shown} + {len(texts) - _AT_MOST} more..." if len(texts) > _AT_MOST else shown


def namespace_row(namespace: Object, now: datetime | None) -> Row:
    """A Namespace: Active, or being emptied."""
    phase = (namespace.get("status") or {}).get("phase") or ""
    return [_name(namespace), str(phase), age(_metadata(namespace).get("creationTimestamp"), now)], []


def service_cidr_row(service_cidr: Object, now: datetime | None) -> Row:
    """A ServiceCIDR: the ranges that ClusterIPs come from."""
    cidrs = (service_cidr.get("spec") or {}).get("cidrs") or ()
    since = age(_metadata(service_cidr).get("creationTimestamp"), now)
    return [_name(service_cidr), ",".join(map(str, cidrs)), since], []


def ip_address_row(ip_address: Object, now: datetime | None) -> Row:  # noqa: ARG001 - it shows no age
    """An IPAddress: which Service holds it."""
    parent = (ip_address.get("spec") or {}).get("parentRef") or {}
    words = (parent.get("resource", ""), parent.get("namespace", ""), parent.get("name", ""))
    return [_name(ip_address), "/".join(filter(None, map(str, words)))], []


def network_policy_row(policy: Object, now: datetime | None) -> Row:
    """A NetworkPolicy: which Pods it isolates."""
    selector = (policy.get("spec") or {}).get("podSelector") or {}
    labels = selector.get("matchLabels") or {}
    words = [(key, f"{key}={labels[key]}") for key in labels]
    for one in selector.get("matchExpressions") or ():
        key, values = one.get("key", ""), f"({','.join(sorted(one.get('values') or ()))})"
        written = {
            "In": f"{key} in {values}",
            "NotIn": f"{key} notin {values}",
            "Exists": key,
            "DoesNotExist": f"!{key}",
        }
        words.append((key, written.get(one.get("operator"), key)))
    since = age(_metadata(policy).get("creationTimestamp"), now)
    return [_name(policy), ",".join(text for _, text in sorted(words)) or NONE, since], []


def plain_row(obj: Object, now: datetime | None) -> Row:
    """Any other kind: name and age, as kubectl shows what it knows nothing of."""
    return [_name(obj), age(_metadata(obj).get("creationTimestamp"), now)], []


def _metadata(obj: Object) -> Object:
    metadata = obj.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _name(obj: Object) -> str:
    return str(_metadata(obj).get("name", ""))


PRINTERS: Mapping[str, Printer] = {
    "Service": Printer(
        ("NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"),
        ("SELECTOR",),
        service_row,
        partial(service_row, wide=True),
    ),
    "Pod": Printer(pod_rows.HEADER, pod_rows.WIDE, pod_rows.row),
    "Node": Printer(
        ("NAME", "STATUS", "ROLES", "AGE", "VERSION"),
        ("INTERNAL-IP", "EXTERNAL-IP", "OS-IMAGE", "KERNEL-VERSION", "CONTAINER-RUNTIME"),
        node_row,
    ),
    "EndpointSlice": Printer(("NAME", "ADDRESSTYPE", "PORTS", "ENDPOINTS", "AGE"), (), endpoint_slice_row),
    "Endpoints": Printer(("NAME", "ENDPOINTS", "AGE"), (), endpoints_row),
    "Namespace": Printer(("NAME", "STATUS", "AGE"), (), namespace_row),
    "ServiceCIDR": Printer(("NAME", "CIDRS", "AGE"), (), service_cidr_row),
    "NetworkPolicy": Printer(("NAME", "POD-SELECTOR", "AGE"), (), network_policy_row),
    "IPAddress": Printer(("NAME", "PARENTREF"), (), ip_address_row),
}
PLAIN = Printer(("NAME", "AGE"), (), plain_row)
