"""dig and nslookup in a terminal: each try is a packet of its own, drawn as the dice fall, and takes its time."""

from __future__ import annotations

from dataclasses import dataclass

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.dns import coredns
from svcnotes.packet import endpoint_text
from svcnotes.toolbox.asking import TRIES, Asked, reached, untraced, words_for
from svcnotes.toolbox.connection import connect
from svcnotes.toolbox.dig import run_dig
from svcnotes.toolbox.nslookup import run_nslookup
from svcnotes.toolbox.output import Printed
from svcnotes.toolbox.session import Call

PATIENCE = 5.0
"""Seconds that dig and nslookup wait for one answer."""


@dataclass(frozen=True, slots=True)
class _Asking:
    """Puts questions by a terminal's own connections: an `asking.Ask`."""

    call: Call

    def __call__(
        self,
        cluster: Cluster,
        source: str,
        server: str,
        name: str,
        kind: str = "A",
        *,
        port: int = 53,
        protocol: str = "udp",
        tries: int = TRIES,
    ) -> Asked:
        known = untraced(cluster, source, server, name, kind) if port == 53 else None
        if known is not None:
            return Asked(server, known)
        failures: list[str] = []
        for _ in range(tries):
            to = endpoint_text(server, port)
            talk = connect(self.call.session, self.call.place, to, protocol, limit=PATIENCE)
            if reached(cluster, talk.path):
                return Asked(server, coredns(cluster, name, kind), "", (talk.path,), tuple(failures))
            if talk.connected:  # something took the packet and knows nothing of DNS
                self.call.session.now += PATIENCE
            failures.append(words_for(talk.path))
        return Asked(server, None, failures[-1], (), tuple(failures))


def dig(call: Call) -> Printed:
    """`dig [@SERVER] [NAME] [KIND] [+OPTION]...`."""
    when = call.session.clock.strftime("%a %b %d %H:%M:%S UTC %Y")
    return run_dig(call.cluster, call.place.source, call.args, by=_Asking(call), when=when)


def nslookup(call: Call) -> Printed:
    """`nslookup [-type=KIND] NAME [SERVER]`."""
    return run_nslookup(call.cluster, call.place.source, call.args, by=_Asking(call))
