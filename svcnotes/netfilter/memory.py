"""The matches that remember or toss: conntrack, recent, statistic, limits."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from svcnotes.addresses import text
from svcnotes.errors import RuleError
from svcnotes.netfilter.addresses import address, network
from svcnotes.netfilter.conntrack import Entry
from svcnotes.netfilter.header import Test, protocol_number
from svcnotes.netfilter.matches import Place, required
from svcnotes.netfilter.phases import ASSURED
from svcnotes.netfilter.reading import listed, masked, ports, whole
from svcnotes.netfilter.rule import Clause, Option
from svcnotes.netfilter.skb import DNAT, PROTOCOLS, SNAT, STATES, Skb

STATE_BITS = {**STATES, "SNAT": SNAT, "DNAT": DNAT}
STATUSES = ("NONE", "EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED")
ONE = 1 << 31  # probabilities are kept in 31 bits (xt_statistic.c)


def conntrack(clause: Clause, place: Place) -> list[Test]:
    """-m conntrack: state, statuses and the addresses of both directions."""
    if not clause.options:
        raise RuleError("-m conntrack needs an option such as --ctstate")
    return [_conntrack_option(option, place.family) for option in clause.options]


def state(clause: Clause, place: Place) -> list[Test]:
    """-m state: the elder sister of --ctstate."""
    del place
    return [_state_bits(required(clause, "--state"), STATES)]


def _state_bits(option: Option, known: dict[str, int]) -> Test:
    bits, negated = sum({known[word] for word in listed(option.values[0], known, "state")}), option.negated
    return (lambda s: not s.state & bits) if negated else (lambda s: bool(s.state & bits))


def _conntrack_option(option: Option, family: int) -> Test:
    word, negated = option.values[0], option.negated
    if option.name == "--ctstate":
        return _state_bits(option, STATE_BITS)
    if option.name == "--ctdir":
        direction = listed(word, ("ORIGINAL", "REPLY"), "direction")[0].lower()
        return lambda s: s.tracked().entry is not None and s.tracked().direction == direction
    if option.name == "--ctstatus":
        statuses = listed(word, STATUSES, "status")
        return _of_entry(lambda e: any(_has_status(e, status) for status in statuses), negated=negated)
    if option.name == "--ctproto":
        number = protocol_number(word)
        return _of_entry(lambda e: PROTOCOLS.get(e.original.protocol) == number, negated=negated)
    return _of_entry(_flow_test(option.name, word, family), negated=negated)


def _flow_test(name: str, word: str, family: int) -> Callable[[Entry], bool]:
    original = name.startswith("--ctorig")
    source = "src" in name

    def end(entry: Entry) -> tuple[str, int]:
        flow = entry.original if original else entry.reply
        return (flow.source, flow.source_port) if source else (flow.destination, flow.destination_port)

    if name.endswith("port"):
        low, high = ports(word)
        return lambda e: low <= end(e)[1] <= high
    value, mask = network(word, family)
    return lambda e: address(end(e)[0], family) & mask == value


def _of_entry(fits: Callable[[Entry], bool], *, negated: bool) -> Test:
    """Ask the packet's entry; a packet without one fits neither the question nor its negation."""

    def test(s: Skb) -> bool:
        entry = s.tracked().entry
        return entry is not None and fits(entry) != negated

    return test


def _has_status(entry: Entry, status: str) -> bool:
    return {
        "NONE": not (entry.seen_reply or entry.confirmed),
        "EXPECTED": False,
        "SEEN_REPLY": entry.seen_reply,
        "ASSURED": entry.phase in ASSURED,
        "CONFIRMED": entry.confirmed,
    }[status]


def connmark(clause: Clause, place: Place) -> list[Test]:
    """-m connmark: the connection's mark under a mask."""
    del place
    option = required(clause, "--mark")
    value, mask = masked(option.values[0])
    return [_of_entry(lambda e: e.mark & mask == value, negated=option.negated)]


@lru_cache(maxsize=1024)
def probability(word: str) -> Fraction:
    """Read a printed probability as the fraction meant: 0.33333333349 is 1/3.

    The kernel keeps k / 2^31. Of all fractions that round to this k the simplest is taken, which is
    1/n wherever 1/n was meant.
    """
    try:
        kept = int((Decimal(word) * ONE).to_integral_value()) if word.isascii() else -1
    except (ArithmeticError, ValueError):  # decimal's Overflow and InvalidOperation are of the first kind
        kept = -1
    if not 0 <= kept <= ONE:
        raise RuleError(f"the probability `{word}` is not a number from 0 to 1")
    exact = Fraction(kept, ONE)
    simple = Fraction(1, round(1 / exact)) if kept else exact
    if round(simple * ONE) != kept:
        simple = exact.limit_denominator(10_000)
    return simple if round(simple * ONE) == kept else exact


def statistic(clause: Clause, place: Place) -> list[Test]:
    """-m statistic: the walk forks here.

    Simplification: where the counter of `--mode nth` stands is not known, so every position is as
    likely as another, and the match is a toss of 1 in n.
    """
    del place
    mode = required(clause, "--mode").values[0]
    if mode == "random":
        option = required(clause, "--probability")
        chance = probability(option.values[0])
    elif mode == "nth":
        option = required(clause, "--every")
        every = whole(option.values[0], (1 << 32) - 1, "--every", least=1)
        whole(clause.value("--packet", "0"), every - 1, "--packet")
        chance = Fraction(1, every)
    else:
        raise RuleError(f"unknown mode `{mode}`: -m statistic knows random and nth")
    chance = 1 - chance if option.negated else chance
    if chance == 1:
        return []
    near = float(chance)
    return [lambda s: s.toss(chance, near)]


def recent(clause: Clause, place: Place) -> list[Test]:
    """-m recent: put an address into a list, or ask whether it was seen (xt_recent.c)."""
    actions = [o for o in clause.options if o.name in ("--set", "--rcheck", "--update", "--remove")]
    if len(actions) != 1:
        raise RuleError("-m recent needs exactly one of --set, --rcheck, --update and --remove")
    action, negated = actions[0].name, actions[0].negated
    seconds = whole(clause.value("--seconds", "0"), 1 << 31, "--seconds")
    hits = whole(clause.value("--hitcount", "1"), 255, "--hitcount", least=1)
    reap = clause.get("--reap") is not None
    if reap and not seconds:
        raise RuleError("--reap needs --seconds")
    if action in ("--set", "--remove") and (seconds or clause.get("--hitcount")):
        raise RuleError(f"{action} takes no --seconds and no --hitcount: drop them")
    name = clause.value("--name", "DEFAULT")
    mask = address(
        clause.value("--mask", "255.255.255.255" if place.family == 4 else ":".join(["ffff"] * 8)),
        place.family,
    )
    of_destination = clause.get("--rdest") is not None

    def test(s: Skb) -> bool:
        who = text((s.dst if of_destination else s.src) & mask, s.family)
        now = s.context.time
        if action == "--set":
            s.recent = s.recent.with_seen(name, who, now)
            return not negated
        stamps = s.recent.seen(name, who)
        if not stamps:
            return negated
        if action == "--remove":
            s.recent = s.recent.without(name, who)
            return not negated
        found = sum(not seconds or stamp >= now - seconds for stamp in stamps) >= hits
        if reap:
            s.recent = s.recent.reaped(name, now - seconds)
        if action == "--update" and found != negated:
            s.recent = s.recent.with_seen(name, who, now)
        return found != negated

    return [test]


def limit(clause: Clause, place: Place) -> list[Test]:
    """-m limit and hashlimit.

    Simplification: one packet is looked at, and one packet never exceeds a limit.
    """
    del place
    if clause.name == "limit":
        return []
    above, upto = clause.get("--hashlimit-above"), clause.get("--hashlimit-upto")
    required(clause, "--hashlimit-name")
    if (above is None) == (upto is None):
        raise RuleError("-m hashlimit needs one of --hashlimit-upto and --hashlimit-above")
    rare = above.negated if above else not (upto and upto.negated)
    return [] if rare else [lambda s: s.family == 0]
