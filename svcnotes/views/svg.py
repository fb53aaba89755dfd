"""A picture as static inline SVG, everything escaped, with a text for those who do not see it."""

from __future__ import annotations

from html import escape

from svcnotes.views.marks import MARKS
from svcnotes.views.shapes import Picture, Point, Shape, box_role

INK, SOFT, PAPER, LINE = (
    "var(--jp-ui-font-color0, #1d232b)",
    "var(--jp-ui-font-color1, #4d5766)",
    "var(--jp-layout-color0, #ffffff)",
    "var(--jp-border-color1, #b4bbc6)",
)
BAD = "var(--jp-error-color1, #b34700)"


def svg(picture: Picture, label: str) -> str:
    """Draw the picture; `label` is read aloud in its place."""
    body = "".join(_shape(shape) for shape in picture.shapes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {picture.width:g} {picture.height:g}" '
        f'width="{picture.width:g}" role="img" aria-label="{escape(label)}" '
        f'style="max-width:100%;height:auto;font:13px sans-serif">{body}</svg>'
    )


def rounded(points: tuple[Point, ...], radius: float = 10) -> str:
    """Write a polyline with rounded corners as an SVG path."""
    path = f"M{points[0][0]:g} {points[0][1]:g}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        start, end = _towards(corner, before, radius), _towards(corner, after, radius)
        path += f"L{start[0]:g} {start[1]:g}Q{corner[0]:g} {corner[1]:g} {end[0]:g} {end[1]:g}"
    return path + f"L{points[-1][0]:g} {points[-1][1]:g}"


def arrow_head(points: tuple[Point, ...], size: float = 10) -> tuple[Point, Point, Point]:
    """Give the three corners of an arrow head at the end of a line."""
    (x, y), tip = points[-2], points[-1]
    length = max(((tip[0] - x) ** 2 + (tip[1] - y) ** 2) ** 0.5, 0.01)
    ux, uy = (tip[0] - x) / length, (tip[1] - y) / length
    base = (tip[0] - ux * size, tip[1] - uy * size)
    half = size * 0.45
    return tip, (base[0] - uy * half, base[1] + ux * half), (base[0] + uy * half, base[1] - ux * half)


def _towards(corner: Point, other: Point, radius: float) -> Point:
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = max((dx * dx + dy * dy) ** 0.5, 0.01)
    step = min(radius, length / 2)
    return round(corner[0] + dx / length * step, 1), round(corner[1] + dy / length * step, 1)


def _glyph(role: str) -> str:
    mark = MARKS[role]
    return f'<tspan fill="{mark.colour}" stroke="{INK}" stroke-width="0.4">{mark.glyph}</tspan>'


def _shape(shape: Shape) -> str:
    words = shape.style.split()
    if shape.kind == "rect":
        colour = MARKS[box_role(shape)].colour
        plain = words == ["node"] or "idle" in words
        stroke = LINE if plain else colour
        tint = "none" if words[0] == "node" or plain else f'{colour}" fill-opacity="0.1'
        return (
            f'<rect x="{shape.x:g}" y="{shape.y:g}" width="{shape.width:g}" height="{shape.height:g}" rx="9" '
            f'fill="{tint}" stroke="{stroke}" stroke-width="{1.5 if plain else 2.5}"/>'
        )
    if shape.kind == "line":
        return _line(shape)
    if shape.kind == "badge":
        return _badge(shape)
    font = ' font-family="monospace" font-size="12"' if "address" in words else ""
    weight = ' font-weight="600"' if words[0] in {"name", "seen", "good", "bad"} else ""
    fill = BAD if words[0] == "bad" else SOFT if words[0] in {"soft", "faint"} else INK
    marks = "".join(_glyph(role) + " " for role in shape.glyphs)
    return (
        f'<text x="{shape.x:g}" y="{shape.y:g}" text-anchor="{shape.anchor}" fill="{fill}"{font}{weight}>'
        f"{marks}{escape(shape.text)}</text>"
    )


def _line(shape: Shape) -> str:
    dash = {"back": ' stroke-dasharray="6 5"', "border": ' stroke-dasharray="3 5"'}.get(shape.style, "")
    colour = {"there": INK, "back": SOFT}.get(shape.style, LINE)
    width = {"there": 2.5, "back": 2}.get(shape.style, 1)
    line = f'<path d="{rounded(shape.points)}" fill="none" stroke="{colour}" stroke-width="{width}"{dash}/>'
    if shape.arrow:
        corners = " ".join(f"{x:.1f},{y:.1f}" for x, y in arrow_head(shape.points))
        line += f'<polygon points="{corners}" fill="{colour}"/>'
    return line


def _badge(shape: Shape) -> str:
    stroke = BAD if shape.style == "end" else INK
    marks = "→".join(_glyph(role) for role in shape.glyphs)
    return (
        f'<rect x="{shape.x:g}" y="{shape.y:g}" width="{shape.width:g}" height="{shape.height:g}" '
        f'rx="{shape.height / 2:g}" fill="{PAPER}" stroke="{stroke}" stroke-width="1.5"/>'
        f'<text x="{shape.x + shape.width / 2:g}" y="{shape.y + shape.height / 2 + 4:g}" fill="{INK}" '
        f'text-anchor="middle" font-size="12">{escape(shape.text)} {marks}</text>'
    )
