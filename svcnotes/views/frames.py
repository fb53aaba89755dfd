"""Tables as pandas has them, shown so that a reader sees all of a cell: to the left, wrapped, never cut."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import pandas as pd

from svcnotes.views.cells import CELL, HEAD, TABLE
from svcnotes.views.html import SOFT, glyph_html
from svcnotes.views.marks import MARKS

MOST_ROWS = 200
LONG = 60  # letters: more than a name or an address
CLOSE = "padding:4px 5px"  # many columns stand in one table
_GLYPHS = str.maketrans({mark.glyph: glyph_html(mark) for mark in MARKS.values()})


class Table(pd.DataFrame):
    """A DataFrame that stays what it is; what is made of it (rows, columns, an index) is a Table again."""

    @property
    def _constructor(self) -> Callable[..., Table]:
        return Table


def frame(rows: Sequence[Sequence[object]], columns: Sequence[str], index: Any = None) -> Table:
    """Make a Table from rows."""
    return Table(rows, columns=list(columns), index=index)


def table_html(table: pd.DataFrame) -> str:
    """Write a table as HTML: heads with their scope, cells to the left; the first 200 rows."""
    named = any(name is not None for name in table.index.names) or not isinstance(table.index, pd.RangeIndex)
    corner = [escape(str(name or "")) for name in table.index.names] if named else []
    heads = "".join(
        f'<th scope="col" style="{HEAD};{CLOSE}">{head}</th>'
        for head in [*corner, *(escape(str(c)) for c in table.columns)]
    )
    rows = "".join(_row(label if named else None, values) for label, values in _rows(table))
    more = len(table) - MOST_ROWS
    foot = f'<p style="color:{SOFT};margin:2px 0">… and {more} more rows</p>' if more > 0 else ""
    return (
        f'<div style="overflow-x:auto"><table style="{TABLE};font-size:12px"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table>{foot}</div>"
    )


def _rows(table: pd.DataFrame) -> list[tuple[Any, list[Any]]]:
    shown = table.head(MOST_ROWS)
    return list(zip(shown.index, shown.astype(object).to_numpy().tolist(), strict=True))


def _row(label: Any, values: list[Any]) -> str:
    labels = [] if label is None else list(label) if isinstance(label, tuple) else [label]
    heads = "".join(f'<th scope="row" style="{CELL};{CLOSE}">{escape(str(text))}</th>' for text in labels)
    cells = "".join(
        f'<td style="{CELL};{CLOSE};white-space:normal;overflow-wrap:anywhere">{_words(value)}</td>'
        for value in values
    )
    return f'<tr style="background:none">{heads}{cells}</tr>'


def _words(value: Any) -> str:
    """A cell's words; an address is not broken in its middle."""
    text = str(value)
    whole = len(text) <= 26 and text.count(" ") <= 1
    html = escape(text).translate(_GLYPHS)
    if whole:
        return f'<span style="white-space:nowrap">{html}</span>'
    # A rule in a narrow window stays readable: the table is scrolled, its column not squeezed to a few letters.
    return f'<div style="min-width:20em">{html}</div>' if len(text) > LONG else html
