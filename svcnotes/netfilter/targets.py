"""What a rule does: verdicts, marks, logs; a target tells the chain how to go on.

A target gives None to go on with the next rule, RETURN to leave the chain, or the table's verdict.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from svcnotes.copying import changed
from svcnotes.errors import RuleError
from svcnotes.netfilter.icmp import REJECT_SHORT, REJECT_WITH
from svcnotes.netfilter.matches import Place, needs_protocol
from svcnotes.netfilter.reading import masked, whole
from svcnotes.netfilter.rule import Clause
from svcnotes.netfilter.skb import Skb

Outcome = str | None
Act = Callable[[Skb], Outcome]
ACCEPT, DROP, REJECT, RETURN = "accept", "drop", "reject", "return"
RESEND = "resend"  # no target's: IPVS takes the packet, and sends it anew
EVERY_BIT = 0xFFFFFFFF


def accept(clause: Clause, place: Place) -> Act:
    """-j ACCEPT: this table is done with the packet; the next table goes on."""
    del clause, place
    return lambda _: ACCEPT


def drop(clause: Clause, place: Place) -> Act:
    """-j DROP; iptables refuses it in nat, whose rules see only first packets."""
    del clause
    if place.table == "nat":
        raise RuleError("DROP does not belong into the table nat: drop in the table filter")
    return lambda _: DROP


def leave(clause: Clause, place: Place) -> Act:
    """-j RETURN: back to the calling chain; in a base chain the policy decides."""
    del clause, place
    return lambda _: RETURN


def go_on(clause: Clause, place: Place) -> Act:
    """-j LOG, NFLOG and TRACE: something is written down, and the next rule is tried.

    CHECKSUM, CLASSIFY, DSCP, TOS and TCPMSS change what no packet of this Linux has: the next rule is tried.
    """
    del place
    if clause.name == "LOG" and len(clause.value("--log-prefix")) > 29:
        raise RuleError("--log-prefix takes at most 29 characters: shorten it")
    return lambda _: None


def notrack(clause: Clause, place: Place) -> Act:
    """-j NOTRACK and CT --notrack: conntrack leaves this packet alone."""
    if place.table != "raw":
        raise RuleError(f"{clause.name} belongs into the table raw: conntrack comes right after it")
    if clause.name == "CT" and clause.get("--notrack") is None:
        if not clause.options:
            raise RuleError("CT needs --notrack, --helper or --ctevents")
        return lambda _: None  # which helper looks on, or who is told: the connection is tracked all the same

    def act(s: Skb) -> Outcome:
        s.notrack = True
        return None

    return act


def reject(clause: Clause, place: Place) -> Act:
    """-j REJECT: drop, and tell the sender so with an ICMP error or a TCP RST."""
    if place.table != "filter":
        raise RuleError("REJECT belongs into the table filter")
    known = REJECT_WITH[place.family]
    word = clause.value(
        "--reject-with", "icmp-port-unreachable" if place.family == 4 else "icmp6-port-unreachable"
    )
    with_what = word if word in known else REJECT_SHORT.get(word, word)
    if place.family == 6 and word == "port-unreach":
        with_what = "icmp6-port-unreachable"
    if with_what == "tcp-reset":
        needs_protocol(place, clause, 6)
    elif with_what not in known:
        raise RuleError(f"REJECT cannot send `{word}`: it sends {', '.join(known)} or tcp-reset")

    def act(s: Skb) -> Outcome:
        s.reject_with = with_what
        return REJECT

    return act


def mark(clause: Clause, place: Place) -> Act:
    """-j MARK: the mark becomes `(mark & ~mask) ^ value`, whatever the option's name."""
    del place
    keep, flip = _mark_bits(clause)

    def act(s: Skb) -> Outcome:
        s.mark = s.mark & keep ^ flip
        return None

    return act


def _mark_bits(clause: Clause) -> tuple[int, int]:
    if len(clause.options) != 1:
        raise RuleError(
            f"{clause.name} needs exactly one of --set-xmark, --set-mark, --or-mark, --and-mark, --xor-mark"
        )
    name, word = clause.options[0].name, clause.options[0].values[0]
    if name in ("--set-xmark", "--set-mark"):
        value, mask = masked(word)
        return ~(mask if name == "--set-xmark" else mask | value) & EVERY_BIT, value
    value = whole(word, EVERY_BIT, "the mark")
    return {
        "--or-mark": (~value & EVERY_BIT, value),
        "--and-mark": (value, 0),
        "--xor-mark": (EVERY_BIT, value),
    }[name]


def connmark(clause: Clause, place: Place) -> Act:
    """-j CONNMARK: set the connection's mark, save the packet's mark there, or restore it."""
    del place
    names = {o.name for o in clause.options}
    nfmask, ctmask = (
        whole(clause.value(name, clause.value("--mask", hex(EVERY_BIT))), EVERY_BIT, "the mask")
        for name in ("--nfmask", "--ctmask")
    )
    setting = names & {"--set-mark", "--set-xmark"}
    if len(names & {"--set-mark", "--set-xmark", "--save-mark", "--restore-mark"}) != 1:
        raise RuleError(
            "CONNMARK needs exactly one of --set-xmark, --set-mark, --save-mark and --restore-mark"
        )
    keep, flip = _mark_bits(replace(clause, options=clause.options[:1])) if setting else (0, 0)

    def act(s: Skb) -> Outcome:
        connection = s.tracked()
        if connection.entry is None:
            return None
        theirs = connection.entry.mark
        if "--restore-mark" in names:
            s.mark = (s.mark & ~nfmask) ^ (theirs & ctmask)
            return None
        theirs = theirs & keep ^ flip if setting else (theirs & ~ctmask) ^ (s.mark & nfmask)
        s.connection = connection._replace(entry=changed(connection.entry, mark=theirs))
        return None

    return act
