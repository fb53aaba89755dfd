"""The terminal on a node whose rules are another program's."""

import pytest

import svcnotes
from svcnotes.toolbox import Terminal


@pytest.fixture
def terminal(data):
    texts, where = (
        data / "rules-elsewhere",
        svcnotes.load(data / "oracle" / "nodeport-cluster" / "cluster.yaml"),
    )

    def at(name):
        sets = texts / f"{name}.ipset-save"
        cluster = where.with_sets("node-1", sets.read_text()) if sets.exists() else where
        text = (texts / f"{name}.iptables-save").read_text()
        return Terminal(cluster.with_rules("node-1", text, strict=name != "not-understood"))

    return at


def test_counters_that_stand_in_a_saved_text_are_not_the_rules(terminal):
    said = str(terminal("ufw-host").run("node-1", "iptables -S FORWARD"))
    assert "[0:0]" not in said
    assert said.startswith("-P FORWARD DROP\n-A FORWARD -m comment")


@pytest.mark.parametrize("name", ["calico-3.27", "ufw-host", "not-understood", "kube-proxy-1.18-docker"])
def test_any_text_is_listed_and_edited(terminal, name):
    one = terminal(name)
    before = str(one.run("node-1", "iptables -L FORWARD -n -v"))
    assert one.run("node-1", "iptables -I FORWARD -p tcp --dport 9 -j DROP").exit_code == 0
    assert "tcp dpt:9" in str(one.run("node-1", "iptables -L FORWARD -n"))
    assert one.run("node-1", "iptables -D FORWARD -p tcp --dport 9 -j DROP").exit_code == 0
    assert str(one.run("node-1", "iptables -L FORWARD -n -v")) == before
    assert one.run("client", "curl -s -m 1 172.18.0.11:30080").exit_code in (0, 28)


def test_words_that_are_not_understood_are_listed_as_they_stand(terminal):
    lines = str(terminal("not-understood").run("node-1", "iptables -L FORWARD -n")).splitlines()
    assert lines[2].startswith("DROP       tcp")
    assert lines[2].endswith('-m string --string "GET /admin" --algo bm')
    assert lines[3].endswith(
        "tcp dpt:8080 -m length --length 0:1500 -m mac --mac-source 02:42:ac:12:00:01 -j NFQUEUE --queue-num 1"
    )


def test_a_rule_that_was_taken_as_not_matching_counts_nothing(terminal):
    one = terminal("not-understood")
    assert one.run("client", "curl -s -m 1 172.18.0.11:30080").exit_code == 0
    lines = str(one.run("node-1", "iptables -L FORWARD -n -v")).splitlines()
    counted = {line.split()[2]: int(line.split()[0]) for line in lines[2:]}
    assert counted["DROP"] == 0
    assert counted["KUBE-FORWARD"] > 0


def test_flows_end_in_the_terminal_as_they_do_in_a_flow(data):
    one = Terminal(svcnotes.load(data / "oracle" / "affinity-clusterip" / "cluster.yaml"))
    to = next(s for s in one.cluster.services.values() if s.session_affinity == "ClientIP")
    for _ in range(2):
        one.run("pod/default/tool-1", f"curl -s -m 1 {to.cluster_ips[0]}:{to.ports[0].port}")
    assert any(memory.recent.lists for memory in one._session.memories.values())
    one.run("laptop", f"kubectl delete service {to.name}")
    assert not any(memory.recent.lists for memory in one._session.memories.values())
