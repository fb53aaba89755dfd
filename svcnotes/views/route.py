"""The packet's way through a picture: arrows there and back, and a badge for each thing done to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from svcnotes.trace import Hop
from svcnotes.views.shapes import Point, Shape
from svcnotes.views.story import Moment, Story

if TYPE_CHECKING:
    from svcnotes.views.layout import Places

BADGE, GAP = 22, 6  # height, and the room between two
WORDS = {
    "mark": "mark",
    "dnat": "DNAT",
    "snat": "SNAT",
    "undo": "undo",
    "drop": "DROP ✕",
    "reject": "REJECT ✕",
    "end": "ends ✕",
}


def draw_route(story: Story, places: Places) -> tuple[list[Shape], tuple[tuple[Point, ...], ...]]:
    """Draw the path's arrows and badges; give too, for each moment, the points that lead to it."""
    pen = _Pen(story, places)
    for index, hop in enumerate(story.path.hops):
        pen.visit(index, hop)
    return [*pen.lines(), *pen.badges], tuple(tuple(route) for route in pen.routes)


@dataclass
class _Pen:
    """Goes along the hops and remembers where it was: a builder, not a value."""

    story: Story
    places: Places
    badges: list[Shape] = field(default_factory=list)
    routes: list[list[Point]] = field(default_factory=list)
    tracks: dict[str, list[Point]] = field(default_factory=lambda: {"there": [], "back": []})
    walked: list[Point] = field(default_factory=list)
    stopped: dict[str, bool] = field(default_factory=dict)

    def visit(self, index: int, hop: Hop) -> None:
        moments = [moment for moment in self.story.moments if moment.hop == index]
        if hop.host in self.places.rows:
            self._node(index, hop, moments)
        elif hop.host in self.places.pods:
            x, y = self.places.pods[hop.host]
            lane = y if hop.direction == "there" else y + 36
            if hop.direction == "there" and index:
                self._to(hop, (self._spine(hop.direction), lane))
            self._to(hop, (x, lane))
            self._stop(moments)
            if index + 1 < len(self.story.path.hops):
                self._turn(index, hop, (self._spine(hop.direction), lane))
        elif hop.host in self.places.outside:
            x, y = self.places.outside[hop.host]
            lane = y - 18 if hop.direction == "there" else y + 18
            if index:
                self._to(hop, (self._gap(hop.direction), lane))
            self._to(hop, (x, lane))
            self._stop(moments)
            if index + 1 < len(self.story.path.hops):
                self._turn(index, hop, (self._gap(hop.direction), lane))
        else:
            self._stop(moments)

    def lines(self) -> list[Shape]:
        shapes = []
        for direction in ("back", "there"):
            points = tuple(_straightened(self.tracks[direction]))
            if len(points) > 1:
                arrow = not self.stopped.get(direction, False)
                shapes.append(Shape("line", direction, points=points, arrow=arrow))
        return shapes

    def _gap(self, direction: str) -> float:
        room = self.places.left - self.places.outside_right
        return self.places.left - room * (0.28 if direction == "there" else 0.5)

    def _spine(self, direction: str) -> float:
        return self.places.spine if direction == "there" else self.places.spine + 12

    def _to(self, hop: Hop, point: Point) -> None:
        track = self.tracks[hop.direction]
        if not track or track[-1] != point:
            track.append(point)
        self.walked.append(point)

    def _turn(self, index: int, hop: Hop, point: Point) -> None:
        """Go on towards the next host, unless the packet turns round here."""
        following = self.story.path.hops[index + 1]
        if following.direction == hop.direction:
            self._to(hop, point)

    def _stop(self, moments: list[Moment]) -> None:
        for _ in moments:
            self.routes.append(
                self.walked or [self.routes[-1][-1]] if self.walked or self.routes else [(0, 0)]
            )
            self.walked = [self.routes[-1][-1]]

    def _node(self, index: int, hop: Hop, moments: list[Moment]) -> None:
        places, hops = self.places, self.story.path.hops
        lane = places.lane(hop.host, hop.direction)
        before = hops[index - 1].host if index else ""
        after = hops[index + 1] if index + 1 < len(hops) else None
        starts = index == 0 or hops[index - 1].direction != hop.direction
        from_left = not starts and before not in places.rows and before not in places.pods
        goes_on = after is not None and after.direction == hop.direction
        to_left = goes_on and after is not None and not {after.host} & {*places.rows, *places.pods}
        if from_left:
            self._to(hop, (self._gap(hop.direction), lane))
            self._to(hop, (places.left, lane))
        elif not starts:
            self._to(hop, (self._spine(hop.direction), lane))
        done = [moment for moment in moments if moment.kind in WORDS]
        rightwards = hop.direction == "there"
        widths = self._widths(done, places.spine - 10 - (places.left + 8))
        order = done if rightwards else done[::-1]
        for moment in done:
            width = widths[moment.number]
            x = places.left + 8 + sum(widths[m.number] + GAP for m in order[: order.index(moment)])
            self._badge(moment, x, lane, width)
            self._to(hop, (x + width / 2, lane))
            self.walked[-1] = (x + width / 2, lane + BADGE / 2 + 7)
            self._stop([moment])
            self.walked[-1] = (x + width / 2, lane)
        others = [moment for moment in moments if moment.kind not in WORDS]
        if others:
            if not self.tracks[hop.direction]:
                self._to(hop, (places.left + 40, lane))
            self._stop(others)
        if goes_on:
            self._to(hop, (places.left, lane) if to_left else (self._spine(hop.direction), lane))
            if to_left:
                self._to(hop, (self._gap(hop.direction), lane))
        elif done and done[-1].kind in {"drop", "reject", "end"}:
            self.stopped[hop.direction] = True

    def _widths(self, moments: list[Moment], room: float) -> dict[int, float]:
        """As wide as the words need, or less where there are too many for the row."""
        wanted = {
            m.number: len(f"{m.number} {WORDS[m.kind]}") * 7.4
            + (38 if m.kind in {"dnat", "snat"} else 0)
            + 14
            for m in moments
        }
        whole = sum(wanted.values()) + GAP * len(moments)
        return {number: width * min(1.0, room / whole) for number, width in wanted.items()}

    def _badge(self, moment: Moment, x: float, lane: float, width: float) -> None:
        glyphs: tuple[str, ...] = ()
        for kind, end in (("dnat", "destination"), ("snat", "source")):
            if moment.kind == kind:
                names = self.story.names
                glyphs = (
                    names.of(getattr(moment.before, end)).role,
                    names.of(getattr(moment.after, end)).role,
                )
        style = "end" if "✕" in WORDS[moment.kind] else moment.kind
        self.badges.append(
            Shape(
                "badge",
                style,
                x,
                lane - BADGE / 2,
                width,
                BADGE,
                text=f"{moment.number} {WORDS[moment.kind]}",
                glyphs=glyphs,
                moment=moment.number,
            )
        )


def _straightened(points: list[Point]) -> list[Point]:
    """Leave out points in the middle of a straight line, so that corners alone are drawn."""
    kept: list[Point] = []
    for point in points:
        if kept and point == kept[-1]:
            continue
        if len(kept) > 1 and _between(kept[-2], kept[-1], point):
            kept[-1] = point
        else:
            kept.append(point)
    return kept


def _between(a: Point, b: Point, c: Point) -> bool:
    for axis in (0, 1):
        other = 1 - axis
        if a[axis] == b[axis] == c[axis] and (b[other] - a[other]) * (c[other] - b[other]) >= 0:
            return True
    return False
