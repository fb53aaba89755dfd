"""A worker's task: one student's notebooks, or one answer in another's case; data in, data out, no files, no clock."""

from __future__ import annotations

import base64
import importlib
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Protocol, cast

from svcnotes.coursework.collected import Collected, Given, collect
from svcnotes.coursework.course_notebook import marks_cell
from svcnotes.coursework.marking import MISSING, PARTIAL, UNJUDGED, WRONG, Judgement, judge
from svcnotes.coursework.notebook import Notebook, read_notebook
from svcnotes.coursework.results import Asked, Mark, mark_from_json, mark_to_json
from svcnotes.errors import SvcnotesError
from svcnotes.exercises import Exercise
from svcnotes.exercises.exercise import LONG

CATALOGUE = "svcnotes.exercises.personal.catalogue"
"""The module that knows the exercises: `ALL`, `find`, `draw`."""
MAX_KEPT = 20_000
"""Of an answer, what goes into reports, in characters; longer ones are judged as too long by the exercise."""
MAX_REMARKS = 40

Step = Callable[[str], None]
"""Told before each step that might take long; a worker that ends or overruns is known by its last one."""
Keep = Callable[[str, dict[str, Any]], None]
"""Told each mark as soon as it is made, so that it need not be made again."""


class Stated(Protocol):
    """What is needed of an exercise's definition."""

    @property
    def id(self) -> str:
        """The id."""

    @property
    def lesson(self) -> str:
        """The lesson notebook's name."""

    @property
    def title(self) -> str:
        """The title."""

    @property
    def kind(self) -> str:
        """The kind: predict, manifest, rules, diagnose, design."""

    @property
    def points(self) -> int:
        """The points, the same for every draw."""


class Catalogue(Protocol):
    """What is needed of a catalogue of exercises (a module)."""

    ALL: Mapping[str, Stated]

    def draw(self, exercise_id: str, course: str, student: str) -> Exercise:
        """A student's own case."""


def catalogue(name: str) -> Catalogue:
    """The catalogue in a module, by the module's name."""
    return cast("Catalogue", importlib.import_module(name))


def run(task: Mapping[str, Any], step: Step, keep: Keep) -> dict[str, Any]:
    """Do a task, as `submission_task` or `trial_task` describe it; the answer is JSON data."""
    known = catalogue(task["catalogue"])
    if task["kind"] == "trial":
        return _trial(known, task, step)
    return _submission(known, task, step, keep)


def submission_task(
    course: str,
    student: str,
    exercises: Sequence[str],
    files: Sequence[tuple[str, bytes]],
    name: str = CATALOGUE,
    *,
    says_who: bool = False,
) -> dict[str, Any]:
    """Ask for a student's marks; `files` are (name, bytes) in the order in which they count.

    `says_who`: a notebook must say whose it is, for no hub does.
    """
    return {
        "kind": "submission",
        "catalogue": name,
        "course": course,
        "student": student,
        "exercises": list(exercises),
        "says_who": says_who,
        "files": [[file, base64.b64encode(data).decode("ascii")] for file, data in files],
    }


def trial_task(
    course: str, student: str, exercise: str, answer: str, name: str = CATALOGUE
) -> dict[str, Any]:
    """Ask whether an answer would be right for a student."""
    return {
        "kind": "trial",
        "catalogue": name,
        "course": course,
        "student": student,
        "exercise": exercise,
        "answer": answer,
    }


def _trial(known: Catalogue, task: Mapping[str, Any], step: Step) -> dict[str, Any]:
    skipped = dict(task.get("skip", ()))
    name = f"judging {task['exercise']}"
    if name in skipped:
        return {"right": False}
    step(name)
    exercise = known.draw(task["exercise"], task["course"], task["student"])
    return {"right": judge(exercise, task["answer"]).state == "right"}


def _submission(known: Catalogue, task: Mapping[str, Any], step: Step, keep: Keep) -> dict[str, Any]:
    skipped: dict[str, str] = dict(task.get("skip", ()))
    done: dict[str, Any] = dict(task.get("known", {}))
    drawn: dict[str, Exercise] = {}

    def case(exercise: str) -> Exercise | None:
        name = f"drawing {exercise}"
        if name not in skipped and exercise not in drawn:
            step(name)
            drawn[exercise] = known.draw(exercise, task["course"], task["student"])
        return drawn.get(exercise)

    def start(exercise: str) -> str:
        found = case(exercise)
        return found.start if found else ""

    notebooks, remarks = _read(task["files"], skipped, step)
    found = collect(
        notebooks,
        task["exercises"],
        task["course"],
        task["student"],
        start,
        lambda exercise: _marks_cell(exercise, task["course"]),
    )
    marks = []
    for name in task["exercises"]:
        if name not in done:
            mark = _mark(known.ALL[name], case(name), found, skipped, step)
            done[name] = mark_to_json(mark)
            keep(name, done[name])
        marks.append(done[name])
    unnamed = _unnamed(found, marks) if task.get("says_who") else []
    return {"marks": marks, "remarks": bounded([*unnamed, *remarks, *found.remarks])}


def _unnamed(found: Collected, marks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Remarks on the files that do not say whose they are, where an answer in them got less than all points."""
    less = {mark["exercise"] for mark in marks if mark["state"] in {PARTIAL, WRONG}}
    files = {given.file for exercise, given in found.answers.items() if exercise in less}
    return [said for file, said in found.nameless.items() if file in files]


def _marks_cell(exercise: str, course: str) -> str:
    """The source of a marks cell as the course has it; empty where the exercise is not in the book."""
    try:
        return str(marks_cell(exercise, course)["source"])
    except SvcnotesError:
        return ""


def _read(
    files: Sequence[Sequence[str]], skipped: Mapping[str, str], step: Step
) -> tuple[list[tuple[str, Notebook]], list[str]]:
    notebooks, remarks = [], []
    for file, data in files:
        name = f"reading {file}"
        if name in skipped:
            remarks.append(f"{file}: the notebook cannot be read: reading it {skipped[name]}.")
        else:
            step(name)
            notebooks.append((file, read_notebook(base64.b64decode(data))))
    return notebooks, remarks


def _mark(
    stated: Stated, exercise: Exercise | None, found: Collected, skipped: Mapping[str, str], step: Step
) -> Mark:
    given = found.answers.get(stated.id)
    remarks = list(found.of_exercise.get(stated.id, ()))
    asked = Asked(
        stated.id,
        stated.title,
        stated.lesson,
        stated.kind,
        _question(exercise) if exercise else "",
        exercise.start if exercise else "",
    )
    name = f"judging {stated.id}"
    why = skipped.get(name) or skipped.get(f"drawing {stated.id}")
    if given is None:
        judgement = Judgement(
            MISSING, Fraction(0), stated.points, explanation=f"There is no cell %%answer {stated.id}."
        )
    elif exercise is None or why:
        judgement = _unjudged(stated, why or "failed")
    else:
        step(name)
        judgement = _judged(stated, exercise, given)
    if given is not None and given.says_right and judgement.state != "right":
        remarks.append(
            f"{given.place}: the stored output says “✔ Right”, but the text is not; an output has no effect on a mark."
        )
    answer, hints = (given.answer.text, given.answer.hints) if given else ("", 0)
    if len(answer) > MAX_KEPT:
        remarks.append(f"The answer has {len(answer):,} characters; reports show the first {MAX_KEPT:,}.")
    return Mark(
        asked, judgement, answer[:MAX_KEPT], given.place if given else "", hints, tuple(bounded(remarks))
    )


def _question(exercise: Exercise) -> str:
    """The question and its choices, in lines that a page may break as it likes."""
    choices = exercise.choices
    if any(len(choice) > LONG for choice in choices):
        return "\n".join(
            [exercise.question, *(f"{number}. {choice}" for number, choice in enumerate(choices, 1))]
        )
    return f"{exercise.question}\nOne of: {', '.join(choices)}" if choices else exercise.question


def _judged(stated: Stated, exercise: Exercise, given: Given) -> Judgement:
    try:
        return judge(exercise, given.answer.text, given.answer.hints, out_of=stated.points)
    except (Exception, MemoryError) as error:  # noqa: BLE001 - one answer must not stop the others
        return _unjudged(stated, f"failed ({type(error).__name__})")


def _unjudged(stated: Stated, why: str) -> Judgement:
    return Judgement(
        UNJUDGED,
        Fraction(0),
        stated.points,
        explanation=f"This answer was not judged: judging it {why}. Your lecturer will look at it.",
    )


def bounded(remarks: Sequence[str]) -> list[str]:
    """Not more remarks than somebody reads."""
    more = len(remarks) - MAX_REMARKS
    return [*remarks[:MAX_REMARKS], *([f"... and {more:,} more of the kind."] if more > 0 else [])]


def student_marks(answer: Mapping[str, Any]) -> tuple[tuple[Mark, ...], tuple[str, ...]]:
    """The marks and remarks of an answer to `submission_task`."""
    return tuple(mark_from_json(mark) for mark in answer["marks"]), tuple(answer["remarks"])
