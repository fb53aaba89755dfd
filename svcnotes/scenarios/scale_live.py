"""Measured here and now: how long the real kernel takes to open a connection, with few Services and with many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from svcnotes.kernel import available
from svcnotes.kernel.latency import BUDGET, CONNECTS, Stopwatch, Wanted
from svcnotes.kube_proxy.modes import MODES
from svcnotes.network.node_rules import rules_text
from svcnotes.scenarios.scale import (
    A_POD,
    FIRST,
    LAST,
    NODE,
    NODE_ADDRESS,
    NODE_PORT,
    NONE,
    PORT,
    address,
    many,
    node_port,
)

LIVE_STEPS = (10, 100, 300, 1_000)
MEASURED = (FIRST, LAST, NODE_PORT, NONE)
_NO_RULES_ALONE = "is more than rules, and needs a module of the kernel that is not measured here"


@dataclass(frozen=True, slots=True)
class Live:
    """Median microseconds of a connection by (mode, packet), as points over the Services; `notes`: what is missing, and why."""

    micros: Mapping[tuple[str, str], tuple[tuple[float, float], ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def live(
    steps: Sequence[int] = LIVE_STEPS,
    budget: float = BUDGET,
    connects: int = CONNECTS,
    modes: Sequence[str] = tuple(MODES),
) -> Live:
    """Load the rules of node-1 into the real kernel, connect through them, and time it; `budget` seconds in all.

    Where there is no kernel lab, nothing is measured, and the notes say why in a sentence.
    """
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    notes: list[str] = []
    able = [mode for mode in modes if not MODES[mode].dummy]
    for mode in modes:
        if mode not in able:
            notes.append(f"{MODES[mode].words} {_NO_RULES_ALONE}.")
            continue
        with Stopwatch() as watch:
            for services, micros in watch.measure(_wanted(steps, mode), budget / len(able), connects):
                for packet, value in zip(MEASURED, micros, strict=True):
                    found.setdefault((mode, packet), []).append((float(services), value))
            if watch.why:
                notes.append(f"{MODES[mode].words}: {watch.why}")
    if not found and (why := available()):
        return Live(notes=(why,))
    return Live({key: tuple(points) for key, points in found.items()}, tuple(dict.fromkeys(notes)))


def _wanted(steps: Sequence[int], mode: str) -> Iterator[Wanted]:
    for services in steps:
        cluster = many(services)
        to = {
            FIRST: (address(0), 80),
            LAST: (address(services - 1), 80),
            NODE_PORT: (NODE_ADDRESS, node_port(services - 1)),
            NONE: (A_POD, PORT),
        }
        yield services, rules_text(cluster, NODE, mode, 4), [to[packet] for packet in MEASURED]
