"""A packet under way, and how its stay at a host may end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

from svcnotes.copying import changed, value
from svcnotes.netfilter import Balancing, Connection, Conntrack, Learnt, Recent, Served, Walk
from svcnotes.netfilter.targets import RESEND
from svcnotes.netfilter.walk import CERTAIN
from svcnotes.network.hop import Hop
from svcnotes.packet import Packet, Step

THERE, BACK = "there", "back"


class Memory(NamedTuple):
    """What a host remembers from packet to packet: connections, the lists of `recent`, what nft's sets learnt, IPVS's."""

    conntrack: Conntrack = Conntrack()
    recent: Recent = Recent()
    learnt: Learnt = Learnt()
    balancing: Balancing = Balancing()


@value(frozen=True, slots=True)
class Leg:
    """One connection between two hosts; a proxying balancer makes two of them.

    `sent` is the first packet as the asker made it, `seen` as the server's socket got it.
    """

    asker: str
    server: str
    sent: Packet
    seen: Packet
    hops: tuple[Hop, ...] = ()

    @property
    def end(self) -> tuple[str, int]:
        """The address and port that the asker asked."""
        return self.sent.destination, self.sent.destination_port


@dataclass(frozen=True)
class Flight:
    """One packet at one host, with all that happened so far: an immutable value, so that it may fork.

    `interface` is where it came in (empty: made here), `port` the bridge port if any, `next_hop`
    the neighbour that the sender's frame was for. `arrived` is the packet as it came, `steps` what
    was done to it here, `visited` how many rules it tried here. `connection` is conntrack's note on it, `served`
    IPVS's; `anew`: IPVS took it out of a hook, to send it on. `memories` are the hosts'
    memories by host and IP family. `chosen` holds what a balancer chose for this connection, `held`
    the legs of an open one: the sockets at their ends. `rounds` are the
    places it has been in (host, interface, port), and what it was there. `left` says why it left the cluster for nobody.
    """

    packet: Packet
    host: str
    direction: str
    probability: Fraction = Fraction(1)
    interface: str = ""
    port: str = ""
    next_hop: str = ""
    arrived: Packet | None = None
    connection: Connection | None = None
    served: Served | None = None
    anew: bool = False
    memories: Mapping[tuple[str, int], Memory] = field(default_factory=dict)
    hops: tuple[Hop, ...] = ()
    steps: tuple[Step, ...] = ()
    chosen: Mapping[str, str] = field(default_factory=dict)
    held: tuple[Leg, ...] = ()
    rounds: tuple[tuple[tuple[str, str, str], Packet], ...] = ()
    left: str = ""
    visited: int = 0

    def memory(self) -> Memory:
        """What this host remembers of this IP family."""
        return self.memories.get((self.host, self.packet.family), _BLANK)

    def noting(self, hook: str, table: str, text: str, verdict: str, after: Packet | None = None) -> Flight:
        """The flight with one more thing that the kernel itself did."""
        after = self.packet if after is None else after
        step = Step(hook, table, "", text, self.packet, after, verdict)
        return changed(self, packet=after, steps=(*self.steps, step))

    def walked(self, walk: Walk) -> Flight:
        """The flight after a walk through one hook's tables."""
        likely = walk.probability
        memory = Memory(walk.conntrack, walk.recent, walk.learnt, walk.balancing)
        return changed(
            self,
            packet=walk.packet,
            probability=self.probability if likely is CERTAIN else self.probability * likely,
            connection=walk.connection,
            served=walk.served,
            anew=walk.verdict == RESEND,
            memories={**self.memories, (self.host, self.packet.family): memory},
            steps=self.steps + walk.steps,
            visited=self.visited + walk.visited,
        )

    def closed(self, kind: str, out_interface: str, *, ended: str = "") -> Flight:
        """The flight with its stay at this host written down as a Hop."""
        hop = Hop(  # by place, not by name, for speed: there is one for each host on each way
            self.host,
            kind,
            self.direction,
            self.arrived or self.packet,
            None if ended else self.packet,
            self.steps,
            self.interface,
            out_interface,
            ended,
            self.visited,
        )
        return changed(self, hops=(*self.hops, hop), steps=(), visited=0)

    def made(self, packet: Packet, **changes: Any) -> Flight:
        """A new packet made at the same host, with the same past."""
        blank: dict[str, Any] = {
            "interface": "", "port": "", "next_hop": "", "connection": None, "served": None, "anew": False, "steps": (), "rounds": (), "visited": 0,
        }  # fmt: skip
        return changed(self, packet=packet, arrived=packet, **{**blank, **changes})


_BLANK = Memory()

DELIVERED, DROPPED, REFUSED, NO_ROUTE, EXTERNAL, BALANCED = (
    "delivered", "dropped", "refused", "no-route", "external", "balanced",
)  # fmt: skip


@value(frozen=True, slots=True)
class Ending:
    """How a packet's way ended: delivered to a host's socket, dropped, refused with an answer, ...

    `answer` is the error that the host sends (an ICMP error or a RST), None for none. `hook` is
    where a rule stopped the packet, empty where the kernel did.
    """

    kind: str
    flight: Flight
    reason: str = ""
    hook: str = ""
    answer: Flight | None = None
