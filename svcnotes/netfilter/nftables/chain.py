"""A chain of nftables: its rules in order, compiled on the first visit, and the loop that tries them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from svcnotes.errors import RuleError
from svcnotes.netfilter.log import Log
from svcnotes.netfilter.nftables.comparing import FindTable
from svcnotes.netfilter.nftables.compile import Compiled, compile_rule, partly_compiled
from svcnotes.netfilter.nftables.layout import Block, bare
from svcnotes.netfilter.nftables.statements import read_rule
from svcnotes.netfilter.nftables.syntax import Rule
from svcnotes.netfilter.nftables.verdicts import BREAK, Jump
from svcnotes.netfilter.save import broken
from svcnotes.netfilter.skb import Skb
from svcnotes.netfilter.targets import RETURN, Outcome
from svcnotes.netfilter.walk import Stretch

HOOKS = {
    "prerouting": "PREROUTING",
    "input": "INPUT",
    "forward": "FORWARD",
    "output": "OUTPUT",
    "postrouting": "POSTROUTING",
}
PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}
_BASE = re.compile(r"type (\w+) hook (\w+)(?: device \S+)? priority ([^;]+); ?(?:policy (\w+);)?")
_PRIORITY = re.compile(r"(-?\d+)|([a-z]+)(?: ([+-]) (\d+))?")
_SAID = ("comment ", "type ", "flags ", "#")


class Base(NamedTuple):
    """How a base chain hangs at its hook: `kind` is filter, nat or route, `text` the line that says so."""

    kind: str
    hook: str
    priority: int
    policy: str
    text: str


def base_of(line: str) -> Base:
    """Read `type nat hook prerouting priority dstnat; policy accept;`; raises RuleError."""
    found = _BASE.fullmatch(line)
    if found is None:
        raise RuleError("a base chain says `type TYPE hook HOOK priority NUMBER; policy accept;`")
    kind, hook, number, policy = found.groups()
    if hook not in HOOKS:
        raise RuleError(
            f"the hook {hook} is not part of this Linux: its hooks are {', '.join(HOOKS)}; take the chain out"
        )
    if kind not in ("filter", "nat", "route"):
        raise RuleError(f"unknown type `{kind}` of a chain: known are filter, nat and route")
    if (kind == "nat" and hook == "forward") or (kind == "route" and hook != "output"):
        raise RuleError(f"a chain of type {kind} cannot hang at {hook}")
    if policy not in (None, "accept", "drop"):
        raise RuleError(f"unknown policy `{policy}`: write accept or drop")
    return Base(kind, HOOKS[hook], priority_of(number.strip()), policy or "accept", line)


def priority_of(word: str) -> int:
    """Read a priority: a number, or a name with what is added to it, such as `dstnat - 10`; raises RuleError."""
    found = _PRIORITY.fullmatch(word)
    name = found.group(2) if found else None
    if found is None or (name is not None and name not in PRIORITIES):
        raise RuleError(f"unknown priority `{word}`: write a number or one of {', '.join(PRIORITIES)}")
    if found.group(1):
        return int(found.group(1))
    more = int(found.group(4) or 0)
    return PRIORITIES[str(name)] + (-more if found.group(3) == "-" else more)


class Chain:
    """One chain; `table` is its table's title (`ip kube-proxy`); `hook` is empty for one that only rules enter.

    `numbers` are the 1-based lines of its rules, `texts` the rules as printed.
    """

    __slots__ = (
        "_enter", "_family", "_rules", "_strict", "_tables", "_wrong", "hook", "kind", "name", "numbers", "policy",
        "policy_text", "priority", "table", "texts",
    )  # fmt: skip

    def __init__(
        self,
        title: str,
        block: Block,
        lines: Sequence[str],
        tables: FindTable,
        enter: Callable[[str], Chain | None],
        *,
        strict: bool,
    ) -> None:
        self.table, self.name = title, block.name
        self._family = title.partition(" ")[0]
        self._tables, self._enter, self._strict = tables, enter, strict
        base: Base | None = None
        self._wrong: RuleError | None = None
        try:
            base = _base(lines, block)
        except RuleError as error:  # it hangs where no packet of this Linux comes by
            if strict:
                raise
            self._wrong = error
        rules = rule_lines(lines, block)
        self.numbers = tuple(number for number, _ in rules)
        self.texts = tuple(text for _, text in rules)
        self.hook = base.hook if base else ""
        self.kind = base.kind if base else ""
        self.policy = base.policy if base else ""
        self.priority = base.priority if base else 0
        self.policy_text = base.text if base else ""
        self._rules: tuple[Compiled, ...] | None = None

    def rules(self) -> tuple[Compiled, ...]:
        """The rules, compiled now; raises RuleError naming the line of one that is not understood."""
        if self._rules is None:
            self._rules = tuple(self._compiled(number) for number in range(1, len(self.texts) + 1))
        return self._rules

    def _compiled(self, number: int) -> Compiled:
        text = self.texts[number - 1]
        try:
            rule, rest, error = read_rule(text)
            if error is not None and self._strict:
                raise error
            if error is not None:
                return partly_compiled(rule, rest, number, text, self._family, self._tables)
            self._known(rule, number)
            return compile_rule(rule, number, text, self._family, self._tables)
        except RuleError as error:
            if self._strict:
                raise error if error.line else broken(str(error), self.numbers[number - 1], text) from None
            return partly_compiled(Rule(()), text, number, text, self._family, self._tables)

    def _known(self, rule: Rule, number: int) -> None:
        for name in rule.chains():
            if self._enter(name) is None:
                line = self.numbers[number - 1]
                raise broken(
                    f"there is no chain `{name}` in table {self.table}: add it, or correct the name",
                    line,
                    self.texts[number - 1],
                )

    def problems(self) -> list[RuleError]:
        """An error for each rule that is not wholly understood, naming its line."""
        found = [self._wrong] if self._wrong else []
        for number, text in enumerate(self.texts, 1):
            try:
                rule, _, error = read_rule(text)
                if error is not None:
                    raise error
                compile_rule(rule, number, text, self._family, self._tables)
                self._known(rule, number)
            except RuleError as error:
                found.append(error if error.line else broken(str(error), self.numbers[number - 1], text))
        return found

    def run(self, s: Skb) -> Outcome:
        """Try the rules in order; None where no rule gave a verdict, and the caller goes on."""
        log = s.log
        if log is not None:
            return self._told(s, log)
        for rule in self._rules or self.rules():
            match = rule.match
            if match is not None and not match(s):
                continue
            result = rule.act(s)
            if result is None or result is BREAK or rule.reason:
                continue
            if isinstance(result, str):
                return None if result is RETURN else result
            outcome = (result.to or self.chain(result)).run(s)
            if outcome is not None:
                return outcome
            if result.goto:
                return None
        return None

    def chain(self, jump: Jump) -> Chain:
        """The chain that a verdict leads to; raises RuleError where there is none."""
        found = self._enter(jump.chain)
        if found is None:
            raise RuleError(
                f"there is no chain `{jump.chain}` in table {self.table}, where `{jump.word}` of {self.name} leads"
            )
        jump.to = found
        return found

    def _told(self, s: Skb, log: Log) -> Outcome:
        """Try the rules in order, and write down what matched."""
        tried = 0
        for rule in self.rules():
            log.elements.clear()
            before = s.as_packet()
            if rule.match is not None and not rule.match(s):
                continue
            result = rule.act(s)
            if result is BREAK and s.as_packet() is before:
                continue
            after, passed = s.as_packet(), rule.number - tried - 1
            log.stretches.append(Stretch(self.table, self.name, tried + 1, rule.number, matched=True))
            tried = rule.number
            if rule.reason:
                result = BREAK
            log.rule(self, rule, before, after, _word(rule, result), passed)
            if result is None or result is BREAK:
                continue
            if isinstance(result, str):
                return None if result is RETURN else result
            outcome = (result.to or self.chain(result)).run(s)
            if outcome is not None:
                return outcome
            if result.goto:
                return None
        log.end(self, tried)
        return None


def rule_lines(lines: Sequence[str], block: Block) -> list[tuple[int, str]]:
    """The rules of a chain's block as printed, each with its 1-based line."""
    found: list[tuple[int, str]] = []
    at = block.first
    while at < block.last:
        line = bare(lines[at])
        at += 1
        if not line or line[0] == "#" or (not found and line.startswith(_SAID)):
            continue
        number = at
        if line[-1] == "{":  # a chain without a name: its rules are part of this one
            while at < block.last and line.count("{") > line.count("}"):
                line = f"{line} {bare(lines[at])}"
                at += 1
        found.append((number, line))
    return found


def _base(lines: Sequence[str], block: Block) -> Base | None:
    """How a chain hangs at a hook: its own lines stand before its rules. None for a chain that rules enter."""
    for at in range(block.first, block.last):
        line = bare(lines[at])
        if line[:5] == "type ":
            try:
                return base_of(line)
            except RuleError as error:
                raise broken(str(error), at + 1, line) from None
        if line and not line.startswith(_SAID):
            return None
    return None


def _word(rule: Compiled, result: str | Jump | None) -> str:
    if rule.reason:
        return "skip"
    if isinstance(result, Jump):
        return result.word
    if result is None or result is BREAK:
        return "continue"
    return rule.word if rule.word and result == "accept" else result
