"""A table of what is known of each mode (tests/data/mode-claims.yaml): each claim has its tests, and some have them here."""

import ast
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import pytest
import yaml
from replay import cluster

import svcnotes
from svcnotes import kube_proxy
from svcnotes.kube_proxy.modes import MODES
from svcnotes.trace import trace

TESTS = Path(__file__).parent.parent
CLAIMS = yaml.safe_load((TESTS / "data/mode-claims.yaml").read_text(encoding="utf-8"))
CLIENT, OTHER = "192.0.2.10", "192.0.3.10"


@lru_cache
def names_in(file):
    body = ast.parse((TESTS / file).read_text(encoding="utf-8")).body
    return {one.name for one in body if isinstance(one, ast.FunctionDef)}


@pytest.mark.parametrize("mode", MODES)
def test_every_claim_names_tests_that_are_there(mode):
    named = [test.split("::") for claim in CLAIMS[mode] for test in claim["by"]]
    assert [f"{file}::{name}" for file, name in named if name not in names_in(file)] == []
    assert all(claim["by"] for claim in CLAIMS[mode])
    assert len({claim["says"] for claim in CLAIMS[mode]}) == len(CLAIMS[mode]) >= 22


def test_a_configuration_that_names_no_mode_means_iptables():
    bare = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n"
    assert svcnotes.loads("").proxy.mode == svcnotes.loads(bare).proxy.mode == "iptables"


def test_where_conntrack_is_liberal_nothing_is_dropped_for_being_invalid():
    """An answer that its Pod's node has no connection for comes through, and is a stranger to whoever asked."""
    strict = cluster("nodeport-local")
    liberal = replace(strict, proxy=replace(strict.proxy, tcp_be_liberal=True))
    switched = strict.with_world(sysctls={"nf_conntrack_tcp_be_liberal": 1})
    asked = ("pod/default/tool-3", "172.18.0.11:30080")
    for where, mode, word in (
        (strict, "iptables", "INVALID"),
        (liberal, "iptables", "answers RST"),
        (switched, "iptables", "answers RST"),
        (strict, "nftables", "answers RST"),
    ):
        (lost,) = (path for path in trace(where, *asked, proxy_mode=mode).paths if path.outcome == "timeout")
        assert word in lost.reason, mode
    read = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nconntrack: {tcpBeLiberal: true}\n"
    assert svcnotes.loads(read).proxy.tcp_be_liberal


@pytest.mark.parametrize("mode", MODES)
def test_affinity_knows_clients_by_their_own_addresses_though_all_are_masqueraded(mode):
    where, to = cluster("affinity-nodeport"), "172.18.0.11:30080"
    first = trace(where, CLIENT, to, proxy_mode=mode).paths[-1]
    kept, free = (
        {
            path.pod
            for path in trace(
                where, who, to, proxy_mode=mode, source_port=40_500, memories=first.memories
            ).paths
        }
        for who in (CLIENT, OTHER)
    )
    assert first.source_seen not in (CLIENT, OTHER)
    assert kept == {first.pod}
    assert free != kept


def _shut(text, port):
    """A node's rules with one that a careful administrator has put behind them."""
    rule = f"-A INPUT -p tcp -m tcp --dport {port} -j DROP\n"
    if "*filter" not in text:
        return f"{text}*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n{rule}COMMIT\n"
    before, _, after = text.partition("*filter")
    held, _, rest = after.partition("COMMIT")
    return f"{before}*filter{held}{rule}COMMIT{rest}"


@pytest.mark.parametrize(("mode", "status"), [("iptables", 200), ("nftables", None)])
def test_a_nodes_firewall_shuts_the_health_check_in_nftables_mode_and_not_in_iptables_mode(mode, status):
    where = cluster("lb-local")
    shut = where.with_rules("node-1", _shut(svcnotes.rules(where, "node-1", mode), 31234))
    (path,) = trace(shut, CLIENT, "172.18.0.11:31234", "http", proxy_mode=mode).paths
    assert path.status == status


@pytest.mark.parametrize("mode", MODES)
def test_a_balancer_that_is_only_a_name_leaves_no_rule_in_any_mode(mode):
    where = cluster("lb-cluster")
    status = '{"status": {"loadBalancer": {"ingress": %s}}}'
    named, pending = (
        where.patch("service", "web", status % ingress, subresource="status")
        for ingress in ('[{"hostname": "lb.example"}]', "[]")
    )
    assert _written(named, mode) == _written(pending, mode)
    assert _written(named, mode) != _written(where, mode)


def _written(where, mode):
    return [
        of(where, "node-1", mode) for of in (svcnotes.rules, kube_proxy.ip_sets, kube_proxy.virtual_servers)
    ]


def test_an_unnamed_port_leaves_the_end_of_a_chains_name_empty():
    text = svcnotes.rules(cluster("nodeport-cluster"), "node-1", "nftables")
    assert "chain service-" in text
    assert "-default/web/tcp/ {" in text


def test_a_node_takes_the_short_cut_by_a_rule_that_asks_the_routing_table():
    found = trace(cluster("lb-local"), "node/node-3", "203.0.113.10:80", proxy_mode="nftables")
    assert {path.outcome for path in found.paths} == {"connected"}
    (rule,) = {
        step.rule for path in found.paths for hop in path.hops for step in hop.steps if "fib saddr type local" in step.rule and "goto" in step.rule
    }  # fmt: skip
    assert rule.startswith("fib saddr type local goto service-")
