"""What conntrack and NAT do at each hook, around the rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from svcnotes.copying import changed
from svcnotes.netfilter.conntrack import ORIGINAL, REPLY, Connection, Entry, Flow
from svcnotes.netfilter.log import Log
from svcnotes.netfilter.nat import change_source
from svcnotes.netfilter.skb import Skb
from svcnotes.netfilter.targets import ACCEPT, DROP
from svcnotes.netfilter.translation import DESTINATION_HOOKS, translate
from svcnotes.packet import Packet

SENTENCES = {
    "NEW": ("new", "conntrack knows no connection of this packet: it begins one"),
    "ESTABLISHED": ("established", "conntrack knows the connection, which was answered before"),
    "RELATED": ("related", "conntrack finds the connection that the packet in this ICMP error belongs to"),
    "INVALID": ("invalid", "conntrack knows no connection of this packet, and it cannot begin one"),
    "UNTRACKED": ("untracked", "conntrack leaves this packet alone: a raw rule said so"),
}


def track(s: Skb, log: Log) -> str:
    """Look the packet up, unless an earlier hook of this host has (kernel: nf_conntrack_in)."""
    context, packet = s.context, s.as_packet()
    if s.connection is not None:
        s.note(s.connection)
        return ACCEPT
    connection = Connection("UNTRACKED") if s.notrack else context.conntrack.classify(packet, context.time)
    s.note(connection)
    entry = connection.entry
    begins = entry is not None and connection.state == "NEW" and not entry.confirmed
    if begins and context.conntrack.full(context.time):
        log.kernel("nf_conntrack: table full, dropping packet", packet, packet, "drop")
        return DROP
    word, sentence = SENTENCES[connection.state]
    if connection.state == "ESTABLISHED" and connection.direction == REPLY:
        word, sentence = "reply", "conntrack knows the connection: this is an answer"
    elif connection.state == "NEW" and not begins:
        word, sentence = "new", "conntrack knows the connection, which was not answered yet"
    log.kernel(sentence, packet, packet, word)
    if entry is not None and entry.confirmed and connection.state != "RELATED":
        s.conntrack = s.conntrack.with_entry(entry)
    return ACCEPT


def settle_nat(s: Skb, log: Log, consult: Callable[[], str]) -> str:
    """Let the nat table speak once for each connection and side; later packets follow the entry.

    Destinations are settled at PREROUTING or OUTPUT, sources at POSTROUTING or INPUT. A source whose
    answers another connection would take gets another port even without a rule (a null binding).
    """
    connection = s.connection
    if connection is None or connection.entry is None:
        return ACCEPT
    entry, destination = connection.entry, s.hook in DESTINATION_HOOKS
    done = entry.dnat_done if destination else entry.snat_done
    if connection.state == "RELATED" and s.packet.protocol != "icmp" and not done:
        return _reset_passes(s, log, connection, entry, consult)
    if connection.state != "NEW" or connection.direction != ORIGINAL or done:
        _follow(s, log, connection, entry)
        return ACCEPT
    before = s.as_packet()
    verdict = consult()
    if verdict != ACCEPT:
        return verdict
    if not destination and not s.nat and s.conntrack.flows and _belongs_to_another(entry, s):
        verdict = change_source(s, s.src, None, afresh=False) or ACCEPT
        after = s.as_packet()
        log.kernel(
            f"another connection's answers look alike: {before} becomes {after}", before, after, "translate"
        )
    connection = s.connection or connection
    settled = _settled(connection.entry or entry, before, s, destination=destination)
    s.note(Connection(connection.state, settled, connection.direction))
    return verdict


def _reset_passes(s: Skb, log: Log, connection: Connection, entry: Entry, consult: Callable[[], str]) -> str:
    """Let the nat table see a RST that this host made before the connection's source was settled.

    nf_nat_ipv4_fn turns ICMP errors aside; a RST goes on to the rules as the first packet would have. What they
    choose is for the connection, which never comes to be: the RST itself is only translated back.
    """
    before = s.as_packet()
    verdict = consult()
    if verdict == ACCEPT:
        if s.nat:
            rule = log.steps[-1]
            log.steps[-1] = replace(rule, after=replace(rule.before, mark=rule.after.mark))
        s.take(before)
        s.nat = ""
        s.note(connection)
        _follow(s, log, connection, entry)
    return verdict


def _follow(s: Skb, log: Log, connection: Connection, entry: Entry) -> None:
    before = s.as_packet()
    after = translate(before, entry, connection.direction, s.hook)
    if after is not before and after != before:
        s.take(after)
        log.kernel(f"NAT of the connection: {before} becomes {after}", before, after, "translate")


def _settled(entry: Entry, before: Packet, s: Skb, *, destination: bool) -> Entry:
    after, reply = s.as_packet(), entry.reply
    if destination:
        other = (before.destination, before.destination_port) != (after.destination, after.destination_port)
        reply = Flow(
            reply.protocol,
            after.destination,
            after.destination_port,
            reply.destination,
            reply.destination_port,
        )
        return changed(entry, reply=reply, dnat=entry.dnat or other, dnat_done=True)
    other = (before.source, before.source_port) != (after.source, after.source_port)
    reply = Flow(reply.protocol, reply.source, reply.source_port, after.source, after.source_port)
    return changed(entry, reply=reply, snat=entry.snat or other, snat_done=True)


def _belongs_to_another(entry: Entry, s: Skb) -> bool:
    """Tell whether another connection's answers look like this one's.

    A SYN that opens a closed connection anew takes its place, and is no other one: the kernel deletes the old entry
    (nf_conntrack_tcp_packet, NF_REPEAT).
    """
    found = s.conntrack.find(entry.reply, s.context.time)
    return found is not None and found[0].original != entry.original


def confirm(s: Skb, log: Log) -> str:
    """Enter a new connection into the table, once its first packet made it through the host.

    Where another connection's answers would look the same, there is no place for it (NAT found no free
    port), and the packet is dropped: __nf_conntrack_confirm, counted as insert_failed.
    """
    connection = s.connection
    if connection is None or connection.entry is None:
        return ACCEPT
    entry = connection.entry
    if entry.confirmed:
        if s.conntrack.flows.get(entry.original) not in (None, entry) and connection.state != "RELATED":
            s.conntrack = s.conntrack.with_entry(entry)
        return ACCEPT
    if s.hook in ("INPUT", "POSTROUTING") and connection.state == "NEW":
        if _belongs_to_another(entry, s):
            packet = s.as_packet()
            text = f"no free source port: another connection has {packet.source_text} to {packet.destination_text}"
            log.kernel(f"{text} (insert_failed)", packet, packet, "drop")
            return DROP
        entry = changed(entry, confirmed=True)
        s.connection = Connection(connection.state, entry, connection.direction)
        s.conntrack = s.conntrack.with_entry(entry)
    return ACCEPT
