"""Read a host's rules, in whatever language their text is: `iptables-save`'s, nftables', both in one text, and IPVS beside."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from svcnotes.errors import RuleError
from svcnotes.netfilter.ipvs.ruleset import IpvsRuleset
from svcnotes.netfilter.nftables.chain import rule_lines
from svcnotes.netfilter.nftables.layout import layout
from svcnotes.netfilter.nftables.ruleset import NftRuleset
from svcnotes.netfilter.ruleset import Ruleset
from svcnotes.netfilter.stops import ALL_HOOKS, Rules, Stop, Way, merged, way_through
from svcnotes.virtual_servers import UNTUNED, Tuning

_NFT_TABLE = re.compile(r"^table (?:\w+ )?\S+ \{[ \t]*$", re.MULTILINE)
_IPTABLES_TABLE = re.compile(r"^\*\w+[ \t\r]*$", re.MULTILINE)
_EMPTY = re.compile(r"\n{3,}")  # nft itself leaves at most one line empty
_NFT_END = re.compile(r"^\}[ \t\r]*$", re.MULTILINE)


def read_rules(
    text: str,
    family: int = 4,
    *,
    strict: bool = True,
    sets: str = "",
    servers: str = "",
    tuning: Tuning = UNTUNED,
) -> Rules:
    """Read a text of rules: what `iptables-save` printed, what `nft list ruleset` printed, or one behind the other.

    `strict` and `sets` as for `Ruleset.parse`; `servers` is what `ipvsadm -Sn` printed there: empty, and the host has
    no IPVS at its hooks; `tuning` is how IPVS is set. Raises RuleError for a line that is no part of such a text.
    """
    if servers:
        rules, balanced = (
            read_rules(text, family, strict=strict, sets=sets),
            IpvsRuleset.parse(servers, family, tuning),
        )
        return _joined(text, family, (rules, balanced))
    nft, saved = split(text)
    if not nft:
        return Ruleset.parse(saved, family, strict=strict, sets=sets)
    if not saved:
        return NftRuleset.parse(nft, family, strict=strict)
    both = (
        Ruleset.parse(saved, family, strict=strict, sets=sets),
        NftRuleset.parse(nft, family, strict=strict),
    )
    return _joined(text, family, both)


def _joined(text: str, family: int, parts: tuple[Rules, ...]) -> Joined:
    return Joined(text, family, parts, {hook: merged(hook, parts) for hook in ALL_HOOKS})


def split(text: str) -> tuple[str, str]:
    """The part of a text that is nftables', and the part that `iptables-save` printed; empty where there is none.

    Where both are there each part keeps its lines' numbers: the other's lines are empty in it.
    """
    # A look for the words alone is quick, and enough for most texts, which may be long.
    opened = _NFT_TABLE.search(text) if _has_line(text, "table ") else None
    if opened is None:
        return "", text
    if not _has_line(text, "*") or _IPTABLES_TABLE.search(text) is None:
        return text, ""
    nft: list[str] = []
    saved: list[str] = []
    at = 0
    while opened is not None:
        closed = _NFT_END.search(text, opened.end())
        end = len(text) if closed is None else closed.end()
        before, table = text[at : opened.start()], text[opened.start() : end]
        nft += ["\n" * before.count("\n"), table]
        saved += [before, "\n" * table.count("\n")]
        at = end
        opened = _NFT_TABLE.search(text, at)
    return "".join(nft), "".join([*saved, text[at:]])


def _has_line(text: str, start: str) -> bool:
    """Whether a line begins so."""
    return text.startswith(start) or f"\n{start}" in text


def nft_text(text: str) -> str:
    """What of a host's rules `nft list ruleset` prints of its own tables; empty for none."""
    return _dense(split(text)[0])


def saved_text(text: str) -> str:
    """What of a host's rules `iptables-save` prints."""
    nft, saved = split(text)
    return _dense(saved) if nft else text


def with_saved_text(text: str, saved: str) -> str:
    """A host's rules with another text in place of what `iptables-save` prints."""
    return nft_text(text) + saved


def nft_rules(text: str) -> list[tuple[int, str]]:
    """The rules of all of nftables' chains in a text, each with its 1-based line."""
    nft = split(text)[0]
    found = layout(nft) if nft else None
    tables = found.tables.values() if found else ()
    return [
        rule
        for table in tables
        for block in table.chains.values()
        for rule in rule_lines(found.lines if found else (), block)
    ]


def _dense(part: str) -> str:
    """A part of a text without the empty lines that stand for the other language's."""
    return _EMPTY.sub("\n", part).strip("\n") + "\n" if part.strip() else ""


@dataclass(frozen=True, slots=True)
class Joined:
    """Rules in several languages on one host: the kernel asks the chains of all by their priorities.

    Simplified: of two chains of one priority the kernel asks the one first that was made last. nft prints its own in the
    order in which they were made; of iptables' no text says when that was, and here they are the newest.
    """

    text: str
    family: int
    parts: tuple[Rules, ...]
    _stops: dict[str, tuple[Stop, ...]] = field(repr=False, compare=False)
    _ways: dict[tuple[str, ...], Way] = field(repr=False, compare=False, default_factory=dict)

    def __str__(self) -> str:
        return self.text

    @property
    def tables(self) -> dict[str, tuple[str, ...]]:
        """Each table with the names of its chains."""
        return {table: chains for part in self.parts for table, chains in part.tables.items()}

    def stops(self, hook: str) -> tuple[Stop, ...]:
        """What a packet passes at a hook, in order of priority."""
        return self._stops[hook]

    def way(self, hooks: tuple[str, ...]) -> Way:
        """The base chains with rules or a DROP policy that a packet passes at these hooks, in order."""
        found = self._ways.get(hooks)
        if found is None:
            found = self._ways[hooks] = way_through(self, hooks)
        return found

    def rules(self, table: str, chain: str) -> tuple[str, ...]:
        """The rules of a chain as printed; empty for a chain that is not there."""
        return next((found for part in self.parts if (found := part.rules(table, chain))), ())

    def memories(self) -> frozenset[str]:
        """The names of the lists and sets that packets may fill."""
        return frozenset().union(*(part.memories() for part in self.parts))

    def check(self) -> Joined:
        """Read everything now, and give the rules back; raises RuleError, naming each line."""
        for part in self.parts:
            part.check()
        return self

    def problems(self) -> list[RuleError]:
        """An error for each rule that is not understood, in the text's order."""
        return sorted((one for part in self.parts for one in part.problems()), key=lambda one: one.line)

    def check_loops(self) -> None:
        """Raise RuleError if chains jump in a circle."""
        for part in self.parts:
            part.check_loops()
