"""`kubectl create service`: a Service from a few words, with kubectl's own checks before the server's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from svcnotes.control_plane.api_server.names import dns_subdomain, port_name, port_number
from svcnotes.control_plane.api_server.state import ApiState, StatusError
from svcnotes.control_plane.api_server.status import go_quote
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.messages import KubectlError
from svcnotes.control_plane.kubectl.visit import MARKS, Outcome, answer, done
from svcnotes.control_plane.kubectl.yaml_writer import to_yaml

Json = dict[str, Any]
_TYPES = {
    "clusterip": "ClusterIP",
    "nodeport": "NodePort",
    "loadbalancer": "LoadBalancer",
    "externalname": "ExternalName",
}


def create_service(
    kind: str,
    name: str,
    state: ApiState,
    *,
    tcp: Sequence[str] = (),
    node_port: int = 0,
    cluster_ip: str = "",
    external_name: str = "",
    namespace: str = "default",
    dry_run: str = "",
    output: str = "",
) -> Answer:
    """What `kubectl create service KIND NAME --tcp=PORT[:TARGET]` leaves behind.

    `kind` is clusterip, nodeport, loadbalancer or externalname; `output` is empty, yaml or name.
    """
    what = _TYPES.get(kind)
    if what is None:
        return answer(Outcome(state, failure=KubectlError(f"unknown command {go_quote(f'{kind} {name}')}")))
    try:
        service = _service(what, name, tcp, node_port, cluster_ip, external_name)
    except KubectlError as error:
        return answer(Outcome(state, failure=error))
    if dry_run == "client":
        return Answer(state, _shown(service, name, dry_run, output))
    try:
        written = state.create(service, namespace=namespace, dry_run=bool(dry_run))
    except StatusError as error:
        said = KubectlError(f"failed to create {what} service: {error.message}")
        return answer(Outcome(state, "", error.warnings, failure=said))
    return answer(done(written, _shown(written.object, name, dry_run, output)))


def _shown(service: Any, name: str, dry_run: str, output: str) -> str:
    if output == "yaml":
        return to_yaml(service)
    if output == "name":
        return f"service/{name}\n"
    return f"service/{name} created{MARKS[dry_run]}\n"


def _service(
    what: str, name: str, tcp: Sequence[str], node_port: int, cluster_ip: str, external_name: str
) -> Json:
    if cluster_ip == "None" and tcp:
        raise KubectlError("can not map ports with clusterip=None")
    if cluster_ip != "None" and not tcp and what != "ExternalName":
        raise KubectlError("at least one tcp port specification must be provided")
    if what == "ExternalName" and dns_subdomain(external_name):
        raise KubectlError(f"invalid service external name {external_name}")
    spec: Json = {"selector": {"app": name}, "type": what}
    ports = [_port(pair) for pair in tcp]
    for port in ports:
        if node_port and what == "NodePort":
            port["nodePort"] = node_port
    if ports:
        spec["ports"] = ports
    if cluster_ip:
        spec["clusterIP"] = cluster_ip
    if external_name:
        spec["externalName"] = external_name
    metadata = {"name": name, "labels": {"app": name}}
    status: Json = {"loadBalancer": {}}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec, "status": status}


def _port(pair: str) -> Json:
    """`80:8080`, `80:http` or `443`; the port is named after both halves."""
    words = pair.split(":")
    port = _number(words[0])
    target: int | str = port
    if len(words) > 1:
        text = words[1]
        said = port_number(int(text)) if text.lstrip("+-").isdigit() else port_name(text)
        if said:
            raise KubectlError(",".join(said))
        target = int(text) if text.lstrip("+-").isdigit() else text
    return {"name": pair.replace(":", "-"), "port": port, "protocol": "TCP", "targetPort": target}


def _number(text: str) -> int:
    if not text.isdigit():
        raise KubectlError(f"strconv.ParseUint: parsing {go_quote(text)}: invalid syntax")
    if int(text) > 65535:
        raise KubectlError(f"strconv.ParseUint: parsing {go_quote(text)}: value out of range")
    return int(text)
