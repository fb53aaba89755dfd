"""Edit tables of nftables as `nft -f` does: rules and elements come and go.

Rules are named by their numbers (`nftables.handles`), counted once before the first command: what comes and goes in
between changes no other's. Left out: new chains, sets and tables. Sources: the nft(8) manual, RULES and ELEMENTS; what
nft 1.0.6 says of a number that is not there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from svcnotes.errors import RuleError
from svcnotes.netfilter.nftables.document import Document, NamedChain, NamedSet, NftTable, document
from svcnotes.netfilter.nftables.elements import elements_of
from svcnotes.netfilter.nftables.handles import numbered, takes
from svcnotes.netfilter.nftables.statements import rule
from svcnotes.netfilter.nftables.syntax import Braces, Concat, Element, Match, Rule, Statement

_COMMAND = re.compile(
    r"(?:sudo )?(?:nft )?(\w+ \w+) (?:(ip|ip6|inet) )?(\S+) ([^\s{]+)(?: *(.+))?", re.DOTALL
)
_TYPED = re.compile(r"(?:sudo )?nft ")
_QUOTES = re.compile(r"'|\\(?=[{};|])")
"""What a shell wants around braces and takes away; nft itself knows no such quotes."""
_OPEN, _CLOSED = re.compile(r"\{"), re.compile(r"\}")
SHAPE = (
    "`add rule ip TABLE CHAIN RULE` (`insert rule ...` puts it first; `handle N` or `index N` before RULE: behind that rule, or before it), "
    "`replace rule ip TABLE CHAIN handle N RULE`, `delete rule ip TABLE CHAIN handle N`, `flush chain ip TABLE CHAIN`, "
    "`add element ip TABLE SET { ELEMENT }` or `delete element ...`"
)
NOT_THERE = "Could not process rule: No such file or directory"
_PLACE = re.compile(r"(handle|position|index)\b *(\S*) *(.*)", re.DOTALL)
_WHOLE = re.compile(r"^table (?:\w+ )?[^\s{]+ *\{", re.MULTILINE)
_FIRST = re.compile(r"\s*(?:sudo )?(?:nft '?)?(?:add|insert|delete|flush|replace|create)\b")


def is_whole(text: str) -> bool:
    """Whether a text is whole tables, as `nft list ruleset` prints them, and no list of commands."""
    return bool(_WHOLE.search(text))


def is_command(line: str) -> bool:
    """Whether a line begins as a command of nft does."""
    return bool(_FIRST.match(line))


def edited(text: str, commands: str) -> str:
    """Give the tables after these commands, one a line or with `;` between them (braces may go over several lines).

    Each is one of `SHAPE`, with or without `nft` before it. Raises RuleError that names the line for what cannot be done.
    """
    return str(changed(numbered(document(text)), commands))


def changed(whole: Document, commands: str) -> Document:
    """Give numbered tables after these commands; raises RuleError as `edited` does."""
    for number, line in _lines(commands):
        try:
            whole = _changed(whole, line)
        except RuleError as error:
            raise RuleError(f"line {number}: {error}\n    {line}", line=number, text=line) from None
    return whole


def _lines(commands: str) -> Iterator[tuple[int, str]]:
    """The commands with the numbers of their first lines; a brace that is open goes on with the next line."""
    first, joined = 0, ""
    for number, raw in enumerate(commands.splitlines(), 1):
        line = raw.strip().removesuffix("\\").strip()
        if not line or line.startswith("#"):
            continue
        if not joined and _TYPED.match(line):
            line = _QUOTES.sub("", line)
        first, joined = (first, f"{joined} {line}") if joined else (number, line)
        if len(_OPEN.findall(joined)) <= len(_CLOSED.findall(joined)) and not raw.rstrip().endswith("\\"):
            yield from ((first, one) for one in _apart(joined))
            joined = ""
    if joined:
        yield first, joined


def _apart(line: str) -> list[str]:
    """The commands of a line: a semicolon ends one, but for those in braces and in quotes."""
    found, braces, quoted = [""], 0, False
    for letter in line:
        quoted ^= letter == '"'
        braces += 0 if quoted else {"{": 1, "}": -1}.get(letter, 0)
        if letter == ";" and not braces and not quoted:
            found.append("")
        else:
            found[-1] += letter
    return [one.strip() for one in found if one.strip()]


def _changed(whole: Document, line: str) -> Document:
    found = _COMMAND.fullmatch(line)
    change = _CHANGES.get(found[1]) if found else None
    if found is None or change is None:
        raise RuleError(f"a command is {SHAPE}")
    family, name, held, rest = found[2] or "ip", found[3], found[4], found[5] or ""
    for at, table in enumerate(whole.tables):
        if (table.family, table.name) == (family, name):
            return Document((*whole.tables[:at], change(table, held, rest), *whole.tables[at + 1 :]))
    there = ", ".join(f"{one.family} {one.name}" for one in whole.tables) or "none"
    raise RuleError(f"there is no table {family} {name}; there are: {there}")


def _chain(table: NftTable, name: str) -> NamedChain:
    found = next((one for one in table.held if isinstance(one, NamedChain) and one.name == name), None)
    if found is None:
        raise RuleError(f"there is no chain {name} in table {table.family} {table.name}")
    return found


def _set(table: NftTable, name: str) -> NamedSet:
    found = next((one for one in table.held if isinstance(one, NamedSet) and one.name == name), None)
    if found is None:
        raise RuleError(f"there is no set or map {name} in table {table.family} {table.name}")
    return found


def _with(table: NftTable, old: NamedChain | NamedSet, new: NamedChain | NamedSet) -> NftTable:
    return replace(table, held=tuple(new if one is old else one for one in table.held))


def _with_rules(table: NftTable, old: NamedChain, rules: list[tuple[Rule, int]]) -> NftTable:
    kept, handles = zip(*rules, strict=True) if rules else ((), ())
    return _with(table, old, replace(old, rules=kept, handles=handles))


def _add_rule(table: NftTable, name: str, text: str, *, behind: bool = True) -> NftTable:
    chain = _chain(table, name)
    rules = list(zip(chain.rules, chain.handles, strict=True))
    place, number, rest = _place(text)
    new = _kept(rule(_needed(rest, "a rule")))
    at = len(rules) if behind else 0
    if place and (place == "index" or number):  # nft takes the handle 0 for none
        at = (_indexed if place == "index" else _numbered)(table, chain, number) + behind
    last = table.last + takes(new)
    return replace(_with_rules(table, chain, [*rules[:at], (new, last), *rules[at:]]), last=last)


def _insert_rule(table: NftTable, name: str, text: str) -> NftTable:
    return _add_rule(table, name, text, behind=False)


def _replace_rule(table: NftTable, name: str, text: str) -> NftTable:
    chain = _chain(table, name)
    number, rest = _handle(text)
    new = _kept(rule(_needed(rest, "a rule")))
    at = _numbered(table, chain, number)
    rules = list(zip(chain.rules, chain.handles, strict=True))
    rules[at] = (new, rules[at][1])  # the new rule has the number of the old
    return replace(_with_rules(table, chain, rules), last=table.last + takes(new) - 1)


def _delete_rule(table: NftTable, name: str, text: str) -> NftTable:
    chain = _chain(table, name)
    number, rest = _handle(text)
    if rest:
        raise RuleError(f"`{rest}` is one word too many: write `delete rule ip TABLE CHAIN handle N`")
    if not number:  # nft sends the handle 0 as none, and the kernel takes that for all
        return _with_rules(table, chain, [])
    at = _numbered(table, chain, number)
    rules = list(zip(chain.rules, chain.handles, strict=True))
    return _with_rules(table, chain, [*rules[:at], *rules[at + 1 :]])


def _place(text: str) -> tuple[str, int, str]:
    """Where a new rule is to stand (`handle`, its older word `position`, `index`, or empty), by which number, and the rest."""
    found = _PLACE.fullmatch(text)
    if found is None:
        return "", 0, text
    if not found[2].isdecimal():
        raise RuleError(f"syntax error, expecting number: `{found[2]}` behind {found[1]} is none")
    return found[1], int(found[2]), found[3]


def _handle(text: str) -> tuple[int, str]:
    """The number and the rest of a command that names a rule by it."""
    place, number, rest = _place(text)
    if place != "handle":
        raise RuleError(
            "syntax error, expecting handle: write `handle N` behind the chain; `nft -a list ruleset` prints each rule's number"
        )
    return number, rest


def _numbered(table: NftTable, chain: NamedChain, number: int) -> int:
    """Where the rule of a number stands in its chain."""
    if number not in chain.handles:
        there = ", ".join(map(str, chain.handles)) or "none"
        raise RuleError(
            f"{NOT_THERE}: chain {chain.name} has no rule with the handle {number}, its rules have: {there} "
            f"(nft -a list chain {table.family} {table.name} {chain.name})"
        )
    return chain.handles.index(number)


def _indexed(_table: NftTable, chain: NamedChain, number: int) -> int:
    """Where the rule of an index stands in its chain: they begin with 0."""
    if number >= len(chain.rules):
        raise RuleError(
            f"{NOT_THERE}: chain {chain.name} has no rule with the index {number}, it has {len(chain.rules)}, and the first has the index 0"
        )
    return number


def _kept(written: Rule) -> Rule:
    """A rule as nft hands it on: a set in braces with one element is none."""
    return replace(written, statements=tuple(map(_plain, written.statements)))


def _plain(statement: Statement) -> Statement:
    if isinstance(statement, Match) and isinstance(statement.right, Braces):
        first, *more = statement.right.elements
        if not more and not first.said and not isinstance(first.key, Concat):
            return replace(statement, right=first.key)
    return statement


def _flush_chain(table: NftTable, name: str, text: str) -> NftTable:
    if text:
        raise RuleError(f"`{text}` is one word too many: write `flush chain ip TABLE CHAIN`")
    chain = _chain(table, name)
    return _with_rules(table, chain, [])


def _add_element(table: NftTable, name: str, text: str) -> NftTable:
    held = _set(table, name)
    elements = {str(one.key): one for one in held.elements}
    for one in _elements(text):
        known = elements.setdefault(str(one.key), one)
        if str(known) != str(one):
            raise RuleError(f"{name} has another element of this key already (File exists): {known}")
    return _with(table, held, replace(held, elements=tuple(elements.values())))


def _delete_element(table: NftTable, name: str, text: str) -> NftTable:
    held = _set(table, name)
    elements = {str(one.key): one for one in held.elements}
    for one in _elements(text):
        if elements.pop(str(one.key), None) is None:
            raise RuleError(f"{name} has no such element (No such file or directory): {one.key}")
    return _with(table, held, replace(held, elements=tuple(elements.values())))


def _elements(text: str) -> tuple[Element, ...]:
    braces = _needed(text, "{ ELEMENT }")
    if not (braces.startswith("{") and braces.endswith("}")):
        raise RuleError(f"`{braces}` is no list of elements: write {{ ELEMENT, ELEMENT }}")
    return elements_of(f"elements = {braces}")


def _needed(text: str, what: str) -> str:
    if not text:
        raise RuleError(f"{what} is missing at its end: a command is {SHAPE}")
    return text


_CHANGES: Mapping[str, Callable[[NftTable, str, str], NftTable]] = {
    "add rule": _add_rule,
    "insert rule": _insert_rule,
    "replace rule": _replace_rule,
    "delete rule": _delete_rule,
    "flush chain": _flush_chain,
    "add element": _add_element,
    "delete element": _delete_element,
}
