"""`nft list` on a node, and iptables beside it, where kube-proxy runs in nftables mode."""

import pytest

import svcnotes
from svcnotes.toolbox import Terminal


def terminal(data, scenario, mode="nftables"):
    text = (data / "oracle" / scenario / "cluster.yaml").read_text(encoding="utf-8")
    return Terminal(svcnotes.loads(text.replace("mode: iptables", f"mode: {mode}")))


def test_a_nodes_tables_are_listed_as_nft_printed_them_there(data):
    one = terminal(data, "nodeport-cluster")
    assert str(one.run("node-1", "nft list tables")) == "table ip kube-proxy\n"
    recorded = (data / "oracle" / "nodeport-cluster" / "node-1.nft").read_text(encoding="utf-8")
    assert str(one.run("node-1", "nft list ruleset")) == recorded
    assert str(one.run("node-1", "nft list table ip kube-proxy")) == recorded
    chain = str(one.run("node-1", "nft list chain ip kube-proxy cluster-ips-check"))
    assert chain.split("\n") == [
        "table ip kube-proxy {", *_lines(recorded, "\tchain cluster-ips-check {"), "}", ""
    ]  # fmt: skip


def _lines(text, first):
    lines = text.split("\n")
    start = lines.index(first)
    return lines[start : lines.index("\t}", start) + 1]


@pytest.mark.parametrize("what", ["table ip nobody", "chain ip kube-proxy nobody", "set ip nobody s"])
def test_what_is_not_there_is_an_error_of_nft(data, what):
    said = terminal(data, "nodeport-cluster").run("node-1", f"nft list {what}")
    assert said.exit_code == 1
    assert str(said).startswith(f"Error: No such file or directory\nlist {what}\n")


def test_a_set_shows_who_was_put_into_it_and_for_how_long_yet(data):
    one = terminal(data, "affinity-clusterip")
    assert "expires" not in str(one.run("node-1", "nft list ruleset"))
    answer = str(one.run("pod/default/tool-1", "curl -s http://10.96.0.10"))
    one.wait(600)
    (line,) = str(one.run("node-1", "nft list ruleset | grep expires")).splitlines()
    assert line.strip().startswith("elements = { 10.244.1.100 expires 2h49m5")
    assert str(one.run("pod/default/tool-1", "curl -s http://10.96.0.10")) == answer


def test_iptables_has_tables_of_its_own_beside_it_and_a_rule_there_takes_hold(data):
    one = terminal(data, "nodeport-cluster")
    assert str(one.run("node-1", "iptables-save")) == ""
    assert one.run("client", "curl -s -m 1 172.18.0.11:30080").exit_code == 0
    assert one.run("node-1", "iptables -A FORWARD -p tcp --dport 8080 -j DROP").exit_code == 0
    assert "table ip filter\n" in str(one.run("node-1", "nft list tables"))
    assert one.run("client", "curl -s -m 1 172.18.0.11:30080").exit_code == 28
    assert one.run("node-1", "iptables -F FORWARD").exit_code == 0
    assert one.run("client", "curl -s -m 1 172.18.0.11:30080").exit_code == 0


def test_in_another_mode_nft_says_where_the_rules_are(data):
    said = str(terminal(data, "nodeport-cluster", "iptables").run("node-1", "nft list tables"))
    assert "table ip nat\n" in said
    assert "read its rules with iptables-save" in said


def _handles(listing):
    return [line.rpartition(" ")[2] for line in str(listing).splitlines() if " # handle " in line]


def test_rules_are_listed_with_numbers_and_a_number_stays_a_rules_own_while_others_come_and_go(data):
    one, chain = terminal(data, "nodeport-cluster"), "ip kube-proxy filter-forward"
    own, *rules = _handles(one.run("node-1", f"nft -a list chain {chain}"))
    assert (
        _handles(one.run("node-1", "nft -a list table ip kube-proxy | grep -A 9 'chain filter-forward'"))[0]
        == own
    )
    assert str(one.run("node-1", f"nft insert rule {chain} tcp dport 8080 drop")) == ""
    assert one.run("client", "curl -s -m 1 172.18.0.11:30080").exit_code == 28
    new = _handles(one.run("node-1", f"nft -a list chain {chain}"))[1]
    assert int(new) > max(map(int, rules))
    assert one.run("node-1", f"nft delete rule {chain} handle {rules[0]}").exit_code == 0
    assert _handles(one.run("node-1", f"nft -a list chain {chain}")) == [own, new, *rules[1:]]
    assert one.run("node-1", f"nft delete rule {chain} handle {new}").exit_code == 0
    assert one.run("client", "curl -s -m 1 172.18.0.11:30080").exit_code == 0


def test_what_nft_cannot_do_is_an_error_and_changes_nothing(data):
    one, chain = terminal(data, "nodeport-cluster"), "ip kube-proxy filter-forward"
    before = str(one.run("node-1", "nft list ruleset"))
    gone = one.run("node-1", f"nft delete rule {chain} handle 999")
    assert gone.exit_code == 1
    assert str(gone).startswith(
        "Error: Could not process rule: No such file or directory: chain filter-forward has no rule"
    )
    assert str(one.run("node-1", "nft add rule ip6 kube-proxy x drop")).startswith(
        "Error: No such file or directory\n"
    )
    assert str(one.run("node-1", "nft list ruleset")) == before
