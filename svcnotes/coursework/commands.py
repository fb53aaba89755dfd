"""The parts of `svcnotes course`; loaded only when that is asked for."""

from __future__ import annotations

import argparse

from svcnotes.coursework import course_command, grade_command


def add_parts(parser: argparse.ArgumentParser) -> None:
    """Add the parts, each with its options and a function `run` from options to an exit status."""
    parts = parser.add_subparsers(required=True, metavar="PART")
    create = parts.add_parser("create", help="write a course for nbgrader", description=course_command.ABOUT)
    course_command.add_arguments(create)
    create.set_defaults(run=course_command.run)
    grade = parts.add_parser(
        "grade", help="grade notebooks without running anything in them", description=grade_command.ABOUT
    )
    grade_command.add_arguments(grade)
    grade.set_defaults(run=grade_command.run)
