"""`tcpdump`: the packets of a command, as version 4.99 prints them at one host.

It shows what passes while another command runs: `Terminal.capture`. Simplified: no ARP, no link-level
headers; times are the model's, in which a host takes some microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

from svcnotes.packet import Packet
from svcnotes.toolbox.capture_filter import FilterError, capture_filter
from svcnotes.toolbox.hosts import host_of, links
from svcnotes.toolbox.options import UsageError, read
from svcnotes.toolbox.output import ERR, OUT, Printed, err, note
from svcnotes.toolbox.session import Call, Frame, Session

ANY = "any"
_FLAGS = {
    "SYN": "S", "SYN,ACK": "S.", "ACK": ".", "PSH,ACK": "P.", "FIN,ACK": "F.", "RST": "R", "RST,ACK": "R.",
}  # fmt: skip
_HTTP = (80, 8080)
_NOTHING = (
    "nothing was sent while it listened. In a cell, say both: "
    'watch("node-1", "tcpdump ...", "client", "curl ...") in a case, capture(...) at a Terminal'
)
_USAGE = "Usage: tcpdump [-n] [-i INTERFACE] [-c COUNT] [EXPRESSION]\n"


def tcpdump(call: Call) -> Printed:
    """`tcpdump -ni INTERFACE [-c COUNT] [-t] [-q] [EXPRESSION]`: what passed during the command captured."""
    try:
        found = read(call.args, flags=tuple("nlqtpUASvXexK#"), valued=("i", "c", "s", "w", "r"))
        count = int(found.get("c", default="0"))
    except UsageError as error:
        return err(f"tcpdump: invalid option -- '{error.option.lstrip('-')}'\n{_USAGE}", 1)
    except ValueError:
        return err("tcpdump: invalid packet count\n", 1)
    host = host_of(call)
    names = [link.name for link in links(host)]
    interface = found.get("i", default=next((name for name in names if name != "lo"), "lo"))
    if interface != ANY and interface not in names:
        return err(f"tcpdump: {interface}: No such device exists\n(No such device exists)\n", 1)
    try:
        test = capture_filter(" ".join(found.words))
    except FilterError as error:
        return err(f"tcpdump: {error}\n", 1)
    seen = [
        frame
        for frame in call.session.frames
        if frame.host == host.name and interface in (ANY, frame.interface) and test(frame.packet)
    ]
    shown = seen[:count] if count else seen
    clock = not found.has("t")
    lines = [_line(call.session, frame, with_interface=interface == ANY, clock=clock) for frame in shown]
    parts = (
        (ERR, _head(interface)),
        (OUT, "".join(f"{text}\n" for text in lines)),
        (ERR, _tail(len(shown), stopped=not 0 < count <= len(seen))),
    )
    printed = Printed(tuple(part for part in parts if part[1]))
    return printed if call.session.frames else printed.then(note(_NOTHING))


def _head(interface: str) -> str:
    cooked = interface == ANY
    kind = "LINUX_SLL2 (Linux cooked v2)" if cooked else "EN10MB (Ethernet)"
    first = "tcpdump: data link type LINUX_SLL2\n" if cooked else ""
    return (
        f"{first}tcpdump: verbose output suppressed, use -v[v]... for full protocol decode\n"
        f"listening on {interface}, link-type {kind}, snapshot length 262144 bytes\n"
    )


def _tail(count: int, *, stopped: bool) -> str:
    """The last lines; `stopped` by hand, where the count asked for was not reached."""
    packets = f"{count} packet{'' if count == 1 else 's'}"
    return f"{'^C' * stopped}{chr(10) * stopped}{packets} captured\n{packets} received by filter\n0 packets dropped by kernel\n"


def _line(session: Session, frame: Frame, *, with_interface: bool, clock: bool) -> str:
    moment = session.opened + timedelta(seconds=frame.time)
    start = f"{moment:%H:%M:%S.%f} " if clock else ""
    if with_interface:
        start += f"{frame.interface:<5} {frame.way:<3} "
    packet = frame.packet
    name = "IP6" if packet.family == 6 else "IP"
    return f"{start}{name} {_end(packet, source=True)} > {_end(packet, source=False)}: {_said(frame)}"


def _end(packet: Packet, *, source: bool) -> str:
    address, port = (
        (packet.source, packet.source_port) if source else (packet.destination, packet.destination_port)
    )
    return address if packet.protocol == "icmp" else f"{address}.{port}"


def _said(frame: Frame) -> str:
    packet = frame.packet
    if packet.protocol == "icmp":
        return "".join(_icmp(packet, frame.length, frame.sequence))
    if packet.protocol == "tcp":
        return f"Flags [{_FLAGS.get(packet.flags, 'none')}], {frame.detail}{_decoded(frame)}"
    return f"{packet.protocol.upper()}, length {frame.length}"


def _decoded(frame: Frame) -> str:
    """What tcpdump reads in a request or an answer on a port that it knows for HTTP."""
    packet = frame.packet
    if not frame.length or not frame.text:
        return ""
    known = {packet.source_port, packet.destination_port} & set(_HTTP)
    return f": HTTP: {frame.text}" if known else ""


def _icmp(packet: Packet, length: int, sequence: int) -> Iterator[str]:
    yield "ICMP" if packet.family == 4 else "ICMP6, "
    space = " " if packet.family == 4 else ""
    size = length - (20 if packet.family == 4 else 40)
    if packet.is_echo:
        kind = "request" if packet.icmp.endswith("request") else "reply"
        number = packet.source_port or packet.destination_port
        yield f"{space}echo {kind}, id {number}, seq {sequence}, length {size}"
        return
    inner = packet.inner
    short = packet.icmp.removeprefix("icmp6-").removeprefix("icmp-")
    words = _ERRORS.get(short)
    said = words(inner) if words is not None and inner is not None else short
    yield f"{space}{said}, length {size}"


def _port_of(inner: Packet) -> str:
    if inner.family == 6:
        return f"destination unreachable, unreachable port, {inner.destination} {inner.protocol} port {inner.destination_port}"
    return f"{inner.destination} {inner.protocol} port {inner.destination_port} unreachable"


_ERRORS: Mapping[str, Callable[[Packet], str]] = {
    "port-unreachable": _port_of,
    "net-unreachable": lambda inner: f"net {inner.destination} unreachable",
    "host-unreachable": lambda inner: f"host {inner.destination} unreachable",
    "admin-prohibited": lambda inner: f"host {inner.destination} unreachable - admin prohibited filter",
    "host-prohibited": lambda inner: f"host {inner.destination} unreachable - admin prohibited",
    "net-prohibited": lambda inner: f"net {inner.destination} unreachable - admin prohibited",
    "proto-unreachable": lambda inner: f"{inner.destination} protocol unreachable",
    "ttl-exceeded": lambda _: "time exceeded in-transit",
    "no-route": lambda inner: f"destination unreachable, unreachable route {inner.destination}",
    "addr-unreachable": lambda inner: f"destination unreachable, unreachable address {inner.destination}",
    "adm-prohibited": lambda inner: f"destination unreachable, unreachable prohibited {inner.destination}",
}
