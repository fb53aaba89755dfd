"""Questions about one packet with a word for an answer; the right one is found by tracing the packet."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from svcnotes.exercises.asked import Asked
from svcnotes.exercises.evidence import chains, ending_rule, jump_rule, taken_in, target_rule
from svcnotes.exercises.exercise import Exercise, right, wrong
from svcnotes.exercises.misconceptions import check_ideas
from svcnotes.exercises.sources import source_seen
from svcnotes.exercises.verdict import Verdict
from svcnotes.trace import Path

__all__ = ["DEPENDS", "OUTCOMES", "Asked", "listener", "missing_chain", "outcome", "source_seen"]

OUTCOMES = ("connected", "refused", "timeout")
DEPENDS = "depends"
"""The word for: sometimes this, sometimes that, as kube-proxy's dice fall."""


def outcome(
    name: str,
    question: str,
    asked: Asked,
    hints: tuple[str, ...] = (),
    *,
    pod: str = "",
    words: tuple[str, ...] = OUTCOMES,
    ideas: Mapping[str, tuple[str, str]] | None = None,
) -> Exercise:
    """Ask how it ends; the answer is one of `words`: connected, refused or timeout, unless more are given.

    `pod` (`namespace/name`) asks only of the connections that are led to that pod. `ideas` maps a wrong word to a
    misconception and an explanation that go before those found from the trace. Where the dice decide
    between several ends, the right word is `depends`, if `words` has it.
    """
    check_ideas((idea for idea, _ in (ideas or {}).values()), name)

    def judge(answer: str) -> Verdict:
        given = answer.strip().lower().rstrip(".!")
        if given not in words:
            return wrong(explanation=f"One of these words: {', '.join(words)}.")
        paths = [path for path in asked.trace().paths if not pod or path.pod == pod]
        if not paths:
            return wrong(explanation=f"This packet is never led to {pod}: the question has no answer.")
        ends = {path.outcome for path in paths}
        path = paths[0]
        rule = ending_rule(path) or target_rule(path)
        if ends == {given}:
            return right(given, explanation=f"{path.reason}.", rule=rule)
        if given == DEPENDS and len(ends) > 1:
            return right(given, explanation=_ends(paths), rule=rule)
        known = _ENDED_INSTEAD.get((path.outcome, path.how, given), ("", ""))
        idea, why = (ideas or {}).get(given) or known
        why = why or "Follow it with svcnotes.trace, and read the last hop."
        return wrong(given, misconception=idea, explanation=why, rule=rule)

    # Who sees what is another question, so a connection is not told of.
    return Exercise(
        name,
        question,
        judge,
        hints,
        words,
        ask=asked.trace,
        tells=lambda path: path.outcome != "connected" and (not pod or path.pod == pod),
    )


def _ends(paths: Sequence[Path]) -> str:
    """Each end that the dice may choose, with what leads to it."""
    return (
        "; ".join(f"{path.outcome} with probability {path.probability} ({path.reason})" for path in paths)
        + "."
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
    check_ideas((idea for idea, _ in ideas.values()), name)

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
                f"Read the node's rules: where does the chain {after}… lead? Write the name in full, as KUBE-….",
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
