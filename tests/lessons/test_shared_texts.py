"""What the checks of all lessons say of packets and of the API server is what traces and refusals show."""

import re

import pytest

import svcnotes
from svcnotes import scenarios
from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import ApiError
from svcnotes.exercises.evidence import ending_rule, source_rule, steps_there
from svcnotes.exercises.refusals import explain
from svcnotes.scenarios.changes import without_rule

CLIENT, BY_2, BY_3 = "192.0.2.10", "172.18.0.12:30080", "172.18.0.13:30080"
LOCAL = "spec: {externalTrafficPolicy: Local}"


def nodeport(change=""):
    found = scenarios.load("nodeport")
    return found.patch("service", "my-nginx", change) if change else found


def first(cluster: Cluster, source=CLIENT, to=BY_3):
    return svcnotes.trace(cluster, source, to).paths[0]


def test_a_drop_is_silent_a_reject_says_port_unreachable_and_a_closed_port_says_rst():
    """questions.outcome"""
    dropped = first(nodeport(LOCAL))
    assert (dropped.outcome, dropped.how) == ("timeout", "")
    assert [hop.direction for hop in dropped.hops if hop.direction == "back"] == []
    assert ending_rule(dropped).endswith("-j DROP")
    rejected = first(scenarios.load("nodeport-empty"))
    assert (rejected.outcome, rejected.how) == ("refused", "icmp-port-unreachable")
    assert "-j REJECT" in ending_rule(rejected)
    closed = first(nodeport(), to="172.18.0.13:30081")
    assert (closed.outcome, closed.how, ending_rule(closed)) == ("refused", "rst", "")


@pytest.mark.parametrize("node", ["node-1", "node-2", "node-3"])
def test_under_cluster_every_node_carries_on_and_under_local_none(node):
    """questions.outcome: Local keeps a packet on the node that it came to."""
    to = f"{nodeport().nodes[node].addresses[0]}:30080"
    assert {path.outcome for path in svcnotes.trace(nodeport(), CLIENT, to).paths} == {"connected"}
    for path in svcnotes.trace(nodeport(LOCAL), CLIENT, to).paths:
        assert {hop.host for hop in path.hops if hop.kind == "node"} == {node}


def test_no_process_of_the_node_gets_what_has_a_pods_address_as_it_comes_in():
    """questions.listener"""
    path = first(nodeport(), to="172.18.0.11:30080")
    assert next(step.hook for step in steps_there(path) if step.verdict == "dnat") == "PREROUTING"
    assert "INPUT" not in {step.hook for step in steps_there(path)}


@pytest.mark.parametrize("service_address", ["10.96.0.80"])
def test_no_packet_leaves_from_a_services_address_on_the_way_there(service_address):
    """sources.source_seen: its address stands in rules only."""
    for source, to in [(CLIENT, BY_2), ("pod/default/my-nginx-1", "10.96.0.80:8080")]:
        for path in svcnotes.trace(nodeport(), source, to).paths:
            seen = {hop.packet.source for hop in path.hops if hop.direction == "there"}
            assert service_address not in seen
    assert service_address in svcnotes.rules(nodeport(), "node-1")


def test_the_last_node_passes_on_what_another_one_has_changed():
    """sources.source_seen, and a router passes packets on as they are."""
    path = first(nodeport(), to=BY_2)
    for host in ("node-1", "router"):
        for hop in (hop for hop in path.hops if hop.host == host):
            left = hop.leaves or hop.packet
            assert (left.source, left.destination) == (hop.packet.source, hop.packet.destination)


def test_a_pod_does_not_take_a_packet_from_its_own_address_and_so_it_is_masqueraded():
    """sources.source_seen: a martian, under any policy."""
    itself = "pod/default/my-nginx-1"
    for change in ("", LOCAL):
        path = next(
            p
            for p in svcnotes.trace(nodeport(change), itself, "10.96.0.80:8080").paths
            if p.pod == "default/my-nginx-1"
        )
        assert (path.outcome, path.source_seen) == ("connected", "10.244.1.1")
    bare = without_rule(nodeport(), "-s 10.244.1.10/32", ["node-1"])
    path = svcnotes.trace(bare, itself, "10.96.0.80:8080").paths[0]
    assert path.outcome == "timeout"
    assert "martian" in path.reason


def test_a_proxy_hides_the_client_whatever_the_policy():
    """sources.source_seen"""
    balanced = scenarios.load("loadbalancer").with_world(cloud="proxying")
    for policy in ("Cluster", "Local"):
        told = balanced.patch("service", "my-nginx", f"spec: {{externalTrafficPolicy: {policy}}}")
        assert CLIENT not in {p.source_seen for p in svcnotes.trace(told, CLIENT, "203.0.113.1:80").paths}


def test_where_no_rule_marks_the_source_is_kept():
    """sources.source_seen"""
    path = first(nodeport(LOCAL), to=BY_2)
    assert path.source_seen == CLIENT
    assert source_rule(path) == ""
    assert not [step for step in steps_there(path) if step.after.mark]


def test_a_service_finds_pods_by_labels_and_never_by_its_name():
    """manifest.mend: the Service keeps its name, and the pods go unfound."""
    cluster = nodeport("spec: {selector: {run: my-ngnix}}")
    assert [e for one in cluster.endpoint_slices if one.service == "my-nginx" for e in one.endpoints] == []


def test_a_target_port_opens_nothing():
    """manifest.mend"""
    path = first(scenarios.load("nodeport-refused"))
    assert (path.how, path.pod) != ("", "default/my-nginx-1")
    assert "nothing listens" in path.reason


def spec(text: str) -> str:
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: new}}\nspec: {{selector: {{run: my-nginx}}, {text}}}\n"


NODE_PORT = "type: NodePort, ports: "
# what is wrong, words of the refusal, words of what the check makes of it, the same mended
REFUSED = [
    (NODE_PORT + "[{port: 80, nodePort: 80}]", "provided port is not in the valid range", "30000 to 32767", NODE_PORT + "[{port: 80, nodePort: 30081}]"),
    (NODE_PORT + "[{nodePort: 80}]", "provided port is not in the valid range", "the first bad one ends it", NODE_PORT + "[{port: 80}]"),
    (NODE_PORT + "[{port: 80, nodePort: 30080}]", "provided port is already allocated", "cluster-wide", NODE_PORT + "[{port: 80, nodePort: 30081}]"),
    ("ports: [{port: 80, nodePort: 30081}]", "may not be used when `type` is 'ClusterIP'", "Only a Service of type NodePort (or LoadBalancer)", "type: LoadBalancer, ports: [{port: 80, nodePort: 30081}]"),
    (NODE_PORT + "[{targetPort: 80}]", "port: Invalid value: 0", "a missing number reads as 0", NODE_PORT + "[{port: 80}]"),
    (NODE_PORT + "[{name: a}, {name: b}]", "Duplicate value", "Two entries without a port look like the same port twice", NODE_PORT + "[{name: a, port: 80}, {name: b, port: 81}]"),
    (NODE_PORT + "[{port: 80, targetPort: '80'}]", "at least one letter", "a name of a port needs a letter", NODE_PORT + "[{port: 80, targetPort: http}]"),
    (NODE_PORT + "[{port: 80}, {port: 81}]", "name: Required value", "With two, other objects", NODE_PORT + "[{port: 80, name: http}, {port: 81, name: https}]"),
    (NODE_PORT + "[{port: 80, name: a}, {port: 80, name: b}]", "Duplicate value", "the same port and protocol", NODE_PORT + "[{port: 80, name: a}, {port: 80, name: b, protocol: UDP}]"),
    (NODE_PORT + "[{port: 70000, targetPort: 80}]", "must be between 1 and 65535", "16 bits wide", NODE_PORT + "[{port: 65535}]"),
    ("type: ExternalName, externalName: 'http://db.example.com'", "externalName: Invalid value", "no http://, no port, no path", "type: ExternalName, externalName: db.example.com"),
    ("type: ExternalName, externalName: db.example.com, clusterIP: 10.96.0.9", "may not be set for ExternalName", "it lives in DNS alone", "type: ExternalName, externalName: db.example.com"),
    ("ports: [{port: 80}], externalIPs: [127.0.0.1]", "externalIPs[0]: Invalid value", "no range, no name, no loopback", "ports: [{port: 80}], externalIPs: [80.11.12.10]"),
    ("ports: [{port: 80}], externalIPs: [10.0.0.0/8]", "externalIPs[0]: Invalid value", "no range, no name, no loopback", "ports: [{port: 80}], externalIPs: [80.11.12.10]"),
    ("ports: [{port: 80}], externalIPs: [example.com]", "externalIPs[0]: Invalid value", "no range, no name, no loopback", "ports: [{port: 80}], externalIPs: [80.11.12.10]"),
    ("ports: [{port: 80}], externalTrafficPolicy: Local", "may only be set for externally-accessible", "this Service takes none", "ports: [{port: 80}], externalIPs: [80.11.12.10], externalTrafficPolicy: Local"),
    ("ports: [{port: 80}], loadBalancerSourceRanges: [192.0.2.0/24]", "LoadBalancerSourceRanges: Forbidden", "for a Service of type LoadBalancer only", "type: LoadBalancer, ports: [{port: 80}], loadBalancerSourceRanges: [192.0.2.10/32]"),
    ("type: LoadBalancer, ports: [{port: 80}], loadBalancerSourceRanges: [192.0.2.10]", "LoadBalancerSourceRanges[0]: Invalid value", "a list of ranges such as 192.0.2.0/24", "type: LoadBalancer, ports: [{port: 80}], loadBalancerSourceRanges: [192.0.2.10/32]"),
    (NODE_PORT + "[{port: 80}], healthCheckNodePort: 30099", "healthCheckNodePort: Invalid value", "type LoadBalancer with policy Local", "type: LoadBalancer, ports: [{port: 80}], externalTrafficPolicy: Local, healthCheckNodePort: 30099"),
    ("type: LoadBalancer, ports: [{port: 80}], externalTrafficPolicy: Local, healthCheckNodePort: 80", "failed to allocate requested HealthCheck NodePort", "comes from the nodePorts' range", "type: LoadBalancer, ports: [{port: 80}], externalTrafficPolicy: Local"),
    (NODE_PORT + "[{port: 80}], externalTrafficPolicy: local", 'Unsupported value: "local"', "capital letters count", NODE_PORT + "[{port: 80}], externalTrafficPolicy: Local"),
    (NODE_PORT + "[{prot: 80}]", "unknown field", "a typing slip", NODE_PORT + "[{port: 80}]"),
    ("type: NodePort", "spec.ports: Required value", "A Service without ports would lead nowhere", NODE_PORT + "[{port: 80}]"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "words", "meaning", "mended"), REFUSED)
def test_a_refusal_means_what_the_check_says_and_the_hint_mends_it(wrong, words, meaning, mended):
    """refusals.explain"""
    with pytest.raises(ApiError, match=re.escape(words)) as refused:
        nodeport().create(spec(wrong))
    assert meaning in explain(refused.value).meaning
    assert nodeport().create(spec(mended)).services["default/new"]


def test_a_health_check_port_stays_as_it_is():
    """refusals.explain"""
    balanced = nodeport(
        "spec: {type: LoadBalancer, externalTrafficPolicy: Local, healthCheckNodePort: 30099}"
    )
    with pytest.raises(ApiError, match="immutable"):
        balanced.patch("service", "my-nginx", "spec: {healthCheckNodePort: 30100}")


def test_protocol_and_number_tell_a_node_where_a_packet_goes():
    """refusals.explain: one number may serve TCP and UDP of one Service."""
    both = nodeport().create(
        spec(
            "type: NodePort, ports: [{name: t, port: 53, nodePort: 30053}, {name: u, port: 53, protocol: UDP, nodePort: 30053}]"
        )
    )
    rules = [
        rule
        for rule in svcnotes.rules(both, "node-1").splitlines()
        if "--dport 30053" in rule and "127.0.0.0" not in rule
    ]
    assert len([rule for rule in rules if rule.startswith("-A KUBE-NODEPORTS -p tcp")]) == 1
    assert len([rule for rule in rules if rule.startswith("-A KUBE-NODEPORTS -p udp")]) == 1
