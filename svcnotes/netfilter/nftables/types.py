"""The data types of nft: each constant read as a number (or a name), with both ends of a range.

Sources: src/datatype.c, ct.c, fib.c and proto.c of nftables. Numbers of states, statuses and flags are those
of `Skb`, since no rule shows them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from svcnotes.errors import RuleError
from svcnotes.netfilter.addresses import EVERYTHING, address, network
from svcnotes.netfilter.header import protocol_number
from svcnotes.netfilter.nftables.words import unquoted
from svcnotes.netfilter.reading import whole
from svcnotes.netfilter.skb import DNAT, FLAGS, SNAT, STATES

Value = int | str
Bounds = tuple[Value, Value]

CT_STATES = {name.lower(): bit for name, bit in STATES.items()}
# SNAT and DNAT are kept as bits of the packet's state; the others are asked of the entry.
EXPECTED, SEEN_REPLY, ASSURED, CONFIRMED = 256, 512, 1024, 2048
CT_STATUSES = {
    "expected": EXPECTED,
    "seen-reply": SEEN_REPLY,
    "assured": ASSURED,
    "confirmed": CONFIRMED,
    "snat": SNAT,
    "dnat": DNAT,
    "dying": 4096,
}
TCP_FLAGS = {**{name.lower(): bit for name, bit in FLAGS.items()}, "ecn": 64, "cwr": 128}
ICMP_TYPES = {
    "echo-reply": 0,
    "destination-unreachable": 3,
    "source-quench": 4,
    "redirect": 5,
    "echo-request": 8,
    "router-advertisement": 9,
    "router-solicitation": 10,
    "time-exceeded": 11,
    "parameter-problem": 12,
    "timestamp-request": 13,
    "timestamp-reply": 14,
    "info-request": 15,
    "info-reply": 16,
    "address-mask-request": 17,
    "address-mask-reply": 18,
}
ICMPV6_TYPES = {
    "destination-unreachable": 1,
    "packet-too-big": 2,
    "time-exceeded": 3,
    "parameter-problem": 4,
    "echo-request": 128,
    "echo-reply": 129,
    "mld-listener-query": 130,
    "mld-listener-report": 131,
    "mld-listener-done": 132,
    "mld-listener-reduction": 132,
    "nd-router-solicit": 133,
    "nd-router-advert": 134,
    "nd-neighbor-solicit": 135,
    "nd-neighbor-advert": 136,
    "nd-redirect": 137,
    "router-renumbering": 138,
    "ind-neighbor-solicit": 141,
    "ind-neighbor-advert": 142,
    "mld2-listener-report": 143,
}
NAMES: Mapping[str, Mapping[str, int]] = {
    "ct_state": CT_STATES,
    "ct_status": CT_STATUSES,
    "ct_dir": {"original": 0, "reply": 1},
    "tcp_flag": TCP_FLAGS,
    "icmp_type": ICMP_TYPES,
    "icmpv6_type": ICMPV6_TYPES,
    "icmp_code": {
        "net-unreachable": 0, "host-unreachable": 1, "prot-unreachable": 2, "port-unreachable": 3,
        "frag-needed": 4, "net-prohibited": 9, "host-prohibited": 10, "admin-prohibited": 13,
    },
    "icmpv6_code": {
        "no-route": 0, "admin-prohibited": 1, "addr-unreachable": 3, "port-unreachable": 4,
        "policy-fail": 5, "reject-route": 6,
    },
    "nf_proto": {"ipv4": 4, "ipv6": 6},
    "ether_type": {"ip": 4, "ip6": 6, "arp": 0, "vlan": 1},
    "pkt_type": {"host": 0, "unicast": 0, "broadcast": 1, "multicast": 2, "other": 3},
    "boolean": {"missing": 0, "exists": 1},
    "dscp": {f"cs{number}": number << 3 for number in range(8)} | {"ef": 46, "be": 0},
}  # fmt: skip
BIT_FLAGS = ("ct_state", "ct_status", "tcp_flag")
FIB_TYPES = (
    "unspec", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit",
)  # fmt: skip
KNOWN = frozenset(
    {*NAMES, "ipv4_addr", "ipv6_addr", "inet_proto", "inet_service", "mark", "ifname", "iface", "integer",
     "fib_addrtype", "classid", "verdict"}
)  # fmt: skip


def bounds(word: str, kind: str) -> Bounds:
    """Read a constant of a type: its first and last value, which are the same for a lone one.

    Raises RuleError for a word that is none of this type.
    """
    reader = _READERS.get(kind)
    if reader is not None:
        return reader(word)
    if kind in NAMES:
        return _named(word, kind)
    return _numbers(word, 0xFFFFFFFF, f"the {kind}")


def one(word: str, kind: str) -> Value:
    """Read a lone constant; raises RuleError for a range."""
    low, high = bounds(word, kind)
    if low != high:
        raise RuleError(f"`{word}` is a range: write one value here")
    return low


def _address(family: int) -> Callable[[str], Bounds]:
    def read(word: str) -> Bounds:
        first, dash, last = word.partition("-")
        if dash:
            low, high = address(first, family), address(last, family)
            if low > high:
                raise RuleError(f"the range `{word}` runs backwards")
            return low, high
        start, mask = network(word, family)
        return start, start | (EVERYTHING[family] ^ mask)

    return read


def _ends(word: str, read: Callable[[str], int]) -> Bounds:
    first, dash, last = word.partition("-")
    low = read(first)
    high = read(last) if dash else low
    if low > high:
        raise RuleError(f"the range `{word}` runs backwards")
    return low, high


def _port(word: str) -> Bounds:
    if word[:1].isalpha():
        raise RuleError(f"the port `{word}` is a name: write its number, as `nft -nn list` does")
    return _ends(word, lambda end: whole(end, 65535, "the port"))


def _protocol(word: str) -> Bounds:
    number = protocol_number(word)
    return number, number


def _numbers(word: str, most: int, what: str) -> Bounds:
    return _ends(word, lambda end: whole(end, most, what))


def _name(word: str) -> Bounds:
    name = unquoted(word)
    if not 1 <= len(name) <= 16:
        raise RuleError(f"the interface name {word} has not 1 to 15 characters")
    return name, name


def _routed(word: str) -> Bounds:
    if word not in FIB_TYPES:
        raise RuleError(f"unknown address type `{word}`: known are {', '.join(FIB_TYPES)}")
    return word.upper(), word.upper()


def _text(word: str) -> Bounds:
    return word, word


def _named(word: str, kind: str) -> Bounds:
    names = NAMES[kind]
    if "," in word:
        bits = 0
        for part in word.split(","):
            bits |= _number_of(part, kind, names)
        return bits, bits
    if "-" in word and word[0].isdigit():
        return _numbers(word, 255, f"the {kind}")
    value = _number_of(word, kind, names)
    return value, value


def _number_of(word: str, kind: str, names: Mapping[str, int]) -> int:
    if word in names:
        return names[word]
    if word[:1].isdigit() and kind not in BIT_FLAGS:
        return whole(word, 255, f"the {kind}")
    raise RuleError(f"unknown {kind} `{word}`: known are {', '.join(names)}")


_READERS: Mapping[str, Callable[[str], Bounds]] = {
    "ipv4_addr": _address(4),
    "ipv6_addr": _address(6),
    "inet_service": _port,
    "inet_proto": _protocol,
    "mark": lambda word: _numbers(word, 0xFFFFFFFF, "the mark"),
    "ifname": _name,
    "iface": _name,
    "fib_addrtype": _routed,
    "classid": _text,
}
