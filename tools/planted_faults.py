"""Put one fault into the simulation and see whether the comparison with the real kernel finds it.

A measure of the measure: `python tools/planted_faults.py` plants each fault in turn, in this process alone,
asks random worlds until one differs, makes it small and prints it; 1 where a fault was not found.
"""

# ruff: noqa: INP001, T201 - a program to run, no package

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import count
from pathlib import Path
from unittest.mock import patch

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools")]

import conformance  # noqa: E402 - tools are no package
from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from random_worlds import Case, cases  # noqa: E402
from shrinking import shrink  # noqa: E402

from svcnotes.kernel import Lab, available  # noqa: E402
from svcnotes.netfilter.choices import Script  # noqa: E402
from svcnotes.netfilter.nftables import compile as compile_nft  # noqa: E402
from svcnotes.network import conversation, hooks, node_rules  # noqa: E402
from svcnotes.network.host import Host  # noqa: E402
from svcnotes.packet import Packet  # noqa: E402

LIMIT = 4_000
"""How many questions are asked before a fault counts as not found."""


@contextmanager
def wrong_probability() -> Iterator[None]:
    """A `statistic` match is won half as often as its rule says."""
    told = Script.__call__

    def halved(self: Script, chance: Fraction, near: float) -> bool:
        return told(self, chance / 2, near / 2)

    with patch.object(Script, "__call__", halved):
        yield


@contextmanager
def no_reply_check() -> Iterator[None]:
    """An asker takes an answer from whomever it comes."""
    with patch.object(conversation, "_same", lambda _one, _asked: True):
        yield


@contextmanager
def wrong_masquerade() -> Iterator[None]:
    """MASQUERADE writes the address of eth0, whichever interface the packet leaves by."""
    told = hooks.masquerade_address

    def of_eth0(host: Host, packet: Packet, out_interface: str) -> str | None:
        return told(host, packet, "eth0" if "eth0" in host.interfaces else out_interface)

    with patch.object(hooks, "masquerade_address", of_eth0):
        yield


@contextmanager
def mark_not_set() -> Iterator[None]:
    """A rule of nftables that sets a mark leaves the packet as it is."""
    _forget_rules()
    with patch.object(compile_nft, "_set_mark", lambda _value: compile_nft._nothing):  # noqa: SLF001
        yield
    _forget_rules()


def _forget_rules() -> None:
    """Rules are read once and kept: those that were read with a fault must go, and so must those without."""
    for kept in (node_rules.node_ruleset, node_rules.parsed, node_rules._checked):  # noqa: SLF001
        kept.cache_clear()


@dataclass(frozen=True)
class Fault:
    """How a fault is planted, and the proxy mode of the worlds in which it is sought; empty for any."""

    plant: Callable[[], AbstractContextManager[None]]
    mode: str = ""


FAULTS = {
    "wrong probability": Fault(wrong_probability),
    "no reply check": Fault(no_reply_check),
    "wrong MASQUERADE address": Fault(wrong_masquerade),
    "mark not set in nftables": Fault(mark_not_set, "nftables"),
}


@dataclass(frozen=True)
class Found:
    """After how many questions a fault was found, in which small case, and what differed."""

    after: int
    case: Case
    why: str


def hunt(lab: Lab, fault: str, start: int, *, limit: int = LIMIT, shrinking: float = 20.0) -> Found | None:
    """Plant a fault and ask random worlds; None where `limit` questions did not show it. `shrinking` in seconds."""
    tally, worlds = conformance.Tally(), _worlds(start, FAULTS[fault].mode)
    with FAULTS[fault].plant():
        while tally.counts["flows"] < limit:
            case = next(worlds)
            why = conformance.differs(lab, case, tally)
            if why:
                after = tally.counts["flows"]
                smaller = shrink(
                    case,
                    why,
                    lambda one: conformance.differs(lab, one, conformance.Tally()),
                    seconds=shrinking,
                )
                return Found(after, *smaller)
    return None


def _worlds(start: int, mode: str) -> Iterator[Case]:
    for number in count(start):
        yield from _batch(number, mode)


def _batch(start: int, mode: str) -> list[Case]:
    found: list[Case] = []

    @seed(start)
    @settings(
        max_examples=conformance.BATCH,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases(mode=mode))
    def collect(case: Case) -> None:
        found.append(case)

    collect()
    return found


def main() -> int:
    """Plant every fault in turn and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if why := available():
        print(why, file=sys.stderr)
        return 1
    missed = 0
    with Lab() as lab:
        for name in FAULTS:
            found = hunt(lab, name, options.seed)
            if found is None:
                missed += 1
                print(f"\n{name}: NOT found in {LIMIT:,} questions")
                continue
            print(f"\n{name}: found at question {found.after:,}, made small:\n  {found.why}")
            print("  " + json.dumps(found.case, default=list))
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
