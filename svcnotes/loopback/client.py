"""A client that dials a server under some name, as a program does that was given the name of a Service.

Where the name leads is taken for settled: whatever the name, the connection goes to the server's address.
So it is with an alias of DNS: the client knows the name that it was told, and no other.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import textwrap
from dataclasses import dataclass
from ipaddress import ip_address

from svcnotes.loopback.server import ADDRESS, PATIENCE, Server, check_name

WIDTH = 80
"""Where a long error is broken, in characters: a notebook would break it inside a word."""


@dataclass(frozen=True, slots=True)
class Call:
    """What came of one call.

    `url` is what was dialled, `sni` the name sent in the TLS hello (empty for an address: it has none) and
    `certified` the name that the server's certificate is for, both empty without TLS; `host` is the Host
    header, empty where no request was sent.
    `status` is None where no answer came; then `error` says why, in Python's own words.
    """

    url: str
    address: str
    sni: str = ""
    certified: str = ""
    host: str = ""
    status: int | None = None
    body: str = ""
    error: str = ""

    @property
    def ok(self) -> bool:
        """Whether the page came."""
        return self.status == http.HTTPStatus.OK

    def __str__(self) -> str:
        scheme, _, name = self.url.partition("://")
        lines = [f"{scheme.upper()}, dialled as {name} ({self.address})"]
        if self.certified:
            fits = name.lower() == self.certified.lower()
            verified = "" if self.error else ", accepted" if fits else ", not checked"
            lines.append(f"  TLS hello asks for  {self.sni or 'no name'}")
            lines.append(f"  certificate is for  {self.certified}{verified}")
        if self.host:
            lines.append(f"  Host header         {self.host}")
        if self.status is not None:
            lines.append(f"  {'✔' if self.ok else '✘'} {self.status} {self.body.strip()}")
        if self.error:
            lines += textwrap.wrap(
                f"✘ {self.error}",
                WIDTH,
                initial_indent="  ",
                subsequent_indent="    ",
                break_on_hyphens=False,
            )
        return "\n".join(lines)


def call(server: Server, name: str, *, host: str = "", verify: bool = True) -> Call:
    """Ask the server for its page, dialling it as `name`; ends within seconds.

    `host` is the Host header where it is to be another than the name; `verify` False takes any
    certificate, as `curl --insecure` does. Raises QuestionError for what is no host's name.
    """
    check_name(name)
    sent = check_name(host or name)
    url = f"{'https' if server.trust else 'http'}://{name}"
    address = f"{ADDRESS}:{server.port}"
    sni = name if server.trust and not _is_address(name) else ""
    certified = server.name if server.trust else ""
    try:
        with socket.create_connection((ADDRESS, server.port), PATIENCE) as plain:
            secured = _secured(plain, server.trust, name, verify=verify)
            with secured:
                status, body = _get(secured, sent)
    except (OSError, UnicodeError, http.client.HTTPException) as error:
        words = f"{type(error).__name__}: {error}"
        return Call(url, address, sni, certified, error=words)
    return Call(url, address, sni, certified, sent, status, body)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _secured(plain: socket.socket, trust: ssl.SSLContext | None, name: str, *, verify: bool) -> socket.socket:
    if trust is None:
        return plain
    if not verify:
        trust = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        trust.check_hostname = False
        trust.verify_mode = ssl.CERT_NONE
    return trust.wrap_socket(plain, server_hostname=name)


def _get(connected: socket.socket, host: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(host)
    connection.sock = connected
    connection.request("GET", "/", headers={"Host": host, "Connection": "close"})
    with connection.getresponse() as answer:
        return answer.status, answer.read().decode()
