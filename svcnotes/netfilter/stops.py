"""What a rule language offers: chains at the kernel's hooks, each with a priority, and the walk through them.

`iptables-save` texts and nftables' are both rules in this sense, and a host may have both at once: the
kernel knows only hooks and priorities.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain as chained
from typing import Protocol

from svcnotes.errors import RuleError
from svcnotes.netfilter.skb import Skb
from svcnotes.netfilter.targets import ACCEPT, DROP, Outcome

CONNTRACK = -200
# Where connections are looked up, and where NAT is settled (nf_conntrack_proto.c, nf_nat_proto.c).
TRACKED_AT = ("PREROUTING", "OUTPUT")
NAT_AT = {"PREROUTING": -100, "OUTPUT": -100, "INPUT": 100, "POSTROUTING": 100}
ALL_HOOKS = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")


class BaseChain(Protocol):
    """A chain that the kernel enters at a hook: `kind` is filter, nat or route, `policy` accept or drop.

    `policy_text` is the line that sets the policy; `run` gives a verdict, or None where the policy decides.
    """

    @property
    def table(self) -> str:
        """The table: `nat`, `ip kube-proxy`."""
        ...

    @property
    def name(self) -> str:
        """The chain's name."""
        ...

    @property
    def kind(self) -> str:
        """filter, nat or route."""
        ...

    @property
    def priority(self) -> int:
        """Its place at the hook: the lower, the earlier."""
        ...

    @property
    def policy(self) -> str:
        """What is done where no rule gives a verdict: accept or drop."""
        ...

    @property
    def policy_text(self) -> str:
        """The line that sets the policy."""
        ...

    @property
    def texts(self) -> Sequence[str]:
        """Its rules as printed."""
        ...

    def run(self, s: Skb) -> Outcome:
        """Try the rules; None where the policy decides."""
        ...


class Stop:
    """One thing that a packet passes at a hook: conntrack, NAT with its chains, or a lone chain."""

    __slots__ = ("chains", "kind", "priority")

    def __init__(self, kind: str, priority: int, chains: tuple[BaseChain, ...] = ()) -> None:
        self.kind, self.priority, self.chains = kind, priority, chains


class Rules(Protocol):
    """A host's rules of one IP family, in whatever language they are written; `str` is their text."""

    @property
    def family(self) -> int:
        """The IP family: 4 or 6."""
        ...

    @property
    def text(self) -> str:
        """The text that they were read from."""
        ...

    @property
    def tables(self) -> dict[str, tuple[str, ...]]:
        """Each table with the names of its chains."""
        ...

    def stops(self, hook: str) -> tuple[Stop, ...]:
        """What a packet passes at a hook, in order of priority."""
        ...

    def way(self, hooks: tuple[str, ...]) -> Way:
        """The base chains that a packet passes at these hooks, in order; those that do nothing left out."""
        ...

    def rules(self, table: str, chain: str) -> tuple[str, ...]:
        """The rules of a chain as printed; empty for a chain that is not there."""
        ...

    def memories(self) -> frozenset[str]:
        """The names of the lists and sets that packets may fill, as the host's memory has them."""
        ...

    def check(self) -> Rules:
        """Read everything now, and give the rules back; raises RuleError."""
        ...

    def problems(self) -> list[RuleError]:
        """An error for each rule that is not understood, in the text's order."""
        ...

    def check_loops(self) -> None:
        """Raise RuleError if chains jump in a circle."""
        ...


def in_order(hook: str, chains: Iterable[BaseChain]) -> tuple[Stop, ...]:
    """The stops of a hook: each chain by its priority, conntrack and NAT at theirs.

    All nat chains are asked at NAT's own place, in the order of their priorities (nf_nat_register_fn). Of two
    chains of one priority the one given first is asked first. A chain without rules that accepts is left out.
    """
    every = [one for one in chains if one.texts or one.policy == "drop"]
    stops = [Stop("filter", one.priority, (one,)) for one in every if one.kind != "nat"]
    if hook in TRACKED_AT:
        stops.append(Stop("conntrack", CONNTRACK))
    if hook in NAT_AT:
        nat = tuple(sorted((one for one in every if one.kind == "nat"), key=lambda one: one.priority))
        stops.append(Stop("nat", NAT_AT[hook], nat))
    return tuple(sorted(stops, key=lambda stop: stop.priority))


def merged(hook: str, several: Sequence[Rules]) -> tuple[Stop, ...]:
    """The stops of a hook where a host has rules in several languages."""
    return in_order(
        hook, chained.from_iterable(stop.chains for rules in several for stop in rules.stops(hook))
    )


class NatChains:
    """Several nat chains at one hook, walked as one: the first that translates has spoken for all."""

    def __init__(self, chains: Sequence[BaseChain]) -> None:
        self.chains, self.policy = chains, "accept"

    def run(self, s: Skb) -> Outcome:
        """Ask the chains in order; None where none translated."""
        for chain in self.chains:
            s.nat = ""
            outcome = chain.run(s)
            if s.nat or outcome not in (None, ACCEPT) or (outcome is None and chain.policy == "drop"):
                return DROP if outcome is None else outcome
        return None


class Walked(Protocol):
    """What the fast walk asks: a base chain, or several as one."""

    @property
    def policy(self) -> str:
        """What is done where no rule gives a verdict: accept or drop."""
        ...

    def run(self, s: Skb) -> Outcome:
        """Try the rules; None where the policy decides."""
        ...


Way = tuple[tuple[str, Walked], ...]


def way_through(rules: Rules, hooks: tuple[str, ...]) -> Way:
    """The base chains with rules or a policy of drop that a packet passes at these hooks, in order."""
    found: list[tuple[str, Walked]] = []
    for hook in hooks:
        for stop in rules.stops(hook):
            if len(stop.chains) == 1:
                found.append((hook, stop.chains[0]))
            elif stop.chains:
                found.append((hook, NatChains(stop.chains)))
    return tuple(found)
