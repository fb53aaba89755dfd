"""Addresses and ranges as rules write them, read as numbers."""

from __future__ import annotations

from svcnotes.addresses import BITS, number
from svcnotes.errors import RuleError

EVERYTHING = {4: (1 << 32) - 1, 6: (1 << 128) - 1}


def address(word: str, family: int) -> int:
    """Read an address of a rule; raises RuleError if it is none, or of the other family."""
    try:
        value = number(word)
    except ValueError:
        raise RuleError(f"`{word}` is not an IP address: write one such as {example(family)}") from None
    version = 6 if ":" in word else 4
    if version != family:
        raise RuleError(
            f"`{word}` is IPv{version} in IPv{family} rules: write an address such as {example(family)}"
        )
    return value


def network(word: str, family: int) -> tuple[int, int]:
    """Read `ADDRESS`, `ADDRESS/LENGTH` or `ADDRESS/MASK` as (masked address, mask)."""
    name, slash, length = word.partition("/")
    everything = EVERYTHING[family]
    if not slash:
        mask = everything
    elif length.isascii() and length.isdigit():
        if int(length) > BITS[family]:
            raise RuleError(f"`{word}` has a prefix longer than {BITS[family]} bits")
        mask = everything ^ (everything >> int(length))
    else:
        mask = address(length, family)
    return address(name, family) & mask, mask


def example(family: int) -> str:
    """An address to show in a remedy."""
    return "10.96.0.10" if family == 4 else "fd00:96::10"
