"""Decide about many first packets quickly: the same compiled rules, with nothing written down."""

from __future__ import annotations

from typing import NamedTuple

from svcnotes.addresses import text
from svcnotes.netfilter.choices import by_number
from svcnotes.netfilter.context import Context
from svcnotes.netfilter.skb import Skb
from svcnotes.netfilter.stops import Rules
from svcnotes.netfilter.targets import ACCEPT, DROP
from svcnotes.packet import Packet

FORWARDED = ("PREROUTING", "FORWARD", "POSTROUTING")


class Decision(NamedTuple):
    """What came of a packet: the verdict, and how it looks after NAT and marks."""

    verdict: str
    reject_with: str
    source: str
    source_port: int
    destination: str
    destination_port: int
    mark: int


def decide(
    ruleset: Rules,
    packet: Packet,
    context: Context,
    uniform: float = 0.0,
    hooks: tuple[str, ...] = FORWARDED,
) -> Decision:
    """Walk one way through `hooks`, as the first packet of a connection; no step is written.

    `uniform` (0 <= uniform < 1) makes every random choice. The context stays the same at all hooks.
    Simplification: conntrack is not kept, so the packet is NEW and its ports are free.
    """
    s = Skb(packet, hooks[0], context, by_number(uniform))
    verdict = ACCEPT
    for hook, chain in ruleset.way(hooks):
        s.hook = hook
        outcome = chain.run(s)
        if outcome is None:
            if chain.policy == "drop":
                verdict = DROP
                break
        elif outcome != ACCEPT:
            verdict = outcome
            break
    family = s.family
    return Decision(
        verdict, s.reject_with, text(s.src, family), s.sport, text(s.dst, family), s.dport, s.mark
    )
