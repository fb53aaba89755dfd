"""An open flow in the real kernel: one socket, held open while the lab's rules, endpoints and memories change."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Self

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError
from svcnotes.flow.event import CHANGED, OPENED, SENT, Event, Moments, flow_protocol
from svcnotes.kernel.answer import path as heard
from svcnotes.kernel.lab import DEADLINE, Asked, Lab
from svcnotes.kernel.syncing import sync
from svcnotes.kernel.tracer import questions, trace
from svcnotes.kube_proxy.modes import DEFAULT
from svcnotes.packet import endpoint_text
from svcnotes.trace import Path, Trace

TRIES = 60  # with three endpoints, a chosen one is missed by them all once in 10^10
LONGEST = 5.0  # seconds that a lab waits: its clock is the machine's


@dataclass
class _Held:
    """The sockets in the lab: `asked` is the question in the network of now, `moments` how many there have been."""

    lab: Lab
    number: int
    asked: Asked
    deadline: float
    begun: float = field(default_factory=time.monotonic)
    moments: int = 0

    def now(self) -> float:
        return time.monotonic() - self.begun


@dataclass(frozen=True)
class RealFlow(Moments):
    """An open flow of a kernel lab, as `Flow` is one of the simulation; a context manager, or closed with `close`.

    `path` is the way of the last packet sent, `event` what happened last, `past` the flow before that. A moment
    stays as it was, but only the newest can go on: there is one socket. Times are the machine's own seconds.
    """

    cluster: Cluster = field(repr=False)
    source: str
    to: str
    protocol: str
    via: str | None
    proxy_mode: str
    path: Path = field(repr=False)
    held: _Held = field(repr=False)
    event: Event = field(repr=False)
    past: RealFlow | None = field(repr=False, default=None)
    moment: int = field(repr=False, default=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __str__(self) -> str:
        said = [f"  {event.now:.2f} s, {event.kind}: {_told(event)}" for event in self.story]
        return "\n".join([f"{self.source} → {self.to} (an open {self.protocol} flow, real packets)", *said])

    @property
    def source_port(self) -> int:
        """The port of the flow's socket."""
        return self.moments[0].path.hops[0].packet.source_port

    def send(self) -> RealFlow:
        """Send the next packet over the same socket: of TCP data on the connection, of UDP one more datagram."""
        held = self._newest()
        found = heard(held.asked, held.lab.say(held.number, held.asked, deadline=held.deadline))
        return self._then(Event(held.now(), SENT, found), path=found)

    def after(self, cluster: Cluster, seconds: float = 0.0, note: str = "") -> RealFlow:
        """The flow when the cluster has changed and kube-proxy has synced on every node; `seconds` are really waited.

        The rules are loaded with iptables-restore, then kube-proxy's stale UDP entries are deleted. `note` says in the
        story what changed. Raises QuestionError for a wait of over 5 s, and for a change that would need other hosts,
        cables or addresses.
        """
        held = self._newest()
        if not 0 <= seconds <= LONGEST:
            raise QuestionError(
                f"after: {seconds} seconds: the kernel's clock cannot be turned; wait 0 to {LONGEST:.0f} seconds, "
                "or ask the simulation (svcnotes.flow.open)"
            )
        asked = _asked(cluster, self.source, held.asked.address, self)
        time.sleep(seconds)
        done = sync(held.lab, self.cluster, asked.net)
        held.asked = asked
        event = Event(held.now(), CHANGED, note=note, entries=done.entries, lists=done.lists)
        return self._then(event, cluster=cluster)

    def another(
        self,
        to: str | None = None,
        protocol: str | None = None,
        via: str | None = None,
        source: str | None = None,
        *,
        packets: int = 1,
    ) -> Trace:
        """New flows from the same source, each from a port of its own: `packets` of them, sent and counted.

        They find the hosts as they are, and the hosts remember them. Arguments as for `Flow.another`.
        """
        held = self._newest()
        return trace(
            self.cluster,
            self.source if source is None else source,
            self.to if to is None else to,
            self.protocol if protocol is None else protocol,
            self.via if via is None and to is None else via,
            self.proxy_mode,
            lab=held.lab,
            packets=packets,
            deadline=held.deadline,
            remember=True,
        )

    def close(self) -> None:
        """End the flow at both ends; the lab stays up."""
        self.held.lab.hang_up(self.held.number)

    def _newest(self) -> _Held:
        if not self.held.lab.is_open(self.held.number):
            raise QuestionError(
                f"the flow from {self.source} to {self.to} is closed: a lab that is asked anew ends its flows; open another"
            )
        if self.moment != self.held.moments:
            raise QuestionError("this moment of a real flow is past: go on from what the last call gave")
        return self.held

    def _then(self, event: Event, **changes: object) -> RealFlow:
        self.held.moments += 1
        return replace(self, event=event, past=self, moment=self.held.moments, **changes)  # type: ignore[arg-type]


def open_real(
    cluster: Cluster,
    source: str,
    to: str,
    protocol: str = "tcp",
    via: str | None = None,
    proxy_mode: str | None = None,
    *,
    lab: Lab,
    pod: str | None = None,
    remember: bool = False,
    deadline: float = DEADLINE,
) -> RealFlow:
    """Open a flow in a kernel lab, as `svcnotes.flow.open` does in the simulation, with a real socket.

    The kernel throws its own dice: with `pod` (`namespace/name`) the flow is opened anew until that Pod has it.
    Each opening finds hosts that remember nothing, and ends the lab's other flows; with `remember` both stay. `deadline` in
    seconds is how long an answer is waited for. Raises QuestionError where there is no answer, or none from that Pod;
    KernelError where no lab can be.
    """
    protocol = flow_protocol(protocol)
    asked = questions(cluster, source, to, protocol, via, proxy_mode)
    if not asked:
        raise QuestionError(f"no flow from {source} to {to} can be opened: the name leads outside this world")
    first, met = asked[0], dict[str, None]()
    for _ in range(TRIES if pod else 1):
        number = lab.number()
        found = heard(first, lab.ask(first, deadline=deadline, remember=remember, keep=number))
        if lab.is_open(number) and pod in (None, found.pod):
            mode = first.net.proxy_mode or DEFAULT
            held = _Held(lab, number, first, deadline)
            return RealFlow(cluster, source, to, protocol, via, mode, found, held, Event(0.0, OPENED, found))
        if not lab.is_open(number):
            raise QuestionError(f"no flow from {source} to {to} can be opened: {found.reason}")
        met[found.pod or found.answered_by] = None
        lab.hang_up(number)
    raise QuestionError(
        f"pod {pod!r}: the flow did not get there in {TRIES} tries; it got to: {', '.join(met)}"
    )


def _told(event: Event) -> str:
    if event.path is None:
        gone = f"; conntrack entries deleted: {len(event.entries)}" if event.entries else ""
        return (event.note or "the cluster") + gone
    return event.path.pod or event.path.answered_by or f"{event.path.outcome}: {event.path.reason}"


def _asked(cluster: Cluster, source: str, address: str, flow: RealFlow) -> Asked:
    """The flow's question in the network of a changed cluster; the address stays, whatever a name means now."""
    to = endpoint_text(address, flow.held.asked.port)
    (found,) = questions(cluster, source, to, flow.protocol, flow.via, flow.proxy_mode)
    return found
