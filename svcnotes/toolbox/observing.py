"""What a packet leaves behind on its way: counters of rules, frames on interfaces, lines in a kernel's log."""

from __future__ import annotations

from collections.abc import Iterable

from svcnotes.network.hop import Hop
from svcnotes.network.host import LOOPBACK
from svcnotes.network.node_host import BRIDGE, node_host
from svcnotes.packet import Packet, Step
from svcnotes.toolbox.session import Frame, Session

PER_HOP, PER_INTERFACE = 0.000_025, 0.000_003
"""Seconds that a host takes for a packet: for the eye only, the model has no delays."""
_TABLES = ("raw", "mangle", "nat", "filter", "security")
IP_HEADER = {4: 20, 6: 40}


def datagram_bytes(packet: Packet, payload: int = 0) -> int:
    """How long an IP datagram is: with TCP's options as Linux sends them, or the ICMP error's quotation."""
    ip = IP_HEADER[packet.family]
    if packet.protocol == "tcp":
        header = 40 if "SYN" in packet.flags else 20 if "RST" in packet.flags else 32
        return ip + header + payload
    if packet.inner is not None:
        return ip + 8 + datagram_bytes(packet.inner, payload)
    return ip + 8 + payload


def observe(
    session: Session,
    hops: Iterable[Hop],
    detail: str = "",
    payload: int = 0,
    *,
    text: str = "",
    sequence: int = 0,
    after: Hop | None = None,
) -> None:
    """Note one packet's way: count the rules that matched, keep its frames, write the kernel's log.

    `detail` is what tcpdump adds for this segment, `payload` its bytes and `text` the first line of them; `sequence` numbers a ping; `after` is the hop before the
    first, where there was one.
    """
    before = after
    for hop in hops:
        session.now += PER_HOP
        for step in hop.steps:
            _step(session, hop, step, payload)
        for interface, way, packet in _passings(session, hop, before):
            session.now += PER_INTERFACE
            length = payload if packet.protocol in ("tcp", "udp", "sctp") else datagram_bytes(packet, payload)
            session.frames.append(
                Frame(session.now, hop.host, interface, way, packet, detail, length, text, sequence)
            )
        before = hop


def _step(session: Session, hop: Hop, step: Step, payload: int) -> None:
    if step.table in _TABLES and step.chain and step.verdict != "skip":
        key = (hop.host, step.before.family, step.table, step.chain, step.rule)
        session.packets[key] += 1
        session.bytes[key] += datagram_bytes(step.before, payload)
    elif step.table == "conntrack" and "table full" in step.rule:
        session.events[hop.host, "drop"] += 1
        session.kernel_log.append(
            (hop.host, session.now, "nf_conntrack: nf_conntrack: table full, dropping packet")
        )
    elif step.table == "conntrack" and step.rule.endswith("(insert_failed)"):
        session.events[hop.host, "insert_failed"] += 1
        session.events[hop.host, "drop"] += 1
    elif step.table == "conntrack" and step.verdict == "invalid":
        session.events[hop.host, "invalid"] += 1
    elif step.table == "routing" and step.rule.startswith("rp_filter"):
        session.events[hop.host, "TcpExtIPReversePathFilter"] += 1


def _passings(session: Session, hop: Hop, before: Hop | None) -> Iterable[tuple[str, str, Packet]]:
    """The interfaces that a packet passes at a host, each with its direction and the packet there."""
    veths = node_host(session.cluster, hop.host).veths if hop.host in session.cluster.nodes else {}
    if hop.in_interface and hop.in_interface != LOOPBACK:
        port = veths.get(before.host, "") if before is not None else ""
        if hop.in_interface == BRIDGE and port:
            yield port, "In", hop.packet
        yield hop.in_interface, "In", hop.packet
    looped = next(
        (s for s in hop.steps if s.table == "routing" and s.rule.startswith("lo brings it back")), None
    )
    if looped is not None:
        # libpcap shows a packet on lo once, as it comes in
        yield LOOPBACK, "In", looped.before
    if hop.leaves is not None and hop.out_interface:
        crossed = any(s.table == "bridge" for s in hop.steps)
        if hop.out_interface in veths.values() and BRIDGE in _interfaces(session, hop.host) and not crossed:
            yield BRIDGE, "Out", hop.leaves
        yield hop.out_interface, "Out", hop.leaves


def _interfaces(session: Session, node: str) -> Iterable[str]:
    return node_host(session.cluster, node).interfaces
