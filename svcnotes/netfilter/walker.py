"""Walk a packet through the tables of one hook, as the kernel would, forking where it would toss."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

from svcnotes.netfilter.choices import Toss, every_way
from svcnotes.netfilter.context import Context
from svcnotes.netfilter.log import Log
from svcnotes.netfilter.skb import STATES, Skb
from svcnotes.netfilter.stops import ALL_HOOKS, TRACKED_AT, BaseChain, Rules
from svcnotes.netfilter.targets import ACCEPT, DROP
from svcnotes.netfilter.tracking import confirm, settle_nat, track
from svcnotes.netfilter.walk import CERTAIN, Mapping, VisitedRule, Walk
from svcnotes.packet import Packet


def walk(
    ruleset: Rules, hook: str, packet: Packet, context: Context, tables: Collection[str] | None = None
) -> tuple[Walk, ...]:
    """Give every way that the packet may take at this hook; their probabilities add up to 1.

    `tables` leaves only those rule tables to be consulted (all where None); conntrack does its work
    in any case: it looks the packet up at PREROUTING and OUTPUT (after raw), translates a known
    connection's packet, and enters a new one into its table at INPUT and POSTROUTING. Raises
    RuleError for a rule on the way that cannot be read, and for chains that jump in a circle.
    """
    if hook not in ALL_HOOKS:
        raise ValueError(f"unknown hook {hook}: the hooks are {', '.join(ALL_HOOKS)}")

    def run(toss: Toss) -> Walk:
        return _one_way(ruleset, Skb(packet, hook, context, toss), tables)

    try:
        return tuple([way.with_probability(likely) for likely, way in every_way(run)])
    except RecursionError:
        ruleset.check_loops()
        raise


def _one_way(ruleset: Rules, s: Skb, tables: Collection[str] | None) -> Walk:
    s.log = log = Log(s.hook)
    verdict = ACCEPT
    if s.hook not in TRACKED_AT:
        s.note(s.context.connection or s.context.conntrack.classify(s.packet, s.context.time))
    elif s.context.connection is None:
        s.state = STATES["INVALID"]  # what a rule before conntrack sees: there is no connection yet
    for stop in ruleset.stops(s.hook):
        if stop.kind == "conntrack":
            verdict = track(s, log)
        else:
            asked = stop.chains
            if tables is not None:
                asked = tuple(chain for chain in asked if chain.table in tables)
            if stop.kind == "nat":
                verdict = settle_nat(s, log, partial(_nat_rules, asked, s, log))
            else:
                for chain in asked:
                    verdict = run_chain(chain, s, log)
        if verdict != ACCEPT:
            break
    else:
        verdict = confirm(s, log)
    packet = s.as_packet()
    nat = None
    if s.nat:
        end = (packet.source, packet.source_port)
        nat = Mapping(s.nat, *(end if s.nat == "snat" else (packet.destination, packet.destination_port)))
    return Walk(  # by place, not by name, for speed: there is one for each hook on each way
        CERTAIN,
        verdict,
        packet,
        s.reject_with,
        tuple(log.steps),
        sum([stretch.last - stretch.first + 1 for stretch in log.stretches]),
        tuple(log.stretches),
        nat,
        s.recent,
        s.learnt,
        s.conntrack,
        s.connection,
        s.balancing,
        s.served,
    )


def _nat_rules(chains: Sequence[BaseChain], s: Skb, log: Log) -> str:
    """Ask the nat chains in order until one has chosen, or dropped the packet (nf_nat_inet_fn)."""
    for chain in chains:
        verdict = run_chain(chain, s, log)
        if verdict != ACCEPT or s.nat:
            return verdict
    return ACCEPT


def run_chain(chain: BaseChain, s: Skb, log: Log) -> str:
    """Send the packet through a base chain; its policy decides where no rule did."""
    outcome = chain.run(s)
    if outcome is None:
        log.policy(chain, s.as_packet())
        return DROP if chain.policy == "drop" else ACCEPT
    return outcome


def visited_rules(ruleset: Rules, walk: Walk) -> tuple[VisitedRule, ...]:
    """List every rule that a kernel would have evaluated on this walk, in order."""
    return tuple(
        VisitedRule(
            stretch.table,
            stretch.chain,
            number,
            texts[number - 1],
            stretch.matched and number == stretch.last,
        )
        for stretch in walk.stretches
        for texts in [ruleset.rules(stretch.table, stretch.chain)]
        for number in range(stretch.first, stretch.last + 1)
    )
