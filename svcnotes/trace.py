"""One value that tells it all: `Trace` → `Path` (one for each endpoint) → `Hop` → `Step`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from svcnotes.collector import resting
from svcnotes.control_plane.cluster import Cluster
from svcnotes.copying import value
from svcnotes.errors import QuestionError
from svcnotes.kube_proxy import healthcheck
from svcnotes.kube_proxy.modes import mode_named
from svcnotes.network.asker import Asker, asker
from svcnotes.network.conversation import Result, converse
from svcnotes.network.flight import THERE, Flight, Memory
from svcnotes.network.hop import Hop
from svcnotes.network.names import Target, target
from svcnotes.network.outside import Via
from svcnotes.network.topology import Topology, topology
from svcnotes.packet import ECHO_REQUEST, Packet, Step, endpoint_text

__all__ = ["Hop", "Memory", "Path", "Trace", "to_json", "trace"]

SOURCE_PORT = 40112
PROTOCOLS = ("tcp", "udp", "sctp", "http", "icmp")
MOST_HOPS = 100_000
"""On all paths together: enough for ten thousand endpoints. Endpoints that lead to a Service again multiply without end."""


@value(frozen=True, slots=True)
class Path:
    """One way that the packet may go, with its exact probability.

    `outcome`: connected, refused, timeout, unreachable or external. `how` says by what:
    `rst`, `icmp-port-unreachable`, `icmp-net-unreachable`, `icmp-ttl-exceeded`, `icmp6-no-route`,
    `eperm`, ..., empty where there is nothing to add. `icmp_from` is the address that sent the
    ICMP error, empty without one. `pod` is `namespace/name` of the Pod that got the packet (also
    where its answer was lost, or nothing listens there), None where none did; `answered_by` is the
    host, or the closed Pod, that got it. `source_seen` is the source address that a process there saw, None
    where no process saw any. `reason` is one sentence: why it ended so, and where. `status` and
    `body` are a health check's. `memories` is what the hosts remember afterwards (by host and IP
    family): give it to the next `trace`.
    """

    outcome: str
    probability: Fraction
    how: str = ""
    icmp_from: str = ""
    pod: str | None = None
    answered_by: str = ""
    source_seen: str | None = None
    source_port_seen: int | None = None
    reason: str = ""
    hops: tuple[Hop, ...] = ()
    status: int | None = None
    body: Mapping[str, object] | None = None
    memories: Mapping[tuple[str, int], Memory] | None = None

    @property
    def not_understood(self) -> tuple[str, ...]:
        """Rules that stood on the way and are not understood, each with node, table, chain and what was made of it.

        Only text from elsewhere that was loaded with `strict=False` has such rules.
        """
        met = ((hop.host, step) for hop in self.hops for step in hop.steps if step.reason)
        said = (f"{host}, {step.table} {step.chain} rule {step.number}: {step.reason}" for host, step in met)
        return tuple(dict.fromkeys(said))

    def __str__(self) -> str:
        return "\n".join(_path_lines(self))


@value(frozen=True, slots=True)
class Trace:
    """A question and its exact answer: the probabilities of `paths` add up to 1.

    `source` and `to` are as asked; `source_address` and `destination` (`ADDRESS:PORT`, for a ping
    `ADDRESS`) as resolved;
    `via` the node that the router handed the packet to, if it was told. `packets` is how many real packets
    were sent: each probability is then the share of them that went so. It is 0 for a simulation.
    """

    source: str
    to: str
    protocol: str
    proxy_mode: str
    source_address: str
    destination: str
    via: str | None = None
    paths: tuple[Path, ...] = ()
    packets: int = 0

    def share(self, path: Path) -> str:
        """Write how likely a path is, `1/3`; how many of the real packets went so, `4 of 12`."""
        if not self.packets:
            return str(path.probability)
        return f"{path.probability * self.packets} of {self.packets}"

    def __str__(self) -> str:
        return "\n".join(_trace_lines(self))


@resting()
def trace(
    cluster: Cluster,
    source: str,
    to: str,
    protocol: str = "tcp",
    via: str | None = None,
    proxy_mode: str | None = None,
    *,
    source_port: int = SOURCE_PORT,
    now: float = 0.0,
    memories: Mapping[tuple[str, int], Memory] | None = None,
) -> Trace:
    """Follow one connection's first packet from `source` to `to`, and its answer back, every way it may go.

    `source` is an outside address, `client`, `pod/NAMESPACE/NAME` or `node/NAME`; `to` an address or
    a DNS name with a port (`[v6]:port`); `protocol` tcp, udp, sctp, http to ask a health check, or
    icmp to ping (`to` then has no port, and `source_port` is the ping's identifier);
    `via` the node that the router hands packets for `to` to; `proxy_mode` None the cluster's own.
    `source_port` is the asker's port, `now` the hosts' clock in seconds, `memories` what they
    remember of earlier questions (`Path.memories`). Raises QuestionError for what is not there,
    RuleError for rules that cannot be read.
    """
    protocol = protocol.lower() if isinstance(protocol, str) else protocol
    if protocol not in PROTOCOLS:
        raise QuestionError(f"protocol {protocol!r}: not one of {', '.join(PROTOCOLS)}")
    if via is not None and via not in cluster.nodes:
        raise QuestionError(f"via {via!r}: the cluster has no such Node; it has: {', '.join(cluster.nodes)}")
    if not 1 <= source_port <= 65535:
        raise QuestionError(f"source_port {source_port}: write a number from 1 to 65535")
    mode = mode_named(cluster.proxy.mode if proxy_mode is None else proxy_mode).name
    who = asker(cluster, source)
    aim = target(cluster, to, who, ping=protocol == "icmp")
    if not aim.addresses:
        return _unknown_alias(source, to, protocol, mode, via, who, aim)
    share = Fraction(1, len(aim.addresses))
    started = [
        first_packet(
            network_of(cluster, who, address, via, mode, now), who, address, aim.port, protocol, source_port
        )
        for address in aim.addresses
    ]
    paths = tuple(
        read_path(net, result, protocol)
        for net, packet, host in started
        for result in _bounded(
            to,
            converse(net, Flight(packet, host, THERE, share, arrived=packet, memories=memories or {})),
        )
    )
    first = started[0][1]
    return Trace(
        source=source,
        to=to,
        protocol=protocol,
        proxy_mode=mode,
        source_address=first.source,
        destination=first.destination_text,
        via=via,
        paths=paths,
    )


def _bounded(to: str, results: Iterator[Result]) -> Iterator[Result]:
    """The results, as long as they have not more than `MOST_HOPS` hops together; then QuestionError."""
    hops = 0
    for result in results:
        hops += len(result.flight.hops)
        if hops > MOST_HOPS:
            raise QuestionError(
                f"to {to}: a packet may go so many ways that they cannot all be told (more than {MOST_HOPS:,} hops). "
                "Does an endpoint lead to a nodePort or a Service again?"
            )
        yield result


def _unknown_alias(
    source: str, to: str, protocol: str, mode: str, via: str | None, who: Asker, aim: Target
) -> Trace:
    """An ExternalName of the outside world: where it leads is not for this world to say."""
    reason = (
        f"the name is an alias of {aim.alias}, which no host of this world is called. If nobody else is either, "
        "there is no address, and no packet sets out; if somebody is, give the World a host of that name"
    )
    path = Path("external", Fraction(1), reason=reason)
    to_text = endpoint_text(aim.alias, aim.port) if aim.port else aim.alias
    return Trace(source, to, protocol, mode, who.addresses[0], to_text, via, (path,))


def network_of(
    cluster: Cluster, who: Asker, address: str, via: str | None, mode: str, now: float
) -> Topology:
    """The network as a question of `who` to `address` sees it."""
    outside = "" if who.host else next(a for a in who.addresses if (":" in a) == (":" in address))
    return topology(cluster, mode, outside, Via(address, via) if via else None, now)


def first_packet(
    net: Topology, who: Asker, address: str, port: int, protocol: str, source_port: int
) -> tuple[Topology, Packet, str]:
    """The network, the first packet, and the host that sends it."""
    six = ":" in address
    name = who.host or net.outside_name(net.asker)
    host = net.host(name)
    route = host.route(address)
    source = net.asker or (host.source_for(address, route) if route and route.kind != "blackhole" else "")
    source = source or next(a for a in who.addresses if (":" in a) == six)
    transport = "tcp" if protocol == "http" else protocol
    flags = "SYN" if transport == "tcp" else ""
    icmp = ECHO_REQUEST[6 if six else 4] if transport == "icmp" else ""
    return net, Packet(transport, source, source_port, address, port, flags=flags, icmp=icmp), name


def read_path(net: Topology, result: Result, protocol: str) -> Path:
    """One way of a conversation, as the value that tells it."""
    served, flight = result.served, result.flight
    asked = protocol == "http" and result.outcome == "connected"
    answer = None
    if asked and served and served.by.pod is None and served.host in net.cluster.nodes:
        seen = served.seen
        answer = healthcheck.answer(
            net.cluster, served.host, seen.destination_port, seen.family, net.proxy_mode
        )
    return Path(
        outcome=result.outcome,
        probability=flight.probability,
        how=result.how,
        icmp_from=result.icmp_from,
        pod=served.by.pod if served else _pod_at(net, result.closed_at),
        answered_by=served.host if served else _pod_at(net, result.closed_at) or "",
        source_seen=served.seen.source if served else None,
        source_port_seen=served.seen.source_port if served else None,
        reason=result.reason,
        hops=flight.hops,
        status=answer.status if answer else None,
        body=answer.body if answer else None,
        memories=flight.memories,
    )


def _pod_at(net: Topology, host: str) -> str | None:
    return host if host in net.cluster.pods else None


def to_json(found: Trace) -> dict[str, Any]:
    """Give a trace as JSON's values; a probability is text such as `1/3`, a Pod `namespace/name`."""
    return {
        "source": found.source,
        "to": found.to,
        "protocol": found.protocol,
        "proxy_mode": found.proxy_mode,
        "source_address": found.source_address,
        "destination": found.destination,
        "via": found.via,
        "packets": found.packets,
        "paths": [_path_json(path) for path in found.paths],
    }


def _path_json(path: Path) -> dict[str, Any]:
    return {
        "probability": str(path.probability),
        "outcome": path.outcome,
        "how": path.how,
        "icmp_from": path.icmp_from,
        "pod": path.pod,
        "answered_by": path.answered_by,
        "source_seen": path.source_seen,
        "source_port_seen": path.source_port_seen,
        "reason": path.reason,
        "not_understood": list(path.not_understood),
        "status": path.status,
        "body": path.body,
        "hops": [_hop_json(hop) for hop in path.hops],
    }


def _hop_json(hop: Hop) -> dict[str, Any]:
    return {
        "host": hop.host,
        "kind": hop.kind,
        "direction": hop.direction,
        "packet": str(hop.packet),
        "leaves": None if hop.leaves is None else str(hop.leaves),
        "in_interface": hop.in_interface,
        "out_interface": hop.out_interface,
        "ended": hop.ended,
        "steps": [_step_json(step) for step in hop.steps],
    }


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "hook": step.hook,
        "table": step.table,
        "chain": step.chain,
        "number": step.number,
        "rule": step.rule,
        "element": step.element,
        "before": str(step.before),
        "after": str(step.after),
        "verdict": step.verdict,
        "passed": step.passed,
    }


def _trace_lines(found: Trace) -> Iterator[str]:
    via = f" via {found.via}" if found.via else ""
    sent = f", {found.packets} real packets" if found.packets else ""
    yield f"{found.source} → {found.to} ({found.protocol}{via}, {mode_named(found.proxy_mode).words}{sent})"
    for path in found.paths:
        yield from _path_lines(path, found.share(path))


def _path_lines(path: Path, share: str = "") -> Iterator[str]:
    how = f" ({path.how}{' from ' + path.icmp_from if path.icmp_from else ''})" if path.how else ""
    who = f", {path.pod or path.answered_by} sees {path.source_seen}" if path.source_seen else ""
    yield f"  {share or path.probability}: {path.outcome}{how}{who}"
    if path.reason:
        yield f"    {path.reason}"
    yield from (f"    {said}" for said in path.not_understood)
    if path.status is not None:
        yield f"    HTTP {path.status} {dict(path.body or {})}"
    for hop in path.hops:
        arrow = "→" if hop.direction == THERE else "←"
        changed = f"  ⇒  {hop.leaves}" if hop.leaves is not None and _moved(hop) else ""
        ended = f"  ({hop.ended})" if hop.ended and hop.ended != path.reason else ""
        yield f"    {arrow} {hop.host}: {hop.packet}{changed}{ended}"


def _moved(hop: Hop) -> bool:
    """Whether NAT changed the packet here (TTL and marks aside)."""
    return hop.leaves is not None and str(hop.leaves) != str(hop.packet)
