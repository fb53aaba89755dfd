"""`svcnotes course create`: the command."""

from __future__ import annotations

import argparse
from pathlib import Path

from svcnotes.coursework.course import create

ABOUT = "Write a course that is ready for nbgrader: settings, source notebooks with marks cells, a lecturer's page."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    parser.add_argument(
        "folder", type=Path, metavar="DIR", help="where to write it; made where it is not there"
    )
    parser.add_argument(
        "--course", default="", metavar="NAME", help="part of every student's draw (the folder's name)"
    )
    parser.add_argument(
        "--roster", type=Path, metavar="FILE", help="CSV: student,name,email, or a platform's export"
    )
    parser.add_argument("--lessons", type=Path, metavar="DIR", help="the folder of the lesson notebooks")


def run(options: argparse.Namespace) -> int:
    """Create the course, and say what comes next."""
    print(create(options.folder, options.course, options.roster, options.lessons))  # noqa: T201 - a command line prints
    return 0
