"""The upright lines of a picture: each way gets its own, and they are ordered to cross little."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

LEFT, RIGHT = "left", "right"  # the gap before the nodes, the room before the pods


@dataclass(frozen=True, slots=True)
class Track:
    """An upright stretch of a way, in one zone; `start` and `end` are its y."""

    zone: str
    direction: str
    start: float
    end: float


@dataclass
class Tracks:
    """Gathers the upright stretches, and settles where each stands when all are known."""

    found: list[Track] = field(default_factory=list)

    def new(self, zone: str, direction: str, start: float, end: float) -> Track:
        """Give a track for a stretch; one that is walked again is the same."""
        track = Track(zone, direction, start, end)
        if track not in self.found:
            self.found.append(track)
        return track

    def settle(self, zones: Mapping[str, tuple[float, float]]) -> dict[Track, float]:
        """Give each track its x; `zones` holds the first and last x of each zone."""
        settled: dict[Track, float] = {}
        for zone, (first, last) in zones.items():
            here = [track for track in self.found if track.zone == zone]
            ordered = _ordered(here, zone)
            step = (last - first) / (len(ordered) + 1)
            settled |= {track: first + step * place for place, track in enumerate(ordered, start=1)}
        return settled


def _ordered(tracks: list[Track], zone: str) -> list[Track]:
    """From left to right: where the way there goes down, the way back stands nearer to where they come from."""
    there = [track for track in tracks if track.direction == "there"]
    back = [track for track in tracks if track.direction == "back"]
    downwards = bool(there) and there[0].end > there[0].start
    if zone == LEFT:
        return [*back, *there] if downwards else [*there, *back]
    return [*back[::-1], *there[::-1]] if downwards else [*there, *back]
