"""A host to try rules on, and the recorded rule texts."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from rule_texts import HOST, SYN, table

from svcnotes.netfilter import Context, Ruleset, Walk, walk
from svcnotes.packet import Packet


@pytest.fixture(scope="session")
def recorded(data: Path) -> list[tuple[Path, str, int]]:
    """Every recorded iptables-save text with its family."""
    texts = [
        (path, path.read_text(), 6 if "ipv6" in path.parent.name else 4)
        for path in sorted((data / "oracle").glob("*/*.iptables-save"))
    ]
    assert len(texts) >= 100
    return texts


@pytest.fixture(scope="session")
def recorded_ruleset(data: Path) -> Callable[..., Ruleset]:
    def read(scenario: str, node: str = "node-1") -> Ruleset:
        text = (data / "oracle" / scenario / f"{node}.iptables-save").read_text()
        return Ruleset.parse(text, 6 if "ipv6" in scenario else 4)

    return read


@pytest.fixture
def syn() -> Packet:
    return SYN


@pytest.fixture
def host() -> Context:
    return HOST


@pytest.fixture
def matches() -> Callable[..., bool]:
    """Whether a rule's matches let a packet through, tried as a DROP in the filter table's FORWARD."""

    def tried(options: str, packet: Packet = SYN, context: Context = HOST, **changes) -> bool:
        packet = replace(packet, **changes)
        text = table("filter", f"-A FORWARD {options} -j DROP")
        (one,) = walk(Ruleset.parse(text, packet.family), "FORWARD", packet, context)
        return one.verdict == "drop"

    return tried


@pytest.fixture
def through() -> Callable[..., tuple[Walk, ...]]:
    """Walk a packet through rules of one table at one hook."""

    def tried(name: str, hook: str, *rules: str, packet: Packet = SYN, context: Context = HOST, **options):
        return walk(Ruleset.parse(table(name, *rules, **options), packet.family), hook, packet, context)

    return tried


@pytest.fixture
def probabilities() -> Callable[[tuple[Walk, ...]], Fraction]:
    return lambda walks: sum((w.probability for w in walks), Fraction(0))
