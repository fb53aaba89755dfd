"""Processes that listen, in every Pod and on every node: each answers with who it is and whom it sees."""

from __future__ import annotations

import contextlib
import errno
import json
import socket
from collections.abc import Callable
from typing import Any

_PKTINFO = {4: (socket.IPPROTO_IP, 8, 8), 6: (socket.IPPROTO_IPV6, 49, 50)}  # level, option, note
LINGER_NONE = b"\1\0\0\0\0\0\0\0"
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}


def close_at_once(connection: socket.socket) -> None:
    """Close without waiting states: the lab asks again from the same port soon."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
    connection.close()


class Accepted:
    """A connection that a server holds open: each question that comes over it is answered with who it is."""

    def __init__(self, connection: socket.socket, seen: list[Any], answer: bytes) -> None:
        self.socket, self._seen, self._answer = connection, seen, answer

    def serve(self) -> list[Any] | None:
        """Answer what was sent: gives what `Server.serve` does; None where nothing is there, or no more will come."""
        try:
            data = self.socket.recv(512)
            if data:
                self.socket.send(b"!" + data[1:9] + self._answer)
        except OSError:
            return None
        return self._seen if data else None

    def discard(self) -> None:
        """Take what was sent, and answer nothing."""
        with contextlib.suppress(OSError):
            self.socket.recv(512)

    def close(self) -> None:
        """End it."""
        close_at_once(self.socket)


class Server:
    """One listening socket; `owner` is whose process it is, `page` what it answers to HTTP."""

    def __init__(self, spec: list[Any]) -> None:
        self.host, self.protocol, self.family, address, port, self.owner, self.page = spec
        kind = socket.SOCK_STREAM if self.protocol == "tcp" else socket.SOCK_DGRAM
        self.socket = socket.socket(FAMILY[self.family], kind)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if self.family == 6:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if self.protocol == "udp":
            level, option, _ = _PKTINFO[self.family]
            self.socket.setsockopt(level, option, 1)
        self.socket.bind((address, port))
        self.socket.setblocking(False)
        if self.protocol == "tcp":
            self.socket.listen(64)
        self.accepted: list[Accepted] = []

    def serve(self) -> list[Any] | None:
        """Answer one connection or datagram: gives [owner, host, source address, port]; None where none is there."""
        try:
            return self._accept() if self.protocol == "tcp" else self._reply()
        except OSError as error:
            if error.errno in (errno.EAGAIN, errno.ECONNABORTED, errno.EPERM, errno.ECONNREFUSED):
                return None
            raise

    def discard(self) -> None:
        """Take what an earlier question left, and answer nothing."""
        with contextlib.suppress(OSError):
            if self.protocol == "tcp":
                close_at_once(self.socket.accept()[0])
            else:
                self.socket.recv(512)

    def _said(self, peer: Any) -> tuple[list[Any], bytes]:
        seen = [self.owner, self.host, peer[0], peer[1]]
        return seen, json.dumps(seen).encode()

    def _accept(self) -> list[Any]:
        connection, peer = self.socket.accept()
        seen, answer = self._said(peer)
        connection.setblocking(False)
        if self.page is not None:
            answer = self.page.encode()
        with contextlib.suppress(OSError):
            connection.send(answer)
        self.accepted.append(Accepted(connection, seen, answer))
        return seen

    def _reply(self) -> list[Any]:
        level, _, note = _PKTINFO[self.family]
        data, notes, _, peer = self.socket.recvmsg(512, 128)
        seen, answer = self._said(peer)
        info = next((value for at, kind, value in notes if (at, kind) == (level, note)), b"")
        if self.family == 4 and info:  # answer from the address that was asked: ipi_addr becomes ipi_spec_dst
            info = b"\0\0\0\0" + info[8:12] + b"\0\0\0\0"
        elif info:
            info = info[:16] + b"\0\0\0\0"
        self.socket.sendmsg([b"!" + data[1:9] + answer], [(level, note, info)], 0, peer)
        return seen

    def hang_up(self) -> None:
        """End the connections that were accepted."""
        for one in self.accepted:
            one.close()
        self.accepted.clear()

    def close(self) -> None:
        """Stop listening."""
        self.hang_up()
        self.socket.close()


Inside = Callable[[str, Callable[[], Server]], Server]


class Servers:
    """All that listen, by what they were asked to be."""

    def __init__(self) -> None:
        self.by_spec: dict[str, Server] = {}
        self.by_fd: dict[int, Server] = {}
        self.held: dict[int, Accepted] = {}

    def at(self, fd: int) -> Server | Accepted | None:
        """Who is served by a descriptor."""
        return self.by_fd.get(fd) or self.held.get(fd)

    def hold(self) -> list[int]:
        """Keep the connections that were accepted last, whatever becomes of who listened; gives their descriptors."""
        found: dict[int, Accepted] = {}
        for server in self.by_fd.values():
            found |= {one.socket.fileno(): one for one in server.accepted}
            server.accepted.clear()
        self.held |= found
        return list(found)

    def let_go(self, fds: list[int]) -> None:
        """End connections that were kept."""
        for fd in fds:
            self.held.pop(fd).close()

    def become(self, wanted: list[list[Any]], inside: Inside) -> list[str]:
        """Listen just there; `inside` does work in a host's namespace. Gives what could not be opened."""
        specs = {json.dumps(one): one for one in wanted}
        for key in self.by_spec.keys() - specs.keys():
            server = self.by_spec.pop(key)
            del self.by_fd[server.socket.fileno()]
            server.close()
        failed = []
        for key, spec in specs.items():
            if key in self.by_spec:
                continue
            try:
                server = inside(spec[0], lambda spec=spec: Server(spec))  # type: ignore[misc]
            except OSError as error:
                failed.append(f"{spec[:5]}: {error.strerror}")
                continue
            self.by_spec[key] = server
            self.by_fd[server.socket.fileno()] = server
        return failed

    def hang_up(self) -> None:
        """End every accepted connection."""
        for server in self.by_fd.values():
            server.hang_up()
