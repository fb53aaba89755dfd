"""notebooks/teaching/plan.md: what each lesson teaches, and what everything takes, from the lessons and the catalogue."""
# ruff: noqa: INP001 - a script, no package

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

import own_cases

_LESSON = re.compile(r"\]\((\d\d-[a-z-]+\.ipynb)")
KINDS = {
    "predict": "say what a packet will do, before anybody looks",
    "manifest": "write or mend a manifest",
    "rules": "write or mend a node's rules",
    "diagnose": "find what is broken, and where",
    "design": "meet several demands at once; every manifest that does is right",
}


def card(path: Path, row: str) -> str:
    """A row of the table at a lesson's beginning; its links lead there from the teaching folder."""
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        found = re.search(rf"^\| \*\*{row}\*\* \| (.*?) \|?$", "".join(cell["source"]), re.MULTILINE)
        if found:
            return _LESSON.sub(r"](../\1", found[1])
    raise LookupError(f"{path}: no row {row!r} in a table")


def minutes(path: Path) -> int:
    """What a lesson takes, its exercises with a case of one's own not counted."""
    return int(re.findall(r"\d+", card(path, "Minutes"))[0])


def plan() -> str:
    """The page."""
    paths = sorted(own_cases.NOTEBOOKS.glob("[0-9][0-9]-*.ipynb"))
    rows, lessons, exercises = [], 0, 0
    for path in paths:
        asked = own_cases.exercises(path.stem)
        lessons += minutes(path)
        exercises += own_cases.minutes(path.stem)
        rows.append(
            (
                f"[{path.stem}](../{path.name})",
                card(path, "Afterwards you can"),
                str(minutes(path)),
                f"{len(asked)} in {own_cases.minutes(path.stem)} minutes",
                str(sum(one.points for one in asked)),
            )
        )
    kinds = "\n".join(f"* **{kind}**: {what}" for kind, what in KINDS.items())
    return (
        "# What each lesson teaches, and what it takes\n\n"
        "<!-- Written by tools/make_book.py: change that, the lessons or the catalogue, and run it again. -->\n\n"
        f"All lessons: {lessons} minutes of reading and trying. All exercises: {exercises} minutes for somebody who has just "
        "done the lesson; twice that for most.\n\n"
        + _table(("lesson", "afterwards one can", "minutes", "exercises", "points"), rows)
        + f"\n\nFive kinds of exercises:\n\n{kinds}\n\n"
        "[Every exercise](../exercises.md), with its minutes, its points and what it tests.\n"
    )


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    lines = [list(head)]
    lines.append(["---"] * len(lines[0]))
    return "\n".join(f"| {' | '.join(line)} |" for line in [*lines, *map(list, rows)])
