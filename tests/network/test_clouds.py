"""Load balancers: two connections through a proxying one, and whom the cloud's own firewall lets in."""

import pytest
from replay import cluster

from svcnotes.network.outside import router_rules
from svcnotes.trace import trace

CLIENT, OTHER, VIP = "192.0.2.10", "192.0.3.10", "203.0.113.10:80"


def hops(path, direction):
    return [(hop.host, str(hop.packet)) for hop in path.hops if hop.direction == direction]


def test_a_proxying_balancer_ends_the_clients_connection_and_makes_its_own():
    where = cluster("lb-local").with_world(cloud="proxying")
    path = trace(where, CLIENT, VIP).paths[0]
    assert hops(path, "there") == [
        ("client", "tcp 192.0.2.10:40112 → 203.0.113.10:80 [SYN]"),
        ("router", "tcp 192.0.2.10:40112 → 203.0.113.10:80 [SYN]"),
        ("load-balancer", "tcp 192.0.2.10:40112 → 203.0.113.10:80 [SYN]"),
        ("load-balancer", "tcp 203.0.113.10:40112 → 172.18.0.11:30080 [SYN]"),
        ("router", "tcp 203.0.113.10:40112 → 172.18.0.11:30080 [SYN]"),
        ("node-1", "tcp 203.0.113.10:40112 → 172.18.0.11:30080 [SYN]"),
        ("default/web-a", "tcp 203.0.113.10:40112 → 10.244.1.10:8080 [SYN]"),
    ]
    ended = [hop for hop in path.hops if hop.leaves is None]
    assert [(hop.host, hop.direction) for hop in ended] == [
        ("load-balancer", "there"),
        ("default/web-a", "there"),
        ("load-balancer", "back"),
        ("client", "back"),
    ]


def test_the_client_hears_the_balancer_and_nobody_else():
    for cloud in ("proxying", "pods"):
        for path in trace(cluster("lb-cluster").with_world(cloud=cloud), CLIENT, VIP).paths:
            assert hops(path, "back")[-3:] == [
                ("load-balancer", "tcp 203.0.113.10:80 → 192.0.2.10:40112 [SYN,ACK]"),
                ("router", "tcp 203.0.113.10:80 → 192.0.2.10:40112 [SYN,ACK]"),
                ("client", "tcp 203.0.113.10:80 → 192.0.2.10:40112 [SYN,ACK]"),
            ]
            assert (path.outcome, path.hops[-1].ended) == ("connected", "the asker has its answer")


def test_a_vip_that_no_cloud_serves_says_whose_it_is_and_what_would_lead_it_in():
    (path,) = trace(cluster("lb-cluster"), CLIENT, VIP, via=None).paths
    assert path.outcome == "external"
    assert "default/web names it, but nothing leads it to a node" in path.reason


def test_a_pod_that_comes_by_the_balancer_gets_its_answer_from_it():
    where = cluster("lb-ipmode-proxy").with_world(cloud="proxying")
    found = trace(where, "pod/default/tool-1", VIP)
    assert {p.hops[-1].host for p in found.paths} == {"default/tool-1"}
    assert {p.outcome for p in found.paths} == {"connected"}


@pytest.mark.parametrize("cloud", ["proxying", "pods"])
def test_a_proxying_clouds_firewall_keeps_out_whom_kube_proxy_could_not_tell_apart(cloud):
    where = cluster("lb-sourceranges").with_world(cloud=cloud)
    assert {p.outcome for p in trace(where, CLIENT, VIP).paths} == {"connected"}
    (path,) = trace(where, OTHER, VIP).paths
    assert path.outcome == "timeout"
    assert path.reason.startswith("router: CLOUD-FW-")
    assert path.reason.endswith("rule 2 dropped it: not in loadBalancerSourceRanges")
    assert [hop.host for hop in path.hops] == ["192.0.3.10", "router"]
    node_port = where.services["default/web"].ports[0].node_port
    assert {p.outcome for p in trace(where, OTHER, f"172.18.0.11:{node_port}").paths} == {"connected"}


def test_behind_a_pass_through_balancer_kube_proxy_holds_clients_to_the_ranges():
    where = cluster("lb-sourceranges").with_world(cloud="pass-through")
    assert router_rules(where, 4) == ""
    reasons = {p.reason for p in trace(where, OTHER, VIP).paths}
    assert len(reasons) == 3
    assert all("KUBE-PROXY-FIREWALL rule 1 dropped it" in reason for reason in reasons)


def test_a_service_without_ranges_has_no_firewall():
    assert router_rules(cluster("lb-cluster").with_world(cloud="proxying"), 4) == ""


def test_a_firewall_that_shuts_the_nodeports_shuts_the_balancer_out_too():
    where = cluster("lb-cluster").with_world(
        cloud="proxying", faults=[{"name": "host-firewall", "on": "router", "ports": "30000-32767"}]
    )
    found = trace(where, CLIENT, VIP)
    assert {p.outcome for p in found.paths} == {"timeout"}
    assert "router: FORWARD rule 1 dropped it: host firewall" in found.paths[0].reason
