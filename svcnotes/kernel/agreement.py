"""Whether what the kernel did is one of the ways that the simulation foretold."""

from __future__ import annotations

from collections.abc import Iterable

from svcnotes.network.hop import Hop
from svcnotes.trace import Path, Trace

RULE_TABLES = frozenset({"raw", "mangle", "nat", "filter", "security"})
LOOPS = 6  # more stays at one host than this: a loop, of which the simulation writes down a part


def fate(path: Path) -> tuple[object, ...]:
    """How it ended: outcome, refusal, who answered, whom it saw."""
    body = dict(path.body) if path.body is not None else None
    return (path.outcome, path.how, path.icmp_from, path.pod, path.answered_by, path.source_seen, path.status, str(body))


def kept(path: Path, source_port: int) -> bool | None:
    """Whether the asker's port came through, None where nobody saw one."""
    return None if path.source_port_seen is None else path.source_port_seen == source_port


def rules(hops: Iterable[Hop]) -> list[tuple[str, str, str, str, str, int, str]]:
    """Every rule matched, in order: direction, host, hook, table, chain, number, verdict."""
    return [
        (hop.direction, hop.host, step.hook, step.table, step.chain, step.number, step.verdict)
        for hop in hops
        for step in hop.steps
        if step.table in RULE_TABLES
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


def looped(path: Path) -> bool:
    """Whether the packet went round."""
    hosts = [hop.host for hop in path.hops if hop.direction == "there"]
    return any(hosts.count(host) > LOOPS for host in set(hosts))


def difference(foretold: Trace, real: Path) -> str:
    """What of a real path no foretold one has; empty where one is alike in its end, its rules and its way."""
    same_end = [path for path in foretold.paths if fate(path) == fate(real)]
    if not same_end:
        ends = " | ".join(sorted({str(fate(path)) for path in foretold.paths}))
        return f"end: kernel {fate(real)}, simulation {ends}"
    if looped(real):
        return ""
    same_rules = [path for path in same_end if rules(path.hops) == rules(real.hops)]
    if not same_rules:
        return f"rules: {_first(rules(real.hops), [rules(path.hops) for path in same_end])}"
    if not any(way(path.hops) == way(real.hops) for path in same_rules):
        return f"way: {_first(way(real.hops), [way(path.hops) for path in same_rules])}"
    return ""


def _first(real: list[tuple[object, ...]], foretold: list[list[tuple[object, ...]]]) -> str:  # type: ignore[type-arg]
    """The first place where the nearest of the foretold lists differs."""

    def common(one: list[tuple[object, ...]]) -> int:
        return next((at for at, (a, b) in enumerate(zip(real, one, strict=False)) if a != b), min(len(real), len(one)))

    nearest = max(foretold, key=common)
    at = common(nearest)
    ours = nearest[at] if at < len(nearest) else "nothing more"
    theirs = real[at] if at < len(real) else "nothing more"
    return f"at {at}: kernel {theirs}, simulation {ours}"
