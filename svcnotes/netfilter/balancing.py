"""What IPVS remembers on a host: connections, clients that stay with a server, and where its schedulers stand.

It is a table of its own beside conntrack's. Sources: ip_vs_conn.c, ip_vs_proto_tcp.c, ip_vs_proto_udp.c in
net/netfilter/ipvs. Simplified: of TCP's eleven states there are four, SCTP has two. A closing connection is FIN_WAIT to
its end, where the kernel has TIME_WAIT, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from typing import NamedTuple

from svcnotes.copying import value
from svcnotes.netfilter.conntrack import Flow
from svcnotes.packet import Packet, endpoint_text
from svcnotes.virtual_servers import UNTUNED, Tuning

SYN_RECV, ESTABLISHED, FIN_WAIT, CLOSE = "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE"
INIT, UDP = "INIT1", "UDP"
TIMEOUTS: Mapping[str, int] = {SYN_RECV: 60, ESTABLISHED: 900, FIN_WAIT: 120, CLOSE: 10, INIT: 3, UDP: 300}
"""How long IPVS remembers a connection in each state after its last packet, in seconds, where nothing is set."""


@value(frozen=True, slots=True)
class Served:
    """A connection that IPVS gave to a real server: `request` is how the client's packets come, `real` who serves it.

    `state` is named as `ipvsadm -Lcn` does; `expires` is the host's time at which it is forgotten, in seconds.
    """

    request: Flow
    real: str
    real_port: int
    state: str
    expires: float

    @property
    def answer(self) -> Flow:
        """How the real server's packets come, once conntrack has put the client's address back."""
        asked = self.request
        return Flow(asked.protocol, self.real, self.real_port, asked.source, asked.source_port)

    @property
    def server(self) -> str:
        """The virtual server as it was dialled: `tcp 10.96.0.80:80`."""
        return server_name(self.request.protocol, self.request.destination, self.request.destination_port)

    @property
    def real_text(self) -> str:
        """The real server as `IP:port`."""
        return endpoint_text(self.real, self.real_port)

    def after(self, packet: Packet, time: float, *, answer: bool, tuning: Tuning = UNTUNED) -> Served:
        """The connection after one more packet."""
        state = next_state(self.state, packet, answer=answer)
        return replace(self, state=state, expires=time + lasts(packet.protocol, state, tuning))


class Kept(NamedTuple):
    """A client that stays with a real server (`persistent`): its name, and until when."""

    real: str
    expires: float


@value(frozen=True, slots=True)
class Balancing:
    """IPVS's memory: an immutable value, so that each way that a packet may take holds its own.

    `requests` and `answers` find a connection by either of its directions. `kept` is by virtual server and client,
    `places` by virtual server: what its scheduler knows from before, each in its own way. `leaving` holds the real
    servers (virtual server, `IP:port`) that kube-proxy took away while connections were open: weight 0 for those.
    """

    requests: Mapping[Flow, Served] = field(default_factory=dict)
    answers: Mapping[Flow, Served] = field(default_factory=dict)
    kept: Mapping[tuple[str, str], Kept] = field(default_factory=dict)
    places: Mapping[str, tuple[object, ...]] = field(default_factory=dict)
    leaving: frozenset[tuple[str, str]] = frozenset()

    def __iter__(self) -> Iterator[Served]:
        return iter(self.requests.values())

    def alive(self, time: float) -> Iterator[Served]:
        """The connections that are remembered at a time."""
        return (one for one in self.requests.values() if one.expires >= time)

    def with_connection(self, one: Served) -> Balancing:
        """The memory with a connection, or one brought up to date."""
        return replace(
            self,
            requests={**self.requests, one.request: one},
            answers={**self.answers, one.answer: one},
        )

    def without(self, gone: frozenset[Flow]) -> Balancing:
        """The memory without the connections of these requests."""
        if not gone:
            return self
        return replace(
            self,
            requests={key: one for key, one in self.requests.items() if key not in gone},
            answers={key: one for key, one in self.answers.items() if one.request not in gone},
        )

    def with_kept(self, server: str, client: str, kept: Kept) -> Balancing:
        """The memory with a client that stays with a real server."""
        return replace(self, kept={**self.kept, (server, client): kept})

    def with_place(self, server: str, place: tuple[object, ...]) -> Balancing:
        """The memory with where a virtual server's scheduler stands now."""
        if self.places.get(server) == place:
            return self
        return replace(self, places={**self.places, server: place})


NOTHING = Balancing()


def server_name(protocol: str, address: str, port: int) -> str:
    """A virtual server's name in this memory."""
    return f"{protocol} {endpoint_text(address, port)}"


def lasts(protocol: str, state: str, tuning: Tuning = UNTUNED) -> int:
    """For how many seconds a connection in a state is remembered; `ipvsadm --set` says three of them (ip_vs_set_timeout)."""
    if protocol == "udp":
        return tuning.udp
    if protocol == "tcp" and state in (ESTABLISHED, FIN_WAIT):
        return tuning.tcp if state == ESTABLISHED else tuning.tcp_fin
    return TIMEOUTS[state]


def first_state(protocol: str) -> str:
    """The state that a connection begins in."""
    return {"tcp": SYN_RECV, "udp": UDP}.get(protocol, INIT)


def next_state(state: str, packet: Packet, *, answer: bool) -> str:
    """The state after one more packet, from the client or (`answer`) from the real server."""
    if packet.protocol == "udp":
        return UDP
    if packet.protocol != "tcp":
        return ESTABLISHED if answer else state
    flags = packet.flags.split(",")
    if "RST" in flags:
        return CLOSE
    if "FIN" in flags:
        return FIN_WAIT
    if "SYN" in flags:
        return state if answer else SYN_RECV
    if "ACK" in flags and state == SYN_RECV and not answer:
        return ESTABLISHED
    return state
