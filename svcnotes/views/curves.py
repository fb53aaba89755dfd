"""Curves over a growing number, both axes in steps of ten: as a drawing, a picture for a page, a table and words.

A series keeps one colour (Okabe and Ito's, with grey for their black) and one mark; what was measured has hollow marks and a broken line.
Many lines are drawn in panels side by side, with the same axes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import TYPE_CHECKING

from svcnotes.views.cells import CAPTION, CELL, HEAD, TABLE
from svcnotes.views.svg import INK, LINE, PAPER, SOFT

if TYPE_CHECKING:
    import pandas as pd

WIDTH, HEIGHT = 640, 300
PANEL_WIDTH = 420  # of a drawing that has others beside it
LEFT, RIGHT, TOP, BOTTOM = 82, 18, 14, 46
STYLES = (
    ("#0072B2", "●"),
    ("#D55E00", "■"),
    ("#009E73", "▲"),
    ("#CC79A7", "◆"),
    ("#E69F00", "▼"),
    ("#56B4E9", "✚"),
    ("#808080", "✖"),
)
# A mark's outline around (0, 0), 5 pixels from its middle.
_OUTLINES = {
    "●": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0 -10 0z",
    "■": "M-4.5 -4.5h9v9h-9z",
    "▲": "M0 -5.5L5.5 4.5L-5.5 4.5z",
    "◆": "M0 -6L6 0L0 6L-6 0z",
    "▼": "M0 5.5L5.5 -4.5L-5.5 -4.5z",
    "✚": "M-2 -5.5h4v3.5h3.5v4h-3.5v3.5h-4v-3.5h-3.5v-4h3.5z",
    "✖": "M-5.5 -3.5l2 -2L0 -2l3.5 -3.5l2 2L2 0l3.5 3.5l-2 2L0 2l-3.5 3.5l-2 -2L-2 0z",
}
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """One line: `points` are (how many, how much), both above 0; `style` numbers one of `STYLES`.

    `measured`: what a real program did, not what the model counts. `panel` names the drawing that it is in, where there
    are several.
    """

    name: str
    points: tuple[Point, ...]
    style: int = 0
    measured: bool = False
    panel: str = ""

    @property
    def title(self) -> str:
        """Its name, with its panel's."""
        return f"{self.name}, {self.panel}" if self.panel else self.name

    @property
    def colour(self) -> str:
        """The line's colour, hex."""
        return STYLES[self.style % len(STYLES)][0]

    @property
    def glyph(self) -> str:
        """The mark as a letter."""
        return STYLES[self.style % len(STYLES)][1]

    @property
    def growth(self) -> float:
        """The exponent of its growth: 1 is in proportion, 2 four times for twice as many; nan for a single point."""
        return exponent(self.points)


@dataclass(frozen=True, slots=True)
class Element:
    """A piece of a drawing in SVG's words: a tag, its attributes, and the text in it."""

    tag: str
    attributes: Mapping[str, str]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Curves:
    """Some series with the words of both axes, and a note on what is missing.

    Prints as a table, shows itself as a picture with that table below. `room`: what the axes hold besides the points,
    from and to.
    """

    title: str
    across: str
    up: str
    series: tuple[Series, ...]
    note: str = ""
    room: tuple[Point, Point] | None = None

    @property
    def xs(self) -> tuple[float, ...]:
        """The numbers at which anything is known, in order."""
        return tuple(sorted({x for one in self.series for x, _ in one.points}))

    @property
    def panels(self) -> tuple[Curves, ...]:
        """One drawing a panel, all with the room of the whole; this itself where there is one."""
        names = dict.fromkeys(one.panel for one in self.series)
        if len(names) < 2:
            return (self,)
        ys = [y for one in self.series for _, y in one.points]
        room = self.room or ((self.xs[0], self.xs[-1]), (min(ys), max(ys)))
        return tuple(
            Curves(
                name,
                self.across,
                self.up,
                tuple(one for one in self.series if one.panel == name),
                room=room,
            )
            for name in names
        )

    @property
    def sentence(self) -> str:
        """Say of each series where it begins, where it ends, and how it grows."""
        return " ".join(
            [*(f"{one.title}: {_course(one)}." for one in self.series if one.points), self.note]
        ).strip()

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """The table: a number, and what each series has there (empty where nothing is known)."""
        for x in self.xs:
            yield (
                plain(x),
                [plain(dict(one.points)[x]) if x in dict(one.points) else "" for one in self.series],
            )

    def table(self) -> pd.DataFrame:
        """Give the table as pandas has it."""
        import pandas as pd

        from svcnotes.views.frames import frame

        rows = list(self.rows())
        heads = [f"{one.glyph} {one.title}" for one in self.series]
        return frame([cells for _, cells in rows], heads, pd.Index([x for x, _ in rows], name=self.across))

    def __str__(self) -> str:
        heads = [self.across, *(f"{one.glyph} {one.title}" for one in self.series)]
        rows = [heads, *([x, *cells] for x, cells in self.rows())] if self.series else []
        widths = [max((len(row[at]) for row in rows), default=0) for at in range(len(heads))]
        lines = (
            "  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows
        )
        return "\n".join([f"{self.title} ({self.up})", *(line.rstrip() for line in lines), self.sentence])


def exponent(points: Sequence[Point]) -> float:
    """The slope of a straight line through the points on paper with steps of ten: least squares of the logarithms."""
    if len(points) < 2:
        return float("nan")
    xs, ys = [log10(x) for x, _ in points], [log10(y) for _, y in points]
    middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
    over = sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True))
    return over / sum((x - middle_x) ** 2 for x in xs)


def plain(value: float) -> str:
    """A number with commas; decimals only where it is small."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:,.1f}" if value >= 10 else f"{value:.2g}"


def _course(one: Series) -> str:
    (x0, y0), (x1, y1) = one.points[0], one.points[-1]
    return f"{plain(y0)} at {plain(x0)}, {plain(y1)} at {plain(x1)}"


@dataclass(frozen=True, slots=True)
class Frame:
    """Where numbers lie on the drawing: decades from `x` to `x`, from `y` to `y`."""

    x: tuple[int, int]
    y: tuple[int, int]
    width: int = WIDTH

    @classmethod
    def around(cls, curves: Curves, width: int = WIDTH) -> Frame:
        """The smallest frame of whole decades that holds all points."""
        across, up = curves.room or ((), ())
        xs = [*curves.xs, *across] or [1.0]
        ys = [*(y for one in curves.series for _, y in one.points), *up] or [1.0]
        return cls(_decades(min(xs), max(xs)), _decades(min(ys), max(ys)), width)

    def at(self, x: float, y: float) -> Point:
        """The place of a point in pixels."""
        across, up = self.x[1] - self.x[0], self.y[1] - self.y[0]
        right = LEFT + (log10(x) - self.x[0]) / across * (self.width - LEFT - RIGHT)
        down = HEIGHT - BOTTOM - (log10(y) - self.y[0]) / up * (HEIGHT - TOP - BOTTOM)
        return round(right, 1), round(down, 1)


def _decades(least: float, most: float) -> tuple[int, int]:
    low, high = floor(log10(least) + 1e-9), ceil(log10(most) - 1e-9)
    return low, max(high, low + 1)


def drawing(curves: Curves, width: int = WIDTH) -> tuple[Element, ...]:
    """Draw axes and series: pieces for `svg_of`, or for a script that makes the same elements."""
    frame = Frame.around(curves, width)
    return (*_axes(curves, frame), *(piece for one in curves.series for piece in _line(one, frame)))


def _axes(curves: Curves, frame: Frame) -> Iterator[Element]:
    left, right, bottom = LEFT, frame.width - RIGHT, HEIGHT - BOTTOM
    for number in _ticks(*frame.y):
        _, y = frame.at(10 ** frame.x[0], number)
        yield _rule(left, y, right, y)
        yield _text(left - 8, y + 4, plain(number), "end", SOFT)
    for power in range(frame.x[0], frame.x[1] + 1):
        x, _ = frame.at(10**power, 10 ** frame.y[0])
        yield _rule(x, TOP, x, bottom)
        anchor = "end" if power == frame.x[1] else "middle"
        yield _text(x + (8 if anchor == "end" else 0), bottom + 18, plain(10.0**power), anchor, SOFT)
    yield _text((left + right) / 2, HEIGHT - 8, curves.across, "middle", INK)


def _ticks(low: int, high: int) -> Iterator[float]:
    """Each step of ten; twos and fives as well where there are so few that a value could not be read off."""
    for power in range(low, high):
        for step in (1, 2, 5) if high - low <= 2 else (1,):
            yield step * 10.0**power
    yield 10.0**high


def _rule(x1: float, y1: float, x2: float, y2: float) -> Element:
    ends = {"x1": f"{x1:g}", "y1": f"{y1:g}", "x2": f"{x2:g}", "y2": f"{y2:g}"}
    return Element("line", {**ends, "stroke": LINE, "stroke-width": "1"})


def _text(x: float, y: float, text: str, anchor: str, colour: str) -> Element:
    return Element(
        "text", {"x": f"{x:g}", "y": f"{y:g}", "text-anchor": anchor, "fill": colour, "font-size": "13"}, text
    )


def _line(one: Series, frame: Frame) -> Iterator[Element]:
    places = [frame.at(x, y) for x, y in one.points]
    dash = {"stroke-dasharray": "6 5"} if one.measured else {}
    width = "1.6" if one.measured else "2.5"
    yield Element(
        "polyline",
        {
            "points": " ".join(f"{x:g},{y:g}" for x, y in places),
            "fill": "none",
            "stroke": one.colour,
            "stroke-width": width,
            **dash,
        },
    )
    for x, y in places:
        filled = PAPER if one.measured else one.colour
        edge = (
            {"stroke": one.colour, "stroke-width": "2"}
            if one.measured
            else {"stroke": INK, "stroke-width": "0.8"}
        )
        place = {"d": _OUTLINES[one.glyph], "transform": f"translate({x:g} {y:g})", "fill": filled}
        yield Element("path", {**place, **edge})


def svg_of(elements: Sequence[Element], label: str, width: int = WIDTH) -> str:
    """Write a drawing as inline SVG; `label` is read aloud in its place."""
    body = "".join(map(_written, elements))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {HEIGHT}" role="img" '
        f'aria-label="{escape(label)}" style="width:100%;max-width:{round(width * 1.28)}px;height:auto;display:block;'
        f'font-family:sans-serif">{body}</svg>'
    )


def _written(one: Element) -> str:
    attributes = "".join(f' {name}="{escape(value)}"' for name, value in one.attributes.items())
    return f"<{one.tag}{attributes}>{escape(one.text)}</{one.tag}>"


def legend_html(curves: Curves) -> str:
    """Each series with its mark and its line, once, in one row that breaks where it must."""
    alone = len(curves.panels) == 1
    words = {one.title if alone else one.name: _key(one) for one in curves.series}
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:2px 20px;font-size:13px">'
        + "".join(f"<span>{key} {escape(name)}</span>" for name, key in words.items())
        + "</div>"
    )


def _pictures(curves: Curves) -> str:
    """The drawing, or several side by side, below each other where there is no room."""
    panels = curves.panels
    if len(panels) == 1:
        return svg_of(drawing(curves), f"{curves.title}, {curves.up}. {curves.sentence}")
    return (
        '<div style="display:flex;flex-wrap:wrap;gap:4px 12px">'
        + "".join(
            f'<div style="flex:1 1 330px;max-width:{round(PANEL_WIDTH * 1.28)}px"><div style="font-size:13px;'
            f'font-weight:600;margin-top:6px">{escape(one.title)}</div>'
            f"{svg_of(drawing(one, PANEL_WIDTH), f'{curves.title}, {curves.up}. {one.sentence}', PANEL_WIDTH)}</div>"
            for one in panels
        )
        + "</div>"
    )


def _key(one: Series) -> str:
    filled, width = (PAPER, "2") if one.measured else (one.colour, "0.8")
    edge = one.colour if one.measured else INK
    dash = ' stroke-dasharray="5 4"' if one.measured else ""
    return (
        '<svg width="34" height="14" viewBox="0 0 34 14" aria-hidden="true" style="vertical-align:-2px">'
        f'<line x1="0" y1="7" x2="34" y2="7" stroke="{one.colour}" stroke-width="2"{dash}></line>'
        f'<path d="{_OUTLINES[one.glyph]}" transform="translate(17 7)" fill="{filled}" stroke="{edge}" '
        f'stroke-width="{width}"></path></svg>'
    )


def curves_html(curves: Curves) -> str:
    """Write the picture with its title and legend, and the table below to open."""
    heads = "".join(
        f'<th scope="col" style="{HEAD}">{escape(head)}</th>'
        for head in (curves.across, *(f"{one.glyph} {one.title}" for one in curves.series))
    )
    rows = "".join(
        f'<tr style="background:none"><th scope="row" style="{CELL};font-weight:400">{x}</th>'
        + "".join(f'<td style="{CELL}">{cell or "–"}</td>' for cell in cells)
        + "</tr>"
        for x, cells in curves.rows()
    )
    if not curves.series:
        return f'<p style="margin:0"><strong>{escape(curves.title)}</strong>: {escape(curves.note)}</p>'
    note = f'<p style="color:{SOFT};margin:2px 0">{escape(curves.note)}</p>' if curves.note else ""
    return (
        f'<figure style="margin:0"><figcaption><strong>{escape(curves.title)}</strong> '
        f'<span style="color:{SOFT}">(upwards: {escape(curves.up)})</span></figcaption>'
        f"{legend_html(curves)}{_pictures(curves)}{note}<details><summary>The same in numbers</summary>"
        f'<div style="overflow-x:auto"><table style="{TABLE}"><caption style="{CAPTION}">{escape(curves.up)}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div></details></figure>"
    )
