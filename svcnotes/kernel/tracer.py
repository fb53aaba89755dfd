"""Put a question to the real kernel, and give the same Trace as the simulation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError
from svcnotes.kernel.answer import EXTERNAL, TIMEOUT, path
from svcnotes.kernel.lab import DEADLINE, Asked, Lab
from svcnotes.kube_proxy.modes import DEFAULT, mode_named
from svcnotes.network.asker import asker
from svcnotes.network.names import target
from svcnotes.packet import endpoint_text
from svcnotes.trace import PROTOCOLS, SOURCE_PORT, Path, Trace, first_packet, network_of

PACKETS = 12  # with three endpoints, 98 times in 100 each of them is met
LISTEN = 0.2  # seconds; an answer in the lab takes a hundredth of that
SILENT = 3  # after so many packets without an answer no more are sent: each costs the whole time


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
    mode = mode_named(cluster.proxy.mode if proxy_mode is None else proxy_mode).name
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
    packets: int = PACKETS,
    deadline: float = LISTEN,
    remember: bool = False,
) -> Trace:
    """Send real packets, one after the other, and give a Trace with a path for each way that they went.

    The questions are those of `svcnotes.trace`; each address of a name is asked in turn. The kernel throws its own
    dice: a path's probability is the share of the packets that went so (`Trace.packets`, `Trace.share`), its hops and
    rules are those of the first of them. `lab` is one to ask in, which stays up; None makes one and takes it down.
    `deadline` in seconds is how long silence is listened to. Each question finds hosts that remember nothing; with
    `remember` they keep what they know, and flows that are open stay open. Raises QuestionError for what is not
    there, KernelError where no lab can be.
    """
    if lab is None:
        with Lab() as own:
            return trace(
                cluster, source, to, protocol, via, proxy_mode, lab=own, packets=packets, deadline=deadline
            )
    asked = questions(cluster, source, to, protocol, via, proxy_mode)
    if not asked:
        raise QuestionError(
            f"to {to}: the name leads outside this world; the kernel lab has nobody to send to"
        )
    every = list(_sent(lab, asked, packets, deadline, remember=remember))
    first = asked[0]
    return Trace(
        source=source,
        to=to,
        protocol=first.protocol,
        proxy_mode=first.net.proxy_mode or DEFAULT,
        source_address=every[0].hops[0].packet.source if every[0].hops else first.source,
        destination=_destination(first),
        via=via,
        paths=tuple(_counted(every)),
        packets=len(every),
    )


def _destination(asked: Asked) -> str:
    return endpoint_text(asked.address, asked.port) if asked.port else asked.address


def _sent(lab: Lab, asked: list[Asked], packets: int, deadline: float, *, remember: bool) -> Iterator[Path]:
    """The ways of the packets, round by round: one to each address."""
    sent = silent = 0
    while sent < packets and silent < SILENT:
        quiet = False
        for one in asked:
            found = once(lab, one, deadline, remember=remember)
            quiet |= found.outcome in (TIMEOUT, EXTERNAL) and not found.icmp_from
            yield found
        sent, silent = sent + len(asked), silent + quiet


def once(lab: Lab, asked: Asked, deadline: float = DEADLINE, *, remember: bool = False) -> Path:
    """Ask one time; the path has the probability 1."""
    return path(asked, lab.ask(asked, deadline=deadline, remember=remember))


def _counted(every: list[Path]) -> Iterator[Path]:
    """One path for each way, with its share; in the order of the Pods' names, whichever the dice met first."""
    ways: dict[tuple[object, ...], list[Path]] = {}
    for one in every:
        end = (one.outcome, one.how, one.icmp_from, one.pod, one.answered_by, one.source_seen)
        ways.setdefault(end, []).append(one)
    for alike in sorted(ways.values(), key=lambda way: (way[0].pod or way[0].answered_by, way[0].outcome)):
        yield replace(alike[0], probability=Fraction(len(alike), len(every)))
