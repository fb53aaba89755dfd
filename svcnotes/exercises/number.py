"""Numbers to count or to reckon: the answer is one number, and a typical wrong one is recognised by its value."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from svcnotes.exercises.exercise import Exercise, right, wrong
from svcnotes.exercises.misconceptions import check_ideas
from svcnotes.exercises.verdict import Verdict

_NUMBER = re.compile(r"(?:about |ca\. ?|~|≈)?([0-9][0-9, _']{0,20}(?:\.[0-9]{1,9})?) ?[a-zA-Z /]{0,30}")


@dataclass(frozen=True)
class Other:
    """A wrong number that says something: `value` gives it, `because` what is true instead, `idea` the belief."""

    value: Callable[[], float]
    because: str
    idea: str = ""


def number(
    name: str,
    question: str,
    value: Callable[[], float],
    hints: tuple[str, ...],
    *,
    because: str = "",
    others: Sequence[Other] = (),
    within: float = 0.0,
    shown: str = "{:,.0f}",
) -> Exercise:
    """Ask for a number, which `value` counts or reckons when an answer is judged.

    `within` is how far off an answer may be, as a part of the right one (0.1: a tenth; 0: exact to the unit);
    `shown` writes a number.
    """
    check_ideas((other.idea for other in others), name)

    def judge(answer: str) -> Verdict:
        given = read_number(answer)
        if given is None:
            return wrong(explanation="An answer is one number, such as 120 or 1,200.")
        exact = value()
        if _close(given, exact, within):
            return right(shown.format(given), explanation=f"It is {shown.format(exact)}. {because}".rstrip())
        other = next((one for one in others if _close(given, one.value(), within)), None)
        if other is None:
            told = "too many. What does not belong, or is in it twice?"
            if given < exact:
                told = "too few. What was left out?"
            return wrong(shown.format(given), explanation=f"That is {told}")
        return wrong(shown.format(given), misconception=other.idea, explanation=other.because)

    return Exercise(name, question, judge, hints)


def read_number(text: str) -> float | None:
    """Read `1200`, `1,200`, `about 1 200` or `12.5 s`; None for anything else."""
    found = _NUMBER.fullmatch(" ".join(text.strip().rstrip(".!").split()))
    if found is None:
        return None
    return float(re.sub(r"[, _']", "", found[1]))


def _close(given: float, wanted: float, within: float) -> bool:
    return abs(given - wanted) <= max(within * abs(wanted), 0.5 if within == 0 else 0.0)
