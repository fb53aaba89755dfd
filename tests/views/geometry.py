"""Measures a picture as a browser would, with the real widths of DejaVu's letters."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from pathlib import Path

from svcnotes.views.marks import MARKS


@dataclass(frozen=True)
class Area:
    """A rectangle that something covers."""

    what: str
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other, slack=0.5):
        """Whether the two cover some of the same, by more than the slack."""
        return (
            self.left < other.right - slack
            and other.left < self.right - slack
            and self.top < other.bottom - slack
            and other.top < self.bottom - slack
        )

    def holds(self, other, slack=0.5):
        """Whether the other lies in this one."""
        return (
            self.left <= other.left + slack
            and self.right >= other.right - slack
            and self.top <= other.top + slack
            and self.bottom >= other.bottom - slack
        )


@lru_cache(maxsize=8)
def font(name, size):
    import matplotlib as mpl
    from matplotlib.ft2font import FT2Font

    found = FT2Font(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / f"{name}.ttf"))
    found.set_size(size, 72)
    return found


@lru_cache(maxsize=20000)
def width_of(text, name, size):
    from matplotlib.ft2font import LoadFlags

    letters = font(name, size)
    letters.set_text(text, 0.0, flags=LoadFlags.NO_HINTING)
    return sum(letters.load_char(ord(c), flags=LoadFlags.NO_HINTING).linearHoriAdvance / 65536 for c in text)


def text_width(shape):
    words = shape.style.split()
    if "address" in words:
        name, size = ("DejaVuSansMono-Bold" if "seen" in words else "DejaVuSansMono"), 12
    else:
        name, size = ("DejaVuSans-Bold" if words[0] in {"name", "seen", "good", "bad"} else "DejaVuSans"), 13
    return width_of("".join(f"{MARKS[role].glyph} " for role in shape.glyphs) + shape.text, name, size)


def texts(picture):
    for shape in picture.shapes:
        if shape.kind == "text" and shape.text:
            width = text_width(shape)
            left = shape.x - (width if shape.anchor == "end" else 0)
            yield Area(shape.text, left, shape.y - 10, left + width, shape.y + 3)


def badges(picture):
    return [
        (Area(s.text, s.x, s.y, s.x + s.width, s.y + s.height), s)
        for s in picture.shapes
        if s.kind == "badge"
    ]


def badge_width(shape):
    marks = " ●→●" if shape.glyphs else ""
    return width_of(shape.text + marks, "DejaVuSans", 12)


def rects(picture):
    return [
        (Area(s.style, s.x, s.y, s.x + s.width, s.y + s.height), s.style)
        for s in picture.shapes
        if s.kind == "rect"
    ]


def segments(picture):
    for shape in picture.shapes:
        if shape.kind == "line" and shape.style != "border":
            for (x1, y1), (x2, y2) in pairwise(shape.points):
                yield (
                    shape.style,
                    (x1, y1),
                    (x2, y2),
                    Area(
                        f"{shape.style} {(x1, y1)}-{(x2, y2)}",
                        min(x1, x2) - 1,
                        min(y1, y2) - 1,
                        max(x1, x2) + 1,
                        max(y1, y2) + 1,
                    ),
                )


def faults(picture):
    """List everything that a reader would stumble over; nothing, for a good picture."""
    canvas = Area("the picture", 0, 0, picture.width, picture.height)
    words = list(texts(picture))
    signs = badges(picture)
    boxes = rects(picture)
    inner = [area for area, style in boxes if not style.startswith("node")]
    nodes = [area for area, style in boxes if style.startswith("node")]
    found = [
        f"outside the picture: {a}"
        for a in [*words, *(a for a, _ in signs), *(a for a, _ in boxes)]
        if not canvas.holds(a)
    ]
    found += [f"words on words: {a} {b}" for a, b in combinations(words, 2) if a.meets(b)]
    found += [f"badge on badge: {a} {b}" for (a, _), (b, _) in combinations(signs, 2) if a.meets(b)]
    found += [f"badge on words: {a} {b}" for a, _ in signs for b in words if a.meets(b)]
    found += [f"words too long for {a}" for a, s in signs if badge_width(s) > s.width]
    found += [
        f"box on box: {a} {b}" for a, b in [*combinations(inner, 2), *combinations(nodes, 2)] if a.meets(b)
    ]
    for a in words:
        found += [f"words cross an edge: {a} {b}" for b in [*inner, *nodes] if a.meets(b) and not b.holds(a)]
    for style, (x1, y1), (x2, y2), area in segments(picture):
        if x1 != x2 and y1 != y2:
            found.append(f"askew: {area}")
        found += [f"{style} line through words: {area} {b}" for b in words if area.meets(b)]
        found += [f"{style} line through a box: {area} {b}" for b in inner if area.meets(b, 2.5)]
        if not canvas.holds(area):
            found.append(f"outside the picture: {area}")
    return found
