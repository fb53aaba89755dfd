"""The files that grading leaves: marks, results, pages; each written whole or not at all."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from svcnotes.coursework import feedback_zip, marks_csv, maximum
from svcnotes.coursework.feedback import feedback
from svcnotes.coursework.feedback_notebook import feedback_notebook
from svcnotes.coursework.overview import overview
from svcnotes.coursework.results import Results, to_json
from svcnotes.coursework.roster import Roster
from svcnotes.errors import InputError

JOURNAL = "journal.jsonl"
RESULTS = "results.json"
FEEDBACK = "feedback"
_PLAIN = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,79}")
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(10))}
)


@dataclass(frozen=True, slots=True)
class Columns:
    """What the platforms are told: points out of `scale`, and their columns' names.

    A scale of 0 is the maximum that a platform's own file states, else the exercises' points.
    """

    scale: int = 0
    canvas: str = ""
    blackboard: str = ""


def write(
    results: Results,
    roster: Roster,
    out: Path,
    columns: Columns | None = None,
    layout: str = "",
    back: Mapping[str, str] | None = None,
) -> tuple[Path, ...]:
    """Write all reports into a folder: the same results give the same bytes. InputError where it cannot be written.

    `back` names each student's feedback in the zip that goes back to where `layout` says the submissions came from.
    """
    columns = columns or Columns()
    scale = columns.scale
    files = feedback_files([one.student for one in results.students])
    texts = {
        # The mark by which spreadsheets know UTF-8; platforms read their own files without.
        "marks.csv": f"\ufeff{marks_csv.all_marks(results)}",
        "moodle.csv": marks_csv.moodle(results, roster, scale or maximum.of_moodle(roster)),
        "canvas.csv": marks_csv.canvas(
            results, roster, scale or maximum.of_canvas(roster, columns.canvas), columns.canvas
        ),
        "blackboard.csv": marks_csv.blackboard(
            results, roster, scale or maximum.of_blackboard(columns.blackboard), columns.blackboard
        ),
        "summary.html": overview(results, {student: f"{FEEDBACK}/{file}" for student, file in files.items()}),
    }
    try:
        (out / FEEDBACK).mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            _replace(out / name, [text])
        _replace(out / RESULTS, to_json(results))
        for student in results.students:
            _replace(out / FEEDBACK / files[student.student], [feedback(results, student)])
        for name in feedback_zip.NAMES.values():
            (out / name).unlink(missing_ok=True)  # another run's, of files from elsewhere
        if back and layout in feedback_zip.NAMES:
            _write_zip(results, out / feedback_zip.NAMES[layout], back, files)
    except OSError as error:
        raise InputError(f"{out}: the reports cannot be written ({error.strerror})") from None
    return (*(out / name for name in texts), out / RESULTS)


def _write_zip(results: Results, path: Path, back: Mapping[str, str], files: Mapping[str, str]) -> None:
    """All feedback for a platform: to Canvas as notebooks, to Moodle the pages."""
    members = [
        (
            back[one.student],
            feedback_notebook(results, one).encode("utf-8")
            if path.name == feedback_zip.CANVAS
            else (path.parent / FEEDBACK / files[one.student]).read_bytes(),
        )
        for one in results.students
        if one.student in back
    ]
    unfinished = _unfinished(path)
    feedback_zip.write_zip(unfinished, members)
    unfinished.replace(path)


def feedback_files(students: Sequence[str]) -> dict[str, str]:
    """A file's name for each student: the student's own where it is a plain one, else made plain, with a digest.

    Names that differ only in case are told apart on every file system.
    """
    names: dict[str, str] = {}
    for student in students:
        if _PLAIN.fullmatch(student) and student.partition(".")[0] not in _DEVICES:
            names[student] = f"{student}.html"
        else:
            bare = re.sub(r"[^A-Za-z0-9._-]+", "_", student).strip("._-")[:60] or "student"
            digest = hashlib.sha256(student.encode("utf-8", "surrogatepass")).hexdigest()[:12]
            names[student] = f"{bare}~{digest}.html"
    return names


def _replace(path: Path, pieces: Iterable[str]) -> None:
    """Write a file whole: its old content stays until the new one is there."""
    unfinished = _unfinished(path)
    with unfinished.open("w", encoding="utf-8", newline="") as file:
        file.writelines(pieces)
    unfinished.replace(path)


def _unfinished(path: Path) -> Path:
    """Where a file is written before it takes its place."""
    return path.with_name(f".{path.name}.part")
