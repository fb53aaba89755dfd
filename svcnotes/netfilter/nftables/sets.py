"""Sets and maps: what is declared of them in their block."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from svcnotes.errors import RuleError
from svcnotes.netfilter.nftables.expressions import expression
from svcnotes.netfilter.nftables.kinds import kinds_of
from svcnotes.netfilter.nftables.types import KNOWN
from svcnotes.netfilter.nftables.words import Words, split, unquoted

_TIME = re.compile(r"(\d+)(ms|[wdhms])")
_SECONDS = {"w": 604800.0, "d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
PROPERTIES = ("flags", "timeout", "size", "gc-interval", "policy", "auto-merge", "counter", "comment")


def seconds(word: str) -> float:
    """Read a time such as `3h` or `2h59m58s`; raises RuleError."""
    found = _TIME.findall(word)
    if not found or "".join(number + unit for number, unit in found) != word:
        raise RuleError(f"`{word}` is no time: write such as 3h, 10m or 1h30m")
    return sum(int(number) * _SECONDS[unit] for number, unit in found)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What stands in a set's or map's block: `said` are its lines before the elements, as printed.

    `keys` are the types of its key's fields, `values` those of a map's value. `timeout` is how long an
    element is kept, None for ever; `size` the most elements, None for any.
    """

    said: tuple[str, ...]
    keys: tuple[str, ...]
    values: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    timeout: float | None = None
    size: int | None = None
    elements: str = ""


def declaration(lines: Sequence[str]) -> Declaration:
    """Read the lines of a block; its elements stay text until one is asked for. Raises RuleError."""
    said: list[str] = []
    keys: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    flags: frozenset[str] = frozenset()
    timeout = size = None
    elements = ""
    for at, raw in enumerate(lines):
        line = raw.strip().rstrip(";")
        word, _, rest = line.partition(" ")
        if word == "elements":
            elements = "\n".join([line, *lines[at + 1 :]])
            break
        if line and line[0] != "#":
            said.append(line)
        if word in ("type", "typeof"):
            keys, values = _types(word, rest)
        elif word == "flags":
            flags = frozenset(rest.replace(",", " ").split())
        elif word == "timeout":
            timeout = seconds(rest)
        elif word == "size":
            size = int(rest) if rest.isdigit() else None
        elif line and line[0] != "#" and word not in PROPERTIES:
            raise RuleError(
                f"unknown word `{word}` of a set: known are type, typeof, {', '.join(PROPERTIES)}, elements"
            )
    if not keys:
        raise RuleError("a set says what it holds: write such as `type ipv4_addr` as its first line")
    return Declaration(tuple(said), keys, values, flags, timeout, size, elements)


@lru_cache(maxsize=256)
def _types(word: str, text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if word == "type":
        key, _, value = text.partition(" : ")
        sides = tuple(tuple(side.split(" . ")) if side else () for side in (key, value))
        wrong = next((kind for side in sides for kind in side if kind not in KNOWN), "")
        if wrong:
            raise RuleError(f"unknown type `{wrong}`: known are {', '.join(sorted(KNOWN))}")
        return sides[0], sides[1]
    words = Words(split(text))
    key_kinds = kinds_of(expression(words))
    value_kinds: tuple[str, ...] = ()
    if words.took(":"):
        value_kinds = ("verdict",) if words.took("verdict") else kinds_of(expression(words))
    return key_kinds, value_kinds


def remark(said: Iterable[str]) -> str:
    """The comment among the lines of a block; empty for none."""
    found = next((line for line in said if line.startswith("comment ")), "")
    return unquoted(found.partition(" ")[2])
