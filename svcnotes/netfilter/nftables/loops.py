"""Follow the jumps of a table: the kernel loads none that go in a circle, nor deeper than 16 (nf_tables_api.c)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from svcnotes.netfilter.nftables.layout import TableText
from svcnotes.netfilter.nftables.statements import read_rule
from svcnotes.netfilter.nftables.syntax import Reference, Rule, Verdict, Vmap
from svcnotes.netfilter.save import broken

if TYPE_CHECKING:
    from svcnotes.netfilter.nftables.ruleset import NftRuleset

DEEPEST = 16  # NFT_JUMP_STACK_SIZE
_JUMPS = ("jump ", "goto ")


def check_jumps(ruleset: NftRuleset, table: TableText, lines: Sequence[str]) -> None:
    """Raise RuleError for a circle of chains, and for jumps nested deeper than the kernel goes."""
    depths: dict[str, int] = {}
    of_map: dict[str, tuple[str, ...]] = {}
    for start in table.chains:
        path: list[str] = []
        todo: list[tuple[str, int, bool]] = [(start, 0, False)]  # chain, line of the jump, all below it done
        while todo:
            name, line, done = todo.pop()
            if done:
                path.pop()
                depths[name] = 1 + max(
                    (depths.get(to, 0) for to, _ in _leads(ruleset, table, name, of_map)), default=-1
                )
                if depths[name] > DEEPEST:
                    raise broken(
                        f"chain {name} leads more than {DEEPEST} jumps deep, and nft refuses it (Too many links)",
                        table.chains[name].first,
                        lines[table.chains[name].first - 1],
                    )
                continue
            if name in path:
                circle = " -> ".join([*path[path.index(name) :], name])
                raise broken(
                    f"chains jump in a circle, and nft refuses them (Too many links): {circle}; take out one of the jumps",
                    line,
                    lines[line - 1],
                )
            if name in depths or name not in table.chains:
                continue
            path.append(name)
            todo.append((name, line, True))
            todo += [(to, at, False) for to, at in _leads(ruleset, table, name, of_map)]


def _leads(
    ruleset: NftRuleset, table: TableText, name: str, of_map: dict[str, tuple[str, ...]]
) -> Iterator[tuple[str, int]]:
    """Where a chain's rules lead, each with the rule's line; a rule without jump and map leads nowhere."""
    chain = ruleset.chain(table.title, name)
    if chain is None:
        return
    for number, text in zip(chain.numbers, chain.texts, strict=True):
        if not any(word in text for word in _JUMPS) and " vmap @" not in text:
            continue
        rule = read_rule(text)[0]
        for to in (*rule.chains(), *_of_maps(ruleset, table, rule, of_map)):
            yield to, number


def _of_maps(
    ruleset: NftRuleset, table: TableText, rule: Rule, of_map: dict[str, tuple[str, ...]]
) -> Iterator[str]:
    for statement in rule.statements:
        if isinstance(statement, Vmap) and isinstance(statement.table, Reference):
            name = statement.table.name
            if name not in of_map:
                found = ruleset.set(table.title, name)
                values = found.elements.values() if found is not None else ()
                of_map[name] = tuple(
                    dict.fromkeys(v.chain for v in values if isinstance(v, Verdict) and v.chain)
                )
            yield from of_map[name]
