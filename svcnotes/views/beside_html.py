"""Two or three settings side by side as a fragment of HTML: pictures, what differs, one table of moments.

What is the same is there once, across the whole width: a picture, a step, an address. Only what differs stands
in columns, one below the other where the page is narrow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape

from svcnotes.views.beside import SideBySide, answer_lines, listed, rule_lines
from svcnotes.views.beside_rows import ENDS, ONLY, SAME, Row, Side
from svcnotes.views.cells import ALARM, CAPTION, CELL, HEAD, TABLE
from svcnotes.views.html import LINE, SOFT, TINT, mark_html, sentence_html
from svcnotes.views.layout import COMPACT, NARROW, layout
from svcnotes.views.pack import alt_text
from svcnotes.views.prose import Prose
from svcnotes.views.shapes import Picture
from svcnotes.views.story import Moment
from svcnotes.views.svg import svg

DIFFERENT = "background:none;color:inherit;font-weight:700;border:2px solid #D55E00;border-radius:5px;padding:0 3px;display:inline-block"
PRINTED = f"display:block;font-size:12px;line-height:1.35;color:{SOFT};background:none;padding:2px 0 0;white-space:pre-wrap"
COLUMNS = "list-style:none;margin:2px 0;padding:0;display:grid;gap:2px 12px;grid-template-columns:repeat(auto-fit,minmax(min(150px,100%),1fr))"


def beside_html(shown: SideBySide) -> str:
    """Write the whole comparison; what differs has a sign and a frame, not a colour alone."""
    pictures = _pictures(shown)
    label = escape(f"{listed([side.title for side in shown.sides])}, side by side")
    answers, rules = answer_lines(shown), rule_lines(shown)
    if len(pictures) == 1:
        # The steps come into sight at once: what is said of rules, they show; in a list it is for reading aloud.
        figures = _only_figure(*pictures[0], answers)
        top, foot = "", _list(rules)
    else:
        figures = "".join(_figure(picture, sides) for picture, sides in pictures)
        top, foot = (
            f'<p style="margin:8px 0 0"><strong>What differs</strong></p>{_list([*answers, *rules])}',
            "",
        )
    return (
        f'<section role="group" aria-label="{label}">'
        f'<div style="display:flex;flex-wrap:wrap;gap:8px 20px;align-items:stretch">{figures}</div>'
        f"{top}{_table(shown)}{foot}</section>"
    )


def _list(lines: list[Prose]) -> str:
    items = "".join(f"<li>{sentence_html(line)}</li>" for line in lines)
    return f'<ul style="margin:4px 0 8px">{items}</ul>' if items else ""


def _pictures(shown: SideBySide) -> list[tuple[Picture, list[Side]]]:
    """Each picture with the sides whose packets it shows: those that go the same way share one."""
    width = _width(shown)
    found: list[tuple[Picture, list[Side]]] = []
    for side in shown.sides:
        picture = layout(side.story, side.cast, width)
        sharing = next((sides for one, sides in found if one == picture), None)
        if sharing is None:
            found.append((picture, [side]))
        else:
            sharing.append(side)
    return found


def _width(shown: SideBySide) -> int:
    """The narrower width where nothing has to be shortened for it, so that two stand side by side sooner."""
    shapes = [shape for side in shown.sides for shape in layout(side.story, side.cast, COMPACT).shapes]
    short = any("…" in shape.text for shape in shapes if shape.kind == "text")
    mute = any(not shape.text.strip("0123456789 ✕") for shape in shapes if shape.kind == "badge")
    return NARROW if short or mute else COMPACT


def _figure(picture: Picture, sides: list[Side]) -> str:
    """A picture below what is said of it."""
    return (
        '<div style="flex:1 1 500px;min-width:0;max-width:620px;display:flex;flex-direction:column">'
        f'{_sentences(sides)}<div style="margin-top:auto">{svg(picture, _alt(sides))}</div></div>'
    )


def _only_figure(picture: Picture, sides: list[Side], answers: list[Prose]) -> str:
    """The picture of all sides, with what is said of them at its right."""
    first = "".join(
        f'<p style="margin:0 0 10px;font-size:16px">{sentence_html(line)}</p>' for line in answers
    )
    return (
        f'<div style="flex:0 1 {picture.width:g}px;min-width:0">{svg(picture, _alt(sides))}</div>'
        f'<div style="flex:1 1 260px;min-width:0">{first}{_sentences(sides)}</div>'
    )


def _alt(sides: list[Side]) -> str:
    """What the picture shows, under each of its settings where that is not the same."""
    said: dict[str, list[Side]] = {}
    for side in sides:
        said.setdefault(alt_text(side.story), []).append(side)
    if len(said) == 1:
        return next(iter(said))
    return " ".join(f"{_titles(having, listed)}: {text}" for text, having in said.items())


def _sentences(sides: list[Side]) -> str:
    """What becomes of the packet, said once for those of whom the same is said."""
    said: dict[str, list[Side]] = {}
    for side in sides:
        share = f" {escape(side.share)}." if side.share else ""
        said.setdefault(f"{sentence_html(side.sentence)}{share}", []).append(side)
    return "".join(
        f'<p style="margin:0 0 2px;font-size:16px;font-weight:650">{escape(_titles(having, listed))}</p>'
        f'<p style="margin:0 0 6px">{sentence}</p>'
        for sentence, having in said.items()
    )


def _titles(sides: Sequence[Side], join: Callable[[list[str]], str]) -> str:
    """Join titles; the words that all begin with are said once."""
    return sides[0].title.removesuffix(sides[0].label) + join([side.label for side in sides])


def _table(shown: SideBySide) -> str:
    body, direction = "", ""
    for row in shown.rows:
        if row.direction != direction:
            direction = row.direction
            words = "there" if direction == "there" else "and back"
            body += (
                f'<tr style="background:{TINT}"><th scope="rowgroup" colspan="2" style="{CELL};color:{SOFT}">'
                f"{words}</th></tr>"
            )
        sign = {SAME: "= same", ONLY: "only"}.get(row.kind, "≠ differs")
        weight = "" if row.kind == SAME else ";font-weight:700"
        body += (
            f'<tr style="background:none"><th scope="row" style="{CELL};font-weight:400{weight}">{sign}</th>'
            f'<td style="{CELL};overflow-wrap:anywhere">{_cell(shown, row)}</td></tr>'
        )
    heads = (
        f'<th scope="col" style="{HEAD};width:5.5em">step</th><th scope="col" style="{HEAD}">'
        f"{escape(_titles(shown.sides, ' | '.join))}</th>"
    )
    return (
        f'<table style="{TABLE};width:100%;table-layout:fixed">'
        f'<caption style="{CAPTION}">Every step, both ways: what is the same once, what differs in columns. '
        "≠ with a frame: no other has the same here. “only”: not every packet has such a step.</caption>"
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    )


def _cell(shown: SideBySide, row: Row) -> str:
    """What all sides share, and below it what each has for itself."""
    each = list(zip(shown.sides, row.moments, row.odd, strict=True))
    if row.kind == ONLY:
        having = listed([side.label for side, moment, _ in each if moment])
        only = f" <strong>✱ only under {escape(having)}</strong>" if row.deciding else ""
        return _columns(
            [_whole(side, moment, odd, only) if moment else _none(side) for side, moment, odd in each]
        )
    titles = {moment.title for moment in row.moments if moment}
    shared = [] if len(titles) > 1 else [f"{row.number}. {escape(row.first.title)}{_hook(row)}"]
    first = shown.sides[0]
    if not row.differs & {*ENDS}:
        ends = [_address(first, row.first, name, row.shared_end(shown.sides, name)) for name in ENDS]
        shared.append(" → ".join(ends))
    if "rule" not in row.differs and (rule := first.field(row.first, "rule")):
        shared.append(f"<code>{escape(rule)}</code>")
    line = " ".join(
        f'<span style="display:inline-block;min-width:{0 if index else 20}em">{part}</span>'
        for index, part in enumerate(shared)
    )
    if row.kind == SAME:
        return line
    own = [_own(side, moment, odd, row, alone=len(titles) > 1) for side, moment, odd in each if moment]
    return line + _columns(own)


def _columns(cells: list[str]) -> str:
    return f'<ul role="list" style="{COLUMNS}">{"".join(cells)}</ul>'


def _item(side: Side, html: str, edge: str = f"border-left:1px solid {LINE}") -> str:
    return (
        f'<li style="margin:0;padding:0 0 0 8px;min-width:0;{edge}">'
        f'<strong style="color:{SOFT}">{escape(side.label)}</strong><br>{html}</li>'
    )


def _none(side: Side) -> str:
    return _item(side, f'<span style="color:{SOFT}">– no such step</span>')


def _whole(side: Side, moment: Moment, odd: frozenset[str], only: str) -> str:
    """All of a step that not every side has."""
    rule = side.field(moment, "rule")
    by = f"<br>{_rule(rule, odd)}{only}" if rule else ""
    return _item(side, f"{_title(moment, odd)}<br>{_addresses(side, moment, odd)}{by}", ALARM)


def _own(side: Side, moment: Moment, odd: frozenset[str], row: Row, *, alone: bool) -> str:
    """What of a step one side does not share with all others; a rule stands there as it is printed, too."""
    parts = []
    if alone:
        parts.append(_title(moment, odd))
    elif "where" in row.differs:
        parts.append(_marked(f"at {escape(moment.hook) or 'no hook'}", odd, "where"))
    if row.differs & {*ENDS}:
        parts.append(_addresses(side, moment, odd))
    printed = ""
    if "rule" in row.differs:
        rule = side.field(moment, "rule")
        parts.append(_rule(rule, odd))
        printed = f'<code style="{PRINTED}">{escape(moment.rule.rule)}</code>' if rule and moment.rule else ""
    return _item(side, "<br>".join(parts) + printed)


def _hook(row: Row) -> str:
    return f" ({escape(row.first.hook)})" if row.first.hook and "where" not in row.differs else ""


def _title(moment: Moment, odd: frozenset[str]) -> str:
    hook = f" ({moment.hook})" if moment.hook else ""
    return f"{moment.number}. {_marked(escape(moment.title + hook), odd, 'where')}"


def _rule(rule: str, odd: frozenset[str]) -> str:
    return _marked(f'<code style="background:none">{escape(rule)}</code>' if rule else "no rule", odd, "rule")


def _addresses(side: Side, moment: Moment, odd: frozenset[str]) -> str:
    ends = {name: _address(side, moment, name, side.field(moment, name)) for name in ENDS}
    return " → ".join(_marked(html, odd, name) for name, html in ends.items())


def _address(side: Side, moment: Moment, name: str, text: str) -> str:
    return mark_html(side.story.names.of(getattr(moment.after, name)).role, text)


def _marked(html: str, odd: frozenset[str], name: str) -> str:
    return f'<mark style="{DIFFERENT}">≠ {html}</mark>' if name in odd else html
