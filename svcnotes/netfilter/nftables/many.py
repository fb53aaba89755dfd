"""Many elements in one set or map: found by their text, so that only those that packets ask for are read.

Ten thousand Services have as many elements in each of kube-proxy's maps, and as many as they have endpoints in
its set of hairpin connections. `nft` prints an address or a port in one way only, so the printed key finds its
element as the number would.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from socket import AF_INET6, inet_ntop, inet_pton

from svcnotes.addresses import text as address_text
from svcnotes.netfilter.nftables.elements import Elements, Entry, Key, elements_of
from svcnotes.netfilter.nftables.expressions import constants, element
from svcnotes.netfilter.nftables.syntax import Expression, Verdict
from svcnotes.netfilter.nftables.types import Value
from svcnotes.netfilter.nftables.words import Words, split
from svcnotes.netfilter.skb import IPV6_ICMP, PROTOCOLS

MANY = 64
PROTOCOL_NAMES = {number: name for name, number in PROTOCOLS.items()} | {IPV6_ICMP: "ipv6-icmp"}
_PRINTED = {
    "ipv4_addr": r"(?:0|[1-9]\d{0,2})(?:\.(?:0|[1-9]\d{0,2})){3}",
    "ipv6_addr": r"(?:(?!0[0-9a-f])[0-9a-f]{0,4}:){2,7}(?!0[0-9a-f])[0-9a-f]{0,4}",
    "inet_proto": r"(?:tcp|udp|sctp)",
    "inet_service": r"(?:0|[1-9]\d{0,4})",
}
_BETWEEN = re.compile(r",\s+")


class ManyElements:
    """The elements of a long set or map, each read when it is asked for; the same as `Elements` otherwise."""

    __slots__ = ("_entries", "_kinds", "_texts")

    def __init__(self, texts: dict[str, str], kinds: Sequence[str]) -> None:
        self._texts, self._kinds = texts, tuple(kinds)
        self._entries: dict[Key, Entry] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def values(self) -> Iterator[Expression | Verdict | None]:
        """The values of all elements."""
        return (_read(key, rest).value for key, rest in self._texts.items())

    def find(self, key: Key) -> Entry | None:
        """The element for a key; None where there is none."""
        found = self._entries.get(key)
        if found is None:
            printed = shown(key, self._kinds)
            rest = self._texts.get(printed)
            if rest is not None:
                found = self._entries[key] = _read(printed, rest)
        return found


def find_elements(text: str, kinds: Sequence[str], flags: frozenset[str]) -> Elements | ManyElements:
    """Read `elements = { ... }`; of many that nft printed each only when it is asked for. Raises RuleError."""
    if text.count(",") >= MANY and "interval" not in flags and all(kind in _PRINTED for kind in kinds):
        body = text[text.index("{") + 1 : text.rindex("}")].strip() if "{" in text and "}" in text else ""
        key = " \\. ".join(_PRINTED[kind] for kind in kinds)
        pieces = _BETWEEN.split(body)
        matches = re.compile(f'{key}(?: : (?:accept|drop|(?:goto|jump) [^\\s,"{{}}]+))?(?![^ ,])').fullmatch
        if all(map(matches, pieces)):
            found = {key: rest for key, _, rest in (piece.partition(" : ") for piece in pieces)}
            if "ipv6_addr" not in kinds or all(map(_shortest, found)):
                return ManyElements(found, kinds)
    return Elements(elements_of(text), kinds)


def _shortest(key: str) -> bool:
    """Whether the IPv6 addresses of a key stand as nft prints them: no other way of writing one is looked up."""
    words = [word for word in key.split(" . ") if ":" in word]
    return all(inet_ntop(AF_INET6, inet_pton(AF_INET6, word)) == word for word in words)


def _read(key: str, rest: str) -> Entry:
    printed = f"{key} : {rest}" if rest else key
    words = Words(split(printed))
    return Entry(printed, element(words, constants(words)).value)


def shown(key: Key, kinds: Sequence[str]) -> str:
    """A key as `nft` prints it."""
    if not isinstance(key, tuple):
        return _field(key, kinds[0])
    return " . ".join([_field(value, kind) for value, kind in zip(key, kinds, strict=True)])


def _field(value: Value, kind: str) -> str:
    if isinstance(value, str):
        return f'"{value}"'
    match kind:
        case "ipv4_addr":
            return address_text(value, 4)
        case "ipv6_addr":
            return address_text(value, 6)
        case "inet_proto":
            return PROTOCOL_NAMES.get(value) or str(value)
        case "mark":
            return f"0x{value:08x}"
    return str(value)
