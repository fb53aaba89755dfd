"""A rule as a value: what it matches and what it does, read from a line and printed as one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import field

from svcnotes.copying import value
from svcnotes.errors import RuleError
from svcnotes.netfilter.left_out import match_left_out, target_left_out
from svcnotes.netfilter.syntax import (
    HEADER,
    LONG_NAMES,
    MATCHES,
    NOT_NEGATED,
    PROTOCOL_MATCHES,
    QUOTED,
    TARGETS,
)
from svcnotes.netfilter.words import quote, split

COUNTERS = re.compile(r"\[\d+:\d+\]")


@value(frozen=True, slots=True)
class Option:
    """One option with its values: `! --dport 80:90` is `Option("--dport", ("80:90",), True)`."""

    name: str
    values: tuple[str, ...] = ()
    negated: bool = False

    def __str__(self) -> str:
        values = [quote(v) if self.name in QUOTED else v for v in self.values]
        blank = " " if self.name == "--nfacct-name" else ""  # libxt_nfacct prints two
        return " ".join(["!"] * self.negated + [self.name + blank * bool(values), *values])


@value(frozen=True, slots=True)
class Clause:
    """A match (`-m NAME`) or a target (`-j NAME`, `-g NAME`) with its options, in order."""

    flag: str
    name: str
    options: tuple[Option, ...] = ()

    def get(self, name: str) -> Option | None:
        """The option of this name, None where it is not given."""
        for one in self.options:
            if one.name == name:
                return one
        return None

    def value(self, name: str, default: str = "") -> str:
        """The one value of an option, `default` where it is not given."""
        option = self.get(name)
        return default if option is None else option.values[0]

    def __str__(self) -> str:
        return " ".join([self.flag, self.name, *map(str, self.options)])


@value(frozen=True, slots=True)
class Rule:
    """One rule: `header` holds -s, -d, -i, -o and -p; `target` is None for a rule that only counts.

    `str(rule)` is the line as `iptables-save` prints it; `counters` is `[packets:bytes]` or empty.
    """

    chain: str
    header: tuple[Option, ...] = ()
    matches: tuple[Clause, ...] = ()
    target: Clause | None = None
    counters: str = field(default="", compare=False)

    def protocol(self) -> str:
        """What `-p` asks for, empty where it is not given or negated."""
        return next((o.values[0] for o in self.header if o.name == "-p" and not o.negated), "")

    def __str__(self) -> str:
        parts = [self.counters] if self.counters else []
        parts += ["-A", self.chain, *map(str, self.header), *map(str, self.matches)]
        return " ".join(parts + ([str(self.target)] if self.target else []))

    @classmethod
    def parse(cls, line: str) -> Rule:
        """Read one line; raises RuleError for any word that iptables or this Linux does not know."""
        words = split(line)
        counters = words.pop(0) if words and COUNTERS.fullmatch(words[0]) else ""
        if len(words) < 2 or words[0] not in ("-A", "--append"):
            raise RuleError("a rule begins with `-A CHAIN`")
        return Reader(words[1], iter(words[2:])).rule(counters)


class Reader:
    """Reads the words of one rule from left to right."""

    def __init__(self, chain: str, words: Iterator[str]) -> None:
        self.chain, self.words = chain, words
        self.header: list[Option] = []
        self.matches: list[tuple[str, list[Option]]] = []
        self.target: tuple[str, str] | None = None
        self.target_options: list[Option] = []

    def rule(self, counters: str) -> Rule:
        """Read all words."""
        negated = False
        for word in self.words:
            if word == "!":
                if negated:
                    raise RuleError("two `!` in a row: write one")
                negated = True
                continue
            self.take(LONG_NAMES.get(word, word), negated=negated)
            negated = False
        if negated:
            raise RuleError("a `!` at the end negates nothing: write an option after it, or drop it")
        flag, name = self.target or ("", "")
        return Rule(
            self.chain,
            tuple(self.header),
            tuple([Clause("-m", match, tuple(options)) for match, options in self.matches]),
            Clause(flag, name, tuple(self.target_options)) if flag else None,
            counters,
        )

    def take(self, word: str, *, negated: bool) -> None:
        """Read one option, with the values after it."""
        if word in ("-m", "-j", "-g"):
            self.open(word, self.next_word(word), negated=negated)
        elif word in HEADER:
            if word in [o.name for o in self.header]:
                raise RuleError(f"{word} is given twice: write a rule for each")
            self.header.append(Option(word, self.values(word, HEADER[word]), negated))
        else:
            self.option(word, negated=negated)

    def open(self, flag: str, name: str, *, negated: bool) -> None:
        """Open a match, or name the target."""
        if negated:
            raise RuleError(f"`! {flag}` is not allowed: `!` stands before an option such as --dport")
        if flag == "-m":
            if name not in MATCHES:
                raise RuleError(
                    match_left_out(name) or f"unknown match `{name}`: known are {', '.join(sorted(MATCHES))}"
                )
            self.matches.append((name, []))
        elif self.target is not None:
            raise RuleError(f"a second target `{name}`: a rule has one; write another rule")
        else:
            self.target = (flag, name)

    def option(self, word: str, *, negated: bool) -> None:
        """Read an option of a match that is open, or of the target."""
        if self.target is not None and word in TARGETS.get(self.target[1], {}):
            arity, owner = TARGETS[self.target[1]][word], self.target_options
            if negated:
                raise RuleError(f"`!` cannot stand before the target's option {word}: drop it")
        else:
            owner, arity = self.match_of(word)
        if negated and word in NOT_NEGATED:
            raise RuleError(f"{word} cannot be negated: drop the `!`")
        if word in [o.name for o in owner]:
            raise RuleError(f"{word} is given twice: write it once")
        owner.append(Option(word, self.values(word, arity), negated))

    def match_of(self, word: str) -> tuple[list[Option], int]:
        """The match that an option belongs to: the last opened that has it, or the protocol's own."""
        for name, options in reversed(self.matches):
            if word in MATCHES[name]:
                return options, MATCHES[name][word]
        protocol = next((o.values[0] for o in self.header if o.name == "-p"), "").lower()
        name = PROTOCOL_MATCHES.get(protocol, "")
        if word not in MATCHES.get(name, {}):
            left_out = target_left_out(self.target[1]) if self.target else ""
            if left_out:
                raise RuleError(left_out)
            opened = [m for m, _ in self.matches] + ([self.target[1]] if self.target else [])
            among = f"of {', '.join(opened)}" if opened else "before any -m"
            raise RuleError(f"unknown option `{word}` {among}: open its match with -m, or correct it")
        self.matches.append((name, []))
        return self.matches[-1][1], MATCHES[name][word]

    def values(self, option: str, count: int) -> tuple[str, ...]:
        """The values after an option."""
        return tuple([self.next_word(option) for _ in range(count)])

    def next_word(self, option: str) -> str:
        """The value after an option."""
        word = next(self.words, None)
        if word is None:
            raise RuleError(f"{option} needs a value after it")
        return word
