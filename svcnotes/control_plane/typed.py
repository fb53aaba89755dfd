"""Stored objects (JSON as the API server has it) to the frozen values of `objects`.

The readers trust the shapes: `SHAPES` are checked before, where objects come from a file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from svcnotes.control_plane.objects import (
    ContainerPort,
    Endpoint,
    EndpointPort,
    EndpointSlice,
    Ingress,
    Node,
    Pod,
    Service,
    ServicePort,
)
from svcnotes.errors import InputError

LISTENS = "svcnotes/listens"
INTERFACE = "svcnotes/interface"
LONGEST_INTERFACE = 15  # IFNAMSIZ less the closing zero
SERVICE_NAME = "kubernetes.io/service-name"
_DIGITS = re.compile("[0-9]{1,5}")
PROTOCOLS = ("TCP", "UDP", "SCTP")

METADATA: dict[str, Any] = {
    "name": str,
    "namespace": str,
    "labels": {"*": str},
    "annotations": {"*": str},
    "deletionTimestamp": str,
    "ownerReferences": [{"kind": str, "name": str}],
}
_CONTAINER = {
    "name": str,
    "restartPolicy": str,
    "ports": [{"name": str, "containerPort": int, "protocol": str, "hostPort": int}],
}
POD_TEMPLATE: dict[str, Any] = {
    "metadata": METADATA,
    "spec": {
        "nodeName": str,
        "nodeSelector": {"*": str},
        "hostNetwork": bool,
        "hostname": str,
        "subdomain": str,
        "dnsPolicy": str,
        "dnsConfig": {
            "nameservers": [str],
            "searches": [str],
            "options": [{"name": str, "value": str}],
        },
        "tolerations": [{"key": str, "operator": str, "value": str, "effect": str}],
        "containers": [_CONTAINER],
        "initContainers": [_CONTAINER],
    },
}
SHAPES: dict[str, dict[str, Any]] = {
    "Node": {
        "metadata": METADATA,
        "spec": {
            "podCIDR": str,
            "podCIDRs": [str],
            "taints": [{"key": str, "value": str, "effect": str}],
        },
        "status": {
            "addresses": [{"type": str, "address": str}],
            "conditions": [{"type": str, "status": str}],
        },
    },
    "Pod": {
        **POD_TEMPLATE,
        "status": {
            "phase": str,
            "podIP": str,
            "podIPs": [{"ip": str}],
            "conditions": [{"type": str, "status": str}],
        },
    },
    "EndpointSlice": {
        "metadata": METADATA,
        "addressType": str,
        "endpoints": [
            {
                "addresses": [str],
                "conditions": {"ready": bool, "serving": bool, "terminating": bool},
                "hostname": str,
                "nodeName": str,
                "zone": str,
                "targetRef": {"kind": str, "namespace": str, "name": str},
                "hints": {"forZones": [{"name": str}], "forNodes": [{"name": str}]},
            }
        ],
        "ports": [{"name": str, "port": int, "protocol": str, "appProtocol": str}],
    },
}


@lru_cache(maxsize=200_000)
def canonical(address: str) -> str:
    """An address as RFC 5952 spells it; raises ValueError for what is none."""
    return str(ip_address(address))


def node(raw: Mapping[str, Any]) -> Node:
    """Read a stored Node."""
    metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    addresses = status.get("addresses") or ()

    def of(kind: str) -> tuple[str, ...]:
        return tuple(canonical(a["address"]) for a in addresses if a.get("type") == kind)

    cidrs = spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else [])
    return Node(
        name=metadata["name"],
        addresses=of("InternalIP"),
        pod_cidrs=tuple(cidrs),
        labels=metadata.get("labels") or {},
        external_addresses=of("ExternalIP"),
    )


def pod(raw: Mapping[str, Any]) -> Pod:
    """Read a stored Pod; without status it is taken as Running and Ready. Raises InputError for its annotations."""
    metadata, spec, status = raw["metadata"], raw.get("spec") or {}, raw.get("status") or {}
    ports = container_ports(spec)
    annotations = metadata.get("annotations") or {}
    listens = annotations.get(LISTENS)
    name, namespace = metadata["name"], metadata.get("namespace") or "default"
    for port in ports:
        _check_port(port, f"Pod {namespace}/{name}")
    return Pod(
        namespace=namespace,
        name=name,
        node=spec.get("nodeName") or "",
        addresses=tuple(canonical(address) for address in pod_ips(raw)),
        labels=metadata.get("labels") or {},
        host_network=bool(spec.get("hostNetwork")),
        ready=is_ready(raw),
        terminating=bool(metadata.get("deletionTimestamp")),
        phase=status.get("phase") or "Running",
        ports=ports,
        listens=(
            served_ports(listens.split(","), f"Pod {namespace}/{name}: metadata.annotations[{LISTENS}]")
            if listens is not None
            else frozenset((port.protocol, port.number) for port in ports) or None
        ),
        interface=_interface(annotations.get(INTERFACE) or "", f"Pod {namespace}/{name}"),
    )


def _interface(name: str, owner: str) -> str:
    if len(name) > LONGEST_INTERFACE or any(char in "/:" or char.isspace() for char in name):
        raise InputError(
            f'{owner}: metadata.annotations[{INTERFACE}]: "{name[:40]}" names no interface. '
            f"Write at most {LONGEST_INTERFACE} characters without blanks and slashes"
        )
    return name


def _check_port(port: ContainerPort, owner: str) -> None:
    if not 1 <= port.number <= 65535:
        raise InputError(
            f"{owner}: containerPort: {port.number} is not within the range [1, 65535]. Correct the number"
        )
    if port.protocol not in PROTOCOLS:
        known = ", ".join(PROTOCOLS)
        raise InputError(
            f'{owner}: containerPort {port.number}: protocol: "{port.protocol[:40]}" is not one of {known}'
        )


def pod_ips(raw: Mapping[str, Any]) -> list[str]:
    """The Pod's addresses from its status, as written."""
    status = raw.get("status") or {}
    ips = [item["ip"] for item in status.get("podIPs") or () if item.get("ip")]
    return ips or ([status["podIP"]] if status.get("podIP") else [])


def is_ready(raw: Mapping[str, Any]) -> bool:
    """The Ready condition; a Pod whose status holds no conditions is ready while it runs."""
    status = raw.get("status") or {}
    for condition in status.get("conditions") or ():
        if condition.get("type") == "Ready":
            return bool(condition.get("status") == "True")
    return not status.get("conditions") and status.get("phase", "Running") == "Running"


def is_finished(raw: Mapping[str, Any]) -> bool:
    """Whether all containers have ended for good: such a Pod is no endpoint and its address is free."""
    return (raw.get("status") or {}).get("phase") in ("Succeeded", "Failed")


def container_ports(spec: Mapping[str, Any]) -> tuple[ContainerPort, ...]:
    """The ports of containers and of restartable init containers (sidecars), in the API's order of search."""
    containers = list(spec.get("containers") or ())
    containers += [c for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"]
    return tuple(
        ContainerPort(
            number=port["containerPort"],
            name=port.get("name") or "",
            protocol=port.get("protocol") or "TCP",
            host_port=port.get("hostPort") or 0,
        )
        for container in containers
        for port in container.get("ports") or ()
        if port.get("containerPort") is not None
    )


def served_ports(texts: list[Any], at: str) -> frozenset[tuple[str, int]]:
    """`8080`, `TCP/8080`, `UDP/53` (or the number itself) as (protocol, port) pairs; raises InputError."""
    pairs = set()
    for item in texts:
        text = str(item).strip()
        if not text and len(texts) == 1:
            return frozenset()
        protocol, slash, number = text.rpartition("/")
        protocol = protocol.upper() if slash else "TCP"
        if protocol not in PROTOCOLS or not _DIGITS.fullmatch(number) or not 1 <= int(number) <= 65535:
            raise InputError(f'{at}: "{text[:60]}" is no port. Write 8080, TCP/8080, UDP/53 or SCTP/9999')
        pairs.add((protocol, int(number)))
    return frozenset(pairs)


def service(raw: Mapping[str, Any]) -> Service:
    """Read a stored (defaulted, allocated) Service."""
    metadata, spec = raw["metadata"], raw.get("spec") or {}
    kind = spec.get("type") or "ClusterIP"
    cluster_ip = spec.get("clusterIP")
    cluster_ips = spec.get("clusterIPs") or ([cluster_ip] if cluster_ip else [])
    external = kind in ("NodePort", "LoadBalancer") or bool(spec.get("externalIPs"))
    affinity = ((spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}).get("timeoutSeconds")
    families = spec.get("ipFamilies") or [
        "IPv6" if ":" in ip else "IPv4" for ip in cluster_ips if ip != "None"
    ]
    ingress = ((raw.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    return Service(
        namespace=metadata.get("namespace") or "default",
        name=metadata["name"],
        type=kind,
        cluster_ips=tuple(ip if ip == "None" else canonical(ip) for ip in cluster_ips),
        ip_families=tuple(families or ("IPv4",)),
        ports=tuple(_service_port(port) for port in spec.get("ports") or ()),
        selector=spec.get("selector") or {},
        labels=metadata.get("labels") or {},
        annotations=metadata.get("annotations") or {},
        external_ips=tuple(canonical(ip) for ip in spec.get("externalIPs") or ()),
        external_name=spec.get("externalName") or "",
        external_traffic_policy=(spec.get("externalTrafficPolicy") or "Cluster") if external else "Cluster",
        internal_traffic_policy=spec.get("internalTrafficPolicy") or "Cluster",
        session_affinity=spec.get("sessionAffinity") or "None",
        affinity_timeout_seconds=10800 if affinity is None else affinity,
        load_balancer_source_ranges=tuple(spec.get("loadBalancerSourceRanges") or ()),
        ingress=tuple(
            Ingress(
                ip=canonical(i["ip"]) if i.get("ip") else "",
                hostname=i.get("hostname") or "",
                ip_mode=i.get("ipMode") or "VIP",
            )
            for i in ingress
        ),
        health_check_node_port=spec.get("healthCheckNodePort") or 0,
        load_balancer_class=spec.get("loadBalancerClass") or "",
        publish_not_ready_addresses=bool(spec.get("publishNotReadyAddresses")),
        traffic_distribution=spec.get("trafficDistribution") or "",
    )


def _service_port(raw: Mapping[str, Any]) -> ServicePort:
    target = raw.get("targetPort")
    return ServicePort(
        name=raw.get("name") or "",
        protocol=raw.get("protocol") or "TCP",
        port=raw["port"],
        target_port=raw["port"] if target in (None, 0, "") else target,
        node_port=raw.get("nodePort") or 0,
    )


def endpoint_slice(raw: Mapping[str, Any]) -> EndpointSlice:
    """Read a stored EndpointSlice; conditions left out read as the API says."""
    metadata = raw["metadata"]
    kind = raw.get("addressType") or "IPv4"
    labels = metadata.get("labels") or {}
    return EndpointSlice(
        namespace=metadata.get("namespace") or "default",
        name=metadata.get("name") or "",
        service=labels.get(SERVICE_NAME) or "",
        address_type=kind,
        endpoints=tuple(_endpoint(endpoint, kind) for endpoint in raw.get("endpoints") or ()),
        ports=tuple(
            EndpointPort(port.get("name") or "", port.get("port"), port.get("protocol") or "TCP")
            for port in raw.get("ports") or ()
        ),
        labels=labels,
    )


def _endpoint(raw: Mapping[str, Any], kind: str) -> Endpoint:
    conditions = raw.get("conditions") or {}
    ready = conditions.get("ready")
    serving = conditions.get("serving")
    ready = True if ready is None else ready
    hints = raw.get("hints") or {}
    target = raw.get("targetRef") or {}
    addresses = raw.get("addresses") or ()
    zones, nodes = hints.get("forZones"), hints.get("forNodes")
    return Endpoint(
        addresses=tuple(addresses) if kind == "FQDN" else tuple(canonical(address) for address in addresses),
        ready=ready,
        serving=True if serving is None else serving,
        terminating=bool(conditions.get("terminating")),
        node=raw.get("nodeName") or "",
        zone=raw.get("zone") or "",
        pod=f"{target.get('namespace') or 'default'}/{target.get('name')}"
        if target.get("kind") == "Pod"
        else "",
        hostname=raw.get("hostname") or "",
        for_zones=tuple(zone["name"] for zone in zones) if zones else None,
        for_nodes=tuple(name["name"] for name in nodes) if nodes else None,
    )
