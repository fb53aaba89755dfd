"""A node's rules: the text of `iptables-save`, read table by table and printed back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from svcnotes.errors import RuleError
from svcnotes.netfilter.interim.chain import Chain, RuleText

BUILT_IN = {
    "raw": ("PREROUTING", "OUTPUT"),
    "mangle": ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"),
    "nat": ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
    "filter": ("INPUT", "FORWARD", "OUTPUT"),
    "security": ("INPUT", "FORWARD", "OUTPUT"),
}
_COUNTERS = re.compile(r"\[\d+:\d+\] ?")
_NAME = re.compile(r"[^\s!-]\S{0,28}")
DEEPEST = 64


class Table:
    """One table: its chains by name, as declared; rules stay text until a packet comes."""

    __slots__ = ("_chains", "declared", "family", "name", "written")

    def __init__(self, name: str, family: int) -> None:
        self.name = name
        self.family = family
        self.declared: dict[str, str] = {}
        self.written: dict[str, list[RuleText]] = {}
        self._chains: dict[str, Chain] = {}

    def chain(self, name: str) -> Chain | None:
        """The chain of that name, None where the table has none."""
        found = self._chains.get(name)
        if found is None and name in self.declared:
            found = self._chains[name] = Chain(
                self.name,
                name,
                self.declared[name],
                self.written.get(name, ()),
                self.family,
                self.declared.__contains__,
            )
        return found


class Ruleset:
    """The rules of one IP family on one host; `str()` gives back the text that was read.

    Reading is lazy: a rule is understood when a packet first meets it. `check()` understands all.
    """

    __slots__ = ("_text", "family", "tables")

    def __init__(self, text: str, family: int, tables: Mapping[str, Table]) -> None:
        self._text = text
        self.family = family
        self.tables = tables

    @classmethod
    def parse(cls, text: str, family: int = 4) -> Ruleset:
        """Read `iptables-save` text (family 4) or `ip6tables-save` text (6); raises RuleError."""
        tables: dict[str, Table] = {}
        table: Table | None = None
        for number, raw in enumerate(text.split("\n"), 1):
            first = raw[:1]
            if first in {"-", "["}:
                if table is None:
                    raise _error(number, raw, "a rule stands outside a table; begin with a line such as *nat")
                _read_rule(table, raw, number)
            elif not raw.strip() or first == "#":
                continue
            elif first == ":":
                if table is None:
                    raise _error(
                        number, raw, "a chain stands outside a table; begin with a line such as *nat"
                    )
                _declare(table, raw, number)
            elif first == "*":
                if table is not None:
                    raise _error(
                        number, raw, f"table {table.name} is not closed; put COMMIT before this line"
                    )
                name = raw[1:].strip()
                if name not in BUILT_IN:
                    raise _error(number, raw, f"no such table; choose one of {', '.join(BUILT_IN)}")
                if name in tables:
                    raise _error(number, raw, "the table stands twice; put all its rules into one")
                table = tables[name] = Table(name, family)
            elif raw.strip() == "COMMIT":
                if table is None:
                    raise _error(number, raw, "COMMIT closes no table")
                table = None
            else:
                raise _error(
                    number,
                    raw,
                    "not a line of iptables-save; want *table, :chain, -A rule, COMMIT or # comment",
                )
        if table is not None:
            raise RuleError(f"table {table.name} is not closed; put COMMIT at its end")
        return cls(text, family, tables)

    def __str__(self) -> str:
        return self._text

    def chain(self, table: str, name: str) -> Chain | None:
        """One chain, None where there is none."""
        found = self.tables.get(table)
        return found.chain(name) if found else None

    def chains(self) -> Iterator[Chain]:
        """Every chain of every table, in the order of the text."""
        for table in self.tables.values():
            for name in table.declared:
                chain = table.chain(name)
                assert chain is not None  # noqa: S101 - it is declared
                yield chain

    def check(self) -> Ruleset:
        """Understand every rule now; raises RuleError for the first that this Linux does not know.

        A ring of chains that jump to each other is refused, as the kernel refuses to load it.
        """
        for chain in self.chains():
            for index in range(len(chain)):
                chain.rule(index)
        for table in self.tables.values():
            _refuse_rings(table)
        return self


def _error(number: int, raw: str, problem: str) -> RuleError:
    shown = "".join(c if c.isprintable() else "\ufffd" for c in raw[:200])
    return RuleError(f"line {number}: {problem}: {shown}", line=number, text=raw)


def _declare(table: Table, raw: str, number: int) -> None:
    parts = raw[1:].split()
    if len(parts) < 2 or not _NAME.fullmatch(parts[0]):
        raise _error(number, raw, "want :CHAIN POLICY, a name of at most 28 characters and ACCEPT, DROP or -")
    name, policy = parts[0], parts[1]
    if policy not in ("ACCEPT", "DROP", "-") or (policy == "-") == (name in BUILT_IN[table.name]):
        wanted = "ACCEPT or DROP" if name in BUILT_IN[table.name] else "-"
        raise _error(number, raw, f"chain {name} of table {table.name} wants the policy {wanted}")
    if name in table.declared:
        raise _error(number, raw, f"chain {name} is declared twice")
    table.declared[name] = policy


def _read_rule(table: Table, raw: str, number: int) -> None:
    line = raw
    if line[0] == "[":
        counters = _COUNTERS.match(line)
        line = line[counters.end() :] if counters else line
    parts = line.split(" ", 2)
    if parts[0] != "-A" or len(parts) < 2:
        raise _error(number, raw, "want -A CHAIN and a rule; other commands do not stand in saved rules")
    name = parts[1].strip()
    if name not in table.declared:
        raise _error(number, raw, f"chain {name} is not declared; add a line :{name} -")
    rule = RuleText(parts[2].rstrip() if len(parts) > 2 else "", number)
    table.written.setdefault(name, []).append(rule)


def _refuse_rings(table: Table) -> None:
    done: set[str] = set()
    for start in table.declared:
        open_chains: list[tuple[str, Iterator[tuple[str, int]]]] = []
        on_way: set[str] = set()
        if start in done:
            continue
        open_chains.append((start, _jumps(table, start)))
        on_way.add(start)
        while open_chains:
            name, rest = open_chains[-1]
            target, line = next(rest, ("", 0))
            if not target:
                open_chains.pop()
                on_way.discard(name)
                done.add(name)
            elif target in on_way:
                raise RuleError(
                    f"line {line}: chains jump in a ring through {target}; the kernel refuses that", line=line
                )
            elif target not in done:
                on_way.add(target)
                open_chains.append((target, _jumps(table, target)))


def _jumps(table: Table, name: str) -> Iterator[tuple[str, int]]:
    chain = table.chain(name)
    if chain is None:
        return
    for index, written in enumerate(chain.rules):
        target = chain.rule(index).target
        if target.verdict in ("jump", "goto"):
            yield target.argument, written.line
