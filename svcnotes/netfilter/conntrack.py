"""Connection tracking: what a host remembers of the connections that pass it.

Sources: net/netfilter/nf_conntrack_core.c, nf_conntrack_proto_tcp.c, nf_conntrack_proto_icmp.c.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from svcnotes.copying import changed, value
from svcnotes.netfilter.phases import Timeouts, begins_again, first_phase, next_phase, timeout
from svcnotes.packet import Packet

ORIGINAL, REPLY = "original", "reply"


class Flow(NamedTuple):
    """One direction of a connection: the kernel's `nf_conntrack_tuple`.

    A ping's identifier is the port of the side that pings, 0 that of the other: the kernel writes the
    identifier in both directions and tells them apart by the type, which says the same.
    """

    protocol: str
    source: str
    source_port: int
    destination: str
    destination_port: int

    @classmethod
    def of(cls, packet: Packet) -> Flow:
        """The direction that this packet travels in."""
        return Flow(
            packet.protocol,
            packet.source,
            packet.source_port,
            packet.destination,
            packet.destination_port,
        )

    def inverted(self) -> Flow:
        """The direction that an answer travels in."""
        return Flow(self.protocol, self.destination, self.destination_port, self.source, self.source_port)


@dataclass(frozen=True)
class Entry:
    """A connection: how its packets look in both directions, before NAT here.

    `original` is the first packet as it arrived; `reply` is an answer as it arrives. Without NAT
    the one is the other inverted; DNAT changes the reply's source, SNAT the reply's destination.
    `dnat` and `snat` are the statuses DNAT and SNAT; `dnat_done` and `snat_done` say that the nat
    tables had their say, which they have once for each. `phase` is the protocol's state as
    `conntrack -L` names it, `expires` the host's time at which the entry is forgotten, `began` that of its first
    packet, `mark` the connection's mark. `confirmed` entries stand in the table.
    """

    original: Flow
    reply: Flow
    dnat: bool = False
    snat: bool = False
    dnat_done: bool = False
    snat_done: bool = False
    seen_reply: bool = False
    confirmed: bool = False
    phase: str = ""
    expires: float = 0.0
    mark: int = 0
    began: float = 0.0

    def flow(self, direction: str) -> Flow:
        """How packets of one direction look as they arrive."""
        return self.original if direction == ORIGINAL else self.reply


class Connection(NamedTuple):
    """What conntrack notes on one packet: its state, its entry and its direction.

    `state` is NEW, ESTABLISHED, RELATED, INVALID or UNTRACKED; `entry` is None for the last two.
    """

    state: str
    entry: Entry | None = None
    direction: str = ORIGINAL

    def related_back(self) -> Connection:
        """The note on an answer that this host itself makes to the packet: an ICMP error or a RST.

        The kernel copies the note from the packet that it rejects (nf_ct_attach), so that the
        answer is translated back even when the connection never came to be.
        """
        if self.entry is None:
            return self
        return Connection("RELATED", self.entry, REPLY if self.direction == ORIGINAL else ORIGINAL)


@value(frozen=True, slots=True)
class Conntrack:
    """A host's table of connections: an immutable value, so that each forked path holds its own.

    `limit` is nf_conntrack_max: the number of entries at which new connections are dropped; None
    for no limit. `loose` is nf_conntrack_tcp_loose: a lone ACK may start an entry. `timeouts` are those that the
    host's switches set.
    """

    flows: Mapping[Flow, Entry] = field(default_factory=dict)
    limit: int | None = None
    loose: bool = True
    timeouts: Timeouts = field(default_factory=dict)

    def __len__(self) -> int:
        return len({id(entry) for entry in self.flows.values()})

    def __iter__(self) -> Iterator[Entry]:
        return iter({id(entry): entry for entry in self.flows.values()}.values())

    def find(self, flow: Flow, time: float = 0.0) -> tuple[Entry, str] | None:
        """Look up the entry that one of its two directions belongs to; None if none is alive."""
        entry = self.flows.get(flow)
        if entry is None or entry.expires < time:
            return None
        return entry, ORIGINAL if entry.original == flow else REPLY

    def full(self, time: float) -> bool:
        """Tell whether a new connection finds no room."""
        return self.limit is not None and sum(e.expires >= time for e in self) >= self.limit

    def taken(self, flow: Flow, time: float) -> bool:
        """Tell whether a living entry has this direction already."""
        return self.find(flow, time) is not None

    def with_entry(self, entry: Entry) -> Conntrack:
        """The table with an entry added, or brought up to date."""
        flows = {**self.flows, entry.original: entry, entry.reply: entry}
        before = self.flows.get(entry.original)
        if before is not None and before.reply not in (entry.original, entry.reply):
            del flows[before.reply]
        return Conntrack(flows, self.limit, self.loose, self.timeouts)

    def without_entry(self, entry: Entry) -> Conntrack:
        """The table without an entry (`conntrack -D`)."""
        flows = {f: e for f, e in self.flows.items() if f not in (entry.original, entry.reply)}
        return Conntrack(flows, self.limit, self.loose, self.timeouts)

    def classify(self, packet: Packet, time: float = 0.0) -> Connection:
        """Note on a packet what it is to this host: the kernel's nf_conntrack_in.

        The entry of a known connection comes back with its phase, timeout and `seen_reply` as they
        are after this packet; put it into the table with `with_entry`.
        """
        if packet.icmp and packet.inner is not None:
            return self._classify_error(packet.inner, time)
        found = self.find(Flow.of(packet), time)
        if found is None:
            return self._begin(packet, time)
        entry, direction = found
        if direction == ORIGINAL and begins_again(entry.phase, packet):
            return self._begin(packet, time)
        phase = next_phase(entry.phase, packet, reply=direction == REPLY, age=time - entry.began)
        if not phase:
            return Connection("INVALID")
        seen_reply = entry.seen_reply or direction == REPLY
        expires = time + timeout(packet.protocol, phase, self.timeouts)
        entry = changed(entry, phase=phase, seen_reply=seen_reply, expires=expires)
        return Connection("ESTABLISHED" if seen_reply else "NEW", entry, direction)

    def _begin(self, packet: Packet, time: float) -> Connection:
        phase = first_phase(packet, loose=self.loose)
        if not phase:
            return Connection("INVALID")
        flow = Flow.of(packet)
        expires = time + timeout(packet.protocol, phase, self.timeouts)
        return Connection("NEW", Entry(flow, flow.inverted(), phase=phase, expires=expires, began=time))

    def _classify_error(self, inner: Packet, time: float) -> Connection:
        """An ICMP error belongs to the connection of the packet in it, and goes the other way.

        `inner` is the packet as the error's sender saw it, so the direction whose answers look like
        its inverse is the one that the error travels in (nf_conntrack_inet_error).
        """
        found = self.find(Flow.of(inner).inverted(), time)
        return Connection("INVALID") if found is None else Connection("RELATED", *found)
