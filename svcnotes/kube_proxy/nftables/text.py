"""How `nft list` prints what stands in sets and maps: in which order, how many on a line, which ranges melt together.

Source: nftables 1.0.6 (src/expression.c, src/intervals.c), the version of the recordings.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_network, summarize_address_range
from socket import AF_INET, AF_INET6, inet_pton

# The keys of kube-proxy's sets and maps: an address, or addresses, a protocol and a port in that order.
Key = tuple[str | int, ...]

PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132}
_NEXT_LINE = ",\n\t\t\t     "


@lru_cache(maxsize=65536)
def packed(address: str) -> bytes:
    """The bytes of an address as they stand in a packet."""
    return inet_pton(AF_INET6 if ":" in address else AF_INET, address)


def key_text(key: Key) -> str:
    """Write a key as nft does: `10.96.0.10 . tcp . 80`."""
    return " . ".join(map(str, key))


def _concatenation_order(key: Key) -> bytes:
    """What nft sorts concatenated keys by.

    It reads the whole key, each part padded to four bytes, as one little-endian number: the last
    byte weighs most, so ports come first, and of a port its lower half.
    """
    *addresses, protocol, port = key
    head = b"".join([packed(str(one)) for one in addresses])
    number = PROTOCOL_NUMBERS[str(protocol)].to_bytes(4, "little")
    return (head + number + int(port).to_bytes(2, "big") + b"\0\0")[::-1]


def elements(held: Iterable[tuple[Key, str]]) -> str:
    """Write the elements of a set or map, given each key and what follows it (`""` in a set).

    One IPv4 address alone takes half a line, any other key a whole one. Empty for no elements.
    """
    pairs = list(held)
    if not pairs:
        return ""
    if len(pairs[0][0]) > 1:
        pairs.sort(key=lambda pair: _concatenation_order(pair[0]))
        inside = _NEXT_LINE.join([key_text(key) + rest for key, rest in pairs])
    else:
        addresses = sorted([str(key[0]) for key, _ in pairs], key=packed)
        on_a_line = 1 if ":" in addresses[0] else 2
        lines = [addresses[i : i + on_a_line] for i in range(0, len(addresses), on_a_line)]
        inside = _NEXT_LINE.join([", ".join(line) for line in lines])
    return f"\t\telements = {{ {inside} }}\n"


def duration(seconds: int) -> str:
    """Write a time as nft does: `3h`, `1m30s`, `1d`; `0s` for none."""
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


def _is_whole(first: int, last: int, bits: int) -> bool:
    """Whether the addresses from `first` to `last` are all that one prefix holds."""
    size = last - first + 1
    return size & (size - 1) == 0 and first % size == 0 and size <= 1 << bits


def _interval(first: int, last: int, bits: int, kind: type) -> str:
    low, high = kind(first), kind(last)
    if not _is_whole(first, last, bits):
        return f"{low}-{high}"
    prefix = next(iter(summarize_address_range(low, high)))
    return str(low) if first == last else str(prefix)


def _melted(cidrs: Collection[str]) -> list[str]:
    """The ranges in order; those that overlap or touch have become one."""
    networks = sorted([ip_network(cidr) for cidr in cidrs], key=lambda n: int(n.network_address))
    bits, kind = networks[0].max_prefixlen, type(networks[0].network_address)
    spans: list[list[int]] = []
    for network in networks:
        first, last = int(network.network_address), int(network.broadcast_address)
        if spans and first <= spans[-1][1] + 1:
            spans[-1][1] = max(spans[-1][1], last)
        else:
            spans.append([first, last])
    return [_interval(first, last, bits, kind) for first, last in spans]


def address_set(cidrs: Sequence[str]) -> str:
    """How a rule names some ranges that it was given as `{ ... }`; single addresses may lack their prefix length.

    Only one: without the braces. Only single addresses: each for itself. Else what touches melts together.
    """
    if len(cidrs) == 1:
        return _melted(cidrs)[0]
    if not any("/" in cidr for cidr in cidrs):
        inside: Iterable[str] = sorted(set(cidrs), key=packed)
    else:
        inside = _melted(cidrs)
    return f"{{ {', '.join(inside)} }}"
