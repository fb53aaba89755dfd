"""The section "Your own case" of each lesson, as the coursework's catalogue has it: `make book` writes it anew.

A table, and an answer cell for each exercise of the lesson, in the catalogue's order, before the recap.
"""
# ruff: noqa: INP001 - a script, no package

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from svcnotes.coursework.course_notebook import answer_metadata
from svcnotes.exercises.personal import ALL, Definition

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
TABLE = "own-cases"
BEFORE = "recap"
"""The cell before which the section stands; in a notebook without it, the section comes last."""
TEXT = """\
## Your own case

Everybody has had the same cluster so far. These exercises draw one for you alone. **Run a cell: it asks its question.** Write the answer below the first line
and run the cell again. It is read as text and traced, never executed; try as often as you like. A hint: write `--hint 1` behind the name (in a course each level takes 10 % of the points reached).
Another case of the same: `%answer-new {first}` in a cell of its own. Run the first cell of this notebook first, and again after each restart of the kernel: before that Jupyter knows no `%%answer`.
"""


def exercises(lesson: str) -> list[Definition]:
    """The exercises of a lesson."""
    return [one for one in ALL.values() if one.lesson == lesson]


def minutes(lesson: str) -> int:
    """What all of them take."""
    return sum(one.minutes for one in exercises(lesson))


def table(lesson: str) -> str:
    """The section's text: what to do, and the exercises with what each takes."""
    asked = exercises(lesson)
    lines = [
        TEXT.format(first=asked[0].id),
        "| cell | exercise | kind | minutes | points |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| `{one.id}` | {one.title} | {one.kind} | {one.minutes} | {one.points} |" for one in asked]
    lines.append(f"| | all of them | | {minutes(lesson)} | {sum(one.points for one in asked)} |")
    return "\n".join(lines)


def section(lesson: str) -> list[dict[str, Any]]:
    """The section's cells; none for a lesson without exercises."""
    asked = exercises(lesson)
    if not asked:
        return []
    text = {"cell_type": "markdown", "id": TABLE, "metadata": {}, "source": _lines(table(lesson))}
    return [text, *(answer_cell(one) for one in asked)]


def answer_cell(asked: Definition) -> dict[str, Any]:
    """An answer cell as it is before anybody answered."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": asked.id,
        "metadata": {"nbgrader": answer_metadata(asked.id)},
        "outputs": [],
        "source": _lines(f"%%answer {asked.id}\n???"),
    }


def with_section(notebook: dict[str, Any], lesson: str) -> dict[str, Any]:
    """A notebook with its section as it should be."""
    cells = [cell for cell in notebook["cells"] if not _ours(cell)]
    place = next((n for n, cell in enumerate(cells) if cell["id"] == BEFORE), len(cells))
    return notebook | {"cells": [*cells[:place], *section(lesson), *cells[place:]]}


def written(path: Path) -> str:
    """A lesson's file as it should be."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return json.dumps(with_section(notebook, path.stem), ensure_ascii=False, indent=1) + "\n"


def write_all() -> None:
    """Write the sections into all lessons."""
    for path in sorted(NOTEBOOKS.glob("[0-9][0-9]-*.ipynb")):
        path.write_text(written(path), encoding="utf-8")


def _ours(cell: dict[str, Any]) -> bool:
    return cell["id"] == TABLE or "".join(cell["source"]).startswith("%%answer")


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)
