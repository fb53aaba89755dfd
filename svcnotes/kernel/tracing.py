"""Hear the kernel's own tracing of a node: the rules that each packet matched (iptables' TRACE).

Legacy iptables says it through nfnetlink_log, group 0: `TRACE: nat:KUBE-SERVICES:rule:2 `, with the packet as
it was before the rule. Sources: net/ipv4/netfilter/ip_tables.c (trace_packet), nfnetlink_log.h.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import Any

from svcnotes.kernel.capture import telling
from svcnotes.kernel.dissect import dissect
from svcnotes.kernel.netlink import NETFILTER, Netlink, attribute, attributes, messages

_LOG_CONFIG = 4 << 8 | 1
_BIND, _PF_BIND, _PF_UNBIND = 1, 3, 4
_HEADER, _MARK, _IN, _OUT, PAYLOAD, _PREFIX = 1, 2, 4, 5, 9, 10
_HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")
_PRIORITIES = {
    "raw": -300,
    "mangle": -150,
    "nat": -100,
    "filter": 0,
    "security": 50,
}  # where packets come in or begin
_SAID = re.compile(r"TRACE: (\w+):([^ ]+):(rule|return|policy):(\d+) ")


def hear_group(net: Netlink, group: int) -> None:
    """Have a netlink socket hear what rules log to a group, each record at once and with 64 KiB of its packet at most."""
    for family in (2, 10):
        _configure(net, _PF_UNBIND, family, 0)
        _configure(net, _PF_BIND, family, 0)
    _configure(net, _BIND, 0, group)
    mode = struct.pack(">IBx", 0xFFFF, 2)
    net.send(_LOG_CONFIG, struct.pack(">BBH", 0, 0, group) + attribute(2, mode), 0)
    # The kernel would keep records back for a second, or until a hundred are there.
    at_once = attribute(5, struct.pack(">I", 1))
    net.send(_LOG_CONFIG, struct.pack(">BBH", 0, 0, group) + at_once, 0)
    net.socket.setblocking(False)
    net.socket.setsockopt(1, 8, 1 << 20)


def _configure(net: Netlink, command: int, family: int, group: int) -> None:
    body = struct.pack(">BBH", family, 0, group) + attribute(1, struct.pack("B", command))
    net.send(_LOG_CONFIG, body, 0)


def logged(net: Netlink) -> Iterator[dict[int, bytes]]:
    """What was logged since the last time, in order, as attributes (NFULA_*)."""
    while True:
        try:
            data = net.socket.recv(1 << 17)
        except BlockingIOError:
            return
        for _, body in messages(data):
            yield dict(attributes(body[4:]))


class Tracing:
    """A netlink socket that hears TRACE in the namespace in which it was made."""

    def __init__(self, host: str, names: dict[int, str]) -> None:
        self.host = host
        self.names = names
        self.net = Netlink(NETFILTER)
        hear_group(self.net, 0)

    def drain(self) -> list[dict[str, Any]]:
        """What was heard since the last time, in order: hook, priority, table, chain, kind, number, packet (with its mark)."""
        return [one for said in logged(self.net) if (one := self._read(said)) is not None]

    def _read(self, said: dict[int, bytes]) -> dict[str, Any] | None:
        match = _SAID.match(said.get(_PREFIX, b"").rstrip(b"\0").decode("ascii", "replace"))
        packet = dissect(said.get(PAYLOAD, b""))
        if match is None or packet is None or not telling(packet):
            return None
        packet["mark"] = int.from_bytes(said[_MARK], "big") if _MARK in said else 0

        def name(key: int) -> str:
            return self.names.get(int.from_bytes(said[key], "big"), "") if key in said else ""

        return {
            "host": self.host,
            "hook": _HOOKS[said[_HEADER][2]],
            "table": match[1],
            "chain": match[2],
            "kind": match[3],
            "number": int(match[4]),
            "priority": _PRIORITIES[match[1]],
            "in": name(_IN),
            "out": name(_OUT),
            "packet": packet,
        }

    def close(self) -> None:
        """Close the socket."""
        self.net.close()
