"""`kubectl expose`: a Service for the Pods of what is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from svcnotes.control_plane.api_server import update
from svcnotes.control_plane.api_server.state import ApiState, StatusError
from svcnotes.control_plane.api_server.status import go_quote
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.kubectl.delete import unknown
from svcnotes.control_plane.kubectl.visit import answer, done, refused
from svcnotes.control_plane.resources import by_word

Json = dict[str, Any]


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
    declared = _container_ports(obj)
    for number in port.split(",") if port else ():
        if not number.isdecimal():
            said = f"error: strconv.Atoi: parsing {go_quote(number)}: invalid syntax\n"
            return Answer(state, "", said, 1)
    numbers = [int(number) for number in port.split(",")] if port else list(dict.fromkeys(declared))
    if not numbers:
        return Answer(state, "", "error: couldn't find port via --port flag or introspection\n", 1)
    service = _service(obj, selector, numbers, declared, options)
    try:
        written = state.create(service, namespace=namespace)
    except StatusError as error:
        return answer(refused(state, error))
    return answer(done(written, f"service/{service['metadata']['name']} exposed\n"))


def _service(
    obj: Mapping[str, Any],
    selector: Mapping[str, str],
    numbers: Sequence[int],
    declared: Mapping[int, str],
    options: Mapping[str, str],
) -> Json:
    target = options.get("target-port", "")
    spec: Json = {"selector": dict(selector), "ports": []}
    for index, number in enumerate(numbers, 1):
        entry: Json = {"port": number, "protocol": options.get("protocol") or declared.get(number, "TCP")}
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
    metadata: Json = {"name": options.get("name") or obj["metadata"]["name"]}
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


def _container_ports(obj: Mapping[str, Any]) -> dict[int, str]:
    """The ports that the containers (or the Service) declare, with their protocols."""
    spec = obj.get("spec") or {}
    if obj.get("kind") == "Service":
        return {port["port"]: port.get("protocol") or "TCP" for port in spec.get("ports") or ()}
    pod = (spec.get("template") or {}).get("spec") or {} if "template" in spec else spec
    return {
        port["containerPort"]: port.get("protocol") or "TCP"
        for container in pod.get("containers") or ()
        for port in container.get("ports") or ()
    }
