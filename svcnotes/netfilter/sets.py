"""IP sets: lists of addresses, networks and ports that rules ask by name, read from what `ipset save` prints.

Sources: ipset(8), net/netfilter/ipset/ip_set_hash_gen.h, xt_set.c. Simplified: entries have no timeouts and no
counters, and rules do not change them; a list of sets asks its members in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from svcnotes.addresses import BITS
from svcnotes.errors import RuleError
from svcnotes.netfilter.addresses import address, network
from svcnotes.netfilter.reading import ports
from svcnotes.netfilter.save import broken
from svcnotes.netfilter.skb import PROTOCOLS, Skb
from svcnotes.netfilter.words import split

DIMENSIONS = ("ip", "net", "port", "iface")
STORES = ("hash", "bitmap")


@dataclass(frozen=True, slots=True)
class Span:
    """One dimension of an entry: numbers from `low` to `high`; of a port with its protocol's number, 0 for any.

    `name` is an interface's, empty for others.
    """

    low: int = 0
    high: int = 0
    protocol: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class SetEntry:
    """An entry: a span for each dimension. With `nomatch` what it holds is taken out of the set."""

    spans: tuple[Span, ...]
    nomatch: bool = False

    def width(self) -> int:
        """How much it holds: of several entries that fit, the narrowest counts."""
        wide = 1
        for span in self.spans:
            wide *= span.high - span.low + 1
        return wide


@dataclass(frozen=True, slots=True)
class IpSet:
    """A set: its type as `ipset` names it, IP family, and entries; `members` are the sets in a list:set."""

    name: str
    kind: str
    family: int
    entries: tuple[SetEntry, ...] = ()
    members: tuple[str, ...] = ()

    @property
    def dimensions(self) -> tuple[str, ...]:
        """What an entry consists of: ip, net, port, iface."""
        return tuple(self.kind.partition(":")[2].split(","))


@dataclass(frozen=True, slots=True)
class Sets:
    """A host's sets by name. Entries that hold one thing are found at once, as in the kernel's hash and bitmap."""

    by_name: Mapping[str, IpSet] = field(default_factory=dict)
    _indexes: dict[str, _Index] = field(repr=False, compare=False, default_factory=dict)

    def get(self, name: str) -> IpSet:
        """A set by name; raises RuleError for one that is not there, or of a type that is not understood."""
        found = self.by_name.get(name)
        if found is None:
            known = ", ".join(self.by_name) or "none"
            raise RuleError(
                f"there is no set `{name}` (sets: {known}): give what `ipset save` prints on that node"
            )
        if not found.members and found.kind != "list:set" and not set(found.dimensions) <= set(DIMENSIONS):
            raise RuleError(f"the set `{name}` is of the type {found.kind}, which is not understood")
        return found

    def find(self, name: str, directions: tuple[str, ...], s: Skb) -> SetEntry | None:
        """The entry of a set that holds the packet's addresses and ports; None where none does."""
        asked = self.get(name)
        if asked.kind == "list:set":
            found = (self.find(member, directions, s) for member in asked.members)
            return next((entry for entry in found if entry is not None), None)
        if asked.family not in (0, s.family) or len(directions) < len(asked.dimensions):
            return None  # ip_set_test: neither is an error, and neither is found
        pairs = tuple(zip(asked.dimensions, directions, strict=False))
        index = self._indexes.get(name)
        if index is None:
            index = self._indexes[name] = _index(asked)
        for protocol in (s.protocol, 0):
            one = index.single.get(tuple([_end(what, way, protocol, s) for what, way in pairs]))
            if one is not None:
                return one
        fitting = [
            entry
            for entry in index.wide
            if all(_fits(what, way, span, s) for (what, way), span in zip(pairs, entry.spans, strict=True))
        ]
        return min(fitting, key=SetEntry.width, default=None)


@dataclass(frozen=True, slots=True)
class _Index:
    """The entries of a set: those that hold one address and port each, by these; and the others."""

    single: Mapping[tuple[tuple[int, int], ...], SetEntry]
    wide: tuple[SetEntry, ...]


def _index(one: IpSet) -> _Index:
    single: dict[tuple[tuple[int, int], ...], SetEntry] = {}
    wide = []
    for entry in one.entries:
        if any(span.low != span.high or span.name for span in entry.spans):
            wide.append(entry)
        else:
            single.setdefault(tuple([(span.low, span.protocol) for span in entry.spans]), entry)
    return _Index(single, tuple(wide))


def _end(what: str, way: str, protocol: int, s: Skb) -> tuple[int, int]:
    """What of a packet one part of a single entry must be: the number, and of a port the protocol."""
    if what == "port":
        return (s.sport if way == "src" else s.dport), protocol
    return (s.src if way == "src" else s.dst), 0


def _fits(what: str, way: str, span: Span, s: Skb) -> bool:
    of_source = way == "src"
    if what == "iface":
        return (s.context.in_interface if of_source else s.context.out_interface) == span.name
    if what == "port":
        number = s.sport if of_source else s.dport
        return span.protocol in (0, s.protocol) and span.low <= number <= span.high
    return span.low <= (s.src if of_source else s.dst) <= span.high


def read_sets(text: str) -> Sets:
    """Read what `ipset save` printed; raises RuleError that names the line."""
    found: dict[str, IpSet] = {}
    held: dict[str, list[SetEntry]] = {}
    members: dict[str, list[str]] = {}
    options: dict[str, Mapping[str, str]] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = split(line)
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "create" and len(words) >= 3:
            said = dict(pairwise(words))
            family = 6 if said.get("family") == "inet6" else 0 if words[2].endswith(":port") else 4
            found[words[1]] = IpSet(words[1], words[2], family)
            options[words[1]] = said
        elif words[0] == "add" and len(words) >= 3 and words[1] in found:
            one = found[words[1]]
            try:
                if one.kind == "list:set":
                    members.setdefault(one.name, []).append(words[2])
                elif set(one.dimensions) <= set(DIMENSIONS):
                    spans = tuple(_spans(one, words[2], options[one.name]))
                    held.setdefault(one.name, []).append(SetEntry(spans, "nomatch" in words[3:]))
            except RuleError as error:
                raise broken(str(error), number, line) from None
        else:
            remedy = "a line is `create NAME TYPE ...`, or `add NAME ENTRY` after it: give what `ipset save` prints"
            raise broken(remedy, number, line)
    return Sets(
        {
            name: IpSet(name, one.kind, one.family, tuple(held.get(name, ())), tuple(members.get(name, ())))
            for name, one in found.items()
        }
    )


def _spans(one: IpSet, word: str, options: Mapping[str, str]) -> Iterator[Span]:
    pieces = word.split(",")
    if len(pieces) != len(one.dimensions):
        raise RuleError(f"`{word}` has not the parts of a {one.kind}")
    for what, piece in zip(one.dimensions, pieces, strict=True):
        if what == "iface":
            yield Span(name=piece)
        elif what == "port":
            yield _port_span(one, piece)
        else:
            yield _address_span(piece, one.family, options.get("netmask", "") if what == "ip" else "")


def _port_span(one: IpSet, word: str) -> Span:
    name, colon, number = word.rpartition(":")
    protocol = 0 if one.kind == "bitmap:port" else PROTOCOLS["tcp"]
    if colon:
        if name not in PROTOCOLS or name == "icmp":
            raise RuleError(
                f"the protocol `{name}` in `{word}` is not understood: it may be tcp, udp or sctp"
            )
        protocol = PROTOCOLS[name]
    return Span(*ports(number.replace("-", ":")), protocol)


def _address_span(word: str, family: int, netmask: str) -> Span:
    low, dash, high = word.partition("-")
    if dash:
        return Span(address(low, family), address(high, family))
    value, mask = network(f"{word}/{netmask}" if netmask and "/" not in word else word, family)
    return Span(value, value | (~mask & ((1 << BITS[family]) - 1)))
