"""The few shapes of which every picture is made, and the picture that holds them.

A picture is a list of shapes with places and style names; the SVG in a page, the SVG in the browser and the
matplotlib figure each draw that same list, so none of them decides where anything stands.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape, in pixels from the picture's top left.

    `kind` is rect, text, line or badge. A text stands at (x, y) on its baseline; `glyphs` are roles whose
    marks are drawn before it (a badge: after it, the first pointing to the second). A line runs through
    `points`, with an arrow head at its end where `arrow` says so. `moment` is the moment that the shape
    belongs to, 0 for the scenery.
    """

    kind: str
    style: str
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0
    text: str = ""
    anchor: str = "start"
    glyphs: tuple[str, ...] = ()
    points: tuple[Point, ...] = ()
    arrow: bool = False
    moment: int = 0

    def packed(self) -> dict[str, Any]:
        """Give the fields that say something, under short names, for JSON."""
        short = {
            "k": self.kind,
            "s": self.style,
            "x": round(self.x, 1),
            "y": round(self.y, 1),
            "w": round(self.width, 1),
            "h": round(self.height, 1),
            "t": self.text,
            "a": "" if self.anchor == "start" else self.anchor,
            "g": list(self.glyphs),
            "p": [[round(x, 1), round(y, 1)] for x, y in self.points],
            "e": self.arrow,
            "m": self.moment,
        }
        return {key: value for key, value in short.items() if value or key in {"k", "s"}}


def box_role(shape: Shape) -> str:
    """Tell whose box a rect is: a process on a node wears the node's colour."""
    word = shape.style.split(" ", maxsplit=1)[0]
    return "node" if word == "process" else word


@dataclass(frozen=True, slots=True)
class Picture:
    """Shapes on a canvas; `routes[n]` are the points along which the packet comes to moment n + 1."""

    width: float
    height: float
    shapes: tuple[Shape, ...]
    routes: tuple[tuple[Point, ...], ...]

    def packed(self) -> dict[str, Any]:
        """Give it as lists and dicts, for JSON."""
        return {
            "width": self.width,
            "height": self.height,
            "shapes": [shape.packed() for shape in self.shapes],
            "routes": [[[round(x, 1), round(y, 1)] for x, y in route] for route in self.routes],
        }
