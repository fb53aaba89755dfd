"""Write down what a walk does: a step for each rule that matched, a stretch for the rules tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

from svcnotes.netfilter.skb import Skb
from svcnotes.netfilter.walk import Stretch
from svcnotes.packet import Packet, Step

if TYPE_CHECKING:
    from svcnotes.netfilter.chain import Chain
    from svcnotes.netfilter.compile import Compiled
    from svcnotes.netfilter.targets import Outcome


class Log:
    """The record of one walk, filled as it goes."""

    __slots__ = ("hook", "steps", "stretches")

    def __init__(self, hook: str) -> None:
        self.hook = hook
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
        self, chain: Chain, rule: Compiled, before: Packet, after: Packet, word: str, passed: int
    ) -> None:
        """Note a rule that matched."""
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
            )
        )

    def skipped(self, table: str, chain: str, rule: Compiled, packet: Packet) -> None:
        """Note a rule that was passed by because it is not understood."""
        self.steps.append(
            Step(self.hook, table, chain, rule.text, packet, packet, rule.word, rule.number, 0, rule.reason)
        )

    def end(self, chain: Chain, tried: int) -> None:
        """Note that the rest of a chain was tried in vain."""
        if tried < len(chain.texts):
            self.stretches.append(
                Stretch(chain.table, chain.name, tried + 1, len(chain.texts), matched=False)
            )

    def policy(self, chain: Chain, packet: Packet) -> None:
        """Note that a base chain's policy decided; an empty chain that accepts says nothing."""
        if chain.texts or chain.policy != "accept":
            text = f"-P {chain.name} {chain.policy.upper()}"
            passed = 0
            for stretch in reversed(self.stretches):
                if (stretch.table, stretch.chain) == (chain.table, chain.name):
                    passed = 0 if stretch.matched else stretch.last - stretch.first + 1
                    break
            self.steps.append(
                Step(self.hook, chain.table, chain.name, text, packet, packet, chain.policy, 0, passed)
            )

    def kernel(self, sentence: str, before: Packet, after: Packet, word: str) -> None:
        """Note conntrack's own work."""
        self.steps.append(Step(self.hook, "conntrack", "", sentence, before, after, word))
