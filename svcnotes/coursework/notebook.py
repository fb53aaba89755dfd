"""A notebook as data: its cells, read from JSON of bounded size, and remarks on what is odd."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

from svcnotes.coursework.answer_text import SEATED

MAX_BYTES = 8_000_000
"""A notebook that is larger is not read; an honest one, with its outputs, stays far below."""
MAX_CELLS = 2_000
RIGHT_MARK = "✔ Right"
"""How a Verdict on a right answer begins; what stands in an output is only compared, never believed."""
_LOOKED_AT = 100_000
_SURROGATES = re.compile("[\ud800-\udfff]")
_SEATED = re.compile(
    re.escape(SEATED).replace(r"\{student\}", "(.+?)").replace(r"\{course\}", r"(\S+)") + r"\s*"
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its number (from 1), its kind (code, markdown, raw), its text, nbgrader's id of it.

    `says_right` tells whether a stored output begins with the words of a right answer; `seated` are the course and
    the student that a stored output of `%student` names.
    """

    number: int
    kind: str
    source: str
    grade_id: str = ""
    says_right: bool = False
    seated: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Notebook:
    """The cells that could be read, and a sentence on each thing that is not as it should be."""

    cells: tuple[Cell, ...] = ()
    remarks: tuple[str, ...] = ()


def read_notebook(data: bytes) -> Notebook:
    """Read a notebook file (nbformat 4, or 3 with its worksheets); never raises, never runs anything."""
    if len(data) > MAX_BYTES:
        return _unreadable(f"it is larger than {MAX_BYTES:,} bytes")
    twice: list[str] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs) and not twice:
            twice.append(Counter(name for name, _ in pairs).most_common(1)[0][0])
        return found

    text = data.decode("utf-8-sig", "replace")
    try:
        whole = json.loads(text, object_pairs_hook=once, parse_int=_int)
    except RecursionError:
        return _unreadable("its JSON is nested too deep")
    except MemoryError:
        return _unreadable("its JSON needs too much memory")
    except ValueError as error:
        why = f"it is not JSON ({str(error)[:100]})" if data.strip() else "the file is empty"
        return _unreadable(f"it is not UTF-8 text, and {why}" if _broken(data) else why)
    remarks = ["Some bytes are not UTF-8; they were read as �."] if "\ufffd" in text and _broken(data) else []
    remarks += [f"The JSON has the key {printable(name)!r} twice; the last one counts." for name in twice]
    return _cells(whole, remarks)


def _cells(whole: object, remarks: list[str]) -> Notebook:
    if not isinstance(whole, dict):
        return _unreadable(f"its outermost JSON value is a {type(whole).__name__}, not an object")
    given = whole.get("cells")
    if given is None and isinstance(whole.get("worksheets"), list):
        remarks.append("This is nbformat 3; its worksheets were read.")
        sheets = [sheet.get("cells") for sheet in whole["worksheets"] if isinstance(sheet, dict)]
        given = [cell for cells in sheets if isinstance(cells, list) for cell in cells]
    if not isinstance(given, list):
        return _unreadable(
            "it has no list of cells" if given is None else f"its cells are a {type(given).__name__}"
        )
    if len(given) > MAX_CELLS:
        remarks.append(f"It has {len(given):,} cells; the first {MAX_CELLS:,} were read.")
    cells = []
    for number, cell in enumerate(given[:MAX_CELLS], 1):
        read = _cell(number, cell)
        if isinstance(read, str):
            remarks.append(f"Cell {number} cannot be read: {read}. The others were.")
        else:
            cells.append(read)
    return Notebook(tuple(cells), tuple(remarks))


def _cell(number: int, cell: object) -> Cell | str:
    """One cell, or what is wrong with it."""
    if not isinstance(cell, dict):
        return f"it is a {type(cell).__name__}"
    kind = cell.get("cell_type")
    if not isinstance(kind, str):
        return "its cell_type is no text"
    source = cell.get("source", cell.get("input", ""))
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        return f"its source is a {type(source).__name__}, not a text"
    said = _said(cell.get("outputs"))
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return Cell(
        number,
        kind,
        _SURROGATES.sub("\ufffd", source),
        _SURROGATES.sub("\ufffd", grade_id)[:100] if isinstance(grade_id, str) else "",
        any(RIGHT_MARK in text for text in said),
        next((_seat(found) for text in said if (found := _SEATED.fullmatch(text))), None),
    )


def _seat(found: re.Match[str]) -> tuple[str, str]:
    return _SURROGATES.sub("\ufffd", found[2]), _SURROGATES.sub("\ufffd", found[1])


def _said(outputs: object) -> list[str]:
    """The texts of the stored outputs: compared, never believed."""
    return _texts(outputs, 4) if isinstance(outputs, list) else []


def _texts(value: object, deep: int) -> list[str]:
    """The texts in a JSON value, to a bounded depth and length."""
    if isinstance(value, str):
        return [value[:_LOOKED_AT]]
    if not deep:
        return []
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in list(inside)[:200] for text in _texts(item, deep - 1)]


def _int(digits: str) -> int:
    """A number; one of a thousand digits is not worth the time that reading it takes."""
    return int(digits) if len(digits) < 20 else 0


def _broken(data: bytes) -> bool:
    """Whether these bytes are not UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _unreadable(why: str) -> Notebook:
    return Notebook(remarks=(f"The notebook cannot be read: {why}.",))


def printable(text: str, most: int = 120) -> str:
    """A text from outside, fit for one line of a report: no control characters, no marks that turn it round."""
    clean = "".join(c if c.isprintable() else " " for c in _SURROGATES.sub("\ufffd", text[: most * 4]))
    clean = " ".join(clean.split())
    return clean if len(clean) <= most else f"{clean[: most - 1]}…"
