"""IP sets and the other matches, held against the real kernel: the same rules, the same packets over loopback."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from svcnotes.netfilter import Context, Ruleset, walk
from svcnotes.packet import Packet

SETS = """create nets hash:net
add nets 127.0.0.0/8
add nets 127.0.2.0/24 nomatch
add nets 127.0.2.10
create services hash:ip,port
add services 127.0.0.11,tcp:3000
add services 127.0.0.11,udp:3000-3010
add services 127.0.0.11,53
create ports bitmap:port range 3000-4000
add ports 3000-3001
create whole hash:ip netmask 24
add whole 127.0.5.0
create span bitmap:ip range 127.0.2.0/24
add span 127.0.2.9-127.0.2.10
create by hash:net,iface
add by 127.0.2.0/24,lo
create both list:set size 8
add both span
add both whole
create none list:set size 8
"""
RULES = (
    "-m set --match-set nets src",
    "-m set ! --match-set nets src",
    "-m set --match-set nets src --return-nomatch",
    "-m set --match-set services dst,dst",
    "-m set --match-set services dst,src",
    "-m set --match-set services dst",
    "-m set ! --match-set services dst",
    "-m set --match-set ports dst",
    "-m set ! --match-set ports dst",
    "-m set --match-set whole src",
    "-m set --match-set span src",
    "-m set --match-set span src,dst",
    "-m set --match-set by src,dst",
    "-m set --match-set by src,src",
    "-m set --match-set both src",
    "-m set ! --match-set both src,dst",
    "-m set --match-set none src",
    "-m set ! --match-set none src",
    "-m iprange --src-range 127.0.2.9-127.0.2.10",
    "-m iprange ! --dst-range 127.0.0.11-127.0.0.11",
    "-m ttl --ttl-eq 64",
    "-m ttl --ttl-gt 64",
    "-m ttl ! --ttl-eq 3",
    "! -f",
    "-m pkttype --pkt-type unicast",
    "-m policy --dir out --pol none",
    "-m dscp ! --dscp 0x01",
    "-m tos --tos 0x00/0xff",
)
SOURCES = ("127.0.2.10", "127.0.2.11", "127.0.2.9", "127.0.3.1", "127.0.5.77")
ENDS = (
    ("127.0.0.11", 3000),
    ("127.0.0.11", 3005),
    ("127.0.0.11", 53),
    ("127.0.0.12", 53),
    ("127.0.0.12", 3001),
)
PACKETS = [(kind, source, *end) for kind in ("tcp", "udp") for source in SOURCES for end in ENDS]


@pytest.fixture(scope="module")
def kernels():
    """Which rules matched in the kernel, by packet."""
    tools = ("unshare", "iptables-legacy-restore", "iptables-legacy", "ipset")
    if missing := [name for name in tools if not shutil.which(name)]:
        give_up(f"{', '.join(missing)} is missing; to enable: apt-get install iptables ipset util-linux")
    worker = Path(__file__).with_name("loopback_rules.py")
    done = subprocess.run(
        ["unshare", "-Urn", sys.executable, str(worker)],
        input=json.dumps([SETS, RULES, PACKETS]),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "XTABLES_LOCKFILE": "/dev/null"},
    )
    if done.returncode:
        give_up(f"no network namespace with iptables and ipset here ({done.stderr.strip()[:120]})")
    return dict(zip(PACKETS, json.loads(done.stdout), strict=True))


def give_up(why):
    """Skip, saying why; in continuous integration nothing skips."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(f"skipped: {why}")


def ours(rule, packet):
    protocol, source, destination, port = packet
    text = f"*filter\n:OUTPUT ACCEPT\n-A OUTPUT -o lo {rule} -j DROP\nCOMMIT\n"
    sent = Packet(protocol, source, 40000, destination, port, "SYN" if protocol == "tcp" else "")
    (one,) = walk(Ruleset.parse(text, sets=SETS), "OUTPUT", sent, Context(out_interface="lo"))
    return one.verdict == "drop"


@pytest.mark.parametrize("number", range(len(RULES)), ids=RULES)
def test_a_rule_matches_the_packets_that_it_matches_in_the_kernel(kernels, number):
    theirs = {packet: matched[number] for packet, matched in kernels.items()}
    assert theirs == {packet: ours(RULES[number], packet) for packet in PACKETS}


def test_the_packets_tell_the_rules_apart(kernels):
    matched = [sum(column) for column in zip(*kernels.values(), strict=True)]
    assert sum(0 < count < len(PACKETS) for count in matched) >= 12
