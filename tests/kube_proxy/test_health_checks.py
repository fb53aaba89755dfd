"""What kube-proxy answers to those who ask a node for its health."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from svcnotes.control_plane.load import load, loads
from svcnotes.kube_proxy.healthcheck import answer, is_well, listening_ports
from svcnotes.trace import trace

DATA = Path(__file__).parent.parent / "data"
FLOWS = [
    (path.parent, flow)
    for path in sorted((DATA / "oracle").glob("*/flows.jsonl"))
    for flow in map(json.loads, path.read_text(encoding="utf-8").splitlines())
    if flow["protocol"] == "HTTP"
]


def recorded(scenario):
    return load(DATA / "oracle" / scenario / "cluster.yaml")


def test_the_recorded_health_checks_are_here():
    assert len(FLOWS) == 48


@pytest.mark.parametrize(("folder", "flow"), FLOWS, ids=lambda v: v.name if isinstance(v, Path) else v["to"])
def test_a_health_check_answers_as_recorded(folder, flow):
    node = flow["to"].split("@")[1]
    found = answer(load(folder / "cluster.yaml"), node, int(flow["dst"].rsplit(":", 1)[1]))
    assert found is not None
    assert f"http-{found.status}" == flow["outcome"]
    assert found.body == flow["body"]


def test_the_weight_is_the_number_of_local_ready_endpoints():
    cluster = recorded("lb-local")
    weights = [answer(cluster, n, 31234).headers["X-Load-Balancing-Endpoint-Weight"] for n in cluster.nodes]
    assert weights == ["2", "1", "0"]


def test_endpoints_are_counted_by_address_not_by_port():
    dual = load(DATA / "kube_proxy" / "dual-stack.yaml")
    assert answer(dual, "node-1", 31500).body["localEndpoints"] == 1
    assert answer(dual, "node-2", 31500).body["localEndpoints"] == 2


def test_each_family_counts_its_own_endpoints():
    dual = load(DATA / "kube_proxy" / "dual-stack.yaml")
    assert answer(dual, "node-1", 31500, family=6).status == 503
    assert answer(dual, "node-2", 31500, family=6).body["localEndpoints"] == 1


@pytest.mark.parametrize(("mode", "where"), [("iptables", ()), ("nftables", ("172.18.0.11",)), ("ipvs", ())])
def test_health_checks_listen_where_the_mode_opens_node_ports(mode, where):
    cluster = recorded("lb-local")
    asked = replace(cluster, proxy=replace(cluster.proxy, mode=mode))
    assert listening_ports(asked, "node-1")[31234] == where


@pytest.mark.parametrize(("mode", "outcome"), [("iptables", "connected"), ("nftables", "refused")])
def test_a_question_about_another_mode_finds_its_health_checks_too(mode, outcome):
    """nftables mode opens nodePorts, and listens for health checks, at the node's primary address only."""
    (path,) = trace(
        recorded("lb-local"), "pod/default/tool-1", "10.244.1.1:31234", "http", proxy_mode=mode
    ).paths
    assert path.outcome == outcome


def test_policy_cluster_has_no_health_check_of_its_own():
    cluster = recorded("lb-cluster")
    assert set(listening_ports(cluster, "node-1")) == {10256}
    assert answer(cluster, "node-1", 31234) is None


def test_a_node_port_is_not_listened_on():
    cluster = recorded("lb-local")
    assert listening_ports(cluster, "node-1") == {10256: (), 31234: ()}
    assert answer(cluster, "node-1", 30080) is None


def test_health_checks_listen_where_node_ports_are_open():
    cluster = recorded("lb-local")
    narrow = replace(cluster, proxy=replace(cluster.proxy, node_port_addresses=("172.18.0.0/24",)))
    assert listening_ports(narrow, "node-2")[31234] == ("172.18.0.12",)
    nowhere = replace(cluster, proxy=replace(cluster.proxy, node_port_addresses=("192.168.0.0/16",)))
    assert set(listening_ports(nowhere, "node-2")) == {10256}


@pytest.mark.parametrize("mode", ["iptables", "nftables"])
def test_health_checks_listen_on_the_loopback_too_where_no_rule_opens_it(mode):
    """GetNodeIPs of pkg/proxy/util/nodeport_addresses.go leaves none out; the writers of rules do that themselves."""
    cluster = recorded("lb-local")
    ranges = ("127.0.0.0/8", "172.18.0.0/24")
    settings = replace(cluster.proxy, mode=mode, node_port_addresses=ranges, localhost_node_ports=False)
    found = listening_ports(replace(cluster, proxy=settings), "node-2")
    assert found[31234] == ("127.0.0.1", "172.18.0.12")


SAID = "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nhealthzBindAddress: "


@pytest.mark.parametrize(
    ("given", "read"),
    [
        ('""', ("", 10256)),
        ("0.0.0.0:10256", ("", 10256)),
        ("127.0.0.1", ("127.0.0.1", 10256)),
        ("172.18.0.11:8888", ("172.18.0.11", 8888)),
        ('"[::]:8888"', ("", 8888)),
        ('"::1"', ("::1", 10256)),
        ('"[::1]:8888"', ("::1", 8888)),
    ],
)
def test_where_kube_proxy_says_that_it_is_well_is_read_as_address_and_port(given, read):
    assert loads(SAID + given).proxy.healthz == read


def test_healthz_on_the_loopback_alone_is_closed_to_clients_and_to_a_clouds_checks():
    cluster = recorded("lb-cluster")
    shut = replace(cluster, proxy=replace(cluster.proxy, healthz=("127.0.0.1", 10256)))
    asked = [("node/node-1", "127.0.0.1:10256"), ("192.0.2.10", "172.18.0.11:10256")]
    for where, outcomes in ((cluster, ["connected", "connected"]), (shut, ["connected", "refused"])):
        assert [path.outcome for one in asked for path in trace(where, *one, "http").paths] == outcomes
    assert is_well(cluster, "node-1", 4)
    assert not is_well(shut, "node-1", 4)
    assert (
        answer(replace(cluster, proxy=replace(cluster.proxy, healthz=("", 8888))), "node-1", 8888).status
        == 200
    )


def test_a_node_about_to_be_deleted_fails_healthz():
    text = (DATA / "oracle" / "lb-cluster" / "cluster.yaml").read_text(encoding="utf-8")
    taint = "taints: [{key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule}]"
    going = loads(text.replace("podCIDR: 10.244.1.0/24", f"podCIDR: 10.244.1.0/24\n  {taint}"))
    found = answer(going, "node-1", 10256)
    assert found.status == 503
    assert found.body["nodeEligible"] is False
    assert answer(going, "node-2", 10256).status == 200
