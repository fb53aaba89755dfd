"""Rules that are only partly understood: what can be read counts, and a packet that gets as far hears of the rest.

A rule with a match that this Linux does not know never matches; one with only such a target does nothing.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from svcnotes.errors import RuleError
from svcnotes.netfilter.compile import Compiled, Enter, compile_rule, every
from svcnotes.netfilter.left_out import REMEDY
from svcnotes.netfilter.matches import NO_SETS
from svcnotes.netfilter.rule import COUNTERS, Rule
from svcnotes.netfilter.sets import Sets
from svcnotes.netfilter.skb import Skb
from svcnotes.netfilter.syntax import HEADER, LONG_NAMES
from svcnotes.netfilter.words import quote, split

SKIP = "skip"
NEEDS_NOTHING = ("tcp", "udp", "sctp", "icmp", "icmp6", "rpfilter", "limit")
KEEPS = ("-m statistic", "-m recent")
BARE = re.compile(r"[^\s\"\\]+")
OPENS = ("-m", "-j", "-g")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a rule that can be read alone: a header option, a match or the target, with its words."""

    kind: str
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is, as it stands in the rule: `-m owner`, `-j TPROXY`, `-s`."""
        shown = [word for word in self.words if word != "!"]
        return " ".join(shown[:2]) if self.kind in OPENS else shown[0]


def pieces(words: list[str]) -> Iterator[Piece]:
    """Cut the words of a rule (behind `-A CHAIN`); what is not known goes with the match or target before it."""
    held: list[str] = []
    negated: list[str] = []
    kind = ""
    waiting = 0
    for word in words:
        short = LONG_NAMES.get(word, word)
        if word == "!" and not waiting:
            negated.append(word)
            continue
        if not waiting and (short in OPENS or short in HEADER):
            if held:
                yield Piece(kind, tuple(held))
            kind, held = short, [*negated, short]
            waiting = 1 if short in OPENS else HEADER[short]
        else:
            held += [*negated, word]
            waiting = max(waiting - 1, 0)
        negated = []
    if held or negated:
        yield Piece(kind, tuple(held + negated))


class Site(NamedTuple):
    """Where a rule stands: its number, table and IP family, the table's chains, how to walk one, the host's sets."""

    number: int
    table: str
    family: int
    chains: Container[str]
    enter: Enter
    sets: Sets = NO_SETS


class Read(NamedTuple):
    """What could be read of a rule, and what could not, each piece with why."""

    chain: str
    good: tuple[tuple[Piece, Compiled], ...]
    target: Compiled | None
    wrong: tuple[tuple[Piece, str], ...]


def read_pieces(text: str, site: Site) -> Read:
    """Read each piece of a rule alone; raises RuleError where not even words can be told apart."""
    words = split(text)
    if words and COUNTERS.fullmatch(words[0]):
        words.pop(0)
    chain, found = words[1], list(pieces(words[2:]))
    protocol = " ".join(w for piece in found if piece.kind == "-p" for w in piece.words)
    try:
        Rule.parse(f"-A {chain} {protocol}")
    except RuleError:
        protocol = ""
    good: list[tuple[Piece, Compiled]] = []
    wrong: list[tuple[Piece, str]] = []
    target = None
    for piece in found:
        line = f"-A {chain} {'' if piece.kind == '-p' else protocol} {_line(piece.words)}"
        try:
            one = compile_rule(line, *site)
        except RuleError as error:
            wrong.append((piece, str(error)))
            continue
        if piece.kind in ("-j", "-g"):
            target = one
        else:
            good.append((piece, one))
    return Read(chain, tuple(good), target, tuple(wrong))


def readable(text: str) -> tuple[Rule, str]:
    """A rule without the pieces whose words are not known, and those words as they stand; for showing it."""
    try:
        return Rule.parse(text), ""
    except RuleError:
        words = split(text)
    if COUNTERS.fullmatch(words[0]):
        words.pop(0)
    kept, rest = list(words[:2]), []
    for piece in pieces(words[2:]):
        bare = piece.kind == "-m" and len(piece.words) == 2 and piece.words[1] not in NEEDS_NOTHING
        try:
            Rule.parse(_line([*kept, *piece.words]))
        except RuleError:
            bare = True
        if bare:
            rest.append(_line(piece.words))
        else:
            kept += piece.words
    return Rule.parse(_line(kept)), " ".join(rest)


def _line(words: Sequence[str]) -> str:
    return " ".join(word if BARE.fullmatch(word) else quote(word) for word in words)


def partly_compiled(text: str, site: Site) -> Compiled:
    """Compile what can be read of a rule; raises RuleError where not even words can be told apart."""
    read, number = read_pieces(text, site), site.number
    blind = [piece.name for piece, _ in read.wrong if piece.kind not in ("-j", "-g")]
    # A match that tosses or remembers is left aside where it stands beside what is not understood.
    asked = [one for piece, one in read.good if not blind or piece.name not in KEEPS]
    known = every([one.match for one in asked if one.match is not None])
    if blind:
        said = f"{', '.join(blind)} not understood: the rule is taken as not matching"
        passed_by = Compiled(number, text, None, _nothing, SKIP, reason=said)

        def never(s: Skb) -> bool:
            if s.log is not None and (known is None or known(s)):
                s.log.skipped(site.table, read.chain, passed_by, s.as_packet())
            return False

        return replace(passed_by, match=never)
    target = read.target
    if target is None:
        said = f"{read.wrong[0][0].name} not understood: the rule does nothing" if read.wrong else ""
        return Compiled(number, text, known, _nothing, "continue", reason=said)
    return Compiled(number, text, known, target.act, target.word, target.chain)


def every_reason(text: str, site: Site, error: RuleError) -> str:
    """Why a rule is not understood: each piece that is not, or what is wrong with the whole (`error`)."""
    try:
        wrong = read_pieces(text, site).wrong
    except (RuleError, IndexError):
        wrong = ()
    if len(wrong) < 2:
        return str(error)
    return "; ".join(why.partition(f": {REMEDY}")[0] for _, why in wrong) + f": {REMEDY} is passed by"


def _nothing(s: Skb) -> None:
    del s
