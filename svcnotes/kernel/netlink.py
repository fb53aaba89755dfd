"""Speak netlink to the kernel with the standard library alone: messages, attributes, acknowledgements.

Sources: include/uapi/linux/netlink.h, rtnetlink.h; RFC 3549.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator

ROUTE, NETFILTER = 0, 12
REQUEST, ACK, DUMP = 0x1, 0x4, 0x300
REPLACE, EXCLUSIVE, CREATE, APPEND = 0x100, 0x200, 0x400, 0x800
NESTED = 0x8000
_HEADER = struct.Struct("=IHHII")
_ERROR, _DONE = 2, 3
_BATCH_BEGIN, _BATCH_END = 16, 17


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute: length, kind, value, padded to four bytes."""
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + b"\0" * (-size % 4)


def nested(kind: int, *attributes: bytes) -> bytes:
    """An attribute that holds attributes."""
    return attribute(kind | NESTED, b"".join(attributes))


def text(kind: int, value: str) -> bytes:
    """An attribute that holds a C string."""
    return attribute(kind, value.encode() + b"\0")


def number(kind: int, value: int) -> bytes:
    """An attribute that holds an unsigned 32-bit number in the machine's order."""
    return attribute(kind, struct.pack("=I", value))


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Read attributes: (kind without flags, value)."""
    at = 0
    while at + 4 <= len(data):
        size, kind = struct.unpack_from("=HH", data, at)
        if size < 4:
            return
        yield kind & 0x3FFF, data[at + 4 : at + size]
        at += (size + 3) & ~3


def messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Split what a netlink socket gave: (message type, body)."""
    at = 0
    while at + 16 <= len(data):
        size, kind, _, _, _ = _HEADER.unpack_from(data, at)
        if size < 16:
            return
        yield kind, data[at + 16 : at + size]
        at += (size + 3) & ~3


class Netlink:
    """A netlink socket in the network namespace in which it was made."""

    def __init__(self, protocol: int = ROUTE) -> None:
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
        self.socket.bind((0, 0))
        self._sequence = 0

    def send(self, kind: int, body: bytes, flags: int = CREATE | EXCLUSIVE) -> None:
        """Send a request and wait for its acknowledgement; raises OSError with the kernel's errno."""
        self._sequence += 1
        head = _HEADER.pack(16 + len(body), kind, REQUEST | ACK | flags, self._sequence, 0)
        self.socket.send(head + body)
        self._acknowledged()

    def _acknowledged(self) -> None:
        while True:
            for kind, body in messages(self.socket.recv(65536)):
                if kind == _ERROR:
                    code = -struct.unpack_from("=i", body)[0]
                    if code:
                        raise OSError(code, os.strerror(code))
                    return

    def maybe(
        self, kind: int, body: bytes, flags: int, *, forgive: tuple[int, ...] = (errno.EEXIST,)
    ) -> None:
        """Send a request whose refusal with one of these errors is no harm."""
        try:
            self.send(kind, body, flags)
        except OSError as error:
            if error.errno not in forgive:
                raise

    def batch(self, kind: int, body: bytes, subsystem: int) -> None:
        """Send one request as a transaction of its own, as nf_tables takes changes; raises OSError (nfnetlink_rcv_batch)."""
        edge = struct.pack(">BBH", 0, 0, subsystem)
        parts = []
        for what, inside, flags in ((_BATCH_BEGIN, edge, 0), (kind, body, ACK), (_BATCH_END, edge, 0)):
            self._sequence += 1
            parts.append(_HEADER.pack(16 + len(inside), what, REQUEST | flags, self._sequence, 0) + inside)
        self.socket.send(b"".join(part + b"\0" * (-len(part) % 4) for part in parts))
        self._acknowledged()

    def dump(self, kind: int, body: bytes) -> list[tuple[int, bytes]]:
        """Ask for a list: (message type, body) of each answer."""
        self._sequence += 1
        self.socket.send(_HEADER.pack(16 + len(body), kind, REQUEST | DUMP, self._sequence, 0) + body)
        found: list[tuple[int, bytes]] = []
        while True:
            for got, answer in messages(self.socket.recv(1 << 18)):
                if got == _DONE:
                    return found
                if got == _ERROR:
                    code = -struct.unpack_from("=i", answer)[0]
                    raise OSError(code, os.strerror(code))
                found.append((got, answer))

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()
