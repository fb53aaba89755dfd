"""`nc`, in the words of OpenBSD's netcat."""

from __future__ import annotations

from dataclasses import dataclass

from svcnotes.errors import QuestionError
from svcnotes.toolbox.apps import end
from svcnotes.toolbox.connection import KERNEL_GIVES_UP, TIMED_OUT, Talk, connect, target
from svcnotes.toolbox.naming import look_up
from svcnotes.toolbox.options import Options, UsageError, read
from svcnotes.toolbox.output import Printed, err, out
from svcnotes.toolbox.services import SERVICES
from svcnotes.toolbox.session import Call
from svcnotes.trace import Path

_USAGE = """usage: nc [-46CDdFhklNnrStUuvZz] [-I length] [-i interval] [-M ttl]
\t  [-m minttl] [-O length] [-P proxy_username] [-p source_port]
\t  [-q seconds] [-s sourceaddr] [-T keyword] [-V rtable] [-W recvlimit]
\t  [-w timeout] [-X proxy_protocol] [-x proxy_address[:port]]
\t  [destination] [port]
"""
_MOST_PORTS = 100


@dataclass(frozen=True, slots=True)
class _Job:
    """A command, read: `scans` connects and sends nothing (-z), `source_port` 0 is one that is free (-p)."""

    host: str
    ports: range
    limit: float
    source_port: int
    verbose: bool
    udp: bool
    scans: bool

    @property
    def protocol(self) -> str:
        """Its name as nc prints it."""
        return "udp" if self.udp else "tcp"


def nc(call: Call) -> Printed:
    """`nc [-v] [-z] [-u] [-w SEC] [-p SOURCE-PORT] HOST PORT[-PORT]`."""
    try:
        found = read(call.args, flags=tuple("vzun46kN"), valued=("w", "p", "s", "q", "i"))
    except UsageError as error:
        said = "option requires an argument" if error.needs_value else "invalid option"
        return err(f"nc: {said} -- '{error.option.lstrip('-')}'\n{_USAGE}", 1)
    if len(found.words) != 2:
        return err(_USAGE, 1)
    try:
        job = _job(found)
    except ValueError:
        return err(f"nc: port number invalid: {found.words[1]}\n", 1)
    lookup = look_up(call.session, call.place, job.host)
    printed = Printed((), 1)
    for port in job.ports:
        if not lookup.addresses:
            why = "Temporary failure in name resolution" if lookup.silent else "Name or service not known"
            return err(f'nc: getaddrinfo for host "{job.host}" port {port}: {why}\n', 1)
        printed = printed.then(_one(call, job, lookup.addresses, port))
    return printed


def _job(found: Options) -> _Job:
    """Raises ValueError for numbers that are none."""
    host, ports = found.words
    low, _, high = ports.partition("-")
    numbers, source_port = range(int(low), int(high or low) + 1), int(found.get("p", default="0"))
    if not (
        0 < numbers.start < numbers.stop <= 65536
        and len(numbers) <= _MOST_PORTS
        and 0 <= source_port <= 65535
    ):
        raise ValueError(ports)
    limit = float(found.get("w", default=str(KERNEL_GIVES_UP)))
    return _Job(host, numbers, limit, source_port, found.has("v"), found.has("u"), found.has("z"))


def _one(call: Call, job: _Job, addresses: tuple[str, ...], port: int) -> Printed:
    printed = Printed((), 1)
    for address in addresses:
        shown = f"{job.host} ({address})" if address != job.host else job.host
        try:
            talk, answer = _connected(call, job, address, port)
        except QuestionError as error:
            return printed.then(
                err(f"nc: connect to {shown} port {port} ({job.protocol}) failed: {error}\n", 1)
            )
        # A datagram that nobody refuses counts as a success: nc cannot know better.
        if talk.connected or (job.udp and talk.error == TIMED_OUT):
            name = SERVICES.get(port, "*")
            word = f"Connection to {shown} {port} port [{job.protocol}/{name}] succeeded!\n"
            return Printed(printed.parts).then(err(word if job.verbose else "", 0)).then(out(answer))
        if job.verbose and (not job.udp or talk.error == TIMED_OUT):
            how = (
                "timed out: Operation now in progress" if talk.error == TIMED_OUT else f"failed: {talk.error}"
            )
            printed = printed.then(err(f"nc: connect to {shown} port {port} ({job.protocol}) {how}\n", 1))
    return Printed(printed.parts, 1)


def _connected(call: Call, job: _Job, address: str, port: int) -> tuple[Talk, str]:
    """Connect, send what came by the pipe, and give what the app sent back."""
    heard: list[str] = []

    def serve(path: Path) -> str:
        heard.append(_echoed(path, udp=job.udp))
        return heard[-1]

    sent = ("X" if job.udp else "") if job.scans else call.stdin or ""
    talk = connect(
        call.session,
        call.place,
        target(address, port),
        job.protocol,
        limit=job.limit,
        request=sent,
        serve=serve,
        source_port=job.source_port,
    )
    return talk, heard[-1] if heard and talk.connected and not job.scans else ""


def _echoed(path: Path, *, udp: bool) -> str:
    """What the app of a Pod sends back to a line of text; other programs say nothing."""
    if path.pod is None:
        return ""
    if udp:
        return f"Hello from {path.pod.partition('/')[2]}, you are {end(path)[2]}\n"
    return "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"
