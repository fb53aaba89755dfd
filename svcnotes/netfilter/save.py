"""The layout of an `iptables-save` text: tables, chains with policies, and where each rule stands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from svcnotes.errors import RuleError

LONGEST_LINE = 10_240  # iptables-restore's own buffer
BASE_CHAINS = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}
# Each hook's tables in the kernel's order of priorities (uapi/linux/netfilter_ipv4.h).
TABLES = {
    "PREROUTING": ("raw", "conntrack", "mangle", "nat"),
    "INPUT": ("mangle", "filter", "security", "nat"),
    "FORWARD": ("mangle", "filter", "security"),
    "OUTPUT": ("raw", "conntrack", "mangle", "nat", "filter", "security"),
    "POSTROUTING": ("mangle", "nat"),
}
# uapi/linux/netfilter_ipv4.h; nat's at INPUT and POSTROUTING is 100 (NF_IP_PRI_NAT_SRC).
PRIORITIES = {"raw": -300, "mangle": -150, "nat": -100, "filter": 0, "security": 50}
SOURCE_NAT = {"INPUT": 100, "POSTROUTING": 100}
"""Where the nat table hangs at the hooks at which it writes sources (NF_IP_PRI_NAT_SRC)."""
CHAIN_LINE = re.compile(r":(\S+) (ACCEPT|DROP|-)(?: \[\d+:\d+\])?", re.ASCII)
LONGEST_NAME = 28
RULE_LINE = re.compile(r"(?:\[\d+:\d+\] )?-A (\S+)(?: |$)", re.ASCII)


class ChainText(NamedTuple):
    """A chain as text: `policy` is ACCEPT or DROP for a base chain, `-` for any other.

    `numbers` are the 1-based lines of its rules, in order.
    """

    name: str
    policy: str
    numbers: list[int]


Chains = dict[str, ChainText]


@dataclass(frozen=True, slots=True)
class Layout:
    """A text in lines, and its chains: table → chain → where its rules stand."""

    lines: tuple[str, ...]
    tables: Mapping[str, Mapping[str, ChainText]]


def broken(message: str, line: int, text: str) -> RuleError:
    """An error that names the line, shows it (the first part of a long one) and says what to do."""
    shown = ascii(text)[1:-1] if not text.isprintable() else text
    shown = shown if len(shown) <= 300 else shown[:300] + " ..."
    return RuleError(f"line {line}: {message}\n    {shown}", line=line, text=text)


def layout(text: str) -> Layout:
    """Find tables, chains and rules without reading the rules; raises RuleError for any other line."""
    lines = text.split("\n")
    if "\0" in text or "\ufffd" in text:
        bad = next(i for i, line in enumerate(lines, 1) if "\0" in line or "\ufffd" in line)
        raise broken("this is not text: give what `iptables-save` printed", bad, lines[bad - 1])
    if max(map(len, lines)) > LONGEST_LINE:
        bad = next(i for i, line in enumerate(lines, 1) if len(line) > LONGEST_LINE)
        raise broken(
            f"longer than {LONGEST_LINE} characters: break it into several rules", bad, lines[bad - 1]
        )
    tables: dict[str, Chains] = {}
    table: Chains | None = None
    rules: list[int] = []
    same_chain = "\n"  # how a rule of the chain at hand begins; no line begins so yet
    for number, line in enumerate(lines, 1):
        if line.startswith(same_chain):
            rules.append(number)
            continue
        line = line.rstrip()  # noqa: PLW2901 - a carriage return or a blank at the end says nothing
        if not line or line[0] == "#":
            continue
        if line == "COMMIT" and table is not None:
            table, same_chain = None, "\n"
        elif line[0] == "*" and table is None:
            table = _table(tables, line, number)
        elif table is None:
            raise broken(
                "outside of a table: begin with `*filter` or another table, end with COMMIT", number, line
            )
        elif line[0] == ":":
            _chain(next(reversed(tables)), table, line, number)
        else:
            name = _chain_of_rule(table, line, number)
            rules, same_chain = table[name].numbers, f"-A {name} "
            rules.append(number)
    if table is not None:
        raise broken("the table is not ended: write COMMIT as its last line", len(lines), lines[-1])
    return Layout(tuple(lines), tables)


def _table(tables: dict[str, Chains], line: str, number: int) -> Chains:
    name = line[1:]
    if name not in BASE_CHAINS:
        raise broken(f"unknown table `{name}`: the tables are {', '.join(BASE_CHAINS)}", number, line)
    if name in tables:
        raise broken(f"table {name} stands here twice: put its rules into one", number, line)
    tables[name] = {}
    return tables[name]


def _chain(table: str, chains: Chains, line: str, number: int) -> None:
    name, policy = line[1:-2], "-"
    found = None if line[-2:] == " -" and " " not in name else CHAIN_LINE.fullmatch(line)
    if found is not None:
        name, policy = found.groups()
    elif line[-2:] != " -" or " " in name or not name:
        raise broken("a chain line is `:NAME ACCEPT`, `:NAME DROP` or `:NAME -`", number, line)
    if name in chains:
        raise broken(f"chain {name} is declared twice: drop one of the lines", number, line)
    if (name in BASE_CHAINS[table]) != (policy != "-"):
        allowed = ", ".join(BASE_CHAINS[table])
        raise broken(
            f"in {table} only {allowed} have a policy; other chains are written `:NAME -`", number, line
        )
    if len(name) > LONGEST_NAME:
        raise broken(f"a chain's name has at most {LONGEST_NAME} characters", number, line)
    chains[name] = ChainText(name, policy, [])


def _chain_of_rule(chains: Mapping[str, object], line: str, number: int) -> str:
    found = RULE_LINE.match(line)
    if found is None:
        remedy = "a line is `*TABLE`, `:CHAIN POLICY`, `-A CHAIN ...`, COMMIT or a `#` comment"
        raise broken(remedy, number, line)
    name = found.group(1)
    if name not in chains:
        raise broken(f"chain {name} is not declared in this table: write `:{name} -` above", number, line)
    return name
