"""Walk a packet through the tables of one hook, as the kernel would, forking where it would toss."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from fractions import Fraction

from svcnotes.errors import RuleError
from svcnotes.netfilter.interim.chain import Chain, CompiledRule
from svcnotes.netfilter.conntrack import Connection
from svcnotes.netfilter.context import Context
from svcnotes.netfilter.interim.nat import decide, translate, undecided
from svcnotes.netfilter.interim.ruleset import DEEPEST, Ruleset
from svcnotes.netfilter.interim.skb import Skb
from svcnotes.netfilter.interim.targets import ACCEPT, CONTINUE, DROP, GOTO, JUMP, REJECT, RETURN, TRANSLATE
from svcnotes.netfilter.walk import Stretch, Walk
from svcnotes.packet import Packet, Step

TABLES = {
    "PREROUTING": ("raw", "conntrack", "mangle", "nat"),
    "INPUT": ("mangle", "filter", "security", "nat", "confirm"),
    "FORWARD": ("mangle", "filter", "security"),
    "OUTPUT": ("raw", "conntrack", "mangle", "nat", "filter", "security"),
    "POSTROUTING": ("mangle", "nat", "confirm"),
}


def walk(
    ruleset: Ruleset,
    hook: str,
    packet: Packet,
    context: Context,
    tables: Collection[str] | None = None,
) -> tuple[Walk, ...]:
    """Give every way that the packet may take at this hook; their probabilities add up to 1.

    conntrack takes its place among the tables: it notes at PREROUTING and OUTPUT what the packet
    is (unless `context.connection` brings the note), the nat rules see a connection's first packet
    only, later ones are translated without them, and INPUT and POSTROUTING put a new connection
    into the table. `tables` limits what is consulted. Raises RuleError for a rule that this Linux
    does not know, naming its line.
    """
    names = [name for name in TABLES[hook] if tables is None or name in tables or name == "confirm"]
    done: list[Walk] = []
    todo = [_Branch(ruleset, hook, names, Skb(packet, context))]
    while todo:
        branch = todo.pop()
        branch.run(todo)
        if branch.probability:
            done.append(branch.finish())
    return tuple(done)


def visited_rules(ruleset: Ruleset, walked: Walk) -> Iterator[str]:
    """Print every rule that a walk tried, in order, as `iptables-save` does."""
    for stretch in walked.stretches:
        chain = ruleset.chain(stretch.table, stretch.chain)
        for rule in chain.rules[stretch.first - 1 : stretch.last] if chain else ():
            yield f"-A {stretch.chain} {rule.text}"


class _Branch:
    """A packet on its way through the hook's tables; a fork leaves a copy in `todo`."""

    __slots__ = (
        "chain", "hook", "index", "passed", "probability", "reject_with", "ruleset", "skb", "stack", "start", "steps",
        "stretches", "table", "tables", "tracked", "verdict",
    )  # fmt: skip

    def __init__(self, ruleset: Ruleset, hook: str, tables: list[str], skb: Skb) -> None:
        self.ruleset = ruleset
        self.hook = hook
        self.tables = tables
        self.skb = skb
        self.table = ""
        self.tracked = skb.context.conntrack
        self.probability = Fraction(1)
        self.steps: list[Step] = []
        self.stretches: list[Stretch] = []
        self.stack: list[tuple[Chain, int]] = []
        self.chain: Chain | None = None
        self.index = self.start = self.passed = 0
        self.verdict = ACCEPT
        self.reject_with = ""

    def finish(self) -> Walk:
        visited = sum(s.last - s.first + 1 for s in self.stretches)
        return Walk(
            self.probability, self.verdict, self.skb.packet, self.reject_with, tuple(self.steps), visited,
            tuple(self.stretches), self.skb.nat, self.skb.recent, self.tracked, self.skb.connection,
        )  # fmt: skip

    def fork(self, chance: Fraction) -> _Branch:
        """The copy for which the toss said no: it goes on with the next rule."""
        other = _Branch(self.ruleset, self.hook, self.tables, self.skb.copy())
        other.probability = self.probability * (1 - chance)
        other.steps, other.stretches, other.stack = self.steps[:], self.stretches[:], self.stack[:]
        other.chain, other.index, other.start = self.chain, self.index + 1, self.start
        other.table, other.tracked = self.table, self.tracked
        other.passed = self.passed + 1
        self.probability *= chance
        return other

    def run(self, todo: list[_Branch]) -> None:
        """Go on until every table of the hook had its say, or one sealed the packet's fate."""
        while self.verdict == ACCEPT:
            if self.chain is not None:
                self._walk_chain(todo)
                if not self.probability:
                    return
                continue
            if self.table == "nat":
                self._after_nat()
            if not self.tables:
                return
            self.table, *self.tables = self.tables
            if self.table == "conntrack":
                self._classify()
            elif self.table == "confirm":
                self._confirm()
            elif self.table != "nat" or self._nat_rules_apply():
                chain = self.ruleset.chain(self.table, self.hook)
                if chain is not None:
                    self._enter(chain)

    # conntrack's own work

    def _classify(self) -> None:
        skb = self.skb
        if skb.context.connection is not None:
            return
        noted = Connection("UNTRACKED") if skb.untracked else self.tracked.classify(skb.packet, skb.context.time)
        if noted.state == "NEW" and noted.entry and not noted.entry.confirmed and self.tracked.full(skb.context.time):
            self.verdict = DROP
            self._own_step("nf_conntrack: table full, dropping packet", skb.packet, DROP)
            return
        skb.note(noted)
        if noted.entry is not None and noted.entry.confirmed:
            self.tracked = self.tracked.with_entry(noted.entry)
        words = {
            "NEW": "the first packet of a connection: NEW",
            "ESTABLISHED": "a packet of a known connection: ESTABLISHED",
            "RELATED": "an error about a known connection: RELATED",
            "INVALID": "fits no connection that this host knows: INVALID",
            "UNTRACKED": "not tracked",
        }
        self._own_step(words[noted.state], skb.packet, noted.state.lower())

    def _nat_rules_apply(self) -> bool:
        connection = self.skb.connection
        return (
            connection is not None
            and connection.entry is not None
            and connection.state == "NEW"
            and undecided(connection.entry, self.hook)
        )

    def _after_nat(self) -> None:
        skb = self.skb
        connection = skb.connection
        if connection is None or connection.entry is None:
            return
        entry = connection.entry
        if self._nat_rules_apply():
            entry = decide(entry, self.hook, skb.nat, self.tracked, skb.context.time)
            skb.note(replace(connection, entry=entry))
            skb.become(translate(skb.packet, entry, connection.direction, self.hook))
            return
        before = skb.packet
        skb.become(translate(before, entry, connection.direction, self.hook))
        if skb.packet != before:
            half = "destination" if skb.packet.destination != before.destination else "source"
            if before.destination_port != skb.packet.destination_port:
                half = "destination"
            self._own_step(f"a known connection: conntrack turns the {half} round, no rule is asked", before, "translate")

    def _confirm(self) -> None:
        connection = self.skb.connection
        if connection is None or connection.entry is None or connection.state == "RELATED":
            return
        entry = replace(connection.entry, confirmed=True)
        self.skb.note(replace(connection, entry=entry))
        self.tracked = self.tracked.with_entry(entry)

    def _own_step(self, text: str, before: Packet, verdict: str) -> None:
        self.steps.append(Step(self.hook, "conntrack", "", text, before, self.skb.packet, verdict))

    # the rules

    def _enter(self, chain: Chain, index: int = 0) -> None:
        self.chain, self.index, self.start, self.passed = chain, index, index, 0

    def _leave(self, *, matched: bool = False) -> None:
        """Note the rules tried since the chain was entered."""
        if self.chain is not None and self.index > self.start:
            self.stretches.append(Stretch(self.chain.table, self.chain.name, self.start + 1, self.index, matched))

    def _walk_chain(self, todo: list[_Branch]) -> None:
        """Walk on in the current chain until it ends, or a rule leads out of it."""
        chain, skb = self.chain, self.skb
        if chain is None:
            return
        size, runs = len(chain), chain.runs
        while self.index < size:
            run = runs.get(self.index) if runs else None
            if run is not None:
                place = next((i for i in run.candidates(skb, self.index) if chain.rule(i).passes(skb)), run.end)
                self.passed += place - self.index
                self.index = place
                if place == run.end:
                    continue
            rule = chain.rule(self.index)
            if run is None and not rule.passes(skb):
                self.index += 1
                self.passed += 1
                continue
            if rule.chance is not None:
                if rule.chance < 1:
                    todo.append(self.fork(rule.chance))
                if not self.probability:
                    return
            self._matched(chain, rule)
            if rule.target.verdict != CONTINUE:
                return
        self._leave()
        self._end_of_chain(chain)

    def _matched(self, chain: Chain, rule: CompiledRule) -> None:
        """Do what the rule says."""
        target, skb = rule.target, self.skb
        before = skb.packet
        verdict = word = target.verdict
        if target.action is not None:
            target.action(skb)
            if skb.mark != before.mark:
                skb.become(replace(before, mark=skb.mark))
        if verdict == TRANSLATE:
            verdict, word = self._translated(target.argument)
        elif verdict in (JUMP, GOTO):
            word = f"{verdict} {target.argument}"
        text = f"-A {chain.name} {chain.rules[self.index].text}"
        step = Step(self.hook, chain.table, chain.name, text, before, skb.packet, word, self.index + 1, self.passed)
        self.steps.append(step)
        self.index += 1
        self.passed = 0
        if verdict == CONTINUE:
            return
        self._leave(matched=True)
        if verdict in (JUMP, GOTO):
            self._call(chain, target.argument, come_back=verdict == JUMP)
        elif verdict == RETURN:
            self._end_of_chain(chain)
        else:
            self.chain, self.stack = None, []
            if verdict in (DROP, REJECT):
                self.verdict, self.reject_with = verdict, target.argument

    def _translated(self, kind: str) -> tuple[str, str]:
        """Write what a nat rule chose into the packet; the table is done with it then."""
        skb = self.skb
        if skb.nat is None:
            return DROP, DROP
        if skb.nat.kind == "dnat":
            skb.become(replace(skb.packet, destination=skb.nat.address, destination_port=skb.nat.port))
        else:
            skb.become(replace(skb.packet, source=skb.nat.address, source_port=skb.nat.port))
        return ACCEPT, kind

    def _call(self, chain: Chain, name: str, *, come_back: bool) -> None:
        if len(self.stack) >= DEEPEST:
            raise RuleError(f"chain {name}: more than {DEEPEST} chains deep; do they jump in a ring?")
        called = self.ruleset.chain(chain.table, name)
        if called is None:
            raise RuleError(f"chain {name} is not declared in table {chain.table}")
        if come_back:
            self.stack.append((chain, self.index))
        self._enter(called)

    def _end_of_chain(self, chain: Chain) -> None:
        """Go back to the caller, or take the policy of the hook's own chain."""
        if self.stack:
            self._enter(*self.stack.pop())
            return
        self.chain = None
        if self.ruleset.tables[chain.table].declared[self.hook] == "DROP":
            self.verdict = DROP
            packet = self.skb.packet
            text = f":{self.hook} DROP"
            self.steps.append(Step(self.hook, chain.table, self.hook, text, packet, packet, DROP, 0, self.passed))
