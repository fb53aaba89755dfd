"""Full validation of a Service: every error at once, in kube-apiserver's order.

Source: validateService of pkg/apis/core/validation, Kubernetes 1.36.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from svcnotes.control_plane.api_server.addresses import ordinary_ip, strict_cidr, strict_ip
from svcnotes.control_plane.api_server.defaulting import (
    CLUSTER_IP_TYPES,
    externally_accessible,
    headless,
    needs_health_check,
)
from svcnotes.control_plane.api_server.families import validate_cluster_ip_fields
from svcnotes.control_plane.api_server.metadata import validate_labels, validate_metadata
from svcnotes.control_plane.api_server.names import (
    dns_label,
    dns_subdomain,
    port_name,
    port_number,
    qualified_name,
)
from svcnotes.control_plane.api_server.status import (
    DUPLICATE,
    FORBIDDEN,
    INVALID,
    REQUIRED,
    UNSUPPORTED,
    FieldError,
    supported,
)

TOPOLOGY_HINTS = "service.kubernetes.io/topology-aware-hints"
TOPOLOGY_MODE = "service.kubernetes.io/topology-mode"
SOURCE_RANGES = "service.beta.kubernetes.io/load-balancer-source-ranges"
TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")
PROTOCOLS = ("SCTP", "TCP", "UDP")
POLICIES = ("Cluster", "Local")
AFFINITIES = ("ClientIP", "None")
DISTRIBUTIONS = ("PreferClose", "PreferSameZone", "PreferSameNode")
MAX_AFFINITY_SECONDS = 86400
_ONLY_LOAD_BALANCER = "may only be used when `type` is 'LoadBalancer'"


def validate_service(service: Mapping[str, Any], old: Mapping[str, Any] | None = None) -> list[FieldError]:
    """Errors of a Service that was defaulted and allocated; `old` is what was stored, on update.

    Addresses that `old` held already are not looked at again. The metadata's own errors come
    first on create; on update they are the caller's.
    """
    metadata: Mapping[str, Any] = service.get("metadata") or {}
    spec: Mapping[str, Any] = service["spec"]
    before: Mapping[str, Any] = (old or {}).get("spec") or {}
    errors = [] if old else validate_metadata(metadata, kind="Service", namespaced=True)
    annotations: Mapping[str, str] = metadata.get("annotations") or {}
    errors += _topology(annotations)
    errors += _shape(spec)
    errors += _ports(spec)
    errors += validate_labels(spec.get("selector") or {}, "spec.selector")
    errors += _affinity(spec)
    errors += validate_cluster_ip_fields(spec, accepted=before.get("clusterIPs") or ())
    errors += _external_ips(spec, before.get("externalIPs") or ())
    if not spec.get("type"):
        errors.append(FieldError("spec.type", REQUIRED))
    elif spec["type"] not in TYPES:
        errors.append(FieldError("spec.type", UNSUPPORTED, spec["type"], supported(TYPES)))
    errors += _port_duplicates(spec)
    errors += _source_ranges(spec, annotations, old)
    errors += _load_balancer(spec)
    errors += _external_traffic(spec)
    policy = spec.get("internalTrafficPolicy")
    if policy is None and spec.get("type") in CLUSTER_IP_TYPES:
        errors.append(FieldError("spec.internalTrafficPolicy", REQUIRED))
    elif policy is not None and policy not in POLICIES:
        errors.append(FieldError("spec.internalTrafficPolicy", UNSUPPORTED, policy, supported(POLICIES)))
    distribution = spec.get("trafficDistribution")
    if distribution is not None and distribution not in DISTRIBUTIONS:
        errors.append(
            FieldError("spec.trafficDistribution", UNSUPPORTED, distribution, supported(DISTRIBUTIONS))
        )
    return errors


def _topology(annotations: Mapping[str, str]) -> list[FieldError]:
    mode, hints = annotations.get(TOPOLOGY_MODE), annotations.get(TOPOLOGY_HINTS)
    if mode is None or hints is None or mode == hints:
        return []
    text = f"must match annotations[{TOPOLOGY_HINTS}] when both are specified"
    return [FieldError(f"metadata.annotations[{TOPOLOGY_MODE}]", INVALID, mode, text)]


def _shape(spec: Mapping[str, Any]) -> list[FieldError]:
    """What a type must have and may not have: ports, an address, an external name."""
    errors = []
    kind = spec.get("type")
    if not spec.get("ports") and not headless(spec) and kind != "ExternalName":
        errors.append(FieldError("spec.ports", REQUIRED))
    if headless(spec) and kind in ("NodePort", "LoadBalancer"):
        text = f"may not be set to 'None' for {kind} services"
        errors.append(FieldError("spec.clusterIPs[0]", INVALID, "None", text))
    if kind == "ExternalName":
        text = "may not be set for ExternalName services"
        errors += [
            FieldError(f"spec.{field}", FORBIDDEN, "", text)
            for field in ("clusterIPs", "ipFamilies")
            if spec.get(field)
        ]
        if spec.get("ipFamilyPolicy") is not None:
            errors.append(FieldError("spec.ipFamilyPolicy", FORBIDDEN, "", text))
        name = (spec.get("externalName") or "").removesuffix(".")
        if not name:
            errors.append(FieldError("spec.externalName", REQUIRED))
        errors += [
            FieldError("spec.externalName", INVALID, name, said) for said in dns_subdomain(name) if name
        ]
    return errors


def _ports(spec: Mapping[str, Any]) -> list[FieldError]:
    errors = []
    ports: Sequence[Mapping[str, Any]] = spec.get("ports") or ()
    names: set[str] = set()
    for index, port in enumerate(ports):
        field = f"spec.ports[{index}]"
        name = port.get("name") or ""
        if name:
            errors += [FieldError(f"{field}.name", INVALID, name, text) for text in dns_label(name)]
            if name in names:
                errors.append(FieldError(f"{field}.name", DUPLICATE, name))
            names.add(name)
        elif len(ports) > 1:
            errors.append(FieldError(f"{field}.name", REQUIRED))
        number = port.get("port") or 0
        errors += [FieldError(f"{field}.port", INVALID, number, text) for text in port_number(number)]
        protocol = port.get("protocol") or ""
        if not protocol:
            errors.append(FieldError(f"{field}.protocol", REQUIRED))
        elif protocol not in PROTOCOLS:
            errors.append(FieldError(f"{field}.protocol", UNSUPPORTED, protocol, supported(PROTOCOLS)))
        target = port.get("targetPort", 0)
        said = port_name(target) if isinstance(target, str) else port_number(target)
        errors += [FieldError(f"{field}.targetPort", INVALID, target, text) for text in said]
        application = port.get("appProtocol")
        if application is not None:
            errors += [
                FieldError(f"{field}.appProtocol", INVALID, application, text)
                for text in qualified_name(application)
            ]
    return errors


def _affinity(spec: Mapping[str, Any]) -> list[FieldError]:
    affinity = spec.get("sessionAffinity") or ""
    if not affinity:
        return [FieldError("spec.sessionAffinity", REQUIRED)]
    if affinity not in AFFINITIES:
        return [FieldError("spec.sessionAffinity", UNSUPPORTED, affinity, supported(AFFINITIES))]
    if affinity == "None":
        if spec.get("sessionAffinityConfig") is None:
            return []
        text = "must not be set when session affinity is None"
        return [FieldError("spec.sessionAffinityConfig", FORBIDDEN, "", text)]
    seconds = spec["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"]
    if 0 < seconds <= MAX_AFFINITY_SECONDS:
        return []
    text = f"must be greater than 0 and less than {MAX_AFFINITY_SECONDS}"
    return [FieldError("spec.sessionAffinityConfig.clientIP.timeoutSeconds", INVALID, seconds, text)]


def _external_ips(spec: Mapping[str, Any], accepted: Sequence[str]) -> list[FieldError]:
    errors = []
    for index, ip in enumerate(spec.get("externalIPs") or ()):
        field = f"spec.externalIPs[{index}]"
        said = [] if ip in accepted else strict_ip(field, ip)
        errors += said or ordinary_ip(field, ip)
    return errors


def _port_duplicates(spec: Mapping[str, Any]) -> list[FieldError]:
    errors = []
    ports: Sequence[Mapping[str, Any]] = spec.get("ports") or ()
    if spec.get("type") == "ClusterIP":
        text = "may not be used when `type` is 'ClusterIP'"
        errors += [
            FieldError(f"spec.ports[{index}].nodePort", FORBIDDEN, "", text)
            for index, port in enumerate(ports)
            if port.get("nodePort")
        ]
    seen: set[tuple[str, int]] = set()
    for index, port in enumerate(ports):
        key = (port["protocol"], port.get("nodePort") or 0)
        if key[1] and key in seen:
            errors.append(FieldError(f"spec.ports[{index}].nodePort", DUPLICATE, key[1]))
        seen.add(key)
    seen = set()
    for index, port in enumerate(ports):
        key = (port["protocol"], port.get("port") or 0)
        if key in seen:
            # the key that the server compares by, printed whole: all but protocol and port are empty
            value = {
                "Name": "",
                "Protocol": key[0],
                "AppProtocol": None,
                "Port": key[1],
                "TargetPort": 0,
                "NodePort": 0,
            }
            errors.append(FieldError(f"spec.ports[{index}]", DUPLICATE, value))
        seen.add(key)
    return errors


def _source_ranges(
    spec: Mapping[str, Any], annotations: Mapping[str, str], old: Mapping[str, Any] | None
) -> list[FieldError]:
    """loadBalancerSourceRanges, or the annotation that came before it."""
    errors = []
    ranges: Sequence[str] = spec.get("loadBalancerSourceRanges") or ()
    former = (old or {}).get("spec") or {}
    notes = ((old or {}).get("metadata") or {}).get("annotations") or {}
    if ranges:
        field = "spec.LoadBalancerSourceRanges"
        if spec.get("type") != "LoadBalancer":
            errors.append(FieldError(field, FORBIDDEN, "", _ONLY_LOAD_BALANCER))
        accepted = {text.strip() for text in former.get("loadBalancerSourceRanges") or ()}
        for index, text in enumerate(ranges):
            if text.strip() not in accepted:
                errors += strict_cidr(f"{field}[{index}]", text.strip())
    elif SOURCE_RANGES in annotations:
        field = f"metadata.annotations[{SOURCE_RANGES}]"
        if spec.get("type") != "LoadBalancer":
            errors.append(FieldError(field, FORBIDDEN, "", _ONLY_LOAD_BALANCER))
        value = annotations[SOURCE_RANGES]
        if notes.get(SOURCE_RANGES) != value and value.strip():
            for text in value.strip().split(","):
                errors += strict_cidr(field, text.strip())
    return errors


def _load_balancer(spec: Mapping[str, Any]) -> list[FieldError]:
    errors = []
    balanced = spec.get("type") == "LoadBalancer"
    automatic = spec.get("allocateLoadBalancerNodePorts")
    if automatic is not None and not balanced:
        errors.append(FieldError("spec.allocateLoadBalancerNodePorts", FORBIDDEN, "", _ONLY_LOAD_BALANCER))
    if automatic is None and balanced:
        errors.append(FieldError("allocateLoadBalancerNodePorts", REQUIRED))  # the path is the server's own
    name = spec.get("loadBalancerClass")
    if name is not None and not balanced:
        errors.append(FieldError("spec.loadBalancerClass", FORBIDDEN, "", _ONLY_LOAD_BALANCER))
    elif name is not None:
        errors += [FieldError("spec.loadBalancerClass", INVALID, name, text) for text in qualified_name(name)]
    return errors


def _external_traffic(spec: Mapping[str, Any]) -> list[FieldError]:
    errors = []
    policy = spec.get("externalTrafficPolicy") or ""
    field = "spec.externalTrafficPolicy"
    if not externally_accessible(spec):
        if policy:
            text = "may only be set for externally-accessible services"
            errors.append(FieldError(field, INVALID, policy, text))
    elif not policy:
        errors.append(FieldError(field, REQUIRED))
    elif policy not in POLICIES:
        errors.append(FieldError(field, UNSUPPORTED, policy, supported(POLICIES)))
    number, field = spec.get("healthCheckNodePort") or 0, "spec.healthCheckNodePort"
    if not needs_health_check(spec):
        if number:
            text = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"
            errors.append(FieldError(field, INVALID, number, text))
    elif not number:
        errors.append(FieldError(field, REQUIRED))
    else:
        errors += [FieldError(field, INVALID, number, text) for text in port_number(number)]
    return errors
