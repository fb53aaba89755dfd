"""Whose a file is: read from the place that nbgrader or a learning platform gave it, never from what is in it."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from svcnotes.errors import InputError

LAYOUTS = ("nbgrader", "moodle", "canvas", "blackboard", "folders")

# Moodle: a folder a student, FULLNAME_NUMBER_assignsubmission_file_ (without the last underscore since 4.1).
# The display name is the student's to choose, so the folder's pattern holds at its end. In a flat file's name, and in
# Canvas', a file name of the student's own follows: there both ends are, and `readings` gives all that it may mean.
_MOODLE = re.compile(r"(?P<name>.+)_(?P<number>\d+)_assignsubmission_(?:file|onlinetext)_?", re.DOTALL)
_MOODLE_FLAT = re.compile(
    r"(?P<name>.+?)_(?P<number>\d+)_assignsubmission_file_(?P<file>.+\.(?i:ipynb))", re.DOTALL
)
# Canvas: NAME_[LATE_]USER_FILE_filename; a file handed in again is filename-1, filename-2, ...
_CANVAS = re.compile(
    r"(?P<name>.+?)_(?P<late>LATE_)?(?P<number>\d+)_(?P<upload>\d+)_(?P<file>.+\.(?i:ipynb))", re.DOTALL
)
_AGAIN = re.compile(r"(?P<stem>.+)-(?P<again>\d{1,3})\.(?i:ipynb)", re.DOTALL)
# Blackboard: ASSIGNMENT_USERNAME_attempt_DATE_filename; a user name may have underscores, too.
_BLACKBOARD = re.compile(
    r"(?P<before>.*?_(?P<name>[^_]+))_attempt_(?P<date>\d{4}(?:-\d\d){5})_(?P<file>.+\.(?i:ipynb))", re.DOTALL
)
_MOST_READINGS = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Whose a file is: the name the platform gives, its number for the student, the notebook's own path.

    `attempt` orders what was handed in several times (greater is later); `late` is the platform's word.
    """

    name: str
    number: str
    file: str
    attempt: str = ""
    late: bool = False


def layout_of(paths: Sequence[str]) -> str:
    """Which layout the notebooks' paths have; told from the outermost names, which the platform made, each once."""
    votes = Counter(
        layout for _, layout in {(path.partition("/")[0], _vote(path)) for path in paths} if layout
    )
    if not votes:
        raise InputError(
            "no notebook lies where nbgrader (STUDENT/ASSIGNMENT/x.ipynb), Moodle, Canvas, Blackboard or a folder "
            "a student (STUDENT/x.ipynb) would put it. Name the right folder or zip"
        )
    return max(LAYOUTS, key=lambda layout: votes[layout])


def _vote(path: str) -> str:
    """The layout that one path looks like, empty for none."""
    first, *rest = path.split("/")
    if rest:
        return "moodle" if _MOODLE.fullmatch(first) else "nbgrader" if len(rest) > 1 else "folders"
    if _BLACKBOARD.fullmatch(first):
        return "blackboard"
    if _MOODLE_FLAT.fullmatch(first):
        return "moodle"
    return "canvas" if _CANVAS.fullmatch(first) else ""


def packed_in(paths: Sequence[str]) -> str:
    """The one folder in which everything lies that a platform packed, or all of `submitted/`; else empty.

    Its name would be taken for a student's.
    """
    outer = {path.partition("/")[0] for path in paths}
    try:
        layout = layout_of([path.partition("/")[2] for path in paths]) if len(outer) == 1 else "folders"
    except InputError:
        return ""
    only = next(iter(outer), "")
    return only if layout in {"moodle", "canvas", "blackboard"} or only == "submitted" else ""


def place_of(path: str, layout: str) -> Place | None:
    """Whose the notebook at `path` (with /, below the folder given) is; None where the layout does not say.

    A letter with an accent is one letter here, however the system on which the files were packed writes it (NFC).
    """
    path = unicodedata.normalize("NFC", path)
    first, *rest = path.split("/")
    if layout == "nbgrader":
        return Place(first, "", "/".join(rest)) if len(rest) > 1 else None
    if layout == "folders":
        return Place(first, "", "/".join(rest)) if rest else None
    if layout == "moodle":
        found = _MOODLE.fullmatch(first) if rest else _MOODLE_FLAT.fullmatch(first)
        if found is None:
            return None
        return Place(found["name"], found["number"], "/".join(rest) if rest else found["file"])
    if rest:
        return None
    found = (_CANVAS if layout == "canvas" else _BLACKBOARD).fullmatch(first)
    if found is None:
        return None
    return _of_blackboard(found, found["name"]) if layout == "blackboard" else _of_canvas(found)


def readings(path: str, layout: str) -> tuple[Place, ...]:
    """Everything that a file's name may mean, the likeliest first: one place for most.

    None where the layout does not say, or for more than somebody looks through. Several, where a display name or a file name looks as the platform's own part of it does (Canvas, Moodle's flat
    files), or a user name may have underscores (Blackboard): the roster then tells.
    """
    likeliest = place_of(path, layout)
    if likeliest is None:
        return ()
    path = unicodedata.normalize("NFC", path)
    others: Iterator[Place] = iter(())
    if layout == "blackboard":
        others = _longer_names(path)
    elif "/" not in path and layout in {"canvas", "moodle"}:
        others = _later(path, layout)
    every = tuple(dict.fromkeys([likeliest, *islice(others, _MOST_READINGS)]))
    return every if len(every) <= _MOST_READINGS else ()


def _later(path: str, layout: str) -> Iterator[Place]:
    """The places that a name says if more of it is the display name."""
    pattern = _CANVAS if layout == "canvas" else _MOODLE_FLAT
    for mark in re.finditer(r"_(?=\d+_(?:\d+_|assignsubmission_file_))", path):
        found = pattern.fullmatch(f"?{path[mark.start() :]}")
        if found is not None:
            name = path[: mark.start()].removesuffix("_LATE")
            one = _of_canvas(found) if layout == "canvas" else Place("", found["number"], found["file"])
            yield replace(one, name=name, late=one.late or path[: mark.start()].endswith("_LATE"))


def _longer_names(path: str) -> Iterator[Place]:
    """Blackboard's user names with underscores: the longest first."""
    found = _BLACKBOARD.fullmatch(path)
    words = found["before"].split("_") if found else []
    for first in range(1, len(words) - 1):
        if found:
            yield _of_blackboard(found, "_".join(words[first:]))


def _of_blackboard(found: re.Match[str], name: str) -> Place:
    return Place(name, name, found["file"], found["date"])


def _of_canvas(found: re.Match[str]) -> Place:
    file, again = found["file"], _AGAIN.fullmatch(found["file"])
    attempt = f"{int(again['again']):03d}" if again else "000"
    name = f"{again['stem']}.ipynb" if again else file
    return Place(found["name"], found["number"], name, attempt, bool(found["late"]))
