"""What is wrong with a NetworkPolicy whose defaults are filled in. Source: pkg/apis/networking/validation."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Any

from svcnotes.control_plane.api_server.addresses import strict_cidr
from svcnotes.control_plane.api_server.metadata import validate_labels, validate_metadata
from svcnotes.control_plane.api_server.names import label_value, port_name, port_number, qualified_name
from svcnotes.control_plane.api_server.status import (
    FORBIDDEN,
    INVALID,
    REQUIRED,
    UNSUPPORTED,
    FieldError,
    supported,
)

Object = Mapping[str, Any]
PROTOCOLS = ("SCTP", "TCP", "UDP")
TYPES = ("Egress", "Ingress")
_WITH_VALUES, _WITHOUT_VALUES = ("In", "NotIn"), ("Exists", "DoesNotExist")


def validate_network_policy(policy: Object) -> list[FieldError]:
    """Errors of a NetworkPolicy, in the API server's order."""
    errors = validate_metadata(policy["metadata"], kind="NetworkPolicy", namespaced=True)
    spec = policy.get("spec") or {}
    errors += _selector(spec.get("podSelector") or {}, "spec.podSelector")
    for field, peers in (("ingress", "from"), ("egress", "to")):
        for index, rule in enumerate(spec.get(field) or ()):
            at = f"spec.{field}[{index}]"
            for place, port in enumerate(rule.get("ports") or ()):
                errors += _port(port, f"{at}.ports[{place}]")
            for place, peer in enumerate(rule.get(peers) or ()):
                errors += _peer(peer, f"{at}.{peers}[{place}]")
    types = spec.get("policyTypes") or ()
    if len(types) > len(TYPES):
        said = "may not specify more than two policyTypes"
        return [*errors, FieldError("spec.policyTypes", INVALID, list(types), said)]
    for index, one in enumerate(types):
        if one not in TYPES:
            errors.append(FieldError(f"spec.policyTypes[{index}]", UNSUPPORTED, one, supported(TYPES)))
    return errors


def _port(port: Object, at: str) -> list[FieldError]:
    errors = []
    protocol, number, last = port.get("protocol"), port.get("port"), port.get("endPort")
    if protocol is not None and protocol not in PROTOCOLS:
        errors.append(FieldError(f"{at}.protocol", UNSUPPORTED, protocol, supported(PROTOCOLS)))
    if isinstance(number, int):
        errors += [FieldError(f"{at}.port", INVALID, number, text) for text in port_number(number)]
        if last is not None:
            if last < number:
                said = "must be greater than or equal to `port`"
                errors.append(FieldError(f"{at}.endPort", INVALID, number, said))
            errors += [FieldError(f"{at}.endPort", INVALID, last, text) for text in port_number(last)]
        return errors
    if last is not None:
        why = "non-numeric" if number is not None else "not specified"
        errors.append(
            FieldError(f"{at}.endPort", INVALID, last, f"may not be specified when `port` is {why}")
        )
    if number is not None:
        errors += [FieldError(f"{at}.port", INVALID, number, text) for text in port_name(number)]
    return errors


def _peer(peer: Object, at: str) -> list[FieldError]:
    errors = []
    block = peer.get("ipBlock")
    selectors = [name for name in ("podSelector", "namespaceSelector") if peer.get(name) is not None]
    for name in selectors:
        errors += _selector(peer[name], f"{at}.{name}")
    if block is not None:
        errors += _block(block, f"{at}.ipBlock")
    if block is None and not selectors:
        errors.append(FieldError(at, REQUIRED, None, "must specify a peer"))
    elif block is not None and selectors:
        errors.append(FieldError(at, FORBIDDEN, None, "may not specify both ipBlock and another peer"))
    return errors


def _block(block: Object, at: str) -> list[FieldError]:
    cidr = block.get("cidr") or ""
    if not cidr:
        return [FieldError(f"{at}.cidr", REQUIRED)]
    errors = strict_cidr(f"{at}.cidr", cidr)
    if errors:
        return errors
    whole: Any = ip_network(cidr)
    for index, text in enumerate(block.get("except") or ()):
        field = f"{at}.except[{index}]"
        wrong = strict_cidr(field, text)
        errors += wrong
        part: Any = None if wrong else ip_network(text)
        if part is not None and not (
            part.version == whole.version and part != whole and part.subnet_of(whole)
        ):
            errors.append(FieldError(field, INVALID, text, "must be a strict subset of `cidr`"))
    return errors


def _selector(selector: Object, at: str) -> list[FieldError]:
    """Errors of a label selector (apimachinery, ValidateLabelSelector)."""
    errors = validate_labels(selector.get("matchLabels") or {}, f"{at}.matchLabels")
    for index, one in enumerate(selector.get("matchExpressions") or ()):
        field = f"{at}.matchExpressions[{index}]"
        operator, values = one.get("operator") or "", one.get("values") or ()
        if operator in _WITH_VALUES and not values:
            said = "must be specified when `operator` is 'In' or 'NotIn'"
            errors.append(FieldError(f"{field}.values", REQUIRED, None, said))
        elif operator in _WITHOUT_VALUES and values:
            said = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            errors.append(FieldError(f"{field}.values", FORBIDDEN, None, said))
        elif operator not in (*_WITH_VALUES, *_WITHOUT_VALUES):
            errors.append(FieldError(f"{field}.operator", INVALID, operator, "not a valid selector operator"))
        key = one.get("key") or ""
        errors += [FieldError(f"{field}.key", INVALID, key, text) for text in qualified_name(key)]
        for place, value in enumerate(values):
            errors += [
                FieldError(f"{field}.values[{place}]", INVALID, value, text) for text in label_value(value)
            ]
    return errors
