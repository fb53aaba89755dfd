"""`svcnotes course grade`: from a folder or a zip of notebooks to marks, reports and feedback."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from svcnotes.coursework import feedback_zip, maximum
from svcnotes.coursework.assignment import (
    course_of,
    exercises_named,
    exercises_of_files,
    exercises_of_source,
)
from svcnotes.coursework.grade import Progress, grade
from svcnotes.coursework.journal import Journal
from svcnotes.coursework.nbgrader_marks import has_gradebook, write_marks
from svcnotes.coursework.outputs import FEEDBACK, JOURNAL, Columns, write
from svcnotes.coursework.places import LAYOUTS
from svcnotes.coursework.pool import DaskPool, LocalPool, Pool
from svcnotes.coursework.results import Results, plain
from svcnotes.coursework.roster import Roster, read_roster
from svcnotes.coursework.submissions import Submitted, find_submissions
from svcnotes.coursework.task import CATALOGUE, Stated, catalogue
from svcnotes.coursework.workers import Limits
from svcnotes.errors import InputError

ABOUT = """\
Grade notebooks without running anything in them: nbgrader's submitted/, or the
folder or zip that Moodle, Canvas or Blackboard exports. Stopped at any moment,
the same command goes on where it was."""
EXAMPLES = """\
for example:
  svcnotes course grade . --out marks --assignment 01-nodeport
  svcnotes course grade submissions.zip --out marks --course nets-2026 \\
      --roster roster.csv --exercises 01-nodeport"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument("submissions", type=Path, help="an nbgrader course, a folder, or a zip")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="the folder for marks, feedback and the journal",
    )
    what = parser.add_argument_group("what is marked")
    what.add_argument(
        "--course", default="", metavar="NAME", help="of which cases are drawn (nbgrader's course_id)"
    )
    what.add_argument(
        "--roster", type=Path, metavar="FILE", help="CSV: student,name,email, or the platform's own export"
    )
    what.add_argument(
        "--exercises",
        default="",
        metavar="NAMES",
        help="lessons or exercises, with commas; else the lessons handed in",
    )
    what.add_argument(
        "--assignment",
        action="append",
        default=[],
        metavar="NAME",
        help="of an nbgrader course; several times, or all",
    )
    what.add_argument(
        "--layout",
        choices=["auto", *LAYOUTS],
        default="auto",
        help="how the files lie (auto: told from their names)",
    )
    back = parser.add_argument_group("what goes back")
    back.add_argument("--title", default="", metavar="WORDS", help="the assignment's name in reports")
    back.add_argument(
        "--scale",
        type=int,
        default=0,
        metavar="POINTS",
        help="the platform's maximum grade: marks in its CSV are out of that (else of the maximum in its worksheet or "
        "column, else of the exercises' points)",
    )
    back.add_argument("--canvas-column", default="", metavar="NAME", help="as Canvas names it: Title (123)")
    back.add_argument(
        "--blackboard-column", default="", metavar="NAME", help="Title [Total Pts: 10 Score] |123"
    )
    how = parser.add_argument_group("how it is done")
    how.add_argument("--workers", type=int, default=0, metavar="N", help="processes (one for each processor)")
    how.add_argument(
        "--scheduler", default="", metavar="ADDRESS", help="a Dask scheduler's, instead of processes here"
    )
    how.add_argument("--seconds", type=float, default=20.0, metavar="N", help="for judging one answer (20)")
    how.add_argument(
        "--megabytes", type=int, default=2000, metavar="N", help="of memory for a process that judges (2000)"
    )
    parser.add_argument("--catalogue", default=CATALOGUE, help=argparse.SUPPRESS)


def run(options: argparse.Namespace) -> int:
    """Grade, write, and say where it is; 130 when stopped by Ctrl-C."""
    try:
        results = graded(options)
    except KeyboardInterrupt:
        print(
            f"\nStopped. What is graded is kept in {options.out / JOURNAL}: the same command goes on from there.",
            file=sys.stderr,
        )
        return 130
    there = sum(one.handed_in for one in results.students)
    print(
        f"{there} of {len(results.students)} students handed in; {len(results.exercises)} exercises, {results.out_of} points."
    )
    if results.to_look_at:
        print(f"{len(results.to_look_at)} answers could not be judged: see the summary.")
    for remark in results.remarks[:20]:
        print(f"note: {remark}", file=sys.stderr)
    course = options.submissions.parent if options.submissions.name == "submitted" else options.submissions
    if has_gradebook(course):
        print(write_marks(results, course))
    print(f"The class: {options.out / 'summary.html'}")
    print(f"For students: {', '.join(str(path) for path in _handed_back(options))}")
    return 0


def _handed_back(options: argparse.Namespace) -> Iterator[Path]:
    """What goes back to students: a page each, and all of them as the platform takes them."""
    yield options.out / FEEDBACK
    yield from (path for name in feedback_zip.NAMES.values() if (path := options.out / name).is_file())


def graded(options: argparse.Namespace) -> Results:
    """Grade what the options name, and write the reports."""
    _check(options)
    known = catalogue(options.catalogue).ALL
    if not options.submissions.exists():
        raise InputError(f"{options.submissions}: there is no such folder or zip")
    set_up = course_of(options.submissions)
    course = options.course or set_up
    if not course:
        raise InputError(
            "--course is missing: cases are drawn from the course's name, so it must be the one in the students' %student"
        )
    roster = read_roster(options.roster) if options.roster else Roster()
    submitted = find_submissions(
        options.submissions, roster, layout=options.layout, assignments=options.assignment
    )
    exercises, remarks = _exercises(options, submitted, known)
    columns = Columns(options.scale, options.canvas_column, options.blackboard_column)
    remarks += _scaled(columns, roster, sum(known[name].points for name in exercises))
    if set_up not in {"", course}:
        remarks += (
            f"Cases are those of {course} (--course); nbgrader's settings beside the files say {set_up}.",
        )
    title = options.title or ", ".join(options.assignment) or course
    try:
        options.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"--out {options.out}: the folder cannot be made ({error.strerror})") from None
    pool = _pool(options)
    try:
        with Journal(options.out / JOURNAL) as journal, bars() as progress:
            if journal.damaged:
                remark = (
                    f"{journal.damaged} lines of the journal were damaged; what they said was graded anew."
                )
                print(f"note: {remark}", file=sys.stderr)
            results = grade(
                submitted,
                course,
                exercises,
                pool,
                journal,
                title=title,
                remarks=remarks,
                name=options.catalogue,
                progress=progress,
            )
    finally:
        pool.close()
    back = {one.student: one.back for one in submitted.submissions if one.back}
    write(results, roster, options.out, columns, submitted.layout, back)
    return results


def _check(options: argparse.Namespace) -> None:
    """Refuse numbers that mean nothing, and an --out whose reports would be taken for submissions."""
    longest = 86_400
    if (
        options.workers < 0
        or options.scale < 0
        or options.megabytes < 200
        or not 0 < options.seconds <= longest
    ):
        raise InputError(
            f"--workers and --scale are at least 0, --seconds more than 0 and at most {longest}, --megabytes at least 200"
        )
    inside = options.submissions / "submitted"
    root = (inside if inside.is_dir() else options.submissions).resolve()
    if options.out.resolve().is_relative_to(root):
        raise InputError(
            f"--out {options.out}: it lies among the submissions. Name a folder beside {root.name}"
        )


def _exercises(
    options: argparse.Namespace, submitted: Submitted, known: Mapping[str, Stated]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if options.exercises:
        return exercises_named(
            [word.strip() for word in options.exercises.split(",") if word.strip()], known
        ), ()
    root = options.submissions.parent if options.submissions.name == "submitted" else options.submissions
    named = exercises_of_source(root, options.assignment, known) if submitted.layout == "nbgrader" else ()
    return (named, ()) if named else exercises_of_files(submitted.submissions, known)


def _scaled(columns: Columns, roster: Roster, points: int) -> tuple[str, ...]:
    """What the platforms' own maxima mean for their files; InputError for a --scale that contradicts one."""
    said = []
    for platform, most in (
        ("moodle", maximum.of_moodle(roster)),
        ("canvas", maximum.of_canvas(roster, columns.canvas)),
        ("blackboard", maximum.of_blackboard(columns.blackboard)),
    ):
        if most and columns.scale not in {0, most}:
            raise InputError(
                f"--scale {columns.scale}: the maximum in {platform}'s own file is {plain(most)}. Leave --scale "
                "away and marks are out of that, or change the maximum there and download the file again"
            )
        if most and most != points:
            said.append(
                f"{platform}.csv has marks out of {plain(most)}, the maximum there, not out of {points}."
            )
    return tuple(said)


def _pool(options: argparse.Namespace) -> Pool:
    limits = Limits(options.seconds, options.megabytes)
    if options.scheduler:
        return DaskPool(options.scheduler, limits, options.catalogue)
    return LocalPool(options.workers, limits, options.catalogue)


@contextmanager
def bars() -> Iterator[Progress]:
    """A progress bar on standard error for each kind of work, where that is a terminal."""
    from tqdm import tqdm

    shown: dict[str, Any] = {}

    def progress(what: str, more: int, total: int) -> None:
        if what not in shown:
            shown[what] = tqdm(total=total, unit=f" {what}", disable=None, dynamic_ncols=True, smoothing=0.05)
        shown[what].update(more)

    try:
        yield progress
    finally:
        for bar in shown.values():
            bar.close()
