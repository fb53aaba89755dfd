"""The filters of tcpdump: `tcp port 80 and (src host 10.0.0.1 or not net 10.244.0.0/16)` (pcap-filter(7)).

Known are host, net, port and portrange, each with src or dst and a protocol before it; tcp, udp, icmp,
icmp6, ip, ip6, arp; and, or, not and parentheses; `tcp[tcpflags] & FLAGS != 0` and `== FLAGS`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_network

from svcnotes.packet import Packet

Test = Callable[[Packet], bool]
_TOKEN = re.compile(r"\s*(\(|\)|&&|\|\||!=|==|=|!|&|\||tcp\[(?:tcpflags|13)\]|[^\s()!&|=]+)")
_PROTOCOLS = ("tcp", "udp", "sctp", "icmp", "icmp6", "ip", "ip6", "arp")
_FLAGS = {"tcp-syn": "SYN", "tcp-ack": "ACK", "tcp-rst": "RST", "tcp-fin": "FIN", "tcp-push": "PSH"}


class FilterError(Exception):
    """A filter that tcpdump cannot read; `str()` is what it says."""


def capture_filter(text: str) -> Test:
    """Read a filter; an empty one takes every packet. Raises FilterError."""
    tokens = _TOKEN.findall(text)
    if not tokens:
        return lambda _: True
    if len(tokens) > 200:
        raise FilterError("expression is too long")
    reader = _Reader(tokens)
    test = reader.either()
    if reader.rest:
        raise FilterError("can't parse filter expression: syntax error")
    return test


class _Reader:
    """Reads a filter from left to right; what binds tighter is further down."""

    def __init__(self, tokens: list[str]) -> None:
        self.rest = tokens
        self.before: tuple[str, str, str] = ("", "", "")

    def next(self, *wanted: str) -> str:
        """Take the next word, if it is one of those wanted (any, where none are named)."""
        if self.rest and (not wanted or self.rest[0] in wanted):
            return self.rest.pop(0)
        return ""

    def either(self) -> Test:
        """`A or B`: in pcap's language `and` and `or` bind alike, from left to right."""
        test = self.negated()
        while word := self.next("and", "&&", "or", "||"):
            test = _joined(test, self.negated(), both=word in ("and", "&&"))
        return test

    def negated(self) -> Test:
        """`not A`, `( A )`, or a primitive."""
        if self.next("not", "!"):
            inner = self.negated()
            return lambda packet: not inner(packet)
        if self.next("("):
            test = self.either()
            if not self.next(")"):
                raise FilterError("can't parse filter expression: syntax error")
            return test
        return self.primitive()

    def primitive(self) -> Test:
        """One question about the packet."""
        if self.rest and self.rest[0].startswith("tcp["):
            return self.flags()
        protocol = self.next(*_PROTOCOLS)
        side = self.next("src", "dst")
        if side and self.next("or", "and"):
            self.next("src", "dst")
            side = ""
        kind = self.next("host", "net", "port", "portrange")
        if protocol and not side and not kind:
            return _protocol(protocol)
        if not kind and not protocol and not side:
            protocol, side, kind = self.before  # `port 80 or 443`: the words before count again
        value = self.next()
        if not value or value in (")", "and", "or", "not"):
            raise FilterError("can't parse filter expression: syntax error")
        self.before = protocol, side, kind
        if self.rest and self.rest[0] not in ("and", "&&", "or", "||", ")"):
            raise FilterError("can't parse filter expression: syntax error")
        test = _question(kind or "host", side, value)
        if protocol:
            return _joined(_protocol(protocol), test, both=True)
        return test

    def flags(self) -> Test:
        """`tcp[tcpflags] & (tcp-syn|tcp-ack) != 0`, `tcp[tcpflags] == tcp-syn`."""
        self.next()
        if self.next("&"):
            wanted = self.words()
            operator, right = self.next("!=", "==", "="), self.words()
            if operator == "!=" and right == {"0"}:
                return lambda packet: bool(wanted & _flags_of(packet))
            return lambda packet: (wanted & _flags_of(packet)) == right - {"0"} and packet.protocol == "tcp"
        if not self.next("==", "="):
            raise FilterError("can't parse filter expression: syntax error")
        exactly = self.words()
        return lambda packet: packet.protocol == "tcp" and _flags_of(packet) == exactly

    def words(self) -> set[str]:
        """Flags joined by `|`, perhaps in parentheses."""
        boxed = self.next("(")
        found = {self.flag()}
        while self.next("|"):
            found.add(self.flag())
        if boxed and not self.next(")"):
            raise FilterError("can't parse filter expression: syntax error")
        return found

    def flag(self) -> str:
        """One flag's name, or 0."""
        word = self.next()
        if word not in _FLAGS and word != "0":
            raise FilterError("can't parse filter expression: syntax error")
        return _FLAGS.get(word, "0")


def _joined(one: Test, other: Test, *, both: bool) -> Test:
    if both:
        return lambda packet: one(packet) and other(packet)
    return lambda packet: one(packet) or other(packet)


def _flags_of(packet: Packet) -> set[str]:
    return set(packet.flags.split(",")) - {""}


def _protocol(name: str) -> Test:
    if name in ("ip", "ip6"):
        return lambda packet: packet.family == (4 if name == "ip" else 6)
    if name in ("icmp", "icmp6"):
        return lambda packet: packet.protocol == "icmp" and packet.family == (4 if name == "icmp" else 6)
    return lambda packet: packet.protocol == name


def _question(kind: str, side: str, value: str) -> Test:
    if kind in ("port", "portrange"):
        return _port(side, value)
    try:
        network = ip_network(value, strict=False) if kind == "net" else ip_network(ip_address(value))
    except ValueError:
        what = f"unknown {'network' if kind == 'net' else 'host'} '{value}'"
        raise FilterError(
            what if re.fullmatch(r"[\w.:/-]+", value) else "can't parse filter expression: syntax error"
        ) from None

    def test(packet: Packet) -> bool:
        ends = {"src": [packet.source], "dst": [packet.destination]}.get(
            side, [packet.source, packet.destination]
        )
        return any(ip_address(end) in network for end in ends)

    return test


def _port(side: str, value: str) -> Test:
    low, _, high = value.partition("-")
    if not low.isdecimal() or (high and not high.isdecimal()):
        raise FilterError(f"illegal port '{value}'" if low.isdecimal() else f"unknown port '{value}'")
    first, last = int(low), int(high or low)

    def test(packet: Packet) -> bool:
        if packet.protocol not in ("tcp", "udp", "sctp"):
            return False
        ends = {"src": [packet.source_port], "dst": [packet.destination_port]}
        both = [packet.source_port, packet.destination_port]
        return any(first <= port <= last for port in ends.get(side, both))

    return test
