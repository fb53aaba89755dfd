"""A host's rules of one family: a text, and the chains in it, each read when it is first visited."""

from __future__ import annotations

from dataclasses import dataclass, field

from svcnotes.netfilter.chain import Chain
from svcnotes.netfilter.save import BASE_CHAINS, TABLES, Layout, broken, layout
from svcnotes.netfilter.skb import Skb
from svcnotes.netfilter.targets import Act, Outcome


@dataclass(frozen=True, slots=True)
class Ruleset:
    """A rule text with its chains; two are equal if their texts and families are.

    `str(ruleset)` is the text. Make one with `Ruleset.parse`; keep it, since it remembers the chains
    that it has compiled.
    """

    text: str
    family: int
    _layout: Layout = field(repr=False, compare=False)
    _chains: dict[tuple[str, str], Chain] = field(repr=False, compare=False, default_factory=dict)
    _ways: dict[tuple[str, ...], tuple[tuple[str, Chain], ...]] = field(
        repr=False, compare=False, default_factory=dict
    )

    @classmethod
    def parse(cls, text: str, family: int = 4) -> Ruleset:
        """Read what `iptables-save` (or `ip6tables-save`: family 6) printed.

        Tables and chains are read now; a rule is read when a packet first visits its chain, or by
        `check`. Raises RuleError for a line that is no part of such a text.
        """
        return cls(text, family, layout(text))

    def __str__(self) -> str:
        return self.text

    @property
    def tables(self) -> dict[str, tuple[str, ...]]:
        """Each table with the names of its chains, in the text's order."""
        return {table: tuple(chains) for table, chains in self._layout.tables.items()}

    def chain(self, table: str, name: str) -> Chain | None:
        """A chain, its rules not yet read; None where the text has none of this name."""
        found = self._chains.get((table, name))
        if found is None:
            chains = self._layout.tables.get(table, {})
            if name not in chains:
                return None
            found = Chain(
                table,
                self.family,
                chains[name],
                self._layout.lines,
                chains,
                lambda n: self._entrance(table, n),
            )
            self._chains[table, name] = found
        return found

    def rules(self, table: str, chain: str) -> tuple[str, ...]:
        """The rules of a chain as printed; empty for a chain that is not there."""
        found = self.chain(table, chain)
        return found.texts if found else ()

    def _entrance(self, table: str, name: str) -> Act:
        """What walks a chain: made when a rule that jumps there is compiled, read when first entered."""
        known = self._chains.get((table, name))
        if known is not None:
            return known.run
        entered: list[Chain] = []

        def enter(s: Skb) -> Outcome:
            if not entered:
                chain = self.chain(table, name)
                if chain is not None:
                    entered.append(chain)
            return entered[0].run(s)

        return enter

    def check(self) -> Ruleset:
        """Read every rule now, and give the ruleset back.

        Raises RuleError, naming line, text and remedy, for a rule that this Linux does not know, a
        jump to a chain that is not there, or chains that jump in a circle.
        """
        for table, chains in self._layout.tables.items():
            for name in chains:
                chain = self.chain(table, name)
                if chain is not None:
                    chain.all_rules()
        self.check_loops()
        return self

    def check_loops(self) -> None:
        """Raise RuleError if chains jump in a circle."""
        for table, chains in self._layout.tables.items():
            done: set[str] = set()
            for name in chains:
                self._follow(table, name, done)

    def _follow(self, table: str, start: str, done: set[str]) -> None:
        """Follow the jumps from one chain in depth, without recursion: a text may nest deeply."""
        path: list[str] = []
        todo: list[tuple[str, int, int]] = [(start, 0, 0)]  # chain, line of the jump, depth
        while todo:
            name, line, depth = todo.pop()
            if depth < len(path):
                done.update(path[depth:])
                del path[depth:]
            if name in path:
                circle = " -> ".join([*path[path.index(name) :], name])
                raise broken(
                    f"chains jump in a circle: {circle}; take out one of the jumps",
                    line,
                    self._layout.lines[line - 1],
                )
            if name in done:
                continue
            path.append(name)
            chain = self.chain(table, name)
            if chain is not None:
                jumps = [rule for rule in chain.all_rules() if rule.chain]
                todo += [(rule.chain, chain.numbers[rule.number - 1], len(path)) for rule in jumps]
        done.update(path)

    def base(self, table: str, hook: str) -> Chain | None:
        """The chain of a table that the kernel enters at a hook."""
        return self.chain(table, hook) if hook in BASE_CHAINS[table] else None

    def way(self, hooks: tuple[str, ...]) -> tuple[tuple[str, Chain], ...]:
        """The base chains with rules or a DROP policy that a packet passes at these hooks, in order."""
        found = self._ways.get(hooks)
        if found is None:
            chains = [
                (hook, self.base(table, hook))
                for hook in hooks
                for table in TABLES[hook]
                if table != "conntrack"
            ]
            found = tuple(
                (hook, chain) for hook, chain in chains if chain and (chain.texts or chain.policy == "drop")
            )
            self._ways[hooks] = found
        return found
