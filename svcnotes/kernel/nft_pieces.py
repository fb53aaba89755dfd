"""A long nftables text in pieces: the kernel takes only so much of it in one message from a user without privileges.

First every chain is declared (empty) and every set without its elements, then come the elements, which may lead to
any chain, then the rules, which may ask any set. Each piece is what `nft -f -` reads, and a transaction of its own.
Source: netlink(7), SO_SNDBUF and net.core.wmem_max.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

AT_ONCE = 250
"""How many chains, elements or rules one piece holds."""
_TABLE = re.compile(r"^table (\w+ )?(\S+) \{$")
_BLOCK = re.compile(r"^(set|map|chain) (.+) \{$")


def pieces(text: str) -> Iterator[str]:
    """Split a text as `nft list table` prints it."""
    for table, blocks in _tables(text):
        heads = [f"{kind} {name} {{\n{_head(lines)}\n}}" for kind, name, lines in blocks]
        yield from _wrapped(table, heads)
        for kind, name, lines in blocks:
            if kind != "chain":
                for some in _groups(_elements(lines)):
                    yield f"add element {table} {name} {{ {', '.join(some)} }}\n"
        rules = [
            f"add rule {table} {name} {rule}"
            for kind, name, lines in blocks
            if kind == "chain"
            for rule in _rules(lines)
        ]
        for some in _groups(rules):
            yield "\n".join(some) + "\n"


def _wrapped(table: str, blocks: Sequence[str]) -> Iterator[str]:
    for some in _groups(blocks):
        yield f"table {table} {{\n" + "\n".join(some) + "\n}\n"


def _groups(items: Sequence[str]) -> Iterator[Sequence[str]]:
    for first in range(0, len(items), AT_ONCE):
        yield items[first : first + AT_ONCE]


def _tables(text: str) -> Iterator[tuple[str, list[tuple[str, str, list[str]]]]]:
    """Each table's title with its blocks: kind, name, lines."""
    title = ""
    blocks: list[tuple[str, str, list[str]]] = []
    for line in text.splitlines():
        stripped = line.strip()
        if found := _TABLE.match(line):
            title, blocks = f"{found[1] or ''}{found[2]}", []
        elif line == "}":
            yield title, blocks
        elif found := _BLOCK.match(stripped):
            blocks.append((found[1], found[2], []))
        elif blocks and stripped != "}":
            blocks[-1][2].append(stripped)


def _is_head(line: str) -> bool:
    return line.startswith(("type ", "comment ", "flags ", "timeout ", "size ", "policy "))


def _head(lines: Sequence[str]) -> str:
    return "\n".join(line for line in lines if _is_head(line))


def _rules(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if line and not _is_head(line)]


def _elements(lines: Sequence[str]) -> list[str]:
    body = " ".join(line for line in lines if line and not _is_head(line))
    inside = body.partition("{")[2].rpartition("}")[0]
    return [element for one in inside.split(",") if (element := one.strip())]
