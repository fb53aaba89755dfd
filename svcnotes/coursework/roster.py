"""The lecturer's list of students: an own CSV, or what Moodle, Canvas or Blackboard exports."""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from svcnotes.errors import InputError

MAX_BYTES = 20_000_000
_STUDENT = ("student", "id", "student_id", "username", "login")


@dataclass(frozen=True, slots=True)
class Person:
    """One student: `student` is the name under which cases are drawn; the rest is what a platform calls them.

    `numbers` are the platform's names and numbers that may stand in a file's place; `row` is the roster's own
    row, by column.
    """

    student: str
    name: str = ""
    email: str = ""
    numbers: tuple[str, ...] = ()
    row: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Roster:
    """The people in the list's order, the platform whose format it has (or "own"), and its columns.

    `possible` is Canvas' line of points possible, by column.
    """

    people: tuple[Person, ...] = ()
    platform: str = "own"
    columns: tuple[str, ...] = ()
    possible: Mapping[str, str] = field(default_factory=dict)

    def find(self, number: str, name: str, *, by_number: bool = False) -> Person | None:
        """The person whom the platform's number means, else the name: an id, an address, a full name.

        `by_number` leaves names out: where the list is the platform's own, its numbers say all, and a display
        name is the student's to choose. So nobody whose number the list has is found by a name with another number.
        """
        found = self._by_number.get(_plain(number)) if number.strip() else None
        if found is None and name.strip() and not by_number:
            found = self.student(name) or self._by_name.get(_plain(name))
            if found is not None and found.numbers and number.strip():
                found = None
        return found

    def student(self, name: str) -> Person | None:
        """The person with exactly this name for the draws: `Ana` is another student than `ana`."""
        return self._by_student.get(name)

    @cached_property
    def _by_student(self) -> Mapping[str, Person]:
        return {person.student: person for person in self.people}

    @cached_property
    def _by_number(self) -> Mapping[str, Person]:
        return {_plain(number): person for person in self.people for number in person.numbers if number}

    @cached_property
    def _by_name(self) -> Mapping[str, Person]:
        index: dict[str, Person] = {}
        doubtful: set[str] = set()
        for person in self.people:
            for spelling in (_plain(person.student), _plain(person.email), *_spellings(person.name)):
                if spelling and index.setdefault(spelling, person) is not person:
                    doubtful.add(spelling)  # two people of one name: it means neither
        return {key: person for key, person in index.items() if key not in doubtful}


def _spellings(name: str) -> tuple[str, ...]:
    """A full name as it is written, and as Canvas writes it into a file's name (lovelaceada)."""
    plain = _plain(name)
    letters = "".join(c for c in plain if c.isalnum())
    first, _, last = plain.rpartition(" ")
    turned = "".join(c for c in last + first if c.isalnum())
    return tuple(dict.fromkeys(word for word in (plain, letters, turned) if word))


def _plain(words: str) -> str:
    """A name or number as it is looked for: case, spaces and the ways to write an accent do not matter."""
    return " ".join(unicodedata.normalize("NFC", words).split()).casefold()


def read_roster(path: Path) -> Roster:
    """Read a roster; InputError names what is missing.

    Own format: a column `student` (or `id`, `student_id`, `username`, `login`), and where known `name` (or
    `first_name`, `last_name`), `email`, and in `moodle`, `canvas`, `blackboard` the platform's number. Moodle's
    grading worksheet: the student is its `Username` or `ID number` where it has one, else the email's part before
    the @. Canvas' gradebook: `SIS Login ID`, else `SIS User ID`, else `ID`. Blackboard's Grade Center: `Username`.
    """
    try:
        data = path.read_bytes()[: MAX_BYTES + 1]
    except OSError as error:
        raise InputError(f"{path}: the roster cannot be read ({error.strerror})") from None
    if len(data) > MAX_BYTES:
        raise InputError(f"{path}: the roster is larger than {MAX_BYTES:,} bytes")
    try:
        text = data.decode("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
        text = unicodedata.normalize("NFC", text)
        lines = text.splitlines()
        tab = bool(lines) and lines[0].count("\t") > lines[0].count(",")
        semicolon = bool(lines) and lines[0].count(";") > lines[0].count(",")
        separator = "\t" if tab else ";" if semicolon else ","
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) if any(row)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: the roster is no CSV in UTF-8 ({error}). Save it as CSV, UTF-8") from None
    if not rows:
        raise InputError(f"{path}: the roster is empty. Its first line names the columns: student,name,email")
    columns = tuple(column.strip() for column in rows[0])
    platform = _platform(columns)
    if not platform:
        raise InputError(
            f"{path}: the roster's first line is {', '.join(columns)[:200]!r}. It needs a column `student`, or the "
            "columns of Moodle's grading worksheet, Canvas' gradebook or Blackboard's Grade Center"
        )
    people, possible = [], {}
    for number, row in enumerate(rows[1:], 2):
        named = dict(zip(columns, [*row, *[""] * len(columns)], strict=False))
        if platform == "canvas" and "Points Possible" in named.get("Student", ""):
            possible = named
            continue
        person = _PERSON[platform](named)
        if person.student:
            people.append(person)
        elif platform == "own":
            raise InputError(f"{path}: line {number}: student: it is empty. Every line needs one")
    _check_once(path, people)
    return Roster(tuple(people), platform, columns, possible)


def _check_once(path: Path, people: Sequence[Person]) -> None:
    seen: set[str] = set()
    whose: dict[str, str] = {}
    for person in people:
        if person.student in seen:
            raise InputError(f"{path}: student {person.student!r} stands in the roster twice. Keep one line")
        seen.add(person.student)
        for number in filter(None, map(_plain, person.numbers)):
            if whose.setdefault(number, person.student) != person.student:
                raise InputError(
                    f"{path}: the platform's number {number!r} stands in the roster for {whose[number]!r} and for "
                    f"{person.student!r}. Keep it for one (and only the column of the platform that the files came from)"
                )


def _platform(columns: Sequence[str]) -> str:
    if any(column in _STUDENT for column in columns):
        return "own"
    if "Identifier" in columns and ("Email address" in columns or "Full name" in columns):
        return "moodle"
    if "Student" in columns and "ID" in columns:
        return "canvas"
    return "blackboard" if "Username" in columns else ""


def _own(row: Mapping[str, str]) -> Person:
    student = next((row[key].strip() for key in _STUDENT if row.get(key, "").strip()), "")
    numbers = tuple(
        row[key].strip() for key in ("moodle", "canvas", "blackboard") if row.get(key, "").strip()
    )
    names = f"{row.get('first_name', '').strip()} {row.get('last_name', '').strip()}".strip()
    return Person(student, row.get("name", "").strip() or names, row.get("email", "").strip(), numbers, row)


def _moodle(row: Mapping[str, str]) -> Person:
    email = row.get("Email address", "").strip()
    student = row.get("Username", "").strip() or row.get("ID number", "").strip() or email.partition("@")[0]
    name = row.get("Full name", "").strip()
    number = row["Identifier"].split()[-1] if row["Identifier"].split() else ""
    return Person(student or name, name, email, (number,), row)


def _canvas(row: Mapping[str, str]) -> Person:
    ids = [row.get(key, "").strip() for key in ("SIS Login ID", "SIS User ID", "ID")]
    last, comma, first = row["Student"].strip().partition(", ")
    name = f"{first} {last}" if comma else last
    return Person(next((one for one in ids if one), ""), name, "", (ids[2],), row)


def _blackboard(row: Mapping[str, str]) -> Person:
    name = f"{row.get('First Name', '').strip()} {row.get('Last Name', '').strip()}".strip()
    return Person(row["Username"].strip(), name, "", (row["Username"].strip(),), row)


_PERSON = {"own": _own, "moodle": _moodle, "canvas": _canvas, "blackboard": _blackboard}
