"""A whole text as values: tables with their sets, maps and chains; `str` prints it as `nft list ruleset` does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

from svcnotes.errors import RuleError
from svcnotes.netfilter.learnt import NEVER, Held, Learnt
from svcnotes.netfilter.nftables.elements import Key, elements_of
from svcnotes.netfilter.nftables.layout import Block, layout
from svcnotes.netfilter.nftables.many import shown
from svcnotes.netfilter.nftables.sets import declaration
from svcnotes.netfilter.nftables.statements import rule
from svcnotes.netfilter.nftables.syntax import Element, Rule, Word
from svcnotes.netfilter.save import broken

# How many elements nft prints on a line, by the type of the key (calculate_delim of src/expression.c).
ON_A_LINE = {"ipv4_addr": 2, "inet_service": 5, "inet_proto": 5, "mark": 5}
_INDENT = ",\n\t\t\t     "


@dataclass(frozen=True, slots=True)
class NamedSet:
    """A set or map with a name: `word` is set or map, `said` its lines before the elements, `keys` their types."""

    word: str
    name: str
    said: tuple[str, ...]
    keys: tuple[str, ...]
    elements: tuple[Element, ...] = ()
    handle: int = 0

    def __str__(self) -> str:
        body = "".join(f"\t\t{line}\n" for line in self.said)
        if self.elements:
            body += f"\t\telements = {{ {self._lines()} }}\n"
        return f"\t{self.word} {self.name} {{\n{body}\t}}\n"

    def _lines(self) -> str:
        count = ON_A_LINE.get(self.keys[0], 1) if len(self.keys) == 1 else 1
        texts = [str(one) for one in self.elements]
        return _INDENT.join(", ".join(texts[at : at + count]) for at in range(0, len(texts), count))


@dataclass(frozen=True, slots=True)
class NamedChain:
    """A chain: `said` are its own lines (comment, how it hangs at a hook), `rules` its rules.

    `handle` is its number, `handles` those of its rules, where they were counted (`nftables.handles`).
    """

    name: str
    said: tuple[str, ...]
    rules: tuple[Rule, ...]
    handle: int = 0
    handles: tuple[int, ...] = ()

    def __str__(self) -> str:
        body = "".join(f"\t\t{line}\n" for line in (*self.said, *self.rules))
        return f"\tchain {self.name} {{\n{body}\t}}\n"


@dataclass(frozen=True, slots=True)
class Other:
    """Another named thing (counter, flowtable, ...), as it stands."""

    word: str
    name: str
    lines: tuple[str, ...]
    handle: int = 0

    def __str__(self) -> str:
        body = "".join(f"{line}\n" for line in self.lines)
        return f"\t{self.word} {self.name} {{\n{body}\t}}\n"


@dataclass(frozen=True, slots=True)
class NftTable:
    """A table: `said` are its own lines, `held` its sets, maps, chains and others in the text's order.

    `handle` is its number, `last` the last that something in it got, where they were counted (`nftables.handles`).
    """

    family: str
    name: str
    said: tuple[str, ...]
    held: tuple[NamedSet | NamedChain | Other, ...]
    handle: int = 0
    last: int = 0

    def __str__(self) -> str:
        said = "".join(f"\t{line}\n" for line in self.said)
        held = "\n".join(map(str, self.held))
        return f"table {self.family} {self.name} {{\n{said}{held}}}\n"


@dataclass(frozen=True, slots=True)
class Document:
    """Every table of a text."""

    tables: tuple[NftTable, ...]

    def __str__(self) -> str:
        return "".join(map(str, self.tables))


def with_learnt(whole: Document, learnt: Learnt, now: float) -> Document:
    """The tables as `nft list` prints them at a moment: with the elements that packets have put into sets.

    An element whose time is over is gone; what is left of the others is said (`expires 2h59m50s`).
    """
    return Document(
        tuple(
            replace(
                table,
                held=tuple(
                    _now(one, learnt.sets.get(f"{table.family} {table.name} {one.name}", {}), now)
                    for one in table.held
                ),
            )
            for table in whole.tables
        )
    )


def _now(
    held: NamedSet | NamedChain | Other, kept: Mapping[object, Held], now: float
) -> NamedSet | NamedChain | Other:
    if not isinstance(held, NamedSet) or not kept:
        return held
    found = {str(one.key): one for one in held.elements}
    for key, until in kept.items():
        text = shown(cast("Key", key), held.keys)
        found.pop(text, None)
        if until.expires > now:
            left = () if until.expires == NEVER else ("expires", time_text(until.expires - now))
            found[text] = Element(Word(text), left)
    return replace(held, elements=tuple(found.values()))


def time_text(seconds: float) -> str:
    """Write a time as nft does: `2h59m58s`, `500ms`."""
    left = round(seconds * 1000)
    words = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        if count:
            words.append(f"{count}{unit}")
    return "".join(words) or "0s"


def document(text: str) -> Document:
    """Read a whole text as `nft list` prints it; raises RuleError, naming the line, for what is not understood."""
    found = layout(text)
    return Document(
        tuple(
            NftTable(
                table.family,
                table.name,
                tuple(table.said),
                tuple(_held(block, found.lines) for block in table.order),
            )
            for table in found.tables.values()
        )
    )


def _held(block: Block, lines: Sequence[str]) -> NamedSet | NamedChain | Other:
    body = lines[block.first : block.last]
    if block.kind == "chain":
        return _chain(block, body)
    if block.kind not in ("set", "map"):
        return Other(block.kind, block.name, tuple(body))
    try:
        said = declaration(body)
        return NamedSet(block.kind, block.name, said.said, said.keys, elements_of(said.elements))
    except RuleError as error:
        raise broken(f"{block.kind} {block.name}: {error}", block.first, lines[block.first - 1]) from None


def _chain(block: Block, body: Sequence[str]) -> NamedChain:
    said: list[str] = []
    rules: list[Rule] = []
    for at, raw in enumerate(body, block.first + 1):
        line = raw.strip()
        if not line or line[0] == "#":
            continue
        if not rules and line.startswith(("comment ", "type ", "flags ")):
            said.append(line)
            continue
        try:
            rules.append(rule(line))
        except RuleError as error:
            raise broken(str(error), at, line) from None
    return NamedChain(block.name, tuple(said), tuple(rules))
