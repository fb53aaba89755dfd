"""Carry a packet from host to host until it is delivered, answered, or lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from svcnotes.netfilter.conntrack import Connection, Conntrack
from svcnotes.netfilter.context import Context
from svcnotes.netfilter.recent import Recent
from svcnotes.netfilter.ruleset import Ruleset
from svcnotes.netfilter.walk import Walk
from svcnotes.netfilter.walker import walk
from svcnotes.network.interim.host import Host, Route, within
from svcnotes.network.hop import Hop
from svcnotes.network.interim.topology import Topology
from svcnotes.packet import Packet, Step

PORT_UNREACHABLE = {4: "icmp-port-unreachable", 6: "icmp6-port-unreachable"}
NET_UNREACHABLE = {4: "icmp-net-unreachable", 6: "icmp6-no-route"}
HOST_UNREACHABLE = {4: "icmp-host-unreachable", 6: "icmp6-addr-unreachable"}
TIME_EXCEEDED = {4: "icmp-ttl-exceeded", 6: "icmp6-hop-limit-exceeded"}


@dataclass(frozen=True, slots=True)
class Memory:
    """What hosts remember, each by name: connections and recent lists."""

    conntracks: Mapping[str, Conntrack] = field(default_factory=dict)
    recents: Mapping[str, Recent] = field(default_factory=dict)

    def after(self, host: str, walked: Walk) -> Memory:
        """The memory after a walk on that host."""
        return Memory({**self.conntracks, host: walked.conntrack}, {**self.recents, host: walked.recent})


@dataclass(frozen=True, slots=True)
class Landing:
    """Where one way of a packet ended.

    `event`: delivered (to a process on `host`), lost, answered (the host itself sends `answer`
    back), blocked (the sender's own host let it not out; `answer` if it was told), gone (it left
    for an address that no host here has). `reason` is one sentence.
    """

    event: str
    host: str
    packet: Packet
    probability: Fraction
    hops: tuple[Hop, ...]
    memory: Memory
    reason: str = ""
    answer: Packet | None = None
    connection: Connection | None = None
    rejected: bool = False


@dataclass(frozen=True, slots=True)
class _Way:
    """A packet that has just come to a host, and how it got there."""

    host: str
    interface: str
    packet: Packet
    probability: Fraction
    hops: tuple[Hop, ...]
    memory: Memory
    sender: str = ""
    connection: Connection | None = None


@dataclass(frozen=True)
class Carrier:
    """The network at work: hosts, the rules of each, what the router holds, what is broken.

    `rules(host)` is the host's Ruleset, None for hosts without rules. `unclaimed(address)` tells
    what the router does with an address that it has no route to: `held` or `no-route`.
    """

    topology: Topology
    rules: Callable[[str], Ruleset | None]
    hairpin_off: frozenset[str] = frozenset()
    direction: str = "there"
    time: float = 0.0
    held: frozenset[str] = frozenset()

    def send(self, host: str, packet: Packet, memory: Memory, connection: Connection | None = None) -> tuple[Landing, ...]:
        """Send a packet that a process (or the kernel) on `host` has made; every way it may take.

        `connection` is conntrack's note for an answer that the kernel itself makes.
        """
        landings: list[Landing] = []
        start = _Way(host, "", packet, Fraction(1), (), memory, connection=connection)
        todo: list[_Way | Landing] = list(self._leave(start))
        while todo:
            item = todo.pop()
            if isinstance(item, Landing):
                landings.append(item)
            else:
                todo += self._arrive(item)
        landings.reverse()
        return tuple(landings)

    # a packet made on a host

    def _leave(self, way: _Way) -> Iterator[_Way | Landing]:
        host = self.topology.hosts[way.host]
        packet = way.packet
        if not host.owner(packet.destination) and host.route(packet.destination) is None:
            yield self._gone(way, packet, (), f"{host.name} has no route to {packet.destination}")
            return
        ruleset = self.rules(host.name)
        if ruleset is None:
            yield from self._out(way, host, packet, (), None)
            return
        out = self._out_interface(host, packet)
        for walked in self._walk(ruleset, host, "OUTPUT", way, packet, out_interface=out):
            now = self._next(way, host, walked)
            if walked.verdict != "accept":
                yield self._stopped(now, host, walked, (), at_sender=True)
                continue
            yield from self._post(ruleset, now, host, walked.packet, walked.steps, walked.connection)

    # a packet that comes to a host

    def _arrive(self, way: _Way) -> Iterator[_Way | Landing]:
        host = self.topology.hosts[way.host]
        if host.kind in ("outside", "pod"):
            yield self._end_host(way, host)
        elif host.kind == "router":
            yield from self._route_on(way, host)
        else:
            yield from self._node(way, host)

    def _end_host(self, way: _Way, host: Host) -> Landing:
        packet = way.packet
        if host.owner(packet.destination):
            return self._landing("delivered", way, packet, (self._step("socket", "delivered to the process", packet, "deliver"),))
        return self._landing("lost", way, packet, (), f"{host.name} does not hold {packet.destination}")

    def _route_on(self, way: _Way, host: Host) -> Iterator[_Way | Landing]:
        packet = way.packet
        if host.owner(packet.destination):
            yield self._landing("delivered", way, packet, ())
            return
        route = host.route(packet.destination)
        if route is None:
            yield self._gone(way, packet, (), f"no node is known to the router for {packet.destination}: the packet left the cluster")
            return
        if packet.ttl <= 1:
            yield self._answered(way, host, packet, (), TIME_EXCEEDED, "the packet went round in a loop until its time to live was used up")
            return
        on = replace(packet, ttl=packet.ttl - 1)
        hop_via = route.via or packet.destination
        step = self._step("routing", f"{packet.destination} is reached through {hop_via}", packet, "forward", on)
        yield from self._out(way, host, on, (step,), route)

    def _node(self, way: _Way, host: Host) -> Iterator[_Way | Landing]:
        ruleset = self.rules(host.name)
        packet = way.packet
        if way.interface != "lo" and within(packet.source, "127.0.0.0/8"):
            yield self._landing("lost", way, packet, (), f"{host.name} drops a packet from 127.0.0.0/8 that comes by wire: martian source")
            return
        if self._fails_reverse_path(host, way):
            yield self._landing("lost", way, packet, (), f"{host.name}: rp_filter drops the packet: the way back to {packet.source} is not {way.interface}")
            return
        if ruleset is None:
            yield from self._after_prerouting(None, way, host, packet, (), None)
            return
        for walked in self._walk(ruleset, host, "PREROUTING", way, packet, in_interface=way.interface):
            now = self._next(way, host, walked)
            if walked.verdict != "accept":
                yield self._stopped(now, host, walked, ())
                continue
            yield from self._after_prerouting(ruleset, now, host, walked.packet, walked.steps, walked.connection)

    def _after_prerouting(
        self, ruleset: Ruleset | None, way: _Way, host: Host, packet: Packet, steps: tuple[Step, ...], connection: Connection | None
    ) -> Iterator[_Way | Landing]:
        way = replace(way, connection=connection)
        if host.owner(packet.destination):
            if within(packet.destination, "127.0.0.0/8") and way.interface != "lo" and host.sysctl("net.ipv4.conf.all.route_localnet") != "1":
                yield self._landing("lost", way, packet, steps, f"{host.name} drops a packet to 127.0.0.0/8 that comes by wire: route_localnet is 0")
                return
            local = self._step("routing", f"{packet.destination} is an address of {host.name} itself: the packet stays", packet, "local")
            yield from self._input(ruleset, way, host, packet, (*steps, local))
            return
        route = host.route(packet.destination)
        if route is None:
            yield self._answered(way, host, packet, steps, NET_UNREACHABLE, f"{host.name} has no route to {packet.destination}")
            return
        if host.sysctl("net.ipv4.ip_forward", "1") == "0":
            yield self._landing("lost", way, packet, steps, f"{host.name} forwards nothing: ip_forward is 0")
            return
        if packet.ttl <= 1:
            yield self._answered(way, host, packet, steps, TIME_EXCEEDED, "the packet went round in a loop until its time to live was used up")
            return
        on = replace(packet, ttl=packet.ttl - 1)
        via = f" through {route.via}" if route.via else ""
        step = self._step("routing", f"{packet.destination} lies behind {route.interface}{via}: forward", packet, "forward", on)
        if ruleset is None:
            yield from self._out(way, host, on, (*steps, step), route)
            return
        for walked in self._walk(ruleset, host, "FORWARD", way, on, in_interface=way.interface, out_interface=route.interface):
            now = self._next(way, host, walked)
            if walked.verdict != "accept":
                yield self._stopped(now, host, walked, (*steps, step))
                continue
            yield from self._post(ruleset, now, host, walked.packet, (*steps, step, *walked.steps), walked.connection)

    def _input(self, ruleset: Ruleset | None, way: _Way, host: Host, packet: Packet, steps: tuple[Step, ...]) -> Iterator[Landing]:
        if ruleset is None:
            yield self._landing("delivered", way, packet, steps)
            return
        for walked in self._walk(ruleset, host, "INPUT", way, packet, in_interface=way.interface):
            now = self._next(way, host, walked)
            if walked.verdict != "accept":
                yield self._stopped(now, host, walked, steps)
                continue
            last = self._step("socket", f"handed to the processes of {host.name}", walked.packet, "deliver")
            yield self._landing("delivered", now, walked.packet, (*steps, *walked.steps, last))

    def _post(
        self, ruleset: Ruleset, way: _Way, host: Host, packet: Packet, steps: tuple[Step, ...], connection: Connection | None
    ) -> Iterator[_Way | Landing]:
        out = self._out_interface(host, packet)
        way = replace(way, connection=connection)
        for walked in self._walk(ruleset, host, "POSTROUTING", way, packet, out_interface=out):
            now = self._next(way, host, walked)
            if walked.verdict != "accept":
                yield self._stopped(now, host, walked, steps)
                continue
            yield from self._out(now, host, walked.packet, (*steps, *walked.steps), host.route(packet.destination))

    # onto the wire

    def _out(self, way: _Way, host: Host, packet: Packet, steps: tuple[Step, ...], route: Route | None) -> Iterator[_Way | Landing]:
        if host.owner(packet.destination):
            hop = self._hop(way, packet, steps, "lo")
            yield replace(way, interface="lo", packet=packet, hops=(*way.hops, hop), sender=host.name)
            return
        route = route or host.route(packet.destination)
        if route is None:
            yield self._gone(way, packet, steps, f"{host.name} has no route to {packet.destination}")
            return
        if within(packet.source, "127.0.0.0/8") and host.sysctl("net.ipv4.conf.all.route_localnet") != "1":
            yield self._landing("lost", way, packet, steps, f"{host.name} sends nothing from 127.0.0.0/8 by wire: route_localnet is 0")
            return
        leaving = replace(packet, mark=0)  # the mark is the host's own note: it is not on the wire
        interface = host.interface(route.interface)
        found = self.topology.neighbour(interface.segment, route.via or packet.destination)
        if found is None:
            yield self._answered(way, host, packet, steps, HOST_UNREACHABLE, f"nobody on {host.name}'s {interface.name} answers for {route.via or packet.destination}")
            return
        name, their_interface = found
        if name == way.sender and interface.name == way.interface and name in self.hairpin_off:
            yield self._landing("lost", way, packet, steps, f"{host.name}: the bridge does not send a frame back out of the port it came from (hairpin is off for {name})")
            return
        hop = self._hop(way, leaving, steps, interface.name)
        gone = _Way(name, their_interface, leaving, way.probability, (*way.hops, hop), way.memory, sender=host.name)
        receiver = self.topology.hosts[name]
        if host.kind == receiver.kind == "pod":
            yield from self._bridge(gone, interface.segment.removeprefix("pods "))
            return
        yield gone

    def _bridge(self, way: _Way, node: str) -> Iterator[_Way | Landing]:
        """A frame from pod to pod over a node's bridge: netfilter sees it only through br_netfilter."""
        host, ruleset = self.topology.hosts[node], self.rules(node)
        name = "net.bridge.bridge-nf-call-iptables" if way.packet.family == 4 else "net.bridge.bridge-nf-call-ip6tables"
        crossing = replace(way, host=node, interface="cni0")
        if ruleset is None or host.sysctl(name, "1") == "0":
            step = self._step("bridge", f"crosses the bridge cni0 without netfilter ({name}=0)", way.packet, "forward")
            hop = self._hop(crossing, way.packet, (step,), "cni0")
            yield replace(way, hops=(*way.hops, hop), sender=node)
            return
        step = self._step("bridge", f"crosses the bridge cni0; netfilter looks on ({name}=1)", way.packet, "forward")
        for first in self._walk(ruleset, host, "PREROUTING", crossing, way.packet, in_interface="cni0", bridged=True):
            now = self._next(crossing, host, first)
            if first.verdict != "accept":
                yield self._stopped(now, host, first, (step,))
                continue
            if first.packet.destination != way.packet.destination:
                yield from self._after_prerouting(ruleset, now, host, first.packet, (step, *first.steps), first.connection)
                continue
            for second in self._walk(
                ruleset, host, "FORWARD", replace(now, connection=first.connection), first.packet,
                in_interface="cni0", out_interface="cni0", bridged=True,
            ):  # fmt: skip
                then = self._next(now, host, second)
                if second.verdict != "accept":
                    yield self._stopped(then, host, second, (step, *first.steps))
                    continue
                yield from self._post(ruleset, then, host, second.packet, (step, *first.steps, *second.steps), second.connection)

    # small things

    def _walk(
        self, ruleset: Ruleset, host: Host, hook: str, way: _Way, packet: Packet, *,
        in_interface: str = "", out_interface: str = "", bridged: bool = False,
    ) -> tuple[Walk, ...]:  # fmt: skip
        def masquerade(leaving: Packet, interface: str) -> str | None:
            route = host.route(leaving.destination)
            return host.address_toward(interface, (route.via if route else "") or leaving.destination) or None

        context = Context(
            in_interface=in_interface,
            out_interface=out_interface,
            bridged=bridged,
            address_type=host.address_type,
            masquerade_address=masquerade,
            time=self.time,
            recent=way.memory.recents.get(host.name, Recent()),
            conntrack=way.memory.conntracks.get(host.name, Conntrack()),
            connection=way.connection,
        )
        return walk(ruleset, hook, packet, context)

    def _next(self, way: _Way, host: Host, walked: Walk) -> _Way:
        return replace(
            way,
            probability=way.probability * walked.probability,
            memory=way.memory.after(host.name, walked),
            connection=walked.connection,
        )

    def _out_interface(self, host: Host, packet: Packet) -> str:
        if host.owner(packet.destination):
            return "lo"
        route = host.route(packet.destination)
        return route.interface if route else ""

    def _fails_reverse_path(self, host: Host, way: _Way) -> bool:
        if host.sysctl("net.ipv4.conf.all.rp_filter") != "1" or way.interface == "lo" or way.packet.family == 6:
            return False
        route = host.route(way.packet.source)
        return route is None or route.interface != way.interface

    def _stopped(self, way: _Way, host: Host, walked: Walk, steps: tuple[Step, ...], *, at_sender: bool = False) -> Landing:
        last = walked.steps[-1] if walked.steps else None
        where = f"{last.chain} rule {last.number}" if last and last.number else f"the policy of {last.chain}" if last else "conntrack"
        verb = "rejected" if walked.verdict == "reject" else "dropped"
        reason = f"{host.name}: {where} {verb} the packet{_comment(last)}"
        answer = self._refusal(host, walked) if walked.verdict == "reject" else None
        event = "blocked" if at_sender else "answered" if answer else "lost"
        landing = self._landing(event, way, walked.packet, (*steps, *walked.steps), reason)
        note = walked.connection.related_back() if walked.connection else None
        return replace(landing, answer=answer, rejected=answer is not None, connection=note)

    def _refusal(self, host: Host, walked: Walk) -> Packet:
        packet = walked.packet
        if walked.reject_with == "tcp-reset":
            return Packet("tcp", packet.destination, packet.destination_port, packet.source, packet.source_port, "RST,ACK")
        return self._error(host, packet, walked.reject_with)

    def _error(self, host: Host, packet: Packet, icmp: str) -> Packet:
        """An ICMP error from this host: from the address dialled if that is its own (icmp_send)."""
        source = packet.destination if host.owner(packet.destination) else host.source_for(packet.source)
        return Packet("icmp", source, 0, packet.source, 0, icmp=icmp, inner=replace(packet, mark=0))

    def _answered(self, way: _Way, host: Host, packet: Packet, steps: tuple[Step, ...], kinds: Mapping[int, str], reason: str) -> Landing:
        answer = self._error(host, packet, kinds[packet.family])
        note = way.connection.related_back() if way.connection else None
        return replace(self._landing("answered", way, packet, steps, reason), answer=answer, connection=note)

    def _gone(self, way: _Way, packet: Packet, steps: tuple[Step, ...], reason: str) -> Landing:
        return self._landing("gone", way, packet, steps, reason)

    def _landing(self, event: str, way: _Way, packet: Packet, steps: tuple[Step, ...], reason: str = "") -> Landing:
        hop = replace(self._hop(way, packet, steps, ""), leaves=None, ended=reason)
        return Landing(event, way.host, packet, way.probability, (*way.hops, hop), way.memory, reason)

    def _hop(self, way: _Way, leaves: Packet, steps: tuple[Step, ...], out: str) -> Hop:
        host = self.topology.hosts[way.host]
        kind = "client" if host.name == "client" else host.kind
        return Hop(host.name, kind, self.direction, way.packet, leaves, steps, way.interface, out)

    def _step(self, table: str, text: str, before: Packet, verdict: str, after: Packet | None = None) -> Step:
        return Step("", table, "", text, before, after or before, verdict)


def _comment(step: Step | None) -> str:
    """The rule's own words, where it has any: `default/web has no endpoints`."""
    if step is None or "--comment" not in step.rule:
        return ""
    text = step.rule.split("--comment ", 1)[1]
    quoted = text[1:].split('"', 1)[0] if text.startswith('"') else text.split(" ", 1)[0]
    return f": {quoted}"
