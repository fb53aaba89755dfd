"""The layout of an `nft list` text: tables, their chains, sets and maps, and where the lines of each stand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from svcnotes.netfilter.nftables.words import unquoted
from svcnotes.netfilter.save import broken

FAMILIES = ("ip", "ip6", "inet")
HERE = {4: ("ip", "inet"), 6: ("ip6", "inet")}
LONGEST_NAME = 127  # NFT_NAME_MAXLEN - 1
_TABLE = re.compile(r"table (?:(\w+) )?(\S+) \{")
_BLOCK = re.compile(r"(chain|set|map|counter|quota|limit|flowtable|ct \w+|secmark|synproxy) (\S+) \{")
_SAID = re.compile(r'comment ".*"|flags \S+')
_NOTE = re.compile(r"\s+# (?:handle \d+|progname .*)$")


class Block(NamedTuple):
    """A chain, a set, a map or another named thing: `first` and `last` are the 0-based lines of its body."""

    kind: str
    name: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class TableText:
    """A table as text: `said` are its own lines (comment, flags), `line` the 1-based one that opens it."""

    family: str
    name: str
    line: int
    said: list[str] = field(default_factory=list)
    chains: dict[str, Block] = field(default_factory=dict)
    sets: dict[str, Block] = field(default_factory=dict)
    others: list[Block] = field(default_factory=list)
    order: list[Block] = field(default_factory=list)

    @property
    def title(self) -> str:
        """What `nft` calls it: `ip kube-proxy`."""
        return f"{self.family} {self.name}"


@dataclass(frozen=True, slots=True)
class Layout:
    """A text in lines, and its tables by title."""

    lines: Sequence[str]
    tables: Mapping[str, TableText]


def layout(text: str) -> Layout:
    """Find tables, chains, sets and maps without reading what is in them; raises RuleError for any other line."""
    lines = text.split("\n")
    if "\0" in text or "\ufffd" in text:
        bad = next(i for i, line in enumerate(lines, 1) if "\0" in line or "\ufffd" in line)
        raise broken("this is not text: give what `nft list ruleset` printed", bad, lines[bad - 1])
    tables: dict[str, TableText] = {}
    table: TableText | None = None
    at, count = 0, len(lines)
    while at < count:
        line = lines[at]
        words = bare(line)
        at += 1
        if not words or words[0] == "#":
            continue
        if table is None:
            table = _opened(tables, words, at)
        elif words == "}":
            table = None
        elif words[-1] == "{":
            at = _block(table, lines, words, at)
        elif _SAID.fullmatch(words):
            table.said.append(words)
        else:
            raise broken(
                "a table holds `chain NAME {`, `set NAME {`, `map NAME {`, each ended by a line `}`", at, line
            )
    if table is not None:
        raise broken(f"table {table.title} is not ended: write `}}` as its last line", count, lines[-1])
    return Layout(lines, tables)


def bare(line: str) -> str:
    """A line without blanks around it, and without nft's own note at its end (`# handle 5` of `nft -a list`)."""
    line = line.strip()
    return _NOTE.sub("", line) if "#" in line else line


def _opened(tables: dict[str, TableText], words: str, number: int) -> TableText:
    found = _TABLE.fullmatch(words)
    if found is None:
        raise broken(
            "outside of a table: begin with `table ip NAME {`, as `nft list ruleset` prints it", number, words
        )
    table = TableText(found.group(1) or "ip", unquoted(found.group(2)), number)
    if table.title in tables:
        raise broken(f"table {table.title} stands here twice: put its chains into one", number, words)
    tables[table.title] = table
    return table


def _block(table: TableText, lines: Sequence[str], words: str, number: int) -> int:
    """Note a block that line `number` (from 1) opens; gives the 0-based line behind it."""
    found = _BLOCK.fullmatch(words)
    if found is None:
        raise broken(f"unknown block `{words}`: a table holds chains, sets and maps", number, words)
    kind, name = found.group(1), unquoted(found.group(2))
    end = _end(lines, number)
    if end < 0:
        raise broken(f"{kind} {name} is not ended: write `}}` on a line of its own", number, words)
    if len(name) > LONGEST_NAME:
        raise broken(f"a name has at most {LONGEST_NAME} characters", number, words)
    block = Block(kind, name, number, end)
    among = table.chains if kind == "chain" else table.sets if kind in ("set", "map") else None
    if among is None:
        table.others.append(block)
    elif name in among:
        raise broken(f"{kind} {name} stands here twice: put it into one", number, words)
    else:
        among[name] = block
    table.order.append(block)
    return end + 1


def _end(lines: Sequence[str], opened: int) -> int:
    """The line that ends a block: a lone `}`, as deep as the block's head where the text is indented."""
    head = lines[opened - 1]
    closing = head[: len(head) - len(head.lstrip())] + "}"
    try:
        return lines.index(closing, opened)
    except ValueError:
        return next((at for at in range(opened, len(lines)) if lines[at].strip() == "}"), -1)
