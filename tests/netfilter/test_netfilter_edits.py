"""Editing a rule text does what iptables does to the kernel's tables, and refuses what iptables refuses."""

import pytest

from svcnotes.errors import RuleError
from svcnotes.netfilter import Ruleset
from svcnotes.netfilter.edits import (
    BAD_INDEX,
    BAD_POLICY,
    BUSY,
    EXISTS,
    NO_CHAIN,
    NO_DROP_IN_NAT,
    NO_RULE,
    NOT_BUILT_IN,
    EditError,
    changed,
    edited,
)

TEXT = """\
*nat
:PREROUTING ACCEPT
:INPUT ACCEPT
:OUTPUT ACCEPT
:POSTROUTING ACCEPT
:MINE -
-A PREROUTING -j MINE
-A MINE -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.0.0.1:8080
COMMIT
*filter
:INPUT ACCEPT
:FORWARD ACCEPT
:OUTPUT ACCEPT
-A INPUT -s 192.0.2.1/32 -j DROP
-A INPUT -s 192.0.2.2/32 -j DROP
COMMIT
"""


def rules(text, table, chain):
    return list(Ruleset.parse(text).rules(table, chain))


def test_a_rule_is_replaced_in_its_place():
    text = changed(TEXT, "filter", ["-R", "INPUT", "1", "-s", "192.0.2.9", "-j", "ACCEPT"])
    assert rules(text, "filter", "INPUT") == [
        "-A INPUT -s 192.0.2.9 -j ACCEPT",
        "-A INPUT -s 192.0.2.2/32 -j DROP",
    ]


def test_a_flushed_chain_keeps_its_name_and_other_chains_their_rules():
    text = changed(TEXT, "nat", ["-F", "MINE"])
    assert rules(text, "nat", "MINE") == []
    assert rules(text, "nat", "PREROUTING") == ["-A PREROUTING -j MINE"]
    assert "MINE" in Ruleset.parse(text).tables["nat"]


def test_a_flushed_table_has_its_chains_and_no_rules():
    text = changed(TEXT, "nat", ["-F"])
    assert all(rules(text, "nat", chain) == [] for chain in Ruleset.parse(text).tables["nat"])
    assert len(rules(text, "filter", "INPUT")) == 2


def test_a_policy_is_of_the_table_that_was_named():
    text = changed(TEXT, "filter", ["-P", "INPUT", "DROP"])
    assert text == TEXT.replace("*filter\n:INPUT ACCEPT", "*filter\n:INPUT DROP")
    assert changed(text, "filter", ["-P", "INPUT", "ACCEPT"]) == TEXT


def test_a_new_chain_can_be_filled_and_jumped_to():
    text = edited(TEXT, "-t filter -N OURS\n-A OURS -s 192.0.2.3 -j DROP\n-t filter -A INPUT -j OURS")
    assert rules(text, "filter", "OURS") == ["-A OURS -s 192.0.2.3 -j DROP"]


def test_a_new_chain_begins_a_table_that_is_not_there():
    text = changed(TEXT, "mangle", ["-N", "MARKS"])
    assert Ruleset.parse(text).check().tables["mangle"][-1] == "MARKS"
    assert "FORWARD" in Ruleset.parse(text).tables["mangle"]


def test_an_empty_chain_that_nobody_jumps_to_can_go():
    text = edited(TEXT, "-t nat -F MINE\n-t nat -D PREROUTING 1\n-t nat -X MINE")
    assert "MINE" not in Ruleset.parse(text).tables["nat"]
    assert changed(changed(TEXT, "filter", ["-N", "A"]), "filter", ["-X"]) == TEXT


REFUSED = [
    ("filter", "-A NOBODY -j DROP", NO_CHAIN),
    ("filter", "-F NOBODY", NO_CHAIN),
    ("nat", "-D MINE 7", BAD_INDEX),
    ("filter", "-I INPUT 9 -j DROP", BAD_INDEX),
    ("filter", "-R INPUT 3 -j DROP", BAD_INDEX),
    ("filter", "-D INPUT -s 192.0.2.7 -j DROP", NO_RULE),
    ("nat", "-N MINE", EXISTS),
    ("filter", "-N INPUT", EXISTS),
    ("nat", "-X MINE", BUSY),
    ("filter", "-X INPUT", BUSY),
    ("nat", "-P MINE DROP", NOT_BUILT_IN),
    ("filter", "-P INPUT REJECT", BAD_POLICY),
    ("nat", "-P PREROUTING DROP", NO_DROP_IN_NAT),
]


@pytest.mark.parametrize(("table", "command", "kind"), REFUSED)
def test_what_cannot_be_done_is_refused_with_its_kind(table, command, kind):
    with pytest.raises(EditError) as refused:
        changed(TEXT, table, command.split())
    assert refused.value.kind == kind
    assert str(refused.value)


@pytest.mark.parametrize("command", ["", "-A", "-Q INPUT", "-R INPUT -j DROP", "-A INPUT --no-such-option"])
def test_words_that_make_no_command_are_refused(command):
    with pytest.raises(RuleError):
        changed(TEXT, "filter", command.split())


def test_a_list_of_commands_names_the_line_that_fails():
    with pytest.raises(RuleError, match="line 2: the chain has no rule number 9") as refused:
        edited(TEXT, "-t filter -D INPUT -s 192.0.2.1 -j DROP\n-t nat -D MINE 9")
    assert refused.value.line == 2


def test_a_rule_for_a_table_that_is_not_there_makes_the_table_as_the_kernel_does():
    text = edited(TEXT, "-t raw -A PREROUTING -s 192.0.2.10 -j DROP")
    assert "*raw" in text
    assert Ruleset.parse(text, 4).rules("raw", "PREROUTING")[0].startswith("-A PREROUTING -s 192.0.2.10")


@pytest.mark.parametrize(
    "command",
    [
        "iptables -I MINE -t nat -p udp -j ACCEPT",
        "iptables -I MINE -p udp -j ACCEPT --table nat",
        "sudo iptables -w -t nat -I MINE -p udp -j ACCEPT",
    ],
)
def test_the_table_may_be_named_anywhere_in_a_command(command):
    assert edited(TEXT, command) == edited(TEXT, "-t nat -I MINE -p udp -j ACCEPT")


def test_behind_the_word_iptables_the_table_is_filter_unless_another_is_named():
    drop = "-A INPUT -s 192.0.2.3 -j DROP"
    assert edited(TEXT, f"iptables {drop}") == edited(TEXT, f"-t filter {drop}")
    assert edited(TEXT, "iptables -I MINE -j ACCEPT") == edited(TEXT, "-t nat -I MINE -j ACCEPT")
    with pytest.raises(RuleError, match="INPUT is in the tables nat and filter"):
        edited(TEXT, drop)
