"""All cases at a glance, and some of them as the clusters of a stage."""

from __future__ import annotations

from dataclasses import replace
from itertools import zip_longest

from svcnotes.exercises.dojo.case import case, names
from svcnotes.exercises.dojo.session import Text
from svcnotes.scenarios.controls import Change, Control, control, unchanged
from svcnotes.scenarios.scene import Scene


def catalogue() -> Text:
    """Every case with its number and its title, in two columns; what the user says is in the case."""
    titles = [f"{number:>2}  {case(name).title}" for number, name in enumerate(names(), start=1)]
    half = (len(titles) + 1) // 2
    wide = max(map(len, titles)) + 3
    rows = zip_longest(titles[:half], titles[half:], fillvalue="")
    return Text("\n".join(f"{left:<{wide}}{right}".rstrip() for left, right in rows))


def clusters(**numbers: str | int) -> Control:
    """A control that puts a case's broken cluster on the stage: `clusters(A=1, B=3)`; the whole one comes first.

    Raises QuestionError for an unknown case.
    """
    choices = {"whole": unchanged, **{letter: _broken(number) for letter, number in numbers.items()}}
    return control("broken", "cluster", choices)


def _broken(number: str | int) -> Change:
    given = case(number)

    def change(scene: Scene) -> Scene:
        return replace(scene, cluster=given.broken())

    return change
