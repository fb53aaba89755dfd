"""The picture of a path as a matplotlib figure, from the same shapes as every other picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from svcnotes.trace import Path, Trace
from svcnotes.views.cast import cast_of
from svcnotes.views.headline import headline
from svcnotes.views.layout import WIDE, layout
from svcnotes.views.marks import MARKS, names_of
from svcnotes.views.prose import plain
from svcnotes.views.shapes import Shape, box_role
from svcnotes.views.story import tell
from svcnotes.views.svg import arrow_head

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from svcnotes.control_plane.cluster import Cluster

INK, SOFT, LINE, BAD = "#1d232b", "#4d5766", "#b4bbc6", "#b34700"
POINTS = 0.72  # of a typographic point to a pixel, at 100 pixels to the inch
SANS, MONO = ["DejaVu Sans"], ["DejaVu Sans Mono"]  # matplotlib brings both, and they have every mark


def figure(trace: Trace, path: Path | None = None, cluster: Cluster | None = None) -> Figure:
    """Draw one path of a trace, the first by default; the title is its sentence."""
    from matplotlib.figure import Figure

    names = names_of(trace, cluster)
    story = tell(trace, path or trace.paths[0], names)
    picture = layout(story, cast_of(trace, cluster), WIDE)
    drawn = Figure(figsize=(picture.width / 100, (picture.height + 44) / 100), dpi=100)
    axes = drawn.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, picture.width)
    axes.set_ylim(picture.height, -44)
    axes.axis("off")
    # A dollar sign in a name would start matplotlib's mathematical mode.
    axes.text(
        8, -18, plain(headline(story)).replace("$", r"\$"), fontsize=11 * POINTS * 1.2, wrap=True, family=SANS
    )
    for shape in picture.shapes:
        _DRAW[shape.kind](axes, shape)
    return drawn


def _rect(axes: Any, shape: Shape) -> None:
    words = shape.style.split()
    colour = MARKS[box_role(shape)].colour
    quiet = words == ["node"] or "idle" in words
    _box(axes, shape, LINE if quiet else colour, fill="none" if words[0] == "node" else colour + "1a")


def _box(axes: Any, shape: Shape, edge: str, fill: str, radius: float = 9) -> None:
    from matplotlib.patches import FancyBboxPatch

    axes.add_patch(
        FancyBboxPatch(
            (shape.x + radius, shape.y + radius),
            shape.width - 2 * radius,
            shape.height - 2 * radius,
            boxstyle=f"round,pad={radius},rounding_size={radius}",
            edgecolor=edge,
            facecolor=fill,
            linewidth=1.6,
            zorder=2,
        )
    )


def _line(axes: Any, shape: Shape) -> None:
    xs, ys = zip(*shape.points, strict=True)
    colour = {"there": INK, "back": SOFT}.get(shape.style, LINE)
    axes.plot(
        xs,
        ys,
        color=colour,
        linewidth=1 if shape.style == "border" else 1.8,
        linestyle="-" if shape.style == "there" else (0, (4, 3)),
        zorder=2,  # as the boxes: then what is drawn later lies on top
    )
    if shape.arrow:
        axes.fill(*zip(*arrow_head(shape.points), strict=True), color=colour, zorder=2)


def _text(axes: Any, shape: Shape) -> None:
    words = shape.style.split()
    family = MONO if "address" in words else SANS
    colour = {"bad": BAD, "soft": SOFT, "faint": SOFT}.get(words[0], INK)
    weight = "bold" if words[0] in {"name", "seen", "good", "bad"} else "normal"
    size = 12 if "address" in words else 13
    x = shape.x
    for role in shape.glyphs:
        mark = MARKS[role]
        axes.text(
            x, shape.y, mark.glyph, color=mark.colour, fontsize=size * POINTS, va="baseline", family=SANS
        )
        x += 15
    axes.text(
        x,
        shape.y,
        shape.text.replace("$", r"\$"),
        color=colour,
        fontsize=size * POINTS,
        ha={"end": "right", "middle": "center"}.get(shape.anchor, "left"),
        va="baseline",
        family=family,
        weight=weight,
    )


def _badge(axes: Any, shape: Shape) -> None:
    _box(axes, shape, BAD if shape.style == "end" else INK, "white", shape.height / 2 - 0.5)
    middle = shape.y + shape.height / 2
    left = shape.x + 6
    axes.text(left, middle, shape.text, fontsize=11 * POINTS, va="center_baseline", color=INK, family=SANS)
    if shape.glyphs:
        first, second = (MARKS[role] for role in shape.glyphs)
        right = shape.x + shape.width - 5
        for x, text, colour in (
            (right - 23, first.glyph, first.colour),
            (right - 11, "→", INK),
            (right, second.glyph, second.colour),
        ):
            axes.text(
                x,
                middle,
                text,
                fontsize=11 * POINTS,
                va="center_baseline",
                ha="right",
                color=colour,
                family=SANS,
            )


_DRAW = {"rect": _rect, "line": _line, "text": _text, "badge": _badge}
