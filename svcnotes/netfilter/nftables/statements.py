"""Read a rule: its statements from left to right, each tested or done in that order."""

from __future__ import annotations

from svcnotes.errors import RuleError
from svcnotes.netfilter.nftables.expressions import (
    JUMPS,
    VERDICTS,
    braces,
    constants,
    counted,
    element,
    expression,
    limited,
    table,
    verdict,
)
from svcnotes.netfilter.nftables.grammar import NOT_STATEMENTS, left_out
from svcnotes.netfilter.nftables.syntax import (
    Assign,
    Element,
    Expression,
    Learn,
    Match,
    Nat,
    Plain,
    Reference,
    Rule,
    Selector,
    Statement,
    Vmap,
    Word,
)
from svcnotes.netfilter.nftables.words import Words, split, unquoted

SIGNS = ("==", "!=", "!", "<", ">", "<=", ">=")
NAT = ("snat", "dnat", "masquerade", "redirect")
NAT_FLAGS = ("random", "fully-random", "persistent")
LEARNING = ("add", "update", "delete")
_LOG = ("prefix", "level", "group", "snaplen", "queue-threshold")
_LEVELS = ("emerg", "alert", "crit", "err", "warn", "notice", "info", "debug", "audit")
_REJECTS = ("icmp", "icmpv6", "icmpx")


def rule(text: str) -> Rule:
    """Read one rule as `nft list` prints it; raises RuleError for any word that this Linux does not know."""
    read, _, error = read_rule(text)
    if error is not None:
        raise error
    return read


def read_rule(text: str) -> tuple[Rule, str, RuleError | None]:
    """Read a rule as far as it is understood: that, the rest as text, and why the rest is not."""
    words = Words(split(text))
    found: list[Statement] = []
    remark = ""
    while words.next:
        begin = words.at
        try:
            if words.took("comment"):
                remark = unquoted(words.take("the comment"))
                if words.next:
                    raise RuleError(f"`{words.next}` stands behind the comment, which ends a rule")
            else:
                found.append(statement(words))
        except RuleError as error:
            return Rule(tuple(found), remark), " ".join(words.every[begin:]), error
    return Rule(tuple(found), remark), "", None


def statement(words: Words) -> Statement:
    """Read one statement."""
    word = words.next
    if word in VERDICTS or word in JUMPS:
        return verdict(words)
    if word in NAT:
        return _nat(words)
    if word in LEARNING:
        return _learn(words)
    if word in NOT_STATEMENTS:
        raise RuleError(left_out(word, NOT_STATEMENTS[word]))
    match word:
        case "counter":
            words.take()
            if words.took("name"):
                return Plain(("counter", "name", words.take("the counter's name")))
            return Plain(("counter", *counted(words)))
        case "limit":
            words.take()
            return Plain(("limit", *limited(words)))
        case "log":
            return _log(words)
        case "reject":
            return _reject(words)
        case "notrack":
            return Plain((words.take(),))
    if words.took("tcp", "option", "maxseg", "size", "set"):
        size = [words.take("the segment size")]
        if size == ["rt"]:
            size.append(words.take("mtu"))
        return Plain(("tcp", "option", "maxseg", "size", "set", *size))
    if words.took("ct", "helper", "set"):
        return Plain(("ct", "helper", "set", words.take("the helper's name")))
    return _asking(words)


def _asking(words: Words) -> Statement:
    """Read a match, a map of verdicts, or a value that is set: all begin with what is asked of the packet."""
    left = expression(words)
    if words.took("set"):
        if not isinstance(left, Selector):
            raise RuleError(f"`{left}` cannot be set: write one thing, such as `meta mark set 0x1`")
        return Assign(left, expression(words))
    if words.took("vmap"):
        return Vmap(left, table(words))
    sign = words.take() if words.next in SIGNS else ""
    return Match(left, sign, _right(words, left))


def _right(words: Words, left: Expression) -> Expression:
    if isinstance(left, Word):
        raise RuleError(f"unknown word `{left}`: a rule asks the packet, then compares with a value")
    if words.next[:1] == "@":
        return Reference(words.take()[1:])
    if words.next == "{":
        return braces(words)
    return constants(words)


def _nat(words: Words) -> Nat:
    kind = words.take()
    family = words.take() if words.next in ("ip", "ip6") else ""
    form = ""
    if words.took("addr", ".", "port"):
        form = "addr . port"
    elif words.took("prefix"):
        raise RuleError(left_out(f"{kind} prefix", "translates a whole network"))
    to: Expression | None = None
    if words.took("to"):
        to = expression(words)
    elif kind in ("snat", "dnat"):
        raise RuleError(f"{kind} needs `to ADDRESS`")
    flags: list[str] = []
    while words.next.strip(",") and all(flag in NAT_FLAGS for flag in words.next.split(",")):
        flags.append(words.take())
    return Nat(kind, family, form, to, tuple(flags))


def _learn(words: Words) -> Learn:
    word, name = words.take(), words.take("the set's name")
    if name[:1] != "@":
        raise RuleError(f"`{word} {name}`: name the set as `@{name}`")
    words.expect("{")
    found: Element = element(words, expression(words))
    words.expect("}")
    return Learn(word, name[1:], found)


def _log(words: Words) -> Plain:
    found = [words.take()]
    while words.next in (*_LOG, "flags"):
        option = words.take()
        found += [option, words.take(f"the value of {option}")]
        if option == "level" and found[-1] not in _LEVELS:
            raise RuleError(f"unknown log level `{found[-1]}`: known are {', '.join(_LEVELS)}")
        if option in _LOG[2:] and not found[-1].isdigit():
            raise RuleError(f"`{found[-1]}` of log {option} is not a number")
        if option == "flags" and found[-1] in ("tcp", "ip"):
            found.append(words.take(f"which flags of {found[-1]}"))
    return Plain(tuple(found))


def _reject(words: Words) -> Plain:
    found = [words.take()]
    if words.took("with"):
        found += ["with", words.take("what to answer with")]
        if found[-1] == "tcp":
            words.expect("reset")
            found.append("reset")
        elif found[-1] in _REJECTS:
            words.took("type")
            found.append(words.take("the kind of ICMP error"))
        else:
            raise RuleError(f"reject with `{found[-1]}`: it answers with tcp reset, {', '.join(_REJECTS)}")
    return Plain(tuple(found))
