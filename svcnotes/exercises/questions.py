"""Questions about one packet; each gives an Exercise whose right answer is found by tracing it.

The cluster comes as a function, so that a question can be stated before any cluster is read, and as
an argument, so that it may as well be drawn per student.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address

from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises.evidence import chains, ending_rule, jump_rule, source_rule, taken_in, target_rule
from svcnotes.exercises.exercise import Exercise, right, wrong
from svcnotes.exercises.verdict import Verdict
from svcnotes.trace import Path, Trace, trace

OUTCOMES = ("connected", "refused", "timeout")


@dataclass(frozen=True)
class Asked:
    """One packet in one cluster: what `svcnotes.trace` is asked."""

    cluster: Callable[[], Cluster]
    source: str
    to: str

    def trace(self) -> Trace:
        """Follow the packet."""
        return trace(self.cluster(), source=self.source, to=self.to)


def source_seen(
    name: str,
    question: str,
    asked: Asked,
    pod: str,
    hints: tuple[str, ...] = (),
    choices: tuple[str, ...] = (),
) -> Exercise:
    """Ask which source address `pod` (`namespace/name`) sees.

    The answer is an address, and what follows it is taken for a remark: `192.0.2.10 (you)`.
    """

    def judge(answer: str) -> Verdict:
        found = asked.trace()
        path = next((p for p in found.paths if p.pod == pod and p.source_seen), None)
        if path is None:
            return wrong(explanation=f"This packet never reaches {pod}: the question has no answer.")
        try:
            given = str(ip_address(re.split(r"[\s/]", answer.strip(), maxsplit=1)[0]))
        except ValueError:
            return wrong(explanation="An answer is one address, such as 192.0.2.10.")
        if given == path.source_seen:
            rule = source_rule(path)
            changed = "the rule below changed it on the way" if rule else "no rule changed it on the way"
            return right(f"{pod} sees {given}", explanation=f"{pod} sees {given}: {changed}.", rule=rule)
        known = dict(_other_addresses(asked.cluster(), found, path))
        idea = known.get(given, "")
        return wrong(
            f"{pod} sees {given}",
            misconception=idea,
            explanation=_SEEN_INSTEAD.get(idea, f"{given} takes no part in this packet's way."),
            rule=source_rule(path),
        )

    return Exercise(
        name, question, judge, hints, choices, ask=asked.trace, tells=lambda path: path.pod == pod
    )


def _other_addresses(cluster: Cluster, found: Trace, path: Path) -> Iterator[tuple[str, str]]:
    """Every address that one might take for the source, with the idea behind it; the first one counts."""
    for service in cluster.services.values():
        for address in service.cluster_ips:
            yield address, "the-service-calls"
    for node in cluster.nodes.values():
        for address in node.addresses:
            dialled = found.destination.rpartition(":")[0].strip("[]") in node.addresses
            yield address, "snat-uses-the-dialled-address" if dialled else "the-last-node-counts"
    pod = cluster.pods.get(path.pod or "")
    for address in pod.addresses if pod else ():
        yield address, "source-and-destination-swapped"
    yield found.source_address, "the-pod-sees-the-client"


_SEEN_INSTEAD: Mapping[str, str] = {
    "the-service-calls": "A Service sends nothing: its address stands in rules only, and no packet leaves from it.",
    "snat-uses-the-dialled-address": "MASQUERADE takes the address of the interface by which the packet leaves. "
    "Which interface leads to this pod: the one to the other nodes, or the one to the pods of this node?",
    "the-last-node-counts": "That node gets the packet from the node that was dialled, and passes it on as it is. "
    "Only the node that was dialled has changed it.",
    "source-and-destination-swapped": "That is where the packet goes. Asked is where it seems to come from.",
    "the-pod-sees-the-client": "So it was when the packet came in. The rule below changed it before the pod got it.",
}


def outcome(name: str, question: str, asked: Asked, hints: tuple[str, ...] = ()) -> Exercise:
    """Ask how it ends; the answer is connected, refused or timeout."""

    def judge(answer: str) -> Verdict:
        given = answer.strip().lower().rstrip(".!")
        if given not in OUTCOMES:
            return wrong(explanation=f"One of these words: {', '.join(OUTCOMES)}.")
        paths = asked.trace().paths
        ends = {path.outcome for path in paths}
        path = paths[0]
        rule = ending_rule(path) or target_rule(path)
        if ends == {given}:
            return right(given, explanation=path.reason, rule=rule)
        idea, why = _ENDED_INSTEAD.get(
            (path.outcome, path.how, given), ("", "Follow it with svcnotes.trace, and read the last hop.")
        )
        return wrong(given, misconception=idea, explanation=why, rule=rule)

    # Who sees what is another question, so a connection is not told of.
    return Exercise(
        name,
        question,
        judge,
        hints,
        OUTCOMES,
        ask=asked.trace,
        tells=lambda path: path.outcome != "connected",
    )


_PORT_UNREACHABLE = "icmp-port-unreachable"
_ENDED_INSTEAD: Mapping[tuple[str, str, str], tuple[str, str]] = {
    ("timeout", "", "refused"): (
        "local-refuses",
        "A refusal is a packet that comes back. The rule below is a DROP: nothing comes back, and the client waits.",
    ),
    ("timeout", "", "connected"): (
        "local-forwards",
        "That is what Cluster does. Local keeps a packet on the node that it came to, or lets it go no further.",
    ),
    ("refused", _PORT_UNREACHABLE, "timeout"): (
        "no-pods-means-timeout",
        "The rule below is a REJECT: the node answers at once, with an ICMP message that says “port unreachable”.",
    ),
    ("refused", _PORT_UNREACHABLE, "connected"): (
        "selector-mismatch",
        "Nobody is there to connect to: the rule below says so in its comment.",
    ),
    ("refused", "rst", "timeout"): (
        "silence-and-refusal-are-one",
        "The packet did arrive at a host; no process had that port open, and its kernel answers with RST at once.",
    ),
    ("refused", "rst", "connected"): (
        "any-port-can-be-a-nodeport",
        "Follow the packet to its last hop: which process there has this port open?",
    ),
    ("connected", "", "refused"): (
        "cluster-needs-a-local-pod",
        "Under Cluster every node carries the packet on to some pod, its own or another node's.",
    ),
    ("connected", "", "timeout"): (
        "cluster-needs-a-local-pod",
        "Under Cluster every node carries the packet on to some pod, its own or another node's.",
    ),
}


def missing_chain(
    name: str,
    question: str,
    asked: Asked,
    after: str,
    ideas: Mapping[str, tuple[str, str]],
    hints: tuple[str, ...] = (),
) -> Exercise:
    """Ask which chain the packet passes next after one whose name begins with `after`.

    The answer is a chain's name or its first two words (`KUBE-SVC`). `ideas` maps such a wrong
    beginning to a misconception and an explanation.
    """

    def judge(answer: str) -> Verdict:
        given = re.sub(r"[-…. ]+$", "", answer.strip().upper())
        path = asked.trace().paths[0]
        passed = chains(path)
        at = next((i for i, chain in enumerate(passed) if chain.startswith(after)), None)
        if at is None or at + 1 >= len(passed):
            return wrong(explanation=f"This packet passes nothing after {after}: the question has no answer.")
        following = passed[at + 1]
        rule = jump_rule(path, following)
        if following in {given, f"{given}-{following.rpartition('-')[2]}"}:
            return right(given, explanation=f"The next chain is {following}.", rule=rule)
        beginning = "-".join(given.split("-")[:2])
        idea, why = ideas.get(
            beginning,
            (
                "",
                "Read the node's rules: which chain does KUBE-EXT-… jump to? Write its name in full, as KUBE-….",
            ),
        )
        return wrong(given, misconception=idea, explanation=why, rule=rule if idea else "")

    return Exercise(name, question, judge, hints, ask=asked.trace)


def listener(name: str, question: str, asked: Asked, hints: tuple[str, ...] = ()) -> Exercise:
    """Ask whether a process of a node takes the packet in; the answer is yes or no."""

    def judge(answer: str) -> Verdict:
        given = answer.strip().lower().rstrip(".!")
        if given not in {"yes", "no"}:
            return wrong(explanation="One of these words: yes, no.")
        path = asked.trace().paths[0]
        taken = taken_in(path)
        rule = target_rule(path)
        if (given == "yes") == bool(taken):
            why = f"A process on {taken} takes the packet in." if taken else _NOT_TAKEN
            return right(given, explanation=why, rule=rule)
        if taken:
            return wrong(given, explanation=f"Follow the packet: a process on {taken} takes it in.")
        return wrong(given, misconception="nodeport-shows-in-netstat", explanation=_NOT_TAKEN, rule=rule)

    return Exercise(name, question, judge, hints, ("yes", "no"), ask=asked.trace)


_NOT_TAKEN = (
    "No process on the node ever gets this packet: the rule below gives it a pod's address as it comes in, "
    "and from then on it is not meant for the node any more."
)
