"""v1 Endpoints written by hand: deprecated since 1.33, and still validated.

Written after pkg/apis/core/validation (ValidateEndpoints).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svcnotes.control_plane.api_server.addresses import ordinary_ip, strict_ip
from svcnotes.control_plane.api_server.metadata import validate_metadata
from svcnotes.control_plane.api_server.names import dns_label, dns_subdomain, port_number, qualified_name
from svcnotes.control_plane.api_server.status import INVALID, REQUIRED, UNSUPPORTED, FieldError, supported

Object = Mapping[str, Any]
_PROTOCOLS = ("SCTP", "TCP", "UDP")


def validate_endpoints(endpoints: Object) -> list[FieldError]:
    """All that is wrong with an Endpoints (with defaults)."""
    metadata = endpoints.get("metadata") or {}
    errors = validate_metadata(metadata, kind="Endpoints", namespaced=True)
    for index, subset in enumerate(endpoints.get("subsets") or ()):
        at = f"subsets[{index}]"
        ready, unready = subset.get("addresses") or (), subset.get("notReadyAddresses") or ()
        if not ready and not unready:
            errors.append(FieldError(at, REQUIRED, detail="must specify `addresses` or `notReadyAddresses`"))
        for field, addresses in (("addresses", ready), ("notReadyAddresses", unready)):
            for place, address in enumerate(addresses):
                errors += _address(address, f"{at}.{field}[{place}]")
        ports = subset.get("ports") or ()
        for place, port in enumerate(ports):
            errors += _port(port, f"{at}.ports[{place}]", named=len(ports) > 1)
    return errors


def _address(address: Object, at: str) -> list[FieldError]:
    ip = address.get("ip") or ""
    errors = strict_ip(f"{at}.ip", ip)
    host, node = address.get("hostname") or "", address.get("nodeName")
    if host:
        errors += [FieldError(f"{at}.hostname", INVALID, host, said) for said in dns_label(host)]
    if node is not None:
        errors += [FieldError(f"{at}.nodeName", INVALID, node, said) for said in dns_subdomain(node)]
    return errors + ordinary_ip(f"{at}.ip", ip)


def _port(port: Object, at: str, *, named: bool) -> list[FieldError]:
    name, number = port.get("name") or "", port.get("port") or 0
    errors: list[FieldError] = []
    if named and not name:
        errors.append(FieldError(f"{at}.name", REQUIRED))
    elif name:
        errors += [FieldError(f"{at}.name", INVALID, name, said) for said in dns_label(name)]
    errors += [FieldError(f"{at}.port", INVALID, number, said) for said in port_number(number)]
    if port.get("protocol") not in _PROTOCOLS:
        errors.append(FieldError(f"{at}.protocol", UNSUPPORTED, port.get("protocol"), supported(_PROTOCOLS)))
    application = port.get("appProtocol")
    if application is not None:
        errors += [
            FieldError(f"{at}.appProtocol", INVALID, application, said)
            for said in qualified_name(application)
        ]
    return errors
