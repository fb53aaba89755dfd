"""The numbers of a TCP connection, as tcpdump prints them after the flags."""

from __future__ import annotations

from svcnotes.packet import Packet

_BIG = 2**32


class Segments:
    """Counts what each side of a connection has sent.

    The first sequence numbers and the time stamps come from `key`: Linux' are random.
    """

    def __init__(self, key: int) -> None:
        self.first = {True: _scatter(key, 2_654_435_761), False: _scatter(key, 2_246_822_519)}
        self.stamp = {True: _scatter(key, 3_266_489_917), False: _scatter(key, 668_265_263)}
        self.sent = {True: 1, False: 1}
        self._last: tuple[object, str] = (None, "")

    def detail(self, packet: Packet, *, from_asker: bool, payload: int = 0) -> str:
        """What follows `Flags [..], ` for a segment; empty for other protocols.

        Numbers are absolute with SYN, and count from the connection's beginning without, as tcpdump has it.
        """
        if packet.protocol != "tcp":
            return ""
        key = (packet.flags, from_asker, payload)
        if self._last[0] == key:  # the same segment, seen at the next host
            return self._last[1]
        text = self._detail(packet.flags, from_asker, payload)
        self._last = key, text
        return text

    def _detail(self, flags: str, asks: bool, payload: int) -> str:
        mine, theirs = self.first[asks], self.first[not asks]
        stamps = f"TS val {self.stamp[asks]} ecr {self.stamp[not asks] if flags != 'SYN' else 0}"
        if "SYN" in flags:
            ack = f"ack {theirs + 1}, win 65160" if "ACK" in flags else "win 64240"
            return f"seq {mine}, {ack}, options [mss 1460,sackOK,{stamps},nop,wscale 7], length 0"
        if flags == "RST,ACK":
            return f"seq 0, ack {theirs + 1}, win 0, length 0"
        if flags == "RST":
            return f"seq {mine + 1}, win 0, length 0"
        begin = self.sent[asks]
        self.sent[asks] += payload + ("FIN" in flags)
        numbers = (
            f"seq {begin}:{begin + payload}, " if payload else f"seq {begin}, " if "FIN" in flags else ""
        )
        return f"{numbers}ack {self.sent[not asks]}, win 502, options [nop,nop,{stamps}], length {payload}"


def _scatter(key: int, by: int) -> int:
    return (key * by + 374_761_393) % (_BIG - 2)
