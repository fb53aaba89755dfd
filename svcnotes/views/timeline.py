"""A flow's story as a table: what changed, where its next packet went, and where a new flow would go then."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from html import escape
from typing import TYPE_CHECKING

from svcnotes.flow import CHANGED, OPENED, Event, Flow
from svcnotes.packet import endpoint_text
from svcnotes.trace import Path
from svcnotes.views.cells import ALARM, CAPTION, CELL, HEAD, TABLE
from svcnotes.views.marks import short_name
from svcnotes.views.matrix import ending, who

if TYPE_CHECKING:
    import pandas as pd

SECONDS, HAPPENS, OPEN, NEW = "seconds", "what happens", "the open flow's packet", "a new flow"
NONE_SENT = "–"


@dataclass(frozen=True, slots=True)
class Row:
    """One moment: `open_flow` is where the flow's packet went and who decided, `new_flow` where another's may."""

    seconds: float
    happens: str
    open_flow: str
    new_flow: str
    unhappy: bool = False


@dataclass(frozen=True, slots=True)
class Timeline:
    """A flow's story, a row for each moment; prints as text, shows itself as an HTML table."""

    question: str
    rows: tuple[Row, ...]

    def __str__(self) -> str:
        return "\n".join(_text(self))

    def table(self) -> pd.DataFrame:
        """The story as pandas has it."""
        from svcnotes.views.frames import frame

        return frame([_cells(row) for row in self.rows], [SECONDS, HAPPENS, OPEN, NEW])


def timeline(flow: Flow) -> Timeline:
    """Tell an open flow's story so far.

    A new flow is asked about by what the hosts remember at that moment, with exact chances.
    """
    rows = tuple(_row(moment) for moment in flow.moments)
    via = f", by way of {flow.via}" if flow.via else ""
    return Timeline(f"One {flow.protocol} flow, {flow.source} → {flow.to}{via}", rows)


def _row(moment: Flow) -> Row:
    event = moment.event
    sent = _sent(event) if event.path else NONE_SENT
    unhappy = event.path is not None and event.path.outcome != "connected"
    new = "" if event.kind not in (OPENED, CHANGED) else _shares(moment.another().paths)
    return Row(event.now, _happens(event), sent, new, unhappy)


def _happens(event: Event) -> str:
    if event.kind != CHANGED:
        return "the flow is opened" if event.kind == OPENED else "its next packet"
    parts = [event.note or "the cluster changes"]
    for node, entry in event.entries:
        gone = endpoint_text(entry.reply.source, entry.reply.source_port)
        parts.append(f"kube-proxy deletes {node}'s UDP entry to {gone}")
    parts += [f"{node}'s list {name} goes with its last rule" for node, name in event.lists]
    return "; ".join(parts)


def _sent(event: Event) -> str:
    path = event.path
    assert path is not None  # noqa: S101 - asked only where a packet was sent
    share = f", 1 of {event.ways} ways" if event.ways > 1 else ""
    by = "by what the hosts remember" if _remembered(path) else "by the rules"
    return f"{_end(path)}, {by}{share}"


def _remembered(path: Path) -> bool:
    """Whether the first host that tracks connections knew this one; a packet that it knows meets no nat rule."""
    met = (step for hop in path.hops for step in hop.steps if step.table == "conntrack")
    first = next(met, None)
    return first is not None and first.verdict == "established"


def _end(path: Path) -> str:
    if path.outcome == "connected":
        return short_name(who(path))
    return f"✕ {ending(path)}"


def _shares(paths: tuple[Path, ...]) -> str:
    found: dict[str, Fraction] = {}
    for path in paths:
        found[_end(path)] = found.get(_end(path), Fraction(0)) + path.probability
    return ", ".join(end if share == 1 else f"{end} {share}" for end, share in found.items())


def _cells(row: Row) -> list[str]:
    return [f"{row.seconds:g}", row.happens, row.open_flow, row.new_flow]


def _text(shown: Timeline) -> Iterator[str]:
    yield shown.question
    rows = [[SECONDS, HAPPENS, OPEN, NEW], *(_cells(row) for row in shown.rows)]
    widths = [max(len(row[at]) for row in rows) for at in range(4)]
    for row in rows:
        cells = [
            row[0].rjust(widths[0]),
            *(text.ljust(w) for text, w in zip(row[1:], widths[1:], strict=True)),
        ]
        yield "  ".join(cells).rstrip()


def timeline_html(shown: Timeline) -> str:
    """Write the table; a packet that got no answer has a cross and a double edge."""
    heads = "".join(f'<th scope="col" style="{HEAD}">{text}</th>' for text in (SECONDS, HAPPENS, OPEN, NEW))
    body = ""
    for row in shown.rows:
        seconds, *words = _cells(row)
        styles = (CELL, f"{CELL};{ALARM}" if row.unhappy else CELL, CELL)
        cells = "".join(
            f'<td style="{style}">{escape(text)}</td>' for style, text in zip(styles, words, strict=True)
        )
        body += (
            f'<tr style="background:none"><th scope="row" style="{CELL}">{escape(seconds)}</th>{cells}</tr>'
        )
    return (
        f'<table style="{TABLE}"><caption style="{CAPTION}">{escape(shown.question)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"
    )
