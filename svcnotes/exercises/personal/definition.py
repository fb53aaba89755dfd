"""What an exercise of the coursework is, before anything is drawn for a student."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from svcnotes.errors import InputError
from svcnotes.exercises.exercise import Exercise, wrong
from svcnotes.exercises.misconceptions import ALL as IDEAS
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.personal.skills import SKILLS
from svcnotes.exercises.verdict import Part, Verdict

KINDS = ("predict", "manifest", "rules", "diagnose", "design")


@dataclass(frozen=True)
class Definition:
    """An exercise that is drawn anew for each student.

    `id` is the lesson's number and a name (`01-visitor`), `lesson` the notebook's name, `kind` one of `KINDS`,
    `minutes` what it takes. `points` are the same for every draw. `tests` are the misconceptions (keys of
    `misconceptions.ALL`) and skills (keys of `SKILLS`) that it tests. `make` states it for a draw.
    """

    id: str
    lesson: str
    title: str
    kind: str
    minutes: int
    points: int
    tests: tuple[str, ...]
    make: Callable[[Draw], Exercise]

    def __post_init__(self) -> None:
        """Raise InputError for a definition that contradicts itself."""
        if self.kind not in KINDS:
            raise InputError(f"exercise {self.id}: kind: {self.kind!r} is none of {', '.join(KINDS)}")
        if self.id[:3] != self.lesson[:3]:
            raise InputError(f"exercise {self.id}: lesson: {self.lesson} has another number")
        unknown = sorted(set(self.tests) - IDEAS.keys() - SKILLS.keys())
        if unknown or not self.tests:
            raise InputError(f"exercise {self.id}: tests: {unknown} is no misconception and no skill")

    @property
    def ideas(self) -> tuple[str, ...]:
        """The misconceptions among what it tests."""
        return tuple(one for one in self.tests if one in IDEAS)

    @property
    def skills(self) -> tuple[str, ...]:
        """The skills among what it tests."""
        return tuple(one for one in self.tests if one in SKILLS)

    def drawn(self, draw: Draw) -> Personal:
        """The exercise as this draw has it."""
        made = self.make(draw)
        stated = {one.name: getattr(made, one.name) for one in fields(Exercise)}
        stated |= {"name": self.id, "start": made.start or "???"}
        return Personal(**stated, definition=self, drawn=draw.drawn)


@dataclass(frozen=True)
class Personal(Exercise):
    """An exercise as drawn for one student; a Verdict on any answer is out of the definition's points.

    `drawn` tells what chance chose, by name; no judge reads an answer there.
    """

    definition: Definition | None = None
    drawn: Mapping[str, Any] = field(default_factory=dict)

    def _judged(self, answer: object) -> Verdict:
        try:
            verdict = super()._judged(answer)
        except Exception as error:  # noqa: BLE001 - one answer must never stop the marking of the others
            verdict = wrong(said=type(error).__name__, explanation="This answer cannot be followed.")
        return out_of(verdict, self.definition.points if self.definition else verdict.out_of)


def out_of(verdict: Verdict, points: int) -> Verdict:
    """The Verdict with that many points in all: where an answer could not be used, it has one part worth them all."""
    if verdict.out_of == points:
        return verdict
    claim = verdict.parts[0].claim if len(verdict.parts) == 1 else "the answer"
    part = Part(claim, ok=verdict.ok, points=points)
    return Verdict(
        (part,), verdict.misconception, verdict.said, verdict.explanation, verdict.rule, verdict.hint
    )
