"""Ask one question with a real socket: a TCP connection, a UDP datagram, a ping; and hear what comes of it."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
import struct
import time
from typing import Any

from svcnotes.kernel.dissect import icmp_name
from svcnotes.kernel.servers import FAMILY, Servers, close_at_once

_RECVERR = {4: (socket.IPPROTO_IP, 11), 6: (socket.IPPROTO_IPV6, 25)}
_ERRQUEUE = 0x2000
_ICMP_ORIGINS = (2, 3)
_PENDING = (errno.EINPROGRESS, errno.EAGAIN)
_ECHO = {4: 8, 6: 128}


class Question:
    """A socket in the asker's namespace; made there, it stays there."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self.spec = spec
        self.opened = False
        self.family, self.protocol = spec["family"], spec["protocol"]
        kind, number = {
            "tcp": (socket.SOCK_STREAM, 0),
            "udp": (socket.SOCK_DGRAM, 0),
            "icmp": (socket.SOCK_DGRAM, 1 if self.family == 4 else 58),
        }[self.protocol]
        self.socket = socket.socket(FAMILY[self.family], kind, number)
        self.socket.setblocking(False)
        self.socket.setsockopt(*_RECVERR[self.family], 1)
        if self.protocol == "tcp":
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((spec["source"], spec["source_port"]))

    @property
    def ends(self) -> list[Any]:
        """The connected socket's own ends: source, port, destination, port."""
        return [*self.socket.getsockname()[:2], self.spec["address"], self.spec["port"]]

    def send(self) -> str:
        """Send the first packet, then on the open flow the next; gives the error's name where the kernel refuses."""
        if not self.opened:
            self.opened = True
            target = (self.spec["address"], self.spec["port"] or 0)
            code = self.socket.connect_ex(target)
            if code and code not in _PENDING:
                return errno.errorcode.get(code, str(code))
            if self.protocol == "tcp":
                return ""
        data = self.spec["token"].encode()
        if self.protocol == "icmp":
            data = struct.pack(">BBHHH", _ECHO[self.family], 0, 0, 0, 1) + data
        try:
            self.socket.send(data)
        except OSError as error:
            return errno.errorcode.get(error.errno or 0, str(error.errno))
        return ""

    def hear(self, events: int) -> dict[str, Any] | None:
        """What a ready socket tells: an answer or an error; None where it must be waited for."""
        if events & select.EPOLLERR:
            found = self._error()
            if found is not None:
                return found
        if self.protocol == "tcp" and events & select.EPOLLHUP and not events & select.EPOLLIN:
            return {"event": "error", "errno": "ECONNREFUSED", "icmp": "", "icmp_from": ""}
        if not events & select.EPOLLIN:
            return None
        try:
            data = self.socket.recv(4096)
        except BlockingIOError:
            return None
        except OSError as error:
            return {
                "event": "error",
                "errno": errno.errorcode.get(error.errno or 0, ""),
                "icmp": "",
                "icmp_from": "",
            }
        if not data:
            return {"event": "error", "errno": "ECONNRESET", "icmp": "", "icmp_from": ""}
        if data.startswith(b"!") and data[1:9] != self.spec["token"].encode()[1:]:
            return None  # an earlier question's answer, come late
        return {"event": "answer", "text": data.decode("utf-8", "replace")}

    def _error(self) -> dict[str, Any] | None:
        icmp, sender = "", ""
        with contextlib.suppress(OSError):
            _, notes, _, _ = self.socket.recvmsg(512, 512, _ERRQUEUE)
            for _, _, value in notes:
                _, origin, kind, code = struct.unpack_from("=IBBB", value)
                if origin in _ICMP_ORIGINS:
                    icmp = icmp_name(self.family, kind, code)
                    sender = (
                        socket.inet_ntop(socket.AF_INET, value[20:24])
                        if self.family == 4
                        else socket.inet_ntop(socket.AF_INET6, value[24:40])
                    )
        code = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if not code and not icmp:
            return None
        return {"event": "error", "errno": errno.errorcode.get(code, ""), "icmp": icmp, "icmp_from": sender}

    def close(self) -> None:
        """Close at once."""
        close_at_once(self.socket)


def ask(question: Question, servers: Servers, poll: select.epoll, deadline: float) -> dict[str, Any]:
    """Send the question and serve everybody until it is answered, refused, or the time (seconds) is over."""
    served: list[list[Any]] = []
    fd = question.socket.fileno()
    for ready, _ in poll.poll(0):
        if left_over := servers.at(ready):
            left_over.discard()
    begun = time.monotonic()
    refused = question.send()
    port = 0
    with contextlib.suppress(OSError):
        port = question.socket.getsockname()[1]
    base = {"served": served, "port": port}
    if refused:
        return {**base, "event": "send-error", "errno": refused, "took": time.monotonic() - begun}
    poll.register(fd, select.EPOLLIN | select.EPOLLERR)
    try:
        while (left := begun + deadline - time.monotonic()) > 0:
            for ready, events in poll.poll(left):
                server = servers.at(ready)
                if server is not None:
                    seen = server.serve()
                    if seen is not None:
                        served.append(seen)
                elif ready == fd:
                    heard = question.hear(events)
                    if heard is not None:
                        return {**base, **heard, "took": time.monotonic() - begun}
        return {**base, "event": "timeout", "took": deadline}
    finally:
        poll.unregister(fd)
