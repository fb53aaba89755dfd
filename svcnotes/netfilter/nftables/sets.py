"""Sets and maps: what is declared of them, their elements, and finding the one that a packet asks for.

A look-up costs the same however many elements there are, which is what nftables has over a list of rules:
the kernel keeps a hash table (nft_set_hash.c), a tree for intervals (nft_set_rbtree.c), and for several
fields with intervals nft_set_pipapo.c.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from svcnotes.errors import RuleError
from svcnotes.netfilter.nftables.expressions import constants, element, expression
from svcnotes.netfilter.nftables.kinds import kinds_of
from svcnotes.netfilter.nftables.syntax import Concat, Element, Expression, Verdict, Word
from svcnotes.netfilter.nftables.types import KNOWN, Value, bounds
from svcnotes.netfilter.nftables.words import Words, split, unquoted

Key = Value | tuple[Value, ...]
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
        line = raw.strip()
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


def elements_of(text: str) -> tuple[Element, ...]:
    """Read `elements = { ... }`; empty for an empty text."""
    if not text:
        return ()
    words = Words(split(text))
    words.expect("elements")
    words.expect("=")
    words.expect("{")
    found = []
    while not words.took("}"):
        found.append(element(words, constants(words)))
        if not words.took(",") and words.next != "}":
            raise RuleError(f"`{words.next}` stands behind the element `{found[-1]}`: write `,` or `}}`")
    return tuple(found)


class Entry(NamedTuple):
    """An element ready to be found: as printed, what a map has for it, and when it is forgotten (None: never)."""

    text: str
    value: Expression | Verdict | None
    expires: float | None = None


class Span(NamedTuple):
    """An element whose key holds ranges: (first, last) for each field."""

    fields: tuple[tuple[Value, Value], ...]
    entry: Entry


def parts(key: Expression) -> tuple[str, ...]:
    """The constants of a key, field by field."""
    if isinstance(key, Word):
        return (key.text,)
    if isinstance(key, Concat):
        return tuple(text for part in key.parts for text in parts(part))
    if hasattr(key, "left"):  # flags joined by |
        return (str(key).replace(" | ", ","),)
    raise RuleError(f"`{key}` is no constant: an element's key is one")


class Elements:
    """The elements of a set or map by their keys; exact ones are found at once, ranges by halving."""

    __slots__ = ("_exact", "_ranges", "_rest", "_spans", "_starts", "_wild")

    def __init__(self, elements: Iterable[Element], kinds: Sequence[str]) -> None:
        self._exact: dict[Key, Entry] = {}
        self._spans: list[Span] = []
        self._wild: list[tuple[str, Entry]] = []
        self._rest: Entry | None = None
        ranges: list[tuple[Value, Value, Entry]] = []
        for one in elements:
            entry = Entry(str(one), one.value, _expiry(one))
            words = parts(one.key)
            if words == ("*",):
                self._rest = entry
                continue
            if len(words) != len(kinds):
                raise RuleError(
                    f"the element `{one.key}` has {len(words)} fields, its set {len(kinds)} ({' . '.join(kinds)})"
                )
            fields = tuple(bounds(word, kind) for word, kind in zip(words, kinds, strict=True))
            if kinds[0] == "ifname" and len(kinds) == 1 and str(fields[0][0]).endswith("*"):
                self._wild.append((str(fields[0][0])[:-1], entry))
            elif all(low == high for low, high in fields):
                self._exact[fields[0][0] if len(fields) == 1 else tuple(low for low, _ in fields)] = entry
            elif len(fields) == 1:
                ranges.append((*fields[0], entry))
            else:
                self._spans.append(Span(fields, entry))
        self._ranges = sorted(ranges, key=lambda one: one[0])
        self._starts: list[Any] = [low for low, _, _ in self._ranges]

    def __len__(self) -> int:
        return len(self._exact) + len(self._ranges) + len(self._spans) + len(self._wild)

    def values(self) -> Iterator[Expression | Verdict | None]:
        """The values of all elements, in no order that matters."""
        yield from (entry.value for entry in self._exact.values())
        yield from (entry.value for _, _, entry in self._ranges)
        yield from (span.entry.value for span in self._spans)
        yield from (entry.value for _, entry in self._wild)
        if self._rest is not None:
            yield self._rest.value

    def find(self, key: Key) -> Entry | None:
        """The element for a key; None where there is none."""
        found = self._exact.get(key)
        if found is not None:
            return found
        if self._starts:
            at = bisect_right(self._starts, key) - 1
            if at >= 0 and _between(self._ranges[at][:2], key):
                return self._ranges[at][2]
        if isinstance(key, tuple):
            for span in self._spans:
                if all(map(_between, span.fields, key)):
                    return span.entry
        for start, entry in self._wild:
            if isinstance(key, str) and key.startswith(start):
                return entry
        return self._rest


def _between(ends: tuple[Any, Any], value: Any) -> bool:
    return bool(ends[0] <= value <= ends[1])


def _expiry(one: Element) -> float | None:
    """When an element is forgotten, in seconds from the moment that the text was printed."""
    said = dict(zip(one.said, one.said[1:], strict=False))
    word = said.get("expires") or said.get("timeout")
    return seconds(word) if word else None


def remark(said: Iterable[str]) -> str:
    """The comment among the lines of a block; empty for none."""
    found = next((line for line in said if line.startswith("comment ")), "")
    return unquoted(found.partition(" ")[2])
