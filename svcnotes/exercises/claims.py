"""Claims about a cluster that an answer has made: each is tried, by tracing or by reading what is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import Service
from svcnotes.errors import SvcnotesError
from svcnotes.exercises.evidence import ending_rule, source_rule, target_rule
from svcnotes.exercises.exercise import right, wrong
from svcnotes.exercises.following import follow
from svcnotes.exercises.misconceptions import check_ideas
from svcnotes.exercises.verdict import Part, Verdict
from svcnotes.trace import Path

_NOT_YET = "(What was so before, and still is, counts as soon as something else is achieved.)"


@dataclass(frozen=True)
class Claim:
    """One property that the cluster should have, and what it is worth; `judge` says whether it has it, and why not.

    One that is `kept` was true before the answer: it counts only where something else is achieved.
    """

    text: str
    judge: Callable[[Cluster], Verdict]
    points: int = 1
    kept: bool = False


def judged(cluster: Cluster, claims: Sequence[Claim], *before: Part) -> Verdict:
    """Try every claim; the Verdict has a part for each after those `before`, and tells of the first that fails.

    Where none fails it tells of the last that explains itself.
    """
    found = [claim.judge(cluster) for claim in claims]
    pairs = list(zip(claims, found, strict=True))
    achieved = any(verdict.ok for claim, verdict in pairs if not claim.kept)
    parts = tuple(
        Part(claim.text, verdict.ok and (achieved or not claim.kept), claim.points)
        for claim, verdict in pairs
    )
    failed = [verdict for verdict in found if not verdict.ok]
    telling = [verdict for verdict in reversed(found) if verdict.explanation]
    told = next(iter([*failed, *telling]), Verdict())
    if not achieved and any(verdict.ok and claim.kept for claim, verdict in pairs):
        told = replace(told, explanation=f"{told.explanation} {_NOT_YET}".lstrip())
    return replace(told, parts=(*before, *parts))


def kept(claim: Claim) -> Claim:
    """The claim as one that was true before the answer, and must stay so."""
    return replace(claim, kept=True)


def all_of(text: str, *claims: Claim, points: int = 1) -> Claim:
    """Claim that all of these hold, as one property; the Verdict tells of the first that does not."""

    def judge(cluster: Cluster) -> Verdict:
        found = [claim.judge(cluster) for claim in claims]
        return next((verdict for verdict in found if not verdict.ok), found[-1])

    return Claim(text, judge, points)


def untried(claims: Sequence[Claim], *before: Part) -> tuple[Part, ...]:
    """The parts of a Verdict on an answer that could not be used at all."""
    return (*before, *(Part(claim.text, ok=False, points=claim.points) for claim in claims))


def ends(
    text: str,
    source: str,
    to: str | Callable[[Cluster], str],
    outcome: str = "connected",
    *,
    pod: str | Callable[[Path], bool] = "",
    sees: str = "",
    only: Callable[[Path], bool] = lambda _: True,
    via: str | None = None,
    protocol: str = "tcp",
    points: int = 1,
    idea: str = "",
    because: str = "",
    hint: str = "",
) -> Claim:
    """Claim that every connection from `source` to `to` (every one of which `only` is true) ends so.

    `to` may be found in the cluster, where its number is only allocated there. `pod` is the pod
    (`namespace/name`) that it must come to, or a predicate over paths; `sees` the source address that must be
    seen. `idea` and `because` are for an answer of which this is not true.
    """
    check_ideas([idea], text)

    def fails(path: Path) -> bool:
        there = pod(path) if callable(pod) else path.pod == pod or not pod
        return path.outcome != outcome or not there or bool(sees and path.source_seen != sees)

    def judge(cluster: Cluster) -> Verdict:
        try:
            aim = to(cluster) if callable(to) else to
            found = follow(cluster, source, aim, protocol, via)
        except (LookupError, StopIteration):
            return wrong(explanation="There is nothing to dial: what should be there is missing.", hint=hint)
        except SvcnotesError as error:
            return wrong(
                said=str(error),
                explanation="So the packet cannot even set out.",
                misconception=idea,
                hint=hint,
            )
        paths = [path for path in found.paths if only(path)]
        if not paths:
            return wrong(explanation="No connection goes there at all.", misconception=idea, hint=hint)
        path = next((one for one in paths if fails(one)), paths[0])
        rule = ending_rule(path) or source_rule(path) or target_rule(path)
        if not fails(path):
            return right(explanation=f"{_told(source, aim, path)}.", rule=rule)
        return wrong(
            misconception=idea,
            said=_told(source, aim, path),
            explanation=because or f"{path.reason}.",
            rule=rule,
            hint=hint,
        )

    return Claim(text, judge, points)


def stored(
    text: str,
    service: str,
    holds: Callable[[Service], bool],
    *,
    points: int = 1,
    idea: str = "",
    absent: str = "",
    because: str = "",
    hint: str = "",
) -> Claim:
    """Claim something of a Service (`namespace/name`) as kube-apiserver stored it.

    `absent` is the idea of an answer without such a Service.
    """
    check_ideas([idea, absent], text)

    def judge(cluster: Cluster) -> Verdict:
        found = cluster.services.get(service)
        if found is None:
            there = ", ".join(cluster.services) or "none"
            return wrong(
                misconception=absent,
                explanation=f"There is no Service {service}; there are: {there}.",
                hint=hint,
            )
        if holds(found):
            return right()
        return wrong(misconception=idea, explanation=because, hint=hint)

    return Claim(text, judge, points)


def _told(source: str, to: str, path: Path) -> str:
    how = f", {path.how}" if path.how else ""
    who = f", {path.pod} sees {path.source_seen}" if path.pod and path.source_seen else ""
    return f"{source} dials {to}: {path.outcome}{how}{who}"
