"""Feedback as Moodle and Canvas take it back: one zip, in which a name says whose each file is.

Moodle, "Upload multiple feedback files in a zip" in an assignment's list of submissions: it cuts a folder's name at its
underscores and looks for NAME, NUMBER, `assignsubmission`, `file` in that order (`assignfeedback_file_zip_importer`,
Moodle 2.3 and newer): the number alone says whose a file is.

Canvas, "Re-Upload Submissions" in the gradebook: of the numbers between a file name's underscores the first is the
student's and the second that of the file handed in, as in its own download; every file becomes an attachment of a
comment, under the name of the file that was handed in (`infer_comment_context_from_filename` in Canvas' abstract_assignment.rb).
So what goes back to Canvas is a notebook: a page would arrive as a notebook that cannot be opened.

Blackboard takes no zip of feedback: what does that there is one university's tool or another's.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from svcnotes.coursework.notebook import printable
from svcnotes.coursework.places import Place

MOODLE, CANVAS = "moodle-feedback.zip", "canvas-feedback.zip"
NAMES = {"moodle": MOODLE, "canvas": CANVAS}
"""The zip's name, by the layout of what was handed in."""
PAGE = "feedback.html"
_BEGINNING = (1980, 1, 1, 0, 0, 0)


def moodle_member(place: Place) -> str:
    """A student's page in a folder as in Moodle's own download; no underscore of a display name moves the number."""
    name = printable(place.name.replace("_", " ").replace("\\", " "), 100)
    return f"{name}_{place.number}_assignsubmission_file_/{PAGE}"


def canvas_member(place: Place, path: str) -> str:
    """The name of the file handed in; empty where Canvas would read another number in it than the student's."""
    numbers = [word for word in path.split("_") if word.isascii() and word.isdigit()]
    return path if numbers[:1] == [place.number] else ""


def write_zip(path: Path, members: Iterable[tuple[str, bytes]]) -> None:
    """Write a zip of (name, content), without dates: the same content gives the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            member = zipfile.ZipInfo(name, _BEGINNING)
            member.create_system = 3  # the same on every system
            member.external_attr = 0o644 << 16
            archive.writestr(member, content, zipfile.ZIP_DEFLATED)
