"""Addresses as numbers: what routing and matching need to be quick."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from svcnotes.addresses import BITS, number, read_network


def family(address: str) -> int:
    """4 or 6, read off the text."""
    return 6 if ":" in address else 4


@lru_cache(maxsize=8192)
def prefix(cidr: str) -> tuple[int, int, int]:
    """Read `10.244.1.0/24` or a lone address: (family, network as a number, length in bits)."""
    read = read_network(cidr, strict=False)
    return read.version, int(read.network_address), read.prefixlen


def inside(address: str, cidr: str) -> bool:
    """Whether the address lies in the range."""
    version, start, bits = prefix(cidr)
    if version != family(address):
        return False
    shift = BITS[version] - bits
    return number(address) >> shift == start >> shift


@lru_cache(maxsize=4096)
def nth(cidr: str, index: int) -> str:
    """The address of that index in a range: 0 is the network's own, 1 the first host's."""
    return str(read_network(cidr, strict=False)[index])


def common_range(addresses: Iterable[str], longest: int) -> str:
    """The smallest range that holds these addresses of one family, at most `longest` bits long."""
    texts = list(addresses)
    numbers = [number(text) for text in texts]
    width = BITS[family(texts[0])]
    bits = min(longest, width - (min(numbers) ^ max(numbers)).bit_length())
    return str(read_network(f"{texts[0]}/{bits}", strict=False))


def is_loopback(address: str) -> bool:
    """Whether it is of 127.0.0.0/8, or ::1."""
    return address.startswith(("127.", "::1/")) or address == "::1"
