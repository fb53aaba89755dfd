"""The stages of an update of a Service, each of which stops all later ones.

Defaults, what the manifest left out, IP families, numbers, what the new type drops, full
validation, admission. Written after pkg/registry/core/service (beginUpdate, the strategy).
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from svcnotes.control_plane.api_server.defaulting import default_service
from svcnotes.control_plane.api_server.families import default_families
from svcnotes.control_plane.api_server.service_warnings import service_warnings
from svcnotes.control_plane.api_server.state import ApiState, Object
from svcnotes.control_plane.api_server.status import forbidden, invalid
from svcnotes.control_plane.api_server.update_allocation import allocate_update
from svcnotes.control_plane.api_server.update_values import (
    drop_unneeded,
    keep_allocated,
    normalize_cluster_ips,
    prefers_both_as_before,
)
from svcnotes.control_plane.api_server.validate_update import validate_status, validate_update


def update_service(
    state: ApiState, service: dict[str, Any], old: Object, *, dry_run: bool = False
) -> list[str]:
    """Make a decoded Service what is stored in place of `old`; gives the warnings.

    Changes `service` in place. Raises StatusError.
    """
    default_service(service)
    spec, was = service["spec"], old["spec"]
    name = service["metadata"].get("name") or ""
    keep_allocated(spec, was)
    normalize_cluster_ips(spec, was)
    if not prefers_both_as_before(spec, was):
        errors = default_families(spec, state.families, was)
        if errors:
            raise invalid("Service", name, errors)
    allocate_update(service, old, state, dry_run=dry_run)
    service["status"] = deepcopy(old.get("status") or {"loadBalancer": {}})
    drop_unneeded(spec, was)
    if spec["type"] != "LoadBalancer":
        service["status"] = service["status"] | {"loadBalancer": {}}
    errors = validate_update(service, old)
    if errors:
        raise invalid("Service", name, errors)
    warnings = list(service_warnings(service))
    added = set(spec.get("externalIPs") or ()) - set(was.get("externalIPs") or ())
    if added and "DenyServiceExternalIPs" in state.admission_plugins:
        why = "Use of external IPs is denied by admission control"
        raise forbidden("services", name, why).with_warnings(warnings)
    if spec["type"] == "ExternalName":
        spec.pop("internalTrafficPolicy", None)  # kept by older servers, never shown
    return warnings


def update_service_status(service: dict[str, Any], old: Object) -> None:
    """Make a decoded Service what is stored when only its status is written; raises StatusError."""
    default_service(service)
    service["spec"] = deepcopy(dict(old["spec"]))
    errors = validate_status(service, old)
    if errors:
        raise invalid("Service", service["metadata"].get("name") or "", errors)
