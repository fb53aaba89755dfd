"""The elements of a set or map, and finding the one that a packet asks for.

A look-up costs the same however many elements there are, which is what nftables has over a list of rules:
the kernel keeps a hash table (nft_set_hash.c), a tree for intervals (nft_set_rbtree.c), and for several
fields with intervals nft_set_pipapo.c.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from svcnotes.errors import RuleError
from svcnotes.netfilter.nftables.expressions import constants, element
from svcnotes.netfilter.nftables.sets import seconds
from svcnotes.netfilter.nftables.syntax import Concat, Element, Expression, Verdict, Word
from svcnotes.netfilter.nftables.types import Value, bounds
from svcnotes.netfilter.nftables.words import Words, split

Key = Value | tuple[Value, ...]


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
