"""Worded choices: which of a few sentences the traces bear out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from svcnotes.exercises.asked import Seen, Subject, listed, look, reveal
from svcnotes.exercises.exercise import Exercise, right, wrong
from svcnotes.exercises.misconceptions import check_ideas
from svcnotes.exercises.picking import picked
from svcnotes.exercises.verdict import Verdict
from svcnotes.trace import Path


@dataclass(frozen=True)
class Choice:
    """One answer: `holds` tells from the traces whether it is true.

    `idea` is the misconception behind it (a key of `misconceptions.ALL`) and `because` says in a
    sentence what is true instead; of a true one, `because` says why.
    """

    text: str
    holds: Callable[[Seen], bool]
    idea: str = ""
    because: str = ""


def choose(
    name: str,
    question: str,
    asked: Subject | Sequence[Subject],
    choices: Sequence[Choice],
    hints: tuple[str, ...] = (),
    *,
    tells: Callable[[Path], bool] = lambda _: True,
    rule: Callable[[Seen], str] = lambda seen: seen.rule,
) -> Exercise:
    """Ask for the one choice that holds; the answer is its text, a beginning of it, or its number.

    `asked` is a packet or a cluster, or several of them to compare; `rule` picks the rule that decides.
    """
    subjects = listed(asked)
    check_ideas((choice.idea for choice in choices), name)

    def judge(answer: str) -> Verdict:
        index = picked(answer, [choice.text for choice in choices])
        if index is None:
            return wrong(
                explanation=f"One of these, or its number: {'; '.join(choice.text for choice in choices)}."
            )
        found, seen = choices[index], look(subjects)
        if found.holds(seen):
            return right(found.text, explanation=found.because, rule=rule(seen))
        return wrong(
            found.text,
            misconception=found.idea,
            explanation=found.because or "Follow the packet with svcnotes.trace, and compare.",
            rule=rule(seen),
        )

    return Exercise(
        name,
        question,
        judge,
        hints,
        tuple(choice.text for choice in choices),
        ask=reveal(subjects),
        tells=tells,
        explains=True,
    )
