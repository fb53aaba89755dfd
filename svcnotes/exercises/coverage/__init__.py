"""Which misconception has its moment where: one YAML file a lesson, named as the notebook is.

A row says that in the cell `cell` of the notebook the exercise `exercise` is put, and that its wrong answer
`answer` is recognised as the idea `idea`, a form of the misconception `number`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from importlib.resources import files

import yaml

from svcnotes.errors import InputError
from svcnotes.exercises.exercise import Exercise
from svcnotes.exercises.misconceptions import ALL, LISTED, NUMBER

KINDS = ("prediction", "exercise", "case")
_KEYS = {"number", "kind", "cell", "exercise", "answer", "idea"}


@dataclass(frozen=True, slots=True)
class Row:
    """One moment: `lesson` is the notebook's name without `.ipynb`, `exercise` is MODULE.NAME.

    `kind` is prediction, exercise or case (a broken cluster to diagnose); `shown` is what the cell's
    source must hold, MODULE.NAME where the row says nothing else.
    """

    lesson: str
    number: int
    kind: str
    cell: str
    exercise: str
    answer: str
    idea: str
    shown: str

    def find(self) -> Exercise:
        """The exercise; raises InputError where there is none of that name."""
        module, _, name = self.exercise.rpartition(".")
        found = getattr(import_module(f"svcnotes.exercises.{module}"), name, None)
        if not isinstance(found, Exercise):
            raise InputError(f"coverage/{self.lesson}.yaml: exercise: {self.exercise} is no exercise")
        return found


@lru_cache(maxsize=1)
def rows() -> tuple[Row, ...]:
    """All rows, lesson by lesson; raises InputError for one that lacks a key or names an unknown idea."""
    names = sorted(entry.name for entry in files(__name__).iterdir() if entry.name.endswith(".yaml"))
    return tuple(row for name in names for row in _read(name))


def _read(name: str) -> list[Row]:
    given = yaml.safe_load((files(__name__) / name).read_text(encoding="utf-8")) or []
    return [_row(name.removesuffix(".yaml"), index, item) for index, item in enumerate(given)]


def _row(lesson: str, index: int, item: object) -> Row:
    where = f"coverage/{lesson}.yaml: row {index + 1}"
    if not isinstance(item, dict) or not item.keys() >= _KEYS or item.keys() - _KEYS - {"shown"}:
        raise InputError(f"{where}: a row has {', '.join(sorted(_KEYS))}, and may have shown")
    if item["number"] not in LISTED or item["kind"] not in KINDS:
        raise InputError(f"{where}: number is 1 to {len(LISTED)}, kind one of {', '.join(KINDS)}")
    if item["idea"] not in ALL or NUMBER[item["idea"]] != item["number"]:
        raise InputError(f"{where}: idea: {item['idea']} is no form of misconception {item['number']}")
    texts = {key: str(item[key]) for key in _KEYS - {"number"}}
    return Row(lesson, int(item["number"]), shown=str(item.get("shown", item["exercise"])), **texts)
