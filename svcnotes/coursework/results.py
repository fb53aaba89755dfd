"""What grading found: frozen values, and their JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from svcnotes.coursework.marking import BLANK, MISSING, UNJUDGED, Judgement, Property

FORMAT = 1
"""Of the JSON."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An exercise as it was put to one student: the case in words, and the text to begin with."""

    exercise: str
    title: str
    lesson: str
    kind: str
    question: str = ""
    start: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """One exercise of one student: what was asked, what was answered (cut where it is too long), what that is worth."""

    asked: Asked
    judgement: Judgement
    answer: str = ""
    place: str = ""
    hints: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def exercise(self) -> str:
        """The exercise's id."""
        return self.asked.exercise

    @property
    def points(self) -> Fraction:
        """The points reached, less what hints cost."""
        return self.judgement.points

    @property
    def out_of(self) -> int:
        """The points there are."""
        return self.judgement.out_of

    @property
    def answered(self) -> bool:
        """Whether there is an answer that was judged, or should have been."""
        return self.judgement.state not in {BLANK, MISSING}


@dataclass(frozen=True, slots=True)
class Student:
    """One student's marks, in the order of the assignment's exercises, and remarks on the submission.

    `student` is the name under which cases are drawn; `number` the platform's; `handed_in` tells whether there is any file.
    """

    student: str
    name: str
    email: str
    number: str
    handed_in: bool
    marks: tuple[Mark, ...]
    remarks: tuple[str, ...] = ()

    @property
    def points(self) -> Fraction:
        """All points reached."""
        return sum((mark.points for mark in self.marks), Fraction(0))

    @property
    def out_of(self) -> int:
        """All points there are."""
        return sum(mark.out_of for mark in self.marks)

    def mark(self, exercise: str) -> Mark:
        """The mark of one exercise; KeyError where the assignment has none of that id."""
        found = next((mark for mark in self.marks if mark.exercise == exercise), None)
        if found is None:
            raise KeyError(exercise)
        return found


@dataclass(frozen=True, slots=True)
class Alike:
    """Students whose free answers to one exercise are nearly the same; `likeness` is the least of a chain of pairs.

    `common` says that so many answered alike that it is the exercise's usual answer, and nothing to ask about.
    """

    exercise: str
    students: tuple[str, ...]
    likeness: Fraction
    common: bool = False


@dataclass(frozen=True, slots=True)
class Foreign:
    """An answer that is wrong for the student who gave it and right in another's case."""

    exercise: str
    student: str
    fits: tuple[str, ...]
    same_words: bool


@dataclass(frozen=True, slots=True)
class Results:
    """Everything about one run, sorted by student; the same submissions give an equal value."""

    course: str
    title: str
    exercises: tuple[Asked, ...]
    students: tuple[Student, ...]
    remarks: tuple[str, ...] = ()
    alike: tuple[Alike, ...] = ()
    foreign: tuple[Foreign, ...] = ()

    @property
    def out_of(self) -> int:
        """The points of the whole assignment."""
        return max((student.out_of for student in self.students), default=0)

    @property
    def to_look_at(self) -> tuple[tuple[str, Mark], ...]:
        """(student, mark) of everything that could not be judged."""
        return tuple(
            (one.student, mark)
            for one in self.students
            for mark in one.marks
            if mark.judgement.state == UNJUDGED
        )


def plain(points: Fraction) -> str:
    """Points as a decimal number, with two places at most and none that are not needed."""
    return f"{float(points):.2f}".rstrip("0").rstrip(".")


def mark_to_json(mark: Mark) -> dict[str, Any]:
    """A mark as JSON data; `mark_from_json` is its inverse."""
    asked, found = mark.asked, mark.judgement
    return {
        "exercise": asked.exercise,
        "title": asked.title,
        "lesson": asked.lesson,
        "kind": asked.kind,
        "question": asked.question,
        "start": asked.start,
        "state": found.state,
        "points": str(found.points),
        "out_of": found.out_of,
        "properties": [[one.claim, one.ok, one.points] for one in found.properties],
        "misconception": found.misconception,
        "said": found.said,
        "explanation": found.explanation,
        "rule": found.rule,
        "answer": mark.answer,
        "place": mark.place,
        "hints": mark.hints,
        "remarks": list(mark.remarks),
    }


def mark_from_json(data: Mapping[str, Any]) -> Mark:
    """A mark from what `mark_to_json` made."""
    asked = Asked(*(data[key] for key in ("exercise", "title", "lesson", "kind", "question", "start")))
    properties = tuple(Property(claim, ok, points) for claim, ok, points in data["properties"])
    words = [data[key] for key in ("misconception", "said", "explanation", "rule")]
    judgement = Judgement(data["state"], Fraction(data["points"]), data["out_of"], properties, *words)
    return Mark(asked, judgement, data["answer"], data["place"], data["hints"], tuple(data["remarks"]))


def to_json(results: Results) -> Iterator[str]:
    """All results as pieces of one JSON text, a student a line; the same results give the same bytes."""
    head = {
        "format": FORMAT,
        "course": results.course,
        "title": results.title,
        "out_of": results.out_of,
        "exercises": [
            {"exercise": one.exercise, "title": one.title, "lesson": one.lesson, "kind": one.kind}
            for one in results.exercises
        ],
        "remarks": list(results.remarks),
        "alike": [
            {
                "exercise": one.exercise,
                "students": list(one.students),
                "likeness": str(one.likeness),
                "common": one.common,
            }
            for one in results.alike
        ],
        "foreign": [
            {
                "exercise": one.exercise,
                "student": one.student,
                "fits": list(one.fits),
                "same_words": one.same_words,
            }
            for one in results.foreign
        ],
    }
    yield json.dumps(head, ensure_ascii=False, indent=1).removesuffix("\n}") + ',\n "students": ['
    for number, student in enumerate(results.students):
        yield (",\n" if number else "\n") + json.dumps(_student_to_json(student), ensure_ascii=False)
    yield "\n ]\n}\n"


def _student_to_json(student: Student) -> dict[str, Any]:
    return {
        "student": student.student,
        "name": student.name,
        "email": student.email,
        "number": student.number,
        "handed_in": student.handed_in,
        "points": str(student.points),
        "out_of": student.out_of,
        "remarks": list(student.remarks),
        "marks": [mark_to_json(mark) for mark in student.marks],
    }
