"""Where Pods run and which address they get: the scheduler, the kubelet and the CNI in a few lines.

A Pod without `spec.nodeName` goes to a Node whose labels and taints allow it: the one with the fewest
Pods of the same owner, then with the fewest Pods, then the first in the file. A Pod without
`status` is taken as Running and Ready. Addresses count from .10 (::10) of the Node's pod CIDR.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network
from typing import Any

from svcnotes.addresses import read_address
from svcnotes.control_plane.probes import probes_succeed
from svcnotes.control_plane.shapes import show
from svcnotes.control_plane.typed import is_finished, pod_ips
from svcnotes.errors import InputError

Json = dict[str, Any]
Address = IPv4Address | IPv6Address
_FIRST = "10"
_KUBELET_LABELS = {
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": "amd64",
}  # taken as set, as a kubelet does
_KEEPS_AWAY = ("NoSchedule", "NoExecute")


def place(pods: Sequence[Json], nodes: Sequence[Json]) -> tuple[list[Json], tuple[str, ...]]:
    """The Pods with Node, addresses and status filled in, in their order; and notes on those left Pending.

    Raises InputError for a Pod on a Node that is not there, for an address that two running Pods
    share, and where a Node's pod CIDR is used up.
    """
    by_name = {node["metadata"]["name"]: node for node in nodes}
    used: dict[Address, str] = {}
    for pod in pods:
        _claim(pod, by_name, used)
    load: Counter[str] = Counter()
    spread: Counter[tuple[str, str]] = Counter()
    for pod in pods:
        name = (pod.get("spec") or {}).get("nodeName")
        if name and not is_finished(pod):
            load[name] += 1
            spread[_group(pod), name] += 1
    free = {name: _free(node, used) for name, node in by_name.items()}
    placed, notes = [], []
    for pod in pods:
        if _is_orphan(pod, by_name):
            notes.append(
                f"{_title(pod)} is left aside: its Node {pod['spec']['nodeName']} is not in the files"
            )
        if _waits(pod) or _is_orphan(pod, by_name):
            placed.append(pod)
            continue
        name = (
            (pod.get("spec") or {}).get("nodeName") or _home(pod, nodes) or _choose(pod, nodes, load, spread)
        )
        if not name:
            placed.append({**pod, "status": {**(pod.get("status") or {}), "phase": "Pending"}})
            notes.append(
                f"{_title(pod)} stays Pending: no Node has the labels it asks for, or they refuse it by taint"
            )
            continue
        placed.append(_running(pod, by_name[name], free[name]))
    return placed, tuple(notes)


def tolerates(spec: Mapping[str, Any], node: Mapping[str, Any]) -> bool:
    """Whether a Pod of this spec may be put on the Node: nodeSelector and taints.

    Affinity and resources are not looked at. A taint not-ready is passed over: these Nodes run.
    """
    metadata = node["metadata"]
    labels = {**_KUBELET_LABELS, "kubernetes.io/hostname": metadata["name"], **(metadata.get("labels") or {})}
    if not (spec.get("nodeSelector") or {}).items() <= labels.items():
        return False
    tolerations = spec.get("tolerations") or ()
    return all(
        any(_matches(toleration, taint) for toleration in tolerations)
        for taint in (node.get("spec") or {}).get("taints") or ()
        if taint.get("effect") in _KEEPS_AWAY and taint.get("key") != "node.kubernetes.io/not-ready"
    )


def _matches(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("operator") == "Exists":
        return not toleration.get("key") or toleration["key"] == taint.get("key")
    return toleration.get("key") == taint.get("key") and (toleration.get("value") or "") == (
        taint.get("value") or ""
    )


def _title(pod: Mapping[str, Any]) -> str:
    metadata = pod["metadata"]
    return f"Pod {metadata.get('namespace') or 'default'}/{metadata['name']}"


def _group(pod: Mapping[str, Any]) -> str:
    """What the Pod is one of: its owner, or for lone Pods those with the same labels."""
    metadata = pod["metadata"]
    owners = metadata.get("ownerReferences") or ()
    owner = (
        f"{owners[0].get('kind')}/{owners[0].get('name')}" if owners else str(metadata.get("labels") or {})
    )
    return f"{metadata.get('namespace') or 'default'}/{owner}"


def _waits(pod: Mapping[str, Any]) -> bool:
    """Whether the file says that the Pod has not started, or has ended: it is left as it is."""
    return (pod.get("status") or {}).get("phase") in ("Pending", "Succeeded", "Failed")


def _is_orphan(pod: Mapping[str, Any], nodes: Mapping[str, Json]) -> bool:
    """Whether a real cluster says that this Pod runs on a Node that is gone.

    Only a Pod that an API server has stored (it carries fields that nobody writes by hand) is believed.
    """
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    stored = any(metadata.get(field) for field in ("uid", "resourceVersion")) or bool(
        spec.get("schedulerName")
    )
    return bool(spec.get("nodeName")) and spec["nodeName"] not in nodes and stored and bool(pod_ips(pod))


def _claim(pod: Mapping[str, Any], nodes: Mapping[str, Json], used: dict[Address, str]) -> None:
    """Note the addresses that a Pod brings along; refuse what cannot be true."""
    spec = pod.get("spec") or {}
    node = spec.get("nodeName")
    if node and node not in nodes and not _is_orphan(pod, nodes):
        raise InputError(
            f"{_title(pod)}: spec.nodeName: no Node {show(node)} in the files. "
            f"Add it, or use one of: {', '.join(list(nodes)[:10])}"
        )
    for text in pod_ips(pod):
        try:
            address = read_address(text)
        except ValueError:
            raise InputError(
                f"{_title(pod)}: status.podIP: {show(text)} is no IP address. Leave it out or correct it"
            ) from None
        if address.is_loopback or address.is_multicast or address.is_unspecified:
            raise InputError(
                f"{_title(pod)}: status.podIP: {address} cannot be a Pod's address. Leave it out or correct it"
            )
        if spec.get("hostNetwork") or is_finished(pod):  # a finished Pod's address is free again
            continue
        if used.setdefault(address, _title(pod)) != _title(pod):
            raise InputError(
                f"{_title(pod)}: status.podIP: {address} is also that of {used[address]}. Give each its own"
            )


def _home(pod: Mapping[str, Any], nodes: Sequence[Json]) -> str:
    """The Node that the Pod's own address tells: its range holds it, or it is the Node's; empty where none does."""
    for text in pod_ips(pod):
        address = read_address(text)
        for node in nodes:
            cidrs = (node.get("spec") or {}).get("podCIDRs") or ()
            own = (item.get("address") for item in (node.get("status") or {}).get("addresses") or ())
            if text in own or any(address in ip_network(cidr) for cidr in cidrs):
                return str(node["metadata"]["name"])
    return ""


def _choose(
    pod: Mapping[str, Any], nodes: Sequence[Json], load: Counter[str], spread: Counter[tuple[str, str]]
) -> str:
    """The Node for a Pod, empty where none takes it."""
    spec = pod.get("spec") or {}
    group = _group(pod)
    fitting = [node["metadata"]["name"] for node in nodes if tolerates(spec, node)]
    if not fitting:
        return ""
    name: str = min(fitting, key=lambda node: (spread[group, node], load[node]))
    load[name] += 1
    spread[group, name] += 1
    return name


def _free(node: Mapping[str, Any], used: Mapping[Address, str]) -> list[Iterator[Address]]:
    """For each pod CIDR of the Node its free addresses."""
    return [_addresses(cidr, used) for cidr in (node.get("spec") or {}).get("podCIDRs") or ()]


def _addresses(cidr: str, used: Mapping[Address, str]) -> Iterator[Address]:
    """Free addresses from .10 up; an IPv6 one is written like a decimal (::10, ::11, ... ::19, ::20)."""
    network = ip_network(cidr)
    size = network.num_addresses
    first = int(_FIRST) if size > 32 else 2
    for number in range(first, min(size, 1 << 20)):
        offset = int(str(number), 16) if network.version == 6 else number
        if offset >= size - (network.version == 4):
            return
        address = network.network_address + offset
        if address not in used:
            yield address


def _running(pod: Json, node: Json, free: Sequence[Iterator[Address]]) -> Json:
    """The Pod on its Node, with an address of each family, Running, and Ready unless its status or a probe says otherwise."""
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    if spec.get("nodeName") and pod_ips(pod) and status.get("phase"):
        return pod
    ips = pod_ips(pod)
    if not ips and spec.get("hostNetwork"):
        internal = [a["address"] for a in node["status"]["addresses"] if a.get("type") == "InternalIP"]
        first = {6 if ":" in address else 4: address for address in reversed(internal)}  # one of each family
        ips = [address for address in internal if address in first.values()]
    elif not ips:
        for addresses in free:
            address = next(addresses, None)
            if address is None:
                raise InputError(
                    f"{_title(pod)}: no free address is left in the podCIDRs of Node {node['metadata']['name']}. "
                    "Give the Node a larger range, or run fewer Pods"
                )
            ips.append(str(address))
    conditions = status.get("conditions") or [{"type": "Ready", "status": str(probes_succeed(pod))}]
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
    containers = [
        {"name": c.get("name", ""), "ready": ready, "restartCount": 0, "state": {"running": {}}}
        for c in spec.get("containers") or ()
    ]
    return {
        **pod,
        "spec": {**spec, "nodeName": node["metadata"]["name"]},
        "status": {
            "containerStatuses": containers,
            **status,
            "phase": status.get("phase") or "Running",
            "conditions": conditions,
            "podIP": ips[0],
            "podIPs": [{"ip": ip} for ip in ips],
        },
    }
