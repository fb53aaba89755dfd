"""A host's rules of one family: a text, and the chains in it, each read when it is first visited."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from weakref import ref

from svcnotes.errors import RuleError
from svcnotes.netfilter.chain import Chain, Reading
from svcnotes.netfilter.left_out import REMEDY
from svcnotes.netfilter.save import BASE_CHAINS, TABLES, Layout, broken, layout
from svcnotes.netfilter.sets import read_sets
from svcnotes.netfilter.skb import Skb
from svcnotes.netfilter.stops import Stop, Way, in_order, way_through
from svcnotes.netfilter.targets import Act, Outcome

GO_ON = (
    "To go on, take these lines out, or load the text with strict=False: a rule with a match that is not "
    "understood then never matches, and the trace names it where a packet meets it"
)
_LIST = re.compile(r"-m recent [^\n]*?--name (\S+)")


def together(problems: Sequence[RuleError]) -> RuleError:
    """One error for several lines; its `line` and `text` are the first one's."""
    said = "\n".join(f"  {_without_remedy(problem)}" for problem in problems)
    message = f"{len(problems)} rules are not understood:\n{said}\n{GO_ON}"
    return RuleError(message, line=problems[0].line, text=problems[0].text)


def _without_remedy(problem: RuleError) -> str:
    """What is wrong with a line, and the line; the remedy is the same for all and stands below."""
    what, _, line = str(problem).partition("\n")
    return f"{what.partition(f': {REMEDY}')[0]}\n  {line}"


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Ruleset:
    """A rule text with its chains; two are equal if their texts and families are.

    `str(ruleset)` is the text. Make one with `Ruleset.parse`; keep it, since it remembers the chains
    that it has compiled, and they find each other by it.
    """

    text: str
    family: int
    reading: Reading
    _layout: Layout = field(repr=False, compare=False)
    _chains: dict[tuple[str, str], Chain] = field(repr=False, compare=False, default_factory=dict)
    _stops: dict[str, tuple[Stop, ...]] = field(repr=False, compare=False, default_factory=dict)
    _ways: dict[tuple[str, ...], Way] = field(repr=False, compare=False, default_factory=dict)

    @classmethod
    def parse(cls, text: str, family: int = 4, *, strict: bool = True, sets: str = "") -> Ruleset:
        """Read what `iptables-save` (or `ip6tables-save`: family 6) printed.

        `sets` is what `ipset save` printed there. With `strict` False a rule with a match that is not understood
        never matches, one with such a target does nothing, and the walk says so where a packet meets it. Tables and chains are read now; a rule is read when a packet first visits its chain, or by
        `check`. Raises RuleError for a line that is no part of such a text.
        """
        return cls(text, family, Reading(strict, read_sets(sets)), layout(text))

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
            # Chains hold their ruleset weakly: it goes, and all that it has read, when nobody holds it any more,
            # not when the garbage collector finds a circle of thousands of rules.
            entrance = partial(_entrance, ref(self), table)
            lines = self._layout.lines
            found = Chain(table, self.family, chains[name], lines, chains, entrance, self.reading)
            self._chains[table, name] = found
        return found

    def rules(self, table: str, chain: str) -> tuple[str, ...]:
        """The rules of a chain as printed; empty for a chain that is not there."""
        found = self.chain(table, chain)
        return found.texts if found else ()

    def memories(self) -> frozenset[str]:
        """The names of the lists of `recent` in it."""
        return frozenset(_LIST.findall(self.text))

    def check(self) -> Ruleset:
        """Read every rule now, and give the ruleset back.

        Raises RuleError, naming each line, its text and remedy, for rules that this Linux does not know,
        jumps to chains that are not there, or chains that jump in a circle; where `reading` is not strict,
        only for the last.
        """
        if self.reading.strict:
            problems = self.problems()
            if len(problems) == 1:
                raise problems[0]
            if problems:
                raise together(problems)
        self.check_loops()
        return self

    def problems(self) -> list[RuleError]:
        """An error for each rule that is not wholly understood, in the text's order."""
        chains = (self.chain(table, name) for table, names in self.tables.items() for name in names)
        found = [problem for chain in chains if chain is not None for problem in chain.problems()]
        return sorted(found, key=lambda problem: problem.line)

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

    def stops(self, hook: str) -> tuple[Stop, ...]:
        """What a packet passes at a hook, in order of priority."""
        found = self._stops.get(hook)
        if found is None:
            chains = (self.base(table, hook) for table in TABLES[hook] if table != "conntrack")
            found = self._stops[hook] = in_order(hook, (chain for chain in chains if chain is not None))
        return found

    def way(self, hooks: tuple[str, ...]) -> Way:
        """The base chains with rules or a DROP policy that a packet passes at these hooks, in order."""
        found = self._ways.get(hooks)
        if found is None:
            found = self._ways[hooks] = way_through(self, hooks)
        return found


def _entrance(owner: ref[Ruleset], table: str, name: str) -> Act:
    """What walks a chain: made when a rule that jumps there is compiled, read when first entered."""
    ruleset = owner()
    known = None if ruleset is None else ruleset._chains.get((table, name))  # noqa: SLF001 - of this module
    if known is not None:
        return known.run
    entered: list[Chain] = []

    def enter(s: Skb) -> Outcome:
        if not entered:
            chains = owner()
            chain = None if chains is None else chains.chain(table, name)
            if chain is None:
                raise ReferenceError(f"the ruleset of chain {name} in table {table} is gone: keep it")
            entered.append(chain)
        return entered[0].run(s)

    return enter
