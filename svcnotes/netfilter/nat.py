"""The nat table's targets: each chooses the address and port that the connection will have.

Sources: net/netfilter/nf_nat_core.c, nf_nat_masquerade.c. Simplifications: where the kernel picks a
free port or an address of a range at random, a fixed one is picked from a hash of the packet; it is
no better known than the kernel's, but the same at every run. The kernel gives up after some hundreds of
tries, here every port of the range is tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from svcnotes.addresses import number, text
from svcnotes.errors import RuleError
from svcnotes.netfilter.addresses import address
from svcnotes.netfilter.conntrack import Flow
from svcnotes.netfilter.matches import Place, required
from svcnotes.netfilter.reading import port
from svcnotes.netfilter.rule import Clause
from svcnotes.netfilter.skb import DNAT, SNAT, Skb
from svcnotes.netfilter.targets import ACCEPT, DROP, Act, Outcome

TO = re.compile(r"(?:\[([^\]]+)\]|([^:\[\]]*))(?::([\d-]+))?|([^\[\]]+)")
WITH_PORTS = (6, 17, 132, 33, 136)
ICMP = (1, 58)


@dataclass(frozen=True, slots=True)
class Range:
    """What a rule lets NAT choose from: addresses and ports, both ends included; None: as they are."""

    addresses: tuple[int, int] | None
    ports: tuple[int, int] | None


def read_range(word: str, family: int) -> Range:
    """Read `ADDRESS`, `ADDRESS-ADDRESS`, each with `:PORT` or `:PORT-PORT`; IPv6 with ports in [ ]."""
    found = TO.fullmatch(word)
    if found is None:
        raise RuleError(f"`{word}` is not ADDRESS, ADDRESS:PORT or [IPV6]:PORT")
    boxed, bare, port_words, without_port = found.groups()
    if family == 6 and bare and port_words is not None:
        boxed, bare, without_port, port_words = None, None, word, None
    addresses = boxed or bare or without_port
    if not addresses and not port_words:
        raise RuleError(f"`{word}` holds neither an address nor a port")
    return Range(
        read_ends(addresses, family) if addresses else None, read_ports(port_words) if port_words else None
    )


def read_ends(word: str, family: int) -> tuple[int, int]:
    """Read `ADDRESS` or `FIRST-LAST`."""
    first, _, last = word.partition("-")
    low, high = address(first, family), address(last or first, family)
    if low > high:
        raise RuleError(f"the range `{word}` runs backwards")
    return low, high


def read_ports(word: str) -> tuple[int, int]:
    """Read `PORT` or `FIRST-LAST`."""
    first, _, last = word.partition("-")
    low, high = port(first), port(last or first)
    if low > high:
        raise RuleError(f"the port range `{word}` runs backwards")
    return low, high


def dice(s: Skb, sides: int) -> int:
    """A number below `sides` that the packet alone decides (Python hashes integers alike at every run)."""
    return hash((s.protocol, s.src, s.sport, s.dst, s.dport)) % sides


def free_port(s: Skb, source: int, wanted: tuple[int, int] | None, *, afresh: bool) -> int | None:
    """The source port (a ping's identifier) for a connection that gets the source `source`; None where none is free.

    The port stays if it may and no other connection has it; `afresh` (--random-fully) asks for
    another one in any case. Where the rule names no range, a port stays among those of its kind: below
    512, below 1024, or above (nf_nat_l4proto_unique_tuple).
    """
    if s.protocol in ICMP:
        low, high = wanted or (1, 65535)
    elif s.protocol in WITH_PORTS:
        low, high = wanted or (
            (1, 511) if s.sport < 512 else (600, 1023) if s.sport < 1024 else (1024, 65535)
        )
    else:
        return s.sport
    if not afresh and (wanted is None or low <= s.sport <= high) and _free(s, source, s.sport):
        return s.sport
    count = high - low + 1
    first = dice(s, count)
    for step in range(count):
        sport = low + (first + step) % count
        if sport != s.sport and _free(s, source, sport):
            return sport
    return s.sport if low <= s.sport <= high and _free(s, source, s.sport) else None


def _free(s: Skb, source: int, sport: int) -> bool:
    """Tell whether no other connection's answers would look like this one's."""
    table = s.context.conntrack
    if not table.flows:
        return True
    answer = Flow(s.packet.protocol, s.destination(), s.dport, text(source, s.family), sport)
    return not table.taken(answer, s.context.time)


def change_source(s: Skb, source: int, ports: tuple[int, int] | None, *, afresh: bool) -> Outcome:
    """Give the packet a new source address, and a port that is free with it.

    Where none is, the port stays; the connection then finds its place in conntrack's table taken, and
    the packet is dropped there, as in the kernel (`svcnotes.netfilter.tracking.confirm`).
    """
    sport = free_port(s, source, ports, afresh=afresh)
    if sport is None:
        sport = s.sport if ports is None else ports[0]
    if (source, sport) != (s.src, s.sport):
        s.state |= SNAT
    s.src, s.sport, s.nat = source, sport, "snat"
    return ACCEPT


def change_destination(s: Skb, destination: int, ports: tuple[int, int] | None) -> Outcome:
    """Give the packet a new destination address, and a port of `ports` where one is asked for."""
    dport = s.dport
    if ports is not None:
        low, high = ports
        dport = low if low == high else dport if low <= dport <= high else low + dice(s, high - low + 1)
    if (destination, dport) != (s.dst, s.dport):
        s.state |= DNAT
    s.dst, s.dport, s.nat = destination, dport, "dnat"
    return ACCEPT


def in_nat(clause: Clause, place: Place, *hooks: str) -> Callable[[Skb], None]:
    """Refuse a NAT target outside of the nat table, or in a base chain that the kernel forbids.

    Gives what to call before acting, for a rule in a chain that jumps may lead to from anywhere.
    """
    if place.table != "nat":
        raise RuleError(f"{clause.name} belongs into the table nat")
    chain = place.rule.chain
    if chain in ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING") and chain not in hooks:
        raise RuleError(f"{clause.name} works only in {' and '.join(hooks)}, not in {chain}")

    def check(s: Skb) -> None:
        if s.hook not in hooks:
            message = f"{clause.name} works only in {' and '.join(hooks)}, and {s.hook} jumps to it"
            raise RuleError(f"{message}: {place.rule}", text=str(place.rule))

    return check


def ports_need_protocol(clause: Clause, place: Place, ports: tuple[int, int] | None) -> None:
    """Refuse a port for a rule that does not say which protocol has ports."""
    if ports is not None and place.rule.protocol() not in ("tcp", "udp", "sctp", "6", "17", "132"):
        raise RuleError(f"{clause.name} to a port needs -p tcp, -p udp or -p sctp in the same rule")


def dnat(clause: Clause, place: Place) -> Act:
    """-j DNAT --to-destination."""
    check = in_nat(clause, place, "PREROUTING", "OUTPUT")
    to = read_range(required_value(clause, "--to-destination"), place.family)
    ports_need_protocol(clause, place, to.ports)
    low, high = to.addresses or (0, 0)

    def act(s: Skb) -> Outcome:
        check(s)
        destination = low if low == high else low + dice(s, high - low + 1)
        return change_destination(s, destination if to.addresses else s.dst, to.ports)

    return act


def snat(clause: Clause, place: Place) -> Act:
    """-j SNAT --to-source."""
    check = in_nat(clause, place, "POSTROUTING", "INPUT")
    to = read_range(required_value(clause, "--to-source"), place.family)
    ports_need_protocol(clause, place, to.ports)
    afresh = bool(clause.get("--random-fully") or clause.get("--random"))
    low, high = to.addresses or (0, 0)

    def act(s: Skb) -> Outcome:
        check(s)
        source = low if low == high else low + dice(s, high - low + 1)
        return change_source(s, source if to.addresses else s.src, to.ports, afresh=afresh)

    return act


def masquerade(clause: Clause, place: Place) -> Act:
    """-j MASQUERADE: the source becomes the outgoing interface's address on the way to the target."""
    check = in_nat(clause, place, "POSTROUTING")
    word = clause.value("--to-ports")
    ports = read_ports(word) if word else None
    ports_need_protocol(clause, place, ports)
    afresh = bool(clause.get("--random-fully") or clause.get("--random"))

    def act(s: Skb) -> Outcome:
        check(s)
        context = s.context
        source = context.masquerade_address(s.as_packet(), context.out_interface)
        return DROP if source is None else change_source(s, number(source), ports, afresh=afresh)

    return act


def redirect(clause: Clause, place: Place) -> Act:
    """-j REDIRECT: to this host itself.

    The address is that of the interface that the packet came in by (the loopback address for the
    host's own packets), which is what MASQUERADE would write on a packet to the sender from there.
    """
    check = in_nat(clause, place, "PREROUTING", "OUTPUT")
    word = clause.value("--to-ports")
    ports = read_ports(word) if word else None
    ports_need_protocol(clause, place, ports)
    loopback = number("127.0.0.1" if place.family == 4 else "::1")

    def act(s: Skb) -> Outcome:
        check(s)
        context = s.context
        if s.hook == "OUTPUT":
            return change_destination(s, loopback, ports)
        here = context.masquerade_address(s.as_packet(), context.in_interface)
        return DROP if here is None else change_destination(s, number(here), ports)

    return act


def required_value(clause: Clause, name: str) -> str:
    """The value of an option that must be there."""
    return str(required(clause, name).values[0])
