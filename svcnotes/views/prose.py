"""Sentences that know which of their words are addresses, rules or names.

A sentence is a tuple of runs, so that the same words can be plain text, HTML or a widget's message, and
an address in them can carry its mark. Nothing here is markup; every view escapes for itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

PLAIN = ""
STRONG = "strong"
ADDRESS = "address"
CODE = "code"


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of words of one kind: plain, strong, address or code; `role` is an address's role."""

    text: str
    kind: str = PLAIN
    role: str = ""


Prose = tuple[Run, ...]


def prose(*parts: str | Run | Iterable[Run]) -> Prose:
    """Join words and runs to one sentence; a plain string becomes a plain run, an empty one nothing."""
    runs: list[Run] = []
    for part in parts:
        if isinstance(part, Run):
            runs.append(part)
        elif isinstance(part, str):
            runs.extend([Run(part)] if part else [])
        else:
            runs.extend(part)
    return tuple(runs)


def strong(text: str) -> Run:
    """Words that carry the point."""
    return Run(text, STRONG)


def code(text: str) -> Run:
    """Words as a machine prints them: a rule, a chain, a field."""
    return Run(text, CODE)


def plain(sentence: Prose) -> str:
    """Give the words alone."""
    return "".join(run.text for run in sentence)


def packed(sentence: Prose) -> list[list[str]]:
    """Give the runs as lists of texts, ready for JSON: `[text]`, `[text, kind]` or `[text, kind, role]`."""
    return [
        [run.text, run.kind, run.role] if run.role else [run.text, run.kind] if run.kind else [run.text]
        for run in sentence
    ]
