"""A sweep over a cluster's flows as a table, for pandas and for a page."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from svcnotes.scenarios.sweep import HEADS, LEGEND, Sweep, headline, rows, worth_a_look
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
    return f"{_line(escape(headline(found)) + more)}{table_html(table)}{_line(_legend(found))}"


def _line(html: str) -> str:
    return f'<p style="color:{SOFT};margin:2px 0">{html}</p>'


def _legend(found: Sweep) -> str:
    if not found.groups:
        return ""
    one = worth_a_look(found)
    given = [one.source, one.to, *([] if one.protocol == "tcp" else [one.protocol])]
    call = f"svcnotes.trace(cluster, {', '.join(map(repr, given))}, proxy_mode={found.proxy_mode!r})"
    return f"{escape(LEGEND)} Why one ends so: <code>{escape(call)}</code>"
