"""Hear every frame that a host's interfaces receive and send (packet(7)), with the kernel's own time."""

from __future__ import annotations

import socket
import struct
from typing import Any

from svcnotes.kernel.dissect import dissect

_ALL, _FOR_OTHERS, _OUTGOING = 3, 3, 4
_TIMESTAMPNS = 35  # SO_TIMESTAMPNS
_IP = (0x0800, 0x86DD)
_VXLAN = 8472


_MARKED = ("?", "!")  # the lab's questions and answers on an open connection begin so


def telling(packet: dict[str, Any]) -> bool:
    """Whether a packet is a question or its answer: no other data of an open connection, no tunnel's outer packet.

    nf_tables' tracing shows no data: there any may be one.
    """
    if packet["protocol"] == "tcp":
        flags = packet["flags"]
        return "SYN" in flags or "RST" in flags or ("PSH" in flags and _marked(packet))
    return bool(packet["destination_port"] != _VXLAN)


def _marked(packet: dict[str, Any]) -> bool:
    return bool(packet.get("payload", _MARKED[0]).startswith(_MARKED))


class Capture:
    """A packet socket on all interfaces of the namespace in which it was made."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL))
        self.socket.setsockopt(socket.SOL_SOCKET, _TIMESTAMPNS, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.socket.setblocking(False)

    def drain(self) -> list[dict[str, Any]]:
        """The frames heard since the last time, in order: time, interface, `out`, packet."""
        found: list[dict[str, Any]] = []
        while True:
            try:
                data, notes, _, where = self.socket.recvmsg(512, 64)
            except BlockingIOError:
                return found
            # A bridge that has not learnt a MAC address yet sends its frames everywhere: what is meant for others
            # counts only at the ports of a node's own bridge.
            if where[1] not in _IP or (where[2] == _FOR_OTHERS and not where[0].startswith("veth")):
                continue
            packet = dissect(data)
            if packet is None or not telling(packet):
                continue
            seconds, nanoseconds = struct.unpack("=qq", notes[0][2][:16])
            found.append(
                {
                    "time": seconds * 1_000_000_000 + nanoseconds,
                    "host": self.host,
                    "interface": where[0],
                    "out": where[2] == _OUTGOING,
                    "packet": packet,
                }
            )
