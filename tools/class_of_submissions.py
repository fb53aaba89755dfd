"""A class of generated submissions, with the marks that each must get: right, wrong, half right, copied, hostile.

    made = make(folder, students=1000, seed=1)    an nbgrader course with submitted/, and what is expected of it

Everything follows from the seed. The lessons are the real notebooks, as `svcnotes course create` prepares them. What is
expected comes from how an answer was made: full points for a right one, what the judge says for others, and for a hostile
notebook what its kind declares.
"""

# ruff: noqa: INP001 - a tool, no package

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "tests" / "coursework")]

import answers  # noqa: E402 - tools are no package
import hostile  # noqa: E402 - the same

from svcnotes.coursework.answer_text import tidy, unanswered  # noqa: E402
from svcnotes.coursework.course import create  # noqa: E402
from svcnotes.coursework.marking import judge  # noqa: E402
from svcnotes.exercises.personal import ALL, draw  # noqa: E402

COURSE = "bench-1"
HOSTILE = 0.08
"""The share of notebooks that are hostile."""
KINDS = ("right", "wrong", "partial", "blank", "copied")
CHANCES = (55, 18, 12, 10, 5)
HINTED = 0.15


@dataclass
class Expected:
    """What must come out: points by student and exercise, who copied (student, exercise, from whom), who is hostile, counts."""

    points: dict[str, dict[str, str]] = field(default_factory=dict)
    copied: list[tuple[str, str, str]] = field(default_factory=list)
    lines: list[tuple[str, str]] = field(default_factory=list)
    hostile: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, other: Expected) -> None:
        """Take in what is expected of others."""
        self.points |= other.points
        self.copied += other.copied
        self.lines += other.lines
        self.hostile += other.hostile
        self.counts += other.counts


def student_name(number: int) -> str:
    """The name of a student, by number."""
    return f"student-{number:04d}"


def make(
    folder: Path, students: int, seed: int, processes: int = 2, share: float = HOSTILE
) -> Iterator[Expected]:
    """Write the course and its submissions; yields what is expected of each batch of students as it is written.

    What an earlier call with the same arguments wrote is used again.
    """
    if not (folder / "source").is_dir():
        create(folder, COURSE)
    with ProcessPoolExecutor(processes) as pool:
        batches = [range(first, min(first + 10, students)) for first in range(0, students, 10)]
        yield from pool.map(_batch, [(folder.resolve(), batch, students, seed, share) for batch in batches])


def _batch(asked: tuple[Path, range, int, int, float]) -> Expected:
    folder, batch, students, seed, share = asked
    known = folder / "expected" / f"{seed}-{students}-{batch.start}-{batch.stop}.json"
    if known.exists():
        read = json.loads(known.read_text(encoding="utf-8"))
        return Expected(**{**read, "counts": Counter(read["counts"])})
    sources = {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((folder / "source").glob("*/*.ipynb"))
    }
    expected = Expected()
    for number in batch:
        _student(folder, sources, number, students, random.Random(f"{seed}/{number}"), share, expected)  # noqa: S311 - repeatable
    known.parent.mkdir(exist_ok=True)
    known.write_text(json.dumps(expected.__dict__), encoding="utf-8")
    return expected


def _student(
    folder: Path,
    sources: dict[str, Any],
    number: int,
    students: int,
    dice: random.Random,
    share: float,
    expected: Expected,
) -> None:
    student = student_name(number)
    points = expected.points.setdefault(student, {})
    for lesson, source in sources.items():
        book = json.loads(json.dumps(source))
        cells = {name: cell for cell in book["cells"] if (name := _exercise(cell))}
        if not cells:
            continue
        for exercise, cell in cells.items():
            points[exercise] = str(_answer(cell, exercise, student, number, students, dice, expected))
        expected.counts["notebooks"] += 1
        content = hostile.data(book)
        if dice.random() < share:
            content = _spoil(book, list(cells), student, folder, dice, expected)
        path = folder / "submitted" / student / lesson / f"{lesson}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _exercise(cell: dict[str, Any]) -> str:
    """The exercise that a cell answers, empty where it is none."""
    head = "".join(cell["source"]).partition("\n")[0]
    return head.removeprefix("%%answer ").strip() if head.startswith("%%answer ") else ""


def _answer(
    cell: dict[str, Any],
    exercise: str,
    student: str,
    number: int,
    students: int,
    dice: random.Random,
    expected: Expected,
) -> Fraction:
    """Write an answer of some kind into a cell; the points that it must get."""
    kind = dice.choices(KINDS, CHANCES)[0]
    case = draw(exercise, COURSE, student)
    hints = dice.randint(1, 2) if dice.random() < HINTED else 0
    if kind == "partial":
        some = list(answers.partial(exercise, case).values())
        kind = "partial" if some else "wrong"
    if kind == "right":
        text = answers.right(exercise, case)
    elif kind == "partial":
        text = dice.choice(some)
    elif kind == "copied":
        other = student_name((number + dice.randrange(1, 9)) % students)
        text = answers.right(exercise, draw(exercise, COURSE, other))
    elif kind == "wrong":
        text = dice.choice(list(answers.wrong(exercise, case).values())[1:])
    else:
        text = case.start or "???"
    points = ALL[exercise].points
    worth = (
        Fraction(points) * (1 - Fraction(1, 10) * min(hints, len(case.hints)))
        if kind == "right"
        else judge(case, tidy(text), hints, out_of=points).points
    )
    if kind == "copied" and worth < points * (1 - Fraction(1, 10) * hints):
        expected.copied.append((student, exercise, other))
    expected.counts[kind] += 1
    cell["source"] = f"%%answer {exercise}{f' --hint {hints}' if hints else ''}\n{text}"
    return worth


def _spoil(
    book: dict[str, Any],
    exercises: list[str],
    student: str,
    folder: Path,
    dice: random.Random,
    expected: Expected,
) -> bytes:
    """Make the notebook hostile, and put down what that costs."""
    kind, target = dice.choice(hostile.KINDS), dice.choice(exercises)
    points = expected.points[student]
    case = draw(target, COURSE, student)
    # The kinds look for the target's cell by its plain first line; hints asked for there are taken back.
    cell = next(cell for cell in book["cells"] if _exercise(cell).split(" ")[:1] == [target])
    head, _, text = cell["source"].partition("\n")
    if "--hint" in head:
        cell["source"] = f"%%answer {target}\n{text}"
        points[target] = str(judge(case, tidy(text), out_of=ALL[target].points).points)
    canary = folder / "canary"
    canary.mkdir(exist_ok=True)
    content = kind.of(book, target, canary)
    if kind.loses == hostile.ALL:
        points |= dict.fromkeys(exercises, "0")
    elif kind.loses == hostile.TARGET:
        given = (kind.answer or "").replace("CANARY", str(canary))
        points[target] = str(judge(case, tidy(given), out_of=ALL[target].points).points if given else 0)
    lost = (
        {target} if kind.loses == hostile.TARGET else set(exercises) if kind.loses == hostile.ALL else set()
    )
    expected.copied = [one for one in expected.copied if one[0] != student or one[1] not in lost]
    expected.hostile.append(student)
    expected.counts["hostile"] += 1
    expected.counts[f"hostile: {kind.name}"] += 1
    if kind.line and not ("Answered" in kind.line and unanswered(text, case.start)):
        expected.lines.append((student, kind.line))
    return content
