"""Walk a packet through the tables of one hook, as the kernel would, forking where it would toss."""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction

from svcnotes.netfilter.choices import Toss, every_way
from svcnotes.netfilter.context import Context
from svcnotes.netfilter.log import Log
from svcnotes.netfilter.ruleset import Ruleset
from svcnotes.netfilter.save import TABLES
from svcnotes.netfilter.skb import Skb
from svcnotes.netfilter.targets import ACCEPT, DROP
from svcnotes.netfilter.tracking import confirm, settle_nat, track
from svcnotes.netfilter.walk import Mapping, VisitedRule, Walk
from svcnotes.packet import Packet


def walk(
    ruleset: Ruleset, hook: str, packet: Packet, context: Context, tables: Collection[str] | None = None
) -> tuple[Walk, ...]:
    """Give every way that the packet may take at this hook; their probabilities add up to 1.

    `tables` leaves only those rule tables to be consulted (all where None); conntrack does its work
    in any case: it looks the packet up at PREROUTING and OUTPUT (after raw), translates a known
    connection's packet, and enters a new one into its table at INPUT and POSTROUTING. Raises
    RuleError for a rule on the way that cannot be read, and for chains that jump in a circle.
    """
    if hook not in TABLES:
        raise ValueError(f"unknown hook {hook}: the hooks are {', '.join(TABLES)}")

    def run(toss: Toss) -> Walk:
        return _one_way(ruleset, Skb(packet, hook, context, toss), tables)

    try:
        return tuple(way.with_probability(likely) for likely, way in every_way(run))
    except RecursionError:
        ruleset.check_loops()
        raise


def _one_way(ruleset: Ruleset, s: Skb, tables: Collection[str] | None) -> Walk:
    s.log = log = Log(s.hook)
    verdict = ACCEPT
    begun_elsewhere = "conntrack" not in TABLES[s.hook]
    if begun_elsewhere:
        s.note(s.context.connection or s.context.conntrack.classify(s.packet, s.context.time))

    def nat_rules() -> str:
        return run_table(ruleset, "nat", s, log) if tables is None or "nat" in tables else ACCEPT

    for table in TABLES[s.hook]:
        consulted = tables is None or table in tables
        if table == "conntrack":
            verdict = track(s, log)
        elif table == "nat":
            verdict = settle_nat(s, log, nat_rules)
        elif consulted:
            verdict = run_table(ruleset, table, s, log)
        if verdict != ACCEPT:
            break
    else:
        verdict = confirm(s, log)
    packet = s.as_packet()
    nat = None
    if s.nat:
        end = (packet.source, packet.source_port)
        nat = Mapping(s.nat, *(end if s.nat == "snat" else (packet.destination, packet.destination_port)))
    return Walk(
        probability=Fraction(1),
        verdict=verdict,
        packet=packet,
        reject_with=s.reject_with,
        steps=tuple(log.steps),
        visited=sum(stretch.last - stretch.first + 1 for stretch in log.stretches),
        stretches=tuple(log.stretches),
        nat=nat,
        recent=s.recent,
        conntrack=s.conntrack,
        connection=s.connection,
    )


def run_table(ruleset: Ruleset, table: str, s: Skb, log: Log) -> str:
    """Send the packet through one table at its hook; its policy decides where no rule did."""
    chain = ruleset.base(table, s.hook)
    if chain is None:
        return ACCEPT
    outcome = chain.run(s)
    if outcome is None:
        log.policy(chain, s.as_packet())
        return DROP if chain.policy == "drop" else ACCEPT
    return outcome


def visited_rules(ruleset: Ruleset, walk: Walk) -> tuple[VisitedRule, ...]:
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
