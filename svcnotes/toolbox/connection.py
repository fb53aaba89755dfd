"""A connection as a process makes it: SYNs until an answer comes, then request, answer and goodbye.

Every packet walks the hosts' rules on its own. Simplified: nothing is lost by chance, a server does not
send its SYN,ACK again, and a load balancer's fabric keeps a connection on the node that it chose.
Source of the retransmissions: tcp_syn_retries 6 and tcp_syn_linear_timeouts 4 (net/ipv4/tcp_timer.c).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from svcnotes.kube_proxy.modes import DEFAULT
from svcnotes.netfilter import Conntrack
from svcnotes.network.asker import asker
from svcnotes.network.carry import carry
from svcnotes.network.errors_home import answer_to
from svcnotes.network.flight import BACK, DELIVERED, THERE, Ending, Flight, Leg
from svcnotes.network.hop import Hop
from svcnotes.network.legs import entered
from svcnotes.network.legs import legs as path_legs
from svcnotes.network.topology import Topology, topology
from svcnotes.packet import Packet, endpoint_text
from svcnotes.toolbox.observing import observe
from svcnotes.toolbox.places import Place
from svcnotes.toolbox.segments import Segments
from svcnotes.toolbox.session import Session
from svcnotes.trace import Path, trace

SYNS_AT = (0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67)
KERNEL_GIVES_UP = 131.0
ARP_GIVES_UP = 3.06
"""Seconds until a host that hears nothing from a neighbour says so: three questions, one a second."""
_NOBODY = ("icmp-host-unreachable", "icmp6-addr-unreachable")
ERRNO = {
    "rst": "Connection refused",
    "icmp-port-unreachable": "Connection refused",
    "icmp6-port-unreachable": "Connection refused",
    "icmp-net-unreachable": "Network is unreachable",
    "enetunreach": "Network is unreachable",
    "icmp6-no-route": "Network is unreachable",
    "icmp6-adm-prohibited": "Permission denied",
}
OTHER_ERRNO = "No route to host"
TIMED_OUT = "Connection timed out"


@dataclass(frozen=True, slots=True)
class Talk:
    """How a connection went: `seconds` until the asker knew, `error` as the C library words it, or empty.

    `path` is the last try's. `answered` is false where it was made and the request or its answer was
    lost. `sent` is the first packet.
    """

    path: Path
    sent: Packet
    seconds: float
    error: str = ""
    answered: bool = False

    @property
    def connected(self) -> bool:
        """Whether the connection was made."""
        return self.path.outcome == "connected"


def connect(
    session: Session,
    place: Place,
    to: str,
    protocol: str = "tcp",
    *,
    limit: float = KERNEL_GIVES_UP,
    request: str = "",
    serve: Callable[[Path], str] | None = None,
    source_port: int = 0,
) -> Talk:
    """Connect from a place to `ADDRESS:PORT`, send `request` and get what `serve` answers to it, or fail.

    `protocol` is tcp or udp; `serve` is asked once the request has come to the process at the end. After
    `limit` seconds the asker gives up; `source_port` 0 is one that is free. The session's clock, memories, counters and frames go along. Raises QuestionError for an address that cannot be asked.
    """
    started, port = session.now, source_port or session.ephemeral_port()
    limit = min(limit, KERNEL_GIVES_UP)
    path: Path | None = None
    legs: tuple[Leg, ...] = ()
    way = ""
    for waited in SYNS_AT if protocol == "tcp" else SYNS_AT[:1]:
        if path is not None and waited >= limit:
            break
        session.now = started + waited
        found = trace(
            session.cluster,
            place.source,
            to,
            "http" if protocol == "tcp" else protocol,
            source_port=port,
            now=session.now,
            memories=session.memories,
        )
        path = _draw(session, [one for one in found.paths if way in ("", entered(one.hops))] or found.paths)
        way = way or entered(path.hops)
        legs = tuple(path_legs(path.hops))
        talk = _Exchange(session, place, path, legs, port)
        talk.note_first(request if protocol == "udp" else "", serve or _silence)
        if path.outcome == "connected" or path.how:
            break
    assert path is not None  # noqa: S101 - the first SYN is always sent
    sent = path.hops[0].packet if path.hops else Packet(protocol, found.source_address, port, to, 0)
    if path.outcome == "connected":
        answered = protocol != "tcp" or talk.carry_on(request, serve or _silence)
        _forget_reset(session)
        return Talk(path, sent, session.now - started, "", answered)
    _forget_reset(session)
    patience = ARP_GIVES_UP if path.how in _NOBODY else 0.0
    if path.how and session.now + patience - started < limit:
        session.now += patience
        return Talk(path, sent, session.now - started, ERRNO.get(path.how, OTHER_ERRNO))
    session.now = started + limit
    return Talk(path, sent, limit, TIMED_OUT)


def _silence(path: Path) -> str:
    del path
    return ""


def _draw(session: Session, paths: Sequence[Path]) -> Path:
    return session.random.choices(paths, [float(path.probability) for path in paths])[0]


def _numbered(hops: Sequence[Hop]) -> Iterator[tuple[int, Sequence[Hop]]]:
    """The ways of single packets, each with the number of its leg: a balancer's answers come home in turn."""
    begun, there, back = 0, -1, -1
    for place, hop in enumerate(hops):
        if hop.leaves is not None:
            continue
        way, begun = hops[begun : place + 1], place + 1
        if way[0].direction == THERE:
            there += 1
            back = there
            yield there, way
        else:
            yield max(back, 0), way
            back -= 1


def _forget_reset(session: Session) -> None:
    """A connection whose only answer was a RST is forgotten at once (nf_conntrack_proto_tcp.c)."""

    def kept(table: Conntrack) -> Conntrack:
        for entry in table:
            if entry.original.protocol == "tcp" and entry.phase == "CLOSE":
                table = table.without_entry(entry)
        return table

    session.memories = {
        where: memory._replace(conntrack=kept(memory.conntrack)) for where, memory in session.memories.items()
    }


class _Exchange:
    """The packets of one connection, sent one after the other."""

    def __init__(self, session: Session, place: Place, path: Path, legs: tuple[Leg, ...], port: int) -> None:
        self.session, self.path, self.legs = session, path, legs
        self.segments = [Segments(port + number) for number in range(len(legs) + 1)]
        self.place = place
        self._net: Topology | None = None

    @property
    def net(self) -> Topology:
        """The network as this asker sees it."""
        if self._net is None:
            cluster = self.session.cluster
            who = asker(cluster, self.place.source)
            first = self.path.hops[0].packet
            outside = "" if who.host else first.source
            self._net = topology(cluster, cluster.proxy.mode or DEFAULT, outside, None, self.session.now)
        return self._net

    def note_first(self, datagram: str, serve: Callable[[Path], str]) -> None:
        """Note the first packet of each leg, and the answer that `trace` followed; a datagram has its content."""
        session, path = self.session, self.path
        session.memories = path.memories or session.memories
        answer = serve(path) if datagram and path.outcome == "connected" else datagram
        leg = -1
        for number, hops in _numbered(path.hops):
            leg = number
            self._note(hops, number, datagram if hops[0].direction == THERE else answer)
        self._reset_stray(leg)

    def _note(self, hops: Sequence[Hop], leg: int, payload: str = "") -> None:
        before = None
        size, first = len(payload.encode()), payload.partition("\r\n")[0]
        for hop in hops:
            detail = self.segments[leg].detail(hop.packet, from_asker=hop.direction == THERE, payload=size)
            observe(self.session, [hop], detail, size, text=first, after=before)
            before = hop if hop.leaves is not None else None

    def _reset_stray(self, leg: int) -> None:
        """A host that gets a SYN,ACK of no connection answers RST, which goes its own way."""
        last = self.path.hops[-1] if self.path.hops else None
        if last is None or last.leaves is not None or last.packet.flags != "SYN,ACK":
            return
        if not any(step.table == "socket" and step.verdict == "refuse" for step in last.steps):
            return
        arrived = next(step.before for step in last.steps if step.table == "socket")
        self._carry(last.host, answer_to(arrived, "RST"), THERE, leg)

    def carry_on(self, request: str, serve: Callable[[Path], str]) -> bool:
        """Finish the handshakes, ask, answer, say goodbye; whether question and answer both came through."""
        last = len(self.legs) - 1
        came = True
        for number in range(len(self.legs)):
            self._send(number, "ACK")
            if request:
                came &= self._send(number, "PSH,ACK", request)
                self._send(number, "ACK", from_asker=False)
        answer = serve(self.path) if request and came else ""
        for number in range(last, -1, -1):
            if answer and came:
                came &= self._send(number, "PSH,ACK", answer, from_asker=False)
                self._send(number, "ACK")
            if came:
                self._send(number, "FIN,ACK")
                self._send(number, "FIN,ACK", from_asker=False)
                self._send(number, "ACK")
        return came

    def _send(self, number: int, flags: str, payload: str = "", *, from_asker: bool = True) -> bool:
        """Send a segment on a leg; whether it came to the other end."""
        leg = self.legs[number]
        if from_asker:
            packet = replace(leg.sent, flags=flags, mark=0, ttl=64)
            ending = self._carry(leg.asker, packet, THERE, number, payload)
            return ending is not None and ending.flight.host == leg.server
        ending = self._carry(leg.server, answer_to(leg.seen, flags), BACK, number, payload)
        return ending is not None and ending.flight.host == leg.asker

    def _carry(
        self, host: str, packet: Packet, direction: str, number: int, payload: str = ""
    ) -> Ending | None:
        """Walk one packet; the ending where it was delivered, None where it was lost."""
        session = self.session
        flight = Flight(
            packet, host, direction, arrived=packet, memories=session.memories, chosen=self._chosen()
        )
        endings = list(carry(self.net, flight))
        ending = session.random.choices(endings, [float(e.flight.probability) for e in endings])[0]
        session.memories = ending.flight.memories
        last = ending.flight
        closed = last.closed(self.net.host(last.host).kind, "", ended=ending.reason or "delivered")
        self._note(closed.hops, number, payload)
        return ending if ending.kind == DELIVERED else None

    def _chosen(self) -> Mapping[str, str]:
        """What the balancer's fabric chose for this connection."""
        node = entered(self.path.hops)
        if not node:
            return {}
        first = self.path.hops[0].packet
        return {first.destination: self.session.cluster.nodes[node].address(first.family)}


def target(address: str, port: int) -> str:
    """`ADDRESS:PORT` as `trace` reads it."""
    return endpoint_text(address, port)
