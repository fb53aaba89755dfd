"""Read the values of options: numbers, ranges, marks, words of a list."""

from __future__ import annotations

from collections.abc import Iterable

from svcnotes.errors import RuleError


def whole(word: str, most: int, what: str, least: int = 0) -> int:
    """Read a number, decimal or 0x; raises RuleError outside of `least` to `most`."""
    try:
        value = int(word, 16 if word.lower().startswith("0x") else 10) if word.isascii() else -1
    except ValueError:
        value = -1
    if not least <= value <= most or not word[:1].isdigit():
        raise RuleError(f"{what} `{word}` is not a number from {least} to {most}")
    return value


def port(word: str) -> int:
    """Read a port number."""
    return whole(word, 65535, "the port")


def ports(word: str) -> tuple[int, int]:
    """Read `80`, `80:90`, `:90` or `80:` as the first and the last port."""
    first, colon, last = word.partition(":")
    if not colon:
        return port(first), port(first)
    low, high = port(first or "0"), port(last or "65535")
    if low > high:
        raise RuleError(f"the port range `{word}` runs backwards: write `{high}:{low}`")
    return low, high


def masked(word: str) -> tuple[int, int]:
    """Read `VALUE` or `VALUE/MASK` as a mark; without a mask all 32 bits count."""
    value, slash, mask = word.partition("/")
    everything = 0xFFFFFFFF
    return whole(value, everything, "the mark"), whole(mask, everything, "the mask") if slash else everything


def listed(word: str, known: Iterable[str], what: str) -> list[str]:
    """Read a comma-separated list of known words."""
    words, names = word.split(","), list(known)
    for one in words:
        if one not in names:
            raise RuleError(f"unknown {what} `{one}`: known are {', '.join(names)}")
    return words
