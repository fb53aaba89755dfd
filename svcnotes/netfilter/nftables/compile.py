"""Turn a rule into closures: its leading tests as one, and what is done where they hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from svcnotes.copying import changed, value
from svcnotes.errors import RuleError
from svcnotes.netfilter.compile import every
from svcnotes.netfilter.conntrack import Entry
from svcnotes.netfilter.header import Test
from svcnotes.netfilter.icmp import REJECT_WITH
from svcnotes.netfilter.nftables.comparing import FindTable, match_test, value_getter
from svcnotes.netfilter.nftables.fields import GetKey
from svcnotes.netfilter.nftables.kinds import kinds_of
from svcnotes.netfilter.nftables.lookup import Learning
from svcnotes.netfilter.nftables.sets import seconds
from svcnotes.netfilter.nftables.syntax import (
    Assign,
    Expression,
    Learn,
    Mapped,
    Match,
    Nat,
    Plain,
    Reference,
    Rule,
    Statement,
    Verdict,
    Vmap,
    Word,
)
from svcnotes.netfilter.nftables.translating import nat_act
from svcnotes.netfilter.nftables.types import one
from svcnotes.netfilter.nftables.verdicts import BREAK, Act, Result, compiled
from svcnotes.netfilter.skb import Skb
from svcnotes.netfilter.targets import REJECT

EVERY_BIT = 0xFFFFFFFF
_ICMPX = {
    "port-unreachable": ("icmp-port-unreachable", "icmp6-port-unreachable"),
    "no-route": ("icmp-net-unreachable", "icmp6-no-route"),
    "host-unreachable": ("icmp-host-unreachable", "icmp6-addr-unreachable"),
    "admin-prohibited": ("icmp-admin-prohibited", "icmp6-adm-prohibited"),
}
_ICMP = {"prot-unreachable": "icmp-proto-unreachable"}
_ICMPV6 = {"admin-prohibited": "icmp6-adm-prohibited"}


@value(frozen=True, slots=True)
class Compiled:
    """A rule ready to run: `match` is None where every packet matches, `word` a Step's verdict where NAT was done.

    `reason` says what in it is not understood, empty where all is.
    """

    number: int
    text: str
    match: Test | None
    act: Act
    word: str = ""
    reason: str = ""


def compile_rule(rule: Rule, number: int, text: str, family: str, tables: FindTable) -> Compiled:
    """Compile a rule of a table of a family (ip, ip6, inet); `tables` finds its sets and maps.

    Raises RuleError for what this Linux does not know. Whether chains are there is the ruleset's to say.
    """
    tests: list[Test] = []
    steps: list[Callable[[Skb], Result]] = []
    for statement in rule.statements:
        test, act = _statement(statement, family, tables)
        if test is not None and not steps:
            tests.append(test)
        elif test is not None:
            steps.append(_as_act(test))
        elif act is not None:
            steps.append(act)
    nat = next((one.kind for one in rule.statements if isinstance(one, Nat)), "")
    word = {"redirect": "dnat"}.get(nat, nat)
    return Compiled(number, text, every(tests), _in_turn(steps), word)


def partly_compiled(
    rule: Rule, rest: str, number: int, text: str, family: str, tables: FindTable
) -> Compiled:
    """Compile what could be read of a rule: what stands before the unknown words is tried, the rest passed by."""
    known = compile_rule(rule, number, text, family, tables)
    reason = f"`{rest}` not understood: the rule is passed by from there"
    return replace(known, reason=reason)


def _as_act(test: Test) -> Act:
    return lambda s: None if test(s) else BREAK


def _nothing(s: Skb) -> Result:
    del s
    return None


def _in_turn(steps: list[Act]) -> Act:
    if not steps:
        return _nothing
    if len(steps) == 1:
        return steps[0]

    def act(s: Skb) -> Result:
        for step in steps:
            result = step(s)
            if result is not None:
                return result
        return None

    return act


def _statement(statement: Statement, family: str, tables: FindTable) -> tuple[Test | None, Act | None]:
    match statement:
        case Match():
            return match_test(statement, family, tables), None
        case Verdict():
            result = compiled(statement)
            return None, (lambda _: result)
        case Vmap():
            return None, _vmap(statement, family, tables)
        case Assign():
            return None, _assign(statement, family, tables)
        case Nat():
            return None, nat_act(statement, family, tables)
        case Learn():
            return None, _learn(statement, family, tables)
    return _plain(statement, family)


def _vmap(vmap: Vmap, family: str, tables: FindTable) -> Act:
    table = tables(vmap.table, kinds_of(vmap.key, family), ("verdict",))
    if table.values != ("verdict",):
        raise RuleError(f"`{vmap}`: this map holds no verdicts; use `map`, or declare it with `: verdict`")
    get, find, result = value_getter(vmap.key, family), table.find, table.result

    def act(s: Skb) -> Result:
        found = find(s, get(s))
        return BREAK if found is None else result(found)

    return act


def value_of(expression: Expression, kind: str, family: str, tables: FindTable) -> GetKey:
    """Compile a value that is set: a constant, one of the packet, or one of a map."""
    if isinstance(expression, Word):
        value = one(expression.text, kind)
        return lambda _: value
    if isinstance(expression, Mapped):
        table = tables(expression.table, kinds_of(expression.key, family), (kind,))
        get = value_getter(expression.key, family)

        def mapped(s: Skb) -> int | str | None:
            found = table.find(s, get(s))
            return None if found is None else table.ends(found)[0][0]

        return mapped
    return value_getter(expression, family)


def _assign(assign: Assign, family: str, tables: FindTable) -> Act:
    words = assign.what.words
    what = words[-1]
    if words[0] == "ct" and what == "mark":
        return _set_connection_mark(value_of(assign.value, "mark", family, tables))
    if words in (("meta", "mark"), ("mark",)):
        return _set_mark(value_of(assign.value, "mark", family, tables))
    if words[0] in ("meta", "ct") and what in ("priority", "nftrace", "pkttype", "zone"):
        return _nothing  # it changes what no packet of this Linux has, or only who looks on
    if words[-1] == "dscp":
        return _nothing
    raise RuleError(f"`{assign.what} set` is not part of this Linux: it sets meta mark and ct mark")


def _set_mark(get: GetKey) -> Act:
    def act(s: Skb) -> Result:
        value = get(s)
        if not isinstance(value, int):
            return BREAK
        s.mark = value & EVERY_BIT
        return None

    return act


def _set_connection_mark(get: GetKey) -> Act:
    def act(s: Skb) -> Result:
        value, connection = get(s), s.tracked()
        if not isinstance(value, int):
            return BREAK
        entry: Entry | None = connection.entry
        if entry is not None:
            s.connection = connection._replace(entry=changed(entry, mark=value & EVERY_BIT))
        return None

    return act


def _learn(learn: Learn, family: str, tables: FindTable) -> Act:
    table = tables(Reference(learn.table), kinds_of(learn.element.key, family), ())
    said = dict(zip(learn.element.said, learn.element.said[1:], strict=False))
    if learn.element.value is not None:
        raise RuleError(f"`{learn}`: this Linux learns no values; write the key alone")
    timeout = seconds(said["timeout"]) if "timeout" in said else None
    if timeout is None and table.declared is not None:
        timeout = table.declared.timeout
    if "over" in learn.element.said:  # `limit rate over`: one packet never exceeds it
        return lambda _: BREAK
    get, learning = value_getter(learn.element.key, family), Learning(learn.word, table, timeout)

    def act(s: Skb) -> Result:
        key = get(s)
        return None if key is not None and learning.act(s, key) else BREAK

    return act


def _plain(statement: Plain, family: str) -> tuple[Test | None, Act | None]:
    words = statement.words
    match words[0]:
        case "limit":
            # Simplification: one packet is looked at, and one packet never exceeds a limit.
            return ((lambda _: False), None) if "over" in words else (None, None)
        case "reject":
            return None, _reject(words, family)
        case "notrack":
            return None, _notrack
    return None, None  # counter, log, a segment's size: seen by nobody here


def _notrack(s: Skb) -> Result:
    s.notrack = True
    return None


def _reject(words: tuple[str, ...], family: str) -> Act:
    if words[1:] == ("with", "tcp", "reset"):
        return lambda s: _refused(s, "tcp-reset") if s.protocol == 6 else BREAK
    kind, name = words[2:4] if len(words) > 2 else ("icmpx", "port-unreachable")
    if kind == "icmpx":
        if name not in _ICMPX:
            raise RuleError(f"reject with icmpx `{name}`: known are {', '.join(_ICMPX)}")
        four, six = _ICMPX[name]
        return lambda s: _refused(s, six if s.family == 6 else four)
    version, names, prefix = (4, _ICMP, "icmp-") if kind == "icmp" else (6, _ICMPV6, "icmp6-")
    answer = names.get(name, prefix + name)
    if answer not in REJECT_WITH[version]:
        known = ", ".join(one.removeprefix(prefix) for one in REJECT_WITH[version])
        raise RuleError(f"reject with {kind} `{name}`: known are {known}")
    if family == {4: "ip6", 6: "ip"}[version]:
        raise RuleError(f"reject with {kind} in a table of {family}: write the ICMP of that family")
    return lambda s: _refused(s, answer) if s.family == version else BREAK


def _refused(s: Skb, answer: str) -> Result:
    s.reject_with = answer
    return REJECT
