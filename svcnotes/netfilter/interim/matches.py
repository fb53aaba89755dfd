"""Each match as a question to a packet: compiled once, asked often."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from ipaddress import ip_network

from svcnotes.errors import RuleError
from svcnotes.netfilter.interim.skb import Skb, number_of
from svcnotes.netfilter.interim.rule import Match, Option, Rule

Test = Callable[[Skb], bool]

_PROTOCOLS = {
    "6": "tcp",
    "17": "udp",
    "132": "sctp",
    "1": "icmp",
    "58": "icmp",
    "ipv6-icmp": "icmp",
    "icmpv6": "icmp",
}
_STATES = {"NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED", "DNAT", "SNAT"}
_ADDRESS_TYPES = {
    "UNSPEC", "UNICAST", "LOCAL", "BROADCAST", "ANYCAST", "MULTICAST", "BLACKHOLE", "UNREACHABLE", "PROHIBIT",
    "THROW", "NAT", "XRESOLVE",
}  # fmt: skip


def compile_rule(rule: Rule, family: int) -> tuple[tuple[Test, ...], Fraction | None]:
    """The tests of a rule in order, and its chance if it has a `statistic` match.

    The chance counts when all tests pass: kube-proxy writes `statistic` last, and the kernel's
    dice have no memory, so their place among the matches changes nothing.
    """
    tests: list[Test] = []
    chance: Fraction | None = None
    for match in rule.matches:
        if match.module == "statistic":
            chance = (chance or Fraction(1)) * _chance(match)
        elif match.module == "recent":
            tests.append(_recent(match))
        elif match.module not in ("comment", "nfacct"):
            tests += [
                _not(test) if option.negated else test for option, test in _tests(match, family) if test
            ]
    return tuple(tests), chance


def _tests(match: Match, family: int) -> list[tuple[Option, Test | None]]:
    if match.module in ("tcp", "udp", "sctp"):
        protocol = match.module
        return [
            (Option(""), lambda skb: skb.protocol == protocol),
            *((o, _one(match.module, o, family)) for o in match.options),
        ]
    return [(option, _one(match.module, option, family)) for option in match.options]


def _not(test: Test) -> Test:
    return lambda skb: not test(skb)


def _one(module: str, option: Option, family: int) -> Test | None:
    name = option.name
    text = option.values[0] if option.values else ""
    if name in ("-s", "-d", "--ctorigdst", "--ctorigsrc"):
        return _address(name, text, family)
    if name == "-p":
        return _protocol(text)
    if name in ("-i", "-o", "--physdev-in", "--physdev-out"):
        return _interface(name, text)
    if name in ("--sport", "--dport", "--sports", "--dports", "--ports", "--ctorigdstport"):
        return _ports(name, text)
    if name in ("--ctstate", "--state", "--ctstatus"):
        return _state(name, text)
    if name == "--mark":
        value, mask = masked(text)
        return lambda skb: skb.mark & mask == value
    if name in ("--src-type", "--dst-type"):
        return _address_type(name, text)
    if name in ("--limit-iface-in", "--limit-iface-out"):
        return None  # every host here has the same local addresses on every interface
    if name == "--ctdir":
        return lambda skb: skb.direction == text.lower()
    if name == "--ctproto":
        return _protocol(text)
    if name in ("--tcp-flags", "--syn"):
        return _flags(option)
    if name in ("--icmp-type", "--icmpv6-type"):
        return lambda skb: text in ("any", "255") or _icmp_name(skb) == text
    if name in ("--src-range", "--dst-range"):
        return _range(name, text)
    if name in ("--physdev-is-in", "--physdev-is-out", "--physdev-is-bridged"):
        return _bridged(name)
    raise RuleError(f"unknown option {name} of -m {module}")


def _address(name: str, text: str, family: int) -> Test:
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise RuleError(f"{name} {text}: not an address or a network such as 10.96.0.10/32") from None
    if network.version != family:
        raise RuleError(f"{name} {text}: an IPv{network.version} address among IPv{family} rules")
    value, mask = int(network.network_address), int(network.netmask)
    exact = network.prefixlen == network.max_prefixlen
    if name == "-s":
        return (lambda skb: skb.source == value) if exact else (lambda skb: skb.source & mask == value)
    if name == "-d":
        return (
            (lambda skb: skb.destination == value) if exact else (lambda skb: skb.destination & mask == value)
        )

    def original(skb: Skb) -> bool:
        entry = skb.connection.entry if skb.connection else None
        first = entry.original if entry else skb.packet
        return number_of(first.destination if name == "--ctorigdst" else first.source) & mask == value

    return original


def _protocol(text: str) -> Test | None:
    wanted = _PROTOCOLS.get(text.lower(), text.lower())
    if wanted in ("all", "0"):
        return None
    if not wanted.isalpha() and wanted not in ("udplite", "dccp") and not wanted.isdigit():
        raise RuleError(f"-p {text}: not a protocol")
    return lambda skb: skb.protocol == wanted


def _interface(name: str, text: str) -> Test:
    field = {
        "-i": "in_interface",
        "-o": "out_interface",
        "--physdev-in": "physdev_in",
        "--physdev-out": "physdev_out",
    }[name]
    if text.endswith("+"):
        prefix = text[:-1]
        return lambda skb: getattr(skb.context, field).startswith(prefix)
    return lambda skb: getattr(skb.context, field) == text


def port_range(text: str, what: str) -> tuple[int, int]:
    """Read `80` or `1000:2000` (an open end is 0 or 65535); raises RuleError."""
    low, colon, high = text.partition(":")
    try:
        first = int(low) if low else 0
        last = (int(high) if high else 65535) if colon else first
    except ValueError:
        raise RuleError(f"{what} {text}: not a port or a range such as 1000:2000") from None
    if not 0 <= first <= last <= 65535:
        raise RuleError(f"{what} {text}: ports are 0 to 65535, the lower one first")
    return first, last


def _ports(name: str, text: str) -> Test:
    ranges = tuple(port_range(part, name) for part in text.split(","))
    if name == "--ports":
        return lambda skb: any(a <= skb.source_port <= b or a <= skb.destination_port <= b for a, b in ranges)
    if name == "--ctorigdstport":

        def original(skb: Skb) -> bool:
            entry = skb.connection.entry if skb.connection else None
            port = entry.original.destination_port if entry else skb.destination_port
            return any(a <= port <= b for a, b in ranges)

        return original
    if len(ranges) == 1 and ranges[0][0] == ranges[0][1]:
        (port, _) = ranges[0]
        if name.startswith("--s"):
            return lambda skb: skb.source_port == port
        return lambda skb: skb.destination_port == port
    if name.startswith("--s"):
        return lambda skb: any(a <= skb.source_port <= b for a, b in ranges)
    return lambda skb: any(a <= skb.destination_port <= b for a, b in ranges)


def _state(name: str, text: str) -> Test:
    wanted = frozenset(text.split(","))
    if name == "--ctstatus":
        return lambda skb: bool(
            wanted & (skb.status | ({"CONFIRMED"} if skb.state == "ESTABLISHED" else set()))
        )
    if wanted - _STATES:
        raise RuleError(f"{name} {text}: unknown state {', '.join(sorted(wanted - _STATES))}")
    nat = wanted & {"DNAT", "SNAT"}
    if not nat:
        return lambda skb: skb.state in wanted
    return lambda skb: skb.state in wanted or bool(nat & skb.status)


def masked(text: str) -> tuple[int, int]:
    """Read `0x4000/0x4000` into value and mask (all bits where none is given); raises RuleError."""
    value, _, mask = text.partition("/")
    try:
        return int(value, 0), int(mask, 0) if mask else 0xFFFFFFFF
    except ValueError:
        raise RuleError(f"{text}: not a mark such as 0x4000/0x4000") from None


def _address_type(name: str, text: str) -> Test:
    wanted = frozenset(text.upper().split(","))
    if wanted - _ADDRESS_TYPES:
        raise RuleError(f"{name} {text}: unknown type {', '.join(sorted(wanted - _ADDRESS_TYPES))}")
    if name == "--dst-type":
        return lambda skb: skb.context.address_type(skb.packet.destination, "") in wanted
    return lambda skb: skb.context.address_type(skb.packet.source, "") in wanted


def _flags(option: Option) -> Test:
    mask, compare = (
        ("FIN,SYN,RST,ACK", "SYN") if option.name == "--syn" else (option.values[0], option.values[1])
    )
    looked = (
        frozenset(mask.split(",")) if mask != "ALL" else frozenset(("FIN", "SYN", "RST", "PSH", "ACK", "URG"))
    )
    wanted = frozenset(compare.split(",")) - {"NONE"}
    return lambda skb: frozenset(skb.packet.flags.split(",")) & looked == wanted


def _icmp_name(skb: Skb) -> str:
    return skb.packet.icmp.removeprefix("icmp6-").removeprefix("icmp-")


def _range(name: str, text: str) -> Test:
    low, _, high = text.partition("-")
    try:
        first, last = number_of(low), number_of(high or low)
    except ValueError:
        raise RuleError(f"{name} {text}: not a range such as 10.0.0.1-10.0.0.9") from None
    if name == "--src-range":
        return lambda skb: first <= skb.source <= last
    return lambda skb: first <= skb.destination <= last


def _bridged(name: str) -> Test:
    if name == "--physdev-is-in":
        return lambda skb: bool(skb.context.physdev_in)
    if name == "--physdev-is-out":
        return lambda skb: bool(skb.context.physdev_out)
    return lambda skb: bool(skb.context.physdev_in and skb.context.physdev_out)


def _chance(match: Match) -> Fraction:
    options = {option.name: option for option in match.options}
    if "--probability" in options:
        chance = meant(options["--probability"].values[0])
        negated = options["--probability"].negated
    elif "--every" in options:
        # `nth` counts packets; with no count at hand the model takes its long-run share.
        chance, negated = Fraction(1, int(options["--every"].values[0])), options["--every"].negated
    else:
        raise RuleError("-m statistic wants --probability or --every")
    return 1 - chance if negated else chance


def meant(text: str) -> Fraction:
    """The fraction that a printed probability stands for.

    The kernel keeps probabilities as k/2^31, so 1/3 is printed as 0.33333333349
    (libxt_statistic.c). Read 1/n where that is what rounds to it, k/2^31 otherwise.
    """
    try:
        printed = Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise RuleError(f"--probability {text}: not a number from 0 to 1") from None
    if not 0 <= printed <= 1:
        raise RuleError(f"--probability {text}: not a number from 0 to 1")
    if printed:
        simple = Fraction(1, round(1 / printed))
        if abs(printed - simple) < Fraction(1, 2**30):
            return simple
    return Fraction(round(printed * 2**31), 2**31)


def _recent(match: Match) -> Test:
    options = {option.name: option for option in match.options}
    name = options["--name"].values[0] if "--name" in options else "DEFAULT"
    seconds = float(options["--seconds"].values[0]) if "--seconds" in options else None
    by_destination = "--rdest" in options
    adds, updates, removes = "--set" in options, "--update" in options, "--remove" in options
    reaps = "--reap" in options
    hits = int(options["--hitcount"].values[0]) if "--hitcount" in options else 1
    negated = any(o.negated for o in match.options)

    def test(skb: Skb) -> bool:
        address = skb.packet.destination if by_destination else skb.packet.source
        now = skb.context.time
        stamps = skb.recent.seen(name, address)
        fresh = sum(seconds is None or now - stamp <= seconds for stamp in stamps) >= hits
        if reaps and seconds is not None:
            skb.recent = skb.recent.reaped(name, now - seconds)
        if adds or (updates and fresh):
            skb.recent = skb.recent.with_seen(name, address, now)
        elif removes and stamps:
            skb.recent = skb.recent.without(name, address)
        return (True if adds else fresh) != negated

    return test
