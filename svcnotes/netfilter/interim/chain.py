"""A chain ready to be walked: rules compiled when first needed, long runs of alike rules indexed."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from svcnotes.errors import RuleError
from svcnotes.netfilter.interim.skb import Skb, number_of
from svcnotes.netfilter.interim.matches import Test, compile_rule
from svcnotes.netfilter.interim.rule import parse
from svcnotes.netfilter.interim.save_format import words
from svcnotes.netfilter.interim.targets import Target, compile_target

# Shorter runs are walked rule by rule: an index would cost more than it saves.
RUN = 8
_ALIKE = re.compile(
    r"(?:-d (?P<address>[0-9a-fA-F.:]+)(?:/(?P<bits>\d+))? )?-p (?P<protocol>tcp|udp|sctp) "
    r'(?:-m comment --comment (?:"[^"]*"|\S+) )?-m (?P=protocol) --dport (?P<port>\d+) [^!]*-j \S+'
)
IndexKey = tuple[int, str, int]


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule as written: the words behind `-A CHAIN`, and its line number in the whole text."""

    text: str
    line: int


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule ready to be asked: all tests must pass, then `chance` (if any) decides."""

    tests: tuple[Test, ...]
    chance: Fraction | None
    target: Target

    def passes(self, skb: Skb) -> bool:
        """Whether the packet passes every test."""
        return all(test(skb) for test in self.tests)


@dataclass(frozen=True, slots=True)
class Run:
    """Rules `start` to `end` (behind the last) of one shape, found by address, protocol, port."""

    start: int
    end: int
    by_address: bool
    places: dict[IndexKey, list[int]]

    def candidates(self, skb: Skb, after: int) -> Sequence[int]:
        """The rules from `after` on that the packet may match; every other one it cannot."""
        key = (skb.destination if self.by_address else 0, skb.protocol, skb.destination_port)
        found = self.places.get(key)
        if not found:
            return ()
        return found if found[0] >= after else found[bisect_left(found, after) :]


class Chain:
    """A chain of one table: `policy` is ACCEPT or DROP for a hook's own chain, `-` otherwise."""

    __slots__ = ("_compiled", "_known", "_runs", "family", "name", "policy", "rules", "table")

    def __init__(
        self,
        table: str,
        name: str,
        policy: str,
        rules: Sequence[RuleText],
        family: int,
        known: Callable[[str], bool],
    ) -> None:
        self.table = table
        self.name = name
        self.policy = policy
        self.rules = rules
        self.family = family
        self._known = known
        self._compiled: list[CompiledRule | None] = [None] * len(rules)
        self._runs: dict[int, Run] | None = None

    def __len__(self) -> int:
        return len(self.rules)

    def rule(self, index: int) -> CompiledRule:
        """The rule at that index (from 0), compiled; raises RuleError that names its line."""
        found = self._compiled[index]
        if found is None:
            found = self._compiled[index] = self._compile(self.rules[index])
        return found

    def _compile(self, written: RuleText) -> CompiledRule:
        try:
            rule = parse(words(written.text))
            tests, chance = compile_rule(rule, self.family)
            target = compile_target(rule, self.table, self.family)
            if rule.jumps and not self._known(rule.target):
                raise RuleError(
                    f"no chain and no known target is called {rule.target} in table {self.table}; "
                    f"declare it with a line :{rule.target} - or mend the name"
                )
        except RuleError as error:
            text = f"-A {self.name} {written.text}"
            raise RuleError(
                f"line {written.line}: {error}: {_short(text)}", line=written.line, text=text
            ) from None
        return CompiledRule(tests, chance, target)

    @property
    def runs(self) -> dict[int, Run]:
        """The runs of alike rules, by every index inside them (few chains have any)."""
        if self._runs is None:
            self._runs = _find_runs(self.rules) if len(self.rules) >= RUN else {}
        return self._runs


def _short(text: str) -> str:
    return text if len(text) <= 200 else text[:200] + " …"


def _find_runs(rules: Sequence[RuleText]) -> dict[int, Run]:
    runs: dict[int, Run] = {}
    start, kind = 0, 0
    places: dict[IndexKey, list[int]] = {}

    def close(end: int) -> None:
        if kind and end - start >= RUN:
            run = Run(start, end, kind == 2, places)
            runs.update(dict.fromkeys(range(start, end), run))

    for index, rule in enumerate(rules):
        this, key = _shape(rule.text)
        if this != kind:
            close(index)
            start, kind, places = index, this, {}
        if this:
            places.setdefault(key, []).append(index)
    close(len(rules))
    return runs


def _shape(text: str) -> tuple[int, IndexKey]:
    """2: address, protocol and port fixed; 1: protocol and port fixed; 0: another shape."""
    match = _ALIKE.fullmatch(text)
    if match is None:
        return 0, (0, "", 0)
    address, bits = match["address"], match["bits"]
    port = int(match["port"])
    if address and (bits is None or bits == ("128" if ":" in address else "32")):
        try:
            return 2, (number_of(address), match["protocol"], port)
        except ValueError:
            return 0, (0, "", 0)
    return 1, (0, match["protocol"], port)
