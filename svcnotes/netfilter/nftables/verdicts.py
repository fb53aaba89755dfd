"""What the evaluation of a rule gives: None to go on, BREAK where it did not match, a verdict, or a jump."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from svcnotes.netfilter.nftables.syntax import Verdict
from svcnotes.netfilter.skb import Skb
from svcnotes.netfilter.targets import ACCEPT, DROP, RETURN

if TYPE_CHECKING:
    from svcnotes.netfilter.nftables.chain import Chain


class Jump:
    """Go to a chain: with `jump` the caller goes on behind it, with `goto` its own caller does.

    `to` is the chain itself, found when a packet first goes there.
    """

    __slots__ = ("chain", "goto", "to", "word")

    def __init__(self, verdict: Verdict) -> None:
        self.chain, self.word = verdict.chain, str(verdict)
        self.goto = verdict.word == "goto"
        self.to: Chain | None = None


BREAK: Final = "break"
Result = str | Jump | None
Act = Callable[[Skb], Result]
_VERDICTS = {"accept": ACCEPT, "drop": DROP, "return": RETURN, "continue": None}


def compiled(verdict: Verdict) -> Result:
    """The result that a verdict stands for."""
    return Jump(verdict) if verdict.chain else _VERDICTS[verdict.word]
