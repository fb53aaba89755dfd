"""The answers in a student's notebooks: which cell counts for which exercise, and what is odd about the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from svcnotes.coursework.answer_text import AnswerText, read_answer, unanswered
from svcnotes.coursework.claims import claims, nameless
from svcnotes.coursework.course_notebook import MARKS_SUFFIX
from svcnotes.coursework.notebook import Cell, Notebook, printable


@dataclass(frozen=True, slots=True)
class Given:
    """An answer in its place: the file, the cell's number, whether a stored output claims that it is right."""

    file: str
    cell: int
    answer: AnswerText
    says_right: bool = False

    @property
    def place(self) -> str:
        """The place in words."""
        return f"{self.file}, cell {self.cell}"


@dataclass(frozen=True, slots=True)
class Collected:
    """The answer that counts for each exercise, remarks on an exercise's answer, remarks on the whole.

    `nameless` has a remark on each file that does not say whose it is; it matters where no hub says so either.
    """

    answers: dict[str, Given]
    of_exercise: dict[str, tuple[str, ...]]
    remarks: tuple[str, ...]
    nameless: dict[str, str]


def collect(
    notebooks: Iterable[tuple[str, Notebook]],
    exercises: Collection[str],
    course: str,
    student: str,
    start: Callable[[str], str],
    locked: Callable[[str], str] = lambda _exercise: "",
) -> Collected:
    """Choose one answer for each exercise from a student's notebooks, given as (file, notebook) in order.

    The rule: of several cells that answer one exercise the last that is answered counts, in the order of the
    files' names and of the cells; hints asked for in any of them count. Only code cells whose first line is
    `%%answer` hold answers; nbgrader's ids, outputs and every other cell have no say. `start` gives the text
    that an exercise begins with, `locked` the source of its marks cell, where it is known.
    """
    every: dict[str, list[Given]] = {exercise: [] for exercise in exercises}
    remarks: list[str] = []
    about: dict[str, list[str]] = {exercise: [] for exercise in exercises}
    unnamed: dict[str, str] = {}
    for file, notebook in notebooks:
        remarks += [f"{file}: {remark}" for remark in notebook.remarks]
        remarks += [f"{file}: {remark}" for remark in _of_ids(notebook)]
        if said := nameless(file, notebook, course, student):
            unnamed[file] = said
        remarks += _tampered(file, notebook, every, locked)
        for cell in notebook.cells:
            place = f"{file}, cell {cell.number}"
            answer = read_answer(cell.source)
            remarks += claims(cell, place, course, student)
            if answer is None:
                if cell.grade_id in about and cell.kind == "code" and cell.source.strip():
                    about[cell.grade_id].append(
                        f"{place} has nbgrader's id {cell.grade_id}, but its first line is not "
                        f"%%answer {cell.grade_id}: it is no answer."
                    )
            elif cell.kind != "code":
                remarks.append(
                    f"{place}: %%answer {answer.exercise} stands in a {printable(cell.kind, 20)} cell, "
                    "which holds no answer."
                )
            elif answer.exercise not in every:
                remarks.append(
                    f"{place}: {answer.exercise} is not an exercise of this assignment; it has no effect."
                )
            else:
                every[answer.exercise].append(Given(file, cell.number, answer, cell.says_right))
                about[answer.exercise] += _of_cell(cell, answer, place)
    chosen = {}
    for exercise, given in every.items():
        if given:
            chosen[exercise], odd = _chosen(given, start(exercise))
            about[exercise] += odd
    return Collected(chosen, {name: tuple(said) for name, said in about.items()}, tuple(remarks), unnamed)


def _chosen(given: list[Given], start: str) -> tuple[Given, list[str]]:
    answered = [one for one in given if not unanswered(one.answer.text, start)]
    last = (answered or given)[-1]
    hints = max(one.answer.hints for one in given)
    answer = AnswerText(last.answer.exercise, last.answer.text, hints)
    remarks = []
    if len(answered) > 1:
        others = "; ".join(one.place for one in answered[:-1][:5])
        remarks.append(
            f"Answered {len(answered)} times; the last counts ({last.place}), not {others}"
            f"{' and more' if len(answered) > 6 else ''}."
        )
    return Given(last.file, last.cell, answer, last.says_right), remarks


def _of_cell(cell: Cell, answer: AnswerText, place: str) -> list[str]:
    """What is odd about a cell that holds an answer."""
    remarks = []
    if answer.strange:
        remarks.append(
            f"{place}: “{printable(answer.strange)}” on the line of %%answer is not understood; "
            "the answer is judged as this student's own."
        )
    if cell.grade_id and cell.grade_id != answer.exercise:
        remarks.append(
            f"{place}: nbgrader's id is “{printable(cell.grade_id)}”, the line says {answer.exercise}; the line counts."
        )
    return remarks


def _of_ids(notebook: Notebook) -> list[str]:
    """Ids that several cells bear."""
    counted = Counter(cell.grade_id for cell in notebook.cells if cell.grade_id)
    return [
        f"{count} cells have nbgrader's id “{printable(name)}”; ids have no effect on a mark."
        for name, count in sorted(counted.items())
        if count > 1
    ]


def _tampered(
    file: str, notebook: Notebook, exercises: Collection[str], locked: Callable[[str], str]
) -> list[str]:
    """The marks cells that are not as the course has them, in one remark: an old copy of a notebook has many."""
    changed = []
    for cell in notebook.cells:
        exercise = cell.grade_id.removesuffix(MARKS_SUFFIX)
        if exercise == cell.grade_id or exercise not in exercises:
            continue
        given = locked(exercise)
        if given and cell.source.split() != given.split():
            changed.append(exercise)
    if not changed:
        return []
    which = ", ".join(dict.fromkeys(changed))
    several = len(set(changed)) > 1
    return [
        f"{file}: the marks cell{'s' * several} of {which} {'were' if several else 'was'} changed, or made for another "
        f"course; {'they are' if several else 'it is'} never run here, and {'have' if several else 'has'} no effect."
    ]
