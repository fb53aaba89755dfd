"""All cases at a glance, and some of them as the clusters of a stage."""

from __future__ import annotations

import textwrap
from dataclasses import replace

from svcnotes.exercises.dojo.case import case, names
from svcnotes.exercises.dojo.session import Text
from svcnotes.exercises.verdict import WIDTH
from svcnotes.scenarios.controls import Change, Control, control, unchanged
from svcnotes.scenarios.scene import Scene


def catalogue() -> Text:
    """Every case with its number, its title and the beginning of what the user says."""
    lines = []
    for number, name in enumerate(names(), start=1):
        given = case(name)
        lines.append(f"{number:>2}  {given.title}")
        lines.append(f"      {textwrap.shorten(given.symptom, WIDTH - 6, placeholder=' …')}")
    return Text("\n".join(lines))


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
