"""A path cut into ways, and each way into stays at the things that are drawn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from svcnotes.trace import Hop
from svcnotes.views.badges import WORDS
from svcnotes.views.places import Places
from svcnotes.views.story import Moment, Story
from svcnotes.views.tracks import LEFT, RIGHT

PROCESS_BEGINS, PROCESS_ENDS = frozenset({"send", "answer"}), frozenset({"receive", "deliver"})


@dataclass(frozen=True, slots=True)
class Stay:
    """A stay at one thing: its `business` moments have badges, the `others` happen at its edge.

    `host` is empty where it is not drawn. `comes` and `goes` are the sides by which a node is entered and
    left, empty where the packet begins or ends there.
    """

    host: str
    direction: str
    business: tuple[Moment, ...] = ()
    others: tuple[Moment, ...] = ()
    comes: str = ""
    goes: str = ""

    @property
    def turns(self) -> bool:
        """Whether the packet leaves by the side that it came in by, and has business or came from outside."""
        return bool(self.comes) and self.comes == self.goes and bool(self.business or self.comes == LEFT)

    @property
    def rightwards(self) -> bool:
        """Whether the badges are met from left to right."""
        if self.turns:
            return self.direction == "there"
        return self.comes == LEFT or (not self.comes and self.goes != LEFT)


def ways(story: Story, places: Places) -> list[list[Stay]]:
    """Cut a path into ways: one for each direction, and for each connection of a proxy."""
    found: list[list[Stay]] = []
    hops = story.path.hops
    for index, hop in enumerate(hops):
        before = hops[index - 1] if index else None
        if before is None or before.direction != hop.direction or _anew(before, hop):
            found.append([])
        moments = [moment for moment in story.moments if moment.hop == index]
        found[-1] += _stays(hop, moments, places)
    return [_with_sides(way, places) for way in found if way]


def _anew(before: Hop, hop: Hop) -> bool:
    """Whether a proxy begins a connection of its own here."""
    return before.host == hop.host and before.leaves is None


def _stays(hop: Hop, moments: list[Moment], places: Places) -> Iterator[Stay]:
    kind, process = places.kind(hop.host), f"@{hop.host}"
    if not kind:
        if moments:
            yield Stay("", hop.direction, others=tuple(moments))
        return
    if kind != "node":
        yield Stay(hop.host, hop.direction, others=tuple(moments))
        return
    begins: tuple[Moment, ...] = ()
    ends: tuple[Moment, ...] = ()
    if process in places.pods:
        begins = tuple(m for m in moments if m.kind in PROCESS_BEGINS)
        ends = tuple(
            m for m in moments if m.kind in PROCESS_ENDS or (m.kind == "end" and m.direction == "back")
        )
    rest = [moment for moment in moments if moment not in {*begins, *ends}]
    if begins:
        yield Stay(process, hop.direction, others=begins)
    business = tuple(moment for moment in rest if moment.kind in WORDS)
    others = tuple(moment for moment in rest if moment.kind not in WORDS)
    yield Stay(hop.host, hop.direction, business, others)
    if ends:
        yield Stay(process, hop.direction, others=ends)


def _with_sides(way: list[Stay], places: Places) -> list[Stay]:
    drawn = [stay for stay in way if stay.host]

    def side(stay: Stay | None) -> str:
        return "" if stay is None else LEFT if places.kind(stay.host) == "outside" else RIGHT

    told = []
    for stay in way:
        at = next((index for index, one in enumerate(drawn) if one is stay), -1)
        before = drawn[at - 1] if at > 0 else None
        after = drawn[at + 1] if 0 <= at < len(drawn) - 1 else None
        told.append(replace(stay, comes=side(before), goes=side(after)) if at >= 0 else stay)
    return told
