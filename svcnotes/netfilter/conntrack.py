"""conntrack: what Linux remembers of a connection, and how it turns the addresses round.

Only a connection's first packet meets the nat rules. What they chose is kept here as two tuples,
one for each direction, and every later packet is translated from them (nf_conntrack_core.c,
nf_nat_core.c).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from svcnotes.packet import Packet, endpoint_text

ORIGINAL = "ORIGINAL"
REPLY = "REPLY"
# Destinations are rewritten where a packet comes in, sources where it goes out.
DESTINATION_HOOKS = frozenset({"PREROUTING", "OUTPUT"})


@dataclass(frozen=True, slots=True)
class Tuple:
    """The five values that name one direction of a connection."""

    protocol: str
    source: str
    source_port: int
    destination: str
    destination_port: int

    @classmethod
    def of(cls, packet: Packet) -> Tuple:
        """The tuple of a packet."""
        return cls(
            packet.protocol, packet.source, packet.source_port, packet.destination, packet.destination_port
        )

    @property
    def inverse(self) -> Tuple:
        """The same, seen from the other end."""
        return Tuple(self.protocol, self.destination, self.destination_port, self.source, self.source_port)

    def __str__(self) -> str:
        source = endpoint_text(self.source, self.source_port)
        return f"{source} → {endpoint_text(self.destination, self.destination_port)}"


@dataclass(frozen=True, slots=True)
class Connection:
    """One entry: the tuple as it began, and the tuple that its replies will have on the wire."""

    original: Tuple
    reply: Tuple
    seen_reply: bool = False

    @classmethod
    def begun_by(cls, packet: Packet) -> Connection:
        """A connection without NAT yet."""
        original = Tuple.of(packet)
        return cls(original, original.inverse)

    @property
    def status(self) -> frozenset[str]:
        """DNAT and SNAT, where the connection is translated."""
        expected = self.original.inverse
        names = set()
        if (self.reply.source, self.reply.source_port) != (expected.source, expected.source_port):
            names.add("DNAT")
        if (self.reply.destination, self.reply.destination_port) != (
            expected.destination,
            expected.destination_port,
        ):
            names.add("SNAT")
        return frozenset(names)

    def with_destination(self, address: str, port: int) -> Connection:
        """The connection after DNAT: replies will come from there."""
        return replace(self, reply=replace(self.reply, source=address, source_port=port))

    def with_source(self, address: str, port: int) -> Connection:
        """The connection after SNAT or MASQUERADE: replies will go there."""
        return replace(self, reply=replace(self.reply, destination=address, destination_port=port))


@dataclass(frozen=True, slots=True)
class Seen:
    """What conntrack says of a packet: its state, the connection it belongs to, its direction."""

    state: str
    connection: Connection | None = None
    direction: str = ORIGINAL


@dataclass(frozen=True, slots=True)
class Conntrack:
    """A host's table of connections; immutable. `limit` is nf_conntrack_max, 0 is none."""

    entries: tuple[Connection, ...] = ()
    limit: int = 0

    def look_up(self, packet: Packet) -> Seen:
        """Tell the state of a packet: NEW, ESTABLISHED, RELATED (an ICMP error) or INVALID.

        A TCP packet without a plain SYN starts no entry when it is an answer (nf_conntrack_proto_tcp.c).
        """
        if packet.inner is not None:
            return self._look_up_error(packet.inner)
        wanted = Tuple.of(packet)
        for entry in self.entries:
            if entry.original == wanted:
                return Seen("ESTABLISHED" if entry.seen_reply else "NEW", entry, ORIGINAL)
            if entry.reply == wanted:
                return Seen("ESTABLISHED", entry, REPLY)
        if packet.protocol == "tcp" and packet.flags != "SYN":
            return Seen("INVALID")
        if packet.protocol == "icmp":
            return Seen("INVALID" if packet.icmp else "NEW")
        return Seen("NEW")

    def _look_up_error(self, inner: Packet) -> Seen:
        wanted = Tuple.of(inner).inverse
        for entry in self.entries:
            if entry.original == wanted:
                return Seen("RELATED", entry, ORIGINAL)
            if entry.reply == wanted:
                return Seen("RELATED", entry, REPLY)
        return Seen("INVALID")

    def confirm(self, connection: Connection) -> Conntrack:
        """The table with that connection in it, in place of an entry that began alike."""
        others = tuple(e for e in self.entries if e.original != connection.original)
        return replace(self, entries=(*others, connection))

    @property
    def full(self) -> bool:
        """Whether no further connection fits: the kernel drops its first packet then."""
        return bool(self.limit) and len(self.entries) >= self.limit


def translate(packet: Packet, connection: Connection, direction: str, hook: str) -> Packet:
    """Rewrite a packet of a known connection as NAT does at that hook.

    Destination at PREROUTING and OUTPUT, source at INPUT and POSTROUTING, each only if the connection
    was translated so (nf_nat_packet). An ICMP error is rewritten outside, and inside the other
    way round, so that it looks like an answer to what its receiver sent (nf_nat_icmp_reply_translation).
    """
    at_destination = hook in DESTINATION_HOOKS
    wanted = "DNAT" if at_destination == (direction == ORIGINAL) else "SNAT"
    if wanted not in connection.status:
        return packet
    other = connection.reply if direction == ORIGINAL else connection.original
    target = other.inverse
    if packet.inner is not None:
        if at_destination:
            inner = replace(packet.inner, source=other.source, source_port=other.source_port)
            return replace(packet, destination=target.destination, inner=inner)
        inner = replace(packet.inner, destination=other.destination, destination_port=other.destination_port)
        return replace(packet, source=target.source, inner=inner)
    if at_destination:
        return replace(packet, destination=target.destination, destination_port=target.destination_port)
    return replace(packet, source=target.source, source_port=target.source_port)
