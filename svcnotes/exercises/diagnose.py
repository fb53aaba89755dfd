"""Say what is broken: a diagnosis is right where its fix makes the symptom go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises.asked import Asked
from svcnotes.exercises.exercise import Exercise, right, wrong
from svcnotes.exercises.misconceptions import check_ideas
from svcnotes.exercises.picking import picked
from svcnotes.exercises.verdict import Verdict
from svcnotes.trace import Trace


@dataclass(frozen=True)
class Fault:
    """One thing that may be broken, with the change that would mend it.

    `words` are those by which an answer in free words is taken to mean it (`selector`, `label`). `idea` and
    `because` are for the answer where this is not what is broken.
    """

    text: str
    fix: Callable[[Cluster], Cluster]
    words: tuple[str, ...] = ()
    idea: str = ""
    because: str = ""


def connects(found: Trace) -> bool:
    """Whether every connection is made."""
    return all(path.outcome == "connected" for path in found.paths)


def diagnose(
    name: str,
    question: str,
    symptom: Asked,
    faults: Sequence[Fault],
    hints: tuple[str, ...] = (),
    *,
    well: Callable[[Trace], bool] = connects,
) -> Exercise:
    """Ask what is broken in the symptom's cluster; `well` tells from the same packet's trace that it is mended."""
    check_ideas((fault.idea for fault in faults), name)

    def judge(answer: str) -> Verdict:
        found = _meant(answer, faults)
        if found is None:
            return wrong(
                explanation=f"Name one of these, or its number: {'; '.join(fault.text for fault in faults)}."
            )
        broken = symptom.cluster()
        if well(symptom.within(broken)):
            return wrong(explanation="Nothing is broken here: the question has no answer.")
        after = symptom.within(found.fix(broken))
        if well(after):
            return right(
                found.text, explanation=f"That mended, the symptom is gone: {after.paths[0].reason}."
            )
        path = next((one for one in after.paths if one.outcome != "connected"), after.paths[0])
        return wrong(
            found.text,
            misconception=found.idea,
            said=f"with that mended: {path.outcome}{f', {path.how}' if path.how else ''}: {path.reason}",
            explanation=found.because or "That mended, the symptom stays.",
        )

    return Exercise(name, question, judge, hints, tuple(fault.text for fault in faults), ask=symptom.trace)


def _meant(answer: str, faults: Sequence[Fault]) -> Fault | None:
    """The fault that an answer names, by its text or number, or by words of only one fault."""
    index = picked(answer, [fault.text for fault in faults])
    if index is not None:
        return faults[index]
    given = answer.lower()
    named = [fault for fault in faults if any(word.lower() in given for word in fault.words)]
    return named[0] if len(named) == 1 else None
