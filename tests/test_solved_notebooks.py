"""The notebooks of a learner who solved everything: each exercise says Right, each prediction comes true, each cell runs."""

import importlib
import re
import sys
from functools import lru_cache
from pathlib import Path

import nbformat
import pytest
import yaml
from nbclient import NotebookClient

from svcnotes.coursework.course_desk import NOBODY, SELF_STUDY
from svcnotes.exercises.personal import draw

sys.path[:0] = [str(Path(__file__).parent.parent / "tools")]

import answers  # noqa: E402 - tools are no package

FOLDER = Path(__file__).parent.parent / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
WRITTEN = yaml.safe_load(
    (Path(__file__).parent / "data" / "exercises" / "solutions.yaml").read_text(encoding="utf-8")
)
CHECKED = re.compile(r"\b([a-z]\w*)\.(\w+)\.check\(([^()]*)\)")
PREDICTED = re.compile(r"\bpredict\(([a-z]\w*)\.(\w+)\)")
# What a learner writes into the cells of the dojo: the hypothesis and the fix of the case's own data.
SUSPECTED = re.compile(r'\b(\w+)\.suspect\("\?\?\?"[^\n]*')
FIXED = re.compile(r"\b(\w+)\.fix\([^\n]*")
OPENED = re.compile(r"\b(\w+) = dojo\.open_case\((\d+)\)")


@lru_cache(maxsize=128)
def solution(module: str, name: str) -> str:
    """The right answer: the one that was written down, else the choice that is right."""
    if f"{module}.{name}" in WRITTEN:
        return WRITTEN[f"{module}.{name}"]
    exercise = getattr(importlib.import_module(f"svcnotes.exercises.{module}"), name)
    return next(choice for choice in exercise.choices if exercise.check(choice).ok)


def solved(source: str, cases: dict[str, str]) -> str:
    """A cell as a learner leaves it who knows all the answers."""
    from svcnotes.exercises import dojo

    if source.startswith("%%answer"):
        first, _, _ = source.partition("\n")
        exercise = first.split()[1]
        return f"{first}\n{answers.right(exercise, draw(exercise, SELF_STUDY, NOBODY))}"
    cases |= dict(OPENED.findall(source))
    source = CHECKED.sub(lambda m: f"{m[1]}.{m[2]}.check({solution(m[1], m[2])!r})", source)
    source = PREDICTED.sub(lambda m: f"predict({m[1]}.{m[2]}).choose({solution(m[1], m[2])!r})", source)
    source = SUSPECTED.sub(lambda m: f"{m[1]}.suspect({dojo.case(int(cases[m[1]])).fault!r})", source)
    return FIXED.sub(
        lambda m: "\n".join(
            f"{m[1]}.fix({one.at!r}, {one.run!r}, {one.stdin!r})" for one in dojo.case(int(cases[m[1]])).fix
        ),
        source,
    )


def said(cell) -> str:
    return "\n".join(
        output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs
    )


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_with_every_exercise_solved_the_notebook_runs_and_says_right(path):
    notebook = nbformat.read(path, as_version=4)
    asked, cases = {}, {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            asked[cell.id] = len(CHECKED.findall(cell.source)) + len(re.findall(r"\.prove\(\)", cell.source))
            asked[cell.id] += cell.source.startswith("%%answer")
            asked[cell.id, "predicted"] = len(PREDICTED.findall(cell.source))
            cell.source = solved(cell.source, cases)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(FOLDER)}}).execute()
    exercises = predictions = 0
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        text = said(cell)
        assert "✘ Not yet" not in text, f"{cell.id}: {text}"
        assert text.count("✔ Right") == asked[cell.id], f"{cell.id}: {text}"
        assert text.count("✓ As you predicted") == asked[cell.id, "predicted"], f"{cell.id}: {text}"
        exercises += asked[cell.id]
        predictions += asked[cell.id, "predicted"]
    assert exercises >= (1 if path.stem.startswith("00") else 5)
    assert predictions >= 1
