"""A web server on 127.0.0.1 that serves one name: HTTPS with a throw-away certificate for it, or plain HTTP.

It does as servers with virtual hosts do: it answers the name that it serves, and turns others away.
Sources: RFC 9110, section 7.2 (Host) and 15.5.20 (421 Misdirected Request); RFC 6066, section 3 (SNI).
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from svcnotes.errors import QuestionError

ADDRESS = "127.0.0.1"
PATIENCE = 3.0
"""Seconds that either side waits for the other."""


class Server:
    """A running server for one name; made by `serving`.

    `port` is its port on 127.0.0.1, `trust` a client's TLS settings that know the authority behind its
    certificate (None without TLS). `log` is what it has seen, line by line.
    """

    def __init__(self, name: str, trust: ssl.SSLContext | None, listener: _Listener) -> None:
        self.name = name
        self.trust = trust
        self._listener = listener

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._listener.server_address[1])

    @property
    def log(self) -> tuple[str, ...]:
        """What the server has seen so far: names asked for in TLS, requests, handshakes given up."""
        return tuple(self._listener.seen)

    def __repr__(self) -> str:
        scheme = "https" if self.trust else "http"
        return f"<Server of {scheme}://{self.name} on {ADDRESS}:{self.port}>"


@contextmanager
def serving(name: str = "db.example.com", *, tls: bool = True) -> Iterator[Server]:
    """Serve `name` on a free port of 127.0.0.1 until the block ends, however it ends.

    Raises QuestionError for a name that no certificate and no Host header can hold.
    """
    check_name(name)
    trust, context = _certified(name) if tls else (None, None)
    listener = _Listener(name, context)
    worker = threading.Thread(target=listener.serve_forever, args=(0.02,), daemon=True)
    worker.start()
    try:
        yield Server(name, trust, listener)
    finally:
        listener.shutdown()
        listener.server_close()
        listener.idle.wait(PATIENCE)  # so that the log is whole
        worker.join(PATIENCE)


def check_name(name: str) -> str:
    """The name itself; raises QuestionError for what is no host's name."""
    labels = name.split(".") if isinstance(name, str) else []
    good = all(0 < len(label) <= 63 and label.isascii() and _plain(label) for label in labels)
    if not labels or not good or len(name) > 253:
        raise QuestionError(f"name {name!r}: no host's name; write one such as db.example.com")
    return name


def _plain(label: str) -> bool:
    return all(sign.isalnum() or sign in "-_" for sign in label)


def _certified(name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A client's and a server's TLS settings, from an authority made for this moment."""
    import trustme

    authority = trustme.CA(organization_name="svcnotes, for one cell only")
    trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(trust)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return trust, context


class _Listener(ThreadingHTTPServer):
    """Accepts connections; each is handled in a thread of its own, TLS handshake included."""

    daemon_threads = True

    def __init__(self, name: str, context: ssl.SSLContext | None) -> None:
        super().__init__((ADDRESS, 0), _Handler)
        self.name = name
        self.context = context
        self.seen: list[str] = []
        self.idle = threading.Event()
        self.idle.set()
        self._busy = 0
        self._counting = threading.Lock()
        if context is not None:
            context.sni_callback = self._hello

    def process_request(self, request: Any, client_address: Any) -> None:
        """Hand a connection to a thread of its own, and know that it is at work."""
        self._count(1)
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Handle a connection to its end."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._count(-1)

    def _count(self, change: int) -> None:
        with self._counting:
            self._busy += change
            (self.idle.clear if self._busy else self.idle.set)()

    def _hello(self, _socket: Any, name: str | None, _context: ssl.SSLContext) -> None:
        # One certificate for whoever asks, as a server without a better match offers its first one.
        self.seen.append(f"TLS hello, asks for {name or 'no name'}")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Keep a client's bad manners out of the notebook's output; the log has them."""


class _Handler(BaseHTTPRequestHandler):
    """Answers one connection."""

    server: _Listener
    timeout = PATIENCE
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        self.request.settimeout(PATIENCE)
        if self.server.context is not None:
            self.request = self.server.context.wrap_socket(
                self.request, server_side=True, do_handshake_on_connect=False
            )
        super().setup()

    def handle(self) -> None:
        try:
            if isinstance(self.request, ssl.SSLSocket):
                self.request.do_handshake()
            super().handle()
        except (ssl.SSLError, OSError) as error:
            said = getattr(error, "reason", None) or error
            self.server.seen.append(f"the client hung up: {said}")

    def finish(self) -> None:
        with suppress(OSError):  # a client that hung up cannot be told anything
            super().finish()
        if isinstance(self.request, ssl.SSLSocket):
            self.request.close()

    def do_GET(self) -> None:
        """Welcome those who ask for the name that is served here; turn others away."""
        host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
        wrong = HTTPStatus.MISDIRECTED_REQUEST if self.server.context else HTTPStatus.NOT_FOUND
        known = host.lower() == self.server.name.lower()
        status = HTTPStatus.OK if known else wrong
        text = f"Welcome to {self.server.name}." if known else f"There is no {host or 'nameless site'} here."
        body = f"{text}\n".encode()
        self.server.seen.append(f"GET {self.path}, Host: {host} → {status.value} {status.phrase}")
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's signature
        """Write nothing to the notebook: `seen` is the log."""
