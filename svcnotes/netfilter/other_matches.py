"""Matches that kube-proxy never writes, and other programs do: sets, ranges of addresses, TTL, what a frame was.

Sources: iptables-extensions(8), xt_set.c, xt_iprange.c, xt_hl.c. Simplified: every frame is for its host
alone (pkt-type unicast), nothing is IPsec (policy none), no packet has DSCP or TOS bits, none is a
fragment, and no process of this world has a transparent socket.
"""

from __future__ import annotations

from svcnotes.errors import RuleError
from svcnotes.netfilter.addresses import address
from svcnotes.netfilter.header import Test
from svcnotes.netfilter.matches import Place, required
from svcnotes.netfilter.reading import listed, masked, whole
from svcnotes.netfilter.rule import Clause, Option
from svcnotes.netfilter.skb import Skb


def in_set(clause: Clause, place: Place) -> list[Test]:
    """-m set: whether a set has the packet's addresses and ports."""
    option = required(clause, "--match-set")
    name, directions = option.values[0], tuple(listed(option.values[1], ("src", "dst"), "direction"))
    place.sets.get(name)
    for updates in ("--update-counters", "--update-subcounters"):
        given = clause.get(updates)
        if given is not None and not given.negated:
            raise RuleError(f"{updates} stands only behind `!`")
    negated, outside = option.negated, clause.get("--return-nomatch") is not None
    sets = place.sets

    def test(s: Skb) -> bool:
        entry = sets.find(name, directions, s)
        return (entry is not None and entry.nomatch == outside) != negated

    return [test]


def iprange(clause: Clause, place: Place) -> list[Test]:
    """-m iprange: addresses from one to another."""
    if not clause.options:
        raise RuleError("-m iprange needs --src-range or --dst-range")
    return [_in_range(option, place.family) for option in clause.options]


def _in_range(option: Option, family: int) -> Test:
    first, dash, last = option.values[0].partition("-")
    low, high = address(first, family), address(last if dash else first, family)
    if low > high:
        raise RuleError(f"the range `{option.values[0]}` runs backwards: write `{last}-{first}`")
    negated = option.negated
    if option.name == "--src-range":
        return lambda s: (low <= s.src <= high) != negated
    return lambda s: (low <= s.dst <= high) != negated


def ttl(clause: Clause, place: Place) -> list[Test]:
    """-m ttl and hl: how many hops the packet may still go."""
    del place
    if len(clause.options) != 1:
        raise RuleError(f"-m {clause.name} needs one of its options: equal, less or greater")
    option = clause.options[0]
    number, negated = whole(option.values[0], 255, "the TTL"), option.negated
    if option.name.endswith("lt"):
        return [lambda s: (s.packet.ttl < number) != negated]
    if option.name.endswith("gt"):
        return [lambda s: (s.packet.ttl > number) != negated]
    return [lambda s: (s.packet.ttl == number) != negated]


def pkttype(clause: Clause, place: Place) -> list[Test]:
    """-m pkttype: here every frame was for the host alone."""
    del place
    option = required(clause, "--pkt-type")
    wanted = listed(option.values[0], ("unicast", "broadcast", "multicast"), "packet type") == ["unicast"]
    return _always(wanted != option.negated)


def policy(clause: Clause, place: Place) -> list[Test]:
    """-m policy: here nothing comes or goes by IPsec."""
    del place
    required(clause, "--dir")
    return _always(required(clause, "--pol").values[0] == "none")


def no_bits(clause: Clause, place: Place) -> list[Test]:
    """-m dscp and tos: here every packet has 0."""
    del place
    option = required(clause, f"--{clause.name}")
    return _always((masked(option.values[0])[0] == 0) != option.negated)


def socket(clause: Clause, place: Place) -> list[Test]:
    """-m socket --transparent: here no process has such a socket."""
    del place
    if clause.get("--transparent") is None:
        raise RuleError("-m socket is understood only with --transparent")
    return _always(False)


def _always(answer: bool) -> list[Test]:
    return [] if answer else [lambda s: s.family == 0]
