"""The values that kube-apiserver fills in where a manifest gives none. Source: pkg/apis/*/v1/defaults.go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NODE_PORT_TYPES = frozenset({"NodePort", "LoadBalancer"})
CLUSTER_IP_TYPES = frozenset({"ClusterIP", "NodePort", "LoadBalancer"})
AFFINITY_SECONDS = 10800


def externally_accessible(spec: Mapping[str, Any]) -> bool:
    """Whether traffic from outside may reach the Service: so externalTrafficPolicy means something."""
    kind = spec.get("type")
    return kind in NODE_PORT_TYPES or (kind == "ClusterIP" and bool(spec.get("externalIPs")))


def needs_health_check(spec: Mapping[str, Any]) -> bool:
    """Whether the Service holds a health-check nodePort."""
    return spec.get("type") == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"


def headless(spec: Mapping[str, Any]) -> bool:
    """Whether clusterIPs is the one word None."""
    return list(spec.get("clusterIPs") or ()) == ["None"]


def default_service(service: dict[str, Any]) -> None:
    """Fill in a Service's defaults, in place; `service` is a copy of the caller's own."""
    spec = service.setdefault("spec", {})
    if not spec.get("sessionAffinity"):
        spec["sessionAffinity"] = "None"
    if spec["sessionAffinity"] == "None":
        spec.pop("sessionAffinityConfig", None)
    elif spec["sessionAffinity"] == "ClientIP":
        config = spec.get("sessionAffinityConfig") or {}
        if (config.get("clientIP") or {}).get("timeoutSeconds") is None:
            spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": AFFINITY_SECONDS}}
    if not spec.get("type"):
        spec["type"] = "ClusterIP"
    for port in spec.get("ports") or ():
        port.setdefault("port", 0)
        if not port.get("protocol"):
            port["protocol"] = "TCP"
        if port.get("targetPort") in (None, 0, ""):
            port["targetPort"] = port["port"]
    if externally_accessible(spec) and not spec.get("externalTrafficPolicy"):
        spec["externalTrafficPolicy"] = "Cluster"
    if spec.get("internalTrafficPolicy") is None and spec["type"] in CLUSTER_IP_TYPES:
        spec["internalTrafficPolicy"] = "Cluster"
    if spec["type"] == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is None:
        spec["allocateLoadBalancerNodePorts"] = True
    status = service.setdefault("status", {})
    for ingress in status.setdefault("loadBalancer", {}).get("ingress") or ():
        if ingress.get("ip") and ingress.get("ipMode") is None:
            ingress["ipMode"] = "VIP"


def default_endpoint_slice(endpoint_slice: dict[str, Any]) -> None:
    """Fill in an EndpointSlice's defaults, in place: name and protocol of ports; empty lists are null."""
    endpoint_slice.setdefault("addressType", "")
    for port in endpoint_slice.get("ports") or ():
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")
    for endpoint in endpoint_slice.get("endpoints") or ():
        endpoint.setdefault("addresses", None)
        endpoint.setdefault("conditions", {})
    for field in ("endpoints", "ports"):
        endpoint_slice[field] = endpoint_slice.get(field) or None


def default_endpoints(endpoints: dict[str, Any]) -> None:
    """Fill in the defaults of v1 Endpoints, in place: the protocol of ports."""
    for subset in endpoints.get("subsets") or ():
        for port in subset.get("ports") or ():
            if not port.get("protocol"):
                port["protocol"] = "TCP"
            port.setdefault("port", 0)
        for field in ("addresses", "notReadyAddresses"):
            for address in subset.get(field) or ():
                address.setdefault("ip", "")


def default_network_policy(policy: dict[str, Any]) -> None:
    """Fill in a NetworkPolicy's defaults, in place."""
    spec = policy.setdefault("spec", {})
    for field in ("ingress", "egress"):
        for rule in spec.get(field) or ():
            for port in rule.get("ports") or ():
                if not port.get("protocol"):
                    port["protocol"] = "TCP"
    if not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", *(["Egress"] if spec.get("egress") else [])]


DEFAULTS = {
    "Service": default_service,
    "EndpointSlice": default_endpoint_slice,
    "Endpoints": default_endpoints,
}


def fill_in(kind: str, document: dict[str, Any]) -> None:
    """Fill in the defaults of an object of that kind, in place.

    A NetworkPolicy is stored as written besides, since its empty selectors say something.
    """
    fill = default_network_policy if kind == "NetworkPolicy" else DEFAULTS.get(kind)
    if fill is not None:
        fill(document)
