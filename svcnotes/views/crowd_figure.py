"""The crowd as bars: the sample filled, the exact counts as hollow marks, every bar with its numbers."""

from __future__ import annotations

import base64
import io
from html import escape
from typing import TYPE_CHECKING, Any

from svcnotes.views.cells import CELL, HEAD, TABLE
from svcnotes.views.crowd import Count, Crowd, number
from svcnotes.views.figure import INK, LINE, SANS, SOFT
from svcnotes.views.marks import MARKS, NODE, POD

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WIDTH = 7.0  # inches at 100 pixels each: readable in the narrowest lesson
SIZE = 9  # points: 12.5 pixels
BAR, HEAD_ROOM, FOOT_ROOM = 0.30, 0.42, 0.30  # inches
LONGEST = 30  # letters of a name that have room
NOBODYS = "#D55E00"


def crowd_figure(shown: Crowd) -> Figure:
    """Draw two panels, clients per pod and per node entered, on one scale."""
    from matplotlib.figure import Figure

    panels = ((shown.pods, POD, "Clients per pod"), (shown.nodes, NODE, "Clients per node entered"))
    heights = [HEAD_ROOM + BAR * len(counts) + FOOT_ROOM for counts, _, _ in panels]
    foot = 0.34
    whole = sum(heights) + foot
    drawn = Figure(figsize=(WIDTH, whole), dpi=100, facecolor="white")
    most = max(max(float(count.exact), count.sampled) for counts, _, _ in panels for count in counts)
    longest = max(len(_shown(count.name)) for counts, _, _ in panels for count in counts)
    left = min(0.42, (0.35 + longest * 0.082) / WIDTH)
    top = whole
    for (counts, role, title), height in zip(panels, heights, strict=True):
        bottom = top - height + FOOT_ROOM
        axes = drawn.add_axes((left, bottom / whole, 0.985 - left, BAR * len(counts) / whole))
        _panel(axes, counts, role, f"{title}, {shown.clients} in all", most)
        top -= height
    _legend(drawn, shown)
    return drawn


def _panel(axes: Any, counts: tuple[Count, ...], role: str, title: str, most: float) -> None:
    rows = range(len(counts))
    mark = MARKS[role]
    bars = axes.barh(
        rows,
        [count.sampled for count in counts],
        height=0.62,
        color=[mark.colour if count.well else NOBODYS for count in counts],
        edgecolor=INK,
        linewidth=0.6,
        zorder=2,
    )
    for bar, count in zip(bars, counts, strict=True):
        if not count.well:
            bar.set_hatch("///")
    exact = [float(count.exact) for count in counts]
    for size, colour, width in ((8, "white", 4.0), (8, INK, 1.6)):  # a light halo parts the mark from its bar
        axes.plot(exact, rows, "D", ms=size, mfc="none", mec=colour, mew=width, zorder=3, clip_on=False)
    for row, count in zip(rows, counts, strict=True):
        end = max(float(count.exact), count.sampled)
        share = f" = {count.share}" if count.share else ""
        words = f"{count.sampled}   exactly {number(count.exact)}{share}"
        axes.text(end + most * 0.04, row, words, va="center", fontsize=SIZE, color=INK, family=SANS)
    names = [f"{mark.glyph if count.well else '✕'} {_shown(count.name)}" for count in counts]
    axes.set_yticks(list(rows), names, fontsize=SIZE, color=INK, family=SANS)
    axes.set_ylim(len(counts) - 0.5, -0.5)
    axes.set_xlim(0, most * 1.62)  # room for the words behind the longest bar
    axes.set_title(title, loc="left", fontsize=SIZE + 1, fontweight="bold", color=INK, family=SANS, pad=6)
    ticks = [tick for tick in axes.get_xticks() if tick <= most * 1.05]
    axes.set_xticks(ticks)
    axes.tick_params(axis="x", labelsize=SIZE, labelcolor=SOFT, length=3, color=LINE)
    axes.tick_params(axis="y", length=0, pad=9)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color(LINE)
    axes.grid(axis="x", color=LINE, linewidth=0.5, zorder=0)


def _shown(name: str) -> str:
    """A long name loses its middle; a dollar sign would start matplotlib's mathematical mode."""
    short = name if len(name) <= LONGEST else f"{name[: LONGEST // 2 - 1]}…{name[-LONGEST // 2 :]}"
    return short.replace("$", r"\$")


def _legend(drawn: Any, shown: Crowd) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    exact = Line2D(
        [],
        [],
        linestyle="none",
        marker="D",
        markersize=8,
        markerfacecolor="none",
        markeredgecolor=INK,
        markeredgewidth=1.6,
    )
    bar = Patch(facecolor="#BBBBBB", edgecolor=INK, linewidth=0.6)
    drawn.legend(
        [bar, exact],
        [f"bar: a sample, seed {shown.seed}", "hollow diamond: the exact count"],
        loc="lower left",
        ncols=2,
        frameon=False,
        prop={"family": SANS, "size": SIZE},
        labelcolor=INK,
        bbox_to_anchor=(0.0, 0.0),
    )


def crowd_html(shown: Crowd) -> str:
    """Write the figure as an image with its words, and the counts as a table below to open."""
    rows = "".join(
        f'<tr style="background:none"><td style="{CELL}">{escape(title)}</td>'
        f'<th scope="row" style="{CELL};font-weight:400">{escape(count.name)}</th>'
        f'<td style="{CELL}">{count.sampled}</td><td style="{CELL}">{number(count.exact)}</td>'
        f'<td style="{CELL}">{count.share}</td></tr>'
        for title, counts in shown.panels
        for count in counts
    )
    heads = "".join(
        f'<th scope="col" style="{HEAD}">{head}</th>'
        for head in ("panel", "where", "sampled", "exact", "share")
    )
    return (
        f'<figure style="margin:0"><figcaption>{escape(shown.question)}. <strong>{escape(shown.sentence)}</strong></figcaption>'
        f"{_image(shown)}<details><summary>The same in numbers</summary>"
        f'<table style="{TABLE}"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></details></figure>'
    )


def _image(shown: Crowd) -> str:
    """The picture as SVG in an image of its own; where matplotlib is missing the table stands alone."""
    try:
        drawn = crowd_figure(shown)
    except ModuleNotFoundError:
        return ""
    written = io.BytesIO()
    drawn.savefig(written, format="svg", metadata={"Date": None})
    data = base64.b64encode(written.getvalue()).decode()
    counted = "; ".join(f"{count.name} {count.sampled}" for count in (*shown.pods, *shown.nodes))
    label = escape(f"{shown.sentence} Sampled clients: {counted}.")
    return (
        f'<img alt="{label}" src="data:image/svg+xml;base64,{data}" '
        f'style="width:{WIDTH * 100:.0f}px;max-width:100%;background:#fff;border-radius:6px">'
    )
