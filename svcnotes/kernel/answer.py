"""What came of a real question, in the words of `svcnotes.trace.Path`."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from svcnotes.kernel.blueprint import WORLD
from svcnotes.kernel.hops import hop
from svcnotes.kernel.lab import Asked
from svcnotes.kernel.sorting import packet_of
from svcnotes.kernel.visits import Visit, visits
from svcnotes.network.errors_home import NO_ROUTE, PORT_UNREACHABLE
from svcnotes.network.flight import BACK, THERE
from svcnotes.network.hop import Hop
from svcnotes.network.sockets import listener
from svcnotes.packet import Packet
from svcnotes.trace import Path

CONNECTED, REFUSED, TIMEOUT, UNREACHABLE, EXTERNAL = (
    "connected",
    "refused",
    "timeout",
    "unreachable",
    "external",
)
_NO_WAY = {"ENETUNREACH": "enetunreach", "EHOSTUNREACH": "enetunreach", "EINVAL": "enetunreach"}


@dataclass(frozen=True)
class _End:
    outcome: str
    how: str = ""
    icmp_from: str = ""
    reason: str = ""


def path(asked: Asked, found: dict[str, Any], probability: Fraction = Fraction(1)) -> Path:
    """What the worker heard of one question, as a Path; `probability` is the share that it stands for."""
    stays = visits(found)
    there = [stay for stay in stays if stay.direction == THERE]
    gone = any(stay.host == WORLD for stay in stays)
    hops = tuple(
        _last(hop(asked.net, stay))
        if after is not None and after.host == WORLD
        else hop(asked.net, stay, _heard(asked, found, stay) if after is None else None)
        for stay, after in zip(stays, [*stays[1:], None], strict=False)
        if stay.host != WORLD
    )
    end = _end(asked, found, hops, lost=any(s.host == WORLD for s in there))
    hops = tuple(
        replace(one, ended=end.reason) if one.leaves is None and one is hops[-1] else one for one in hops
    )
    at, seen = _taken(asked, there, hops, served=bool(found["served"]))
    process = listener(asked.net, at, seen) if seen is not None else None
    answered = process is not None and (end.outcome in (CONNECTED, TIMEOUT) or bool(end.icmp_from))
    if process is not None and answered:
        took = f"{process.pod or process.name} took it"
        hops = tuple(
            replace(one, ended=took) if one.leaves is None and one.direction == THERE else one for one in hops
        )
    if found["event"] == "answer" and asked.protocol in ("tcp", "udp"):
        # A datagram, and what comes over an open connection, begins with the question's token.
        owner, at, source, port = json.loads(found["text"][found["text"].index("[") :])
        pod = owner if owner in asked.net.cluster.pods else None
        return Path(
            CONNECTED, probability, pod=pod, answered_by=at, source_seen=source, source_port_seen=port,
            reason=f"{owner} answered", hops=hops,
        )  # fmt: skip
    status, body = _page(asked, found)
    closed = at if at in asked.net.cluster.pods else None
    return Path(
        outcome=end.outcome,
        probability=probability,
        how=end.how,
        icmp_from=end.icmp_from,
        pod=(process.pod if process else None) if answered else closed,
        answered_by=at if answered or closed else "",
        source_seen=seen.source if answered and seen else None,
        source_port_seen=seen.source_port if answered and seen else None,
        reason=end.reason + (" (it left the cluster)" if gone and end.outcome == EXTERNAL else ""),
        hops=hops,
        status=status,
        body=body,
    )


def _heard(asked: Asked, found: dict[str, Any], stay: Visit) -> Packet | None:
    """The answer as the asker's socket took it, which takes it only from the end that it asked.

    So whatever INPUT's rules saw, conntrack made it that (nf_nat's hook in INPUT comes after them).
    """
    if found["event"] not in ("answer", "error") or (stay.host, stay.direction) != (asked.host, BACK):
        return None
    if not stay.rules or stay.rules[-1]["hook"] != "INPUT":
        return None
    last = packet_of(stay.rules[-1]["packet"])
    if last.inner is None:
        return replace(last, source=asked.address, source_port=asked.port)
    if not found["icmp_from"]:
        return None
    inner = replace(last.inner, destination=asked.address, destination_port=asked.port)
    return replace(last, source=found["icmp_from"], inner=inner)


def _last(left: Hop) -> Hop:
    """The stay of a packet that went out into the world: nobody knows more of it."""
    return replace(left, leaves=None, ended="it left for an address that is nobody's here")


def _taken(
    asked: Asked, stays: list[Visit], hops: tuple[Hop, ...], *, served: bool
) -> tuple[str, Packet | None]:
    """The host whose sockets the packet came up to, and the packet as they saw it; none where it ended on the way.

    Where a host has rules, its INPUT saw the packet last; what routing drops (a martian, rp_filter) never comes there,
    and nobody answers it.
    """
    there = [one for one in hops if one.direction == THERE]
    if not there or there[-1].leaves is not None:
        return "", None
    last, stay = there[-1], stays[-1]
    verdict = last.steps[-1].verdict if last.steps else ""
    packet = packet_of(stay.rules[-1]["packet"]) if stay.rules else last.packet
    if verdict in ("drop", "reject") or not asked.net.host(last.host).is_local(packet.destination):
        return "", None
    if stay.rules and stay.rules[-1]["hook"] != "INPUT":
        return "", None
    spoke = any(one.host == last.host and one.direction == BACK for one in hops)
    return (last.host, packet) if spoke or served else ("", None)


def _end(asked: Asked, found: dict[str, Any], hops: tuple[Hop, ...], *, lost: bool) -> _End:
    event = found["event"]
    if event == "answer":
        return _End(CONNECTED, reason="the asker has its answer")
    if event == "send-error":
        return _refused_at_home(found, hops)
    if event == "not-asked":
        return _End(UNREACHABLE, "enetunreach", reason=f"no packet could be made: {found['errno']}")
    if event == "timeout":
        if lost:
            return _End(
                EXTERNAL, reason="the router sent it out into the world, to an address that nobody has here"
            )
        said = (one.packet for one in hops if one.kind == "router" and one.packet.icmp in NO_ROUTE.values())
        if any(error.inner and not asked.net.is_somebody(error.inner.destination) for error in said):
            return _End(EXTERNAL, reason="the router knows no way to it, and its word of that was lost")
        return _End(TIMEOUT, reason=f"no answer within {found['took']:.3g} s")
    if not found["icmp"]:
        if found["errno"] in _NO_WAY:
            return _End(UNREACHABLE, "enetunreach", reason="the asker has no route")
        how = "rst" if asked.protocol in ("tcp", "http") else "abort"
        return _End(REFUSED, how, reason="the port is closed: the host answers RST")
    return _by_icmp(asked, found, hops)


def _by_icmp(asked: Asked, found: dict[str, Any], hops: tuple[Hop, ...]) -> _End:
    icmp, sender = found["icmp"], found["icmp_from"]
    reason = f"{sender} answers {icmp}"
    if icmp in PORT_UNREACHABLE.values():
        return _End(REFUSED, icmp, sender, reason)
    there = [one for one in hops if one.direction == THERE]
    last = there[-1].steps[-1].after if there and there[-1].steps else there[-1].packet if there else None
    if icmp in NO_ROUTE.values() and last is not None and not asked.net.is_somebody(last.destination):
        return _End(EXTERNAL, icmp, sender, reason)
    return _End(UNREACHABLE, icmp, sender, reason)


def _refused_at_home(found: dict[str, Any], hops: tuple[Hop, ...]) -> _End:
    """send() itself fails: by EPERM where a rule of the host stopped the packet, else for want of a route."""
    if found["errno"] != "EPERM":
        return _End(
            UNREACHABLE, _NO_WAY.get(found["errno"], found["errno"].lower()), reason="the asker has no route"
        )
    rejected = any(step.verdict == "reject" for one in hops[:1] for step in one.steps)
    return _End(REFUSED if rejected else TIMEOUT, "eperm", reason="send() fails with EPERM")


def _page(asked: Asked, found: dict[str, Any]) -> tuple[int | None, dict[str, Any] | None]:
    """The status and the body of a health check's answer."""
    if asked.protocol != "http" or found["event"] != "answer" or not found["text"].startswith("HTTP/"):
        return None, None
    head, _, body = found["text"].partition("\r\n\r\n")
    return int(head.split()[1]), json.loads(body) if body else None
