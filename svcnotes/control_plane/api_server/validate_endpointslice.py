"""EndpointSlices written by hand: what is refused, what is warned of.

Written after pkg/apis/discovery/validation. Port numbers are not checked at all:
0 and 70000 are accepted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svcnotes.control_plane.api_server.addresses import ip_warnings, is_v6, ordinary_ip, strict_ip
from svcnotes.control_plane.api_server.metadata import validate_metadata
from svcnotes.control_plane.api_server.names import dns_label, dns_subdomain, label_value, qualified_name
from svcnotes.control_plane.api_server.status import (
    DUPLICATE,
    INVALID,
    REQUIRED,
    TOO_MANY,
    UNSUPPORTED,
    FieldError,
    supported,
)

Object = Mapping[str, Any]
MAX_ENDPOINTS, MAX_ADDRESSES, MAX_PORTS, MAX_HINTS = 1000, 100, 20000, 8
_PROTOCOLS = ("SCTP", "TCP", "UDP")
_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")


def too_many(field: str, count: int, limit: int) -> FieldError:
    """A list that is longer than it may be."""
    return FieldError(field, TOO_MANY, count, f"must have at most {limit} items")


def validate_endpoint_slice(endpoint_slice: Object, old: Object | None = None) -> list[FieldError]:
    """All that is wrong with a slice (with defaults); `old` is the one it replaces.

    Endpoints that are as before are not looked at again.
    """
    kind = endpoint_slice.get("addressType") or ""
    metadata = endpoint_slice.get("metadata") or {}
    errors = validate_metadata(metadata, kind="EndpointSlice", namespaced=True)
    if not kind:
        errors.append(FieldError("addressType", REQUIRED))
    elif kind not in _ADDRESS_TYPES:
        errors.append(FieldError("addressType", UNSUPPORTED, kind, supported(_ADDRESS_TYPES)))
    errors += _ports(endpoint_slice.get("ports") or ())
    endpoints = endpoint_slice.get("endpoints") or ()
    if old is None or list(old.get("endpoints") or ()) != list(endpoints):
        errors += _endpoints(endpoints, kind)
    if old is not None and old.get("addressType") != kind:
        errors.append(FieldError("addressType", INVALID, kind, "field is immutable"))
    return errors


def endpoint_slice_warnings(endpoint_slice: Object) -> tuple[str, ...]:
    """What is accepted with a warning: FQDN endpoints, addresses in an odd form."""
    if endpoint_slice.get("addressType") == "FQDN":
        return ("spec.addressType: FQDN endpoints are deprecated",)
    return tuple(
        warning
        for i, endpoint in enumerate(endpoint_slice.get("endpoints") or ())
        for j, address in enumerate(endpoint.get("addresses") or ())
        for warning in ip_warnings(f"spec.endpoints[{i}].addresses[{j}]", address)
    )


def _ports(ports: Any) -> list[FieldError]:
    if len(ports) > MAX_PORTS:
        return [too_many("ports", len(ports), MAX_PORTS)]
    errors: list[FieldError] = []
    names: set[str] = set()
    for index, port in enumerate(ports):
        at, name = f"ports[{index}]", port.get("name") or ""
        if name:
            errors += [FieldError(f"{at}.name", INVALID, name, said) for said in dns_label(name)]
        if name in names:
            errors.append(FieldError(f"{at}.name", DUPLICATE, name))
        names.add(name)
        protocol = port.get("protocol", "TCP")
        if protocol not in _PROTOCOLS:
            errors.append(FieldError(f"{at}.protocol", UNSUPPORTED, protocol, supported(_PROTOCOLS)))
        application = port.get("appProtocol")
        if application is not None:
            errors += [
                FieldError(f"{at}.appProtocol", INVALID, application, s) for s in qualified_name(application)
            ]
    return errors


def _endpoints(endpoints: Any, kind: str) -> list[FieldError]:
    if len(endpoints) > MAX_ENDPOINTS:
        return [too_many("endpoints", len(endpoints), MAX_ENDPOINTS)]
    errors: list[FieldError] = []
    for index, endpoint in enumerate(endpoints):
        at = f"endpoints[{index}]"
        addresses = endpoint.get("addresses") or ()
        if not addresses:
            errors.append(FieldError(f"{at}.addresses", REQUIRED, detail="must contain at least 1 address"))
        elif len(addresses) > MAX_ADDRESSES:
            errors.append(too_many(f"{at}.addresses", len(addresses), MAX_ADDRESSES))
        for place, address in enumerate(addresses):
            errors += _address(address, kind, f"{at}.addresses", place)
        node = endpoint.get("nodeName")
        if node is not None:
            errors += [FieldError(f"{at}.nodeName", INVALID, node, said) for said in dns_subdomain(node)]
        errors += _topology(endpoint.get("deprecatedTopology") or {}, f"{at}.deprecatedTopology")
        host = endpoint.get("hostname")
        if host is not None:
            errors += [FieldError(f"{at}.hostname", INVALID, host, said) for said in dns_label(host)]
        if endpoint.get("hints") is not None:
            errors += _hints(endpoint["hints"], f"{at}.hints")
    return errors


def _address(address: str, kind: str, field: str, place: int) -> list[FieldError]:
    at = f"{field}[{place}]"
    if kind == "FQDN":
        return _domain(address, at)
    if kind not in ("IPv4", "IPv6"):
        return []
    errors = strict_ip(at, address)
    if errors:
        return errors
    if is_v6(address) != (kind == "IPv6"):
        errors.append(FieldError(field, INVALID, address, f"must be an {kind} address"))  # the list is blamed
    return errors + ordinary_ip(at, address)


def _domain(name: str, field: str) -> list[FieldError]:
    if not name:
        return [FieldError(field, REQUIRED)]
    name = name.removesuffix(".")
    said = dns_subdomain(name)
    if said:
        return [FieldError(field, INVALID, name, ",".join(said))]
    labels = name.split(".")
    if len(labels) < 2:
        return [
            FieldError(
                field, INVALID, name, "should be a domain with at least two segments separated by dots"
            )
        ]
    for label in labels:
        said = dns_label(label)
        if said:
            return [FieldError(field, INVALID, label, ",".join(said))]
    return []


def _topology(topology: Mapping[str, str], field: str) -> list[FieldError]:
    errors = [too_many(field, len(topology), 16)] if len(topology) > 16 else []
    for key in sorted(topology):
        errors += [FieldError(field, INVALID, key, said) for said in qualified_name(key)]
        errors += [
            FieldError(f"{field}", INVALID, topology[key], said) for said in label_value(topology[key])
        ]
    return errors


def _hints(hints: Object, field: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for name, check in (("forZones", label_value), ("forNodes", dns_subdomain)):
        entries = hints.get(name) or ()
        if len(entries) > MAX_HINTS:
            return [*errors, too_many(f"{field}.{name}", len(entries), MAX_HINTS)]
        seen: set[str] = set()
        for index, entry in enumerate(entries):
            value, at = entry.get("name") or "", f"{field}.{name}[{index}].name"
            if value in seen:
                errors.append(FieldError(at, DUPLICATE, value))
            seen.add(value)
            errors += [FieldError(at, INVALID, value, said) for said in check(value)]
    return errors
