"""`svcnotes course create`: a course that is ready for nbgrader, made from the lessons."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from svcnotes.coursework.course_notebook import exercises_in, links_between, source_notebook
from svcnotes.coursework.course_texts import HUB_CONFIG, NBGRADER_CONFIG, README
from svcnotes.coursework.roster import Roster, read_roster
from svcnotes.errors import InputError
from svcnotes.exercises.personal import find

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
FOLDER_NAME = re.compile(r"[^./+*\x00-\x1f][^/+*\x00-\x1f]{0,99}")
_PAGE_LINK = re.compile(r"\]\(([a-z0-9-]+\.md)")


@dataclass(frozen=True)
class Course:
    """A course as created: where, its name, its assignments with their exercises, its students."""

    folder: Path
    name: str
    assignments: dict[str, tuple[str, ...]]
    students: tuple[str, ...]

    def __str__(self) -> str:
        exercises = sum(len(found) for found in self.assignments.values())
        count = len(self.assignments)
        return (
            f"{self.folder}: course {self.name}, {count} assignment{'s' * (count != 1)}, {exercises} exercises, "
            f"{len(self.students)} students\nNext: cd {self.folder} && nbgrader generate_assignment {self.first}"
        )

    @property
    def first(self) -> str:
        """The assignment to hand out first: the first lesson, for 00 is for trying how answering works, without marks."""
        return next(
            (name for name in self.assignments if not name.startswith("00-")), next(iter(self.assignments))
        )


def create(folder: Path, name: str = "", roster: Path | None = None, lessons: Path | None = None) -> Course:
    """Write a course's folder: nbgrader's settings, source notebooks, a page for the lecturer.

    `name` is the folder's by default; it is part of every student's draw. `roster` is a CSV file of the students, as
    `svcnotes.coursework.roster` reads it. `lessons` is the folder of the lesson notebooks. Raises InputError where the folder has a course
    already, a name or a roster cannot be used, or the lessons are not there.
    """
    folder = folder.resolve()
    name = name or folder.name
    if not NAME.fullmatch(name):
        raise InputError(
            f"course: name: {name!r}: use letters, digits, dots and dashes, at most 64 (--course NAME)"
        )
    if (folder / "nbgrader_config.py").exists():
        raise InputError(f"{folder}: there is a course already; choose another folder")
    people = read_roster(roster) if roster else Roster()
    students = students_csv(people)
    found = _lessons(lessons)
    assignments: dict[str, tuple[str, ...]] = {}
    for path in found:
        lesson = json.loads(_read(path))
        made = source_notebook(lesson, path.stem, name)
        assignments[path.stem] = tuple(exercises_in(made))
        _write_assignment(folder / "source" / path.stem, path, made)
    _write(folder / "nbgrader_config.py", NBGRADER_CONFIG.format(course=name))
    _write(folder / "hub" / "nbgrader_config.py", HUB_CONFIG.format(course=name))
    _write(folder / "README.md", readme(name, assignments))
    if people.people:
        _write(folder / "students.csv", students)
    return Course(folder, name, assignments, tuple(person.student for person in people.people))


def readme(course: str, assignments: dict[str, tuple[str, ...]]) -> str:
    """The lecturer's page of a course."""
    rows = []
    for name, exercises in assignments.items():
        stated = [find(one) for one in exercises]
        points, minutes = sum(one.points for one in stated), sum(one.minutes for one in stated)
        rows.append(f"| {name} | {len(exercises)} | {points} | {minutes} |")
    return README.format(course=course, count=len(assignments), rows="\n".join(rows))


def _lessons(given: Path | None) -> list[Path]:
    """The lesson notebooks, in the book's order: of the folder given, else beside the package, else here."""
    places = [given] if given else [Path(__file__).parents[2] / "notebooks", Path("notebooks")]
    for place in places:
        found = sorted(place.glob("[0-9][0-9]-*.ipynb"))
        if found:
            return found
    raise InputError(f"lessons: no notebooks in {places[-1]}; name their folder with --lessons")


def _write_assignment(folder: Path, lesson: Path, made: dict[str, Any]) -> None:
    """A source notebook, and the pages that it links to, their own links leading to the assignments."""
    text = json.dumps(made, ensure_ascii=False, indent=1) + "\n"
    _write(folder / lesson.name, text)
    seen: set[str] = set()
    while pages := set(_PAGE_LINK.findall(text)) - seen:
        seen |= pages
        there = [page for page in sorted(pages) if (lesson.parent / page).is_file()]
        copies = {page: links_between(_read(lesson.parent / page)) for page in there}
        for page, copy in copies.items():
            _write(folder / page, copy)
        text = "\n".join(copies.values())  # pages may link to further ones


def students_csv(roster: Roster) -> str:
    """The roster as `nbgrader db student import` reads it. Raises InputError for an id that can name no folder."""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(["id", "first_name", "last_name", "email"])
    for person in roster.people:
        if not FOLDER_NAME.fullmatch(person.student):
            raise InputError(
                f"roster: student {person.student!r}: nbgrader names folders by it; use letters, digits, dots and dashes"
            )
        first, _, last = person.name.rpartition(" ")
        writer.writerow([person.student, first, last, person.email])
    return page.getvalue()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
