"""Rules named by number, held against the real nft: the same tables, the same commands, the same errors."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_nftables_kernel import give_up

from svcnotes.errors import RuleError
from svcnotes.netfilter.nftables.document import document
from svcnotes.netfilter.nftables.edits import edited
from svcnotes.netfilter.nftables.handles import listed

TEXT = """\
table ip t {
	set s {
		type ipv4_addr
		elements = { 172.18.0.11 }
	}

	map m {
		type inet_proto . inet_service : verdict
		elements = { tcp . 30080 : goto external }
	}

	chain input {
		type filter hook input priority filter; policy accept;
		ip daddr @s meta l4proto . th dport vmap @m
		tcp dport { 80, 443 } accept
		ip saddr . tcp dport { 1.2.3.4 . 80 } continue
		numgen random mod 2 vmap { 0 : goto external, 1 : drop }
		tcp dport 5 meta mark set ip saddr map { 1.2.3.4 : 0x00000001 } tcp dport != { 6, 7 } accept
	}

	chain external {
		meta mark set meta mark | 0x00004000
		accept
	}
}
"""
COMMANDS = [
    "add rule ip t external drop",
    "delete rule ip t external handle 15",
    "delete rule ip t external handle 16",
    "delete rule t input handle 7",
    "delete rule ip t external handle 0",
    "replace rule ip t external handle 16 tcp dport { 3 } drop",
    "replace rule ip t external handle 16 tcp dport { 3, 4 } drop",
    "insert rule ip t external handle 16 drop",
    "add rule ip t external handle 15 drop",
    "insert rule ip t external position 16 drop",
    "add rule ip t external position 15 drop",
    "insert rule ip t external index 1 drop",
    "add rule ip t external index 0 tcp dport { 8, 9 } drop",
    "add rule ip t external handle 0 drop",
    "insert rule ip t external handle 0 drop",
    # what nft refuses
    "delete rule ip t external handle 99",
    "delete rule ip t external handle 7",
    "delete rule ip t external",
    "delete rule ip t external index 0",
    "delete rule ip t external accept",
    "delete rule ip t external handle x",
    "replace rule ip t external handle 0 drop",
    "replace rule ip t external handle 99 drop",
    "replace rule ip t external index 0 drop",
    "insert rule ip t external position 99 drop",
    "add rule ip t external handle 99 drop",
    "add rule ip t external index 2 drop",
    "insert rule ip t external index 2 drop",
    "add rule ip t external index x drop",
]


@pytest.fixture(scope="module")
def real():
    """What nft said of each command, and what it listed then."""
    done = subprocess.run(
        ["unshare", "-Urn", sys.executable, str(Path(__file__).with_name("edited_nft.py"))],
        input=json.dumps([TEXT, COMMANDS]),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    if done.returncode:
        give_up(f"no network namespace with nftables here ({done.stderr.strip()[:120]})")
    return dict(zip(COMMANDS, json.loads(done.stdout), strict=True))


def bare(listing):
    """A listing without the table's own number: the kernel goes on counting where a table was loaded anew."""
    return re.sub(r"(?m)^(table .*\{) # handle \d+$", r"\1", listing)


def test_the_real_nft_numbers_what_it_loads_as_we_do(real):
    refused = next(command for command in COMMANDS if real[command][0])
    assert bare(real[refused][1]) == bare(listed(document(TEXT)))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_with_a_number_does_what_the_real_nft_does(real, command):
    error, listing = real[command]
    if not error:
        assert edited(TEXT, command) == re.sub(r" # handle \d+", "", listing)
        return
    with pytest.raises(RuleError) as refused:
        edited(TEXT, command)
    ours = str(refused.value).removeprefix("line 1: ")
    said = re.sub(r"unexpected .*?, ", "", error.partition("Error: ")[2])
    assert ours.startswith(said), (ours, said)


def test_a_number_stays_a_rules_own_whatever_came_and_went_before():
    commands = "delete rule ip t external handle 15; insert rule ip t external handle 16 drop; replace rule ip t external handle 16 return"
    assert edited(TEXT, commands).endswith("\tchain external {\n\t\tdrop\n\t\treturn\n\t}\n}\n")
    with pytest.raises(RuleError, match="no rule with the handle 15, its rules have: 16"):
        edited(TEXT, "delete rule ip t external handle 15\ndelete rule ip t external handle 15")
    added = "add rule ip t external drop; delete rule ip t external handle 17"
    assert edited(TEXT, added) == TEXT


def test_one_number_too_many_is_named():
    with pytest.raises(RuleError, match="`now` is one word too many"):
        edited(TEXT, "delete rule ip t external handle 15 now")
