"""What many Services cost a node: the words, the table of one number of Services, and the curves over all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from svcnotes.kube_proxy.modes import MODES
from svcnotes.scenarios import scale_recorded
from svcnotes.scenarios.scale import FIRST, LAST, NODE_PORT, NONE, PACKETS, STEPS, Cost
from svcnotes.scenarios.scale_live import Live
from svcnotes.views.curves import Curves, Series, plain

VISITED, HELD, CHANGE = "visited", "held", "change"
ACROSS = "Services on the cluster, five endpoints each"


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing to look at.

    `label` is for a button, `title` and `up` for a picture; `of` takes it from a cost, given a packet; `most` is what the axis has room for.
    """

    label: str
    title: str
    up: str
    of: Callable[[Cost, str], float]
    most: float = 1e5


def _held(cost: Cost) -> int:
    return cost.held.rules + cost.held.map_elements + cost.held.set_elements


MEASURES: Mapping[str, Measure] = {
    VISITED: Measure(
        "rules tried",
        "Rules that a packet tries on its way through one node",
        "rules tried",
        lambda cost, packet: cost.visited[packet],
    ),
    HELD: Measure(
        "what the node holds",
        "Rules, and elements of maps and sets, on every node",
        "rules and elements",
        lambda cost, _: _held(cost),
        1e6,
    ),
    CHANGE: Measure(
        "what one change rewrites",
        "Rules and elements that kube-proxy hands over when one Service loses one endpoint",
        "rules and elements",
        lambda cost, _: cost.rewritten,
    ),
}


def style_of(mode: str) -> int:
    """The style that a proxy mode has in all curves: its place among the modes."""
    return list(MODES).index(mode)


def scale_curves(costs: Iterable[Cost], measure: str, packet: str, steps: Sequence[int] = STEPS) -> Curves:
    """The curve of each mode for one measure; `packet` counts for the rules that a packet tries only.

    The axes have room for all of `steps`, and for all packets: what is compared must not jump.
    """
    known = list(costs)
    one = MEASURES[measure]

    def points_of(costs: Iterable[Cost]) -> Iterator[tuple[float, float]]:
        for cost in costs:
            value = one.of(cost, packet)
            if value:  # the axes have no place for nothing
                yield cost.services, value

    series = tuple(
        Series(
            MODES[mode].words,
            points,
            style_of(mode),
        )
        for mode in MODES
        if (points := tuple(points_of(cost for cost in known if cost.mode == mode)))
    )
    title = f"{one.title}: {PACKETS[packet]}" if measure == VISITED else one.title
    return Curves(title, ACROSS, one.up, series, room=((min(steps), max(steps)), (1, one.most)))


def scale_sentence(costs: Mapping[str, Cost], measure: str, packet: str) -> str:
    """Say what one number of Services costs, in each mode in which it is known."""
    services = plain(next(iter(costs.values())).services)
    found = {mode: MEASURES[measure].of(cost, packet) for mode, cost in costs.items()}
    said = [f"{plain(value)} in {MODES[mode].words}" for mode, value in found.items()]
    each = f"{', '.join(said[:-1])} and {said[-1]}" if said[1:] else said[0]
    if measure == HELD:
        return f"For {services} Services, every node holds so many rules and elements: {each}."
    if measure == CHANGE:
        return f"With {services} Services, one endpoint less has kube-proxy write or delete so many rules and elements: {each}."
    return f"With {services} Services, {PACKETS[packet]} tries so many rules: {each}."


HEADS = (
    "mode",
    "rules",
    "chains",
    "elements",
    "the rules as text",
    "the packet tries",
    "one change rewrites",
    "that as text",
)


OF_A_CHANGE = ("one change rewrites", "that as text")
"""The heads of what answers how much one change rewrites."""


def scale_row(cost: Cost, packet: str) -> tuple[str, ...]:
    """One mode's row of the table for one number of Services, below `HEADS`."""
    return (
        cost.mode,
        plain(cost.held.rules),
        plain(cost.held.chains),
        plain(cost.held.map_elements + cost.held.set_elements),
        size(cost.characters),
        plain(cost.visited[packet]),
        plain(cost.rewritten),
        size(cost.change_characters),
    )


def size(characters: float) -> str:
    """A length in bytes, kB or MB, as one reads it."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if characters >= factor:
            return f"{characters / factor:.3g} {unit}"
    return f"{characters:.0f} B"


def _styles(modes: Sequence[str]) -> list[int]:
    """A style for each series: the mode's own for the first of a mode, one that no mode has for any other."""
    free, taken, found = len(MODES), set[str](), []
    for mode in modes:
        found.append(free if mode in taken else style_of(mode))
        free += mode in taken
        taken.add(mode)
    return found


def recorded(column: str, up: str, title: str, versions: Sequence[str] = ("1.36",)) -> Curves:
    """The recorded measurements of one column of a real kube-proxy: a series for each backend, a panel for each version.

    Raises QuestionError for a column or version that was not recorded.
    """
    series = [
        Series(backend, points, style, measured=True, panel=f"kube-proxy {version}")
        for version in versions
        for backend, style in _backends(version)
        if (points := scale_recorded.measured(column, backend, version))
    ]
    return Curves(title, "Services, five endpoints each", up, tuple(series))


def _backends(version: str) -> Iterator[tuple[str, int]]:
    """The backends that were recorded of a version, each with the style that it has for every version."""
    names = scale_recorded.backends(version)
    return zip(names, _styles([scale_recorded.mode_of(name) for name in names]), strict=True)


def measured_now(found: Live, packets: Sequence[str] = (NODE_PORT, FIRST)) -> Curves:
    """What was measured just now: a series for each mode and packet."""
    keys = [(mode, packet) for packet in packets for mode in MODES if (mode, packet) in found.micros]
    styles = _styles([mode for mode, _ in keys])
    series = tuple(
        Series(f"{MODES[mode].words}, {_ASKED[packet]}", found.micros[mode, packet], style, measured=True)
        for (mode, packet), style in zip(keys, styles, strict=True)
    )
    title = "A new connection in the real kernel of this machine"
    return Curves(
        title, "Services, five endpoints each", "microseconds, median", series, " ".join(found.notes)
    )


_ASKED = {
    FIRST: "first Service",
    LAST: "last Service",
    NODE_PORT: "last Service's nodePort",
    NONE: "no Service",
}
