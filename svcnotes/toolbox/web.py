"""An HTTP request over a connection: what curl and wget have in common."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from svcnotes.network.addresses import family
from svcnotes.toolbox import apps
from svcnotes.toolbox.connection import KERNEL_GIVES_UP, TIMED_OUT, Talk, connect, target
from svcnotes.toolbox.naming import Found, look_up
from svcnotes.toolbox.places import Place
from svcnotes.toolbox.session import Session
from svcnotes.trace import Path


class UrlError(Exception):
    """A URL that cannot be read."""


@dataclass(frozen=True, slots=True)
class Url:
    """A URL in parts; `host` without brackets, `name` as a Host header has it."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def name(self) -> str:
        """The host, in brackets where it is an IPv6 address, with a port that is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == {"http": 80, "https": 443}.get(self.scheme) else f"{host}:{self.port}"


def read_url(text: str) -> Url:
    """Read a URL; one without a scheme is http. Raises UrlError."""
    text = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise UrlError from None
    if not parts.hostname or any(char.isspace() for char in text):
        raise UrlError
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Url(parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), path)


@dataclass(slots=True)
class Fetched:
    """How a request went: the look-up, the connections tried in order, and the answer, if one came.

    `seconds` is the whole time; `tls_error` a failure of TLS; `stalled` says that the connection was
    made and nothing came over it.
    """

    found: Found
    talks: list[tuple[str, Talk]] = field(default_factory=list)
    answer: apps.Answer | None = None
    seconds: float = 0.0
    tls_error: str = ""
    stalled: bool = False

    @property
    def talk(self) -> Talk | None:
        """The last connection tried."""
        return self.talks[-1][1] if self.talks else None


def fetch(
    session: Session,
    place: Place,
    url: Url,
    asked: apps.Asked,
    request: str,
    *,
    limit: float = KERNEL_GIVES_UP,
    connect_limit: float = KERNEL_GIVES_UP,
    checks: bool = True,
    only: int = 0,
    resolved: str = "",
) -> Fetched:
    """Ask a web server, and give how it went.

    `limit` and `connect_limit` are seconds for all and for connecting; `checks` whether the certificate is
    looked at; `only` an IP family; `resolved` an address to take for the name.
    """
    started = session.now
    found = (
        Found((resolved,), url.host) if resolved else look_up(session, place, url.host, limit=min(limit, 20))
    )
    fetched = Fetched(found)
    for address in found.addresses:
        if only and family(address) != only:
            continue
        left = min(limit - (session.now - started), connect_limit)
        if left <= 0:
            break
        talk = connect(
            session,
            place,
            target(address, url.port),
            limit=left,
            request=request,
            serve=lambda path: _served(session, url, asked, fetched, path, checks=checks),
        )
        fetched.talks.append((address, talk))
        if talk.connected:
            fetched.stalled = not talk.answered
            break
        if talk.error == TIMED_OUT:
            break
    if fetched.stalled:
        fetched.answer = None
        session.now = started + (limit if limit < KERNEL_GIVES_UP else 300.0)
    fetched.seconds = session.now - started
    return fetched


def _served(
    session: Session, url: Url, asked: apps.Asked, fetched: Fetched, path: Path, *, checks: bool
) -> str:
    """What comes back over the connection, where the request has come through."""
    tls = apps.speaks_tls(session.cluster, path)
    if url.scheme == "https" and not tls:
        fetched.tls_error = "OpenSSL/3.0.17: error:0A00010B:SSL routines::wrong version number"
    elif url.scheme == "https" and checks:
        fetched.tls_error = apps.certificate_error(session.cluster, path, url.host)
    if fetched.tls_error:
        return "alert"
    answer = fetched.answer = apps.reply(session, path, asked)
    return "".join(f"{line}\r\n" for line in answer.head) + answer.body
