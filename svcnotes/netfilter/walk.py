"""What came of a packet at one hook: the value that a walk gives."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import NamedTuple

from svcnotes.copying import value
from svcnotes.netfilter.balancing import NOTHING, Balancing, Served
from svcnotes.netfilter.conntrack import Connection, Conntrack
from svcnotes.netfilter.learnt import Learnt
from svcnotes.netfilter.recent import Recent
from svcnotes.packet import Packet, Step

CERTAIN = Fraction(1)
"""The chance of a way that forks nowhere: it is known by `is`, and costs no reckoning."""


@value(frozen=True, slots=True)
class Mapping:
    """The NAT that a rule chose: `kind` is dnat or snat, with the address and port written."""

    kind: str
    address: str
    port: int


class Stretch(NamedTuple):
    """Rules `first` to `last` of a chain, tried one after the other; the last one may have matched."""

    table: str
    chain: str
    first: int
    last: int
    matched: bool


@value(frozen=True, slots=True)
class Walk:
    """One way that a packet may go through the tables of one hook.

    `probability` is exact, given that the packet came to this hook; `verdict` is accept, drop or
    reject (`reject_with` then says with what: `icmp-port-unreachable`, `tcp-reset`, ...), or resend: IPVS took the
    packet out of the hook, and the host sends it as if it had made it itself. `packet`
    is the packet after marks and after this hook's NAT. `steps` are the rules that matched, and
    conntrack's own work. `visited` counts the rules a kernel would have evaluated; `stretches` say
    which; a look-up in a map or set is part of its rule, however many elements there are. `nat` is what a nat rule chose here, None where none did. `recent`, `learnt`, `conntrack`,
    `connection`, `balancing` and `served` are the host's memory and the packet's note after the walk: hand them on to the
    context of the next hook.
    """

    probability: Fraction
    verdict: str
    packet: Packet
    reject_with: str = ""
    steps: tuple[Step, ...] = ()
    visited: int = 0
    stretches: tuple[Stretch, ...] = ()
    nat: Mapping | None = None
    recent: Recent = field(default_factory=Recent)
    learnt: Learnt = field(default_factory=Learnt)
    conntrack: Conntrack = field(default_factory=Conntrack)
    connection: Connection | None = None
    balancing: Balancing = NOTHING
    served: Served | None = None

    def with_probability(self, probability: Fraction) -> Walk:
        """The same walk, so likely."""
        return self if probability is self.probability else replace(self, probability=probability)


@dataclass(frozen=True, slots=True)
class VisitedRule:
    """One rule that a kernel would have evaluated, and whether it matched."""

    table: str
    chain: str
    number: int
    rule: str
    matched: bool
