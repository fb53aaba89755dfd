"""What a terminal keeps between commands: the cluster, the hosts' memories, a clock, counters, logs."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from svcnotes.control_plane.cluster import Cluster
from svcnotes.network.flight import Memory
from svcnotes.packet import Packet
from svcnotes.toolbox.output import Printed
from svcnotes.toolbox.places import Place

OPENED = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
"""When a terminal is opened, as its clock says: a fixed moment, so that two runs print alike."""
AGE = 600.0
"""How old the objects are by then, in seconds, where their files do not say."""

RuleKey = tuple[str, int, str, str, str]
"""Where a counter stands: (node, IP family, table, chain, the rule as printed, or its policy line)."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A packet seen on an interface: `time` in seconds since the terminal was opened.

    `way` is In or Out. `detail` is what tcpdump writes after the flags of a TCP segment; `length` the
    bytes of its payload (of the whole datagram for ICMP), `text` the first line of the payload.
    `sequence` numbers a ping.
    """

    time: float
    host: str
    interface: str
    way: str
    packet: Packet
    detail: str = ""
    length: int = 0
    text: str = ""
    sequence: int = 0


def _nowhere(here: Place, command: object, stdin: str | None) -> Printed:
    """What stands in the place of a shell until a Terminal gives one."""
    raise NotImplementedError(here, command, stdin)


@dataclass(slots=True)
class Session:
    """The state behind a Terminal.

    `memories` is what the hosts remember, by host and IP family. `packets` and `bytes` count per rule.
    `kernel_log` holds (host, time, line). `access` are the lines that each Pod logged. `events` counts
    by (host, name of the kernel's counter). `frames` are the packets of the last command. `born` says
    when an object was first seen here. `restarted` are the nodes on which this command started kube-proxy.
    `counted` is what a tool has put numbers to on a node, by IP family.
    `opened` is the time of day at the beginning. `execute` runs a command's words at a place, `type_at` a command line.
    """

    cluster: Cluster
    random: random.Random
    now: float = 0.0
    memories: Mapping[tuple[str, int], Memory] = field(default_factory=dict)
    packets: Counter[RuleKey] = field(default_factory=Counter)
    bytes: Counter[RuleKey] = field(default_factory=Counter)
    events: Counter[tuple[str, str]] = field(default_factory=Counter)
    kernel_log: list[tuple[str, float, str]] = field(default_factory=list)
    access: dict[str, list[str]] = field(default_factory=dict)
    frames: list[Frame] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    born: dict[tuple[str, str, str], float] = field(default_factory=dict)
    restarted: set[str] = field(default_factory=set)
    counted: dict[tuple[str, int], object] = field(default_factory=dict)
    opened: datetime = OPENED
    execute: Callable[[Place, tuple[str, ...], str | None], Printed] = field(repr=False, default=_nowhere)
    type_at: Callable[[Place, str, str | None], Printed] = field(repr=False, default=_nowhere)

    @property
    def clock(self) -> datetime:
        """The time of day."""
        return self.opened + timedelta(seconds=self.now)

    def ephemeral_port(self) -> int:
        """A port for a new connection, as ip_local_port_range has it."""
        return self.random.randrange(32768, 61000)


@dataclass(frozen=True, slots=True)
class Call:
    """One command as a tool gets it: where, its name and arguments, and what came by the pipe."""

    session: Session
    place: Place
    name: str
    args: tuple[str, ...]
    stdin: str | None = None

    @property
    def cluster(self) -> Cluster:
        """The cluster as it is now."""
        return self.session.cluster
