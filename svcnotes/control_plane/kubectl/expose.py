"""`kubectl expose` and `kubectl create service`: Services made from a few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from svcnotes.control_plane.api_server import update
from svcnotes.control_plane.api_server.state import ApiState, StatusError
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.delete import unknown
from svcnotes.control_plane.kubectl.visit import answer, done, refused
from svcnotes.control_plane.resources import by_word

Json = dict[str, Any]
_TYPES = {"clusterip": "ClusterIP", "nodeport": "NodePort", "loadbalancer": "LoadBalancer"}


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
) -> Answer:
    """What `kubectl create service KIND NAME --tcp=PORT[:TARGET]` leaves behind.

    `kind` is clusterip, nodeport, loadbalancer or externalname.
    """
    what = _TYPES.get(kind, "ExternalName")
    spec: Json = {"type": what, "selector": {"app": name}}
    ports = [_tcp(pair) for pair in tcp]
    if node_port and what == "NodePort":
        for port in ports:
            port["nodePort"] = node_port
    if ports:
        spec["ports"] = ports
    if cluster_ip:
        spec["clusterIP"] = cluster_ip
    if external_name:
        spec["externalName"] = external_name
    metadata = {"name": name, "namespace": namespace, "labels": {"app": name}}
    service = {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}
    try:
        written = state.create(service, namespace=namespace)
    except StatusError as error:
        return Answer(state, "", f"error: failed to create {what} service: {error.message}\n", 1)
    return answer(done(written, f"service/{name} created\n"))


def _tcp(pair: str) -> Json:
    """`80:8080` or `443`; the port is named after both."""
    port, _, target = pair.partition(":")
    value: int | str = int(target) if target.isdigit() else target
    return {
        "name": pair.replace(":", "-"),
        "protocol": "TCP",
        "port": int(port),
        "targetPort": value if target else int(port),
    }


def expose(
    word: str,
    name: str,
    state: ApiState,
    *,
    port: str = "",
    options: Mapping[str, str] | None = None,
    namespace: str = "default",
) -> Answer:
    """What `kubectl expose WORD NAME --port=PORT` leaves behind.

    `options` holds the other flags by their names: name, type, target-port, protocol, external-ip,
    session-affinity, cluster-ip, load-balancer-ip, selector.
    """
    options = options or {}
    resource = by_word(word)
    if resource is None:
        return Answer(state, "", unknown(word), 1)
    obj = state.get(resource.kind, namespace if resource.namespaced else "", name)
    if obj is None:
        return answer(refused(state, update.missing(resource.kind, name)))
    selector = _selector(resource.kind, obj, options.get("selector", ""))
    if isinstance(selector, str):
        return Answer(
            state,
            "",
            f"error: couldn't retrieve selectors via --selector flag or introspection: {selector}\n",
            1,
        )
    numbers = [int(number) for number in port.split(",")] if port else _container_ports(obj)
    if not numbers:
        return Answer(state, "", "error: couldn't find port via --port flag or introspection\n", 1)
    service = _service(obj, selector, numbers, options, namespace)
    try:
        written = state.create(service, namespace=namespace)
    except StatusError as error:
        return answer(refused(state, error))
    return answer(done(written, f"service/{service['metadata']['name']} exposed\n"))


def _service(
    obj: Mapping[str, Any],
    selector: Mapping[str, str],
    numbers: Sequence[int],
    options: Mapping[str, str],
    namespace: str,
) -> Json:
    target = options.get("target-port", "")
    spec: Json = {"selector": dict(selector), "ports": []}
    for index, number in enumerate(numbers, 1):
        entry: Json = {"port": number, "protocol": options.get("protocol", "TCP")}
        entry["targetPort"] = (int(target) if target.isdigit() else target) if target else number
        if len(numbers) > 1:
            entry["name"] = f"port-{index}"
        spec["ports"].append(entry)
    for flag, field in (
        ("type", "type"),
        ("session-affinity", "sessionAffinity"),
        ("cluster-ip", "clusterIP"),
        ("load-balancer-ip", "loadBalancerIP"),
    ):
        if options.get(flag):
            spec[field] = options[flag]
    if options.get("external-ip"):
        spec["externalIPs"] = [options["external-ip"]]
    metadata: Json = {"name": options.get("name") or obj["metadata"]["name"], "namespace": namespace}
    if obj["metadata"].get("labels"):
        metadata["labels"] = dict(obj["metadata"]["labels"])
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": spec}


def _selector(kind: str, obj: Mapping[str, Any], given: str) -> Mapping[str, str] | str:
    """The labels to select, or why there are none."""
    if given:
        return dict(pair.split("=", 1) for pair in given.split(",") if "=" in pair)
    if kind == "Pod":
        return obj["metadata"].get("labels") or "the pod has no labels and cannot be exposed"
    selector = (obj.get("spec") or {}).get("selector") or {}
    if kind == "Service":
        return selector or "the service has no pod selector set"
    labels = selector.get("matchLabels")
    return labels or "invalid deployment: no selectors, therefore cannot be exposed"


def _container_ports(obj: Mapping[str, Any]) -> list[int]:
    """The ports that the containers (or the Service) declare."""
    spec = obj.get("spec") or {}
    if obj.get("kind") == "Service":
        return [port["port"] for port in spec.get("ports") or ()]
    pod = (spec.get("template") or {}).get("spec") or {} if "template" in spec else spec
    return [
        port["containerPort"]
        for container in pod.get("containers") or ()
        for port in container.get("ports") or ()
    ]
