"""A chain: its rules in order, compiled on the first visit, and the loop that tries them."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import NamedTuple

from svcnotes.errors import RuleError
from svcnotes.netfilter.compile import Compiled, Enter, compile_rule
from svcnotes.netfilter.index import Run, program
from svcnotes.netfilter.matches import NO_SETS
from svcnotes.netfilter.partly import Site, every_reason, partly_compiled
from svcnotes.netfilter.rule import COUNTERS
from svcnotes.netfilter.save import PRIORITIES, SOURCE_NAT, ChainText, broken
from svcnotes.netfilter.sets import Sets
from svcnotes.netfilter.skb import Skb
from svcnotes.netfilter.targets import RETURN, Outcome


class Reading(NamedTuple):
    """How rules are read: whether one that is not understood is an error, and the IP sets that they ask."""

    strict: bool = True
    sets: Sets = NO_SETS


class Chain:
    """One chain of a table; `policy` is `accept` or `drop` for a base chain, else empty."""

    __slots__ = (
        "_chains",
        "_compiled",
        "_enter",
        "_parts",
        "_reading",
        "_rules",
        "family",
        "kind",
        "name",
        "numbers",
        "policy",
        "policy_text",
        "priority",
        "table",
        "texts",
    )

    def __init__(
        self,
        table: str,
        family: int,
        layout: ChainText,
        lines: Sequence[str],
        chains: Container[str],
        enter: Enter,
        reading: Reading,
    ) -> None:
        self.table, self.family, self.name = table, family, layout.name
        self.policy = "" if layout.policy == "-" else layout.policy.lower()
        self.policy_text = f"-P {layout.name} {layout.policy}"
        self.kind, self.priority = ("nat" if table == "nat" else "filter"), PRIORITIES.get(table, 0)
        if table == "nat":
            self.priority = SOURCE_NAT.get(layout.name, self.priority)
        self.numbers = layout.numbers
        self.texts = tuple([without_counters(lines[number - 1]) for number in layout.numbers])
        self._chains, self._enter, self._reading = chains, enter, reading
        self._compiled: dict[int, Compiled] = {}
        self._rules: tuple[Compiled, ...] | None = None
        self._parts: list[Compiled | Run] | None = None

    def compiled(self, number: int) -> Compiled:
        """Rule `number` (from 1) of this chain; raises RuleError naming its line."""
        rule = self._compiled.get(number)
        if rule is None:
            text, site = self.texts[number - 1], self._site(number)
            try:
                rule = compile_rule(text, *site) if self._reading.strict else self._read(text, site)
            except RuleError as error:
                said = every_reason(text, site, error)
                raise broken(said, self.numbers[number - 1], text) from None
            self._compiled[number] = rule
        return rule

    def _read(self, text: str, site: Site) -> Compiled:
        """Compile a rule of a text in which not all need be understood."""
        try:
            return compile_rule(text, *site)
        except RuleError:
            return partly_compiled(text, site)

    def _site(self, number: int) -> Site:
        return Site(number, self.table, self.family, self._chains, self._enter, self._reading.sets)

    def all_rules(self) -> list[Compiled]:
        """Every rule, compiled now."""
        return [self.compiled(number) for number in range(1, len(self.texts) + 1)]

    def problems(self) -> list[RuleError]:
        """An error for each rule that is not wholly understood, naming its line."""
        found = []
        for number, text in enumerate(self.texts, 1):
            site = self._site(number)
            try:
                if self._reading.strict:
                    self.compiled(number)
                else:
                    compile_rule(text, *site)
            except RuleError as error:
                said = every_reason(text, site, error)
                found.append(error if error.line else broken(said, self.numbers[number - 1], text))
        return found

    def candidates(self, s: Skb) -> Sequence[Compiled]:
        """The rules that this packet could match; those left out ask for other addresses and ports."""
        if self._parts is None:
            self._parts = program(self.texts, self.family, self._chains, self.compiled)
            if not any(isinstance(part, Run) for part in self._parts):
                self._rules = tuple(self.all_rules())
                return self._rules
        found: list[Compiled] = []
        for part in self._parts:
            if isinstance(part, Run):
                found += part.rules(s)
            else:
                found.append(part)
        return found

    def run(self, s: Skb) -> Outcome:
        """Try the rules in order; None where no rule gave a verdict, and the caller goes on."""
        rules = self._rules
        log, tried = s.log, 0
        for rule in self.candidates(s) if rules is None else rules:
            match = rule.match
            if match is None or match(s):
                if log is None:
                    outcome = rule.act(s)
                else:
                    outcome = log.act(self, rule, tried, s)
                    tried = rule.number
                if outcome is not None:
                    return None if outcome is RETURN else outcome
        if log is not None:
            log.end(self, tried)
        return None


def without_counters(line: str) -> str:
    """The rule as `iptables-save` prints it without -c."""
    if line[:1] == "[":
        found = COUNTERS.match(line)
        line = line[found.end() :].lstrip() if found else line
    return line.rstrip()
