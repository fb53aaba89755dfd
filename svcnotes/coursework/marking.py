"""One mark: what an answer to one exercise is worth, and why. The only place where marks are made."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from svcnotes.coursework.answer_text import unanswered
from svcnotes.exercises import Exercise

HINT_COST = Fraction(1, 10)
"""What each level of hints takes from the points, as a share of them."""

RIGHT, PARTIAL, WRONG = "right", "partial", "wrong"
BLANK = "blank"
"""The cell is there, as the exercise gave it."""
MISSING = "missing"
"""There is no answer cell."""
UNJUDGED = "unjudged"
"""Judging took too long or failed: the mark is 0 until somebody looks."""


@dataclass(frozen=True, slots=True)
class Property:
    """One property that was looked at: the claim, whether it holds, its points."""

    claim: str
    ok: bool
    points: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the exercise says of one answer; `points` are those of the properties, less what hints cost.

    `state` is one of the words above. `misconception` is a key of `svcnotes.exercises.misconceptions.ALL`, or
    empty; `said` what a machine printed, `rule` the deciding rule as `iptables-save` prints it.
    """

    state: str
    points: Fraction
    out_of: int
    properties: tuple[Property, ...] = ()
    misconception: str = ""
    said: str = ""
    explanation: str = ""
    rule: str = ""


def judge(exercise: Exercise, text: str, hints: int = 0, *, out_of: int = 0) -> Judgement:
    """Judge an answer; never runs it.

    Each level of hints, up to those that the exercise has, costs 10 % of the points reached. `out_of` are the
    exercise's points, for an answer that shows fewer properties (0: those of the verdict). An untouched start
    is no answer and gets none of the points that it might earn as it stands.
    """
    if unanswered(text, exercise.start):
        return Judgement(BLANK, Fraction(0), out_of, explanation="No answer was given.")
    verdict = exercise.check(text)
    whole = out_of or verdict.out_of
    # A verdict on a text that cannot be read shows fewer properties than the exercise has.
    reached = Fraction(whole if verdict.ok else min(verdict.points, whole))
    share = 1 - HINT_COST * min(max(hints, 0), len(exercise.hints))
    return Judgement(
        RIGHT if verdict.ok else PARTIAL if verdict.points else WRONG,
        reached * max(share, Fraction(0)),
        whole,
        tuple(Property(part.claim, part.ok, part.points) for part in verdict.parts),
        verdict.misconception,
        verdict.said,
        verdict.explanation,
        verdict.rule,
    )
