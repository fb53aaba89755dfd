"""Read a packet's bytes into the words of `svcnotes.packet.Packet`.

Sources: RFC 791, 792, 4443, 8200, 9293. Extension headers of IPv6 do not occur in a lab.
"""

from __future__ import annotations

import socket
import struct
from typing import Any

_ICMP = {
    (3, 0): "icmp-net-unreachable", (3, 1): "icmp-host-unreachable", (3, 2): "icmp-proto-unreachable",
    (3, 3): "icmp-port-unreachable", (3, 9): "icmp-net-prohibited", (3, 10): "icmp-host-prohibited",
    (3, 13): "icmp-admin-prohibited", (11, 0): "icmp-ttl-exceeded", (8, 0): "icmp-echo-request", (0, 0): "icmp-echo-reply",
}  # fmt: skip
_ICMP6 = {
    (1, 0): "icmp6-no-route", (1, 1): "icmp6-adm-prohibited", (1, 3): "icmp6-addr-unreachable",
    (1, 4): "icmp6-port-unreachable", (3, 0): "icmp6-ttl-exceeded", (128, 0): "icmp6-echo-request",
    (129, 0): "icmp6-echo-reply",
}  # fmt: skip
_FLAGS = ((0x02, "SYN"), (0x04, "RST"), (0x01, "FIN"), (0x08, "PSH"), (0x10, "ACK"))
_PROTOCOLS = {6: "tcp", 17: "udp", 132: "sctp"}


def icmp_name(family: int, kind: int, code: int) -> str:
    """The name of an ICMP message, as iptables' REJECT spells it; empty for one that no lab sends."""
    return (_ICMP if family == 4 else _ICMP6).get((kind, code), "")


def dissect(data: bytes) -> dict[str, Any] | None:
    """The fields of a Packet, and `payload` (text) where all the headers are there; None for what is no part of a conversation."""
    if len(data) < 20:
        return None
    if data[0] >> 4 == 4:
        start = (data[0] & 15) * 4
        family, protocol, ttl = 4, data[9], data[8]
        ends = (socket.inet_ntop(socket.AF_INET, data[12:16]), socket.inet_ntop(socket.AF_INET, data[16:20]))
    elif data[0] >> 4 == 6 and len(data) >= 40:
        start, family, protocol, ttl = 40, 6, data[6], data[7]
        ends = (socket.inet_ntop(socket.AF_INET6, data[8:24]), socket.inet_ntop(socket.AF_INET6, data[24:40]))
    else:
        return None
    packet: dict[str, Any] = {"source": ends[0], "destination": ends[1], "ttl": ttl}
    rest = data[start:]
    if protocol in (1, 58):
        return _icmp(packet, family, rest)
    if protocol not in _PROTOCOLS or len(rest) < 8:
        return None
    packet["protocol"] = _PROTOCOLS[protocol]
    packet["source_port"], packet["destination_port"] = struct.unpack(">HH", rest[:4])
    if protocol == 6 and len(rest) >= 14:
        packet["flags"] = ",".join(name for bit, name in _FLAGS if rest[13] & bit)
        begins = (rest[12] >> 4) * 4
        if len(rest) >= begins:
            packet["payload"] = rest[begins : begins + 32].decode("ascii", "replace")
    elif protocol == 17:
        packet["payload"] = rest[8:40].decode("ascii", "replace")
    return packet


def _icmp(packet: dict[str, Any], family: int, rest: bytes) -> dict[str, Any] | None:
    if len(rest) < 8 or not (name := icmp_name(family, rest[0], rest[1])):
        return None
    packet |= {"protocol": "icmp", "icmp": name, "source_port": 0, "destination_port": 0}
    if name.endswith("echo-request"):
        packet["source_port"] = struct.unpack(">H", rest[4:6])[0]
    elif name.endswith("echo-reply"):
        packet["destination_port"] = struct.unpack(">H", rest[4:6])[0]
    else:
        packet["inner"] = dissect(rest[8:])
    return packet
