"""POST: the stages that a new object goes through, each of which stops all later ones.

Decode, namespace, IP families, ClusterIP, nodePorts, health-check nodePort, full validation,
admission, name taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from svcnotes.control_plane.api_server.allocation import Ports, allocate_cluster_ips, allocate_node_ports
from svcnotes.control_plane.api_server.decoding import DecodeError, compact, decode
from svcnotes.control_plane.api_server.defaulting import DEFAULTS, fill_in
from svcnotes.control_plane.api_server.families import default_families, normalize_cluster_ips
from svcnotes.control_plane.api_server.go_types import struct, type_of
from svcnotes.control_plane.api_server.kinds import Served, mapped, served
from svcnotes.control_plane.api_server.metadata import validate_metadata
from svcnotes.control_plane.api_server.service_validation import validate_service
from svcnotes.control_plane.api_server.service_warnings import service_warnings
from svcnotes.control_plane.api_server.state import ApiState, Key, Object, StatusError, Written
from svcnotes.control_plane.api_server.status import (
    FieldError,
    already_exists,
    bad_request,
    forbidden,
    go_quote,
    invalid,
    not_found,
)

FIRST_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
ENDPOINTS_DEPRECATED = "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
_SCHEME = "pkg/api/legacyscheme/scheme.go:30"
_DROPPED = ("deletionTimestamp", "deletionGracePeriodSeconds", "resourceVersion", "uid", "selfLink")


def create(
    state: ApiState,
    obj: Object,
    *,
    namespace: str = "default",
    dry_run: bool = False,
    validate: str = "strict",
) -> Written:
    """Create an object as kube-apiserver does; see ApiState.create."""
    known = known_kind(obj)
    warnings = [ENDPOINTS_DEPRECATED] if known.kind == "Endpoints" else []
    try:
        document, said = decoded(obj, known, validate=validate)
        warnings += said
        with_namespace(document, known, namespace)
        return _admit(state, document, known, warnings, dry_run=dry_run)
    except StatusError as error:
        raise error.with_warnings(warnings) if warnings and not error.warnings else error from None


def known_kind(obj: Object) -> Served:
    """The kind that an object says it is; StatusError (400) where the server has none of that name."""
    api_version, kind = str(obj.get("apiVersion") or ""), str(obj.get("kind") or "")
    known = mapped(api_version, kind)
    if known is None:
        raise not_found_kind(api_version, kind)
    if served(api_version, kind) is None:
        raise bad_request(
            f"{kind} in version {go_quote(known.version)} cannot be handled as a {known.kind}: no kind "
            f"{go_quote(kind)} is registered for version {go_quote(api_version)} in scheme {go_quote(_SCHEME)}",
            kind=known.kind,
        )
    return known


def not_found_kind(api_version: str, kind: str) -> StatusError:
    """HTTP 404 of a path that is not served."""
    return StatusError(
        "NotFound", f"no matches for kind {go_quote(kind)} in version {go_quote(api_version)}", code=404
    )


def decoded(obj: Object, known: Served, *, validate: str = "strict") -> tuple[dict[str, Any], list[str]]:
    """The object decoded strictly, a copy to work on, and warnings of unknown fields.

    A Service, an EndpointSlice and Endpoints lose what Go leaves out when empty; other kinds keep
    what they say. Raises StatusError (400).
    """
    go = type_of(known.api_version, known.kind)
    prefix = f"{known.kind} in version {go_quote(known.version)} cannot be handled as a {known.kind}: "
    try:
        if go is None:  # no table of this kind's fields: its metadata is read all the same
            decode({"metadata": obj.get("metadata")}, struct("resource.metadataOnlyObject"))
            return _copy(obj), []
        unknown = decode(obj, go)
    except DecodeError as error:
        text = str(error).replace("metadataOnlyObject", known.kind)
        raise bad_request(f"{prefix}{text}", kind=known.kind) from None
    said = [f"unknown field {go_quote(path)}" for path in unknown]
    if said and validate == "strict":
        raise bad_request(f"{prefix}strict decoding error: {', '.join(said)}", kind=known.kind)
    document = compact(obj, go) if known.kind in DEFAULTS or said else _copy(obj)
    document.setdefault("metadata", {})
    return document, said if validate == "warn" else []


def _copy(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copy(held) for key, held in value.items() if held is not None}
    return [_copy(item) for item in value] if isinstance(value, list) else value


def with_namespace(document: dict[str, Any], known: Served, namespace: str) -> None:
    """Put the request's namespace into an object that names none, in place; metadata comes first."""
    metadata = document.get("metadata") or {}
    document["metadata"] = metadata
    if known.namespaced and not metadata.get("namespace"):
        metadata["namespace"] = namespace
    if metadata.get("generateName") and not metadata.get("name"):
        # five characters as the server adds them; these follow from the prefix
        digest = sha256(metadata["generateName"].encode()).digest()
        metadata["name"] = metadata["generateName"] + "".join(
            "bcdfghjklmnpqrstvwxz2456789"[byte % 27] for byte in digest[:5]
        )


def _admit(
    state: ApiState, document: dict[str, Any], known: Served, warnings: list[str], *, dry_run: bool
) -> Written:
    metadata = document["metadata"]
    namespace, name = metadata.get("namespace") or "", metadata.get("name") or ""
    if known.namespaced and ("Namespace", "", namespace) not in state.objects:
        raise not_found("namespaces", namespace)
    fill_in(known.kind, document)
    if known.kind == "Service":
        prepare_service(state, document, dry_run=dry_run)
    errors = validation_errors(document, known)
    if errors:
        raise invalid(known.kind, name, errors)
    if known.kind == "Service":
        document["status"] = {"loadBalancer": {}}
        if document["spec"]["type"] == "ExternalName":
            document["spec"].pop("internalTrafficPolicy", None)  # accepted, but not kept
        warnings += service_warnings(document)
        if document["spec"].get("externalIPs") and "DenyServiceExternalIPs" in state.admission_plugins:
            raise forbidden("services", name, "Use of external IPs is denied by admission control")
    elif known.kind == "EndpointSlice":
        from svcnotes.control_plane.api_server.validate_endpointslice import endpoint_slice_warnings

        warnings += endpoint_slice_warnings(document)
    if metadata.get("resourceVersion"):
        raise StatusError("", "resourceVersion should not be set on objects to be created", code=500)
    key: Key = (known.kind, namespace, name)
    if key in state.objects:
        raise already_exists(known.resource, name)
    for field in _DROPPED:
        metadata.pop(field, None)
    return Written(state if dry_run else state.with_object(document), document, tuple(warnings))


def prepare_service(state: ApiState, service: dict[str, Any], *, dry_run: bool = False) -> None:
    """IP families, ClusterIPs and nodePorts of a new Service, in place; raises StatusError."""
    spec, name = service["spec"], service["metadata"].get("name") or ""
    normalize_cluster_ips(spec)
    errors = default_families(spec, state.families)
    if errors:
        raise invalid("Service", name, errors)
    allocate_cluster_ips(service, state, dry_run=dry_run)
    seed = f"{service['metadata'].get('namespace', '')}/{name}"
    allocate_node_ports(service, Ports(state, seed, dry_run))


def validation_errors(document: Mapping[str, Any], known: Served) -> list[FieldError]:
    """All that is wrong with an object whose defaults and numbers are filled in."""
    if known.kind == "Service":
        return validate_service(document)
    if known.kind == "EndpointSlice":
        from svcnotes.control_plane.api_server.validate_endpointslice import validate_endpoint_slice

        return validate_endpoint_slice(document)
    if known.kind == "Endpoints":
        from svcnotes.control_plane.api_server.validate_endpoints import validate_endpoints

        return validate_endpoints(document)
    if known.kind == "NetworkPolicy":
        from svcnotes.control_plane.api_server.validate_networkpolicy import validate_network_policy

        return validate_network_policy(document)
    return validate_metadata(document["metadata"], kind=known.kind, namespaced=known.namespaced)


def fresh(state: ApiState) -> ApiState:
    """An empty state with a new cluster's first namespaces and the Service default/kubernetes."""
    for name in FIRST_NAMESPACES:
        state = state.with_object(
            {
                "apiVersion": "v1",
                "kind": "Namespace",
                "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name}},
                "spec": {"finalizers": ["kubernetes"]},
                "status": {"phase": "Active"},
            }
        )
    return state.create(_kubernetes(state)).state


def _kubernetes(state: ApiState) -> Object:
    """The API server's own Service: the first address of its first range."""
    import ipaddress

    first = ipaddress.ip_network(state.service_cidrs[0], strict=False)[1]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "kubernetes",
            "namespace": "default",
            "labels": {"component": "apiserver", "provider": "kubernetes"},
        },
        "spec": {
            "clusterIP": str(first),
            "ports": [{"name": "https", "port": 443, "targetPort": 6443}],
        },
    }
