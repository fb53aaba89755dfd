"""Notebooks and submissions made for tests."""

import json
from pathlib import Path

COURSE = "net-1"


def code(source, **metadata):
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": metadata,
        "outputs": [],
        "source": source,
    }


def answer(exercise, text, options=""):
    nbgrader = {
        "schema_version": 3,
        "grade": False,
        "solution": True,
        "locked": False,
        "task": False,
        "grade_id": exercise,
    }
    return code(f"%%answer {exercise}{options}\n{text}", nbgrader=nbgrader)


def notebook(*cells):
    title = {"cell_type": "markdown", "metadata": {}, "source": "# NodePort"}
    return {"cells": [title, *cells], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


def data(book):
    return json.dumps(book, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")


def write(path: Path, book) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(book if isinstance(book, bytes) else data(book))
    return path


def submitted(root: Path, student: str, book, lesson="01-nodeport") -> Path:
    return write(root / "submitted" / student / lesson / f"{lesson}.ipynb", book)
