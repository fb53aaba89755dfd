"""Tables of nftables edited by commands of nft: the nft(8) manual, RULES and ELEMENTS."""

import pytest

from svcnotes.errors import RuleError
from svcnotes.exercises.bounds import check_rules
from svcnotes.netfilter import read_rules
from svcnotes.netfilter.editing import edited_rules, is_whole_text, loaded_rules, nft_weights

TEXT = """\
table ip kube-proxy {
	set nodeport-ips {
		type ipv4_addr
		elements = { 172.18.0.11 }
	}

	map service-nodeports {
		type inet_proto . inet_service : verdict
		elements = { tcp . 30080 : goto external }
	}

	chain input {
		type filter hook input priority filter; policy accept;
		ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports
	}

	chain external {
		meta mark set meta mark | 0x00004000
		accept
	}
}
"""
SAVED = "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n-A INPUT -s 192.0.2.9/32 -j DROP\nCOMMIT\n"


def rules_of(text, chain):
    return read_rules(text, 4).rules("ip kube-proxy", chain)


def test_a_rule_is_added_at_the_end_and_inserted_at_the_beginning():
    text = edited_rules(
        TEXT, "nft add rule ip kube-proxy external drop\nsudo nft insert rule kube-proxy external counter"
    )
    first, *_, last = rules_of(text, "external")
    assert (first.split()[0], last) == ("counter", "drop")


def test_a_flushed_chain_is_there_and_empty():
    assert rules_of(edited_rules(TEXT, "flush chain ip kube-proxy external"), "external") == ()


def test_elements_come_and_go_and_one_that_is_there_already_changes_nothing():
    text = edited_rules(TEXT, "add element ip kube-proxy nodeport-ips { 172.18.0.11, 10.244.1.1 }")
    assert "elements = { 172.18.0.11, 10.244.1.1 }" in text
    text = edited_rules(text, "delete element ip kube-proxy nodeport-ips { 172.18.0.11 }")
    assert "elements = { 10.244.1.1 }" in text


def test_braces_may_go_over_several_lines_and_remarks_are_passed_by():
    text = edited_rules(
        TEXT, "# one more\nadd element ip kube-proxy service-nodeports {\n  udp . 53 : goto external\n}"
    )
    assert "udp . 53 : goto external" in text


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            "delete rule ip kube-proxy external handle 44",
            "Could not process rule: No such file or directory: chain external has no rule",
        ),
        ("add rule ip kube-proxy nowhere accept", "no chain nowhere in table ip kube-proxy"),
        ("add rule ip6 kube-proxy external accept", "no table ip6 kube-proxy; there are: ip kube-proxy"),
        ("add rule ip kube-proxy external frobnicate", "unknown word `frobnicate`"),
        ("add rule ip kube-proxy external", "a rule is missing"),
        ("flush chain ip kube-proxy external now", "one word too many"),
        ("add element ip kube-proxy nodeport-ips 10.0.0.1", "no list of elements"),
        ("add element ip kube-proxy nothing { 10.0.0.1 }", "no set or map nothing"),
        ("delete element ip kube-proxy nodeport-ips { 10.0.0.1 }", "no such element"),
        ("add element ip kube-proxy service-nodeports { tcp . 30080 : drop }", "File exists"),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_line(command, said):
    with pytest.raises(RuleError, match=said) as refused:
        edited_rules(TEXT, f"\n{command}")
    assert refused.value.line == 2


def test_commands_of_each_language_change_their_own_part_of_a_hosts_rules():
    both = TEXT + SAVED
    by_nft = edited_rules(both, "flush chain ip kube-proxy external")
    assert by_nft.endswith(SAVED)
    by_iptables = edited_rules(both, "-F INPUT")
    assert by_iptables.startswith(TEXT)
    assert "192.0.2.9" not in by_iptables
    assert "*raw" in edited_rules(TEXT, "-t raw -A PREROUTING -s 192.0.2.9 -j DROP")


def test_whole_texts_of_both_languages_are_told_from_commands():
    assert is_whole_text(TEXT)
    assert is_whole_text(SAVED)
    assert not is_whole_text("add rule ip kube-proxy external accept")
    assert not is_whole_text("-A INPUT -j DROP")


def test_a_packets_rules_are_counted_with_the_longest_way_that_a_map_leads():
    assert nft_weights(TEXT) == {"ip kube-proxy": (3, 0)}
    assert nft_weights(SAVED) == {}


def test_an_answer_of_too_many_rules_or_of_dice_is_refused():
    chains = "".join(f"\tchain c{n} {{\n{f'{chr(9) * 2}jump c{n + 1}{chr(10)}' * 2}\t}}\n" for n in range(14))
    bomb = TEXT.rstrip("}\n") + "\n\t}\n" + chains.replace("jump c14", "accept") + "}\n"
    read_rules(bomb, 4).check()
    with pytest.raises(RuleError, match="a packet would visit"):
        check_rules(TEXT, bomb)
    dice = edited_rules(
        TEXT, "add rule ip kube-proxy input numgen random mod 2 vmap { 0 : accept, 1 : drop }"
    )
    with pytest.raises(RuleError, match="`numgen`"):
        check_rules(TEXT, dice)
    check_rules(dice, dice)


@pytest.mark.parametrize(
    "command",
    [
        "nft 'add element ip kube-proxy nodeport-ips { 10.244.1.1 }'",
        "sudo nft add element ip kube-proxy nodeport-ips '{ 10.244.1.1 }'",
        "nft add element ip kube-proxy nodeport-ips \\{ 10.244.1.1 \\}",
    ],
)
def test_what_a_shell_wants_around_braces_is_taken_away(command):
    assert "elements = { 172.18.0.11, 10.244.1.1 }" in edited_rules(TEXT, command)


@pytest.mark.parametrize(("word", "sign"), [("or", "|"), ("and", "&"), ("xor", "^")])
def test_bits_may_be_joined_in_words(word, sign):
    text = edited_rules(TEXT, f"insert rule ip kube-proxy external meta mark set mark {word} 0x4000")
    assert rules_of(text, "external")[0] == f"meta mark set mark {sign} 0x4000"


@pytest.mark.parametrize("text", ["hello", "42", "- 1", "nft list ruleset"])
def test_where_the_host_has_tables_of_nftables_a_stranger_is_told_nfts_commands(text):
    with pytest.raises(RuleError, match="a command is `add rule ip TABLE CHAIN RULE`"):
        edited_rules(TEXT + SAVED, text)
    with pytest.raises(RuleError, match="a command begins with -D CHAIN"):
        edited_rules(SAVED, text)


@pytest.mark.parametrize(
    "commands",
    [
        "flush chain ip kube-proxy external; add rule ip kube-proxy external accept",
        "nft 'flush chain ip kube-proxy external; add rule ip kube-proxy external accept;'",
        "nft flush chain ip kube-proxy external; nft add rule ip kube-proxy external accept",
        "nft flush chain ip kube-proxy external \\; add rule ip kube-proxy external accept",
    ],
)
def test_a_semicolon_ends_a_command(commands):
    assert rules_of(edited_rules(TEXT, commands), "external") == ("accept",)


def test_a_semicolon_in_quotes_ends_nothing():
    text = edited_rules(TEXT, 'insert rule ip kube-proxy external counter comment "one; two"')
    assert rules_of(text, "external")[0].endswith('comment "one; two"')


def test_the_second_command_of_a_line_is_refused_with_its_line():
    with pytest.raises(RuleError, match="no chain nowhere") as refused:
        edited_rules(TEXT, "\nflush chain ip kube-proxy external; flush chain ip kube-proxy nowhere")
    assert refused.value.line == 2


ONE_LINE = """\
table ip kube-proxy {
  set nodeport-ips { type ipv4_addr; elements = { 172.18.0.11, 172.18.0.12 }; }
  map service-nodeports { type inet_proto . inet_service : verdict; elements = { tcp . 30080 : goto external } }
  chain input { type filter hook input priority filter; policy accept; ip daddr @nodeport-ips meta l4proto . th dport vmap @service-nodeports; }
  chain external {
    accept; comment "a; b }"
  }
}
"""


def test_a_set_a_map_and_a_chain_may_be_written_on_one_line():
    text = loaded_rules(TEXT, ONE_LINE.replace('accept; comment "a; b }"', 'accept comment "a; b }"'))
    assert rules_of(text, "external") == ('accept comment "a; b }"',)
    assert len(rules_of(text, "input")) == 1
    assert "elements = { 172.18.0.11, 172.18.0.12 }" in text


def test_a_whole_table_may_be_written_on_one_line():
    whole = "table ip kube-proxy { chain external { accept; } }"
    assert is_whole_text(whole)
    assert rules_of(loaded_rules(TEXT, whole), "external") == ("accept",)


def test_what_nft_printed_is_not_laid_out_anew():
    assert loaded_rules("", TEXT) == TEXT


def test_an_error_names_the_line_that_was_written():
    wrong = ONE_LINE.replace('accept; comment "a; b }"', "accept; frobnicate")
    with pytest.raises(RuleError, match=r"^line 6: unknown word `frobnicate`") as refused:
        loaded_rules(TEXT, wrong)
    assert refused.value.line == 6


NAT = "*nat\n:PREROUTING ACCEPT\n:INPUT ACCEPT\n:OUTPUT ACCEPT\n:POSTROUTING ACCEPT\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n"


def test_a_whole_text_leaves_the_tables_that_it_does_not_name():
    """iptables-restore(8): a table's line flushes and loads that table."""
    text = loaded_rules(SAVED, NAT)
    assert read_rules(text, 4).rules("filter", "INPUT") == ("-A INPUT -s 192.0.2.9/32 -j DROP",)
    assert read_rules(text, 4).rules("nat", "POSTROUTING") == ("-A POSTROUTING -j MASQUERADE",)
    emptied = SAVED.replace("-A INPUT -s 192.0.2.9/32 -j DROP\n", "")
    assert read_rules(loaded_rules(text, emptied), 4).rules("filter", "INPUT") == ()
    assert "MASQUERADE" in loaded_rules(text, emptied)


def test_a_whole_text_leaves_the_tables_of_the_other_language():
    other = "table ip other {\n\tchain external {\n\t\tdrop\n\t}\n}\n"
    text = loaded_rules(loaded_rules(TEXT + SAVED, NAT), other)
    rules = read_rules(text, 4)
    assert set(rules.tables) == {"ip kube-proxy", "ip other", "nat", "filter"}
    assert rules.rules("ip kube-proxy", "external") == rules_of(TEXT, "external")
