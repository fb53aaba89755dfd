"""Put a question to the real kernel, and give the same Trace as the simulation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError
from svcnotes.kernel.answer import TIMEOUT, path
from svcnotes.kernel.lab import DEADLINE, Asked, Lab
from svcnotes.kube_proxy.modes import DEFAULT, writer
from svcnotes.network.asker import asker
from svcnotes.network.names import target
from svcnotes.trace import PROTOCOLS, SOURCE_PORT, Path, Trace, first_packet, network_of

TRIES = 12
QUIET = 2  # silence twice is silence: each costs the whole deadline


def questions(
    cluster: Cluster,
    source: str,
    to: str,
    protocol: str = "tcp",
    via: str | None = None,
    proxy_mode: str | None = None,
) -> list[Asked]:
    """The question for each address that the name may mean; raises QuestionError as `svcnotes.trace` does."""
    protocol = protocol.lower() if isinstance(protocol, str) else protocol
    if protocol not in PROTOCOLS or protocol == "sctp":
        raise QuestionError(f"engine kernel: protocol {protocol!r}: the lab speaks tcp, udp, http and icmp")
    if via is not None and via not in cluster.nodes:
        raise QuestionError(f"via {via!r}: the cluster has no such Node; it has: {', '.join(cluster.nodes)}")
    mode = (cluster.proxy.mode if proxy_mode is None else proxy_mode) or DEFAULT
    writer(mode)
    if mode != "iptables":
        raise QuestionError(f"engine kernel: proxy mode {mode}: the kernel lab loads iptables rules only")
    who = asker(cluster, source)
    aim = target(cluster, to, who, ping=protocol == "icmp")
    found = []
    for address in aim.addresses:
        net = network_of(cluster, who, address, via, mode, 0.0)
        _, packet, host = first_packet(net, who, address, aim.port, protocol, SOURCE_PORT)
        bound = "" if who.host else packet.source
        found.append(Asked(net, host, bound, address, aim.port, protocol))
    return found


def trace(
    cluster: Cluster,
    source: str,
    to: str,
    protocol: str = "tcp",
    via: str | None = None,
    proxy_mode: str | None = None,
    *,
    lab: Lab | None = None,
    tries: int = TRIES,
    deadline: float = DEADLINE,
) -> Trace:
    """Ask the real kernel, `tries` times, and give what happened as a Trace.

    A path's probability is the share of the tries that went so; its hops and rules are those of the first
    of them. `lab` is one to ask in (it stays up); None makes one and takes it down. `deadline` in seconds is how
    long silence is listened to. Raises QuestionError for what is not there, KernelError where no lab can be.
    """
    if lab is None:
        with Lab() as own:
            return trace(
                cluster, source, to, protocol, via, proxy_mode,
                lab=own, tries=tries, deadline=deadline,
            )  # fmt: skip
    asked = questions(cluster, source, to, protocol, via, proxy_mode)
    if not asked:
        raise QuestionError(
            f"to {to}: the name leads outside this world; the kernel lab has nobody to send to"
        )
    first = asked[0]
    paths: list[Path] = []
    for one in asked:
        paths += _counted(list(_tried(lab, one, tries, deadline)), len(asked))
    return Trace(
        source=source,
        to=to,
        protocol=first.protocol,
        proxy_mode=first.net.proxy_mode or DEFAULT,
        source_address=paths[0].hops[0].packet.source if paths[0].hops else first.source,
        destination=_destination(first),
        via=via,
        paths=tuple(paths),
    )


def _destination(asked: Asked) -> str:
    if not asked.port:
        return asked.address
    return f"[{asked.address}]:{asked.port}" if ":" in asked.address else f"{asked.address}:{asked.port}"


def _tried(lab: Lab, asked: Asked, tries: int, deadline: float) -> Iterator[Path]:
    quiet = 0
    for number in range(tries):
        one = once(lab, asked, deadline)
        yield one
        quiet += one.outcome == TIMEOUT
        if quiet >= QUIET and quiet == number + 1:
            return


def once(lab: Lab, asked: Asked, deadline: float = DEADLINE) -> Path:
    """Ask one time; the path has the probability 1."""
    return path(asked, lab.ask(asked, deadline=deadline))


def _counted(paths: list[Path], addresses: int) -> Iterator[Path]:
    """One path for each way that it went, with its share of the tries."""
    kinds: dict[tuple[object, ...], list[Path]] = {}
    for one in paths:
        key = (one.outcome, one.how, one.icmp_from, one.pod, one.answered_by, one.source_seen)
        kinds.setdefault(key, []).append(one)
    for same in kinds.values():
        yield replace(same[0], probability=Fraction(len(same), len(paths) * addresses))
