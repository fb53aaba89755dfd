"""Marks as CSV: all of them, and what Moodle, Canvas and Blackboard take back.

Moodle's offline grading worksheet is recognised by its columns Identifier (`Participant 123`), Grade and Last
modified (grade); Canvas' gradebook by Student, ID, Section (and SIS Login ID before it), with a second line
of Points Possible; Blackboard's Grade Center by Username, and by a column's name with its number
(`Title [Total Pts: 10 Score] |123`). Where the roster is the platform's own export, its rows and columns are kept.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal

from svcnotes.coursework.results import Results, Student, plain
from svcnotes.coursework.roster import Roster

DANGEROUS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A spreadsheet takes a cell that begins so for a formula (or strips it until it does)."""
_CUT = re.compile(r"(;|(?<=.)[\t|])([ \u00a0\ufeff\"]*[=+\-@＝＋－＠])")
MOODLE = (
    "Identifier",
    "Full name",
    "Email address",
    "Status",
    "Grade",
    "Maximum Grade",
    "Grade can be changed",
    "Last modified (submission)",
    "Last modified (grade)",
    "Feedback comments",
)


def safe(cell: str) -> str:
    """A cell that no spreadsheet runs: one that looks like a formula gets an apostrophe before it.

    Spaces before the sign do not hide it, nor does a semicolon or a tab, at which a spreadsheet of many countries cuts
    a cell in two. A lone dash, Moodle's word for "never", is no formula.
    """
    cell = _CUT.sub(r"\1'\2", cell)
    bare = cell.lstrip(" \u00a0\ufeff")
    full_width = bare.translate(str.maketrans("＝＋－＠", "=+-@"))
    return f"'{cell}" if full_width.startswith(DANGEROUS) and bare != "-" else cell


def scaled(points: Fraction, out_of: int, scale: Fraction | int) -> str:
    """Points as the platform shall have them: out of `scale`, or as they are where that is 0."""
    return plain(points * scale / out_of if scale and out_of else points)


def all_marks(results: Results) -> str:
    """Every mark: a line a student, a column an exercise; then the sum, and how many answers wait for a person."""
    names = [one.exercise for one in results.exercises]
    head = ["student", "name", "email", "handed_in", *names, "points", "out_of", "to_look_at"]
    waiting = [student for student, _ in results.to_look_at]
    lines = [
        [
            one.student,
            one.name,
            one.email,
            "yes" if one.handed_in else "no",
            *(plain(mark.points) for mark in one.marks),
            plain(one.points),
            str(one.out_of),
            str(waiting.count(one.student)),
        ]
        for one in results.students
    ]
    return _csv([head, *lines])


def moodle(results: Results, roster: Roster, scale: Fraction | int = 0) -> str:
    """Moodle's grading worksheet. Students who handed nothing in get no grade: that is for the lecturer to say.

    Without a worksheet as roster the identifier is made from the number in the files' names.
    """
    most = _maximum(results, scale)
    if roster.platform != "moodle":
        lines = [
            [
                f"Participant {one.number}" if one.number else one.student,
                one.name,
                one.email,
                "Submitted for grading" if one.handed_in else "No submission",
                _grade(one, scale),
                most,
                "Yes",
                "-",
                "-",
                _comment(one),
            ]
            for one in results.students
        ]
        return _csv([MOODLE, *lines])
    columns = [
        *roster.columns,
        *(name for name in ("Grade", "Feedback comments") if name not in roster.columns),
    ]
    found = {one.student: one for one in results.students}
    lines = []
    for person in roster.people:
        one = found[person.student]
        new = {"Grade": _grade(one, scale), "Feedback comments": _comment(one)}
        row: Mapping[str, str] = {
            **(person.row or {}),
            **{name: value for name, value in new.items() if value},
        }
        lines.append([row.get(name, "") for name in columns])
    return _csv([columns, *lines])


def canvas(results: Results, roster: Roster, scale: Fraction | int = 0, column: str = "") -> str:
    """Canvas' gradebook; `column` is the assignment's column as Canvas names it, `Title (123)`."""
    name = column or results.title
    columns = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", name]
    points = ["    Points Possible", "", "", "", "", _maximum(results, scale)]
    rows = {person.student: person.row or {} for person in roster.people}
    lines = []
    for one in results.students:
        row = rows.get(one.student, {}) if roster.platform == "canvas" else {}
        number = row.get("ID", one.number if one.number.isdigit() else "")
        lines.append(
            [
                row.get("Student", one.name),
                number,
                row.get("SIS User ID", ""),
                row.get("SIS Login ID", one.student),
                row.get("Section", ""),
                _grade(one, scale),
            ]
        )
    return _csv([columns, points, *lines])


def blackboard(results: Results, roster: Roster, scale: Fraction | int = 0, column: str = "") -> str:
    """Blackboard's Grade Center; `column` is its name with the number, `Title [Total Pts: 10 Score] |123`."""
    name = column or f"{results.title} [Total Pts: {_maximum(results, scale)} Score]"
    rows = {person.student: person.row or {} for person in roster.people}
    lines = []
    for one in results.students:
        row = rows.get(one.student, {}) if roster.platform == "blackboard" else {}
        first, _, last = one.name.rpartition(" ")
        lines.append(
            [
                row.get("Last Name", last),
                row.get("First Name", first),
                row.get("Username", one.student),
                _grade(one, scale),
            ]
        )
    # Its help wants every value of such a file in quotes.
    return _csv([["Last Name", "First Name", "Username", name], *lines], csv.QUOTE_ALL)


def _maximum(results: Results, scale: Fraction | int) -> str:
    return plain(Fraction(scale or results.out_of))


def _grade(one: Student, scale: Fraction | int) -> str:
    return scaled(one.points, one.out_of, scale) if one.handed_in else ""


def _comment(one: Student) -> str:
    """What stands beside the grade: each exercise's points, in a line."""
    if not one.handed_in:
        return ""
    return "; ".join(f"{mark.exercise} {plain(mark.points)}/{mark.out_of}" for mark in one.marks)


def _csv(lines: Sequence[Sequence[str]], quoting: Literal[0, 1] = csv.QUOTE_MINIMAL) -> str:
    """CSV as RFC 4180 has it, no cell of which is a formula."""
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n", quoting=quoting).writerows(
        [safe(cell) for cell in line] for line in lines
    )
    return text.getvalue()
