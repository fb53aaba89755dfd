"""What a rule asks of a packet, compiled: a function that gives a number or a name, None where there is none.

Where a packet has no such thing (a UDP packet's TCP flags, a connection's address without a connection) the
rule goes no further, as in the kernel (NFT_BREAK).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from operator import attrgetter
from typing import NamedTuple

from svcnotes.addresses import number
from svcnotes.errors import RuleError
from svcnotes.netfilter.conntrack import Entry
from svcnotes.netfilter.icmp import type_and_code
from svcnotes.netfilter.nftables.syntax import Concat, Expression, Selector
from svcnotes.netfilter.nftables.types import ASSURED, CONFIRMED, SEEN_REPLY, Value
from svcnotes.netfilter.phases import ASSURED as ASSURED_PHASES
from svcnotes.netfilter.skb import DNAT, IPV6_ICMP, PROTOCOLS, SNAT, STATES, Skb

Get = Callable[[Skb], Value | None]
GetKey = Callable[[Skb], "Value | tuple[Value, ...] | None"]
WITH_PORTS = (6, 17, 132)
MOST_SIDES = 100_000
"""The sides that a die of `numgen` may have: enough for a Service with so many endpoints."""
_STATE_BITS = sum(STATES.values())


class Field(NamedTuple):
    """A compiled question: `plain` names the packet's attribute where that alone answers it, for every packet."""

    get: Get
    plain: str = ""


def field(selector: Selector, table_family: str) -> Field:
    """Compile what is asked; `table_family` is the table's: ip, ip6 or inet."""
    words = selector.words
    if len(words) == 1:
        return _meta(words[0])
    match words[0]:
        case "meta":
            return _meta(words[1])
        case "ct":
            return Field(_ct(words))
        case "fib":
            return Field(_fib(words))
        case "numgen":
            return Field(_numgen(words))
        case "ip" | "ip6":
            return _header(words[0], words[1], table_family)
        case "icmp" | "icmpv6":
            return Field(_icmp(words[0], words[1]))
    return Field(_transport(words[0], words[1]))


def key_getter(expression: Expression, table_family: str) -> GetKey | None:
    """Compile a lone question or several side by side; None for other expressions."""
    if isinstance(expression, Selector):
        found = field(expression, table_family)
        return attrgetter(found.plain) if found.plain else found.get
    if not isinstance(expression, Concat):
        return None
    asked = []
    for part in expression.parts:
        if not isinstance(part, Selector):
            return None
        asked.append(part)
    names = _plain_names(asked, table_family)
    if names:
        return attrgetter(*names)
    gets = [field(part, table_family).get for part in asked]

    def key(s: Skb) -> tuple[Value, ...] | None:
        found = []
        for get in gets:
            value = get(s)
            if value is None:
                return None
            found.append(value)
        return tuple(found)

    return key


def _plain_names(asked: Sequence[Selector], table_family: str) -> list[str]:
    """The attributes that answer all of them; empty where one is no attribute.

    A port beside the protocol needs no look at what the packet has: no element names a protocol without ports.
    """
    with_protocol = any(part.words[-1] == "l4proto" for part in asked)
    names = []
    for part in asked:
        plain = field(part, table_family).plain
        if part.words[0] == "th" and with_protocol:
            plain = part.words[1]
        if not plain:
            return []
        names.append(plain)
    return names


_META_FIELDS: dict[str, Field] = {
    "mark": Field(lambda s: s.mark, "mark"),
    "l4proto": Field(lambda s: s.protocol, "protocol"),
    "nfproto": Field(lambda s: s.family, "family"),
    "protocol": Field(lambda s: s.family, "family"),
    "iifname": Field(lambda s: s.context.in_interface),
    "oifname": Field(lambda s: s.context.out_interface),
    "iif": Field(lambda s: s.context.in_interface),
    "oif": Field(lambda s: s.context.out_interface),
    "pkttype": Field(lambda _: 0),  # here every frame was for the host alone
}


def _meta(key: str) -> Field:
    found = _META_FIELDS.get(key)
    if found is None:
        raise RuleError(f"`meta {key}` can only be set: no rule of this Linux asks for it")
    return found


def _header(header: str, name: str, table_family: str) -> Field:
    family = 4 if header == "ip" else 6
    simple: dict[str, tuple[Get, str]] = {
        "saddr": (lambda s: s.src, "src"),
        "daddr": (lambda s: s.dst, "dst"),
        "protocol": (lambda s: s.protocol, "protocol"),
        "nexthdr": (lambda s: s.protocol, "protocol"),
        "ttl": (lambda s: s.packet.ttl, ""),
        "hoplimit": (lambda s: s.packet.ttl, ""),
        "version": (lambda s: s.family, "family"),
        "dscp": (lambda _: 0, ""),  # no packet here is marked so
    }
    get, plain = simple[name]
    if table_family == header:
        return Field(get, plain)
    if table_family != "inet":
        raise RuleError(f"`{header} {name}` in a table of {table_family}: it sees no such packet")
    return Field(lambda s: get(s) if s.family == family else None)


def _transport(header: str, name: str) -> Get:
    wanted = WITH_PORTS if header == "th" else (PROTOCOLS[header],)
    if name == "flags":
        return lambda s: s.flags if s.protocol == 6 else None
    if name == "dport":
        return lambda s: s.dport if s.protocol in wanted else None
    return lambda s: s.sport if s.protocol in wanted else None


def _icmp(header: str, name: str) -> Get:
    protocol, position = (1 if header == "icmp" else IPV6_ICMP), (0 if name == "type" else 1)

    def get(s: Skb) -> int | None:
        return type_and_code(s.packet.icmp)[position] if s.protocol == protocol else None

    return get


def _ct(words: tuple[str, ...]) -> Get:
    key = words[1]
    if key == "state":
        return lambda s: s.state & _STATE_BITS
    if key == "status":
        return _status
    if key == "zone":
        return lambda _: 0
    if key in ("original", "reply"):
        return _of_entry(_end(key, words[-1]))
    if key == "direction":
        return lambda s: None if s.tracked().entry is None else int(s.tracked().direction == "reply")
    if key == "mark":
        return _of_entry(lambda e: e.mark)
    if key == "l3proto":
        return _of_entry(lambda e: 6 if ":" in e.original.source else 4)
    return _of_entry(_protocol_of)


def _status(s: Skb) -> int | None:
    """The connection's statuses as bits; on the fast path, which keeps no connection, only SNAT and DNAT.

    A packet without a connection (INVALID, UNTRACKED) has none.
    """
    entry = s.connection.entry if s.connection is not None else None
    if entry is None:
        return s.state & (SNAT | DNAT) if s.log is None else None
    bits = s.state & (SNAT | DNAT)
    bits |= SEEN_REPLY * entry.seen_reply | CONFIRMED * entry.confirmed
    return bits | ASSURED * (entry.phase in ASSURED_PHASES)


def _of_entry(of: Callable[[Entry], int]) -> Get:
    def get(s: Skb) -> int | None:
        entry = s.tracked().entry
        return None if entry is None else of(entry)

    return get


def _protocol_of(entry: Entry) -> int:
    name = entry.original.protocol
    six = ":" in entry.original.source
    return IPV6_ICMP if name == "icmp" and six else PROTOCOLS[name]


def _end(direction: str, what: str) -> Callable[[Entry], int]:
    match what:
        case "saddr":
            return lambda e: number(e.flow(direction).source)
        case "daddr":
            return lambda e: number(e.flow(direction).destination)
        case "proto-src":
            return lambda e: e.flow(direction).source_port
        case "proto-dst":
            return lambda e: e.flow(direction).destination_port
        case "l3proto":
            return lambda e: 6 if ":" in e.flow(direction).source else 4
    return _protocol_of


def _fib(words: tuple[str, ...]) -> Get:
    """Ask the routing table (nft_fib.c): an address's type, or whether the way back goes by the same interface."""
    keys, result = words[1:-1:2], words[-1]
    of_source = "saddr" in keys
    if result == "type":
        bound = "iif" in keys, "oif" in keys

        def kind(s: Skb) -> str:
            context = s.context
            interface = context.in_interface if bound[0] else context.out_interface if bound[1] else ""
            return context.address_type(s.source() if of_source else s.destination(), interface)

        return kind
    if not of_source or "iif" not in keys:
        raise RuleError(
            f"`{' '.join(words)}`: of the interface this Linux knows only the way back, `fib saddr . iif {result}`"
        )
    if result == "check":
        return lambda s: int(s.context.reverse_path())
    return lambda s: s.context.in_interface if s.context.reverse_path() else ""


def _numgen(words: tuple[str, ...]) -> Get:
    """A number at random: the walk forks here, one way for each.

    Simplification: where the counter of `numgen inc` stands is not known, so every number is as likely as another. As
    each is a way of its own, RuleError for more than `MOST_SIDES`.
    """
    sides = int(words[3])
    if sides > MOST_SIDES:
        raise RuleError(
            f"`{' '.join(words)}`: each number is followed as a way of its own, and no more than {MOST_SIDES:,} are"
        )
    offset = int(words[5]) if len(words) > 5 else 0
    chances = [(Fraction(1, sides - number), 1 / (sides - number)) for number in range(sides - 1)]

    def get(s: Skb) -> int:
        toss, value = s.toss, offset
        for chance, near in chances:
            if toss(chance, near):
                return value
            value += 1
        return value

    return get
