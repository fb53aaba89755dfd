"""A rule text and the chains in it."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ruleset:
    """A host's rules of one IP family."""

    text: str
    family: int = 4

    @classmethod
    def parse(cls, text: str, family: int = 4) -> Ruleset:
        """Read what `iptables-save` or `ip6tables-save` printed."""
        return cls(text, family)

    def check(self) -> Ruleset:
        """Read every rule now; raises RuleError for the first that cannot be."""
        return self

    def __str__(self) -> str:
        return self.text
