"""IPVS's virtual servers, and how ipvsadm prints and reads them.

A virtual server is an address, a port and a protocol; its real servers are where connections go. Source: ipvsadm.c
of ipvsadm 1.31 (print_service_entry, `-S -n` and `-L -n`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from svcnotes.errors import RuleError
from svcnotes.packet import endpoint_text

OPTIONS = {"tcp": "-t", "udp": "-u", "sctp": "--sctp-service"}
# What the first two scheduler flags are called by the schedulers that know them.
SCHEDULER_FLAGS = ("mh-port",)
HEAD = (
    "IP Virtual Server version 1.2.1 (size=4096)\n"
    "Prot LocalAddress:Port Scheduler Flags\n"
    "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn\n"
)

_PROTOCOLS = {option: protocol for protocol, option in OPTIONS.items()}
_ENDPOINT = re.compile(r"\[([0-9a-f:.]+)\]:(\d+)|([0-9.]+):(\d+)")
_LISTED = re.compile(r"(TCP|UDP|SCTP) +(\S+) (\S+)(?: \((\S+)\))?(?: persistent (\d+))?\s*")
_LISTED_REAL = re.compile(r"  -> (\S+) +Masq +(\d+) +(\d+) +(\d+)\s*")


@dataclass(frozen=True, slots=True)
class Tuning:
    """How IPVS treats its connections on a host: timeouts in seconds (`ipvsadm --set`), and switches below net.ipv4.vs.

    `tcp`, `tcp_fin`, `udp`: how long a connection is remembered after its last packet, while it is open, once it closes,
    and of UDP. `expire_nodest_conn`: a connection whose real server is gone is given up, not kept in silence.
    `expire_quiescent_template`: a client that stays with a real server (`persistent`) leaves it when its weight is 0.
    `conn_reuse_mode`: whether a SYN from the port of a closed connection may get another real server (bit 1 or 2).
    The defaults are the kernel's. Sources: Documentation/networking/ipvs-sysctl.rst, ip_vs_proto_tcp.c.
    """

    tcp: int = 900
    tcp_fin: int = 120
    udp: int = 300
    expire_nodest_conn: bool = False
    expire_quiescent_template: bool = False
    conn_reuse_mode: int = 1


UNTUNED = Tuning()


@dataclass(frozen=True, slots=True)
class RealServer:
    """Where a virtual server sends connections. Weight 0: no new ones. `active` and `inactive` count those there are."""

    address: str
    port: int
    weight: int = 1
    active: int = 0
    inactive: int = 0

    @property
    def text(self) -> str:
        """`IP:port`, `[IP]:port` in IPv6."""
        return endpoint_text(self.address, self.port)


@dataclass(frozen=True, slots=True)
class VirtualServer:
    """An address and port that IPVS answers for; `protocol` is lower case, `flags` the scheduler's.

    `persistent`: for how many seconds a client stays with its real server; 0: a connection at a time.
    Packets are translated as NAT does (`-m`): kube-proxy uses no other way.
    """

    protocol: str
    address: str
    port: int
    scheduler: str = "rr"
    persistent: int = 0
    flags: str = ""
    real_servers: tuple[RealServer, ...] = ()

    @property
    def text(self) -> str:
        """`IP:port`, `[IP]:port` in IPv6."""
        return endpoint_text(self.address, self.port)

    @property
    def option(self) -> str:
        """How ipvsadm is told of it: `-t 10.96.0.10:80`."""
        return f"{OPTIONS[self.protocol]} {self.text}"


def add_service(one: VirtualServer) -> str:
    """The words after `ipvsadm` that make a virtual server, without its real ones."""
    persistent = f" -p {one.persistent}" if one.persistent else ""
    flags = f" -b {one.flags}" if one.flags else ""
    return f"-A {one.option} -s {one.scheduler}{persistent}{flags}"


def add_real(one: VirtualServer, real: RealServer) -> str:
    """The words after `ipvsadm` that add a real server."""
    return f"-a {one.option} -r {real.text} -m -w {real.weight}"


def saved(servers: Iterable[VirtualServer]) -> str:
    """Write virtual servers as `ipvsadm -S -n` prints them."""
    lines = []
    for one in servers:
        lines.append(f"{add_service(one)}\n")
        lines += [f"{add_real(one, real)}\n" for real in one.real_servers]
    return "".join(lines)


def listed(servers: Iterable[VirtualServer]) -> str:
    """Write virtual servers as `ipvsadm -L -n` prints them."""
    lines = [HEAD]
    for one in servers:
        flags = f" ({one.flags})" if one.flags else ""
        persistent = f" persistent {one.persistent}" if one.persistent else ""
        lines.append(f"{one.protocol.upper():<4} {one.text} {one.scheduler}{flags}{persistent}\n")
        lines += [
            f"  -> {r.text:<28} {'Masq':<7} {r.weight:<6} {r.active:<10} {r.inactive:<10}\n"
            for r in one.real_servers
        ]
    return "".join(lines)


def read_saved(text: str) -> tuple[VirtualServer, ...]:
    """Read what `ipvsadm -S -n` printed; raises RuleError that names the line."""
    found: dict[str, _Found] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        try:
            verb, kind, where = words[:3]
            options = dict(_options(words[3:]))
            if verb == "-A":
                found[f"{kind} {where}"] = _Found(
                    VirtualServer(
                        _PROTOCOLS[kind],
                        *_endpoint(where),
                        scheduler=options["-s"],
                        persistent=int(options.get("-p", "0")),
                        flags=options.get("-b", ""),
                    )
                )
            elif verb == "-a" and "-m" in options:
                real = RealServer(*_endpoint(options["-r"]), weight=int(options["-w"]))
                found[f"{kind} {where}"].real_servers.append(real)
            else:
                raise KeyError(verb)
        except (KeyError, ValueError):
            raise _unreadable(
                number, line, "`-A -t ADDRESS:PORT -s SCHEDULER`, then `-a ... -m -w`"
            ) from None
    return tuple([one.whole() for one in found.values()])


def read_listed(text: str) -> tuple[VirtualServer, ...]:
    """Read what `ipvsadm -L -n` printed, head lines included; raises RuleError that names the line."""
    found: list[_Found] = []
    for number, line in enumerate(text.splitlines(), 1):
        service, real = _LISTED.fullmatch(line), _LISTED_REAL.fullmatch(line)
        try:
            if service:
                protocol, scheduler, flags = service[1].lower(), service[3], service[4] or ""
                end = _endpoint(service[2])
                found.append(_Found(VirtualServer(protocol, *end, scheduler, int(service[5] or 0), flags)))
            elif real:
                weight, active, inactive = (int(real[i]) for i in (2, 3, 4))
                found[-1].real_servers.append(RealServer(*_endpoint(real[1]), weight, active, inactive))
            elif line.strip() and f"{line.rstrip()}\n" not in HEAD:
                raise ValueError(line)
        except (IndexError, ValueError):
            raise _unreadable(number, line, "`TCP  ADDRESS:PORT SCHEDULER`, then `  -> ...`") from None
    return tuple([one.whole() for one in found])


@dataclass(slots=True)
class _Found:
    """A virtual server that is being read, its real servers one after another."""

    server: VirtualServer
    real_servers: list[RealServer] = field(default_factory=list)

    def whole(self) -> VirtualServer:
        return replace(self.server, real_servers=tuple(self.real_servers))


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Options with their values; `-m` has none."""
    rest = iter(words)
    for word in rest:
        yield word, "" if word == "-m" else next(rest, "")


def _endpoint(text: str) -> tuple[str, int]:
    found = _ENDPOINT.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return (found[1], int(found[2])) if found[1] else (found[3], int(found[4]))


def _unreadable(number: int, line: str, shape: str) -> RuleError:
    message = f"line {number}: `{line.strip()}` is not understood: a virtual server is {shape}"
    return RuleError(message, line=number, text=line)
