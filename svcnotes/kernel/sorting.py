"""Tell the question from its answer among the packets that a lab heard."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from svcnotes.network.flight import BACK, THERE
from svcnotes.packet import Packet

Ends = tuple[str, int, str, int]


def packet_of(said: dict[str, Any]) -> Packet:
    """A packet as the worker told it, as a value."""
    inner = said.get("inner")
    return Packet(
        protocol=said["protocol"],
        source=said["source"],
        source_port=said["source_port"],
        destination=said["destination"],
        destination_port=said["destination_port"],
        flags=said.get("flags", ""),
        mark=said.get("mark", 0),
        ttl=said["ttl"],
        icmp=said.get("icmp", ""),
        inner=packet_of(inner) if inner else None,
    )


def _ends(said: dict[str, Any]) -> Ends:
    return said["source"], said["source_port"], said["destination"], said["destination_port"]


def _turned(said: dict[str, Any]) -> Ends:
    return said["destination"], said["destination_port"], said["source"], said["source_port"]


class Sorter:
    """Knows the forms that the question had on its way: only what answers one of them is its answer.

    `token` stands in the question's datagram and in the answer's, and in the data of an open connection.
    `ends` are those of an open flow's socket.
    """

    def __init__(self, packets: Iterable[dict[str, Any]], token: str, ends: list[Any] | None = None) -> None:
        self._token = token
        every = list(packets)
        asked = [one for one in every if self._is_question(one)]
        self._asked = {_ends(one) for one in asked}
        if ends:
            self._asked.add((ends[0], ends[1], ends[2], ends[3]))
        self._open = any("PSH" in one.get("flags", "") for one in asked)
        # A server that never heard the end of an earlier question may say its answer again.
        self._ports = {ends[1] for ends in self._asked}
        self._accepted = any(one.get("flags") == "SYN,ACK" and _turned(one) in self._asked for one in every)

    def _is_question(self, said: dict[str, Any]) -> bool:
        if said["protocol"] == "tcp" and "PSH" not in said.get("flags", ""):
            return bool(said.get("flags") == "SYN")
        if said["protocol"] != "icmp":
            return bool(said.get("payload", "").startswith(f"?{self._token}"))
        return bool(said.get("icmp", "").endswith("echo-request"))

    def direction(self, said: dict[str, Any]) -> str:
        """`there`, `back`, or empty for what is neither: a stray, an answer to an answer."""
        if self._is_question(said):
            return THERE
        if said["protocol"] == "icmp":
            if said["icmp"].endswith("echo-reply"):
                return BACK
            inner = said.get("inner")
            return BACK if inner and self._is_question(inner) and _ends(inner) in self._asked else ""
        if said["protocol"] == "udp":
            return BACK if said.get("payload", "").startswith(f"!{self._token}") else ""
        if "PSH" in said["flags"]:
            return self._by_ends(said) if self._open else ""
        if said["flags"] == "SYN,ACK":
            return BACK if said["destination_port"] in self._ports else ""
        return BACK if "RST" in said["flags"] and not self._accepted and _turned(said) in self._asked else ""

    def _by_ends(self, said: dict[str, Any]) -> str:
        """The direction of data that nf_tables' tracing does not show.

        Between a DNAT and a MASQUERADE it has one end of what came and one of what leaves.
        """
        sources = {ends[:2] for ends in self._asked}
        destinations = {ends[2:] for ends in self._asked}
        for ends, direction in ((_ends(said), THERE), (_turned(said), BACK)):
            if ends[:2] in sources and ends[2:] in destinations:
                return direction
        return ""
