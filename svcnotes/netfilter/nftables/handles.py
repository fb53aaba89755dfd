"""The numbers by which nft names what a table holds, and what `nft -a list` prints with them.

The kernel counts in each table: first chains come, then counters and the like, then sets and maps, then the rules of
each chain, since nft sends them so. A set or map in braces has no name, but takes a number before its rule does.
Simplified: the numbers are those of a table that was just loaded from its listing; kube-proxy's own, which has been
changed ever since, has others. Sources: nft_cmd_expand in src/cmd.c of nftables, nf_tables_alloc_handle of the kernel;
the order as nft 1.0.6 shows it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from svcnotes.netfilter.nftables.document import Document, NamedChain, NamedSet, NftTable, Other
from svcnotes.netfilter.nftables.syntax import (
    Assign,
    Binary,
    Braces,
    Concat,
    Expression,
    Mapped,
    Match,
    Nat,
    Rule,
    Statement,
    Vmap,
)


def numbered(whole: Document) -> Document:
    """The tables with a number on each, and on all that they hold."""
    return Document(tuple(_table(one, number) for number, one in enumerate(whole.tables, 1)))


def takes(rule: Rule) -> int:
    """How many numbers a rule takes: its own is the last of them."""
    return 1 + sum(
        1 for statement in rule.statements for part in _parts(statement) if isinstance(part, Braces)
    )


def _table(table: NftTable, number: int) -> NftTable:
    last = 0
    given: dict[int, int] = {}
    for kind in (NamedChain, Other, NamedSet):
        for at, one in enumerate(table.held):
            if isinstance(one, kind):
                given[at] = last = last + 1
    held: list[NamedSet | NamedChain | Other] = []
    for at, one in enumerate(table.held):
        handles: list[int] = []
        if not isinstance(one, NamedChain):
            held.append(replace(one, handle=given[at]))
            continue
        for rule in one.rules:
            last += takes(rule)
            handles.append(last)
        held.append(replace(one, handle=given[at], handles=tuple(handles)))
    return replace(table, handle=number, last=last, held=tuple(held))


def _parts(part: Statement | Expression) -> Iterator[Statement | Expression]:
    """A statement or expression with all that stands in it."""
    yield part
    match part:
        case Match(left, _, right) | Binary(left, _, right):
            inner: tuple[Expression | None, ...] = (left, right)
        case Vmap(key, table) | Mapped(key, table):
            inner = (key, table)
        case Assign(_, value):
            inner = (value,)
        case Nat(to=to):
            inner = (to,)
        case Concat(parts):
            inner = parts
        case _:
            inner = ()
    for one in inner:
        if one is not None:
            yield from _parts(one)


def listed(whole: Document) -> str:
    """The tables as `nft -a list ruleset` prints them: a remark with its number behind each thing."""
    return "".join(map(listed_table, numbered(whole).tables))


def listed_table(table: NftTable) -> str:
    """One numbered table as `nft -a list table` prints it."""
    said = "".join(f"\t{line}\n" for line in table.said)
    return f"{_opened(table, table.handle)}{said}{chr(10).join(map(listed_held, table.held))}}}\n"


def listed_held(one: NamedSet | NamedChain | Other) -> str:
    """One numbered chain, set or other thing of a table, within it."""
    if isinstance(one, NamedChain):
        rules = (f"{rule} # handle {number}" for rule, number in zip(one.rules, one.handles, strict=True))
        body = "".join(f"\t\t{line}\n" for line in (*one.said, *rules))
        return f"\tchain {one.name} {{ # handle {one.handle}\n{body}\t}}\n"
    return _opened(one, one.handle) + str(one).partition("\n")[2]


def _opened(one: object, handle: int) -> str:
    return f"{str(one).partition(chr(10))[0]} # handle {handle}\n"
