"""Numbers on update: other rules than on create, as a real kube-apiserver has them.

Two entries with the same `port` get two nodePorts here, not one; the same nodePort twice is an
internal error where the protocols are the same, and accepted where they differ. Written after
pkg/registry/core/service/storage (updateClusterIPs, updateNodePorts, updateHealthCheckNodePort).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svcnotes.control_plane.api_server.allocation import Ports, allocate_cluster_ips, allocate_health_check
from svcnotes.control_plane.api_server.defaulting import NODE_PORT_TYPES, headless, needs_health_check
from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.api_server.status import INVALID, FieldError, StatusError, invalid
from svcnotes.control_plane.api_server.update_values import (
    allocates_node_ports,
    node_ports,
    prefers_both_as_before,
)

Object = Mapping[str, Any]


def allocate_update(service: dict[str, Any], old: Object, state: ApiState, *, dry_run: bool = False) -> None:
    """Choose and check the numbers that the new Service needs, in place. Raises StatusError.

    Numbers that are needed no more are given back when the state stores the object.
    """
    metadata = old["metadata"]
    key = ("Service", metadata.get("namespace", ""), metadata["name"])
    spec, was = service["spec"], old["spec"]
    _cluster_ips(service, was, state.without_object(*key, keep_place=True), dry_run=dry_run)
    ports = Ports(state, f"{key[1]}/{key[2]}", dry_run)
    if spec["type"] in NODE_PORT_TYPES:
        _node_ports(service, was, ports)
    if needs_health_check(spec) and not needs_health_check(was):
        allocate_health_check(spec, ports)


def _cluster_ips(service: dict[str, Any], was: Object, state: ApiState, *, dry_run: bool) -> None:
    """Addresses for a Service that had none, or a second one for a Service that becomes dual-stack.

    `state` is without the Service's own numbers, so that it can keep them.
    """
    spec = service["spec"]
    if spec["type"] == "ExternalName" or prefers_both_as_before(spec, was):
        return
    if was["type"] == "ExternalName":
        allocate_cluster_ips(service, state, dry_run=dry_run)
    elif (
        not headless(was) and len(was.get("ipFamilies") or ()) == 1 and len(spec.get("ipFamilies") or ()) == 2
    ):
        first = spec.get("clusterIPs") or [""]
        if first[0] != (was.get("clusterIPs") or [""])[0]:
            return  # validation says that the first address may not change
        allocate_cluster_ips(service, state, dry_run=dry_run)


def _node_ports(service: dict[str, Any], was: Object, ports: Ports) -> None:
    spec = service["spec"]
    kept, seen = node_ports(was), set()
    for index, port in enumerate(spec.get("ports") or ()):
        number = port.get("nodePort") or 0
        if not number and not allocates_node_ports(spec):
            continue
        if not number:
            number = port["nodePort"] = ports.allocate_next("failed to allocate a nodePort")
        elif number not in kept and number not in ports.taken:
            said = ports.allocate(number)
            if said:
                error = FieldError(f"spec.ports[{index}].nodePort", INVALID, number, said)
                raise invalid("Service", service["metadata"].get("name", ""), [error])
        pair = (port["protocol"], number)
        if pair in seen:
            raise StatusError("", f"duplicate nodePort: {{{port['protocol']} {number}}}", code=500)
        seen.add(pair)
