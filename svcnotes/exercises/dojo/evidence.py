"""What probes tell: which other cases would have printed the same, and what a whole cluster prints instead.

Nothing here is written down beforehand: the same commands run, one after the other, in the clusters of all cases,
each in a terminal of its own with the same dice, and what is printed is compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import combinations

from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises.dojo.case import Command, case, names, whole
from svcnotes.toolbox import Terminal

LONGEST = 3
"""The longest order of probes that is looked for."""
WHOLE = "whole"

Probes = tuple[Command, ...]

_PORT = r"(?!8080\b|3008[01]\b|10256\b)[0-9]{4,5}\b"
# What differs from run to run of one and the same thing: the time of day, durations, the ports that askers draw.
_BY_CHANCE = (
    (re.compile(r"^# (?:Generated|Completed) .*$\n?", re.MULTILINE), ""),
    (re.compile(r"\b\d\d:\d\d:\d\d\.\d{6}\b"), "TIME"),
    (re.compile(r"\b[0-9.]+ (?:ms|milliseconds)\b"), "… ms"),
    (re.compile(rf"(?<=port=){_PORT}"), "PORT"),
    (re.compile(rf"(?<=[0-9]\.){_PORT}(?=[ :])"), "PORT"),
    (re.compile(r"\b(?:seq|ack|id|ecr|val) \d+(?::\d+)?"), "…"),
)


def plain(text: str) -> str:
    """A text without what chance alone decides."""
    for pattern, instead in _BY_CHANCE:
        text = pattern.sub(instead, text)
    return text


def cluster_of(name: str) -> Cluster:
    """A case's broken cluster, or the whole one."""
    return whole() if name == WHOLE else case(name).broken()


class _Played:
    """The same probes played in one case's cluster, each only when its output is asked for."""

    def __init__(self, name: str, probes: Probes) -> None:
        self._terminal = Terminal(cluster_of(name))
        self._probes = probes
        self._outputs: list[str] = []

    def output(self, number: int) -> str:
        """What probe `number` (from 0) printed, without what chance decides."""
        while len(self._outputs) <= number:
            output = self._probes[len(self._outputs)].run_in(self._terminal)
            self._outputs.append(plain(f"{output}\n{output.exit_code}"))
        return self._outputs[number]


@lru_cache(maxsize=4096)
def _played(name: str, probes: Probes) -> _Played:
    return _Played(name, probes)


def difference(name: str, other: str, probes: Probes) -> int | None:
    """The first of these probes (from 0) that prints something else in the other case; None where none does."""
    mine, theirs = _played(name, probes), _played(other, probes)
    return next((n for n in range(len(probes)) if mine.output(n) != theirs.output(n)), None)


def left(name: str, probes: Sequence[Command]) -> tuple[str, ...]:
    """The other cases that would have printed the same to every one of these probes, in order."""
    return tuple(
        other for other in names() if other != name and difference(name, other, tuple(probes)) is None
    )


def still(name: str, probes: Sequence[Command]) -> tuple[int, ...]:
    """How many other cases were left after each of these probes, in their order."""
    found = [difference(name, other, tuple(probes)) for other in names() if other != name]
    return tuple(sum(n is None or n > done for n in found) for done in range(len(probes)))


def enough(name: str, probes: Sequence[Command]) -> int:
    """After how many of these probes, in their order, only this case is left; 0 where more than one is to the end."""
    found = [difference(name, other, tuple(probes)) for other in names() if other != name]
    return max(n for n in found if n is not None) + 1 if found and None not in found else 0


@lru_cache(maxsize=64)
def told_apart(name: str, probe: Command) -> frozenset[str]:
    """The other cases from which one probe alone, in a fresh terminal, tells this one."""
    return frozenset(
        other for other in names() if other != name and difference(name, other, (probe,)) is not None
    )


def shortest(name: str, usual: Sequence[Command]) -> Probes | None:
    """The fewest of these probes that leave only this case; None where no `LONGEST` of them do."""
    others = frozenset(names()) - {name}
    useful = {probe: told for probe in usual if (told := told_apart(name, probe))}
    for count in range(1, LONGEST + 1):
        for chosen in combinations(useful, count):
            if frozenset().union(*(useful[probe] for probe in chosen)) == others:
                return chosen
    return None


def usual_probes() -> Probes:
    """Every case's solver, each command once, the shortest first."""
    every = dict.fromkeys(probe for name in names() for probe in case(name).solver)
    return tuple(sorted(every, key=lambda probe: (len(probe.run), probe.at, probe.run)))


def tell_tale(name: str, probe: Command, most: int = 3) -> tuple[str, ...]:
    """The lines that a probe prints in this case and would not print in a whole cluster, the first few."""
    return tuple(_new_lines(name, WHOLE, (probe,), 0))[:most]


def against(name: str, suspected: str, probes: Sequence[Command]) -> tuple[int, tuple[str, ...]] | None:
    """The first probe (from 0) that speaks against a suspected case, with lines that only that case would print.

    None where every probe would have printed the same.
    """
    found = difference(name, suspected, tuple(probes))
    if found is None:
        return None
    return found, tuple(_new_lines(suspected, name, tuple(probes), found))[:2]


def _new_lines(name: str, before: str, probes: Probes, number: int) -> Iterator[str]:
    """The lines of a probe's output in one case that the other's output does not have."""
    known = set(_played(before, probes).output(number).splitlines())
    for line in dict.fromkeys(_played(name, probes).output(number).splitlines()[:-1]):
        if line.strip() and line not in known and not line.startswith("# "):
            yield line
