"""A sweep over a cluster's flows as a table, for pandas and for a page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from svcnotes.scenarios.sweep import HEADS, Sweep, headline, rows
from svcnotes.views.html import SOFT

if TYPE_CHECKING:
    import pandas as pd


def sweep_table(found: Sweep) -> pd.DataFrame:
    """One row a group of questions that end alike, the largest first; `flows` are numbers."""
    from svcnotes.views.frames import frame

    table = frame(list(rows(found)), list(HEADS))
    table["flows"] = [group.flows for group in found.groups]
    return table


def sweep_html(found: Sweep) -> str:
    """Write the sentence and the table; a sweep that was stopped says how to go on."""
    from svcnotes.views.frames import frame, table_html

    rest = "svcnotes.scenarios.sweep.go_on(_)"
    more = f" (<code>{rest}</code> in the next cell asks the rest)" if found.stopped else ""
    table = frame(list(rows(found)), list(HEADS))
    return f'<p style="color:{SOFT};margin:2px 0">{escape(headline(found))}{more}</p>{table_html(table)}'
