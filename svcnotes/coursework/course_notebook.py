"""A lesson as nbgrader's source notebook: its answer cells, each with a marks cell after it."""

from __future__ import annotations

import copy
import re
from typing import Any

from svcnotes.coursework.answer_text import read_answer
from svcnotes.errors import InputError
from svcnotes.exercises.personal import find

MARKS_SUFFIX = "-marks"
_LESSON_LINK = re.compile(r"\]\((\d\d-[a-z-]+)\.ipynb")


def source_notebook(lesson: dict[str, Any], name: str, course: str) -> dict[str, Any]:
    """The lesson as a source notebook of a course; the lesson given stays as it is.

    `lesson` is the notebook as JSON, `name` its name. Raises QuestionError for an unknown exercise, InputError for
    an exercise that is asked twice: a mark belongs to one cell.
    """
    made = copy.deepcopy(lesson)
    cells: list[dict[str, Any]] = [*header(course)]
    seen: set[str] = set()
    for cell in made["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = links_between(_text(cell))
        cells.append(cell)
        given = read_answer(_text(cell)) if cell["cell_type"] == "code" else None
        if given is None:
            continue
        if given.exercise in seen:
            raise InputError(f"{name}: exercise {given.exercise} has two answer cells; leave one")
        seen.add(given.exercise)
        cell["metadata"] = cell["metadata"] | {"nbgrader": answer_metadata(given.exercise)}
        cells.append(marks_cell(given.exercise, course))
    made["cells"] = cells
    return made


def links_between(text: str) -> str:
    """A text whose links from lesson to lesson lead from assignment to assignment, each in a folder of its own."""
    return _LESSON_LINK.sub(r"](../\1/\1.ipynb", text)


def exercises_in(lesson: dict[str, Any]) -> list[str]:
    """The exercises that a notebook has an answer cell for, in its order."""
    read = [read_answer(_text(cell)) for cell in lesson["cells"] if cell["cell_type"] == "code"]
    return [given.exercise for given in read if given is not None]


def answer_metadata(exercise: str) -> dict[str, Any]:
    """The metadata of an answer cell, as nbgrader reads it: the student's own, not graded by itself."""
    return _metadata(exercise, solution=True)


def marks_cell(exercise: str, course: str) -> dict[str, Any]:
    """The cell that nbgrader's autograde runs for the marks: locked, its last value the points."""
    points = find(exercise).points
    return _code(
        f"{exercise}{MARKS_SUFFIX}",
        "from svcnotes.coursework.nbgrader_cell import marks\n"
        f'marks("{exercise}", course="{course}")  # after the cell above has run: its marks',
        {"nbgrader": _metadata(f"{exercise}{MARKS_SUFFIX}", grade=True, locked=True) | {"points": points}},
    )


def header(course: str) -> list[dict[str, Any]]:
    """The first two cells: what is asked of the student, and who that is."""
    text = (
        f"## An assignment of {course}\n\n"
        "Read it from top to bottom as a lesson, and answer in the cells that begin with `%%answer`: what stands below their "
        "first line is your answer, as text. Run such a cell to see **your own case** (each student's is another) and what "
        "the check says; try as often as you like. The cell after it shows the marks; leave both first lines and marks cells as they are. "
        "Hints cost: each level that you ask for takes 10 % of the points reached.\n\n"
        "Run the next cell first. On your university's hub leave it as it is; elsewhere put your user name, "
        "as your lecturer told you, in place of the question marks. **Save before you hand in:** what stands in this file is what counts."
    )
    return [
        {"cell_type": "markdown", "id": "coursework", "metadata": {}, "source": text},
        _code("coursework-student", f"import svcnotes\n%student {course} ???", {}),
    ]


def _metadata(
    grade_id: str, *, grade: bool = False, solution: bool = False, locked: bool = False
) -> dict[str, Any]:
    return {
        "schema_version": 3,
        "grade": grade,
        "solution": solution,
        "locked": locked,
        "task": False,
        "grade_id": grade_id,
    }


def _code(cell_id: str, source: str, metadata: dict[str, Any]) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": cell_id,
        "metadata": metadata,
        "outputs": [],
        "source": source,
    }


def _text(cell: dict[str, Any]) -> str:
    source = cell["source"]
    return source if isinstance(source, str) else "".join(source)
