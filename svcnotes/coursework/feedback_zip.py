"""Feedback as Moodle takes it back: "Upload multiple feedback files in a zip", in an assignment's list of submissions.

Moodle cuts a folder's name at its underscores and looks for NAME, NUMBER, `assignsubmission`, `file` in that order
(`assignfeedback_file_zip_importer`, Moodle 2.3 and newer): the number alone says whose a file is.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterable
from pathlib import Path

from svcnotes.coursework.notebook import printable
from svcnotes.coursework.places import Place

NAME = "moodle-feedback.zip"
PAGE = "feedback.html"
_BEGINNING = (1980, 1, 1, 0, 0, 0)


def folder_of(place: Place) -> str:
    """A student's folder, as in Moodle's own download; no underscore of a display name moves the number."""
    name = printable(place.name.replace("_", " ").replace("\\", " "), 100)
    return f"{name}_{place.number}_assignsubmission_file_"


def write_zip(path: Path, pages: Iterable[tuple[str, Path]]) -> None:
    """Write a zip of (folder, page), without dates: the same pages give the same bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for folder, page in pages:
            member = zipfile.ZipInfo(f"{folder}/{PAGE}", _BEGINNING)
            member.create_system = 3  # the same on every system
            member.external_attr = 0o644 << 16
            archive.writestr(member, page.read_bytes(), zipfile.ZIP_DEFLATED)
