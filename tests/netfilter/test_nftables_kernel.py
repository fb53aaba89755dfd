"""nftables held against the real kernel: the same rules, the same packets over loopback, one after the other."""

import json
import os
import shutil
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import pytest

from svcnotes.netfilter import Context, NftRuleset, walk
from svcnotes.packet import Packet

DATA = Path(__file__).parent.parent / "data" / "nftables"
NAMES = ["every-rule", *sorted(path.stem for path in DATA.glob("random-*.nft"))]
SOURCES = ("127.0.2.10", "127.0.2.11", "127.0.2.9", "127.0.3.1", "127.0.5.77")
ENDS = (
    ("127.0.0.11", 3000),
    ("127.0.0.11", 3005),
    ("127.0.0.11", 53),
    ("127.0.0.12", 53),
    ("127.0.0.12", 3001),
    ("127.0.0.11", 3001),
)
ENDS6 = (("fd00::11", 3000), ("fd00::11", 53), ("fd00::12", 3001))
PACKETS = [
    (kind, source, *end)
    for kind in ("tcp", "udp")
    for sources, ends in ((SOURCES, ENDS), (("fd00::2:10", "fd00::3:1"), ENDS6))
    for source in sources
    for end in ends
]


def give_up(why):
    """Skip, saying why; in continuous integration nothing skips."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(f"skipped: {why}")


@lru_cache
def text_of(name):
    return (DATA / f"{name}.nft").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def kernels():
    """Which rules of a text counted in the kernel, by packet."""
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    if missing := [name for name in ("unshare", "nft", "ip") if not shutil.which(name, path=path)]:
        give_up(f"{', '.join(missing)} is missing; to enable: apt-get install nftables iproute2 util-linux")

    @lru_cache
    def of(name):
        done = subprocess.run(
            ["unshare", "-Urn", sys.executable, str(Path(__file__).with_name("loopback_nft.py"))],
            input=json.dumps([text_of(name), PACKETS]),
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": path},
        )
        if done.returncode:
            give_up(f"no network namespace with nftables here ({done.stderr.strip()[:120]})")
        return [{tuple(rule) for rule in told} for told in json.loads(done.stdout)]

    return of


def local(address, interface):
    del address, interface
    return "LOCAL"  # all that these packets have are addresses of lo


@lru_cache
def ours(name):
    """Which rules matched here, by packet: their sets remember from one packet to the next."""
    read = {version: NftRuleset.parse(text_of(name), version) for version in (4, 6)}
    context, told = Context(out_interface="lo", address_type=local), []
    for protocol, source, destination, port in PACKETS:
        sent = Packet(protocol, source, 40000, destination, port, "SYN" if protocol == "tcp" else "")
        (one,) = walk(read[sent.family], "OUTPUT", sent, context)
        context = Context(out_interface="lo", address_type=local, learnt=one.learnt)
        told.append({(step.chain, step.number) for step in one.steps if step.number})
    return told


def counting(name):
    """The rules whose counter tells whether they matched: it stands last, but for a verdict without a question."""
    return {
        (chain, at)
        for chain, rules in chains(name).items()
        for at, rule in enumerate(rules, 1)
        if "counter" in rule and " vmap " not in rule and not rule.endswith("}")
    }


@pytest.mark.parametrize("name", NAMES)
def test_packets_match_the_rules_that_they_match_in_the_kernel(kernels, name):
    asked = counting(name)
    for packet, here, there in zip(PACKETS, ours(name), kernels(name), strict=True):
        assert named(name, (here - there) & asked) == [], f"{packet} matched here, not in the kernel"
        assert named(name, (there - here) & asked) == [], f"{packet} matched in the kernel, not here"


def chains(name):
    read = NftRuleset.parse(text_of(name))
    return {chain: read.rules("inet t", chain) for chain in read.tables["inet t"]}


def named(name, rules):
    return sorted(f"{chain} {at}: {chains(name)[chain][at - 1]}" for chain, at in rules)


def test_every_kind_of_rule_matches_some_packet_and_not_another():
    """A rule that every packet matches, or none, shows little: those are few."""
    rules = range(1, len(chains("every-rule")["rules"]) + 1)
    seen = [sum(("rules", at) in told for told in ours("every-rule")) for at in rules]
    assert sum(0 < count < len(PACKETS) for count in seen) > 60


@pytest.mark.parametrize("name", NAMES)
def test_packets_go_different_ways_through_a_text(name):
    assert len({frozenset(told) for told in ours(name)}) > 5
