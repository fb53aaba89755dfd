"""The walk: a packet through the chains of one hook, rule by rule, forking where dice are thrown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from svcnotes.errors import RuleError
from svcnotes.netfilter.chain import Chain, CompiledRule
from svcnotes.netfilter.context import Context, Recent, Skb
from svcnotes.netfilter.ruleset import DEEPEST, Ruleset
from svcnotes.netfilter.targets import (
    ACCEPT,
    CONTINUE,
    DROP,
    GOTO,
    JUMP,
    REJECT,
    RETURN,
    TRANSLATE,
)
from svcnotes.packet import Packet, Step

# The order in which a hook consults the tables; conntrack stands between raw and mangle.
HOOKS: dict[str, tuple[str, ...]] = {
    "PREROUTING": ("raw", "mangle", "nat"),
    "INPUT": ("mangle", "filter", "security", "nat"),
    "FORWARD": ("mangle", "filter", "security"),
    "OUTPUT": ("raw", "mangle", "nat", "filter", "security"),
    "POSTROUTING": ("mangle", "nat"),
}
BEFORE_CONNTRACK = ("raw",)
AFTER_CONNTRACK = ("mangle", "nat", "filter", "security")


@dataclass(frozen=True, slots=True)
class Visit:
    """Rules `first` to `last` (from 1) of a chain, tried one after the other."""

    table: str
    chain: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Walk:
    """One way through a hook, with its exact probability.

    `verdict` is accept, drop or reject (then `reject_with` names the answer). `packet` is the
    packet after marks and, for a connection's first packet, after NAT; `nat` is what NAT chose:
    (dnat or snat, address, port). `steps` are the rules that matched, `visits` all that were tried.
    `untracked` tells that a rule took the packet out of conntrack's sight.
    """

    probability: Fraction
    verdict: str
    packet: Packet
    steps: tuple[Step, ...] = ()
    visits: tuple[Visit, ...] = ()
    reject_with: str = ""
    nat: tuple[str, str, int] | None = None
    recent: Recent | None = None
    untracked: bool = False

    @property
    def visited(self) -> int:
        """How many rules the kernel would have tried."""
        return sum(visit.last - visit.first + 1 for visit in self.visits)


def visited_rules(ruleset: Ruleset, walk: Walk) -> Iterator[str]:
    """Print every rule that a walk tried, in order, as `iptables-save` does."""
    for visit in walk.visits:
        chain = ruleset.chain(visit.table, visit.chain)
        for rule in chain.rules[visit.first - 1 : visit.last] if chain else ():
            yield f"-A {visit.chain} {rule.text}"


def walk(
    ruleset: Ruleset, hook: str, packet: Packet, context: Context, tables: Sequence[str] | None = None
) -> tuple[Walk, ...]:
    """Take a packet through one hook; the probabilities of the ways add up to 1.

    `tables` limits the tables consulted (see BEFORE_CONNTRACK). The nat table is consulted for a
    connection's first packet only (ct state NEW). Raises RuleError for a rule that this Linux does
    not know, naming its line.
    """
    names = [t for t in HOOKS[hook] if t in ruleset.tables and (tables is None or t in tables)]
    done: list[Walk] = []
    todo = [_Branch(ruleset, hook, names, Skb(packet, context))]
    while todo:
        branch = todo.pop()
        branch.run(todo)
        if branch.probability:
            done.append(branch.finish())
    return tuple(done)


class _Branch:
    """A packet on its way through the hook's tables; a fork leaves a copy in `todo`."""

    __slots__ = (
        "chain", "hook", "index", "passed", "probability", "reject_with", "ruleset", "skb", "stack", "start", "steps",
        "tables", "verdict", "visits",
    )  # fmt: skip

    def __init__(self, ruleset: Ruleset, hook: str, tables: list[str], skb: Skb) -> None:
        self.ruleset = ruleset
        self.hook = hook
        self.tables = tables
        self.skb = skb
        self.probability = Fraction(1)
        self.steps: list[Step] = []
        self.visits: list[Visit] = []
        self.stack: list[tuple[Chain, int]] = []
        self.chain: Chain | None = None
        self.index = self.start = self.passed = 0
        self.verdict = ACCEPT
        self.reject_with = ""

    def finish(self) -> Walk:
        skb = self.skb
        packet = skb.packet
        if skb.mark != packet.mark:
            packet = replace(packet, mark=skb.mark)
        return Walk(
            self.probability, self.verdict, packet, tuple(self.steps), tuple(self.visits), self.reject_with,
            skb.translated, skb.recent, skb.state == "UNTRACKED",
        )  # fmt: skip

    def fork(self, chance: Fraction) -> _Branch:
        """The copy for which the dice said no: it goes on with the next rule."""
        other = _Branch(self.ruleset, self.hook, self.tables, self.skb.copy())
        other.probability = self.probability * (1 - chance)
        other.steps, other.visits, other.stack = self.steps[:], self.visits[:], self.stack[:]
        other.chain, other.index, other.start = self.chain, self.index + 1, self.start
        other.passed = self.passed + 1
        self.probability *= chance
        return other

    def run(self, todo: list[_Branch]) -> None:
        while self.chain is not None or self._next_table():
            if not self._walk_chain(todo):
                return

    def _next_table(self) -> bool:
        while self.tables:
            name, *self.tables = self.tables
            if name == "nat" and self.skb.state != "NEW":
                continue
            chain = self.ruleset.chain(name, self.hook)
            if chain is not None:
                self._enter(chain)
                return True
        return False

    def _enter(self, chain: Chain, index: int = 0) -> None:
        self.chain, self.index, self.start, self.passed = chain, index, index, 0

    def _leave(self) -> None:
        """Note the rules tried since the chain was entered."""
        assert self.chain is not None  # noqa: S101 - called inside a chain only
        if self.index > self.start:
            self.visits.append(Visit(self.chain.table, self.chain.name, self.start + 1, self.index))

    def _walk_chain(self, todo: list[_Branch]) -> bool:
        """Walk on in the current chain; False when the packet's fate is sealed."""
        chain = self.chain
        assert chain is not None  # noqa: S101 - run() made sure
        size, runs = len(chain), chain.runs
        while self.index < size:
            skb = self.skb
            run = runs.get(self.index) if runs else None
            if run is not None:
                place = next(
                    (i for i in run.candidates(skb, self.index) if _passes(chain.rule(i), skb)), run.end
                )
                self.passed += place - self.index
                self.index = place
                if place == run.end:
                    continue
                rule = chain.rule(place)
            else:
                rule = chain.rule(self.index)
                if not _passes(rule, skb):
                    self.index += 1
                    self.passed += 1
                    continue
            if rule.chance is not None:
                if rule.chance < 1:
                    todo.append(self.fork(rule.chance))
                if not self.probability:
                    return False
            if not self._matched(rule):
                return self.verdict == ACCEPT
            if self.chain is not chain:
                return True
        return self._end_of_chain()

    def _matched(self, rule: CompiledRule) -> bool:
        """Do what the rule says; False when the table (or the packet) is done with."""
        target, skb, chain = rule.target, self.skb, self.chain
        assert chain is not None  # noqa: S101 - the rule stands in it
        before = skb.packet
        if target.action is not None:
            target.action(skb)
            self._write_back()
        word = skb.translated[0] if target.verdict == TRANSLATE and skb.translated else target.verdict
        if target.verdict == TRANSLATE and target.argument == "masquerade":
            word = "masquerade"
        text = f"{word} {target.argument}" if target.verdict in (JUMP, GOTO) else word
        number = self.index + 1
        line = f"-A {chain.name} {chain.rules[self.index].text}"
        self.steps.append(
            Step(self.hook, chain.table, chain.name, line, before, skb.packet, text, number, self.passed)
        )
        self.index += 1
        self.passed = 0
        if target.verdict == CONTINUE:
            return True
        self._leave()
        if target.verdict in (JUMP, GOTO):
            self._call(target.argument, target.verdict == JUMP)
            return True
        if target.verdict == RETURN:
            return self._end_of_chain(left=True)
        if target.verdict in (DROP, REJECT):
            self.verdict, self.reject_with = target.verdict, target.argument
        self.chain = None
        self.stack = []
        return False

    def _write_back(self) -> None:
        skb = self.skb
        packet = skb.packet
        if skb.mark != packet.mark:
            packet = replace(packet, mark=skb.mark)
        if skb.translated is not None:
            kind, address, port = skb.translated
            if kind == "dnat":
                packet = replace(packet, destination=address, destination_port=port)
            else:
                packet = replace(packet, source=address, source_port=port)
        if packet is not skb.packet:
            fresh = Skb(packet, skb.context)
            fresh.recent, fresh.state, fresh.translated = skb.recent, skb.state, skb.translated
            self.skb = fresh

    def _call(self, name: str, come_back: bool) -> None:
        assert self.chain is not None  # noqa: S101 - a rule in it called
        if len(self.stack) >= DEEPEST:
            raise RuleError(f"chain {name}: more than {DEEPEST} chains deep; do they jump in a ring?")
        chain = self.ruleset.chain(self.chain.table, name)
        assert chain is not None  # noqa: S101 - compile() made sure
        if come_back:
            self.stack.append((self.chain, self.index))
        self._enter(chain)

    def _end_of_chain(self, *, left: bool = False) -> bool:
        """Go back to the caller, or take the policy of the hook's own chain."""
        chain = self.chain
        assert chain is not None  # noqa: S101 - its end was reached
        if not left:
            self._leave()
        if self.stack:
            self._enter(*self.stack.pop())
            return True
        self.chain = None
        policy = self.ruleset.tables[chain.table].declared[self.hook]
        if policy == "DROP":
            self.verdict = DROP
            text = f":{self.hook} DROP"
            packet = self.skb.packet
            self.steps.append(
                Step(self.hook, chain.table, self.hook, text, packet, packet, DROP, 0, self.passed)
            )
            return False
        return True


def _passes(rule: CompiledRule, skb: Skb) -> bool:
    return all(test(skb) for test in rule.tests)
