"""What a marks cell runs: the marks of the answer before it, for nbgrader and for the student."""

from __future__ import annotations

import textwrap
from pathlib import Path

from svcnotes.coursework.answer_text import AnswerText
from svcnotes.coursework.collected import collect
from svcnotes.coursework.course_desk import DESK, Desk, autograding, submitted_by
from svcnotes.coursework.marking import Judgement, judge
from svcnotes.coursework.notebook import read_notebook
from svcnotes.exercises.personal import draw, find


def marks(exercise: str, *, course: str, desk: Desk = DESK, folder: Path | None = None) -> float:
    """The points for an exercise, with hints counted; as a cell's last value nbgrader takes it as partial credit.

    Where nbgrader grades, the answer is read from the notebooks of the submission's folder (here, by default), and
    the student is whose folder that is: the same as `svcnotes course grade` does. Elsewhere it is the answer that
    was run last. What the points are made of is printed. Raises QuestionError for an unknown exercise.
    """
    if autograding():
        here = folder or Path.cwd()
        student = submitted_by(here)
        given = submitted_answer(here, exercise, course, student)
    else:
        student = desk.student
        given = desk.answers.get(exercise, AnswerText(exercise, ""))
    points = find(exercise).points
    mark = judge(draw(exercise, course, student), given.text, given.hints, out_of=points)
    print(told(exercise, mark, given.hints))  # noqa: T201 - what a cell of the notebook says
    if not autograding() and (remark := remarks(exercise, course, desk)):
        print(remark)  # noqa: T201 - the same
    value = float(mark.points)
    return int(value) if value.is_integer() else value


def submitted_answer(folder: Path, exercise: str, course: str, student: str) -> AnswerText:
    """The answer that counts among the notebooks of a submission's folder; an empty one where there is none."""
    notebooks = [(path.name, read_notebook(path.read_bytes())) for path in sorted(folder.glob("*.ipynb"))]
    found = collect(notebooks, [exercise], course, student, lambda name: draw(name, course, student).start)
    given = found.answers.get(exercise)
    return given.answer if given else AnswerText(exercise, "")


def told(exercise: str, mark: Judgement, hints: int = 0) -> str:
    """The marks in words: the points, each property, and why."""
    taken = f", {hints} hint{'' if hints == 1 else 's'} taken" if hints and mark.properties else ""
    lines = [f"{exercise}: {float(mark.points):g} of {mark.out_of} points ({mark.state}{taken})"]
    if len(mark.properties) > 1:
        lines += [
            f"  {'✔' if one.ok else '✘'} {one.claim}: {one.points if one.ok else 0}/{one.points}"
            for one in mark.properties
        ]
    lines += textwrap.wrap(mark.explanation, 100)
    if mark.rule:
        lines += [
            "The rule that decides:",
            *textwrap.wrap(mark.rule, 100, initial_indent="    ", subsequent_indent="      "),
        ]
    return "\n".join(lines)


def remarks(exercise: str, course: str, desk: Desk) -> str:
    """What a student should know of these marks before handing in; empty where all is well."""
    if desk.course != course:
        return f"These marks are for {course}. Run the cell at the top with %student first, then your answer again."
    if desk.nameless:
        return f"Nobody's case: put your name into the cell with %student {course} first."
    if desk.fresh.get(exercise):
        return f"Your last answer was to a practice case: %answer-new {exercise} 0 lays out your own again."
    return ""
