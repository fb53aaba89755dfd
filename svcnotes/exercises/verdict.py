"""What a check says about an answer."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

from svcnotes.copying import value

WIDTH = 76
"""Where printed lines are broken, in characters: a notebook would break them inside a word."""
_COMMAND = re.compile(
    r"\s*(?:Hint(?: \d+)?: )?(?:sudo )?"
    r"(?:ip6?tables(?:-save|-restore)? |(?:-t \w+ )?-[ADIRNPFX] \S|(?:nft )?(?:add|insert|delete|flush) (?:rule|element|chain) )"
)
"""A rule or a command of iptables, a command of nft, alone on a line or as a hint: it is there to be copied."""
_BLOCK = re.compile(r"(\s*)(?:table|chain|set|map) [^{]*\{\s*")
"""The first line of what nft lists in braces; its last one is a brace that stands in as far."""


class Printer(Protocol):
    """The part of IPython's pretty printer that a verdict needs."""

    def text(self, text: str) -> None:
        """Print a text."""


@value(frozen=True, slots=True)
class Part:
    """One property that the answer should have: the claim, whether it holds, what it is worth."""

    claim: str
    ok: bool
    points: int = 1


@value(frozen=True, slots=True)
class Verdict:
    """A check's answer to an answer; `str()` is all of it in words.

    `parts` are the properties looked at, each with its points. `misconception` is the name of the idea
    behind a wrong answer where one is recognised (a key of `svcnotes.exercises.misconceptions.ALL`), else
    empty. `said` is what a machine printed (kubectl, say), `explanation` why, in words, `rule` the rule
    that decides, as `iptables-save` prints it, `hint` what to try next.
    """

    parts: tuple[Part, ...] = ()
    misconception: str = ""
    said: str = ""
    explanation: str = ""
    rule: str = ""
    hint: str = ""

    @property
    def ok(self) -> bool:
        """Whether every property holds (and there is one)."""
        return bool(self.parts) and all(part.ok for part in self.parts)

    @property
    def points(self) -> int:
        """The points of the properties that hold."""
        return sum(part.points for part in self.parts if part.ok)

    @property
    def out_of(self) -> int:
        """The points there are."""
        return sum(part.points for part in self.parts)

    @property
    def score(self) -> Fraction:
        """The share of the points, 0 to 1, exactly."""
        return Fraction(self.points, self.out_of) if self.out_of else Fraction(0)

    def __str__(self) -> str:
        points = f"{self.points} of {self.out_of} point{'' if self.out_of == 1 else 's'}"
        lines = [f"{'✔ Right' if self.ok else '✘ Not yet'}: {points}"]
        if len(self.parts) > 1:
            lines += [f"  {'✔' if part.ok else '✘'} {part.claim}" for part in self.parts]
        if self.said:
            lines += ["", *wrapped(self.said, "    ")]
        if self.misconception:
            from svcnotes.exercises.misconceptions import ALL

            lines += ["", f"A common idea: “{ALL[self.misconception]}”"]
        if self.explanation:
            lines += ["", *wrapped(self.explanation)]
        if self.rule:
            lines += ["", "The rule that decides:", *(f"    {line}" for line in self.rule.splitlines())]
        if self.hint and not self.ok:
            lines += ["", *wrapped(f"Hint: {self.hint}")]
        return "\n".join(lines)

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:  # noqa: ARG002 - IPython's signature
        printer.text(str(self))


def wrapped(text: str, indent: str = "") -> list[str]:
    """The lines of a text, each broken between words where it is too long for a page; rules are left whole."""
    return [
        part
        for line, whole in _lines(text)
        for part in ([indent + line] if whole else _broken(line, indent)) or [""]
    ]


def _lines(text: str) -> Iterator[tuple[str, bool]]:
    """Each line, and whether it is a rule, a command or a line of what nft lists: what a reader copies."""
    end = ""
    for line in text.splitlines():
        block = None if end else _BLOCK.fullmatch(line)
        if block:
            end = f"{block[1]}}}"
        yield line, bool(end or _COMMAND.match(line))
        if line.rstrip() == end:
            end = ""


def _broken(line: str, indent: str) -> list[str]:
    return textwrap.wrap(
        line,
        WIDTH,
        initial_indent=indent,
        subsequent_indent=_hanging(indent + line),
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
    )


def _hanging(line: str) -> str:
    """How far the rest of a broken line stands in: two more than its beginning, where that stands in."""
    lead = line[: len(line) - len(line.lstrip())]
    return f"{lead}  " if lead else ""
