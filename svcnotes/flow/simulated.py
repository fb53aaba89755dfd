"""An open flow in the simulation: every moment is a value, and every way that the next packet may go is told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError
from svcnotes.flow.event import CHANGED, OPENED, SENT, Event, Moments, flow_protocol
from svcnotes.network.asker import asker
from svcnotes.network.carry import carry
from svcnotes.network.conversation import converse
from svcnotes.network.flight import DELIVERED, THERE, Flight, Leg, Memory
from svcnotes.network.legs import entered, legs
from svcnotes.network.plan import ended
from svcnotes.network.resync import Memories, resync
from svcnotes.network.topology import Topology
from svcnotes.packet import Packet
from svcnotes.trace import SOURCE_PORT, Path, Trace, network_of, read_path, trace


@dataclass(frozen=True, slots=True)
class Flow(Moments):
    """An open flow: who asked for what, what the hosts remember now, and how it went so far.

    `path` is the way of the last packet sent, `event` what happened last, `past` the flow before that.
    Every method leaves this value as it is and gives another.
    """

    cluster: Cluster = field(repr=False)
    source: str
    to: str
    protocol: str
    via: str | None
    proxy_mode: str
    source_port: int
    now: float
    path: Path = field(repr=False)
    memories: Memories = field(repr=False)
    held: tuple[Leg, ...] = field(repr=False)
    chosen: Mapping[str, str] = field(repr=False, default_factory=dict)
    event: Event = field(repr=False, default_factory=lambda: Event(0.0, OPENED))
    past: Flow | None = field(repr=False, default=None)

    def _holder(self) -> str | None:
        """The Pod at the end of this flow: the last that got a packet of it."""
        return next((e.path.pod for e in reversed(self.story) if e.path and e.path.pod), None)

    def next(self) -> Trace:
        """Every way that the next packet of this flow may go, with exact chances; nothing is sent yet.

        Of TCP it is a segment with data, which only the process that holds the connection takes; of UDP
        one more datagram from the same port. An outcome `refused` with `how` rst of an open TCP
        connection is what programs call `connection reset by peer`.
        """
        net, sent = self._network(), self.held[0].sent
        flags = "PSH,ACK" if self.protocol == "tcp" else ""
        first = _flight(replace(sent, flags=flags, mark=0, ttl=64), self.held[0].asker, self)
        paths = tuple(read_path(net, result, self.protocol) for result in converse(net, first))
        return Trace(
            source=self.source,
            to=self.to,
            protocol=self.protocol,
            proxy_mode=self.proxy_mode,
            source_address=sent.source,
            destination=sent.destination_text,
            via=self.via,
            paths=paths,
        )

    def send(self, pod: str | None = None) -> Flow:
        """The flow after its next packet; where it may go several ways, to `pod`, else the likeliest, the first of them.

        Raises QuestionError for a Pod that this packet cannot reach.
        """
        ways = self.next().paths
        path = _picked(ways, pod, "the next packet")
        event = Event(self.now, SENT, path, len(ways))
        found = tuple(legs(path.hops))
        # A datagram that went elsewhere goes on there; of TCP the ends of a connection stay.
        held = found if found and self.protocol != "tcp" else self.held
        return replace(
            self,
            path=path,
            memories=path.memories or self.memories,
            held=held,
            chosen=_chosen(self.cluster, path) or self.chosen,
            event=event,
            past=self,
        )

    def after(self, cluster: Cluster, seconds: float = 0.0, note: str = "") -> Flow:
        """The flow when the cluster has changed: kube-proxy has synced on every node, `seconds` have passed.

        `note` says in the story what changed. Raises QuestionError for a time that runs back.
        """
        if not seconds >= 0:
            raise QuestionError(f"after: {seconds} seconds cannot pass; give a number of at least 0")
        now = self.now + seconds
        done = resync(self.cluster, cluster, self.memories, self.proxy_mode, now)
        event = Event(now, CHANGED, note=note, entries=done.entries, lists=done.lists)
        return replace(
            self,
            cluster=cluster,
            now=now,
            memories=done.memories,
            held=_still_held(self.held, self._holder(), cluster),
            event=event,
            past=self,
        )

    def another(
        self,
        to: str | None = None,
        protocol: str | None = None,
        via: str | None = None,
        source: str | None = None,
    ) -> Trace:
        """A new flow from the same source (from another port), by what the hosts remember now.

        Where the first packet of this one may go; `to`, `protocol`, `via` and `source` are this flow's
        where not given. Raises what `trace` raises.
        """
        return trace(
            self.cluster,
            self.source if source is None else source,
            self.to if to is None else to,
            self.protocol if protocol is None else protocol,
            self.via if via is None and to is None else via,
            self.proxy_mode,
            source_port=self.source_port % 65535 + 1,
            now=self.now,
            memories=self.memories,
        )

    def with_handshake(self) -> Flow:
        """The third packet of the handshake on each leg: now every host on the way knows the connection as made."""
        net, memories = self._network(), self.memories
        for leg in self.held:
            packet = replace(leg.sent, flags="ACK", mark=0, ttl=64)
            first = replace(_flight(packet, leg.asker, self), memories=memories)
            endings = list(carry(net, first))
            ending = next((one for one in endings if one.kind == DELIVERED), endings[0])
            memories = ending.flight.memories
        return replace(self, memories=memories)

    def _network(self) -> Topology:
        return network_of(
            self.cluster,
            asker(self.cluster, self.source),
            self.held[0].sent.destination,
            self.via,
            self.proxy_mode,
            self.now,
        )


def open(  # noqa: A001 - said as `svcnotes.flow.open`, the word for it
    cluster: Cluster,
    source: str,
    to: str,
    protocol: str = "tcp",
    via: str | None = None,
    proxy_mode: str | None = None,
    *,
    pod: str | None = None,
    source_port: int = SOURCE_PORT,
    now: float = 0.0,
    memories: Mapping[tuple[str, int], Memory] | None = None,
) -> Flow:
    """Open a flow from `source` to `to`: of TCP the handshake, of UDP the first datagram and its answer.

    Arguments as for `trace`; `protocol` is tcp or udp. Where several Pods may get it, `pod`
    (`namespace/name`) says which one did; else it is the likeliest, the first of them. Raises QuestionError
    where no way leads to an answer, or none to that Pod.
    """
    protocol = flow_protocol(protocol)
    found = trace(
        cluster, source, to, protocol, via, proxy_mode, source_port=source_port, now=now, memories=memories
    )
    ways = [path for path in found.paths if path.outcome == "connected"]
    if not ways:
        why = found.paths[0].reason
        raise QuestionError(f"no flow from {source} to {to} can be opened: {why}")
    path = _picked(ways, pod, "the first packet")
    opened = Flow(
        cluster=cluster,
        source=source,
        to=to,
        protocol=protocol,
        via=via,
        proxy_mode=found.proxy_mode,
        source_port=source_port,
        now=now,
        path=path,
        memories=path.memories or {},
        held=tuple(legs(path.hops)),
        chosen=_chosen(cluster, path),
        event=Event(now, OPENED, path, len(found.paths)),
    )
    return opened.with_handshake() if protocol == "tcp" else opened


def _picked(ways: Iterable[Path], pod: str | None, what: str) -> Path:
    """The way to a Pod, else the likeliest, the first of them."""
    every = list(ways)
    likeliest = max(every, key=lambda path: path.probability)
    if pod is None:
        return likeliest
    there = [path for path in every if path.pod == pod]
    if not there:
        can = ", ".join(dict.fromkeys(path.pod or path.answered_by or path.outcome for path in every))
        raise QuestionError(f"pod {pod!r}: {what} of the flow does not get there; it may get to: {can}")
    return max(there, key=lambda path: path.probability)


def _flight(packet: Packet, host: str, flow: Flow) -> Flight:
    return Flight(
        packet,
        host,
        THERE,
        Fraction(1),
        arrived=packet,
        memories=flow.memories,
        chosen=flow.chosen,
        held=flow.held,
    )


def _chosen(cluster: Cluster, path: Path) -> dict[str, str]:
    """What a balancer's fabric chose for the first packet: it keeps to it, packet by packet."""
    node = entered(path.hops)
    if not node:
        return {}
    first = path.hops[0].packet
    return {first.destination: cluster.nodes[node].address(first.family)}


def _still_held(held: tuple[Leg, ...], pod: str | None, cluster: Cluster) -> tuple[Leg, ...]:
    """The legs; the last has nobody at its end where the Pod that held it is gone, or has ended."""
    now = cluster.pods.get(pod) if pod else None
    if pod is None or (now is not None and not ended(now)):
        return held
    return (*held[:-1], replace(held[-1], server=""))
