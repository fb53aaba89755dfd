"""Write a manifest: any is right of which the claims hold, once `kubectl apply` has brought it into the cluster."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import SvcnotesError
from svcnotes.exercises.bounds import check_manifest, check_objects
from svcnotes.exercises.claims import Claim, judged, untried
from svcnotes.exercises.exercise import Exercise, wrong
from svcnotes.exercises.misconceptions import check_ideas
from svcnotes.exercises.refusals import Refusal, explain
from svcnotes.exercises.verdict import Part, Verdict
from svcnotes.exercises.workloads import check_workloads

ACCEPTED = "kube-apiserver accepts it"


def apply(
    name: str,
    question: str,
    cluster: Callable[[], Cluster],
    claims: Sequence[Claim],
    hints: tuple[str, ...] = (),
    start: str = "",
    *,
    refusals: tuple[Refusal, ...] = (),
    points: int = 1,
) -> Exercise:
    """Ask for a manifest (one document or several) that makes every claim true when it is applied.

    Being accepted is worth `points`. `refusals` recognise messages of kube-apiserver before those that
    are known to every exercise.
    """
    check_ideas((refusal.misconception for refusal in refusals), name)

    def judge(answer: str) -> Verdict:
        try:
            check_manifest(answer)
            before = cluster()
            check_workloads(before, answer)
            after = before.apply(answer)
            check_objects(before, after)
        except SvcnotesError as error:
            refusal = explain(error, refusals)
            found = wrong(
                misconception=refusal.misconception,
                said=str(error),
                explanation=refusal.meaning,
                hint=refusal.hint,
            )
            return replace(found, parts=untried(claims, Part(ACCEPTED, ok=False, points=points)))
        return judged(after, claims, Part(ACCEPTED, ok=True, points=points))

    return Exercise(name, question, judge, hints, start=start)
