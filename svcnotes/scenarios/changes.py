"""A cluster with one thing changed: a Service's policy, where its Pods run, a rule taken out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import Service, ServicePort
from svcnotes.errors import QuestionError
from svcnotes.kube_proxy.modes import mode_named
from svcnotes.network.node_rules import rules_text
from svcnotes.packet import endpoint_text, family_of

ALL_NODES = "all nodes"


def find_service(cluster: Cluster, name: str) -> Service:
    """Find a Service by `namespace/name`. Raises QuestionError where there is none."""
    service = cluster.services.get(name)
    if service is None:
        known = ", ".join(cluster.services) or "none"
        raise QuestionError(f'no Service "{name}" in this cluster. Services: {known}')
    return service


def find_port(service: Service, port: int | str | None) -> ServicePort:
    """Find a Service's port by number or name, the first one for None. Raises QuestionError."""
    for candidate in service.ports:
        if port is None or port in {candidate.port, candidate.name}:
            return candidate
    known = ", ".join(str(p.name or p.port) for p in service.ports) or "none"
    raise QuestionError(f'Service "{service.key}" has no port {port!r}. Ports: {known}')


def backing_pods(cluster: Cluster, service: Service) -> tuple[str, ...]:
    """Name the Pods (`namespace/name`) that the Service selects, in the cluster's order."""
    wanted = service.selector.items()
    return tuple(
        pod.key
        for pod in cluster.pods.values()
        if wanted and pod.namespace == service.namespace and wanted <= pod.labels.items()
    )


def placements(cluster: Cluster) -> tuple[str, ...]:
    """Offer placements for a cluster's Pods: on its first node, on its first two, on all."""
    nodes = list(cluster.nodes)
    offers = [nodes[0], ",".join(nodes[:2]), ALL_NODES] if len(nodes) > 2 else [*nodes[:1], ALL_NODES]
    return tuple(offers)


def placed_on(text: str, cluster: Cluster) -> tuple[str, ...]:
    """Read a placement: `all nodes`, or node names with commas. Raises QuestionError for an unknown node."""
    if text == ALL_NODES:
        return tuple(cluster.nodes)
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in cluster.nodes:
            raise QuestionError(f'no Node "{name}" in this cluster. Nodes: {", ".join(cluster.nodes)}')
    return names


def with_field(cluster: Cluster, service: Service, field: str, value: object) -> Cluster:
    """Set one field of the Service's spec, as `kubectl patch` does. Raises ApiError as it does."""
    return with_spec(cluster, service, {field: value})


def with_spec(cluster: Cluster, service: Service, spec: Mapping[str, object]) -> Cluster:
    """Set some fields of the Service's spec, as `kubectl patch` does. Raises ApiError as it does."""
    return cluster.patch(
        "service", service.name, json.dumps({"spec": dict(spec)}), namespace=service.namespace
    )


def with_mode(cluster: Cluster, mode: str) -> Cluster:
    """Run every node's kube-proxy in another mode. Raises QuestionError for one that there is not."""
    return replace(cluster, proxy=replace(cluster.proxy, mode=mode_named(mode).name))


def without_rule(cluster: Cluster, fragment: str, nodes: Iterable[str] = ()) -> Cluster:
    """Take the rules that contain a text out of these nodes' rules (of all nodes without any).

    Raises QuestionError where no node has such a rule.
    """
    found = False
    family = cluster.families[0]
    changed = cluster
    for node in nodes or cluster.nodes:
        lines = rules_text(cluster, node, family=family).splitlines(keepends=True)
        kept = [line for line in lines if not (line.startswith("-A") and fragment in line)]
        if len(kept) < len(lines):
            found = True
            changed = changed.with_rules(node, "".join(kept), family)
    if not found:
        raise QuestionError(f"no node has a rule with {fragment!r} in it, so there is none to take out")
    return changed


def with_pods_on(cluster: Cluster, service: Service, nodes: Iterable[str]) -> Cluster:
    """Run one of the Service's Pods on each of these nodes, and none elsewhere.

    The first Pod that the Service selects is the pattern; the new ones are `NAME-1`, `NAME-2`, by the
    number of the node, so that a Pod keeps its name wherever else Pods run.
    """
    old = backing_pods(cluster, service)
    if not old:
        raise QuestionError(
            f'Service "{service.key}" selects no Pod, so there is none to place. Add one with its labels'
        )
    namespace, name = old[0].split("/")
    pattern = cluster.state.objects[("Pod", namespace, name)]
    for key in old:
        cluster = cluster.delete("pod", key.split("/")[1], namespace=namespace)
    numbers = {node: number for number, node in enumerate(cluster.nodes, start=1)}
    pods = [pod_like(pattern, f"{service.name}-{numbers[node]}", node) for node in nodes]
    return cluster.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": pods}))


def pod_like(pattern: Any, name: str, node: str) -> dict[str, Any]:
    """Write a Pod's manifest after another stored Pod, with a name and a node of its own."""
    metadata = pattern["metadata"]
    kept = {key: deepcopy(metadata[key]) for key in ("namespace", "labels", "annotations") if key in metadata}
    spec = {**deepcopy(dict(pattern["spec"])), "nodeName": node}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, **kept}, "spec": spec}


def family_of_source(source: str) -> int:
    """Tell the IP family of a client's address, 4 or 6. Raises QuestionError for anything else."""
    try:
        return family_of(source)
    except ValueError:
        raise QuestionError(
            f"source: {source!r} is no IP address. Give the client's, such as 192.0.2.10"
        ) from None


def dial(cluster: Cluster, node: str, port: ServicePort, source: str) -> str:
    """Write what the client dials to enter by a node: the node's address and the nodePort."""
    address = cluster.nodes[node].address(family_of_source(source))
    if not address:
        raise QuestionError(f'Node "{node}" has no address of the client\'s IP family')
    return endpoint_text(address, port.node_port)
