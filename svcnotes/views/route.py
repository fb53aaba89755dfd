"""The packet's way through a picture: arrows there and back, and where each thing happens to it.

A node is entered from outside by its left edge, from a pod or another node by its right; where a packet
leaves by the side that it came in by, it turns into a second lane.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from svcnotes.views.badges import BADGE, ENDS, lay_badges
from svcnotes.views.places import Box, Places
from svcnotes.views.shapes import Point, Shape
from svcnotes.views.stays import Stay, ways
from svcnotes.views.story import Moment, Story
from svcnotes.views.tracks import LEFT, RIGHT, Track, Tracks

Spot = tuple[float | Track, float]
INDENT, TURN = 8.0, 18.0  # before the first badge; the room of a turn
LINK = {"there": 26.0, "back": 52.0}  # from a box's left edge to the upright line to the box below it
BESIDE = 12.0  # between the ports of a box that is left and reached again


def draw_route(story: Story, places: Places) -> tuple[list[Shape], tuple[tuple[Point, ...], ...]]:
    """Draw the path's arrows and badges; give too, for each moment, the points that lead to it."""
    every = ways(story, places)
    pen = _Pen(places, _all_badges(story, places, every))
    for way in every:
        pen.go(way)
    return pen.drawn()


def _all_badges(story: Story, places: Places, every: list[list[Stay]]) -> dict[int, Shape]:
    """Lay the badges of each lane, those of a packet that comes by twice in one row; by moment."""
    found: dict[int, Shape] = {}
    stays = [stay for way in every for stay in way if stay.business]
    for host, direction in dict.fromkeys((stay.host, stay.direction) for stay in stays):
        here = [stay for stay in stays if (stay.host, stay.direction) == (host, direction)]
        moments = [moment for stay in here for moment in stay.business]
        left = places.left + INDENT + (TURN if any(s.turns and s.comes == RIGHT for s in here) else 0)
        right = places.right - 4 - (TURN if any(s.turns and s.comes == LEFT for s in here) else 0)
        lane = places.rows[host] + places.lanes[host].rules(direction)
        ordered = moments if here[0].rightwards else moments[::-1]
        found |= {badge.moment: badge for badge in lay_badges(story, ordered, left, right, lane)}
    return found


@dataclass
class _Pen:
    """Goes along the stays and remembers where it was: a builder, not a value."""

    places: Places
    badges: dict[int, Shape]
    lines: list[tuple[str, list[Spot], bool]] = field(default_factory=list)
    stops: list[tuple[list[Spot], Spot | None]] = field(default_factory=list)
    spots: list[Spot] = field(default_factory=list)
    walked: list[Spot] = field(default_factory=list)
    tracks: Tracks = field(default_factory=Tracks)
    direction: str = "there"

    def go(self, way: list[Stay]) -> None:
        """Draw one way."""
        self.spots, self.walked, self.direction = [], [], way[0].direction
        drawn = [stay for stay in way if stay.host]
        for stay in way:
            if not stay.host:
                self._stop(stay.others)
                continue
            at = next(index for index, one in enumerate(drawn) if one is stay)
            before = drawn[at - 1] if at else None
            after = drawn[at + 1] if at + 1 < len(drawn) else None
            if self.places.kind(stay.host) == "node":
                self._node(stay, after)
            elif self.places.kind(stay.host) == "pod":
                self._reach((self.places.pods[stay.host].x, self._port(stay, before, after)), RIGHT)
                self._stop(stay.others)
            else:
                self._outside(stay, before, after, again=stay.host in {one.host for one in drawn[:at]})
        ended = bool(drawn and drawn[-1].business and drawn[-1].business[-1].kind in ENDS)
        self._cut(arrow=not ended)

    def drawn(self) -> tuple[list[Shape], tuple[tuple[Point, ...], ...]]:
        """Give the shapes, and the points that lead to each moment."""
        places = self.places
        zones = {LEFT: (places.outside_right + 4, places.left - 2), RIGHT: (places.right, places.pods_left)}
        settled = self.tracks.settle(zones)

        def point(spot: Spot) -> Point:
            return (settled[spot[0]] if isinstance(spot[0], Track) else spot[0]), spot[1]

        shapes = []
        for direction, spots, arrow in sorted(self.lines, key=lambda line: line[0] == "there"):
            points = straightened(point(spot) for spot in spots)
            if len(points) > 1:
                shapes.append(Shape("line", direction, points=points, arrow=arrow))
        routes: list[tuple[Point, ...]] = []
        for spots, rest in self.stops:
            points = tuple(point(spot) for spot in spots) or ((routes[-1][-1] if routes else (0.0, 0.0)),)
            routes.append((*points[:-1], point(rest)) if rest else points)
        return [*shapes, *self.badges.values()], tuple(routes)

    # ---- where a way goes on

    def _add(self, *spots: Spot) -> None:
        for spot in spots:
            if not self.spots or self.spots[-1] != spot:
                self.spots.append(spot)
            self.walked.append(spot)

    def _cut(self, *, arrow: bool) -> None:
        """End the line that is being drawn; the packet itself goes on."""
        if len(self.spots) > 1:
            self.lines.append((self.direction, self.spots, arrow))
        self.spots = []

    def _stop(self, moments: Iterable[Moment], rest: Spot | None = None) -> None:
        for _ in moments:
            self.stops.append((self.walked, rest))
            self.walked = self.walked[-1:]

    def _reach(self, spot: Spot, zone: str) -> None:
        """Go to a spot, by an upright line in that zone where it is not level."""
        if self.spots and self.spots[-1][1] != spot[1]:
            x, y = self.spots[-1]
            track = x if isinstance(x, Track) else self.tracks.new(zone, self.direction, y, spot[1])
            self._add((track, y), (track, spot[1]))
        self._add(spot)

    # ---- stays

    def _outside(self, stay: Stay, before: Stay | None, after: Stay | None, *, again: bool) -> None:
        box = self.places.outside[stay.host]
        lane = box.there if stay.direction == "there" else box.back
        if before is not None and self.places.kind(before.host) == "outside":
            self._link(self.places.outside[before.host], box, stay.direction)
        elif before is not None:
            self._reach((box.right, lane + (BESIDE if again else 0)), LEFT)
        self._stop(stay.others)
        if after is not None:
            self._cut(arrow=before is not None)
            if self.places.kind(after.host) == "node":
                self._add((box.right, lane))

    def _link(self, one: Box, other: Box, direction: str) -> None:
        """Go straight from a box to the one above or below it."""
        x = one.x + LINK[direction]
        down = other.y > one.y
        self._add((x, one.bottom if down else one.y), (x, other.y if down else other.bottom))

    def _node(self, stay: Stay, after: Stay | None) -> None:
        places = self.places
        first, last = self._lanes(stay)
        if stay.comes == stay.goes == RIGHT and not stay.business:
            self._pass(stay, first, after)
            return
        edge = {LEFT: places.left, RIGHT: places.right}
        if stay.comes:
            self._reach((edge[stay.comes], first), stay.comes)
        elif not stay.business:
            self._add((places.left + 40, first))
        laid = [self.badges[moment.number] for moment in stay.business]
        ends = (
            min((b.x for b in laid), default=places.left + 24),
            max((b.x + b.width for b in laid), default=places.left + 24),
        )
        turn = ends[0] - TURN if stay.comes == RIGHT else ends[1] + TURN
        if stay.turns and (first != self._rules(stay)):
            self._add((turn, first), (turn, self._rules(stay)))
        for moment, badge in zip(stay.business, laid, strict=True):
            middle = badge.x + badge.width / 2
            self._add((middle, self._rules(stay)))
            self._stop([moment], (middle, self._rules(stay) + BADGE / 2 + 4))
        self._stop(stay.others)
        if stay.turns and last != self._rules(stay):
            self._add((turn, self._rules(stay)), (turn, last))
        if stay.goes:
            self._add((edge[stay.goes], last))

    def _pass(self, stay: Stay, lane: float, after: Stay | None) -> None:
        """Pass a node that does nothing: its moment happens on the upright line, as near to it as that goes."""
        if not self.spots or after is None:
            return
        x, y = self.spots[-1]
        goal = self._entry(after, stay)
        level = min(max(lane, min(y, goal)), max(y, goal))
        track = x if isinstance(x, Track) else self.tracks.new(RIGHT, stay.direction, y, goal)
        self._add((track, y), (track, level))
        self._stop(stay.others)

    def _entry(self, stay: Stay, before: Stay) -> float:
        """The y at which the next stay is reached."""
        if self.places.kind(stay.host) == "pod":
            return self._port(stay, before, None)
        return self._lanes(stay)[0]

    def _rules(self, stay: Stay) -> float:
        return self.places.rows[stay.host] + self.places.lanes[stay.host].rules(stay.direction)

    def _lanes(self, stay: Stay) -> tuple[float, float]:
        """The y of the lanes by which a node is entered and left."""
        rules = self._rules(stay)
        if not stay.turns:
            return rules, rules
        too = self.places.rows[stay.host] + self.places.lanes[stay.host].beside(stay.direction)
        return (too, rules) if (stay.comes == RIGHT) == (stay.direction == "there") else (rules, too)

    def _port(self, stay: Stay, before: Stay | None, after: Stay | None) -> float:
        """The y at which a pod is left or reached: level with its node's lane, where its box is that tall."""
        box = self.places.pods[stay.host]
        usual = box.there if stay.direction == "there" else box.back
        node = after if before is None else before
        at_home = node is not None and node.host == self.places.home[stay.host]
        if node is None or not at_home or (node.comes == node.goes and not node.turns):
            return usual
        wanted = self._lanes(node)[0 if before is None else 1]
        return wanted if box.y + 6 <= wanted <= box.bottom - 6 else usual


def straightened(points: Iterable[Point]) -> tuple[Point, ...]:
    """Leave out points in the middle of a straight line, so that corners alone are drawn."""
    kept: list[Point] = []
    for point in points:
        if kept and point == kept[-1]:
            continue
        if len(kept) > 1 and _between(kept[-2], kept[-1], point):
            kept[-1] = point
        else:
            kept.append(point)
    return tuple(kept)


def _between(a: Point, b: Point, c: Point) -> bool:
    for axis in (0, 1):
        other = 1 - axis
        if a[axis] == b[axis] == c[axis] and (b[other] - a[other]) * (c[other] - b[other]) >= 0:
            return True
    return False
