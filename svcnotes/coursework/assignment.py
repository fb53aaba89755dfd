"""What the assignment asks: which exercises, in which course; told by the lecturer's own files, never by a student's."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from svcnotes.coursework.answer_text import read_answer
from svcnotes.coursework.notebook import MAX_BYTES, read_notebook
from svcnotes.coursework.submissions import Submission
from svcnotes.coursework.task import Stated
from svcnotes.errors import InputError, QuestionError

SHARE = 0.5
"""A lesson belongs to the assignment if this part of those who handed anything in handed in its notebook."""
_COURSE = re.compile(r"^c\.CourseDirectory\.course_id\s*=\s*[\"']([^\"'\n]{1,200})[\"']", re.MULTILINE)


def course_of(root: Path) -> str:
    """The course's name from nbgrader's settings, read as text; empty where they do not say it plainly."""
    for folder in (root, root.parent):
        settings = folder / "nbgrader_config.py"
        if settings.is_file():
            found = _COURSE.search(settings.read_text(encoding="utf-8", errors="replace")[:MAX_BYTES])
            if found:
                return found[1]
    return ""


def exercises_named(names: Sequence[str], known: Mapping[str, Stated]) -> tuple[str, ...]:
    """The exercises that somebody named by id or by lesson, in the catalogue's order; QuestionError for an unknown one."""
    chosen: set[str] = set()
    for name in names:
        found = {one.id for one in known.values() if name in {one.id, one.lesson}}
        if not found:
            lessons = dict.fromkeys(one.lesson for one in known.values())
            near = get_close_matches(name, [*lessons, *known], n=3, cutoff=0.5)
            meant = f"Did you mean {' or '.join(near)}?" if near else f"The lessons are {', '.join(lessons)}"
            raise QuestionError(f"--exercises: there is no exercise and no lesson {name[:80]!r}. {meant}")
        chosen |= found
    return tuple(name for name in known if name in chosen)


def exercises_of_source(
    root: Path, assignments: Collection[str], known: Mapping[str, Stated]
) -> tuple[str, ...]:
    """The exercises in an nbgrader course's own source notebooks; none where there are no such notebooks."""
    folder = root / "source"
    if not folder.is_dir():
        return ()
    chosen = set()
    for path in sorted(folder.glob("*/*.ipynb")):
        if assignments and path.parent.name not in assignments:
            continue
        for cell in read_notebook(path.read_bytes()[: MAX_BYTES + 1]).cells:
            answer = read_answer(cell.source) if cell.kind == "code" else None
            if answer and answer.exercise in known:
                chosen.add(answer.exercise)
    return tuple(name for name in known if name in chosen)


def exercises_of_files(
    submissions: Sequence[Submission], known: Mapping[str, Stated]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The exercises of the lessons whose names the notebooks bear, and remarks on lessons that few handed in.

    One student cannot bring a lesson into everybody's assignment. InputError where no notebook bears a lesson's name.
    """
    lessons = sorted({one.lesson for one in known.values()})
    handed_in = [one for one in submissions if one.files]
    count = {
        lesson: sum(any(lesson in file.lower() for file, _ in one.files) for one in handed_in)
        for lesson in lessons
    }
    chosen = {lesson for lesson, number in count.items() if number and number >= SHARE * len(handed_in)}
    if not chosen:
        raise InputError(
            "no lesson's name stands in the names of most notebooks, so it is not known what was asked. "
            "Say it: --exercises 01-nodeport (a lesson), or --exercises 01-visitor,01-repair"
        )
    remarks = tuple(
        f"{lesson} was handed in by {number} of {len(handed_in)}: it is not part of the assignment "
        f"(--exercises {lesson} makes it one)."
        for lesson, number in count.items()
        if number and lesson not in chosen
    )
    return tuple(one.id for one in known.values() if one.lesson in chosen), remarks
