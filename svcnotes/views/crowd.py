"""A crowd of clients: how many come to each pod, by each node, to each end; exact, and as a sample."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError
from svcnotes.scenarios.changes import find_service
from svcnotes.trace import Path, Trace
from svcnotes.views.entries import each_node, endpoint_hosts, entered
from svcnotes.views.marks import short_name
from svcnotes.views.matrix import NOBODY, ending, who

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

NO_NODE = "no node"
PANELS = ("per pod", "per node entered", "per outcome")
Weighted = tuple[Fraction | int, Trace]


@dataclass(frozen=True, slots=True)
class Count:
    """One line of a panel: `share` is the exact part of the crowd, `exact` it in clients, `sampled` drawn.

    `name` is what a reader sees; `well` is False for clients that nobody serves.
    """

    name: str
    share: Fraction
    exact: Fraction
    sampled: int
    well: bool = True


@dataclass(frozen=True, slots=True)
class Crowd:
    """What becomes of `clients` clients: counts per pod, per node entered and per outcome.

    The exact counts add up to `clients` in each panel, and so do the sampled ones, which `seed` fixes.
    Prints as text; `figure()` draws the first two panels.
    """

    question: str
    clients: int
    seed: int
    pods: tuple[Count, ...]
    nodes: tuple[Count, ...]
    outcomes: tuple[Count, ...]

    @property
    def panels(self) -> tuple[tuple[str, tuple[Count, ...]], ...]:
        """The panels with their titles."""
        return tuple(zip(PANELS, (self.pods, self.nodes, self.outcomes), strict=True))

    @property
    def sentence(self) -> str:
        """Say whether the pods share the load evenly, and how many clients nobody serves."""
        lost = sum((count.share for count in self.pods if not count.well), Fraction(0))
        return self._spread() + (f" {lost} of the clients come to nobody." if lost else "")

    def _spread(self) -> str:
        served = [count for count in self.pods if count.well]
        if not any(count.share for count in served):
            return "No pod gets any client."
        shares = {count.share for count in served}
        if len(shares) == 1:
            return f"Even: every pod gets {served[0].share} of the clients."
        most, least = max(served, key=lambda c: c.share), min(served, key=lambda c: c.share)
        rest = "nobody" if not least.share else f"only {least.share}"
        return f"Uneven: {most.name} gets {most.share} of the clients, {least.name} {rest}."

    def __str__(self) -> str:
        return "\n".join(_text(self))

    def table(self) -> pd.DataFrame:
        """Give all panels as one pandas table; shares and exact counts are fractions."""
        from svcnotes.views.frames import frame

        rows = [
            (title, count.name, count.sampled, count.exact, count.share)
            for title, counts in self.panels
            for count in counts
        ]
        return frame(rows, ["panel", "where", "sampled", "exact", "share"])

    def figure(self) -> Figure:
        """Draw the panels per pod and per node with matplotlib, 700 pixels wide."""
        from svcnotes.views.crowd_figure import crowd_figure

        return crowd_figure(self)


def crowd(
    asked: Cluster | Trace | Iterable[Trace | Weighted],
    service: str = "",
    *,
    clients: int = 1000,
    seed: int = 1,
    cluster: Cluster | None = None,
    port: int | str | None = None,
    source: str = "192.0.2.10",
    protocol: str = "",
    to: str = "",
) -> Crowd:
    """Send a crowd of clients, each a new caller, and count where they come out.

    `asked` is a Trace (a load balancer's, say, which already spreads over the nodes), several Traces with
    equal weights or (weight, Trace) pairs, or a Cluster: then a `service` (`namespace/name`) is asked for by
    way of each Node in turn, with `port`, `source`, `protocol` and `to` as for `each_node`. With `cluster`
    and `service`, Nodes and endpoints that get nobody are counted too, with 0. Raises QuestionError for a
    crowd without clients or traces, and what `each_node` raises.
    """
    if clients < 1:
        raise QuestionError(f"clients: {clients} make no crowd; give 1 or more")
    if isinstance(asked, Cluster):
        cluster = asked
        traces = [
            (Fraction(1), entry.trace) for entry in each_node(asked, service, port, source, protocol, to)
        ]
    else:
        traces = _weighted(asked)
    whole = sum(weight for weight, _ in traces)
    if not whole:
        raise QuestionError("crowd: no trace has any weight, so nobody can be sent. Give at least one")
    ways = [(weight / whole * path.probability, path) for weight, trace in traces for path in trace.paths]
    # Python's own generator, seeded: the same crowd on every machine.
    drawn = random.Random(seed).choices(  # noqa: S311 - a lesson's dice, no secret
        range(len(ways)), [float(share) for share, _ in ways], k=clients
    )
    sample = Counter(drawn)
    homes = _homes(cluster, service, [path for _, path in ways])

    def count(key: Callable[[Path], str], known: Iterable[str], last: str = "") -> tuple[Count, ...]:
        return tuple(_count(ways, sample, clients, key, known, homes, last))

    return Crowd(
        _question([trace for _, trace in traces], service),
        clients,
        seed,
        count(who, homes, NOBODY),
        count(lambda path: entered(path) or NO_NODE, cluster.nodes if cluster else (), NO_NODE),
        count(ending, ()),
    )


def _weighted(asked: Trace | Iterable[Trace | Weighted]) -> list[tuple[Fraction, Trace]]:
    given = [asked] if isinstance(asked, Trace) else list(asked)
    pairs = [(Fraction(1), one) if isinstance(one, Trace) else (Fraction(one[0]), one[1]) for one in given]
    for weight, _ in pairs:
        if weight < 0:
            raise QuestionError(f"crowd: a weight of {weight} is no share; give 0 or more")
    return pairs


def _homes(cluster: Cluster | None, service: str, paths: list[Path]) -> dict[str, str]:
    """The endpoints, each with the node it runs on where that is known."""
    homes = endpoint_hosts(cluster, find_service(cluster, service)) if cluster and service else {}
    for path in paths:
        if who(path) != NOBODY:
            pod = cluster.pods.get(who(path)) if cluster else None
            homes.setdefault(who(path), pod.node if pod else "")
    return dict(sorted(homes.items(), key=lambda pair: (pair[1], pair[0])))


def _count(
    ways: list[tuple[Fraction, Path]],
    sample: Counter[int],
    clients: int,
    key: Callable[[Path], str],
    known: Iterable[str],
    homes: dict[str, str],
    last: str,
) -> Iterator[Count]:
    shares: dict[str, Fraction] = dict.fromkeys(known, Fraction(0))
    sampled: Counter[str] = Counter()
    for index, (share, path) in enumerate(ways):
        shares[key(path)] = shares.get(key(path), Fraction(0)) + share
        sampled[key(path)] += sample[index]
    for name in sorted(shares, key=lambda name: name == last):
        home = f" ({homes[name]})" if homes.get(name) else ""
        well = name != last and (last != "" or name == "connected")
        yield Count(short_name(name) + home, shares[name], shares[name] * clients, sampled[name], well)


def _question(traces: list[Trace], service: str) -> str:
    aims = list(dict.fromkeys(trace.to for trace in traces))
    name = f" (Service {service})" if service else ""
    shown = ", ".join(aims[:3]) + (f" and {len(aims) - 3} more" if len(aims) > 3 else "")
    return f"{traces[0].source} → {shown}{name}"


def number(value: Fraction) -> str:
    """Write an exact count: whole where it is whole, else with one decimal."""
    return str(value) if value.denominator == 1 else f"{float(value):.1f}"


def _text(shown: Crowd) -> Iterator[str]:
    yield f"{shown.clients} clients, {shown.question}; the sample is drawn with seed {shown.seed}"
    yield shown.sentence
    wide = max(len(count.name) for _, counts in shown.panels for count in counts) + 2
    for title, counts in shown.panels:
        yield f"{title:<{max(wide, 16) + 2}}{'sampled':>8}{'exact':>9}  share"
        for count in counts:
            yield f"  {count.name:<{max(wide, 16)}}{count.sampled:>8}{number(count.exact):>9}  {count.share}"
