"""What the lessons claim of packets, rules, tools, API server and DNS, and what backs each claim.

`data/LESSON.yaml` has three tables. Each row begins with where the claim stands (a cell of the notebook, or a file
of the exercises whose texts the notebook shows) and with words of it; then comes what backs it:

* shown: the code cell of the same notebook that shows it, and what that cell prints;
* tested: the test that tries it, in `test_LESSON*.py` here or as `FOLDER/FILE.py::NAME`;
* facts: for what no model can show (versions, other products, another machine's habits), the source in `data/sources.yaml`.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from IPython.core.formatters import DisplayFormatter

from svcnotes.views.display import register
from svcnotes.widgets.predict import Predict
from svcnotes.widgets.stage import Stage

HERE = Path(__file__).parent
TESTS = HERE.parent
NOTEBOOKS = TESTS.parent / "notebooks"
EXERCISES = TESTS.parent / "svcnotes" / "exercises"
KINDS = ("shown", "tested", "facts")
SOURCES: dict[str, str] = yaml.safe_load((HERE / "data" / "sources.yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True)
class Claim:
    """One claim: where it stands, words of it, and what backs it (`shows` is what a code cell prints)."""

    kind: str
    where: str
    says: str
    by: str
    shows: str = ""

    def __str__(self) -> str:
        return f"{self.where}: {self.says!r}"


@dataclass(frozen=True)
class Ledger:
    """All claims of a lesson, the text cells that make none, and how many of each kind there are at least."""

    claims: tuple[Claim, ...]
    silent: frozenset[str]
    floors: dict[str, int]

    def of(self, kind: str) -> list[Claim]:
        return [claim for claim in self.claims if claim.kind == kind]


@lru_cache
def ledger(lesson: str) -> Ledger:
    found = yaml.safe_load((HERE / "data" / f"{lesson}.yaml").read_text(encoding="utf-8"))
    claims = tuple(Claim(kind, *row) for kind in KINDS for row in found.get(kind, []))
    return Ledger(claims, frozenset(found.get("silent", [])), found["floors"])


def plain(text: str) -> str:
    """A text in one line: where a sentence is broken does not matter."""
    return " ".join(text.split())


@lru_cache
def cells(lesson: str) -> dict[str, tuple[str, str]]:
    """Kind and text of each cell of a lesson, by its id."""
    found = json.loads((NOTEBOOKS / f"{lesson}.ipynb").read_text(encoding="utf-8"))["cells"]
    return {cell["id"]: (cell["cell_type"], "".join(cell["source"])) for cell in found}


@lru_cache
def texts(module: str) -> str:
    """All texts of a module of the exercises, as a learner may be shown them; braces stand for what is filled in."""
    text = (EXERCISES / module).read_text(encoding="utf-8")
    if module.endswith(".yaml"):
        return plain(text)
    tree = ast.parse(text)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(str(p.value) if isinstance(p, ast.Constant) else "{}" for p in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            found.append(node.value)
    return plain("\n".join(found))


def words_at(lesson: str, where: str) -> str:
    """The text at the place that a claim names; empty where there is no such place."""
    if where.endswith((".py", ".yaml")):
        return texts(where) if (EXERCISES / where).is_file() else ""
    return plain(cells(lesson).get(where, ("", ""))[1])


class Said:
    """What a value says in a notebook, in words."""

    def __init__(self) -> None:
        self._formatter = DisplayFormatter()
        register(SimpleNamespace(display_formatter=self._formatter))

    def __call__(self, value: Any) -> str:
        if isinstance(value, Stage):
            return f"{value.sentence} {value.difference}"
        if isinstance(value, Predict):
            return value.feedback
        if hasattr(value, "to_string"):
            return str(value.to_string())
        data, _ = self._formatter.format(value)
        return str(data.get("text/plain", ""))


@lru_cache
def outputs(lesson: str) -> dict[str, str]:
    """What each code cell of a lesson prints or shows, from a run of them all in order."""
    said, found = Said(), {}
    scope = {"__name__": lesson, "display": lambda value: print(said(value))}
    for name, (kind, text) in cells(lesson).items():
        if kind != "code" or text.startswith("%%answer"):
            continue  # an answer cell shows a case that is drawn, and no claim
        tree, printed, last = ast.parse(text), io.StringIO(), None
        if isinstance(tree.body[-1], ast.Expr):
            last = ast.Expression(tree.body.pop().value)  # type: ignore[attr-defined]
        with contextlib.redirect_stdout(printed):
            exec(compile(tree, name, "exec"), scope)
            value = None if last is None else eval(compile(last, name, "eval"), scope)
        found[name] = plain(printed.getvalue() + ("" if value is None else said(value)))
    return found


@lru_cache
def defined_tests(file: str) -> dict[str, str]:
    """Each test of a file with all that it stands on there: its own text, and the tables and helpers that it names."""
    text = (TESTS / file).read_text(encoding="utf-8")
    parts: dict[str, tuple[str, set[str]]] = {}
    for node in ast.parse(text).body:
        source = "\n".join(text.splitlines()[_first(node) - 1 : node.end_lineno])
        used = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        for name in _names(node):
            parts[name] = source, used
    return {name: _with_parts(name, parts, set()) for name in parts if name.startswith("test_")}


def _first(node: ast.stmt) -> int:
    marks = getattr(node, "decorator_list", [])
    return min([node.lineno, *(mark.lineno for mark in marks)])


def _names(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.Assign):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    return [node.name] if isinstance(node, (ast.FunctionDef, ast.ClassDef)) else []


def _with_parts(name: str, parts: dict[str, tuple[str, set[str]]], seen: set[str]) -> str:
    if name in seen or name not in parts:
        return ""
    seen.add(name)
    source, used = parts[name]
    return "\n".join([source, *(_with_parts(other, parts, seen) for other in sorted(used))])


def backing(lesson: str, claim: Claim) -> str | None:
    """The text of the test that a claim names, with its tables; None where there is none."""
    file, _, name = claim.by.rpartition("::")
    if file:
        return defined_tests(file).get(name) if (TESTS / file).is_file() else None
    files = sorted(HERE.glob(f"test_{lesson.replace('-', '_')}*.py"))
    tests = (defined_tests(str(path.relative_to(TESTS))) for path in files)
    return next((found[name] for found in tests if name in found), None)
