"""Two settings side by side as a fragment of HTML: pictures, what differs, one table of moments."""

from __future__ import annotations

from html import escape

from svcnotes.views.beside import ONLY, SAME, Row, Side, SideBySide, difference_lines
from svcnotes.views.cells import ALARM, CAPTION, CELL, HEAD, TABLE
from svcnotes.views.html import SOFT, TINT, mark_html, sentence_html
from svcnotes.views.layout import COMPACT, NARROW, layout
from svcnotes.views.pack import alt_text
from svcnotes.views.story import Moment
from svcnotes.views.svg import svg

DIFFERENT = "background:none;color:inherit;font-weight:700;border:2px solid #D55E00;border-radius:5px;padding:0 3px;display:inline-block"


def beside_html(shown: SideBySide) -> str:
    """Write the whole comparison; what differs has a sign and a frame, not a colour alone."""
    pictures = "".join(_side(side, _width(shown)) for side in shown.sides)
    lines = "".join(f"<li>{sentence_html(line)}</li>" for line in difference_lines(shown))
    label = escape(f"{shown.left.title} and {shown.right.title}, side by side")
    return (
        f'<section role="group" aria-label="{label}">'
        f'<div style="display:flex;flex-wrap:wrap;gap:8px 20px;align-items:stretch">{pictures}</div>'
        f'<p style="margin:8px 0 0"><strong>What differs</strong></p><ul style="margin:0 0 8px">{lines}</ul>'
        f"{_table(shown)}</section>"
    )


def _width(shown: SideBySide) -> int:
    """The narrower width where nothing has to be shortened for it, so that two stand side by side sooner."""
    shapes = [shape for side in shown.sides for shape in layout(side.story, side.cast, COMPACT).shapes]
    short = any("…" in shape.text for shape in shapes if shape.kind == "text")
    mute = any(not shape.text.strip("0123456789 ✕") for shape in shapes if shape.kind == "badge")
    return NARROW if short or mute else COMPACT


def _side(side: Side, width: int) -> str:
    picture = layout(side.story, side.cast, width)
    share = f" {escape(side.share)}." if side.share else ""
    return (
        '<div style="flex:1 1 500px;min-width:0;max-width:620px;display:flex;flex-direction:column">'
        f'<p style="margin:0 0 2px;font-size:16px;font-weight:650">{escape(side.title)}</p>'
        f'<p style="margin:0 0 6px">{sentence_html(side.sentence)}{share}</p>'
        f'<div style="margin-top:auto">{svg(picture, alt_text(side.story))}</div></div>'
    )


def _table(shown: SideBySide) -> str:
    heads = "".join(
        f'<th scope="col" style="{HEAD};width:45%">{escape(side.title)}</th>' for side in shown.sides
    )
    body, direction = "", ""
    for row in shown.rows:
        if row.direction != direction:
            direction = row.direction
            words = "there" if direction == "there" else "and back"
            body += (
                f'<tr style="background:{TINT}"><th scope="rowgroup" colspan="3" style="{CELL};color:{SOFT}">'
                f"{words}</th></tr>"
            )
        body += _row(shown, row)
    return (
        f'<table style="{TABLE};width:100%;table-layout:fixed">'
        f'<caption style="{CAPTION}">Every step, both ways. '
        "≠ with a frame: the two differ here. “only”: the other packet has no such step.</caption>"
        f'<thead><tr><th scope="col" style="{HEAD};width:10%">step</th>{heads}</tr></thead><tbody>{body}</tbody></table>'
    )


def _row(shown: SideBySide, row: Row) -> str:
    cells = "".join(
        f'<td style="{CELL};overflow-wrap:anywhere{_edge(row, moment)}">{_cell(side, moment, row)}</td>'
        for side, moment in zip(shown.sides, (row.left, row.right), strict=True)
    )
    sign = {SAME: "= same", ONLY: "only"}.get(row.kind, "≠ differs")
    weight = "" if row.kind == SAME else ";font-weight:700"
    return f'<tr style="background:none"><th scope="row" style="{CELL};font-weight:400{weight}">{sign}</th>{cells}</tr>'


def _edge(row: Row, moment: Moment | None) -> str:
    return f";{ALARM}" if row.kind == ONLY and moment is not None else ""


def _cell(side: Side, moment: Moment | None, row: Row) -> str:
    if moment is None:
        return f'<span style="color:{SOFT}">– no such step</span>'
    title = _marked(escape(f"{moment.title}{f' ({moment.hook})' if moment.hook else ''}"), row, "where")
    ends = " → ".join(_marked(_address(side, moment, name), row, name) for name in ("source", "destination"))
    rule = side.field(moment, "rule")
    only = f" <strong>✱ only under {escape(side.title)}</strong>" if row.deciding else ""
    by = f"<br>{_marked(f'<code>{escape(rule)}</code>', row, 'rule')}{only}" if rule else ""
    return f"{moment.number}. {title}<br>{ends}{by}"


def _address(side: Side, moment: Moment, name: str) -> str:
    role = side.story.names.of(getattr(moment.after, name)).role
    return mark_html(role, side.field(moment, name))


def _marked(html: str, row: Row, name: str) -> str:
    return f'<mark style="{DIFFERENT}">≠ {html}</mark>' if name in row.differs else html
