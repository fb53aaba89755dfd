"""Write the pages of the book that follow from its lessons.

notebooks/misconceptions.md says which misconception has its moment in which cell of which lesson.

    python tools/make_book.py
"""
# ruff: noqa: INP001 - a script, no package

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from svcnotes.exercises import coverage
from svcnotes.exercises.misconceptions import LISTED

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"
MADE = "<!-- Written by tools/make_book.py: change that, or the lessons, and run it again. -->"


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of a lesson: `lesson` is the notebook's name without `.ipynb`."""

    lesson: str
    name: str
    kind: str
    text: str


def cells(folder: Path = NOTEBOOKS) -> tuple[Cell, ...]:
    """All cells of all notebooks, in the book's order."""
    return tuple(
        Cell(path.stem, cell["id"], cell["cell_type"], "".join(cell["source"]))
        for path in sorted(folder.glob("[0-9][0-9]-*.ipynb"))
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
    )


def link(lesson: str, cell: str = "") -> str:
    """A link to a lesson, or to a cell in it (JupyterLab jumps there, elsewhere it opens the lesson)."""
    fragment = f"#cell-id={cell}" if cell else ""
    return f"[{lesson}{f': {cell}' if cell else ''}]({lesson}.ipynb{fragment})"


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    head = list(header)
    lines = [head, ["---"] * len(head), *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def misconceptions() -> str:
    """The page that says where each of the listed misconceptions has its moment."""
    found = [
        (str(number), belief, moments(number, "kind"), moments(number, "link"))
        for number, belief in LISTED.items()
    ]
    return page(
        "Misconceptions, and where each has its moment",
        "Each of these is believed by many, and none of them holds. In the cell named you commit to an answer, "
        "and a wrong one is recognised by the idea behind it.",
        table(("", "What many believe", "You meet it as", "Where"), found),
    )


def moments(number: int, what: str) -> str:
    """The kinds of a misconception's moments, or the links to them, each once, in the book's order."""
    rows = [row for row in coverage.rows() if row.number == number]
    pairs = dict.fromkeys((row.kind, link(row.lesson, row.cell)) for row in rows)
    return "<br>".join(kind if what == "kind" else where for kind, where in pairs)


def page(title: str, text: str, *parts: str) -> str:
    """A page of the book."""
    return "\n\n".join([f"# {title}", MADE, text, *parts]) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {"misconceptions.md": misconceptions}


def main() -> int:
    """Write every page."""
    for name, make in PAGES.items():
        (NOTEBOOKS / name).write_text(make(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
