"""A lab: one worker that is, one after the other, the network of the clusters it is asked about."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count, cycle
from types import TracebackType
from typing import Any, Self

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError
from svcnotes.kernel.blueprint import Blueprint, blueprint, refuse
from svcnotes.kernel.listeners import listeners, named_ports
from svcnotes.kernel.probe import unloadable
from svcnotes.kernel.process import KernelError, Worker, WorkerEndedError
from svcnotes.kernel.texts import host_texts
from svcnotes.network.topology import Topology

DEADLINE = 0.9
PORTS = (40112, 60000)


@dataclass(frozen=True)
class Asked:
    """One question as the lab asks it: the network that it is asked in, the asker's host, and what to send.

    `source` is the address to ask from, empty for the one that the kernel chooses; `source_port` 0 leaves the port
    to the lab.
    """

    net: Topology
    host: str
    source: str
    address: str
    port: int
    protocol: str
    source_port: int = 0


class Lab:
    """The kernel's own network for clusters; a context manager, or closed with `close`.

    It stays up between questions: what the next cluster has alike is not built again. Raises KernelError
    where no lab can be (`available`), or where the kernel refuses rules. `variant` is the iptables to load rules
    with, legacy or nft; empty: the first of them that works here.
    """

    def __init__(self, *, variant: str = "") -> None:
        self._variant = variant
        self._worker: Worker | None = None
        self._made: Blueprint | None = None
        self._net: Topology | None = None
        self._askers: dict[str, None] = {}
        self._named: frozenset[int] = frozenset()
        self._switches: dict[str, dict[str, str]] = {}
        self._routes: dict[str, list[Any]] = {}
        self._neighbours: dict[str, list[Any]] = {}
        self._loaded: tuple[Cluster, str | None] | None = None
        self._listening: Cluster | None = None
        self._ports_open: frozenset[int] = frozenset()
        self._tokens, self._numbers = count(1), count(1)
        self._open: set[int] = set()
        # A port of its own for each question: a server may still wait for the end of an earlier one.
        self._ports = cycle(range(*PORTS))
        self.notes: tuple[str, ...] = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The worker's process id, None before the first question."""
        return self._worker.pid if self._worker else None

    def close(self) -> None:
        """Take the lab down."""
        if self._worker is not None:
            self._worker.close()
        self._worker, self._made, self._loaded, self._net, self._listening = None, None, None, None, None
        self._open.clear()

    def up(self, net: Topology) -> None:
        """Have the worker be this network: built anew only where hosts or interfaces differ."""
        refuse(net)
        if self._worker is not None and not self._worker.alive:
            self.close()
        if self._worker is None:
            self._worker = Worker(self._variant)
        if self._net is net:
            return
        if net.asker and net.asker not in net.outside:
            self._askers[net.asker] = None
        wanted = blueprint(net, self._askers)
        if self._open and self._made is not None and _frame(self._made) != _frame(wanted):
            raise QuestionError(
                "an open flow in the kernel lab: this cluster has other hosts, cables or addresses, and the lab cannot "
                "build them anew under an open flow; change endpoints and Services only, or ask svcnotes.flow.open"
            )
        self._net = None
        if self._made is None or _frame(self._made) != _frame(wanted):
            self._build(wanted)
        else:
            self._follow(wanted)
        loading = (net.cluster, net.proxy_mode)
        if self._loaded is None or self._loaded[0] is not loading[0] or self._loaded[1] != loading[1]:
            texts = host_texts(net)
            if why := unloadable(frozenset(language for _, language, _, text in texts if text)):
                raise KernelError(f"{why} Ask the simulation (engine=simulated), which needs none of it.")
            self._loaded, self._listening = None, None
            self._order("rules", texts=texts)
            self._loaded, self._named = loading, named_ports([text for *_, text in texts])
        self._net = net

    def _build(self, wanted: Blueprint) -> None:
        self._made, self._loaded, self._listening = None, None, None
        told = self._order("build", spec=wanted.to_json())
        self.notes = tuple(f"{host}: {one}" for host, whats in told["not_set"].items() for one in whats)
        self._made = wanted
        self._switches = {name: spec["sysctls"] for name, spec in wanted.hosts.items()}
        self._routes = {name: spec["routes"] for name, spec in wanted.hosts.items()}
        self._neighbours = {name: spec["neighbours"] for name, spec in wanted.hosts.items()}

    def _follow(self, wanted: Blueprint) -> None:
        """Change the switches, routes and neighbours that this question has otherwise."""
        for name, spec in wanted.hosts.items():
            before = self._switches.get(name, {})
            changed = {path: value for path, value in spec["sysctls"].items() if before.get(path) != value}
            if changed:
                self._order("switch", host=name, sysctls=changed)
            self._switches[name] = spec["sysctls"]
        for what, now, kind in (
            ("route", self._routes, "routes"),
            ("neighbours", self._neighbours, "neighbours"),
        ):
            for name, spec in wanted.hosts.items():
                gone = [one for one in now.get(name, []) if one not in spec[kind]]
                new = [one for one in spec[kind] if one not in now.get(name, [])]
                if gone or new:
                    self._order(what, host=name, remove=gone, add=new)
                now[name] = spec[kind]

    def ask(
        self, asked: Asked, *, deadline: float = DEADLINE, remember: bool = False, keep: int = 0
    ) -> dict[str, Any]:
        """Ask with a real socket; what the worker heard, as JSON values. `deadline` is in seconds.

        Every host forgets first what it remembers, and flows that are open end; with `remember` all of that stays.
        An answered question stays open under the number `keep` (`number`). A worker that somebody killed is replaced, once.
        """
        if not remember:
            self._open.clear()
        try:
            return self._ask(asked, deadline, remember=remember, keep=keep)
        except WorkerEndedError:
            self.close()
            if remember:
                raise
            return self._ask(asked, deadline, remember=remember, keep=keep)

    def number(self) -> int:
        """A number for a flow to keep open."""
        return next(self._numbers)

    def is_open(self, number: int) -> bool:
        """Whether this flow is still open."""
        return number in self._open

    def say(self, number: int, asked: Asked, *, deadline: float = DEADLINE) -> dict[str, Any]:
        """Send once more over an open flow; what was heard, as `ask` tells it. `asked` holds the network of now."""
        self.up(asked.net)
        self._listen(asked)
        token = self._token()
        found: dict[str, Any] = self._order("say", number=number, token=f"?{token}", deadline=deadline)
        return {**found, "token": token}

    def hang_up(self, number: int) -> None:
        """End an open flow at both ends."""
        if number in self._open:
            self._open.discard(number)
            self._order("hang_up", numbers=[number])

    def flows(self, host: str) -> list[list[Any]]:
        """The UDP flows that a host with rules remembers, as the worker tells them (`conntrack.flows`)."""
        found: list[list[Any]] = self._order("flows", host=host)
        return found

    def lists(self) -> set[tuple[str, str]]:
        """The lists of `recent` that hold somebody: (host, name) each."""
        return {(host, name) for host, name in self._order("lists")}

    def delete(self, host: str, flows: list[list[Any]]) -> None:
        """Delete conntrack entries of UDP on a host: [source, port, destination, port] of each one's first packet."""
        self._order("delete", host=host, flows=flows)

    def _token(self) -> str:
        return f"{next(self._tokens):08d}"

    def _ask(self, asked: Asked, deadline: float, *, remember: bool, keep: int) -> dict[str, Any]:
        self.up(asked.net)
        self._listen(asked)
        transport = "tcp" if asked.protocol == "http" else asked.protocol
        if transport not in ("tcp", "udp", "icmp"):
            raise QuestionError(
                f"engine kernel: protocol {asked.protocol}: the lab speaks tcp, udp, http and icmp"
            )
        token = self._token()
        found: dict[str, Any] = self._order(
            "ask",
            spec={
                "host": asked.host,
                "family": 6 if ":" in asked.address else 4,
                "protocol": transport,
                "source": asked.source,
                "source_port": asked.source_port or next(self._ports),
                "address": asked.address,
                "port": asked.port,
                "deadline": deadline,
                "remember": remember,
                "keep": keep,
                "token": f"?{token}",
            },
        )
        if keep and found["event"] == "answer":
            self._open.add(keep)
        return {**found, "token": token}

    def _listen(self, asked: Asked) -> None:
        """Have everybody listen who does; where somebody answers on every port, on this one too."""
        if asked.net.cluster is self._listening and asked.port in self._ports_open:
            return
        if asked.net.cluster is not self._listening:
            # Who holds an open flow goes on listening where no rule leads any more.
            self._ports_open = self._named | (self._ports_open if self._open else frozenset())
        self._ports_open |= {asked.port}
        told = self._order("listen", wanted=listeners(asked.net, self._ports_open - {0}))
        self.notes = (*self.notes, *told["not_opened"])
        self._listening = asked.net.cluster

    def _order(self, what: str, **arguments: Any) -> Any:
        if self._worker is None:
            raise QuestionError("the kernel lab is not up")
        return self._worker.order(what, **arguments)


def _frame(made: Blueprint) -> Any:
    """What cannot be changed on the way: hosts, cables, addresses, and which switches are set at all."""
    later = ("routes", "neighbours", "sysctls")
    own = {
        name: ({key: value for key, value in spec.items() if key not in later}, sorted(spec["sysctls"]))
        for name, spec in made.hosts.items()
    }
    return own, made.links
