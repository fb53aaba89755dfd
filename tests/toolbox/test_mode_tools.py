"""How a node tells its proxy mode: the tools that print what each mode keeps there."""

import pytest

from svcnotes import scenarios
from svcnotes.kube_proxy import ip_sets, virtual_servers
from svcnotes.scenarios.changes import with_mode
from svcnotes.toolbox import Terminal
from svcnotes.virtual_servers import read_listed, read_saved


def node(mode, command):
    return Terminal(with_mode(scenarios.load("modes"), mode)).run("node-2", command)


@pytest.mark.parametrize(
    ("command", "iptables", "nftables", "ipvs"),
    [
        ("iptables-save -t nat | grep -c 'A KUBE-SVC'", "3", "0", "0"),
        ("nft list tables | grep -c kube-proxy", "0", "1", "0"),
        ("ipvsadm -Sn | grep -c 'A -t'", "0", "0", "3"),
        ("ip -br addr | grep -c kube-ipvs0", "0", "0", "1"),
        ("ipset list -n | grep -c KUBE-CLUSTER-IP", "0", "0", "1"),
    ],
)
def test_each_mode_is_seen_by_what_it_keeps_on_the_node(command, iptables, nftables, ipvs):
    for mode, count in (("iptables", iptables), ("nftables", nftables), ("ipvs", ipvs)):
        lines = [line for line in str(node(mode, command)).splitlines() if not line.startswith("#")]
        assert lines == [count], (mode, command)


def test_ipvsadm_prints_the_virtual_servers_that_kube_proxy_wrote():
    cluster = with_mode(scenarios.load("modes"), "ipvs")
    written = virtual_servers(cluster, "node-2")
    assert read_listed(str(node("ipvs", "ipvsadm -L -n"))) == written
    assert read_saved(str(node("ipvs", "ipvsadm --save -n"))) == written
    (one,) = read_listed(str(node("ipvs", "ipvsadm -Ln -t 10.96.0.80:80")))
    assert (one.text, [real.text for real in one.real_servers]) == (
        "10.96.0.80:80",
        ["10.244.1.10:8080", "10.244.2.10:8080"],
    )


def test_the_dummy_interface_is_down_and_holds_every_service_address():
    shown = str(node("ipvs", "ip addr show kube-ipvs0"))
    assert "kube-ipvs0: <BROADCAST,NOARP> mtu 1500 qdisc noop state DOWN" in shown
    assert "inet 10.96.0.80/32 scope global kube-ipvs0" in shown
    assert "NOARP" in str(node("ipvs", "ip link show dev kube-ipvs0"))
    assert "DOWN" in str(node("ipvs", "ip -br link | grep kube-ipvs0"))
    assert 'Device "kube-ipvs0" does not exist.' in str(node("nftables", "ip addr show kube-ipvs0"))


def test_ipset_prints_the_sets_that_kube_proxy_wrote():
    cluster = with_mode(scenarios.load("modes"), "ipvs")
    assert str(node("ipvs", "ipset save")) == ip_sets(cluster, "node-2")
    assert "Members:\n30080\n" in str(node("ipvs", "ipset list KUBE-NODE-PORT-TCP"))
    assert "does not exist" in str(node("ipvs", "ipset list NOPE"))
    assert "Unknown argument" in str(node("ipvs", "ipset frobnicate"))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("ipvsadm -Q", "unrecognized option '-Q'"),
        ("ipvsadm -Ln -t 10.96.0.81:80", "No such service"),
    ],
)
def test_ipvsadm_says_what_it_does_not_know(command, said):
    found = node("ipvs", command)
    assert said in str(found)
    assert found.exit_code


def test_in_another_mode_ipvsadm_has_nothing_and_the_terminal_says_why():
    assert "runs in mode iptables: IPVS has no virtual server" in str(node("iptables", "ipvsadm -Ln"))


def test_ipvsadm_counts_connections_and_lists_them():
    terminal = Terminal(with_mode(scenarios.load("nodeport"), "ipvs"))
    for _ in range(3):
        terminal.run("client", "curl -s 172.18.0.13:30080")
    (server,) = read_listed(str(terminal.run("node-3", "ipvsadm -Ln -t 172.18.0.13:30080")))
    assert sorted((real.active, real.inactive) for real in server.real_servers) == [(0, 1), (0, 2)]
    head, columns, *lines = str(terminal.run("node-3", "ipvsadm -Lcn")).splitlines()
    assert (head, columns.split()[:3]) == ("IPVS connection entries", ["pro", "expire", "state"])
    assert [line.split()[0] for line in lines] == ["TCP"] * 3
    assert {line.split()[-1] for line in lines} == {"10.244.1.10:80", "10.244.2.10:80"}
    assert str(terminal.run("node-1", "ipvsadm -Lcn")).splitlines() == [head, columns]
