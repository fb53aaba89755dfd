"""Who sits at this kernel, and which case of an exercise lies before them."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from svcnotes.coursework.answer_text import AnswerText
from svcnotes.errors import InputError
from svcnotes.exercises.personal import Personal, draw

SELF_STUDY = "self-study"
"""The course of those who are in none."""
NOBODY = "anyone"
UNNAMED = "???"
LONGEST_NAME = 200


@dataclass
class Desk:
    """The course, the student's name as they gave it, practice cases by number, answers as last run.

    `forms` are answers chosen in a form and not yet taken over into their cell.
    """

    course: str = SELF_STUDY
    name: str = ""
    fresh: dict[str, int] = field(default_factory=dict)
    answers: dict[str, AnswerText] = field(default_factory=dict)
    forms: dict[str, str] = field(default_factory=dict)

    def sit(self, course: str, name: str = "") -> None:
        """Take a seat in a course; on a hub no name is needed. Raises InputError for one that cannot be."""
        for what, word in (("course", course), ("student", name)):
            if len(word) > LONGEST_NAME or not all(letter.isprintable() for letter in word):
                raise InputError(f"%student: {what}: at most {LONGEST_NAME} printable characters; shorten it")
        self.course, self.name = course, "" if name == UNNAMED else unicodedata.normalize("NFC", name)
        self.fresh.clear()

    @property
    def student(self) -> str:
        """Who answers: whose submission nbgrader grades, else the hub's user, else the name given, else nobody."""
        if autograding():
            return submitted_by(Path.cwd())
        return os.environ.get("JUPYTERHUB_USER") or self.name or NOBODY

    @property
    def nameless(self) -> bool:
        """Whether this is a course, and nobody said who answers."""
        return self.course != SELF_STUDY and self.student == NOBODY

    def case(self, exercise: str) -> Personal:
        """The case that lies on the desk: one's own, or the practice case asked for last."""
        return draw(exercise, self.course, self.student, fresh=self.fresh.get(exercise, 0))

    def another(self, exercise: str, number: int | None = None) -> Personal:
        """Lay out another case, the next one or that of a number; 0 is one's own, which is marked."""
        chosen = self.fresh.get(exercise, 0) + 1 if number is None else number
        found = draw(exercise, self.course, self.student, fresh=chosen)
        self.fresh[exercise] = chosen
        self.answers.pop(exercise, None)
        self.forms.pop(exercise, None)
        return found


def autograding(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether nbgrader runs this kernel to grade a submission."""
    return environment.get("NBGRADER_EXECUTION") == "autograde"


def submitted_by(folder: Path) -> str:
    """The student whose submission lies in a folder `.../STUDENT/ASSIGNMENT`, where nbgrader's autograde runs it."""
    return folder.resolve().parent.name


DESK = Desk()
"""The desk of this kernel."""
