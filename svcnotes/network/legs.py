"""Read a path's hops as connections: who asked whom, and what a balancer chose."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from svcnotes.network.flight import THERE, Leg
from svcnotes.network.hop import Hop


def legs(hops: Sequence[Hop]) -> Iterator[Leg]:
    """The connections that a first packet made, in order: one, or two where a balancer asks a backend itself."""
    begun = 0
    for number, hop in enumerate(hops):
        taken = [s for s in hop.steps if s.table == "socket" and s.verdict == "deliver"]
        if hop.direction == THERE and hop.leaves is None and taken:
            way = tuple(hops[begun : number + 1])
            yield Leg(way[0].host, hop.host, way[0].packet, taken[0].before, way)
            begun = number + 1


HANDED, FIRST = "the load balancer hands it to", "the first to answer ARP is"
"""How a step begins that tells which of several nodes the packet goes to: a balancer chose, or ARP's race."""


def entered(hops: Sequence[Hop]) -> str:
    """The node that was chosen of several for the first packet, by a balancer's fabric or by ARP; empty where none was."""
    for hop, after in pairwise(hops):
        if any(step.rule.startswith((HANDED, FIRST)) for step in hop.steps):
            return after.host
    return ""
