"""One student's feedback as a notebook, for where a returned file bears the name of the notebook handed in."""

from __future__ import annotations

import json
import re

from svcnotes.coursework.feedback import pieces
from svcnotes.coursework.results import Results, Student

_ABOUT = (
    "*This is your feedback, and not your notebook: Canvas gives what comes back the name of what was handed in. "
    "There is nothing to run in it.*"
)
_KERNEL = {"display_name": "Python 3", "language": "python", "name": "python3"}
"""Without one Jupyter asks for it when the notebook is opened."""
_DRAWING = re.compile(r"<svg.*?</svg>", re.DOTALL)


def feedback_notebook(results: Results, student: Student) -> str:
    """The same words as on the page, as a notebook of text cells (nbformat 4.5)."""
    cells = [_ABOUT, *(_in_one_line(piece) for piece in pieces(results, student))]
    made = {
        "cells": [
            {"cell_type": "markdown", "id": f"feedback-{number}", "metadata": {}, "source": cell}
            for number, cell in enumerate(cells)
        ],
        "metadata": {"kernelspec": _KERNEL},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(made, ensure_ascii=False, indent=1) + "\n"


def _in_one_line(html: str) -> str:
    """HTML that Markdown leaves as it is: a block of it ends at an empty line, and a dollar would begin a formula."""
    plain = _DRAWING.sub("", html).replace("$", "&#36;")
    return f"<div>{plain}</div>".replace("\n", "&#10;")
