"""Stored state put back: what is there stays, what is missing is defaulted and allocated."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from svcnotes.control_plane.api_server.addresses import canonical
from svcnotes.control_plane.api_server.allocation import (
    ALLOCATED,
    Ports,
    allocate_cluster_ips,
    allocate_node_ports,
    held_numbers,
)
from svcnotes.control_plane.api_server.create import decoded, known_kind, validation_errors, with_namespace
from svcnotes.control_plane.api_server.defaulting import fill_in, headless
from svcnotes.control_plane.api_server.families import default_families, family_of, normalize_cluster_ips
from svcnotes.control_plane.api_server.kinds import Served
from svcnotes.control_plane.api_server.state import ApiState, Key, Object
from svcnotes.control_plane.api_server.status import INVALID, FieldError, already_exists, invalid


def restore(state: ApiState, objects: Iterable[Object]) -> ApiState:
    """Put objects in as stored before; see ApiState.restore.

    Two passes: numbers that are given are held before any is chosen, whatever the objects' order.
    """
    entries: dict[Key, tuple[dict[str, Any], Served]] = {}
    for obj in objects:
        known = known_kind(obj)
        document, _ = decoded(obj, known)
        with_namespace(document, known, "default")
        metadata = document["metadata"]
        key: Key = (known.kind, metadata.get("namespace") or "", metadata.get("name") or "")
        if key in entries:
            raise already_exists(known.resource, key[2])
        fill_in(known.kind, document)
        entries[key] = document, known
    for key in entries:
        state = state.without_object(*key)
    state = _hold(state, entries)
    for document, known in entries.values():
        if known.kind == "Service":
            _complete(state, document)
        errors = validation_errors(document, known)
        if errors:
            raise invalid(known.kind, document["metadata"].get("name") or "", errors)
        state = state.with_object(document)
    return state


def _hold(state: ApiState, entries: Mapping[Key, tuple[dict[str, Any], Served]]) -> ApiState:
    """The state with all numbers marked as held that the Services bring; StatusError at a clash."""
    from dataclasses import replace

    node_ports, cluster_ips = state.node_ports, state.cluster_ips
    low, high = state.node_port_range
    for key, (document, known) in entries.items():
        if known.kind != "Service":
            continue
        spec = document["spec"]
        normalize_cluster_ips(spec)
        ports, _ = held_numbers(document)
        for number in ports:
            said = ""
            if not low <= number <= high and not _was_stored(document):
                said = f"provided port is not in the valid range. The range of valid ports is {low}-{high}"
            elif node_ports.get(number, key) != key:
                said = ALLOCATED
            if said:
                raise invalid("Service", key[2], [FieldError(_field(spec, number), INVALID, number, said)])
            node_ports = node_ports.with_item(number, key)
        for ip in _addresses(document):
            address = canonical(ip)
            if cluster_ips.get(address, key) != key:
                text = f"failed to allocate IP {ip}: provided IP is already allocated"
                error = FieldError("spec.clusterIPs", INVALID, spec["clusterIPs"], text)
                raise invalid("Service", key[2], [error])
            cluster_ips = cluster_ips.with_item(address, key)
    return replace(state, node_ports=node_ports, cluster_ips=cluster_ips)


def _was_stored(document: Mapping[str, Any]) -> bool:
    """Whether an API server stored it: a dump shows its uid.

    That one may have another range, or have had one: a port outside is reported by its repair loop and stays
    (pkg/registry/core/service/portallocator/controller/repair.go).
    """
    return bool(document["metadata"].get("uid"))


def _addresses(document: Mapping[str, Any]) -> list[str]:
    spec = document["spec"]
    if spec["type"] == "ExternalName" or headless(spec):
        return []
    return [ip for ip in spec.get("clusterIPs") or () if ip and ip != "None"]


def _field(spec: Mapping[str, Any], number: int) -> str:
    for index, port in enumerate(spec.get("ports") or ()):
        if port.get("nodePort") == number:
            return f"spec.ports[{index}].nodePort"
    return "spec.healthCheckNodePort"


def _complete(state: ApiState, service: dict[str, Any]) -> None:
    """Fill in families and numbers that are missing, in place.

    Addresses that are there are not questioned: a dump may come from a cluster with other ranges.
    """
    spec, metadata = service["spec"], service["metadata"]
    if spec["type"] != "ExternalName":
        given = _addresses(service)
        if given:
            spec.setdefault("ipFamilies", [family_of(ip) for ip in given])
            spec.setdefault(
                "ipFamilyPolicy", "SingleStack" if len(spec["ipFamilies"]) < 2 else "RequireDualStack"
            )
            spec.setdefault("clusterIP", given[0])
        else:
            errors = default_families(spec, state.families)
            if errors:
                raise invalid("Service", metadata.get("name") or "", errors)
            allocate_cluster_ips(service, state)
    missing = _Missing(state, f"{metadata.get('namespace', '')}/{metadata.get('name', '')}")
    missing.own = set(held_numbers(service)[0])
    allocate_node_ports(service, missing)


class _Missing(Ports):
    """Allocation among numbers that are held already: a Service's own are granted again."""

    own: set[int]

    def allocate(self, number: int) -> str:
        return "" if number in self.own else super().allocate(number)
