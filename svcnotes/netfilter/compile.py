"""Turn a rule into closures: one that tells whether it matches, one that acts."""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import lru_cache

from svcnotes.copying import value
from svcnotes.errors import RuleError
from svcnotes.netfilter import matches, memory, nat, other_matches, targets
from svcnotes.netfilter.header import Test, header_test
from svcnotes.netfilter.ipvs.match import taken
from svcnotes.netfilter.left_out import target_left_out
from svcnotes.netfilter.matches import Build, Place
from svcnotes.netfilter.rule import Clause, Rule
from svcnotes.netfilter.sets import Sets
from svcnotes.netfilter.skb import Skb
from svcnotes.netfilter.syntax import TARGETS
from svcnotes.netfilter.targets import RETURN, Act, Outcome

MATCHES: dict[str, Build] = {
    "addrtype": matches.addrtype,
    "comment": matches.always,
    "connmark": memory.connmark,
    "conntrack": memory.conntrack,
    "dscp": other_matches.no_bits,
    "hashlimit": memory.limit,
    "hl": other_matches.ttl,
    "icmp": matches.icmp,
    "icmp6": matches.icmp,
    "iprange": other_matches.iprange,
    "ipvs": taken,
    "limit": memory.limit,
    "mark": matches.mark,
    "multiport": matches.multiport,
    "nfacct": matches.always,
    "physdev": matches.physdev,
    "pkttype": other_matches.pkttype,
    "policy": other_matches.policy,
    "recent": memory.recent,
    "rpfilter": matches.rpfilter,
    "sctp": matches.transport,
    "set": other_matches.in_set,
    "socket": other_matches.socket,
    "state": memory.state,
    "statistic": memory.statistic,
    "tcp": matches.transport,
    "tos": other_matches.no_bits,
    "ttl": other_matches.ttl,
    "udp": matches.transport,
}
ACTS: dict[str, Callable[[Clause, Place], Act]] = {
    "ACCEPT": targets.accept,
    "CHECKSUM": targets.go_on,
    "CLASSIFY": targets.go_on,
    "CONNMARK": targets.connmark,
    "CT": targets.notrack,
    "DNAT": nat.dnat,
    "DROP": targets.drop,
    "DSCP": targets.go_on,
    "LOG": targets.go_on,
    "MARK": targets.mark,
    "MASQUERADE": nat.masquerade,
    "NFLOG": targets.go_on,
    "NOTRACK": targets.notrack,
    "REDIRECT": nat.redirect,
    "REJECT": targets.reject,
    "RETURN": targets.leave,
    "SNAT": nat.snat,
    "TCPMSS": targets.go_on,
    "TOS": targets.go_on,
    "TRACE": targets.go_on,
}
FINAL = frozenset({"ACCEPT", "DROP", "REJECT", "DNAT", "SNAT", "MASQUERADE", "REDIRECT"})
Enter = Callable[[str], Act]


@value(frozen=True, slots=True)
class Compiled:
    """A rule ready to run: `match` is None where every packet matches; `word` is a Step's verdict.

    `chain` is the chain that it jumps or goes to, empty for other targets. `reason` says what in it is not
    understood, empty where all is.
    """

    number: int
    text: str
    match: Test | None
    act: Act
    word: str
    chain: str = ""
    reason: str = ""


def compile_rule(
    text: str,
    number: int,
    table: str,
    family: int,
    chains: Container[str],
    enter: Enter,
    sets: Sets = matches.NO_SETS,
) -> Compiled:
    """Compile one line; `enter(chain)` gives what walks a chain, `sets` are the host's IP sets.

    Raises RuleError for what this Linux does not know, and for a jump to a chain that is not there.
    """
    match, target, act = (
        _known(text, table, family) if IN_SET not in text else _read(text, table, family, sets)
    )
    if act is not None:
        return Compiled(number, text, match, act, _word(target))
    assert target is not None  # noqa: S101 - without one there is an act, which does nothing
    walk, word = _to_chain(target, table, chains, enter)
    return Compiled(number, text, match, walk, word, target.name)


IN_SET = "--match-set"
"""Stands in every rule that asks an IP set: what it does then depends on the host's sets, too."""
Read = tuple[Test | None, Clause | None, Act | None]


def _read(text: str, table: str, family: int, sets: Sets) -> Read:
    """What a rule matches, its target, and what that does; None for a target that is a chain."""
    rule = Rule.parse(text)
    place = Place(table, family, rule, sets)
    check_interfaces(rule)
    tests = [test for option in rule.header if (test := header_test(option, family)) is not None]
    for clause in rule.matches:
        tests += MATCHES[clause.name](clause, place)
    return every(tests), rule.target, _act(rule.target, place)


@lru_cache(maxsize=16384)
def _known(text: str, table: str, family: int) -> Read:
    """Read a rule once, wherever it stands: the nodes of a cluster share most of theirs, and so do clusters alike."""
    return _read(text, table, family, matches.NO_SETS)


def check_interfaces(rule: Rule) -> None:
    """Refuse an interface that no packet of the base chain has, as iptables does."""
    for option in rule.header:
        if option.name == "-i" and rule.chain in ("OUTPUT", "POSTROUTING"):
            raise RuleError(
                f"-i cannot stand in {rule.chain}: what comes there has no incoming interface to ask for"
            )
        if option.name == "-o" and rule.chain in ("PREROUTING", "INPUT"):
            raise RuleError(f"-o cannot stand in {rule.chain}: the route is not known, or ends here")


def _act(target: Clause | None, place: Place) -> Act | None:
    """What a target of iptables' own does; None for another name."""
    if target is None:
        return lambda _: None
    if target.name not in TARGETS:
        return None
    if target.flag == "-g":
        raise RuleError(f"-g goes to a chain, not to the target {target.name}: write -j {target.name}")
    return ACTS[target.name](target, place)


def _word(target: Clause | None) -> str:
    """A Step's verdict where a target of iptables' own acts."""
    if target is None:
        return "continue"
    words = {"RETURN": "return", "REDIRECT": "dnat"}
    return words.get(target.name, target.name.lower() if target.name in FINAL else "continue")


def _to_chain(target: Clause, table: str, chains: Container[str], enter: Enter) -> tuple[Act, str]:
    """What walks the chain that a rule jumps or goes to, and the Step's verdict."""
    name = target.name
    if name not in chains and target_left_out(name):
        raise RuleError(target_left_out(name))
    if name not in chains:
        raise RuleError(
            f"there is no chain `{name}` in the table {table}: declare it as `:{name} -`, or correct the name"
        )
    if name in ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"):
        raise RuleError(f"a rule cannot jump to the base chain {name}: only the kernel enters it")
    walk_chain = enter(name)
    if target.flag == "-j":
        return walk_chain, f"jump {name}"

    def go_to(s: Skb) -> Outcome:
        outcome = walk_chain(s)
        return RETURN if outcome is None else outcome

    return go_to, f"goto {name}"


def every(tests: list[Test]) -> Test | None:
    """One test that asks all of them in order; None for none."""
    if not tests:
        return None
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        return both(*tests)
    if len(tests) == 3:
        one, two, three = tests
        return lambda s: one(s) and two(s) and three(s)
    return both(both(tests[0], tests[1]), every(tests[2:]) or tests[-1])


def both(first: Test, second: Test) -> Test:
    """One test that asks two, the second only if the first says yes."""
    return lambda s: first(s) and second(s)
