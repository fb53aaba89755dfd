"""Marks into nbgrader's gradebook, by nbgrader's own interface: its formgrader and its export show them as its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from svcnotes.coursework.nbgrader_page import Page
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
    look again. What could not be judged waits for a person. Raises InputError where nbgrader is not installed, or
    the gradebook cannot be written or has no assignment with these exercises.
    """
    try:
        from nbgrader.api import Gradebook
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError:
        raise InputError(
            "nbgrader is not installed, so its gradebook cannot be written: pip install 'svcnotes[course]'"
        ) from None
    try:
        return _written(results, course, Gradebook)
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", error))
        raise InputError(
            f"{course / GRADEBOOK}: the gradebook cannot be written ({why}); the reports are there. Close what uses it, "
            "then the same command writes it in seconds"
        ) from None


def _written(results: Results, course: Path, gradebook: Any) -> Written:
    exercises = {asked.exercise for asked in results.exercises}
    submissions = marks = 0
    written = []
    with gradebook(f"sqlite:///{(course / GRADEBOOK).resolve()}", results.course) as book:
        for assignment in sorted(book.assignments, key=lambda one: str(one.name)):
            page = Page(book.db, assignment)
            asked = page.exercises & exercises
            if not asked:
                continue
            written.append(page.name)
            for student in results.students:
                if _handed_in(student, page.name, asked, course):
                    submissions += 1
                    when = _timestamp(course / "submitted" / student.student / page.name / "timestamp.txt")
                    marks += page.put(student, when)
            page.write()
    if not written:
        raise InputError(
            f"{course / GRADEBOOK}: no assignment has these exercises; run nbgrader generate_assignment first"
        )
    return Written(tuple(written), submissions, marks)


def _handed_in(student: Student, assignment: str, asked: set[str], course: Path) -> bool:
    """Whether a student handed in this assignment: its folder is there, or an answer cell of it."""
    if (course / "submitted" / student.student / assignment).is_dir():
        return True
    return any(mark.place for mark in student.marks if mark.exercise in asked)


def _timestamp(path: Path) -> datetime | None:
    """When something was handed in, as the exchange noted it; None where it did not, or not in a form that is known."""
    from nbgrader.utils import parse_utc

    try:
        found: datetime = parse_utc(path.read_text(encoding="utf-8")[:100].strip())
    except (OSError, ValueError, OverflowError):
        return None
    return found
