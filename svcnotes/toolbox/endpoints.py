"""v1 Endpoints, as the endpoints controller still writes one for each Service with a selector.

They are read off the EndpointSlices. Simplified: one entry for each slice; no labels of the controller's own.
Source: Kubernetes, pkg/controller/endpoint/endpoints_controller.go (a Pod without the named port is left out).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from svcnotes.control_plane.api_server.state import ApiState

Object = Mapping[str, Any]
WORDS = frozenset({"ep", "endpoints", "endpoint"})
_SERVICE = "kubernetes.io/service-name"


def asked_for(kinds: str) -> bool:
    """Whether a list of kinds such as `svc,ep`, or a `kind/name`, names Endpoints."""
    return any(word.partition("/")[0].lower() in WORDS for word in kinds.split(","))


def with_endpoints(state: ApiState) -> ApiState:
    """The state with the Endpoints that are not stored in it, for kubectl to show."""
    for (kind, space, name), service in tuple(state.objects.items()):
        selects = kind == "Service" and (service.get("spec") or {}).get("selector")
        if (
            selects
            and service["spec"].get("type") != "ExternalName"
            and not state.get("Endpoints", space, name)
        ):
            state = state.with_object(_endpoints(state, service))
    return state


def _endpoints(state: ApiState, service: Object) -> dict[str, Any]:
    meta = service["metadata"]
    kept = {key: meta[key] for key in ("name", "namespace", "labels", "creationTimestamp") if key in meta}
    subsets = list(_subsets(state, service))
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": kept,
        **({"subsets": subsets} if subsets else {}),
    }


def _subsets(state: ApiState, service: Object) -> Iterator[dict[str, Any]]:
    meta, portless = service["metadata"], not service["spec"].get("ports")
    for (kind, space, _), one in state.objects.items():
        held = one["metadata"].get("labels") or {}
        if (
            kind != "EndpointSlice"
            or space != meta.get("namespace", "default")
            or held.get(_SERVICE) != meta["name"]
        ):
            continue
        ports = [dict(port) for port in one.get("ports") or ()]
        subset: dict[str, Any] = {}
        for field, ready in (("addresses", True), ("notReadyAddresses", False)):
            found = [_address(each) for each in one.get("endpoints") or () if _ready(each) is ready]
            if found:
                subset[field] = sorted(found, key=lambda address: int(ip_address(address["ip"])))
        if subset and (ports or portless):
            yield {**subset, **({"ports": ports} if ports else {})}


def _ready(endpoint: Object) -> bool:
    return (endpoint.get("conditions") or {}).get("ready") is not False


def _address(endpoint: Object) -> dict[str, Any]:
    names = {"hostname": "hostname", "nodeName": "nodeName", "targetRef": "targetRef"}
    more = {name: endpoint[field] for field, name in names.items() if endpoint.get(field)}
    return {"ip": endpoint["addresses"][0], **more}
