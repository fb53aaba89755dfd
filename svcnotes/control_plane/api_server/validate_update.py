"""What may not change in a Service once it is there, in kube-apiserver's words and order.

Written after pkg/apis/core/validation (ValidateServiceUpdate); the rules for a new Service follow it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svcnotes.control_plane.api_server.addresses import parse_ip, strict_ip
from svcnotes.control_plane.api_server.defaulting import headless, needs_health_check
from svcnotes.control_plane.api_server.metadata import validate_metadata
from svcnotes.control_plane.api_server.names import dns_subdomain
from svcnotes.control_plane.api_server.service_validation import validate_service
from svcnotes.control_plane.api_server.status import (
    FORBIDDEN,
    INVALID,
    REQUIRED,
    UNSUPPORTED,
    FieldError,
    supported,
)

Object = Mapping[str, Any]
IP_MODES = ("Proxy", "VIP")
_ONCE = "may not change once set"


def validate_update(new: Object, old: Object) -> list[FieldError]:
    """All that is wrong with an update of a Service, its metadata first."""
    spec, was = new.get("spec") or {}, old.get("spec") or {}
    errors = validate_metadata(new.get("metadata") or {}, kind="Service", namespaced=True)
    if "ExternalName" not in (spec.get("type"), was.get("type")):
        errors += _cluster_ips(was, spec) + _families(was, spec)
    errors += _load_balancer_class(was, spec)
    numbers = {holder.get("healthCheckNodePort") or 0 for holder in (was, spec)}
    if needs_health_check(was) and needs_health_check(spec) and len(numbers) > 1:
        errors.append(FieldError("spec.healthCheckNodePort", FORBIDDEN, detail="field is immutable"))
    return errors + validate_service(new, old)


def validate_status(service: Object, old: Object) -> list[FieldError]:
    """What is wrong with the addresses that a load balancer is said to have."""
    where = "status.loadBalancer.ingress"
    ingress = _ingress(service)
    if ingress and (service.get("spec") or {}).get("type") != "LoadBalancer":
        return [FieldError(where, FORBIDDEN, detail="may only be used when `spec.type` is 'LoadBalancer'")]
    accepted = {entry.get("ip") for entry in _ingress(old)}
    errors: list[FieldError] = []
    for index, entry in enumerate(ingress):
        at, ip, mode = f"{where}[{index}]", entry.get("ip") or "", entry.get("ipMode")
        host = entry.get("hostname") or ""
        if ip and ip not in accepted:
            errors += strict_ip(f"{at}.ip", ip)
        if mode is None and ip:
            errors.append(FieldError(f"{at}.ipMode", REQUIRED, detail="must be specified when `ip` is set"))
        elif mode is not None and not ip:
            errors.append(
                FieldError(f"{at}.ipMode", FORBIDDEN, detail="may not be specified when `ip` is not set")
            )
        elif mode is not None and mode not in IP_MODES:
            errors.append(FieldError(f"{at}.ipMode", UNSUPPORTED, mode, supported(IP_MODES)))
        if host:
            errors += [FieldError(f"{at}.hostname", INVALID, host, said) for said in dns_subdomain(host)]
            if parse_ip(host) is not None:
                text = "must be a DNS name, not an IP address"
                errors.append(FieldError(f"{at}.hostname", INVALID, host, text))
    return errors


def _ingress(service: Object) -> list[Mapping[str, Any]]:
    return list(((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ())


def _cluster_ips(was: Mapping[str, Any], spec: Mapping[str, Any]) -> list[FieldError]:
    old, new = list(was.get("clusterIPs") or ()), list(spec.get("clusterIPs") or ())
    if headless(was) and headless(spec):
        return []
    if len(old) == len(new):
        return [
            FieldError(f"spec.clusterIPs[{index}]", INVALID, new, _ONCE)
            for index, (one, two) in enumerate(zip(old, new, strict=True))
            if one != two
        ]
    errors = []
    if len(old) > len(new) and not new:
        errors.append(FieldError("spec.clusterIPs[0]", INVALID, None, "primary clusterIP can not be unset"))
    if old and new and old[0] != new[0]:
        errors.append(FieldError("spec.clusterIPs[0]", INVALID, new, _ONCE))
    if len(old) > len(new) == 1 and spec.get("ipFamilyPolicy") != "SingleStack":
        detail = "must be set to 'SingleStack' when releasing the secondary clusterIP"
        errors.append(FieldError("spec.ipFamilyPolicy", INVALID, spec.get("ipFamilyPolicy"), detail))
    return errors


def _families(was: Mapping[str, Any], spec: Mapping[str, Any]) -> list[FieldError]:
    old, new = list(was.get("ipFamilies") or ()), list(spec.get("ipFamilies") or ())
    if headless(was) or headless(spec):
        return []
    if len(old) == len(new):
        return [
            FieldError("spec.ipFamilies[0]", INVALID, new, _ONCE)
            for one, two in zip(old, new, strict=True)
            if one != two
        ]
    errors = []
    addresses = list(spec.get("clusterIPs") or ())
    if len(old) > len(new) and not addresses:
        errors.append(FieldError("spec.ipFamilies[0]", INVALID, new, "primary ipFamily can not be unset"))
    if old and new and old[0] != new[0]:
        errors.append(FieldError("spec.ipFamilies[0]", INVALID, addresses, _ONCE))
    if len(old) > len(new) == 1 and spec.get("ipFamilyPolicy") != "SingleStack":
        detail = "must be set to 'SingleStack' when releasing the secondary ipFamily"
        errors.append(FieldError("spec.ipFamilyPolicy", INVALID, spec.get("ipFamilyPolicy"), detail))
    return errors


def _load_balancer_class(was: Mapping[str, Any], spec: Mapping[str, Any]) -> list[FieldError]:
    both = was.get("type") == spec.get("type") == "LoadBalancer"
    if both and was.get("loadBalancerClass") != spec.get("loadBalancerClass"):
        return [FieldError("spec.loadBalancerClass", INVALID, spec.get("loadBalancerClass"), _ONCE)]
    return []
