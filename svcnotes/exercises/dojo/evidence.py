"""What a probe tells: which other faults could have printed the same, and what a whole cluster prints instead.

Nothing here is written down beforehand: the same command runs in every case's cluster, and outputs are compared.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import combinations

from svcnotes.exercises.dojo.case import Command, case, names
from svcnotes.toolbox import Terminal

LONGEST = 3
"""The longest order of probes that is looked for."""

WHOLE = "whole"


@lru_cache(maxsize=8192)
def printed(name: str, probe: Command) -> str:
    """What a probe prints in a case's cluster, or in the whole one; times in milliseconds left out."""
    terminal = Terminal(case(name).whole() if name == WHOLE else case(name).broken())
    output = terminal.run(probe.at, probe.run, stdin=probe.stdin)
    return re.sub(r"\b[0-9.]+ (?:ms|milliseconds)\b", "… ms", f"{output}\n{output.exit_code}")


def left(name: str, probes: Iterable[Command]) -> frozenset[str]:
    """The other cases that would have printed the same to every one of these probes."""
    others = set(names()) - {name}
    for probe in probes:
        mine = printed(name, probe)
        others = {other for other in others if printed(other, probe) == mine}
    return frozenset(others)


def enough(name: str, probes: Sequence[Command]) -> int:
    """After how many of these probes, in their order, only this case is left; 0 where more than one is to the end."""
    others = frozenset(names()) - {name}
    for count, probe in enumerate(probes, start=1):
        mine = printed(name, probe)
        others = frozenset(other for other in others if printed(other, probe) == mine)
        if not others:
            return count
    return 0


@lru_cache(maxsize=64)
def shortest(name: str) -> tuple[Command, ...]:
    """The fewest of the dojo's usual probes that leave only this case; the case's own solver where none of up to `LONGEST` do."""
    usual = probes()
    same = {probe: left(name, [probe]) for probe in usual}
    for count in range(1, LONGEST + 1):
        for chosen in combinations(usual, count):
            if not frozenset.intersection(*(same[probe] for probe in chosen)):
                return chosen
    return case(name).solver


@lru_cache(maxsize=1)
def probes() -> tuple[Command, ...]:
    """The usual probes: every case's solver, each command once, the shortest first."""
    every = dict.fromkeys(probe for name in names() for probe in case(name).solver)
    return tuple(sorted(every, key=lambda probe: (len(probe.run), probe.at, probe.run)))


def tell_tale(name: str, probe: Command, most: int = 3) -> tuple[str, ...]:
    """The lines that a probe prints in this case and would not print in a whole cluster, the first few."""
    terminal = Terminal(case(name).whole())
    whole = set(str(terminal.run(probe.at, probe.run, stdin=probe.stdin)).splitlines())
    here = printed(name, probe).splitlines()[:-1]
    return tuple(line for line in here if line.strip() and line not in whole)[:most]
