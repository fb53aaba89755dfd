"""Toss for `statistic` matches: every way in turn, or one way by a number."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TypeVar

from svcnotes.netfilter.walk import CERTAIN

T = TypeVar("T")
Toss = Callable[[Fraction, float], bool]


class Script:
    """Answers tosses from a script; past its end every toss is won.

    `answers` says how the tosses fell, `likely` how probable it was to come past each of them; what
    is known of them from an earlier way is not reckoned again.
    """

    def __init__(self, script: list[bool], known: list[Fraction]) -> None:
        self.script, self.known = script, known
        self.answers: list[bool] = []
        self.likely: list[Fraction] = []

    def __call__(self, chance: Fraction, near: float) -> bool:
        """Win or lose a toss with this chance; one that cannot be won is no fork."""
        if not near:
            return False
        turn = len(self.answers)
        won = self.script[turn] if turn < len(self.script) else True
        if turn < len(self.known):
            likely = self.known[turn]
        else:
            likely = self.probability() * (chance if won else 1 - chance)
        self.answers.append(won)
        self.likely.append(likely)
        return won

    def probability(self) -> Fraction:
        """How likely this way is, so far."""
        return self.likely[-1] if self.likely else CERTAIN

    def following(self) -> Script | None:
        """The script of the next way: the last toss won is lost instead; None after the last way."""
        turns = len(self.answers)
        while turns and not self.answers[turns - 1]:
            turns -= 1
        return Script([*self.answers[: turns - 1], False], self.likely[: turns - 1]) if turns else None


def every_way(run: Callable[[Toss], T]) -> list[tuple[Fraction, T]]:
    """Run once for each way that the tosses may fall; the probabilities add up to 1.

    Running again from the start for each way keeps one walker for forks and single ways alike.
    """
    script: Script | None = Script([], [])
    found = []
    while script is not None:
        result = run(script)
        found.append((script.probability(), result))
        script = script.following() if script.answers else None
    return found


def by_number(uniform: float) -> Toss:
    """Answer every toss from one number of 0 <= uniform < 1, stretched again after each toss."""

    def toss(chance: Fraction, near: float) -> bool:
        nonlocal uniform
        del chance
        if uniform < near:
            uniform /= near
            return True
        uniform = (uniform - near) / (1 - near)
        return False

    return toss
