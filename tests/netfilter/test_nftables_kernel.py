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

TEXT = (Path(__file__).parent.parent / "data" / "nftables" / "every-rule.nft").read_text(encoding="utf-8")
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


@pytest.fixture(scope="module")
def kernels():
    """Which rules counted in the kernel, by packet."""
    path = "/usr/sbin:/usr/bin:/sbin:/bin"
    if missing := [name for name in ("unshare", "nft", "ip") if not shutil.which(name, path=path)]:
        give_up(f"{', '.join(missing)} is missing; to enable: apt-get install nftables iproute2 util-linux")
    done = subprocess.run(
        ["unshare", "-Urn", sys.executable, str(Path(__file__).with_name("loopback_nft.py"))],
        input=json.dumps([TEXT, PACKETS]),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": path},
    )
    if done.returncode:
        give_up(f"no network namespace with nftables here ({done.stderr.strip()[:120]})")
    return [{tuple(rule) for rule in told} for told in json.loads(done.stdout)]


def local(address, interface):
    del address, interface
    return "LOCAL"  # all that these packets have are addresses of lo


@lru_cache
def ours():
    """Which rules matched here, by packet: their sets remember from one packet to the next."""
    read = {version: NftRuleset.parse(TEXT, version) for version in (4, 6)}
    context, told = Context(out_interface="lo", address_type=local), []
    for protocol, source, destination, port in PACKETS:
        sent = Packet(protocol, source, 40000, destination, port, "SYN" if protocol == "tcp" else "")
        (one,) = walk(read[sent.family], "OUTPUT", sent, context)
        context = Context(out_interface="lo", address_type=context.address_type, learnt=one.learnt)
        told.append({(step.chain, step.number) for step in one.steps if step.number})
    return told


@pytest.mark.parametrize("number", range(len(PACKETS)), ids=[" ".join(map(str, one)) for one in PACKETS])
def test_a_packet_matches_the_rules_that_it_matches_in_the_kernel(kernels, number):
    # The counter of a rule with a vmap stands before it, and counts whether the map has an element or not.
    counting = {
        (chain, at)
        for chain, rules in chains().items()
        for at, rule in enumerate(rules, 1)
        if "counter" in rule and "vmap" not in rule
    }
    mine = ours()[number] & counting
    assert named(mine - kernels[number]) == [], "matched here, not in the kernel"
    assert named((kernels[number] & counting) - mine) == [], "matched in the kernel, not here"


def chains():
    read = NftRuleset.parse(TEXT)
    return {name: read.rules("inet t", name) for name in read.tables["inet t"]}


def named(rules):
    return sorted(f"{chain} {at}: {chains()[chain][at - 1]}" for chain, at in rules)


def test_every_kind_of_rule_matches_some_packet_and_not_another():
    """A rule that every packet matches, or none, shows little: those are few."""
    seen = [sum(("rules", at) in told for told in ours()) for at in range(1, len(chains()["rules"]) + 1)]
    assert sum(0 < count < len(PACKETS) for count in seen) > 60
