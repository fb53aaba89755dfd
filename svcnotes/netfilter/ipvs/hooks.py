"""What IPVS does at the hooks: it gives requests for virtual servers to real ones, and puts answers right again.

Sources: ip_vs_ops4 and ip_vs_ops6, ip_vs_in_hook, ip_vs_out_hook, ip_vs_leave in ip_vs_core.c; ip_vs_nat_xmit in
ip_vs_xmit.c; ip_vs_update_conntrack in ip_vs_nfct.c. Left out: net.ipv4.vs.conntrack is always 1 here, as kube-proxy has
it; drop_entry, drop_packet, secure_tcp, and all that is for other ways than NAT, for backups and for estimators.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from svcnotes.addresses import number
from svcnotes.copying import changed
from svcnotes.netfilter.balancing import FIN_WAIT, Served
from svcnotes.netfilter.conntrack import ORIGINAL, Flow
from svcnotes.netfilter.ipvs.serving import Lookup, serve
from svcnotes.netfilter.skb import FLAGS, Skb
from svcnotes.netfilter.targets import ACCEPT, DROP, REJECT, RESEND, Outcome
from svcnotes.netfilter.walk import Stretch
from svcnotes.packet import Packet, Step

TABLE = "ipvs"
EVERY = "virtual servers"
"""The name under which a look-up that finds no virtual server is counted."""
PROTOCOLS = ("tcp", "udp", "sctp")
PORT_UNREACHABLE: Mapping[int, str] = {4: "icmp-port-unreachable", 6: "icmp6-port-unreachable"}
ANSWERS_AT: Mapping[str, int] = {"INPUT": 98, "FORWARD": 100, "OUTPUT": -99}
REQUESTS_AT: Mapping[str, int] = {"INPUT": 99, "OUTPUT": -98}
"""The priorities: in INPUT behind the filter and before NAT, in OUTPUT between NAT and the filter."""
GONE = "its real server {} is gone (expire_nodest_conn)"
SILENT = "its real server {} is gone, and may come back (expire_nodest_conn is 0)"
LEAVING = "its real server {} takes no new connection, its weight is 0 (expire_nodest_conn)"
REUSED = "it was closed, and the client's port begins anew (conn_reuse_mode)"


@dataclass(frozen=True, slots=True)
class Hook:
    """One of IPVS's functions at a hook, as a base chain without rules of its own."""

    name: str
    priority: int
    servers: Lookup
    table: str = TABLE
    kind: str = "filter"
    policy: str = "accept"
    policy_text: str = ""

    @property
    def texts(self) -> Sequence[str]:
        """It always has something to do."""
        return (self.name,)

    def run(self, s: Skb) -> Outcome:
        """Let IPVS see the packet."""
        raise NotImplementedError


class Answers(Hook):
    """ip_vs_out: an answer gets the virtual server's address as its source, and so does an error about a request."""

    __slots__ = ()

    def run(self, s: Skb) -> Outcome:
        """Look for the connection that the packet answers; leave every other one alone."""
        if s.served is not None or not s.balancing.answers:
            return ACCEPT
        packet = s.as_packet()
        inner = packet.inner if packet.is_error else None
        key = Flow.of(packet) if inner is None else _turned(inner)
        found = s.balancing.answers.get(key)
        if found is None or found.expires < s.context.time:
            return ACCEPT
        asked = found.request
        if inner is None:
            after = replace(packet, source=asked.destination, source_port=asked.destination_port)
            found = found.after(packet, s.context.time, answer=True, tuning=self.servers.tuning)
            s.balancing = s.balancing.with_connection(found)
        else:
            about = replace(inner, destination=asked.destination, destination_port=asked.destination_port)
            after = replace(packet, source=asked.destination, inner=about)
        s.take(after)
        s.served = found
        what = "it is an answer" if inner is None else "the packet in this ICMP error is of it"
        _tell(
            s,
            f"IPVS knows the connection, {what}: {packet} becomes {after}",
            packet,
            after,
            "translate",
        )
        return ACCEPT


class Requests(Hook):
    """ip_vs_in: a packet to a virtual server gets a real server as its destination, and is sent there."""

    __slots__ = ()

    def run(self, s: Skb) -> Outcome:
        """Go on with a known connection, or begin one; leave what is for no virtual server alone."""
        if s.served is not None or s.packet.protocol not in PROTOCOLS:
            return ACCEPT
        packet, time = s.as_packet(), s.context.time
        found = s.balancing.requests.get(Flow.of(packet))
        if found is not None and found.expires < time:
            found = None
        over = "" if found is None else self._over(found, s)
        if found is not None and over:
            kept = over == SILENT
            if kept or _give_up(s, found):
                does = "keeps the connection, and drops" if kept else "gives the connection up, and drops"
                _tell(s, f"IPVS {does} its packet: {over.format(found.real_text)}", packet, packet, "drop")
                return DROP
            found = None
        if found is not None:
            found = found.after(packet, time, answer=False, tuning=self.servers.tuning)
            s.balancing = s.balancing.with_connection(found)
            self._translate(s, found)
            text = f"IPVS knows the connection: {packet} becomes {s.as_packet()}"
            _tell(s, text, packet, s.as_packet(), "translate")
            return _send(s)
        return self._begin(s, packet)

    def _over(self, found: Served, s: Skb) -> str:
        """Why a connection does not go on, empty where it does: its real server is gone, or it begins anew and may choose."""
        tuning = self.servers.tuning
        server = self.servers.find(found.server, s.balancing)
        real = server and next((r for r in server.real_servers if r.text == found.real_text), None)
        if not real:
            return GONE if tuning.expire_nodest_conn else SILENT
        if not s.flags & FLAGS["SYN"]:
            return ""
        if not real.weight and tuning.expire_nodest_conn:
            return LEAVING
        return REUSED if tuning.conn_reuse_mode & 3 and found.state == FIN_WAIT else ""

    def _begin(self, s: Skb, packet: Packet) -> Outcome:
        """Look the virtual server up; of TCP only a SYN begins a connection."""
        if s.flags and not s.flags & FLAGS["SYN"]:
            return ACCEPT
        served = serve(self.servers, s, packet)
        if served is None:
            _visit(s, EVERY, 1, matched=False)
            return ACCEPT
        server = served.server
        _visit(s, server.option, 1, matched=True)
        _tell(s, served.lines[0], packet, packet, "continue", server.option, 1)
        if served.connection is None:
            text = f"IPVS has no real server for {server.option}: {served.why}"
            _tell(s, text, packet, packet, "reject")
            s.reject_with = PORT_UNREACHABLE[s.family]
            return REJECT
        self._translate(s, served.connection)
        s.balancing = served.balancing.with_connection(served.connection)
        after, at = s.as_packet(), served.number
        _tell(s, served.lines[at - 1], packet, after, "dnat", server.option, at, served.why)
        return _send(s)

    def _translate(self, s: Skb, found: Served) -> None:
        """Write the real server into the packet, and into what conntrack expects as an answer."""
        s.dst, s.dport = number(found.real), found.real_port
        s.served = found
        note = s.connection
        if note is None or note.entry is None or note.entry.confirmed or note.direction != ORIGINAL:
            return
        answer = note.entry.reply._replace(source=found.real, source_port=found.real_port)
        s.connection = note._replace(entry=changed(note.entry, reply=answer))


def _send(s: Skb) -> Outcome:
    """A real server on this host gets the packet by the way that it is on; to any other it is sent anew."""
    return ACCEPT if s.context.address_type(s.destination(), "") == "LOCAL" else RESEND


def _give_up(s: Skb, found: Served) -> bool:
    """Forget a connection whose server is gone, and conntrack's entry with it; True where the packet goes as well.

    It goes where conntrack knew the connection; else it may begin a new one (ip_vs_conn_uses_old_conntrack).
    """
    s.balancing = s.balancing.without(frozenset({found.request}))
    entry = s.connection.entry if s.connection else None
    if entry is None or not entry.confirmed:
        return False
    s.conntrack = s.conntrack.without_entry(entry)
    return True


def _turned(inner: Packet) -> Flow:
    return Flow.of(inner).inverted()


def _visit(s: Skb, chain: str, tried: int, *, matched: bool) -> None:
    """Count a look-up in IPVS's table: it is one, however many virtual servers there are."""
    if s.log is not None:
        s.log.stretches.append(Stretch(TABLE, chain, tried, tried, matched))


def _tell(
    s: Skb,
    text: str,
    before: Packet,
    after: Packet,
    verdict: str,
    chain: str = "",
    line: int = 0,
    why: str = "",
) -> None:
    if s.log is not None:
        s.log.steps.append(Step(s.hook, TABLE, chain, text, before, after, verdict, line, element=why))
