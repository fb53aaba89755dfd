"""The table of nodes entered and endpoints reached, as HTML."""

from __future__ import annotations

from html import escape

from svcnotes.views.cells import ALARM, CAPTION, CELL, HEAD, TABLE
from svcnotes.views.html import SOFT, mark_html
from svcnotes.views.marks import NODE, OUTSIDE, POD, short_name
from svcnotes.views.matrix import NEVER, NOBODY, Matrix, troubles


def matrix_html(shown: Matrix) -> str:
    """Write the table; each address has its mark, each unhappy end a cross and a double edge."""
    heads = "".join(_head(shown, column) for column in shown.columns)
    rows = "".join(
        f'<tr style="background:none"><th scope="row" style="{CELL};white-space:nowrap">{mark_html(NODE, node)}</th>'
        f"{''.join(_cell(shown, node, column) for column in shown.columns)}</tr>"
        for node in shown.nodes
    )
    return (
        f'<table style="{TABLE}"><caption style="{CAPTION}">{escape(shown.question)}. '
        "Fractions: the share of all packets that enter by the node of that row.</caption>"
        f'<thead><tr><th scope="col" style="{HEAD}">entered by</th>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    )


def _head(shown: Matrix, column: str) -> str:
    home = shown.homes.get(column, "")
    name = escape(column) if column == NOBODY else mark_html(POD if home else OUTSIDE, short_name(column))
    # on a line of its own, so that three pods fit 700 pixels
    place = f"<br>({escape(home)})" if home else ""
    return f'<th scope="col" style="{HEAD}">{name}{place}</th>'


def _cell(shown: Matrix, node: str, column: str) -> str:
    cell = shown.cells.get((node, column))
    if cell is None:
        return f'<td style="{CELL};color:{SOFT}"><span aria-label="never">{NEVER}</span></td>'
    seen = [f"sees {mark_html(shown.names.of(address).role, address)}" for address in cell.seen]
    bad = troubles(cell)
    lines = [
        f"<strong>{cell.probability}</strong>",
        *seen,
        *(f"<strong>{escape(text)}</strong>" for text in bad),
    ]
    return f'<td style="{CELL}{";" + ALARM if bad else ""}">{"<br>".join(lines)}</td>'
