"""Edit a rule text as `iptables` edits the kernel's: rules come and go, chains are made and emptied, policies set."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace

from svcnotes.errors import RuleError
from svcnotes.netfilter.rule import Option, Rule
from svcnotes.netfilter.ruleset import Ruleset
from svcnotes.netfilter.save import BASE_CHAINS, ChainText, layout
from svcnotes.netfilter.words import quote, split

ACTIONS: Mapping[str, str] = {
    "-A": "-A", "--append": "-A", "-I": "-I", "--insert": "-I", "-D": "-D", "--delete": "-D",
    "-R": "-R", "--replace": "-R", "-F": "-F", "--flush": "-F", "-P": "-P", "--policy": "-P",
    "-N": "-N", "--new-chain": "-N", "-X": "-X", "--delete-chain": "-X",
}  # fmt: skip
_PROGRAMS = ("sudo", "iptables", "ip6tables", "-w", "--wait")
NO_CHAIN, NO_RULE, BAD_INDEX = "no chain", "no rule", "index"
EXISTS, BUSY, NOT_BUILT_IN, BAD_POLICY, NO_DROP_IN_NAT = "exists", "busy", "built in", "policy", "drop in nat"


class EditError(RuleError):
    """A text cannot be edited so; `kind` says why in a word, for whoever words it as iptables does."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def is_whole(text: str) -> bool:
    """Whether a text is a whole rule text, as `iptables-save` prints it, and no list of commands."""
    return any(line.startswith("*") for line in text.splitlines())


def edited(text: str, commands: str, family: int = 4) -> str:
    """Give the rule text after these commands, one a line; what is indented continues the line above.

    A command is one of `changed`, with or without `iptables` and `-t TABLE`, which may stand anywhere in it. Where the
    table is left out it is filter behind the word `iptables`, if filter has that chain, as for the program itself; else
    the only table that has the chain. Raises RuleError that names the line for what cannot be done.
    """
    for number, line in _lines(commands):
        try:
            words = split(line)
            typed = False
            while words and words[0] in _PROGRAMS:
                typed |= words.pop(0).endswith("tables")
            table, words = _without_table(words)
            if typed and not table and "".join(words[1:2]) in layout(text).tables.get("filter", {}):
                table = "filter"
            text = changed(text, table, words)
        except RuleError as error:
            raise RuleError(f"line {number}: {error}\n    {line}", line=number, text=line) from None
    return str(Ruleset.parse(text, family).check())


def _without_table(words: list[str]) -> tuple[str, list[str]]:
    """The table that `-t TABLE` names, empty without it, and the other words."""
    for at, word in enumerate(words):
        if word in ("-t", "--table") and words[at - 1] != "--comment":
            return "".join(words[at + 1 : at + 2]), [*words[:at], *words[at + 2 :]]
    return "", words


def changed(text: str, table: str, words: list[str]) -> str:
    """Give the rule text after one command without its `iptables` and `-t TABLE`.

    It is `-A CHAIN RULE`, `-I CHAIN [NUMBER] RULE`, `-R CHAIN NUMBER RULE`, `-D CHAIN RULE` or `NUMBER`,
    `-F [CHAIN]`, `-P CHAIN ACCEPT` or `DROP`, `-N CHAIN`, `-X [CHAIN]`. An empty `table` is the one that
    has the chain. Raises EditError where the text has nothing to change so, RuleError for words that
    make no rule.
    """
    action = ACTIONS.get(words[0]) if words else None
    if action is None or (len(words) < 2 and action not in ("-F", "-X")):
        raise RuleError("a command begins with -D CHAIN, -A CHAIN or -I CHAIN (or -R, -F, -P, -N, -X)")
    if len(words) < 2:
        return _every_chain(text, table, action)
    if words[1] in BASE_CHAINS.get(table, ()) and table not in layout(text).tables:
        text = _with_table(
            text, table
        )  # the kernel makes a table, with its base chains, when a rule first needs it
    return _CHANGES[action](_Place(text, table, words[1]), words[2:])


def _lines(commands: str) -> Iterator[tuple[int, str]]:
    """The commands with the numbers of their first lines, each in one line."""
    joined: list[tuple[int, str]] = []
    for number, line in enumerate(commands.splitlines(), 1):
        plain = line.strip().removesuffix("\\").strip()
        if not plain or plain.startswith("#"):
            continue
        if joined and (line[:1].isspace() and not plain.startswith(tuple(ACTIONS))):
            joined[-1] = joined[-1][0], f"{joined[-1][1]} {plain}"
        else:
            joined.append((number, plain))
    yield from joined


@dataclass(slots=True)
class _Place:
    """A chain that a command names: `table` empty is the one that has it."""

    text: str
    table: str
    chain: str

    def found(self) -> tuple[str, ChainText]:
        """The table, and the chain in it."""
        tables = layout(self.text).tables
        holders = [
            name for name, chains in tables.items() if self.chain in chains and self.table in ("", name)
        ]
        if not holders:
            where = f"table {self.table}" if self.table else "any table"
            raise EditError(NO_CHAIN, f"there is no chain {self.chain} in {where}")
        if len(holders) > 1:
            both = " and ".join(holders)
            choices = " or ".join(f"-t {name}" for name in holders)
            raise RuleError(f"{self.chain} is in the tables {both}: say which, with {choices}")
        return holders[0], tables[holders[0]][self.chain]

    def numbers(self) -> list[int]:
        """The lines (from 1) of the chain's rules."""
        return list(self.found()[1].numbers)

    def without(self, lines: set[int]) -> str:
        """The text without these lines (from 1)."""
        kept = [line for number, line in enumerate(self.text.split("\n"), 1) if number not in lines]
        return "\n".join(kept)

    def rule(self, words: list[str]) -> Rule:
        """A rule of this chain."""
        return Rule.parse(" ".join(["-A", self.chain, *map(quote, words)]))

    def end(self, table: str) -> int:
        """The index of the line that ends a table."""
        inside = ""
        for index, line in enumerate(self.text.split("\n")):
            inside = line[1:].rstrip() if line.startswith("*") else inside
            if line.rstrip() == "COMMIT" and inside == table:
                return index
        raise RuleError(f"table {table} has no end: write COMMIT as its last line")


def _delete(place: _Place, rest: list[str]) -> str:
    numbers = place.numbers()
    at = _number(rest[0], len(numbers)) if _is_number(rest) else _same(place, numbers, rest)
    return place.without({numbers[at - 1]})


def _append(place: _Place, rest: list[str]) -> str:
    return _inserted(place, len(place.numbers()) + 1, rest)


def _insert(place: _Place, rest: list[str]) -> str:
    most = len(place.numbers()) + 1
    if _is_number(rest[:1]):
        return _inserted(place, _number(rest[0], most), rest[1:])
    return _inserted(place, 1, rest)


def _inserted(place: _Place, at: int, rest: list[str]) -> str:
    table, chain = place.found()
    lines = place.text.split("\n")
    if at <= len(chain.numbers):
        index = chain.numbers[at - 1] - 1
    else:  # an empty chain: its first rule stands before the COMMIT of its table
        index = chain.numbers[-1] if chain.numbers else place.end(table)
    lines.insert(index, str(place.rule(rest)))
    return "\n".join(lines)


def _replace(place: _Place, rest: list[str]) -> str:
    numbers = place.numbers()
    if not _is_number(rest[:1]):
        raise RuleError("-R needs the number of a rule: -R CHAIN NUMBER RULE")
    at = _number(rest[0], len(numbers))
    lines = place.text.split("\n")
    lines[numbers[at - 1] - 1] = str(place.rule(rest[1:]))
    return "\n".join(lines)


def _flush(place: _Place, rest: list[str]) -> str:
    del rest
    return place.without(set(place.numbers()))


def _policy(place: _Place, rest: list[str]) -> str:
    table, chain = place.found()
    if chain.policy == "-":
        raise EditError(NOT_BUILT_IN, f"{place.chain} is no base chain: only those have a policy")
    if rest not in (["ACCEPT"], ["DROP"]):
        raise EditError(BAD_POLICY, f"-P {place.chain} takes ACCEPT or DROP")
    if table == "nat" and rest == ["DROP"]:
        raise EditError(NO_DROP_IN_NAT, "the nat table is not there to drop: use the filter table")
    inside, lines = "", place.text.split("\n")
    for index, line in enumerate(lines):
        inside = line[1:].rstrip() if line.startswith("*") else inside
        if inside == table and line.startswith(f":{place.chain} "):
            lines[index] = f":{place.chain} {rest[0]}"
    return "\n".join(lines)


def _new(place: _Place, rest: list[str]) -> str:
    del rest
    table = place.table or "filter"
    tables = layout(place.text).tables
    if place.chain in tables.get(table, {}) or place.chain in BASE_CHAINS[table]:
        raise EditError(EXISTS, f"table {table} has a chain {place.chain} already")
    lines = place.text.split("\n")
    if table not in tables:
        place.text = _with_table(place.text, table)
        lines = place.text.split("\n")
    first = [
        index
        for index, line in enumerate(lines)
        if line.startswith(":") and place.end(table) > index > lines.index(f"*{table}")
    ]
    lines.insert(first[-1] + 1, f":{place.chain} -")
    return "\n".join(lines)


def _with_table(text: str, table: str) -> str:
    """The text with a table more: its base chains, and no rules."""
    lines = text.split("\n")
    bases = (f":{hook} ACCEPT" for hook in BASE_CHAINS[table])
    end = next((index for index, line in enumerate(lines) if not line.strip()), len(lines))
    lines[end:end] = [f"*{table}", *bases, "COMMIT"]
    return "\n".join(lines)


def _remove(place: _Place, rest: list[str]) -> str:
    del rest
    table, chain = place.found()
    if chain.policy != "-" or chain.numbers or _used(place.text, table, place.chain):
        raise EditError(BUSY, f"{place.chain} is a base chain, has rules, or another chain jumps to it")
    inside, lines = "", place.text.split("\n")
    for number, line in enumerate(lines, 1):
        inside = line[1:].rstrip() if line.startswith("*") else inside
        if inside == table and line.startswith(f":{place.chain} "):
            return place.without({number})
    return place.text


def _used(text: str, table: str, chain: str) -> bool:
    found = layout(text)
    jump = re.compile(rf" -[jg] {re.escape(chain)}(?: |$)")
    return any(
        jump.search(found.lines[number - 1]) for one in found.tables[table].values() for number in one.numbers
    )


def _every_chain(text: str, table: str, action: str) -> str:
    """`-F` and `-X` without a chain: every chain of the table."""
    for chain in layout(text).tables.get(table or "filter", {}):
        place = _Place(text, table or "filter", chain)
        if action == "-F":
            text = _flush(place, [])
        elif place.found()[1].policy == "-":
            text = _remove(place, [])
    return text


def _is_number(words: list[str]) -> bool:
    return len(words) == 1 and bool(re.fullmatch(r"[0-9]{1,9}", words[0]))


def _number(text: str, most: int) -> int:
    if not 1 <= int(text) <= most:
        message = f"the chain has no rule number {text}: write 1 to {most}, or the rule itself"
        raise EditError(BAD_INDEX, message)
    return int(text)


def _same(place: _Place, numbers: list[int], words: list[str]) -> int:
    """The number of the first rule of the chain that says the same."""
    lines, wanted = place.text.split("\n"), _canonical(place.rule(words))
    for number, line in enumerate(numbers, 1):
        with suppress(RuleError):  # a rule that is not understood is not the one
            if _canonical(Rule.parse(lines[line - 1])) == wanted:
                return number
    raise EditError(
        NO_RULE, f"{place.chain} has no such rule: copy it as `iptables-save` prints it, from -A on"
    )


def _canonical(rule: Rule) -> Rule:
    """A rule with its addresses written with their length, as `iptables-save` does."""
    return replace(rule, header=tuple(_with_length(option) for option in rule.header))


def _with_length(option: Option) -> Option:
    if option.name not in ("-s", "-d") or "/" in option.values[0]:
        return option
    value = option.values[0]
    return replace(option, values=(f"{value}/{128 if ':' in value else 32}",))


_CHANGES: Mapping[str, Callable[[_Place, list[str]], str]] = {
    "-A": _append, "-I": _insert, "-R": _replace, "-D": _delete,
    "-F": _flush, "-P": _policy, "-N": _new, "-X": _remove,
}  # fmt: skip
