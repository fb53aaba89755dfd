"""Whose a notebook says it is: its `%student` lines and what they answered. No mark follows it; reports tell of it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from svcnotes.coursework.answer_text import UNANSWERED
from svcnotes.coursework.notebook import Cell, Notebook, printable

_LOOKED_AT = 2_000
_CLAIM = " says it is of course {}, student "


def claims(cell: Cell, place: str, course: str, student: str) -> list[str]:
    """A remark on each `%student` line that names somebody else; on a hub its output names them."""
    return [
        f"{place}{_CLAIM.format(printable(said_course, 60))}{printable(said, 60)}; "
        f"it was handed in by {printable(student, 60)}, whose case counts. An answer that was right on the screen may be "
        f"wrong here. {_mend(course, student, 'that cell')}"
        for said_course, said in dict.fromkeys(_named(cell))
        if said not in {student, UNANSWERED} or said_course != course
    ]


def course_claimed(remark: str) -> str:
    """The course that a remark of `claims` tells of; empty for any other remark."""
    found = re.search(_CLAIM.format("(.+?)"), remark)
    return found[1] if found else ""


def nameless(file: str, notebook: Notebook, course: str, student: str) -> str:
    """What it means, and the remedy, where a notebook of a course does not say whose it is; else empty."""
    named = [said for cell in notebook.cells for said in _named(cell)]
    if any(said != UNANSWERED for _, said in named):
        return ""
    line = f"%student {printable(course, 60)}"
    why = f"the question marks stayed in “{line} {UNANSWERED}”" if named else f"it has no line “{line} NAME”"
    return (
        f"{file} does not say whose it is: {why}. So what it showed on the screen was nobody’s case. Marks are for the case of "
        f"{printable(student, 60)}, who handed it in, and an answer that was right there may be wrong here. "
        f"{_mend(course, student, 'the first cell of code')}"
    )


def _mend(course: str, student: str, where: str) -> str:
    """The remedy: the student's own case, seen and answered."""
    return (
        f"To mend it: write “%student {printable(course, 60)} {printable(student, 60)}” into {where}, run it, answer the "
        "questions that the notebook shows then, save it, and hand it in again."
    )


def _named(cell: Cell) -> Iterator[tuple[str, str]]:
    """Each (course, student) that a cell names; the student is `???` where nobody put a name."""
    if cell.kind != "code" or "%student" not in cell.source:
        return
    for line in cell.source[:_LOOKED_AT].splitlines():
        magic, course, said, *_ = [*line.split(maxsplit=2), "", "", ""]
        if magic != "%student" or not course:
            continue
        said = said.rstrip() or UNANSWERED
        if said == UNANSWERED and cell.seated and cell.seated[0] == course:
            said = cell.seated[1]  # a hub knew who it was
        yield course, said
