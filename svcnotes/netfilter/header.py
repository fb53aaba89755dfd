"""The tests of a rule's header: addresses, interfaces, protocol."""

from __future__ import annotations

from collections.abc import Callable

from svcnotes.errors import RuleError
from svcnotes.netfilter.addresses import EVERYTHING, network
from svcnotes.netfilter.reading import whole
from svcnotes.netfilter.rule import Option
from svcnotes.netfilter.skb import Skb

Test = Callable[[Skb], bool]

PROTOCOL_NUMBERS = {
    "all": 0,
    "icmp": 1,
    "igmp": 2,
    "ipencap": 4,
    "tcp": 6,
    "udp": 17,
    "ipv6": 41,
    "gre": 47,
    "esp": 50,
    "ah": 51,
    "ipv6-icmp": 58,
    "icmpv6": 58,
    "sctp": 132,
    "udplite": 136,
}
NO_NAME_LONGER = 15


def header_test(option: Option, family: int) -> Test | None:
    """Compile -s, -d, -i, -o, -p or -f; None for one that every packet passes.

    Simplified: no packet here is a fragment.
    """
    if option.name == "-f":
        return None if option.negated else lambda s: s.family == 0
    word, negated = option.values[0], option.negated
    match option.name:
        case "-s":
            return _source(*network(word, family), family, negated=negated)
        case "-d":
            return _destination(*network(word, family), family, negated=negated)
        case "-i" | "-o":
            return _interface(option.name, word, negated=negated)
    return _protocol(protocol_number(word), negated=negated)


def _source(address: int, mask: int, family: int, *, negated: bool) -> Test:
    if mask == EVERYTHING[family]:
        return (lambda s: s.src != address) if negated else (lambda s: s.src == address)
    return (lambda s: s.src & mask != address) if negated else (lambda s: s.src & mask == address)


def _destination(address: int, mask: int, family: int, *, negated: bool) -> Test:
    if mask == EVERYTHING[family]:
        return (lambda s: s.dst != address) if negated else (lambda s: s.dst == address)
    return (lambda s: s.dst & mask != address) if negated else (lambda s: s.dst & mask == address)


def _interface(flag: str, name: str, *, negated: bool) -> Test:
    if len(name) > NO_NAME_LONGER or not name:
        raise RuleError(f"the interface name `{name}` has not 1 to {NO_NAME_LONGER} characters")
    fits = interface_test(name)
    if flag == "-i":
        return lambda s: fits(s.context.in_interface) != negated
    return lambda s: fits(s.context.out_interface) != negated


def interface_test(name: str) -> Callable[[str], bool]:
    """Compare an interface with a name; a `+` at its end stands for any ending."""
    if name.endswith("+"):
        return lambda interface: interface.startswith(name[:-1])
    return lambda interface: interface == name


def protocol_number(word: str) -> int:
    """Read a protocol's name or number; 0 stands for all."""
    if word.isdigit():
        return whole(word, 255, "the protocol")
    if word.lower() not in PROTOCOL_NUMBERS:
        raise RuleError(f"unknown protocol `{word}`: write a number or one of {', '.join(PROTOCOL_NUMBERS)}")
    return PROTOCOL_NUMBERS[word.lower()]


def _protocol(number: int, *, negated: bool) -> Test | None:
    if number == 0:
        if negated:
            raise RuleError("`! -p all` matches nothing: drop the rule")
        return None
    return (lambda s: s.protocol != number) if negated else (lambda s: s.protocol == number)
