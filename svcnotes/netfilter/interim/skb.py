"""A packet in the form that rules look at, and what a host's rules may change about it."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

from svcnotes.netfilter.conntrack import ORIGINAL, Connection
from svcnotes.netfilter.context import Context
from svcnotes.netfilter.walk import Mapping
from svcnotes.packet import Packet


@lru_cache(maxsize=262144)
def number_of(address: str) -> int:
    """An address text as a number; raises ValueError for anything else."""
    return int(ip_address(address))


class Skb:
    """A packet under way: its addresses as numbers, and conntrack's note (`connection`).

    Mutable and private to one walk; a walk that forks copies it. `mark`, `recent`, `untracked` and
    `nat` (where a nat rule sends it) are what targets write.
    """

    __slots__ = (
        "connection", "context", "destination", "destination_port", "mark", "nat", "packet", "protocol", "recent",
        "source", "source_port", "state", "untracked",
    )  # fmt: skip

    def __init__(self, packet: Packet, context: Context) -> None:
        self.context = context
        self.recent = context.recent
        self.untracked = False
        self.nat: Mapping | None = None
        self.note(context.connection)
        self.become(packet)

    def become(self, packet: Packet) -> None:
        """Take on another look: after NAT, or a new mark."""
        self.packet = packet
        self.protocol = packet.protocol
        self.source = number_of(packet.source)
        self.destination = number_of(packet.destination)
        self.source_port = packet.source_port
        self.destination_port = packet.destination_port
        self.mark = packet.mark

    def note(self, connection: Connection | None) -> None:
        """Take conntrack's note on the packet."""
        self.connection = connection
        self.state = connection.state if connection else "UNTRACKED"

    @property
    def status(self) -> frozenset[str]:
        """DNAT and SNAT, where the packet's connection is translated."""
        entry = self.connection.entry if self.connection else None
        if entry is None:
            return frozenset()
        return frozenset(name for name, on in (("DNAT", entry.dnat), ("SNAT", entry.snat)) if on)

    @property
    def direction(self) -> str:
        """`original` or `reply`."""
        return self.connection.direction if self.connection else ORIGINAL

    def copy(self) -> Skb:
        """The same, for the other branch of a fork."""
        other = Skb.__new__(Skb)
        for name in Skb.__slots__:
            setattr(other, name, getattr(self, name))
        return other
