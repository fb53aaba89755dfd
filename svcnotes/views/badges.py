"""The badges of a picture: one for each thing that a node did to the packet."""

from __future__ import annotations

from svcnotes.views.measure import sans
from svcnotes.views.shapes import Shape
from svcnotes.views.story import Moment, Story

BADGE, GAP = 22.0, 4.0  # height, and the room between two
WORDS = {
    "mark": "mark",
    "dnat": "DNAT",
    "snat": "SNAT",
    "undo": "undo",
    "drop": "DROP ✕",
    "reject": "REJECT ✕",
    "closed": "nobody listens ✕",
    "end": "ends ✕",
}
MARKED = 33.0  # two marks and an arrow between them
ENDS = frozenset({"drop", "reject", "closed", "end"})
_CHANGED = {"dnat": "destination", "snat": "source"}


def lay_badges(story: Story, moments: list[Moment], left: float, right: float, lane: float) -> list[Shape]:
    """Lay the badges of these moments in a row, from the left in the order given.

    Where the room is too small they lose first their marks, then their words, and keep their numbers.
    """
    for level in ("marks", "words", "numbers"):
        texts = [_text(moment, level) for moment in moments]
        marks = [_marks(story, moment) if level == "marks" else () for moment in moments]
        widths = [_width(text, glyphs) for text, glyphs in zip(texts, marks, strict=True)]
        whole = sum(widths) + GAP * (len(moments) - 1)
        if whole <= right - left:
            break
    squeeze = min(1.0, (right - left) / whole) if moments else 1.0
    shapes, x = [], left
    for moment, text, glyphs, width in zip(moments, texts, marks, widths, strict=True):
        style = "end" if moment.kind in ENDS else moment.kind
        shapes.append(
            Shape(
                "badge",
                style,
                x,
                lane - BADGE / 2,
                width * squeeze,
                BADGE,
                text=text,
                glyphs=glyphs,
                moment=moment.number,
            )
        )
        x += (width + GAP) * squeeze
    return shapes


def _text(moment: Moment, level: str) -> str:
    if level != "numbers":
        return f"{moment.number} {WORDS[moment.kind]}"
    return f"{moment.number}{' ✕' if moment.kind in ENDS else ''}"


def _marks(story: Story, moment: Moment) -> tuple[str, ...]:
    end = _CHANGED.get(moment.kind)
    if end is None:
        return ()
    names = story.names
    return names.of(getattr(moment.before, end)).role, names.of(getattr(moment.after, end)).role


def _width(text: str, glyphs: tuple[str, ...]) -> float:
    return sans(text, bold=True) * 12 / 13 + (MARKED + 7 if glyphs else 6)  # bold at its moment
