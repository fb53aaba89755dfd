"""One assignment's part of nbgrader's gradebook: read once, filled in here, written in one go.

nbgrader's own functions add one submission at a time and read everything anew for each, which takes minutes for a
large class. These are its own tables, filled as its `add_submission` fills them.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any
from uuid import uuid4

from svcnotes.coursework.course_notebook import MARKS_SUFFIX
from svcnotes.coursework.marking import UNJUDGED
from svcnotes.coursework.results import Student

Rows = list[dict[str, Any]]


class Page:
    """An assignment's cells, submissions and grades; `put` fills in marks, `write` stores them."""

    def __init__(self, db: Any, assignment: Any) -> None:
        from nbgrader import api
        from sqlalchemy import select

        self._db = db
        self._tables = api
        self.name = str(assignment.name)
        self._id = assignment.id
        notebooks = [notebook.id for notebook in assignment.notebooks]
        # Of each notebook: the cells that are graded, by id and name, and those that may be commented on.
        self._graded = {
            one.id: [(c.id, str(c.name)) for c in one.grade_cells] for one in assignment.notebooks
        }
        self._tasks = {one.id: [c.id for c in one.task_cells] for one in assignment.notebooks}
        self._commented = {
            one.id: [c.id for c in (*one.solution_cells, *one.task_cells)] for one in assignment.notebooks
        }
        kept, handed, grade = api.SubmittedAssignment, api.SubmittedNotebook, api.Grade
        self._students = set(db.scalars(select(api.Student.id)))
        chosen = select(kept.student_id, kept.id).where(kept.assignment_id == self._id)
        self._submissions = dict(map(tuple, db.execute(chosen)))
        found = select(handed.assignment_id, handed.notebook_id, handed.id).where(
            handed.notebook_id.in_(notebooks)
        )
        self._notebooks = {(submission, notebook): one for submission, notebook, one in db.execute(found)}
        marks = select(grade.notebook_id, grade.cell_id, grade.id, grade.manual_score).join(
            handed, grade.notebook_id == handed.id
        )
        rows = db.execute(marks.where(handed.notebook_id.in_(notebooks)))
        self._grades = {(notebook, cell): (one, manual) for notebook, cell, one, manual in rows}
        self._new: dict[Any, Rows] = defaultdict(list)
        self._changed: dict[Any, Rows] = defaultdict(list)

    @property
    def exercises(self) -> set[str]:
        """The exercises of the assignment, by the names of its marks cells."""
        names = [name for cells in self._graded.values() for _, name in cells]
        return {name.removesuffix(MARKS_SUFFIX) for name in names if name.endswith(MARKS_SUFFIX)}

    def put(self, student: Student, when: datetime | None) -> int:
        """Fill in a student's marks; how many. `when` the submission was handed in, where that is known."""
        first, _, last = student.name.rpartition(" ")
        known = {"first_name": first, "last_name": last, "email": student.email}
        person = {"id": student.student, **{key: value or None for key, value in known.items()}}
        if student.student not in self._students:
            self._students.add(student.student)
            self._new[self._tables.Student].append(person)
        elif student.name or student.email:
            self._changed[self._tables.Student].append({key: value for key, value in person.items() if value})
        submission = self._submission(student.student, when)
        given = {f"{mark.exercise}{MARKS_SUFFIX}": mark for mark in student.marks}
        count = 0
        for notebook, cells in self._graded.items():
            inside = self._notebooks[submission, notebook]
            for cell, name in cells:
                grade, manual = self._grades[inside, cell]
                if name in given:
                    judged = given[name].judgement.state != UNJUDGED
                    points = float(given[name].points) if judged else None
                    waits = manual is not None or not judged
                    row = {"id": grade, "auto_score": points, "needs_manual_grade": waits}
                    self._changed[self._tables.Grade].append(row)
                    count += 1
        return count

    def write(self) -> None:
        """Store all that was filled in."""
        from sqlalchemy import insert, update

        tables = self._tables
        order = (
            tables.Student,
            tables.SubmittedAssignment,
            tables.SubmittedNotebook,
            tables.Grade,
            tables.Comment,
        )
        for table in order:
            if self._new[table]:
                self._db.execute(insert(table), self._new[table])
            for keys in {tuple(row) for row in self._changed[table]}:
                self._db.execute(update(table), [row for row in self._changed[table] if tuple(row) == keys])
        self._db.commit()
        self._new.clear()
        self._changed.clear()

    def _submission(self, student: str, when: datetime | None) -> str:
        """The id of a student's submission, with a place for each grade and comment."""
        tables = self._tables
        submission = self._submissions.get(student)
        if submission is None:
            submission = self._submissions[student] = uuid4().hex
            row = {"id": submission, "assignment_id": self._id, "student_id": student, "timestamp": when}
            self._new[tables.SubmittedAssignment].append(row)
        elif when is not None:
            self._changed[tables.SubmittedAssignment].append({"id": submission, "timestamp": when})
        for notebook, cells in self._graded.items():
            if (submission, notebook) not in self._notebooks:
                inside = self._notebooks[submission, notebook] = uuid4().hex
                row = {"id": inside, "assignment_id": submission, "notebook_id": notebook}
                self._new[tables.SubmittedNotebook].append(row)
                comments = [
                    {"id": uuid4().hex, "notebook_id": inside, "cell_id": cell}
                    for cell in self._commented[notebook]
                ]
                self._new[tables.Comment] += comments
            inside = self._notebooks[submission, notebook]
            for cell in (*(one for one, _ in cells), *self._tasks[notebook]):
                if (inside, cell) not in self._grades:
                    self._grades[inside, cell] = uuid4().hex, None
                    row = {"id": self._grades[inside, cell][0], "notebook_id": inside, "cell_id": cell}
                    self._new[tables.Grade].append(row | {"needs_manual_grade": True})
        return submission
