"""A host's nftables rules: a text, and the chains, sets and maps in it, each read when it is first asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from weakref import ref

from svcnotes.errors import RuleError
from svcnotes.netfilter.nftables.chain import Chain
from svcnotes.netfilter.nftables.elements import Elements
from svcnotes.netfilter.nftables.layout import FAMILIES, HERE, Block, Layout, TableText, layout
from svcnotes.netfilter.nftables.lookup import Table
from svcnotes.netfilter.nftables.loops import check_jumps
from svcnotes.netfilter.nftables.sets import declaration
from svcnotes.netfilter.nftables.syntax import Braces, Reference
from svcnotes.netfilter.ruleset import together
from svcnotes.netfilter.save import broken
from svcnotes.netfilter.stops import ALL_HOOKS, Stop, Way, in_order, way_through

REMEDY = "take the table out, or load the text with strict=False: it is then passed by"


@dataclass(frozen=True, slots=True, weakref_slot=True)
class NftRuleset:
    """What `nft list ruleset` (or `nft list table ...`) printed; two are equal if texts and families are.

    `family` says whose packets it is asked about: 4 sees the tables of ip and inet, 6 those of ip6 and inet.
    Make one with `NftRuleset.parse`; keep it, since it remembers what it has read.
    """

    text: str
    family: int
    strict: bool
    _layout: Layout = field(repr=False, compare=False)
    _chains: dict[tuple[str, str], Chain] = field(repr=False, compare=False, default_factory=dict)
    _sets: dict[tuple[str, str], Table] = field(repr=False, compare=False, default_factory=dict)
    _stops: dict[str, tuple[Stop, ...]] = field(repr=False, compare=False, default_factory=dict)
    _ways: dict[tuple[str, ...], Way] = field(repr=False, compare=False, default_factory=dict)

    @classmethod
    def parse(cls, text: str, family: int = 4, *, strict: bool = True) -> NftRuleset:
        """Read a text's tables and the heads of their base chains; the rest when a packet first visits it.

        With `strict` False a rule that is not understood is passed by, and the walk says so where a packet
        meets it. Raises RuleError for a line that is no part of such a text.
        """
        found = cls(text, family, strict, layout(text))
        # Of two chains of one priority the kernel asks the one first that was made last (nf_hook_entries_grow).
        base = list(found._base_chains())[::-1]
        for hook in ALL_HOOKS:
            found._stops[hook] = in_order(hook, (chain for chain in base if chain.hook == hook))
        return found

    def __str__(self) -> str:
        return self.text

    @property
    def tables(self) -> dict[str, tuple[str, ...]]:
        """Each table that these packets see (`ip kube-proxy`) with the names of its chains, in the text's order."""
        return {table.title: tuple(table.chains) for table in self._tables()}

    def _tables(self) -> Iterator[TableText]:
        return (table for table in self._layout.tables.values() if table.family in HERE[self.family])

    def _base_chains(self) -> Iterator[Chain]:
        """The chains that the kernel enters: only those are read for where they hang."""
        lines = self._layout.lines
        for table in self._tables():
            for name, block in table.chains.items():
                head = lines[block.first : min(block.first + 3, block.last)]
                if any(" hook " in line and line.lstrip()[:5] == "type " for line in head):
                    chain = self.chain(table.title, name)
                    if chain is not None:
                        yield chain

    def chain(self, table: str, name: str) -> Chain | None:
        """A chain of a table by its title, its rules not yet read; None where the text has none of this name."""
        found = self._chains.get((table, name))
        if found is None:
            text = self._layout.tables.get(table)
            block = text.chains.get(name) if text else None
            if block is None:
                return None
            # Held weakly, as the chains of iptables hold theirs: a ruleset that nobody holds goes at once.
            owner = ref(self)
            sets, chains = partial(_asked, owner, table), partial(_chain, owner, table)
            found = Chain(table, block, self._layout.lines, sets, chains, strict=self.strict)
            self._chains[table, name] = found
        return found

    def rules(self, table: str, chain: str) -> tuple[str, ...]:
        """The rules of a chain as printed; empty for a chain that is not there."""
        found = self.chain(table, chain)
        return found.texts if found else ()

    def stops(self, hook: str) -> tuple[Stop, ...]:
        """What a packet passes at a hook, in order of priority."""
        return self._stops[hook]

    def way(self, hooks: tuple[str, ...]) -> Way:
        """The base chains with rules or a DROP policy that a packet passes at these hooks, in order."""
        found = self._ways.get(hooks)
        if found is None:
            found = self._ways[hooks] = way_through(self, hooks)
        return found

    def set(self, table: str, name: str) -> Table | None:
        """A named set or map of a table by its title; None where there is none of this name."""
        found = self._sets.get((table, name))
        if found is None:
            text = self._layout.tables.get(table)
            block = text.sets.get(name) if text else None
            if block is None:
                return None
            found = self._sets[table, name] = self._read_set(table, block)
        return found

    def _read_set(self, table: str, block: Block) -> Table:
        lines = self._layout.lines[block.first : block.last]
        try:
            return Table.named(f"{table} {block.name}", declaration(lines))
        except RuleError as error:
            raise broken(
                f"{block.kind} {block.name}: {error}", block.first, self._layout.lines[block.first - 1]
            ) from None

    def asked(
        self, title: str, asked: Reference | Braces, keys: tuple[str, ...], values: tuple[str, ...]
    ) -> Table:
        """The set or map that a rule asks: a named one, or one made of its braces."""
        if isinstance(asked, Braces):
            elements = Elements(asked.elements, keys)
            made = Table("", keys, values, lambda: elements)
            made.check()
            return made
        found = self.set(title, asked.name)
        if found is None:
            raise RuleError(
                f"there is no set or map `{asked.name}` in table {title}: add it, or correct the name"
            )
        if found.keys != keys:
            raise RuleError(
                f"`@{asked.name}` holds {' . '.join(found.keys)}, and is asked for {' . '.join(keys)}: ask for what it holds"
            )
        return found

    def memories(self) -> frozenset[str]:
        """The names of the sets and maps in it, each behind its table's title."""
        return frozenset(f"{table.title} {name}" for table in self._tables() for name in table.sets)

    def check(self) -> NftRuleset:
        """Read everything now, and give the ruleset back.

        Raises RuleError, naming each line, its text and remedy, for what this Linux does not know, for jumps to
        chains that are not there, and for chains that jump in a circle; where not strict, only for the last.
        """
        if self.strict:
            problems = self.problems()
            if problems:
                raise problems[0] if len(problems) == 1 else together(problems)
        self.check_loops()
        return self

    def problems(self) -> list[RuleError]:
        """An error for each rule, set or table that is not understood, in the text's order."""
        found: list[RuleError] = []
        for table in self._layout.tables.values():
            line = self._layout.lines[table.line - 1]
            if table.family not in FAMILIES:
                message = f"tables of {table.family} are not part of this Linux: {REMEDY}"
                found.append(broken(message, table.line, line))
                continue
            if table.family not in HERE[self.family]:
                continue
            for name, block in table.sets.items():
                found += self._set_problems(table.title, name, block)
            for name in table.chains:
                chain = self.chain(table.title, name)
                found += chain.problems() if chain is not None else []
        return sorted(found, key=lambda problem: problem.line)

    def _set_problems(self, title: str, name: str, block: Block) -> list[RuleError]:
        try:
            table = self.set(title, name)
            if table is not None:
                table.check()
        except RuleError as error:
            if error.line:
                return [error]
            at = next(
                (
                    n
                    for n in range(block.first, block.last)
                    if self._layout.lines[n].strip().startswith("elements")
                ),
                block.first - 1,
            )
            return [broken(f"{block.kind} {name}: {error}", at + 1, self._layout.lines[at])]
        return []

    def check_loops(self) -> None:
        """Raise RuleError if chains jump in a circle, or too deep for the kernel."""
        for table in self._tables():
            check_jumps(self, table, self._layout.lines)


def _alive(owner: ref[NftRuleset]) -> NftRuleset:
    found = owner()
    if found is None:
        raise ReferenceError("the ruleset of this chain is gone: keep it")
    return found


def _asked(
    owner: ref[NftRuleset],
    title: str,
    asked: Reference | Braces,
    keys: tuple[str, ...],
    values: tuple[str, ...],
) -> Table:
    return _alive(owner).asked(title, asked, keys, values)


def _chain(owner: ref[NftRuleset], title: str, name: str) -> Chain | None:
    return _alive(owner).chain(title, name)
