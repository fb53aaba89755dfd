"""The matches that look at the packet alone: ports, flags, ICMP types, marks, interfaces, addresses' types."""

from __future__ import annotations

from collections.abc import Callable

from svcnotes.copying import value
from svcnotes.errors import RuleError
from svcnotes.netfilter.header import Test, interface_test, protocol_number
from svcnotes.netfilter.icmp import type_and_code, wanted
from svcnotes.netfilter.reading import listed, masked, ports
from svcnotes.netfilter.rule import Clause, Option, Rule
from svcnotes.netfilter.sets import Sets
from svcnotes.netfilter.skb import FLAGS, Skb

NO_SETS = Sets()
ADDRESS_TYPES = (
    "UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST", "MULTICAST",
    "BLACKHOLE", "UNREACHABLE", "PROHIBIT", "THROW", "NAT", "XRESOLVE",
)  # fmt: skip


@value(frozen=True, slots=True)
class Place:
    """Where a rule stands, for matches and targets that may not stand everywhere; `sets` are the host's."""

    table: str
    family: int
    rule: Rule
    sets: Sets = NO_SETS


Build = Callable[[Clause, Place], list[Test]]


def needs_protocol(place: Place, clause: Clause, *numbers: int) -> None:
    """Refuse a match whose rule does not say `-p` with one of these protocols, as the kernel does."""
    asked = place.rule.protocol()
    if not asked or protocol_number(asked) not in numbers:
        names = {6: "tcp", 17: "udp", 132: "sctp", 1: "icmp", 58: "ipv6-icmp"}
        remedy = " or ".join(f"-p {names[n]}" for n in numbers if n in names)
        raise RuleError(f"{clause.flag} {clause.name} needs {remedy} in the same rule")


def one_port(option: Option) -> Test:
    """Compile --sport or --dport."""
    (low, high), negated = ports(option.values[0]), option.negated
    if option.name == "--dport":
        if low == high:
            return (lambda s: s.dport != low) if negated else (lambda s: s.dport == low)
        return lambda s: (low <= s.dport <= high) != negated
    return lambda s: (low <= s.sport <= high) != negated


def transport(clause: Clause, place: Place) -> list[Test]:
    """-m tcp, udp and sctp: ports and TCP flags."""
    needs_protocol(place, clause, {"tcp": 6, "udp": 17, "sctp": 132}[clause.name])
    tests = [one_port(o) for o in clause.options if o.name in ("--sport", "--dport")]
    for option in clause.options:
        if option.name == "--syn":
            tests.append(
                _flags(FLAGS["FIN"] | FLAGS["SYN"] | FLAGS["RST"] | FLAGS["ACK"], FLAGS["SYN"], option)
            )
        elif option.name == "--tcp-flags":
            tests.append(_flags(_bits(option.values[0]), _bits(option.values[1]), option))
    return tests


def _bits(word: str) -> int:
    if word in ("ALL", "NONE"):
        return sum(FLAGS.values()) if word == "ALL" else 0
    return sum({FLAGS[name] for name in listed(word, FLAGS, "TCP flag")})


def _flags(mask: int, bits: int, option: Option) -> Test:
    negated = option.negated
    return lambda s: (s.flags & mask == bits) != negated


def multiport(clause: Clause, place: Place) -> list[Test]:
    """-m multiport: up to 15 ports or ranges."""
    needs_protocol(place, clause, 6, 17, 132, 33, 136)
    if len(clause.options) != 1:
        raise RuleError("-m multiport takes one of --sports, --dports and --ports")
    option = clause.options[0]
    ranges = [ports(word) for word in option.values[0].split(",")]
    if sum(1 + (low != high) for low, high in ranges) > 15:
        raise RuleError("-m multiport takes at most 15 ports, a range counting as two: write two rules")
    negated, name = option.negated, option.name

    def test(s: Skb) -> bool:
        asked = {"--sports": (s.sport,), "--dports": (s.dport,), "--ports": (s.sport, s.dport)}[name]
        return any(low <= port <= high for port in asked for low, high in ranges) != negated

    return [test]


def icmp(clause: Clause, place: Place) -> list[Test]:
    """-m icmp and icmp6: the type, and the code where one is meant."""
    needs_protocol(place, clause, 1 if clause.name == "icmp" else 58)
    tests: list[Test] = []
    for option in clause.options:
        asked = wanted(option.values[0], place.family)
        if asked is not None:
            tests.append(_icmp_type(asked[0], asked[1], negated=option.negated))
    return tests


def _icmp_type(kind: int, codes: tuple[int, int], *, negated: bool) -> Test:
    def test(s: Skb) -> bool:
        is_kind, code = type_and_code(s.packet.icmp)
        return (is_kind == kind and codes[0] <= code <= codes[1]) != negated

    return test


def mark(clause: Clause, place: Place) -> list[Test]:
    """-m mark: the packet's mark under a mask."""
    del place
    option = required(clause, "--mark")
    (value, mask), negated = masked(option.values[0]), option.negated
    return [(lambda s: s.mark & mask != value) if negated else (lambda s: s.mark & mask == value)]


def addrtype(clause: Clause, place: Place) -> list[Test]:
    """-m addrtype: what the host's routing calls the address."""
    del place
    asked = [o for o in clause.options if o.name in ("--src-type", "--dst-type")]
    if not asked:
        raise RuleError("-m addrtype needs --src-type or --dst-type")
    limit_in, limit_out = clause.get("--limit-iface-in"), clause.get("--limit-iface-out")
    if limit_in and limit_out:
        raise RuleError("--limit-iface-in and --limit-iface-out exclude each other: write one")
    return [_address_type(option, limit_in=bool(limit_in), limit_out=bool(limit_out)) for option in asked]


def _address_type(option: Option, *, limit_in: bool, limit_out: bool) -> Test:
    types = frozenset(listed(option.values[0], ADDRESS_TYPES, "address type"))
    of_source, negated = option.name == "--src-type", option.negated

    def test(s: Skb) -> bool:
        context = s.context
        interface = context.in_interface if limit_in else context.out_interface if limit_out else ""
        address = s.source() if of_source else s.destination()
        return (context.address_type(address, interface) in types) != negated

    return test


def physdev(clause: Clause, place: Place) -> list[Test]:
    """-m physdev: the bridge port that the packet came in by or goes out by."""
    del place
    return [_port_of_bridge(option) for option in clause.options]


def _port_of_bridge(option: Option) -> Test:
    negated = option.negated
    match option.name:
        case "--physdev-in":
            fits_in = interface_test(option.values[0])
            return lambda s: fits_in(s.context.physdev_in) != negated
        case "--physdev-out":
            fits_out = interface_test(option.values[0])
            return lambda s: fits_out(s.context.physdev_out) != negated
        case "--physdev-is-in":
            return lambda s: bool(s.context.physdev_in) != negated
        case "--physdev-is-out":
            return lambda s: bool(s.context.physdev_out) != negated
    return lambda s: s.context.bridged != negated


def rpfilter(clause: Clause, place: Place) -> list[Test]:
    """-m rpfilter: whether a reply would leave by the interface that the packet came in by.

    The host answers it (`Context.reverse_path`); --loose, --validmark and --accept-local are read,
    and say nothing more here.
    """
    if place.table not in ("raw", "mangle"):
        raise RuleError("-m rpfilter stands only in the tables raw and mangle, at PREROUTING")
    inverted = clause.get("--invert") is not None
    return [lambda s: s.context.reverse_path() != inverted]


def always(clause: Clause, place: Place) -> list[Test]:
    """-m comment and nfacct: a remark, a counter; every packet passes."""
    del place
    for option in clause.options:
        if option.name == "--nfacct-name" and not 1 <= len(option.values[0]) <= 31:
            raise RuleError("--nfacct-name takes a name of 1 to 31 characters")
        if option.name == "--comment" and len(option.values[0]) > 255:
            raise RuleError("--comment takes at most 255 characters: shorten it")
    if not clause.options:
        raise RuleError(
            f"-m {clause.name} needs its option: --{'comment' if clause.name == 'comment' else 'nfacct-name'}"
        )
    return []


def required(clause: Clause, name: str) -> Option:
    """The option, which must be there."""
    option = clause.get(name)
    if option is None:
        raise RuleError(f"{clause.flag} {clause.name} needs {name}")
    return option
