"""Edit a rule text as `iptables` edits the kernel's: -A appends, -I inserts, -D deletes a rule."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from svcnotes.errors import RuleError
from svcnotes.netfilter import Ruleset
from svcnotes.netfilter.rule import Option, Rule
from svcnotes.netfilter.save import layout
from svcnotes.netfilter.words import quote, split

_ACTIONS = {"-A": "-A", "--append": "-A", "-I": "-I", "--insert": "-I", "-D": "-D", "--delete": "-D"}
_PROGRAMS = ("sudo", "iptables", "ip6tables", "-w", "--wait")


def is_whole(text: str) -> bool:
    """Whether a text is a whole rule text, as `iptables-save` prints it, and no list of commands."""
    return any(line.startswith("*") for line in text.splitlines())


def edited(text: str, commands: str, family: int = 4) -> str:
    """Give the rule text after these commands, one a line; what is indented continues the line above.

    A command is `-D CHAIN RULE`, `-D CHAIN NUMBER`, `-A CHAIN RULE` or `-I CHAIN [NUMBER] RULE`, with or
    without `iptables` and `-t TABLE`; unlike iptables' own, the table may be left out where only one
    has that chain. Raises RuleError that names the line for what cannot be done.
    """
    for number, line in _lines(commands):
        try:
            text = _one(text, line)
        except RuleError as error:
            raise RuleError(f"line {number}: {error}\n    {line}", line=number, text=line) from None
    return str(Ruleset.parse(text, family).check())


def _lines(commands: str) -> Iterator[tuple[int, str]]:
    """The commands with the numbers of their first lines, each in one line."""
    joined: list[tuple[int, str]] = []
    for number, line in enumerate(commands.splitlines(), 1):
        plain = line.strip().removesuffix("\\").strip()
        if not plain or plain.startswith("#"):
            continue
        if joined and (line[:1].isspace() and not plain.startswith(tuple(_ACTIONS))):
            joined[-1] = joined[-1][0], f"{joined[-1][1]} {plain}"
        else:
            joined.append((number, plain))
    yield from joined


def _one(text: str, line: str) -> str:
    words = split(line)
    while words and words[0] in _PROGRAMS:
        words.pop(0)
    table = ""
    if words[:1] in (["-t"], ["--table"]):
        table, words = "".join(words[1:2]), words[2:]
    action = _ACTIONS.get(words[0]) if words else None
    if action is None or len(words) < 2:
        raise RuleError("a command begins with -D CHAIN, -A CHAIN or -I CHAIN")
    chain, rest = words[1], words[2:]
    place = _place(text, table, chain)
    lines = text.split("\n")
    if action == "-D":
        at = _number(rest[0], len(place)) if _is_number(rest) else _same(lines, place, chain, rest)
        del lines[place[at - 1] - 1]
        return "\n".join(lines)
    at = len(place) + 1
    if action == "-I":
        at, rest = (_number(rest[0], at), rest[1:]) if _is_number(rest[:1]) else (1, rest)
    lines.insert(_insertion(text, table, chain, place, at), str(_rule(chain, rest)))
    return "\n".join(lines)


def _rule(chain: str, words: list[str]) -> Rule:
    return Rule.parse(" ".join(["-A", chain, *map(quote, words)]))


def _is_number(words: list[str]) -> bool:
    return len(words) == 1 and bool(re.fullmatch(r"[0-9]{1,9}", words[0]))


def _place(text: str, table: str, chain: str) -> list[int]:
    """The lines (from 1) of a chain's rules."""
    tables = layout(text).tables
    holders = [name for name, chains in tables.items() if chain in chains and table in ("", name)]
    if not holders:
        where = f"table {table}" if table else "any table"
        raise RuleError(f"there is no chain {chain} in {where}")
    if len(holders) > 1:
        raise RuleError(f"{chain} is in the tables {' and '.join(holders)}: say which, with -t {holders[0]}")
    return list(tables[holders[0]][chain].numbers)


def _insertion(text: str, table: str, chain: str, place: list[int], at: int) -> int:
    """The index in the list of lines at which a rule of number `at` is put."""
    if at <= len(place):
        return place[at - 1] - 1
    if place:
        return place[-1]
    # An empty chain: its first rule stands before the COMMIT of its table.
    lines, inside = text.split("\n"), ""
    tables = layout(text).tables
    wanted = next(name for name, chains in tables.items() if chain in chains and table in ("", name))
    for index, line in enumerate(lines):
        inside = line[1:] if line.startswith("*") else inside
        if line.rstrip() == "COMMIT" and inside.rstrip() == wanted:
            return index
    return len(lines)


def _number(text: str, most: int) -> int:
    if not 1 <= int(text) <= most:
        raise RuleError(f"the chain has no rule number {text}: write 1 to {most}, or the rule itself")
    return int(text)


def _same(lines: list[str], place: list[int], chain: str, words: list[str]) -> int:
    """The number of the first rule of the chain that says the same."""
    wanted = _canonical(_rule(chain, words))
    for number, line in enumerate(place, 1):
        if _canonical(Rule.parse(lines[line - 1])) == wanted:
            return number
    raise RuleError(f"{chain} has no such rule: copy it as `iptables-save` prints it, from -A on")


def _canonical(rule: Rule) -> Rule:
    """A rule with its addresses written with their length, as `iptables-save` does."""
    return replace(rule, header=tuple(_with_length(option) for option in rule.header))


def _with_length(option: Option) -> Option:
    value = option.values[0]
    if option.name not in ("-s", "-d") or "/" in value:
        return option
    return replace(option, values=(f"{value}/{128 if ':' in value else 32}",))
