"""How a packet ends, with the address that shows why: a line that counts only when both are right.

An outcome is one word of three or four, so a word that was guessed, or copied from another case, is often right. An
address is a case's own, and whoever followed the packet has met it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from svcnotes.exercises.asked import Asked
from svcnotes.exercises.evidence import ending_rule, source_rule, target_rule
from svcnotes.exercises.exercise import Exercise, right, wrong
from svcnotes.exercises.personal.fields import address_of
from svcnotes.exercises.questions import OUTCOMES, outcome
from svcnotes.exercises.verdict import Verdict
from svcnotes.packet import Packet
from svcnotes.trace import Path

ADDRESS, DOOR = "address", "address:port"
BOTH = "A line earns its point when its outcome and its address are both right."


@dataclass(frozen=True, slots=True)
class Reason:
    """What a line names beside the outcome: `find` reads it off a path, empty where a path has none.

    `form` is ADDRESS or DOOR; `because` helps those who have the outcome right and this wrong; `rule` finds the rule
    that decides it.
    """

    find: Callable[[Path], str]
    because: str
    form: str = ADDRESS
    rule: Callable[[Path], str] = target_rule

    def read(self, word: str) -> str:
        """What a word of an answer names, as it is compared; empty for anything else. More than was asked for is no harm."""
        address = address_of(word)
        port = re.fullmatch(r".*?:([0-9]{1,5})", word) if self.form == DOOR else None
        return f"{address}:{port[1]}" if address and port else address


def _last_packet(path: Path) -> Packet:
    """The packet as it was when its way there came to an end."""
    hop = [hop for hop in path.hops if hop.direction == "there"][-1]
    return hop.steps[-1].after if hop.steps else hop.packet


def _before_postrouting(path: Path) -> str:
    """The source that the packet has on the last node of its way there, before POSTROUTING of that node."""
    hop = [hop for hop in path.hops if (hop.direction, hop.kind) == ("there", "node")][-1]
    steps = [step for step in hop.steps if step.hook != "POSTROUTING"]
    return (steps[-1].after if steps else hop.packet).source


_DIALLED = "It has the destination that was dialled, unless a rule of nat gives it another: which rule is for this packet?"
LAST_ADDRESS = Reason(lambda path: _last_packet(path).destination, _DIALLED)
"""The destination address that the packet has at last."""
LAST_DOOR = Reason(lambda path: _last_packet(path).destination_text, _DIALLED, DOOR)
"""The same, with its port; without one for a ping."""
SEEN = Reason(
    lambda path: path.source_seen or "",
    "The pod answers whom it saw as the source: did anything change that on the way there?",
    rule=source_rule,
)
"""The source address that the pod sees."""
ASKED_FROM = Reason(
    _before_postrouting,
    "Which node masquerades this packet, and has it passed that node's POSTROUTING yet?",
    rule=source_rule,
)
"""The source address that the packet has on the last node that it comes to, before POSTROUTING there."""


def ends_with(
    words: str,
    asked: Asked,
    reason: Reason,
    ideas: Mapping[str, tuple[str, str]] | None = None,
    *,
    pod: str = "",
    may: tuple[str, ...] = OUTCOMES,
) -> Exercise:
    """Ask how a packet ends, one of the words `may`, and for the `reason`: `refused 192.0.2.10`.

    `ideas` and `pod` are as for `outcome`. Where chance chooses between several ways, the reason is that of any of them.
    """
    end = outcome("end", words, asked, words=may, ideas=ideas, pod=pod)

    def judge(answer: str) -> Verdict:
        said = [one.rstrip(".:!") for one in re.split(r"[\s,;()]+", answer.strip().lower())]
        word = next((one for one in said if one in may), said[0])
        verdict = end.check(word)
        if not verdict.ok:
            return verdict
        paths = [path for path in asked.trace().paths if not pod or path.pod == pod]
        found = {reason.find(path): path for path in reversed(paths)}
        given = next((one for one in map(reason.read, said) if one), "")
        if not given:
            return wrong(word, explanation=f"{word} it is. And behind it goes the {reason.form} asked for.")
        path = found.get(given, paths[0])
        if given in found:
            told = ending_rule(path) or reason.rule(path)
            return right(f"{word} {given}", explanation=f"{path.reason}.", rule=told)
        return wrong(
            f"{word} {given}",
            explanation=f"{word} it is, but the {reason.form} is another. {reason.because}",
            rule=reason.rule(path) or ending_rule(path),
        )

    return Exercise("end", f"{words} ({' / '.join(may)} + {reason.form})", judge, ask=asked.trace)
