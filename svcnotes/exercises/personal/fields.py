"""Questions that are lines of a larger one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address

from svcnotes.errors import QuestionError
from svcnotes.exercises.asked import Asked
from svcnotes.exercises.evidence import jump_rule, source_rule, target_rule
from svcnotes.exercises.exercise import Exercise, right, wrong
from svcnotes.exercises.misconceptions import check_ideas
from svcnotes.exercises.questions import OUTCOMES
from svcnotes.exercises.verdict import Verdict
from svcnotes.trace import Path, trace

_SECOND_PORT = 40999
ENDS = (*OUTCOMES, "external")
"""How a packet may end, where it may leave the cluster, too."""


def address_of(answer: str) -> str:
    """The address that an answer begins with, empty where it begins with none."""
    try:
        return str(ip_address(re.split(r"[\s/,;(:]", answer.strip(), maxsplit=1)[0]))
    except ValueError:
        return ""


def reply_from(
    question: str, asked: Asked, pod: str, ideas: Mapping[str, tuple[str, str]] | None = None
) -> Exercise:
    """Ask from which address the answer of `pod` (`namespace/name`) comes, when the asker gets it."""
    check_ideas((idea for idea, _ in (ideas or {}).values()), question)

    def judge(answer: str) -> Verdict:
        path = next(path for path in asked.trace().paths if path.pod == pod)
        given, last = address_of(answer), path.hops[-1].packet.source
        if not given:
            return wrong(explanation="An answer is one address, such as 192.0.2.10.")
        if given == last:
            return right(
                given,
                explanation=f"The answer comes from {last}, as what changed it is undone on the way.",
                rule=target_rule(path),
            )
        idea, why = (ideas or {}).get(given) or _instead(path, given)
        return wrong(given, misconception=idea, explanation=why, rule=target_rule(path))

    return Exercise("reply", question, judge, ask=asked.trace)


def _instead(path: Path, given: str) -> tuple[str, str]:
    """The idea behind a wrong address of an answer."""
    back = [hop.packet.source for hop in path.hops if hop.direction == "back"]
    if given in back:
        return (
            "the-client-takes-any-answer",
            "So it is when the answer sets out. An answer from any other address than the one dialled belongs to no "
            "connection of the asker's, and the node that changed the destination changes it back.",
        )
    return (
        "the-answer-has-the-last-nodes-address",
        "Only the host that changed the packet on its way there changes the answer; the others pass it on as it is.",
    )


def connection_entry(question: str, asked: Asked, pod: str, node: str) -> Exercise:
    """Ask for which address `node` expects the answer of `pod`: `dst` in the second half of its connection's entry."""

    def judge(answer: str) -> Verdict:
        path = next(path for path in asked.trace().paths if path.pod == pod)
        memory = (path.memories or {}).get((node, 4))
        held = next((entry.reply.destination for entry in memory.conntrack), "") if memory else ""
        given = address_of(answer)
        if not given:
            return wrong(explanation="An answer is one address, such as 192.0.2.10.")
        if given == held:
            return right(given, explanation=f"{pod} answers whom it saw, {held}.", rule=source_rule(path))
        idea = "the-pod-sees-the-client" if given == asked.trace().source_address else ""
        return wrong(
            given,
            misconception=idea,
            explanation="The pod answers whom it saw as the source.",
            rule=source_rule(path),
        )

    return Exercise("entry", question, judge, ask=asked.trace)


def health(question: str, asked: Asked) -> Exercise:
    """Ask what a node answers to a load balancer's health check: 200 or 503."""

    def judge(answer: str) -> Verdict:
        given = re.sub(r"^http ", "", answer.strip().lower()).rstrip(".")
        path = asked.trace().paths[0]
        if given not in {"200", "503"}:
            return wrong(explanation="One of these: 200, 503.")
        if given == str(path.status):
            return right(
                given,
                explanation=f"It answers {path.status}: {dict(path.body or {}).get('localEndpoints')} ready pods of its own.",
            )
        idea = "local-forwards" if given == "200" else ""
        return wrong(
            given,
            misconception=idea,
            explanation="The check counts the node's own ready pods of the Service, and nothing else.",
        )

    return Exercise("health", question, judge, choices=("200", "503"), ask=asked.trace)


NO_NAME = "no such name"


def dialled(question: str, asked: Asked, ideas: Mapping[str, tuple[str, str]] | None = None) -> Exercise:
    """Ask which address a name leads to, for the pod that asks; `no such name` where it finds none."""
    check_ideas((idea for idea, _ in (ideas or {}).values()), question)

    def judge(answer: str) -> Verdict:
        try:
            found = asked.trace().destination.rpartition(":")[0]
        except QuestionError:
            found = NO_NAME
        plain = answer.strip().lower().rstrip(".")
        given = NO_NAME if plain in {NO_NAME, "none", "nxdomain", "unknown"} else address_of(answer)
        if not given:
            return wrong(explanation=f"An answer is an address, or: {NO_NAME}.")
        if given == found:
            return right(given, explanation=f"It is {found}.")
        at = "none" if given == NO_NAME else "address"
        idea, why = (ideas or {}).get(at, ("", ""))
        return wrong(
            given,
            misconception=idea,
            explanation=why
            or "A short name is tried with the asker's own namespace behind it, then as it stands.",
        )

    return Exercise("dialled", question, judge)


def seen_outside(question: str, asked: Asked, ideas: Mapping[str, tuple[str, str]] | None = None) -> Exercise:
    """Ask which source address the machine outside sees that gets the packet; `ideas` has one for any other, as `else`."""
    check_ideas((idea for idea, _ in (ideas or {}).values()), question)

    def judge(answer: str) -> Verdict:
        path = next((path for path in asked.trace().paths if path.source_seen), None)
        given = address_of(answer)
        if path is None or not given:
            return wrong(explanation="An answer is one address, such as 192.0.2.10.")
        rule = source_rule(path)
        if given == path.source_seen:
            return right(given, explanation=f"{path.answered_by} sees {given}.", rule=rule)
        idea, why = (ideas or {}).get(given) or (ideas or {}).get("else", ("", ""))
        return wrong(
            given,
            misconception=idea,
            explanation=why or "Follow the packet: who changes its source last?",
            rule=rule,
        )

    return Exercise("seen", question, judge, ask=asked.trace)


def pods_left(
    question: str, first: Asked, second: Asked, ideas: Mapping[str, tuple[str, str]] | None = None
) -> Exercise:
    """Ask how many pods may answer `second`, when `first` has been answered; the hosts remember that."""
    check_ideas((idea for idea, _ in (ideas or {}).values()), question)

    def judge(answer: str) -> Verdict:
        given = answer.strip().rstrip(".")
        if not re.fullmatch(r"[0-9]{1,3}", given):
            return wrong(explanation="An answer is a number.")
        before = first.trace().paths[0]
        found = trace(
            first.cluster(), second.source, second.to, source_port=_SECOND_PORT, memories=before.memories
        )
        pods = {path.pod for path in found.paths if path.outcome == "connected"}
        rule = jump_rule(found.paths[0], "KUBE-SEP-")
        if int(given) == len(pods):
            return right(given, explanation=f"It may come to {', '.join(sorted(map(str, pods)))}.", rule=rule)
        idea, why = (ideas or {}).get(given, ("", ""))
        return wrong(
            given, misconception=idea, explanation=why or "Which node remembers what, and of whom?", rule=rule
        )

    return Exercise("left", question, judge, ask=first.trace)
