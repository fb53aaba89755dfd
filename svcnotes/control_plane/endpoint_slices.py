"""The EndpointSlice controller: from a Service's selector to its slices, as kube-controller-manager 1.36 writes them.

Everything here is JSON as stored, in and out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from svcnotes.control_plane.topology_hints import ZONE, add_hints
from svcnotes.control_plane.typed import SERVICE_NAME, is_ready, pod_ips

MANAGED_BY = "endpointslice.kubernetes.io/managed-by"
CONTROLLER = "endpointslice-controller.k8s.io"
MIRRORING = "endpointslicemirroring-controller.k8s.io"
_ENDPOINTS_MANAGED_BY = "endpoints.kubernetes.io/managed-by"
HEADLESS = "service.kubernetes.io/headless"
MAX_ENDPOINTS = 100
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"  # those of Kubernetes' generated names
_LONGEST_PREFIX = 58

Json = dict[str, Any]
Raw = Mapping[str, Any]


class PodIndex:
    """The Pods by namespace and label, so that a selector looks at few of them."""

    def __init__(self, pods: Iterable[Raw]) -> None:
        self._by_label: dict[tuple[str, str, str], list[Raw]] = {}
        for pod in pods:
            metadata = pod["metadata"]
            namespace = metadata.get("namespace") or "default"
            for key, value in (metadata.get("labels") or {}).items():
                self._by_label.setdefault((namespace, key, value or ""), []).append(pod)

    def select(self, namespace: str, selector: Mapping[str, str]) -> list[Raw]:
        """The Pods of that namespace that carry all labels of the selector, in file order."""
        wanted = {key: value or "" for key, value in selector.items()}
        lists = [self._by_label.get((namespace, key, value), []) for key, value in wanted.items()]
        return [
            pod
            for pod in min(lists, key=len, default=[])
            if wanted.items() <= {k: v or "" for k, v in pod["metadata"]["labels"].items()}.items()
        ]


def slices_for(service: Raw, pods: Iterable[Raw] | PodIndex, nodes: Sequence[Raw]) -> list[Json]:
    """The EndpointSlices of a Service, none where it has no selector or is an ExternalName.

    One slice for each IP family and each set of resolved ports, 100 endpoints at most in each; one
    empty slice for a family without Pods. Endpoints stand in the order of the Pods.
    """
    spec = service.get("spec") or {}
    selector = spec.get("selector")
    if not selector or spec.get("type") == "ExternalName":
        return []
    index = pods if isinstance(pods, PodIndex) else PodIndex(pods)
    namespace = service["metadata"].get("namespace") or "default"
    selected = index.select(namespace, selector)
    by_name = (
        {node["metadata"]["name"]: node for node in nodes} if not isinstance(nodes, _Nodes) else nodes.by_name
    )
    slices: list[Json] = []
    for family in _families(spec):
        made = list(_family_slices(service, family, selected, by_name))
        add_hints(service, made, nodes)
        slices += made
    for number, one in enumerate(slices):
        one["metadata"]["name"] = _name(service, number)
    return slices


class _Nodes(list[Raw]):
    """The Nodes with their names looked up once, for a run over many Services."""

    def __init__(self, nodes: Iterable[Raw]) -> None:
        super().__init__(nodes)
        self.by_name = {node["metadata"]["name"]: node for node in self}


def all_slices(services: Iterable[Raw], pods: Iterable[Raw], nodes: Iterable[Raw]) -> Iterator[Json]:
    """The slices of all these Services."""
    index, known = PodIndex(pods), _Nodes(nodes)
    for service in services:
        yield from slices_for(service, index, known)


def _families(spec: Raw) -> list[str]:
    """The families of the Service; an old headless one may not name any."""
    ips = spec.get("clusterIPs") or [spec.get("clusterIP") or ""]
    return list(spec.get("ipFamilies") or ["IPv6" if ":" in ip else "IPv4" for ip in ips])


def _family_slices(service: Raw, family: str, pods: list[Raw], nodes: Mapping[str, Raw]) -> Iterator[Json]:
    """One family's slices: Pods are grouped by what the Service's ports resolve to in them."""
    spec = service.get("spec") or {}
    publish = bool(spec.get("publishNotReadyAddresses"))
    groups: dict[tuple[tuple[str, int, str, str | None], ...], list[Json]] = {}
    for pod in pods:
        node = nodes.get((pod.get("spec") or {}).get("nodeName") or "")
        if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed") or (
            node is None and not publish
        ):
            continue
        addresses = [ip for ip in pod_ips(pod) if (":" in ip) == (family == "IPv6")]
        if addresses:
            endpoint = _endpoint(pod, addresses, node, service, publish=publish)
            groups.setdefault(tuple(_resolved_ports(spec, pod)), []).append(endpoint)
    if not groups:
        yield _slice(service, family, None, None)
    for ports, endpoints in groups.items():
        for first in range(0, len(endpoints), MAX_ENDPOINTS):
            yield _slice(service, family, endpoints[first : first + MAX_ENDPOINTS], ports)


def _endpoint(pod: Raw, addresses: list[str], node: Raw | None, service: Raw, *, publish: bool) -> Json:
    metadata, spec = pod["metadata"], pod.get("spec") or {}
    serving = is_ready(pod)
    terminating = bool(metadata.get("deletionTimestamp"))
    endpoint: Json = {
        "addresses": addresses,
        "conditions": {
            "ready": publish or (serving and not terminating),
            "serving": serving,
            "terminating": terminating,
        },
        "targetRef": {
            "kind": "Pod",
            "namespace": metadata.get("namespace") or "default",
            "name": metadata["name"],
        },
    }
    if spec.get("hostname") and spec.get("subdomain") == service["metadata"]["name"]:
        endpoint["hostname"] = spec["hostname"]
    if spec.get("nodeName"):
        endpoint["nodeName"] = spec["nodeName"]
    zone = ((node or {}).get("metadata") or {}).get("labels") or {}
    if zone.get(ZONE):
        endpoint["zone"] = zone[ZONE]
    return endpoint


def _resolved_ports(spec: Raw, pod: Raw) -> Iterator[tuple[str, int, str, str | None]]:
    """(name, number, protocol, appProtocol) for each Service port that this Pod has.

    A named targetPort must match the container port's protocol too; one that is missing is left out.
    """
    for port in spec.get("ports") or ():
        protocol = port.get("protocol") or "TCP"
        target = port.get("targetPort") or port["port"]
        number = target if isinstance(target, int) else _named_port(pod, target, protocol)
        if number:
            yield port.get("name") or "", number, protocol, port.get("appProtocol")


def _named_port(pod: Raw, name: str, protocol: str) -> int:
    spec = pod.get("spec") or {}
    sidecars = [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    for container in [*(spec.get("containers") or ()), *sidecars]:
        for port in container.get("ports") or ():
            if port.get("name") == name and (port.get("protocol") or "TCP") == protocol:
                return int(port["containerPort"])
    return 0


def _slice(
    service: Raw,
    family: str,
    endpoints: list[Json] | None,
    ports: Iterable[tuple[str, int, str, str | None]] | None,
) -> Json:
    metadata, spec = service["metadata"], service.get("spec") or {}
    name = metadata["name"]
    labels = {
        k: v
        for k, v in (metadata.get("labels") or {}).items()
        if k not in (SERVICE_NAME, MANAGED_BY, HEADLESS)
    }
    labels |= {MANAGED_BY: CONTROLLER, SERVICE_NAME: name}
    if spec.get("clusterIP") in ("None", "", None):
        labels[HEADLESS] = ""
    slice_ports = [
        {"name": port_name, "protocol": protocol, "port": number}
        | ({"appProtocol": app_protocol} if app_protocol else {})
        for port_name, number, protocol, app_protocol in ports or ()
    ]
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": "",
            "generateName": f"{name}-",
            "namespace": metadata.get("namespace") or "default",
            "labels": labels,
            "ownerReferences": [
                {
                    "apiVersion": "v1",
                    "kind": "Service",
                    "name": name,
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "addressType": family,
        "endpoints": endpoints or None,
        "ports": slice_ports or None,
    }


def mirrored(service: Raw, slices: Iterable[Raw]) -> list[Json]:
    """What the mirroring controller adds when a Service loses its selector.

    Its v1 Endpoints object stays behind, and now counts as hand-written: its addresses (those of the
    first family) come a second time, in slices of their own.
    """
    families = _families(service.get("spec") or {})
    made = []
    for number, old in enumerate(one for one in slices if one["addressType"] == families[0]):
        kept = ("addresses", "nodeName", "targetRef")
        endpoints = [
            {key: endpoint[key] for key in kept if key in endpoint}
            | {"conditions": {"ready": endpoint["conditions"]["ready"]}}
            for endpoint in old.get("endpoints") or ()
        ]
        copy = _slice(service, families[0], endpoints, None)
        copy["ports"] = old["ports"]
        metadata = copy["metadata"]
        metadata["name"] = _name(service, -1 - number)
        metadata["labels"] |= {_ENDPOINTS_MANAGED_BY: "endpoint-controller", MANAGED_BY: MIRRORING}
        metadata["ownerReferences"][0]["kind"] = "Endpoints"
        if endpoints and old["ports"]:
            made.append(copy)
    return made


def _name(service: Raw, number: int) -> str:
    """A generated name, the same each time: the model has no dice."""
    metadata = service["metadata"]
    seed = f"{metadata.get('namespace') or 'default'}/{metadata['name']}/{number}"
    prefix = f"{metadata['name']}-"[:_LONGEST_PREFIX]
    return f"{prefix}{suffix(seed)}"


def suffix(seed: str, length: int = 5) -> str:
    """Letters as in Kubernetes' generated names, drawn from the seed's hash."""
    value = int.from_bytes(sha256(seed.encode()).digest()[:8])
    letters = []
    for _ in range(length):
        value, rest = divmod(value, len(_LETTERS))
        letters.append(_LETTERS[rest])
    return "".join(letters)
