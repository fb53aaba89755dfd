"""Each fault of a World is a mechanism: what it breaks, what it leaves alone, and what ends it."""

from fractions import Fraction

import pytest
from replay import cluster

import svcnotes
from svcnotes.errors import InputError, QuestionError
from svcnotes.network.node_rules import rules_text
from svcnotes.trace import trace

CLIENT, NODEPORT, VIP = "192.0.2.10", "172.18.0.11:30080", "203.0.113.10:80"


def broken(*faults, scenario="nodeport-cluster", **world):
    return cluster(scenario).with_world(faults=list(faults), **world)


def outcomes(where, source=CLIENT, to=NODEPORT, protocol="tcp", **more):
    """Outcome by Pod (by what ended it, where no Pod was met)."""
    found = trace(where, source, to, protocol, **more)
    return {(p.pod or "").removeprefix("default/"): p.outcome for p in found.paths}


# what a fault may say


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("gremlins", "'gremlins' is not known; known are: hairpin-off, route-missing, conntrack-full"),
        ({"name": "hairpin-off", "nod": "node-1"}, "hairpin-off does not take 'nod'; it takes: node"),
        ({"name": "hairpin-off", "node": "node-9"}, "node: the cluster has no Node 'node-9'; it has: node-1"),
        ({"name": "conntrack-full", "node": "router"}, "the cluster has no Node 'router'"),
        ("route-missing", "route-missing needs 'to': add it"),
        ({"name": "route-missing", "to": "node-2"}, "'node-2' is no range; write it as 10.244.2.0/24"),
        ("listens-on-loopback", "needs 'pod'"),
        (
            {"name": "listens-on-loopback", "pod": "nobody"},
            "has no Pod 'nobody'; it has: default/web-a, default/web-b",
        ),
        ({"name": "listens-on-loopback", "pod": "web-a", "port": 0}, "0 is no port"),
        (
            {"name": "host-firewall", "on": "router", "ports": "http"},
            "'http' is no port and no range; write 30080",
        ),
        ({"name": "host-firewall", "ports": "40000-30000"}, "no port and no range"),
        (
            {"name": "host-firewall", "ports": 80, "protocol": "http"},
            "'http' is not one of tcp, udp, sctp",
        ),
        ({"name": "rule-missing", "node": "node-1"}, "rule-missing needs 'text'"),
        ({"name": "rule-missing", "text": " "}, "write a part of a rule"),
        ({"name": "balancer-believes", "nodes": "node-1"}, r"is no list; write the Nodes as \[node-1"),
        ({"name": "balancer-believes", "nodes": ["node-7"]}, "has no Node 'node-7'"),
        (
            {"name": "balancer-believes", "nodes": [], "service": "shop"},
            "has no Service 'shop'; it has: default/web",
        ),
    ],
)
def test_a_fault_that_says_what_is_not_there_is_refused_when_the_world_is_given(fault, words):
    with pytest.raises(InputError, match=f"World: faults: .*{words}"):
        broken(fault)


def test_a_file_with_an_unknown_fault_is_refused_when_it_is_read():
    with pytest.raises(InputError, match="'gremlins' is not known"):
        svcnotes.loads("apiVersion: svcnotes/v1\nkind: World\nfaults: [gremlins]\n")


def test_a_fault_may_outlive_the_pod_that_it_names():
    where = broken({"name": "listens-on-loopback", "pod": "web-a"}).delete("pod", "web-a")
    assert outcomes(where) == {"web-b": "connected", "web-c": "connected"}


# the kernel


def test_a_full_conntrack_table_drops_new_connections_on_that_node_only():
    where = broken({"name": "conntrack-full", "node": "node-1"})
    (path,) = trace(where, CLIENT, NODEPORT).paths
    assert (path.outcome, path.reason) == ("timeout", "node-1: nf_conntrack: table full, dropping packet")
    assert trace(where, CLIENT, "172.18.0.12:30080").paths[2].outcome == "connected"


def test_a_connection_that_a_full_table_knows_lives_on():
    known = trace(cluster("nodeport-cluster"), CLIENT, NODEPORT).paths[1]
    where = broken({"name": "conntrack-full", "node": "node-1"})
    assert outcomes(where, memories=known.memories) == {"web-b": "connected"}
    assert outcomes(where, memories=known.memories, source_port=40113) == {"": "timeout"}
    mended = where.with_world(faults=[])
    dropped = trace(where, CLIENT, NODEPORT).paths[0]
    assert len(outcomes(mended, memories=dropped.memories)) == 3


def test_a_datagram_of_the_node_itself_fails_at_send_where_the_table_is_full():
    (path,) = trace(broken("conntrack-full"), "node/node-1", "10.244.1.10:53", "udp").paths
    assert (path.outcome, path.how) == ("timeout", "eperm")


def test_an_app_bound_to_loopback_resets_what_comes_from_elsewhere_and_answers_in_its_pod():
    where = broken({"name": "listens-on-loopback", "pod": "default/web-a", "port": 8080})
    assert outcomes(where) == {"web-a": "refused", "web-b": "connected", "web-c": "connected"}
    refused = next(p for p in trace(where, CLIENT, NODEPORT).paths if p.outcome == "refused")
    assert (refused.how, refused.reason) == (
        "rst",
        "default/web-a: nothing listens on tcp 10.244.1.10:8080",
    )
    assert outcomes(where, "pod/default/web-a", "127.0.0.1:8080") == {"web-a": "connected"}
    other = broken({"name": "listens-on-loopback", "pod": "web-a", "port": 9090})
    assert outcomes(other)["web-a"] == "connected"


def test_rp_filter_drops_what_came_in_by_another_interface_than_its_answer_would_leave_by():
    lost = {"name": "route-missing", "on": "node-2", "to": "10.244.1.0/24"}
    ask = ("pod/default/tool-1", "10.244.2.10:8080")
    open_, strict, loose = (
        trace(broken(lost, cni="vxlan", sysctls={"rp_filter": value}), *ask).paths[0] for value in (0, 1, 2)
    )
    assert (open_.source_seen, loose.source_seen, strict.source_seen) == (
        "10.244.1.100",
        "10.244.1.100",
        None,
    )
    assert strict.reason == "node-2: rp_filter: the way back to 10.244.1.100 does not go by flannel.1"


def test_rp_filter_leaves_symmetric_paths_alone():
    where = broken(sysctls={"rp_filter": 1})
    for source in (CLIENT, "pod/default/web-a", "node/node-2"):
        assert set(outcomes(where, source).values()) == {"connected"}, source


def test_localhost_nodeports_need_route_localnet():
    assert set(outcomes(broken(), "node/node-1", "127.0.0.1:30080").values()) == {"connected"}
    found = trace(broken(sysctls={"route_localnet": 0}), "node/node-1", "127.0.0.1:30080")
    assert {p.outcome for p in found.paths} == {"timeout"}
    assert found.paths[0].reason == "127.0.0.1 cannot leave node-1 by cni0 while route_localnet is 0"


def test_without_bridge_netfilter_a_pod_that_picks_its_neighbour_gets_an_answer_from_a_stranger():
    where = broken(sysctls={"bridge-nf-call-iptables": 0})
    found = trace(where, "pod/default/tool-1", "10.96.0.10:80")
    assert {p.pod: p.outcome for p in found.paths} == {
        "default/web-a": "timeout",
        "default/web-b": "timeout",
        "default/web-c": "connected",
    }
    assert "the answer comes from 10.244.1.10:8080" in found.paths[0].reason


# firewalls


def test_a_hosts_firewall_stops_the_nodeport_for_the_outside_and_not_for_the_other_nodes_and_pods():
    where = broken({"name": "host-firewall", "on": "node-1", "ports": "30000-32767"})
    (path,) = trace(where, CLIENT, NODEPORT).paths
    assert (path.outcome, path.reason) == (
        "timeout",
        "node-1: HOST-FIREWALL rule 3 dropped it: host firewall",
    )
    for source in ("node/node-2", "pod/default/tool-2"):
        assert set(outcomes(where, source).values()) == {"connected"}
    assert set(outcomes(where, to="172.18.0.12:30080").values()) == {"connected"}
    assert "--dport 30000:32767 -j DROP" in rules_text(where, "node-1")
    assert rules_text(where, "node-2") == svcnotes.rules(where, "node-2")


def test_a_firewall_in_front_of_the_nodes_lets_no_packet_come_to_them():
    where = broken({"name": "host-firewall", "on": "router", "ports": 30080})
    (path,) = trace(where, CLIENT, NODEPORT).paths
    assert (path.outcome, path.reason) == ("timeout", "router: FORWARD rule 1 dropped it: host firewall")
    assert [hop.host for hop in path.hops] == ["client", "router"]
    assert set(outcomes(where, "node/node-2").values()) == {"connected"}
    assert outcomes(where, to="172.18.0.11:30081") == {"": "refused"}
    assert set(outcomes(where, to=NODEPORT, protocol="udp").values()) == {"refused"}


def test_a_firewall_of_udp_ports_is_one_of_udp():
    where = broken({"name": "host-firewall", "on": "node-1", "ports": 30080, "protocol": "udp"})
    assert outcomes(where, protocol="udp") == {"": "timeout"}
    assert "connected" in outcomes(where).values()


def test_dockers_forward_policy_drops_unmarked_packets_for_local_pods_and_kube_proxys_mark_passes():
    drop = {"name": "forward-policy-drop", "node": "node-1"}
    (local,) = {p.reason for p in trace(broken(drop, scenario="nodeport-local"), CLIENT, NODEPORT).paths}
    assert local == "node-1: the policy of FORWARD dropped it"
    assert set(outcomes(broken(drop)).values()) == {"connected"}
    assert ":FORWARD DROP\n" in rules_text(broken(drop), "node-1")


# kube-proxy and its rules


def test_flushed_rules_leave_the_nodeport_to_the_nodes_own_reset_and_the_clusterip_to_nobody():
    where = broken({"name": "rules-flushed", "node": "node-1"})
    (path,) = trace(where, CLIENT, NODEPORT).paths
    assert (path.outcome, path.how) == ("refused", "rst")
    assert trace(where, "pod/default/tool-1", "10.96.0.10:80").paths[0].outcome == "external"
    assert len(trace(where, CLIENT, "172.18.0.12:30080").paths) == 3
    nat = rules_text(where, "node-1").partition("*nat")[2]
    assert "\n-A " not in nat
    assert ":KUBE-SERVICES -" in nat


def test_flushing_takes_the_cnis_masquerade_rule_too():
    where = broken("rules-flushed", cniMasquerade=True)
    assert "MASQUERADE" not in rules_text(where, "node-1")


def test_a_missing_rule_is_missing_from_the_text_and_from_the_walk():
    where = broken({"name": "rule-missing", "node": "node-1", "text": "-j MASQUERADE --random-fully"})
    found = {p.pod: (p.outcome, p.source_seen) for p in trace(where, CLIENT, NODEPORT).paths}
    assert found == {
        "default/web-a": ("connected", CLIENT),
        "default/web-b": ("connected", CLIENT),
        "default/web-c": ("timeout", CLIENT),
    }
    whole, less = (rules_text(w, "node-1").splitlines() for w in (broken(), where))
    assert [line for line in whole if line not in less] == [
        '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" '
        "-j MASQUERADE --random-fully"
    ]


def test_text_that_replaces_a_nodes_rules_mends_what_faults_broke_in_them():
    where = broken({"name": "rules-flushed", "node": "node-1"})
    mended = where.with_rules("node-1", svcnotes.rules(where, "node-1"))
    assert len(outcomes(mended)) == 3


def test_a_stopped_kube_proxy_keeps_the_rules_of_then_and_sends_to_a_pod_that_is_gone():
    stopped = broken({"name": "kube-proxy-stopped", "node": "node-1"})
    where = stopped.delete("pod", "web-c")
    assert svcnotes.rules(where, "node-1") == svcnotes.rules(stopped, "node-1")
    assert svcnotes.rules(where, "node-2") != svcnotes.rules(stopped, "node-2")
    lost = next(p for p in trace(where, CLIENT, NODEPORT).paths if p.outcome != "connected")
    assert (lost.probability, lost.outcome, lost.how) == (
        Fraction(1, 3),
        "unreachable",
        "icmp-host-unreachable",
    )
    assert outcomes(where, to="172.18.0.12:30080") == {"web-a": "connected", "web-b": "connected"}


def test_a_stopped_kube_proxy_never_learns_of_a_new_service_and_a_started_one_does():
    where = broken({"name": "kube-proxy-stopped", "node": "node-1"}).apply(
        "apiVersion: v1\nkind: Service\nmetadata: {name: new}\n"
        "spec: {type: NodePort, selector: {app: web}, ports: [{port: 8080, nodePort: 30099}]}\n"
    )
    again = where.apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: later}\n")
    for cluster_ in (where, again):
        assert outcomes(cluster_, to="172.18.0.11:30099") == {"": "refused"}
        assert "connected" in outcomes(cluster_, to="172.18.0.12:30099").values()
    assert "connected" in outcomes(again.with_world(faults=[]), to="172.18.0.11:30099").values()


def test_a_stopped_kube_proxy_answers_no_health_check_so_the_cloud_turns_away():
    for scenario in ("lb-cluster", "lb-local"):
        where = broken({"name": "kube-proxy-stopped", "node": "node-1"}, scenario=scenario)
        (health,) = trace(where, CLIENT, "172.18.0.11:10256", "http").paths
        assert (health.outcome, health.how, health.status) == ("refused", "rst", None)
        entered = {
            hop.host
            for path in trace(where.with_world(cloud="pass-through"), CLIENT, VIP).paths
            for hop in path.hops[:3]
        }
        assert "node-2" in entered
        assert "node-1" not in entered


def test_stale_rules_come_from_any_earlier_cluster():
    now = cluster("nodeport-cluster")
    before = now.delete("service", "web")
    where = now.with_stale_rules("node-1", before)
    assert where.stopped == {"node-1"}
    assert svcnotes.rules(where, "node-1") == svcnotes.rules(before, "node-1")
    assert outcomes(where) == {"": "refused"}
    with pytest.raises(QuestionError, match='no Node "node-9" in this cluster'):
        now.with_stale_rules("node-9", before)
    with pytest.raises(QuestionError, match='no Node "node-3" in the earlier cluster'):
        now.with_stale_rules(
            "node-3", svcnotes.loads("apiVersion: v1\nkind: Node\nmetadata: {name: node-1}\n")
        )


# endpoints and balancers


def test_a_slice_that_still_names_a_dead_pod_leads_to_an_address_that_nobody_has():
    where = cluster("nodeport-cluster")
    slices = [raw for key, raw in where.objects.items() if key[0] == "EndpointSlice"]
    dead = where.delete("pod", "web-b")
    restored = dead.with_state(dead.state.restore(slices))
    found = {p.pod or "nobody": (p.outcome, p.how) for p in trace(restored, CLIENT, NODEPORT).paths}
    assert found == {
        "default/web-a": ("connected", ""),
        "nobody": ("unreachable", "icmp-host-unreachable"),
        "default/web-c": ("connected", ""),
    }


def test_a_balancer_sends_to_the_nodes_that_it_believes_in_until_its_check_tells_otherwise():
    believes = {"name": "balancer-believes", "service": "web", "nodes": ["node-3"]}
    for cloud in ("pass-through", "proxying"):
        where = broken(believes, scenario="lb-local", cloud=cloud)
        (path,) = trace(where, CLIENT, VIP).paths
        assert path.outcome == "timeout"
        assert path.reason.endswith("dropped it: default/web has no local endpoints")
        assert "node-3" in path.reason
        told = where.with_world(faults=[])
        assert {p.outcome for p in trace(told, CLIENT, VIP).paths} == {"connected"}
    nobody = broken({**believes, "nodes": []}, scenario="lb-local", cloud="pass-through")
    assert "no healthy node" in trace(nobody, CLIENT, VIP).paths[0].reason
