"""Order what was heard into stays at hosts: the frames in the order of the kernel's clock, each node's rules beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from svcnotes.kernel.sorting import Sorter
from svcnotes.network.flight import THERE

Said = dict[str, Any]


@dataclass
class Visit:
    """A packet's stay at one host: the frames of its interfaces, and the rules that it matched."""

    host: str
    direction: str
    frames: list[Said] = field(default_factory=list)
    rules: list[Said] = field(default_factory=list)

    def begins_with(self, rule: Said) -> bool:
        """Whether the stay began as this first rule saw it: made here, or come in."""
        if not self.frames:
            return False
        return bool(self.frames[0]["out"]) == bool(rule["hook"] == "OUTPUT")


def visits(found: Said) -> list[Visit]:
    """The stays of one question and its answer, in order."""
    frames = sorted(found["frames"], key=lambda frame: int(frame["time"]))
    _complete(found["rules"], frames)
    packets = [one["packet"] for one in (*frames, *found["rules"])]
    sorter = Sorter(packets, found["token"], found.get("ends"))
    ordered: list[Visit] = []
    for frame in _once(frames, lambda frame: (frame["interface"], frame["out"])):
        direction = sorter.direction(frame["packet"])
        if not direction:
            continue
        last = ordered[-1] if ordered else None
        if last is None or (last.host, last.direction) != (frame["host"], direction) or _again(last, frame):
            last = Visit(frame["host"], direction)
            ordered.append(last)
        last.frames.append(frame)
    passes = list(_passes(found["rules"], sorter))
    first = {id(rules[0]): one for one in passes for rules in [one[2]]}
    for rule in _once(
        [rules[0] for _, _, rules in passes], lambda rule: (rule["hook"], rule["in"], rule["out"])
    ):
        _settle(ordered, *first[id(rule)])
    return ordered


def _once(heard: list[Said], where: Callable[[Said], tuple[Any, ...]]) -> Iterator[Said]:
    """Leave out what TCP said again: the same packet at the same place, with a TTL that no loop has lowered."""
    seen = set()
    for one in heard:
        packet = one["packet"]
        ends = (packet["source"], packet["source_port"], packet["destination"], packet["destination_port"])
        what = (one["host"], *where(one), *ends, packet["ttl"], packet.get("flags"), packet.get("icmp"))
        if what not in seen:
            seen.add(what)
            yield one


def _complete(rules: list[Said], frames: list[Said]) -> None:
    """Give an ICMP error the packet that it is about, where the tracing (nf_tables') cut it off."""
    inner = {
        frame["packet"]["icmp"]: frame["packet"]["inner"] for frame in frames if frame["packet"].get("inner")
    }
    for rule in rules:
        packet = rule["packet"]
        if packet.get("icmp") in inner and not packet.get("inner"):
            packet["inner"] = inner[packet["icmp"]]


def _again(last: Visit, frame: Said) -> bool:
    """Whether a packet that left the host has come back by the same interface: a stay of its own."""
    previous = last.frames[-1]
    return bool(previous["out"]) and not frame["out"] and frame["interface"] != "lo"


def _passes(rules: list[Said], sorter: Sorter) -> Iterator[tuple[str, str, list[Said]]]:
    """Each host's rules, there and back apart, cut where a packet came in or was made.

    nf_tables tells of a REJECT when the error that it makes is already under way.
    """
    under_way: dict[tuple[str, str], list[Said]] = {}
    for rule in rules:
        direction = sorter.direction(rule["packet"])
        if not direction:
            continue
        where = (rule["host"], direction)
        if where in under_way and _starts(under_way[where][-1], rule):
            yield *where, under_way.pop(where)
        under_way.setdefault(where, []).append(rule)
    for where, left in under_way.items():
        yield *where, left


def _starts(before: Said, rule: Said) -> bool:
    """Whether a rule begins another pass: it came in or was made anew; what lo brings back goes on."""
    if rule["hook"] not in ("PREROUTING", "OUTPUT") or rule["in"] == "lo":
        return False
    return bool(before["hook"] != rule["hook"] or rule["priority"] < before["priority"])


def _settle(ordered: list[Visit], host: str, direction: str, rules: list[Said]) -> None:
    """Put a pass to its stay; one of a packet that no interface ever saw is a stay of its own."""
    for visit in ordered:
        if (
            (visit.host, visit.direction) == (host, direction)
            and not visit.rules
            and visit.begins_with(rules[0])
        ):
            visit.rules = rules
            return
    lone = Visit(host, direction, [], rules)
    if direction == THERE:
        ordered.insert(0, lone)
        return
    there = [at for at, visit in enumerate(ordered) if visit.host == host and visit.direction == THERE]
    ordered.insert(there[-1] + 1 if there else len(ordered), lone)
