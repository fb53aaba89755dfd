"""The places in a picture that a packet's way goes through, and the lanes of a node."""

from __future__ import annotations

from dataclasses import dataclass

from svcnotes.trace import Hop, Path
from svcnotes.views.cast import Cast, PodActor
from svcnotes.views.story import changed_fields

HEAD = 18.0  # from a row's top to the line with its name
PODS = 27.0  # from a row's top to its first pod
OUT, IN = 13.0, 45.0  # ports of a pod, below its top: the way there, the way back
SHIFT = 20.0  # between a lane and the one beside it


@dataclass(frozen=True, slots=True)
class Lanes:
    """The y of a node's lanes: the rules there and back, and beside each a lane for a packet that turns."""

    there: float
    there_too: float
    back: float
    back_too: float

    def rules(self, direction: str) -> float:
        """The lane with the rules."""
        return self.there if direction == "there" else self.back

    def beside(self, direction: str) -> float:
        """The lane beside it."""
        return self.there_too if direction == "there" else self.back_too


STRAIGHT = Lanes(40, 60, 72, 92)
TURN_DOWN = Lanes(54, 34, 84, 104)  # a packet comes in above the rules' lane and goes on downwards
TURN_UP = Lanes(40, 60, 88, 108)


@dataclass(frozen=True, slots=True)
class Box:
    """A box with its edges; `there` and `back` are the y at which the two ways touch it."""

    x: float
    y: float
    width: float
    height: float
    there: float
    back: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.height


@dataclass(frozen=True, slots=True)
class Places:
    """Where things stand; keys are the hosts' names in hops (`@NODE` for a process on a node).

    Rules stand between `left` and `right`; vertical ways go between `right` and `pods_left`, and in the gap
    between `outside_right` and `left`.
    """

    outside: dict[str, Box]
    rows: dict[str, float]
    lanes: dict[str, Lanes]
    pods: dict[str, Box]
    home: dict[str, str]
    left: float
    right: float
    pods_left: float
    outside_right: float

    def kind(self, host: str) -> str:
        """Tell outside, node or pod; empty for a host that is not drawn."""
        if host in self.outside:
            return "outside"
        return "node" if host in self.rows else "pod" if host in self.pods else ""


def turning(paths: tuple[Path, ...], shown: set[str]) -> frozenset[str]:
    """Name the nodes at which some path turns: it leaves by the side that it came in by, after rules."""
    return frozenset(hop.host for path in paths for hop in _turns(path, shown))


def lanes_of(host: str, path: Path, rows: dict[str, float], shown: set[str]) -> Lanes:
    """Choose a node's lanes for one path, so that the turn crosses as little as it can."""
    turns = [hop for hop in _turns(path, shown) if hop.host == host and hop.direction == "there"]
    if not turns:
        return TURN_UP if any(hop.host == host for hop in _turns(path, shown)) else STRAIGHT
    at = next(index for index, hop in enumerate(path.hops) if hop is turns[0])
    visible = [hop for hop in path.hops[at + 1 :] if hop.host in shown or hop.kind == "pod"]
    if not visible or visible[0].kind in {"outside", "router", "client"}:
        return TURN_UP
    after = visible[0].host
    return TURN_UP if rows.get(after, rows[host]) < rows[host] else TURN_DOWN


def row_height(pods: tuple[PodActor, ...], heights: list[float], *, turns: bool) -> float:
    """Give the height of a node's row."""
    stacked = PODS + sum(heights) + 6 * max(0, len(pods) - 1) + 8
    return max(124.0 if turns else 92.0, stacked)


def visible_hosts(cast: Cast) -> set[str]:
    """Name the hosts that are drawn."""
    outside = {actor.host for actor in cast.outside}
    nodes = {node.host for node in cast.nodes}
    return outside | nodes | {pod.host for node in cast.nodes for pod in node.pods}


def _turns(path: Path, shown: set[str]) -> list[Hop]:
    """The hops at nodes where the packet has business and goes back to the side it came from."""
    hops = [hop for hop in path.hops if hop.kind != "router" or hop.host in shown]
    found = []
    for index, hop in enumerate(hops):
        if hop.kind != "node":
            continue
        before = hops[index - 1] if index and hops[index - 1].direction == hop.direction else None
        after = (
            hops[index + 1] if index + 1 < len(hops) and hops[index + 1].direction == hop.direction else None
        )
        inside = [side is None or side.kind in {"pod", "node"} for side in (before, after)]
        made_here = before is None and f"@{hop.host}" not in shown
        taken_here = after is None and (f"@{hop.host}" not in shown or hop.leaves is not None)
        if made_here or taken_here or inside[0] != inside[1]:
            continue
        if inside == [False, False] or any(changed_fields(step.before, step.after) for step in hop.steps):
            found.append(hop)
    return found
