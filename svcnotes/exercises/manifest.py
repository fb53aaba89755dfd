"""Mend a manifest: the answer goes to kube-apiserver as `kubectl create` would send it, then packets follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import Pod, Service, ServicePort
from svcnotes.errors import SvcnotesError
from svcnotes.exercises.bounds import check_manifest, check_objects
from svcnotes.exercises.evidence import arrival, ending_rule, target_rule
from svcnotes.exercises.exercise import Exercise, wrong
from svcnotes.exercises.following import follow
from svcnotes.exercises.refusals import explain
from svcnotes.exercises.verdict import Part, Verdict
from svcnotes.packet import endpoint_text
from svcnotes.trace import Path

ACCEPTED = "kube-apiserver accepts it"
CLIENT = "192.0.2.10"


def mend(
    name: str,
    question: str,
    cluster: Callable[[], Cluster],
    start: str,
    hints: tuple[str, ...] = (),
    *,
    points: tuple[int, int] = (2, 1),
) -> Exercise:
    """Ask for a Service that leads each port from outside, by every node, to the pods' port of that name.

    `cluster` gives the world without that Service; the pods in it say by the names of their
    containerPorts what is wanted. `points` are what accepting is worth, and each named port.
    """

    def judge(answer: str) -> Verdict:
        before = cluster()
        wanted = _wanted(before)
        worth, each = points
        claims = tuple(Part(_claim(port), ok=False, points=each) for port in wanted)
        try:
            check_manifest(answer)
            after = before.create(answer)
            check_objects(before, after)
        except SvcnotesError as error:
            refusal = explain(error)
            found = wrong(
                ACCEPTED,
                misconception=refusal.misconception,
                said=str(error),
                explanation=refusal.meaning,
                hint=refusal.hint,
            )
            return replace(found, parts=(Part(ACCEPTED, ok=False, points=worth), *claims))
        new = [service for key, service in after.services.items() if key not in before.services]
        accepted = Part(ACCEPTED, ok=True, points=worth)
        if len(new) != 1:
            return Verdict(
                (accepted, *claims),
                explanation=f"Asked is one Service; this made {len(new)}.",
                hint="Begin again from the manifest given.",
            )
        results = [_tried(after, new[0], port, frozenset(before.pods)) for port in wanted]
        parts = (accepted, *(replace(part, points=each) for part, _ in results))
        first = next((verdict for part, verdict in results if not part.ok), None)
        if first is not None:
            return replace(first, parts=parts)
        return Verdict(parts, explanation=_summary(new[0]))

    return Exercise(name, question, judge, hints, start=start)


def _wanted(cluster: Cluster) -> tuple[str, ...]:
    """The names of the ports that the pods declare, in order."""
    return tuple(dict.fromkeys(p.name for pod in cluster.pods.values() for p in pod.ports if p.name))


def _claim(port: str) -> str:
    return f"a client outside reaches the pods' port {port!r}, whichever node it dials"


def _tried(cluster: Cluster, service: Service, name: str, given: frozenset[str]) -> tuple[Part, Verdict]:
    """Dial one named port of the Service on every node; the Verdict tells of the first path that fails."""
    port = next((p for p in service.ports if p.name == name), None)
    failed = Part(_claim(name), ok=False)
    if port is None:
        return failed, Verdict(
            explanation=f"The Service has no port named {name!r}; the pods have.",
            hint=f"An entry under `ports:` with name: {name}.",
        )
    if not port.node_port:
        return failed, Verdict(
            misconception="a-clusterip-opens-on-nodes",
            explanation=f"A Service of type {service.type} opens nothing on the nodes.",
            hint="type: NodePort",
        )
    for node in cluster.nodes.values():
        to = endpoint_text(node.addresses[0], port.node_port)
        for path in follow(cluster, CLIENT, to).paths:
            said = f"{CLIENT} dials {to} ({node.name})"
            verdict = _why_not(cluster, service, port, path, said, given)
            if verdict is not None:
                return failed, verdict
    return replace(failed, ok=True), Verdict()


def _why_not(
    cluster: Cluster, service: Service, port: ServicePort, path: Path, said: str, given: frozenset[str]
) -> Verdict | None:
    """Say what is wrong with where a path led, None where nothing is; `given` are the pods that were there."""
    said = f"{said}: {path.outcome}{f', {path.how}' if path.how else ''}"
    rule = ending_rule(path)
    reached, number = arrival(path) or ("", 0)
    if path.outcome == "connected":
        pod = cluster.pods.get(reached)
        known_as = _name_of(pod, number) if pod else ""
        if pod is not None and reached not in given:
            return Verdict(
                said=f"{said} to {reached}",
                explanation="That pod is the answer’s own: asked is that the pods which are there are reached.",
                hint="Mend the Service, and leave the pods as they are.",
            )
        if pod is None or known_as == port.name:
            return None
        return Verdict(
            misconception="targetport-crossed",
            said=f"{said} to {reached} on port {number}",
            explanation=f"It connects, but to the pod's port {known_as or number!r}; the Service calls this port {port.name!r}.",
            rule=target_rule(path),
            hint="Which containerPort bears this name? Let targetPort be that.",
        )
    if path.outcome == "refused" and reached:
        return Verdict(
            misconception="wrong-targetport",
            said=said,
            explanation=f"The packet reached {reached}, and no process there has port {number} open: its kernel answers RST. "
            "A targetPort names a port that the pod already serves; it opens nothing.",
            rule=target_rule(path),
            hint=_served(cluster.pods.get(reached)),
        )
    if path.outcome == "refused":
        labels = ", ".join(f"{key}: {value}" for key, value in service.selector.items()) or "nothing"
        return Verdict(
            misconception="selector-mismatch",
            said=said,
            explanation=f"The Service selects {labels}, and no pod with that port is found by it. "
            "A Service finds pods by their labels, never by its own name.",
            rule=rule,
            hint="Compare spec.selector with the pods' labels, letter by letter.",
        )
    if service.external_traffic_policy == "Local":
        return Verdict(
            misconception="local-forwards",
            said=said,
            explanation="externalTrafficPolicy is Local, and this node runs no pod of the Service.",
            rule=rule,
            hint="Asked is that every node serves.",
        )
    return Verdict(said=said, explanation=path.reason, rule=rule, hint="Begin again from the manifest given.")


def _served(pod: Pod | None) -> str:
    """The hint that names the ports a pod serves."""
    numbers = sorted(number for _, number in pod.listens or ()) if pod else []
    if not numbers:
        return "Which ports does the program in the pod serve?"
    return (
        f"The pod serves {' and '.join(str(number) for number in numbers)}: targetPort must be one of them."
    )


def _name_of(pod: Pod, number: int) -> str:
    return next((p.name for p in pod.ports if p.number == number), "")


def _summary(service: Service) -> str:
    lines = [
        f"  nodePort {p.node_port} → port {p.port} → targetPort {p.target_port}  ({p.name})"
        for p in service.ports
    ]
    return "\n".join(["Every packet arrives. As stored:", *lines])
