"""Worded choices: which of a few sentences the traces bear out."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from svcnotes.exercises.asked import Seen, Subject, listed, look, reveal
from svcnotes.exercises.exercise import Exercise, right, wrong
from svcnotes.exercises.misconceptions import check_ideas
from svcnotes.exercises.verdict import Verdict
from svcnotes.trace import Path

SHORTEST = 3
"""How many letters of a choice are enough to mean it, where no other begins so."""


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
        found = _meant(answer, choices)
        if found is None:
            return wrong(
                explanation=f"One of these, or its number: {'; '.join(choice.text for choice in choices)}."
            )
        seen = look(subjects)
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


def _meant(answer: str, choices: Sequence[Choice]) -> Choice | None:
    """The choice that an answer names; None where it names none, or more than one."""
    given = _plain(answer)
    same = [choice for choice in choices if _plain(choice.text) == given]
    if same:
        return same[0]
    number = int(given) if re.fullmatch(r"[0-9]{1,2}", given) else 0
    if 1 <= number <= len(choices):
        return choices[number - 1]
    begun = [choice for choice in choices if _plain(choice.text).startswith(given)]
    return begun[0] if len(begun) == 1 and len(given) >= SHORTEST else None


def _plain(text: str) -> str:
    """A text without capital letters, quotes and stops, and with single blanks."""
    return " ".join(re.sub(r"[“”\"'`]|[.!]+$", "", text.strip().lower()).split())
