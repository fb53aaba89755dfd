"""Every exercise of the coursework, by its id, and each student's own case of it."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

from svcnotes.errors import QuestionError
from svcnotes.exercises.personal import (
    debugging,
    externalips,
    externalname,
    hairpin,
    loadbalancer,
    modes,
    nodeport,
    scale,
    snat,
    start,
)
from svcnotes.exercises.personal.chance import Draw, seed_of
from svcnotes.exercises.personal.definition import Definition, Personal

_MODULES = (start, nodeport, snat, loadbalancer, externalname, externalips, hairpin, debugging, modes, scale)
ALL: Mapping[str, Definition] = MappingProxyType(
    {one.id: one for module in _MODULES for one in module.DEFINITIONS}
)
"""The definitions by id, in the book's order."""


def find(exercise_id: str) -> Definition:
    """The definition of that id; raises QuestionError, with the nearest ids, where there is none."""
    found = ALL.get(exercise_id) if isinstance(exercise_id, str) else None
    if found is None:
        near = get_close_matches(str(exercise_id)[:80], ALL, n=3, cutoff=0.4) or list(ALL)[:3]
        raise QuestionError(f"no exercise {str(exercise_id)[:80]!r}. Did you mean {', '.join(near)}?")
    return found


def draw(exercise_id: str, course: str, student: str, *, fresh: int = 0) -> Personal:
    """A student's own case of an exercise: the same whenever it is drawn again.

    `fresh` counts the cases of self-study, from 0. Raises QuestionError for an unknown exercise.
    """
    definition = find(exercise_id)
    return definition.drawn(Draw(seed_of(course, exercise_id, student, fresh)))
