"""Toss for `statistic` matches: every way in turn, or one way by a number."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import TypeVar

T = TypeVar("T")
Toss = Callable[[Fraction, float], bool]


class Script:
    """Answers tosses from a script; past its end every toss is won. Notes what was tossed for."""

    def __init__(self, script: list[bool]) -> None:
        self.script = script
        self.made: list[tuple[Fraction, bool]] = []

    def __call__(self, chance: Fraction, near: float) -> bool:
        """Win or lose a toss with this chance; one that cannot be won is no fork."""
        if not near:
            return False
        turn = len(self.made)
        won = self.script[turn] if turn < len(self.script) else True
        self.made.append((chance, won))
        return won

    def probability(self) -> Fraction:
        """How likely this way is."""
        likely = Fraction(1)
        for chance, won in self.made:
            likely *= chance if won else 1 - chance
        return likely

    def following(self) -> list[bool] | None:
        """The script of the next way: the last toss won is lost instead; None after the last way."""
        answers = [won for _, won in self.made]
        while answers and not answers[-1]:
            answers.pop()
        return [*answers[:-1], False] if answers else None


def every_way(run: Callable[[Toss], T]) -> Iterator[tuple[Fraction, T]]:
    """Run once for each way that the tosses may fall; the probabilities add up to 1.

    Running again from the start for each way keeps one walker for forks and single ways alike.
    """
    script: list[bool] | None = []
    while script is not None:
        toss = Script(script)
        result = run(toss)
        yield toss.probability(), result
        script = toss.following()


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
