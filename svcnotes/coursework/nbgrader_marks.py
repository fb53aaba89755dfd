"""Marks into nbgrader's gradebook, by nbgrader's own interface: its formgrader and its export show them as its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svcnotes.coursework.collected import MARKS
from svcnotes.coursework.marking import UNJUDGED
from svcnotes.coursework.results import Results, Student
from svcnotes.errors import InputError

GRADEBOOK = "gradebook.db"


@dataclass(frozen=True, slots=True)
class Written:
    """How many marks of how many submissions stand in the gradebook now, by assignment."""

    assignments: tuple[str, ...]
    submissions: int
    marks: int

    def __str__(self) -> str:
        return f"The gradebook has {self.marks} marks of {self.submissions} submissions ({', '.join(self.assignments)})."


def has_gradebook(course: Path) -> bool:
    """Whether nbgrader keeps a gradebook in a course's folder."""
    return (course / GRADEBOOK).is_file()


def write_marks(results: Results, course: Path) -> Written:
    """Write the marks of everybody who handed in into the course's gradebook; to do it again changes nothing.

    A mark that a person has given stays, and counts; where the automatic one is there beside it, nbgrader asks to
    look again. What could not be judged waits for a person. Raises InputError where nbgrader is not installed or
    the gradebook has no assignment with these exercises.
    """
    try:
        from nbgrader.api import Gradebook
    except ImportError:
        raise InputError(
            "nbgrader is not installed, so its gradebook cannot be written: pip install 'svcnotes[course]'"
        ) from None
    exercises = {asked.exercise for asked in results.exercises}
    submissions = marks = 0
    written = []
    with Gradebook(f"sqlite:///{(course / GRADEBOOK).resolve()}", results.course) as book:
        for assignment in sorted(book.assignments, key=lambda one: str(one.name)):
            asked = _exercises(assignment) & exercises
            if not asked:
                continue
            written.append(str(assignment.name))
            for student in results.students:
                if _handed_in(student, str(assignment.name), asked, course):
                    submissions += 1
                    marks += _write_student(book, str(assignment.name), student, asked, course)
            book.db.commit()
    if not written:
        raise InputError(
            f"{course / GRADEBOOK}: no assignment has these exercises; run nbgrader generate_assignment first"
        )
    return Written(tuple(written), submissions, marks)


def _exercises(assignment: Any) -> set[str]:
    """The exercises of an assignment, by the names of its marks cells."""
    names = [str(cell.name) for notebook in assignment.notebooks for cell in notebook.grade_cells]
    return {name.removesuffix(MARKS) for name in names if name.endswith(MARKS)}


def _handed_in(student: Student, assignment: str, asked: set[str], course: Path) -> bool:
    """Whether a student handed in this assignment: its folder is there, or an answer cell of it."""
    if (course / "submitted" / student.student / assignment).is_dir():
        return True
    return any(mark.place for mark in student.marks if mark.exercise in asked)


def _write_student(book: Any, assignment: str, student: Student, asked: set[str], course: Path) -> int:
    """Write one submission; how many marks."""
    from nbgrader.utils import parse_utc

    first, _, last = student.name.rpartition(" ")
    known = {"first_name": first, "last_name": last, "email": student.email}
    book.update_or_create_student(student.student, **{key: value for key, value in known.items() if value})
    stamp = course / "submitted" / student.student / assignment / "timestamp.txt"
    when = _timestamp(stamp)
    found = book.update_or_create_submission(
        assignment, student.student, **({"timestamp": parse_utc(when)} if when else {})
    )
    given = {f"{mark.exercise}{MARKS}": mark for mark in student.marks if mark.exercise in asked}
    count = 0
    for grade in (grade for notebook in found.notebooks for grade in notebook.grades):
        mark = given.get(str(grade.name))
        if mark is None:
            continue
        judged = mark.judgement.state != UNJUDGED
        grade.auto_score = float(mark.points) if judged else None
        grade.needs_manual_grade = grade.manual_score is not None or not judged
        count += 1
    return count


def _timestamp(path: Path) -> str:
    """When something was handed in, as the exchange noted it; empty where it did not, or not in a form that is known."""
    from nbgrader.utils import parse_utc

    try:
        text = path.read_text(encoding="utf-8")[:100].strip()
        parse_utc(text)
    except (OSError, ValueError, OverflowError):
        return ""
    return text
