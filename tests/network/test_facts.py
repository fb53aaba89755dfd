"""What a simulator would get wrong, fact by fact, on recorded clusters (tests/data/oracle)."""

import pytest
from replay import cluster

from svcnotes.trace import SOURCE_PORT, trace

CLIENT = "192.0.2.10"
NODE = {n: f"172.18.0.1{n}" for n in (1, 2, 3)}
CNI0 = {n: f"10.244.{n}.1" for n in (1, 2, 3)}
VIP = "203.0.113.10:80"


def only(found):
    """The one path of a trace."""
    (path,) = found.paths
    return path


def ask(scenario, source, to, protocol="tcp", via=None, variant=None):
    return trace(cluster(scenario, variant), source, to, protocol, via)


def seen(found):
    """Pod name → source that it saw, of the paths that connected."""
    return {p.pod.partition("/")[2]: p.source_seen for p in found.paths if p.outcome == "connected"}


def outcomes(found):
    return {p.outcome for p in found.paths}


# 1-3: kinds of refusal


def test_a_reject_in_forward_comes_from_the_nodes_address_on_the_side_of_the_client():
    outside = only(ask("clusterip-no-endpoints", CLIENT, "10.96.0.10:80", via="node-1"))
    pod = only(ask("clusterip-no-endpoints", "pod/default/tool-1", "10.96.0.10:80"))
    assert (outside.outcome, outside.how, outside.icmp_from) == ("refused", "icmp-port-unreachable", NODE[1])
    assert (pod.how, pod.icmp_from) == ("icmp-port-unreachable", CNI0[1])


@pytest.mark.parametrize("dialled", [NODE[1], CNI0[1]])
def test_a_reject_in_input_comes_from_the_address_dialled(dialled):
    path = only(ask("nodeport-no-endpoints", CLIENT, f"{dialled}:30080"))
    assert (path.outcome, path.how, path.icmp_from) == ("refused", "icmp-port-unreachable", dialled)
    home = only(ask("nodeport-no-endpoints", "node/node-1", "127.0.0.1:30080"))
    assert (home.how, home.icmp_from) == ("icmp-port-unreachable", "127.0.0.1")


def test_a_port_of_a_node_without_rule_and_listener_answers_with_a_reset():
    path = only(ask("nodeport-cluster", CLIENT, "172.18.0.11:31999"))
    assert (path.outcome, path.how, path.icmp_from) == ("refused", "rst", "")


def test_policy_local_drops_where_another_node_has_an_endpoint_and_rejects_where_none_has():
    dropped = only(ask("nodeport-local", CLIENT, "172.18.0.13:30080"))
    assert dropped.outcome == "timeout"
    assert (
        dropped.reason
        == "node-3: KUBE-EXTERNAL-SERVICES rule 1 dropped it: default/web has no local endpoints"
    )
    assert only(ask("nodeport-local-no-endpoints", CLIENT, "172.18.0.13:30080")).outcome == "refused"


def test_a_datagram_that_output_refuses_or_drops_fails_at_send_but_tcp_waits():
    where = cluster("nodeport-cluster")
    rules = (
        "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n-A OUTPUT -d 192.0.2.10/32 -j {}\nCOMMIT\n"
    )
    results = {}
    for target in ("DROP", "REJECT"):
        edited = where.with_rules("node-1", rules.format(target))
        for protocol in ("tcp", "udp"):
            path = only(trace(edited, "node/node-1", f"{CLIENT}:9", protocol))
            results[target, protocol] = (path.outcome, path.how)
    assert results == {
        ("DROP", "tcp"): ("timeout", ""),
        ("DROP", "udp"): ("timeout", "eperm"),
        ("REJECT", "tcp"): ("refused", "icmp-port-unreachable"),
        ("REJECT", "udp"): ("refused", "eperm"),
    }


# 4-7: source addresses


def test_masquerade_writes_the_address_of_the_outgoing_interface():
    found = ask("nodeport-cluster", CLIENT, "172.18.0.11:30080")
    assert seen(found) == {"web-a": CNI0[1], "web-b": CNI0[1], "web-c": NODE[1]}
    assert all(p.source_port_seen != SOURCE_PORT for p in found.paths)


def test_a_pod_keeps_its_address_to_a_clusterip_and_loses_it_to_a_nodeport():
    assert set(seen(ask("nodeport-cluster", "pod/default/tool-3", "10.96.0.10:80")).values()) == {
        "10.244.3.100"
    }
    by_port = seen(ask("nodeport-cluster", "pod/default/tool-3", "172.18.0.13:30080"))
    assert set(by_port.values()) == {NODE[3]}


def test_a_client_that_can_route_to_a_clusterip_gets_through():
    assert outcomes(ask("clusterip-multi", CLIENT, "10.96.0.10:80", via="node-3")) == {"connected"}


def test_a_nodes_connection_to_a_hostnetwork_endpoint_on_itself_leaves_by_lo_with_eth0s_address():
    found = ask("clusterip-hostnetwork", "node/node-1", "10.96.0.10:80")
    here = [p for p in found.paths if p.answered_by == "node-1"]
    assert [p.source_seen for p in here] == [NODE[1]]
    assert any(step.rule.startswith("lo ") for step in here[0].hops[0].steps)


def test_a_hostnetwork_endpoint_on_the_entry_node_sees_the_real_client_under_policy_cluster():
    where = cluster("clusterip-hostnetwork").patch("service", "web", '{"spec": {"type": "NodePort"}}')
    port = where.services["default/web"].ports[0].node_port
    found = trace(where, CLIENT, f"172.18.0.11:{port}")
    assert {p.answered_by: p.source_seen for p in found.paths}["node-1"] == CLIENT


def test_a_pod_that_reaches_itself_through_its_service_sees_cni0():
    found = ask("nodeport-cluster", "pod/default/web-a", "10.96.0.10:80")
    assert seen(found) == {"web-a": CNI0[1], "web-b": "10.244.1.10", "web-c": "10.244.1.10"}


# 8-12: policy Local, no endpoints


def test_pods_and_nodes_reach_every_endpoint_through_a_local_vip():
    pod = ask("lb-local", "pod/default/tool-3", VIP)
    node = ask("lb-local", "node/node-3", VIP)
    assert seen(pod) == dict.fromkeys(["web-a", "web-b", "web-c"], "10.244.3.100")
    assert seen(node) == dict.fromkeys(["web-a", "web-b", "web-c"], NODE[3])


def test_a_pod_at_another_nodes_local_nodeport_gets_an_answer_from_that_nodes_pods_only():
    found = ask("nodeport-local", "pod/default/tool-3", "172.18.0.11:30080")
    assert seen(found) == {"web-a": "10.244.3.100", "web-b": "10.244.3.100"}
    (lost,) = [p for p in found.paths if p.outcome == "timeout"]
    assert lost.pod == "default/web-c"
    assert lost.source_seen == "10.244.3.100"
    assert "node-3: KUBE-FORWARD rule 1 dropped it: -m conntrack --ctstate INVALID" in lost.reason
    masqueraded = ask("nodeport-local", "pod/default/tool-3", "172.18.0.11:30080", variant="cni-masquerade")
    assert seen(masqueraded) == {"web-a": NODE[3], "web-b": NODE[3]}
    assert outcomes(masqueraded) == {"connected"}


def test_a_health_check_counts_ready_local_endpoints():
    answers = [ask("lb-local", CLIENT, f"172.18.0.1{n}:31234", "http").paths[0] for n in (1, 2, 3)]
    assert [(p.status, p.body["localEndpoints"]) for p in answers] == [(200, 2), (200, 1), (503, 0)]
    assert only(ask("lb-local", CLIENT, "172.18.0.11:10256", "http")).status == 200


def test_a_nodes_packet_to_a_vip_without_endpoints_leaves_the_node():
    assert outcomes(ask("lb-no-endpoints", "node/node-1", VIP)) == {"external"}
    assert outcomes(ask("lb-no-endpoints", "pod/default/tool-1", VIP)) == {"refused"}


# 13-18: where it listens, and addresses that are no Service


def test_localhost_nodeports_work_in_iptables_mode_and_need_route_localnet():
    assert outcomes(ask("nodeport-cluster", "node/node-1", "127.0.0.1:30080")) == {"connected"}
    shut = cluster("nodeport-cluster").with_world(sysctls={"route_localnet": 0})
    found = trace(shut, "node/node-1", "127.0.0.1:30080")
    assert outcomes(found) == {"timeout"}
    assert "route_localnet" in found.paths[0].reason


def test_ipv6_loopback_has_no_nodeport():
    found = ask("ipv6-nodeport", "node/node-1", "[::1]:30080")
    assert (only(found).outcome, only(found).how) == ("refused", "rst")


def test_unknown_service_addresses_leave_the_cluster():
    path = only(ask("nodeport-cluster", "pod/default/tool-1", "10.96.77.77:80"))
    assert (path.outcome, path.how, path.icmp_from) == ("external", "icmp-net-unreachable", "172.18.0.1")
    six = only(ask("ipv6-nodeport", "pod/default/tool-1", "[fd00:96::77]:80"))
    assert (six.outcome, six.how, six.icmp_from) == ("external", "icmp6-no-route", "fd00:18::1")


def test_a_vips_port_without_service_circles_until_its_ttl_is_spent():
    path = only(ask("lb-cluster", CLIENT, "203.0.113.10:81", via="node-2"))
    assert (path.outcome, path.how, path.icmp_from) == ("unreachable", "icmp-ttl-exceeded", NODE[2])
    assert len(path.hops) < 15
    assert "routing loop" in " ".join(step.rule for hop in path.hops for step in hop.steps)


def test_an_unclaimed_vip_is_external():
    path = only(ask("lb-ipmode-proxy", "pod/default/tool-1", VIP))
    assert (path.outcome, path.how, path.pod) == ("external", "", None)


# 19-30


def test_source_ranges_guard_the_vip_only():
    assert outcomes(ask("lb-sourceranges", "pod/default/tool-1", VIP)) == {"timeout"}
    assert outcomes(ask("lb-sourceranges", "pod/default/tool-1", "172.18.0.11:30080")) == {"connected"}


def test_without_bridge_nf_a_service_fails_when_the_endpoint_is_another_pod_of_the_node():
    found = ask("clusterip-multi", "pod/default/web-a", "10.96.0.10:80", variant="bridge-nf-off")
    by_pod = {p.pod: p for p in found.paths}
    assert {pod.partition("/")[2]: p.outcome for pod, p in by_pod.items()} == {
        "web-a": "connected",
        "web-b": "timeout",
        "web-c": "connected",
    }
    assert "unseen by iptables" in " ".join(s.rule for h in by_pod["default/web-b"].hops for s in h.steps)


def test_replies_between_pods_of_one_node_are_untranslated_on_the_bridge():
    found = ask("clusterip-multi", "pod/default/tool-1", "10.96.0.10:80")
    path = next(p for p in found.paths if p.pod == "default/web-a")
    (bridge,) = [h for h in path.hops if h.host == "node-1" and h.direction == "back"]
    assert (bridge.packet.source, bridge.leaves.source) == ("10.244.1.10", "10.96.0.10")


def test_a_manual_endpoint_is_no_pod_but_answers():
    found = ask("clusterip-manual-endpoints", "pod/default/tool-1", "10.96.0.10:80")
    outside = [p for p in found.paths if p.pod is None]
    assert [(p.outcome, p.answered_by) for p in outside] == [("connected", "192.0.3.10")]


def test_affinity_keeps_the_pod_when_the_hosts_memory_is_handed_on():
    where = cluster("affinity-nodeport")
    first = trace(where, CLIENT, "172.18.0.11:30080")
    assert len(first.paths) > 1
    for path in first.paths:
        again = trace(where, CLIENT, "172.18.0.11:30080", source_port=40113, now=1.0, memories=path.memories)
        assert [p.pod for p in again.paths] == [path.pod]
