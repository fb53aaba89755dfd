"""Whom the pod sees: the right address is traced, and every other address of the world says what one thought."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import LOCAL, Service
from svcnotes.exercises.asked import Asked
from svcnotes.exercises.evidence import service_of, source_rule
from svcnotes.exercises.exercise import Exercise, right, wrong
from svcnotes.exercises.misconceptions import check_ideas
from svcnotes.exercises.verdict import Verdict
from svcnotes.network.node_host import node_host
from svcnotes.network.plan import plan
from svcnotes.trace import Path, Trace


def source_seen(
    name: str,
    question: str,
    asked: Asked,
    pod: str,
    hints: tuple[str, ...] = (),
    choices: tuple[str, ...] = (),
    *,
    ideas: Mapping[str, tuple[str, str]] | None = None,
) -> Exercise:
    """Ask which source address `pod` (`namespace/name`) sees.

    The answer is an address, and what follows it is taken for a remark: `192.0.2.10 (you)`. Where there are
    `choices`, their number from 1 will do. `ideas` maps an address to a misconception and an explanation
    that go before those found from the trace.
    """
    check_ideas((idea for idea, _ in (ideas or {}).values()), name)

    def judge(answer: str) -> Verdict:
        found = asked.trace()
        path = next((p for p in found.paths if p.pod == pod and p.source_seen), None)
        if path is None:
            return wrong(explanation=f"This packet never reaches {pod}: the question has no answer.")
        try:
            given = str(ip_address(re.split(r"[\s/]", _chosen(answer.strip(), choices), maxsplit=1)[0]))
        except ValueError:
            or_number = ", or the number of one of the choices" if choices else ""
            return wrong(explanation=f"An answer is one address, such as 192.0.2.10{or_number}.")
        rule = source_rule(path)
        if given == path.source_seen:
            changed = "the rule below changed it on the way" if rule else "no rule changed it on the way"
            return right(f"{pod} sees {given}", explanation=f"{pod} sees {given}: {changed}.", rule=rule)
        told = Told(asked.cluster(), found, path)
        idea, why = (ideas or {}).get(given) or told.idea(given)
        return wrong(f"{pod} sees {given}", misconception=idea, explanation=why, rule=rule)

    return Exercise(
        name, question, judge, hints, choices, ask=asked.trace, tells=lambda path: path.pod == pod
    )


def _chosen(answer: str, choices: tuple[str, ...]) -> str:
    """The choice that a number names; any other answer stays as it is."""
    number = int(answer) if re.fullmatch(r"[0-9]{1,2}", answer) else 0
    return choices[number - 1] if 1 <= number <= len(choices) else answer


@dataclass(frozen=True)
class Told:
    """A path to a pod, and what it says of every address that one might take for the source seen."""

    cluster: Cluster
    trace: Trace
    path: Path

    def idea(self, given: str) -> tuple[str, str]:
        """The misconception behind a wrong address, and what is true instead."""
        if given == self.trace.source_address:
            return self._asker()
        for service in self.cluster.services.values():
            if given in {*service.cluster_ips, *service.external_ips, *(one.ip for one in service.ingress)}:
                return "the-service-calls", _SERVICE
        for node in self.cluster.nodes:
            for interface in node_host(self.cluster, node).interfaces.values():
                if given in {address.partition("/")[0] for address in interface.addresses}:
                    return self._node(node, interface.name, given)
        pod = self.cluster.pods.get(self.path.pod or "")
        if pod and given in pod.addresses:
            return "source-and-destination-swapped", _SWAPPED
        if given in plan(self.cluster).router_addresses.values():
            return "a-router-changes-the-source", _ROUTER
        return "", _NO_PART.format(given)

    def _asker(self) -> tuple[str, str]:
        """The source as it was when the packet set out."""
        service = self._service()
        local = service is not None and service.external_traffic_policy == LOCAL
        if self.trace.source == f"pod/{self.path.pod}":
            return "a-pod-calling-itself-keeps-its-address", _ITSELF
        if self._changer() not in self.cluster.nodes:
            return ("local-undoes-a-proxy" if local else "the-pod-sees-the-client"), _PROXY
        return ("local-always-keeps-the-client" if local else "the-pod-sees-the-client"), _ASKER

    def _node(self, node: str, interface: str, given: str) -> tuple[str, str]:
        """An address of a node's interface."""
        changer = self._changer()
        if not changer:
            return "everything-is-snated", _KEPT
        if node != changer:
            passed = [hop.host for hop in self.path.hops if hop.direction == "there"]
            return ("the-last-node-counts", _LAST) if node in passed else ("", _NO_PART.format(given))
        if self.trace.destination.rpartition(":")[0].strip("[]") == given:
            return "snat-uses-the-dialled-address", _DIALLED
        idea = "snat-uses-the-nodes-address" if interface == "eth0" else "snat-uses-another-interface"
        return idea, f"{given} is the address of {interface} on {node}. {_DIALLED}"

    def _changer(self) -> str:
        """The last host on the way there that put another source into the packet, empty where none did."""
        before, changer = self.trace.source_address, ""
        for hop in self.path.hops:
            after = hop.leaves.source if hop.leaves else hop.packet.source
            if hop.direction == "there" and after != before:
                before, changer = after, hop.host
        return changer

    def _service(self) -> Service | None:
        """The Service whose rules led the packet on, or whose address was dialled."""
        dialled = self.trace.destination.rpartition(":")[0].strip("[]")
        by_address = (s for s in self.cluster.services.values() if dialled in {one.ip for one in s.ingress})
        return self.cluster.services.get(service_of(self.path)) or next(by_address, None)


_NO_PART = "{} takes no part in this packet's way."
_SERVICE = "A Service sends nothing: its address stands in rules only, and no packet leaves from it."
_DIALLED = (
    "MASQUERADE takes the address of the interface by which the packet leaves. "
    "Which interface leads to this pod: the one to the other nodes, or the one to the pods of this node?"
)
_LAST = (
    "The packet comes to that node with the source that the pod sees, and the node passes it on as it is. "
    "Whoever changed it stands before."
)
_SWAPPED = "That is where the packet goes. Asked is where it seems to come from."
_ASKER = "So it was when the packet came in. The rule below changed it before the pod got it."
_ITSELF = (
    "A packet that comes in with one's own address as its source is dropped by the pod's kernel (it is called a martian). "
    "So the rule of that one endpoint masquerades what the endpoint itself sent, under any policy."
)
_PROXY = (
    "The load balancer accepts your connection and makes one of its own to the cluster. Your address is not in "
    "that packet any more, so no policy can keep it."
)
_KEPT = "No rule touches the source of this packet: look for a mark on its way, there is none."
_ROUTER = "A router passes packets on as they are: only NAT changes an address."
