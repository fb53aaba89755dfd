"""Grade an assignment: submissions in, results out; nothing is run, and the same input gives an equal result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from svcnotes.coursework.alike import alike
from svcnotes.coursework.claims import course_claimed
from svcnotes.coursework.foreign import Trial, foreign
from svcnotes.coursework.journal import Journal, key_of
from svcnotes.coursework.notebook import MAX_BYTES, printable, read_notebook
from svcnotes.coursework.pool import Made, Pool
from svcnotes.coursework.results import Asked, Results, Student
from svcnotes.coursework.submissions import Submission, Submitted
from svcnotes.coursework.task import CATALOGUE, bounded, catalogue, student_marks, submission_task, trial_task
from svcnotes.errors import InputError

MAX_TOGETHER = 64_000_000
"""Of one student's notebooks, in bytes; what comes after is not read. An honest course's stay far below."""
MOST_FILES = 200
"""Of one student's notebooks, likewise."""

Progress = Callable[[str, int, int], None]
"""Told (what is done, how many more are done, of how many in all)."""


def grade(
    submitted: Submitted,
    course: str,
    exercises: Sequence[str],
    pool: Pool,
    journal: Journal,
    *,
    title: str = "",
    remarks: Sequence[str] = (),
    name: str = CATALOGUE,
    progress: Progress = lambda _what, _more, _all: None,
) -> Results:
    """Grade every submission.

    `exercises` are ids, in the order of the reports. What the journal knows is not done again; what is done is
    put into it at once. `name` is the module of the catalogue. Raises SvcnotesError where no worker can work.
    """
    known = catalogue(name).ALL
    answers, unread = _marked(submitted, course, exercises, pool, journal, name, progress)
    students = tuple(
        _student(one, answers[one.student], unread[one.student]) for one in submitted.submissions
    )

    def tried(trials: Sequence[Trial]) -> Mapping[Trial, bool]:
        return _tried(trials, course, pool, journal, name, progress)

    return Results(
        course,
        title or course,
        tuple(Asked(one, known[one].title, known[one].lesson, known[one].kind) for one in exercises),
        students,
        (*_of_another_course(students, course), *remarks, *submitted.remarks),
        alike(students),
        foreign(students, tried),
    )


def _of_another_course(students: Sequence[Student], course: str) -> list[str]:
    """A remark where half of the class has notebooks of one other course: then it is --course that is wrong, not they."""
    others = {
        (one.student, named)
        for one in students
        for remark in one.remarks
        if (named := course_claimed(remark)) not in {"", printable(course, 60)}
    }
    said = Counter(other for _, other in others)
    there = sum(one.handed_in for one in students)
    return [
        f"{count} of {there} students’ notebooks say that they are of course {other}, and cases are drawn for "
        f"{course} (--course). It must be the name behind the students’ %student."
        for other, count in said.most_common(1)
        if count > 1 and 2 * count >= there
    ]


def _marked(
    submitted: Submitted,
    course: str,
    exercises: Sequence[str],
    pool: Pool,
    journal: Journal,
    name: str,
    progress: Progress,
) -> tuple[dict[str, dict[str, Any]], dict[str, list[str]]]:
    """The answer to each student's task, from the journal or from the pool; remarks on files that could not be read."""
    submissions = submitted.submissions
    says_who = submitted.layout != "nbgrader"  # there a hub, or the exchange, knows
    weight = {one.student: max(1, len(one.files)) for one in submissions}
    total = sum(weight.values())
    answers: dict[str, dict[str, Any]] = {}
    unread: dict[str, list[str]] = {}
    keys: dict[str, str] = {}

    def task_of(one: Submission) -> Mapping[str, Any]:
        files, bad, together = [], [], 0
        for number, (file, source) in enumerate(one.files):
            if together > MAX_TOGETHER or number >= MOST_FILES:
                bad.append(
                    f"{len(one.files) - number:,} more files were not read: the {number} before have {together:,} bytes together."
                )
                break
            try:
                data = source.read()
            except InputError as error:
                bad.append(f"{file}: {error}; not read.")
                continue
            if len(data) > MAX_BYTES:  # not worth carrying to a worker that would say the same
                bad += (f"{file}: {remark}" for remark in read_notebook(data).remarks)
            else:
                files.append((file, data))
            together += len(data)
        unread[one.student] = bad
        return submission_task(course, one.student, exercises, files, name, says_who=says_who)

    left: list[tuple[str, Made]] = []
    for one in submissions:
        # Reading twice (for the key, then for the work) keeps all but a few notebooks out of memory.
        key = keys[one.student] = key_of(task_of(one))
        if key in journal:
            answers[one.student] = journal[key]
            progress("notebooks", weight[one.student], total)
        else:
            left.append((one.student, partial(task_of, one)))
    for student, answer in pool.run(left):
        journal.add(keys[student], answer)
        answers[student] = answer
        progress("notebooks", weight[student], total)
    return answers, unread


def _student(one: Submission, answer: Mapping[str, Any], unread: Sequence[str]) -> Student:
    marks, remarks = student_marks(answer)
    what = "Nothing was handed in, so there is no answer to any of the exercises."
    if one.remarks:  # another file is named in a remark
        what = (
            "No notebook was handed in that could be read, so there is no answer to any of the exercises. What counts is "
            "the notebook’s own file, whose name ends in .ipynb."
        )
    nothing = () if one.files else (what,)
    return Student(
        one.student,
        one.person.name,
        one.person.email,
        next(iter(one.person.numbers), ""),
        bool(one.files),
        marks,
        tuple(bounded([*nothing, *unread, *remarks, *one.remarks])),
    )


def _tried(
    trials: Sequence[Trial], course: str, pool: Pool, journal: Journal, name: str, progress: Progress
) -> dict[Trial, bool]:
    """Judge answers in other students' cases."""
    tasks = {trial: trial_task(course, trial.other, trial.exercise, trial.answer, name) for trial in trials}
    keys = {trial: key_of(task) for trial, task in tasks.items()}
    left: dict[str, Made] = {}
    for trial, task in tasks.items():
        if keys[trial] not in journal:
            left[keys[trial]] = partial(dict, task)
    if trials:
        progress("answers tried in other cases", len(tasks) - len(left), len(tasks))
    for key, answer in pool.run(list(left.items())):
        journal.add(key, answer)
        progress("answers tried in other cases", 1, len(tasks))
    return {trial: journal[key]["right"] for trial, key in keys.items()}
