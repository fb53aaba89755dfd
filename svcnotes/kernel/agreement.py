"""Whether what the kernel did is one of the ways that the simulation foretold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from math import ceil, comb, log

from svcnotes.kernel.lab import Asked, Lab
from svcnotes.kernel.tracer import once
from svcnotes.network.hop import Hop
from svcnotes.packet import Packet
from svcnotes.trace import Path, Trace

Told = Sequence[tuple[object, ...]]
HASTE, PATIENCE = 0.012, 0.4
AGAIN = 3  # times as many tries follow a difference, to see it again
ABSURD = 1e-7  # a count so unlikely says that the chance is another
MISSED = 1e-7  # the chance that a way which there is would not be seen in all the tries

LOOPS = 6  # more stays at one host than this: a loop, of which the simulation writes down a part


def fate(path: Path) -> tuple[object, ...]:
    """How it ended: outcome, refusal, who answered, whom it saw."""
    body = dict(path.body) if path.body is not None else None
    return (
        path.outcome,
        path.how,
        path.icmp_from,
        path.pod,
        path.answered_by,
        path.source_seen,
        path.status,
        str(body),
    )


def kept(path: Path, source_port: int) -> bool | None:
    """Whether the asker's port came through, None where nobody saw one."""
    return None if path.source_port_seen is None else path.source_port_seen == source_port


def told(path: Path) -> tuple[Hop, ...]:
    """The hops that both tell of.

    Where send() fails with EPERM at a REJECT, Linux makes an ICMP error as well, which nobody reads; the
    simulation leaves it out.
    """
    return tuple(hop for hop in path.hops if path.how != "eperm" or hop.direction == "there")


def rules(hops: Iterable[Hop]) -> list[tuple[str, str, str, str, str, int, str]]:
    """Every rule matched and every policy, in order: direction, host, hook, table, chain, number, verdict."""
    return [
        (hop.direction, hop.host, step.hook, step.table, step.chain, step.number, step.verdict)
        for hop in hops
        for step in hop.steps
        if step.chain
    ]


def way(hops: Iterable[Hop]) -> list[tuple[str, ...]]:
    """The stays in order: direction, host, the addresses that it came with and left with."""
    return [
        (
            hop.direction,
            hop.host,
            hop.packet.source,
            hop.packet.destination,
            *((hop.leaves.source, hop.leaves.destination) if hop.leaves is not None else ()),
        )
        for hop in hops
    ]


def turns(hops: Iterable[Hop]) -> list[tuple[str, ...]]:
    """What NAT did, in order: direction, host, hook, the addresses before and after; of an ICMP error those within too.

    A hook counts as a whole: where a rule and conntrack both change a packet there, the kernel shows the end of it.
    """
    found = []
    for hop in hops:
        for hook, at_hook in groupby(hop.steps, key=lambda step: step.hook):
            steps = list(at_hook)
            before, after = _addresses(steps[0].before), _addresses(steps[-1].after)
            if before != after:
                found.append((hop.direction, hop.host, hook, *before, *after))
    return found


def _addresses(packet: Packet) -> tuple[str, ...]:
    within = _addresses(packet.inner) if packet.inner else ()
    return (packet.source, packet.destination, *within)


def looped(path: Path) -> bool:
    """Whether the packet went round."""
    hosts = [hop.host for hop in path.hops if hop.direction == "there"]
    return any(hosts.count(host) > LOOPS for host in set(hosts))


def spun(path: Path) -> bool:
    """Whether the simulation shortened a routing loop."""
    return any("a routing loop" in step.rule for hop in path.hops for step in hop.steps)


def difference(foretold: Trace, real: Path) -> str:
    """What of a real path no foretold one has; empty where one is alike in its end, its rules, its way and its NAT."""
    same_end = [path for path in foretold.paths if fate(path) == fate(real)]
    if not same_end:
        ends = " | ".join(sorted({str(fate(path)) for path in foretold.paths}))
        return f"end: kernel {fate(real)}, simulation {ends}"
    if looped(real) or any(spun(path) for path in same_end):
        return ""
    same_rules = [path for path in same_end if rules(told(path)) == rules(told(real))]
    if not same_rules:
        return f"rules: {_first(rules(told(real)), [rules(told(path)) for path in same_end])}"
    same_way = [path for path in same_rules if way(told(path)) == way(told(real))]
    if not same_way:
        return f"way: {_first(way(told(real)), [way(told(path)) for path in same_rules])}"
    seen = turns(told(real))
    every = [turns(told(path)) for path in same_way]
    if _unseen(real.hops):
        every = [one[:-1] for one in every]
    return "" if seen in every else f"nat: {_first(seen, every)}"


def _unseen(hops: Sequence[Hop]) -> bool:
    """Whether the kernel dropped a packet right behind the rule that translated it: no later rule tells what it became."""
    last = hops[-1].steps[-1:] if hops else ()
    return any(step.verdict == "dnat" and step.before == step.after for step in last)


def _first(real: Told, foretold: Iterable[Told]) -> str:
    """The first place where the nearest of the foretold lists differs."""

    def common(one: Told) -> int:
        pairs = enumerate(zip(real, one, strict=False))
        return next((at for at, (a, b) in pairs if a != b), min(len(real), len(one)))

    nearest = max(foretold, key=common)
    at = common(nearest)
    ours = nearest[at] if at < len(nearest) else "nothing more"
    theirs = real[at] if at < len(real) else "nothing more"
    return f"at {at}: kernel {theirs}, simulation {ours}"


@dataclass(frozen=True)
class Comparison:
    """One question put to both: `difference` is empty where they agree; `paths` are what the kernel did, try by try.

    `stray` is a difference that did not come again.
    """

    difference: str
    paths: tuple[Path, ...]
    rules: int = 0
    stray: str = ""


def ends(foretold: Trace) -> dict[tuple[object, ...], Fraction]:
    """Each end that is foretold, with its chance."""
    chances: dict[tuple[object, ...], Fraction] = {}
    for one in foretold.paths:
        chances[fate(one)] = chances.get(fate(one), Fraction()) + one.probability
    return chances


def compare(lab: Lab, foretold: Trace, asked: list[Asked], *, most: int = 400) -> Comparison:
    """Ask until every end that the simulation foretold has been seen; each try must be one of its paths.

    Silence that it did not foretell is heard once more, with patience, and a difference must come twice, before it
    counts: packets on a busy machine may cross.
    """
    chances = ends(foretold)
    rarest = min(chances.values())
    tries = 1 if len(chances) == 1 else min(most, ceil(log(MISSED) / log(1 - float(rarest))))
    seen: list[Path] = []
    missing = set(chances)
    first, left = "", tries * len(asked)
    while left > 0:
        left -= 1
        question = asked[len(seen) % len(asked)]
        real = once(lab, question, HASTE)
        wrong = difference(foretold, real)
        if wrong and real.outcome == "timeout":
            real = once(lab, question, PATIENCE)
            wrong = difference(foretold, real)
        seen.append(real)
        if wrong and first:
            return Comparison(wrong, tuple(seen))
        if wrong:
            first, left = wrong, left + AGAIN * tries
        missing.discard(fate(real))
        if not missing and (not first or left <= 0):
            break
    wrong = "".join(f"never in {len(seen)} tries: {one}, chance {chances[one]}" for one in missing)
    return Comparison(wrong, tuple(seen), sum(len(rules(one.hops)) for one in seen), first)


def odds(lab: Lab, foretold: Trace, asked: Asked, *, tries: int = 200) -> str:
    """Ask so often, and say which end came absurdly often or seldom; empty where every chance is believable."""
    chances = ends(foretold)
    if len(chances) == 1:
        return ""
    seen = Counter(fate(once(lab, asked, HASTE)) for _ in range(tries))
    wrong = [
        f"{seen[end]} of {tries}, chance {chance}: {end}"
        for end, chance in chances.items()
        if tail(seen[end], tries, float(chance)) < ABSURD
    ]
    return f"odds: {'; '.join(wrong)}" if wrong else ""


def tail(seen: int, tries: int, chance: float) -> float:
    """The chance of a count so far off, or further, in its direction (binomial distribution)."""
    low = seen <= tries * chance
    reach = range(seen + 1) if low else range(seen, tries + 1)
    return sum(comb(tries, k) * chance**k * (1 - chance) ** (tries - k) for k in reach)
