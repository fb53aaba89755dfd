"""Write down what a walk does: a step for each rule that matched, a stretch for the rules tried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from svcnotes.netfilter.skb import Skb
from svcnotes.netfilter.walk import Stretch
from svcnotes.packet import Packet, Step

if TYPE_CHECKING:
    from svcnotes.netfilter.chain import Chain
    from svcnotes.netfilter.compile import Compiled
    from svcnotes.netfilter.stops import BaseChain
    from svcnotes.netfilter.targets import Outcome


class RuleLike(Protocol):
    """A rule as a step tells it."""

    @property
    def number(self) -> int:
        """Its place in the chain, from 1."""
        ...

    @property
    def text(self) -> str:
        """The rule as printed."""
        ...

    @property
    def reason(self) -> str:
        """What in it is not understood; empty where all is."""
        ...


class ChainLike(Protocol):
    """A chain as a step tells it."""

    @property
    def table(self) -> str:
        """The table."""
        ...

    @property
    def name(self) -> str:
        """The chain's name."""
        ...

    @property
    def texts(self) -> Sequence[str]:
        """Its rules as printed."""
        ...


class Log:
    """The record of one walk, filled as it goes; `elements` are those of sets and maps that the rule at hand found."""

    __slots__ = ("elements", "hook", "steps", "stretches")

    def __init__(self, hook: str) -> None:
        self.hook = hook
        self.elements: list[str] = []
        self.steps: list[Step] = []
        self.stretches: list[Stretch] = []

    def act(self, chain: Chain, rule: Compiled, tried: int, s: Skb) -> Outcome:
        """Let a rule that matched act, and note it; `tried` is the number of the last one noted."""
        self.stretches.append(Stretch(chain.table, chain.name, tried + 1, rule.number, matched=True))
        before, passed = s.as_packet(), rule.number - tried - 1
        if rule.chain:
            self.rule(chain, rule, before, before, rule.word, passed)
            return rule.act(s)
        outcome = rule.act(s)
        word = "drop" if outcome == "drop" else rule.word
        self.rule(chain, rule, before, s.as_packet(), word, passed)
        return outcome

    def rule(
        self, chain: ChainLike, rule: RuleLike, before: Packet, after: Packet, word: str, passed: int
    ) -> None:
        """Note a rule that matched, with the elements that it found."""
        self.steps.append(
            Step(
                self.hook,
                chain.table,
                chain.name,
                rule.text,
                before,
                after,
                word,
                rule.number,
                passed,
                rule.reason,
                "; ".join(self.elements) if self.elements else "",
            )
        )

    def skipped(self, table: str, chain: str, rule: Compiled, packet: Packet) -> None:
        """Note a rule that was passed by because it is not understood."""
        self.steps.append(
            Step(self.hook, table, chain, rule.text, packet, packet, rule.word, rule.number, 0, rule.reason)
        )

    def end(self, chain: ChainLike, tried: int) -> None:
        """Note that the rest of a chain was tried in vain."""
        if tried < len(chain.texts):
            self.stretches.append(
                Stretch(chain.table, chain.name, tried + 1, len(chain.texts), matched=False)
            )

    def policy(self, chain: BaseChain, packet: Packet) -> None:
        """Note that a base chain's policy decided; an empty chain that accepts says nothing."""
        if chain.texts or chain.policy != "accept":
            passed = 0
            for stretch in reversed(self.stretches):
                if (stretch.table, stretch.chain) == (chain.table, chain.name):
                    passed = 0 if stretch.matched else stretch.last - stretch.first + 1
                    break
            self.steps.append(
                Step(
                    self.hook,
                    chain.table,
                    chain.name,
                    chain.policy_text,
                    packet,
                    packet,
                    chain.policy,
                    0,
                    passed,
                )
            )

    def kernel(self, sentence: str, before: Packet, after: Packet, word: str) -> None:
        """Note conntrack's own work."""
        self.steps.append(Step(self.hook, "conntrack", "", sentence, before, after, word))
