"""The states a connection goes through, and how long each is remembered, in seconds.

Sources: nf_conntrack_proto_{tcp,udp,sctp,icmp}.c. Simplifications: TCP windows are not checked, so
only flags can make a packet invalid; SCTP knows only whether it was answered.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from svcnotes.packet import ECHO_REQUEST, Packet

Timeouts = Mapping[tuple[str, str], int]
TIMEOUTS = {
    ("tcp", "SYN_SENT"): 120,
    ("tcp", "SYN_RECV"): 60,
    ("tcp", "ESTABLISHED"): 432_000,
    ("tcp", "FIN_WAIT"): 120,
    ("tcp", "CLOSE_WAIT"): 60,
    ("tcp", "LAST_ACK"): 30,
    ("tcp", "TIME_WAIT"): 120,
    ("tcp", "CLOSE"): 10,
    ("udp", "UNREPLIED"): 30,
    ("udp", "REPLIED"): 30,
    ("udp", "ASSURED"): 120,
    ("sctp", "UNREPLIED"): 3,
    ("sctp", "ASSURED"): 210,
    ("icmp", "UNREPLIED"): 30,
    ("icmp", "REPLIED"): 30,
}
OTHER_PROTOCOLS = 600
_PREFIX = "net.netfilter.nf_conntrack_"
SWITCHES = {
    f"{_PREFIX}tcp_timeout_established": (("tcp", "ESTABLISHED"),),
    f"{_PREFIX}tcp_timeout_close_wait": (("tcp", "CLOSE_WAIT"),),
    f"{_PREFIX}tcp_timeout_syn_sent": (("tcp", "SYN_SENT"),),
    f"{_PREFIX}tcp_timeout_time_wait": (("tcp", "TIME_WAIT"),),
    f"{_PREFIX}udp_timeout": (("udp", "UNREPLIED"), ("udp", "REPLIED")),
    f"{_PREFIX}udp_timeout_stream": (("udp", "ASSURED"),),
    f"{_PREFIX}icmp_timeout": (("icmp", "UNREPLIED"), ("icmp", "REPLIED")),
}
"""The switches of a host that say how long, by the phases that each is for; here those that anybody sets."""
STREAM_AFTER = 2.0
"""When UDP that goes both ways is taken for a stream, in seconds after the first packet: a lone question is none."""
ASSURED = frozenset({"ASSURED", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT"})
"""The phases of a connection that both sides have taken up: such an entry is not evicted before its time."""


def timeout(protocol: str, phase: str, set_here: Timeouts = MappingProxyType({})) -> int:
    """How long an entry in this phase is remembered after a packet, in seconds, where the host has `set_here`."""
    key = (protocol, phase)
    return set_here[key] if key in set_here else TIMEOUTS.get(key, OTHER_PROTOCOLS)


def timeouts(sysctls: Mapping[str, str]) -> Timeouts:
    """The times that a host's switches (by dotted name) set, by protocol and phase."""
    return {key: int(value) for name, value in sysctls.items() if name in SWITCHES for key in SWITCHES[name]}


def kind(packet: Packet) -> str:
    """What TCP conntrack makes of the flags: rst, synack, syn, fin, ack or none, in this order."""
    flags = packet.flags  # no flag's name is part of another's
    if "RST" in flags:
        return "rst"
    if "SYN" in flags:
        return "synack" if "ACK" in flags else "syn"
    if "FIN" in flags:
        return "fin"
    return "ack" if "ACK" in flags else "none"


def first_phase(packet: Packet, *, loose: bool) -> str:
    """The phase that a first packet begins a connection in; empty if it cannot begin one.

    A stray SYN,ACK, RST or FIN begins nothing: it is INVALID. A lone ACK may, where `loose`
    (nf_conntrack_tcp_loose, on by default) lets a host take up connections under way. Of ICMP only an
    echo request begins anything.
    """
    if packet.icmp:
        return "UNREPLIED" if packet.icmp in ECHO_REQUEST.values() else ""
    if packet.protocol != "tcp":
        return "UNREPLIED"
    if not packet.flags:
        return "SYN_SENT"  # a packet described without flags is read as the first of its connection
    return {"syn": "SYN_SENT", "ack": "ESTABLISHED" if loose else ""}.get(kind(packet), "")


def begins_again(phase: str, packet: Packet) -> bool:
    """Tell whether a SYN opens a connection anew where a closed one is still remembered."""
    return packet.protocol == "tcp" and phase in ("CLOSE", "TIME_WAIT") and kind(packet) == "syn"


def next_phase(phase: str, packet: Packet, *, reply: bool, age: float = 0.0) -> str:
    """The phase after one more packet, `age` seconds after the first; empty if the packet does not fit (INVALID)."""
    if packet.protocol == "udp" and phase in ("REPLIED", "ASSURED"):
        return "ASSURED" if age > STREAM_AFTER else "REPLIED"
    if packet.protocol in ("icmp", "udp"):
        return "REPLIED" if reply or phase == "REPLIED" else "UNREPLIED"
    if packet.protocol != "tcp":
        return "ASSURED" if reply or phase == "ASSURED" else "UNREPLIED"
    match kind(packet):
        case "rst":
            return "CLOSE"
        case "synack":
            return "SYN_RECV" if phase == "SYN_SENT" and reply else phase if reply else ""
        case "syn":
            if reply and phase != "SYN_SENT":
                return ""
            return phase
        case "fin":
            if phase == "SYN_SENT":
                return ""
            # the first side closes, then the other
            return {"FIN_WAIT": "LAST_ACK", "CLOSE_WAIT": "LAST_ACK"}.get(phase, _kept(phase, "FIN_WAIT"))
        case "ack":
            if phase == "SYN_SENT":
                # Nobody has seen a SYN,ACK yet: one side's ACK is INVALID, the other's is passed over.
                return phase if reply else ""
            acknowledged = {"SYN_RECV": "ESTABLISHED", "FIN_WAIT": "CLOSE_WAIT", "LAST_ACK": "TIME_WAIT"}
            return acknowledged.get(phase, phase)
    return phase


def _kept(phase: str, otherwise: str) -> str:
    """A phase after both sides have closed, which a repeated FIN does not change."""
    return phase if phase in ("LAST_ACK", "TIME_WAIT") else otherwise
