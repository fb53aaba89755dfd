"""The packet on its way through the rules: the one mutable value here, named as in the kernel."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING

from svcnotes.addresses import number, text
from svcnotes.netfilter.conntrack import Connection
from svcnotes.netfilter.context import Context
from svcnotes.packet import Packet

if TYPE_CHECKING:
    from svcnotes.netfilter.log import Log

PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "sctp": 132}
IPV6_ICMP = 58
FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32}
STATES = {"INVALID": 1, "ESTABLISHED": 2, "RELATED": 4, "NEW": 8, "UNTRACKED": 16}
SNAT, DNAT = 32, 64

Toss = Callable[[Fraction, float], bool]


class Skb:
    """A packet as numbers, what conntrack notes on it, and what the rules did to it so far.

    `toss(chance, as_float)` decides a `statistic` match. `log` collects steps, None on the fast path.
    `state` holds the bits of STATES, SNAT and DNAT.
    """

    __slots__ = (
        "_written",
        "balancing",
        "connection",
        "conntrack",
        "context",
        "dport",
        "dst",
        "family",
        "flags",
        "hook",
        "learnt",
        "log",
        "mark",
        "nat",
        "notrack",
        "packet",
        "protocol",
        "recent",
        "reject_with",
        "served",
        "sport",
        "src",
        "state",
        "toss",
    )

    log: Log | None

    def __init__(self, packet: Packet, hook: str, context: Context, toss: Toss) -> None:
        self.packet = packet
        self.hook = hook
        self.context = context
        self.toss = toss
        self.log = None
        self.family = 6 if ":" in packet.destination else 4
        protocol = packet.protocol
        self.protocol = IPV6_ICMP if protocol == "icmp" and self.family == 6 else PROTOCOLS.get(protocol, 0)
        self.src = number(packet.source)
        self.dst = number(packet.destination)
        self.sport = packet.source_port
        self.dport = packet.destination_port
        self.mark = packet.mark
        self._written = (self.src, self.sport, self.dst, self.dport, self.mark)
        self.flags = tcp_flags(packet.flags) if packet.flags else 0
        self.recent = context.recent
        self.learnt = context.learnt
        self.conntrack = context.conntrack
        self.balancing = context.balancing
        self.served = context.served
        self.connection: Connection | None = context.connection
        self.state = 8
        self.reject_with = ""
        self.nat = ""
        self.notrack = False

    def source(self) -> str:
        """The source address as text."""
        return text(self.src, self.family)

    def destination(self) -> str:
        """The destination address as text."""
        return text(self.dst, self.family)

    def as_packet(self) -> Packet:
        """The packet as it is now; the very same value as long as nothing changed."""
        now = (self.src, self.sport, self.dst, self.dport, self.mark)
        if now != self._written:
            old = self.packet
            src, dst = text(self.src, self.family), text(self.dst, self.family)
            self.packet = Packet(
                old.protocol,
                src,
                self.sport,
                dst,
                self.dport,
                old.flags,
                self.mark,
                old.ttl,
                old.icmp,
                old.inner,
            )
            self._written = now
        return self.packet

    def take(self, packet: Packet) -> None:
        """Go on with another packet: conntrack has translated this one."""
        self.packet = packet
        self.src, self.sport = number(packet.source), packet.source_port
        self.dst, self.dport = number(packet.destination), packet.destination_port
        self._written = (self.src, self.sport, self.dst, self.dport, packet.mark)

    def note(self, connection: Connection | None) -> None:
        """Set what conntrack notes on the packet, and the bits that `--ctstate` asks for."""
        self.connection = connection
        if connection is None:
            self.state = STATES["UNTRACKED"]
            return
        self.state = STATES[connection.state]
        if connection.entry is not None:
            self.state |= SNAT * connection.entry.snat | DNAT * connection.entry.dnat

    def tracked(self) -> Connection:
        """The packet's connection; on the fast path, which keeps none, one that begins with it."""
        if self.connection is None:
            self.connection = self.context.conntrack.classify(self.packet, self.context.time)
        return self.connection


@lru_cache(maxsize=256)
def tcp_flags(names: str) -> int:
    """Turn `SYN,ACK` into bits; raises KeyError for a name that is none."""
    bits = 0
    for name in names.split(","):
        bits |= FLAGS[name]
    return bits
