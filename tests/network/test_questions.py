"""How a question is read, and what is answered to one that cannot be."""

import json
import sys

import pytest
from replay import cluster

import svcnotes
from svcnotes.errors import QuestionError
from svcnotes.trace import to_json, trace

CLIENT, NODEPORT = "192.0.2.10", "172.18.0.11:30080"


@pytest.mark.parametrize(
    ("source", "to", "more", "words"),
    [
        ("pod/default/nobody", NODEPORT, {}, r"no Pod 'default/nobody'; it has: default/web-a"),
        ("node/node-9", NODEPORT, {}, r"no Node 'node-9'; it has: node-1, node-2, node-3"),
        (
            "moon",
            NODEPORT,
            {},
            "write an outside address such as 192.0.2.10, pod/NAMESPACE/NAME or node/NAME",
        ),
        ("172.18.0.12", NODEPORT, {}, "that is a Node's address; write node/node-2"),
        ("10.244.1.10", NODEPORT, {}, "that is a Pod's address; write pod/default/web-a"),
        (
            "10.244.3.99",
            NODEPORT,
            {},
            "lies in 10.244.3.0/24, the Pods' range of node-3, where nobody has it",
        ),
        ("10.96.0.10", NODEPORT, {}, "lies in 10.96.0.0/16, the Services' range"),
        ("172.18.0.99", NODEPORT, {}, "lies in 172.18.0.0/24, the nodes' network"),
        ("172.18.0.1", NODEPORT, {}, "that is the router's own address"),
        ("127.0.0.1", NODEPORT, {}, "no packet comes from that address"),
        ("", NODEPORT, {}, "write an outside address"),
        (CLIENT, "172.18.0.11", {}, "write ADDRESS:PORT"),
        (CLIENT, "172.18.0.11:http", {}, "'http' is no port; write a number from 1 to 65535"),
        (CLIENT, "172.18.0.11:70000", {}, "'70000' is no port"),
        (CLIENT, "172.18.0.11:0", {}, "'0' is no port"),
        (CLIENT, "fd00::1:80", {}, r"write ADDRESS:PORT, \[V6\]:PORT"),
        ("node/node-1", "[fd00:18::11]:80", {}, "the source has none of that family"),
        (CLIENT, "224.0.0.1:80", {}, "no connection can be made"),
        (CLIENT, NODEPORT, {"protocol": "igmp"}, "not one of tcp, udp, sctp, http, icmp"),
        (
            CLIENT,
            NODEPORT,
            {"protocol": "icmp"},
            "a ping .icmp. goes to a host and has no port; write 172.18.0.11",
        ),
        (CLIENT, "[fd00::1]:80", {"protocol": "icmp"}, "has no port; write fd00::1 alone"),
        (CLIENT, "", {"protocol": "icmp"}, "write the address or the name to ping"),
        (CLIENT, "nowhere", {"protocol": "icmp"}, "no such name"),
        (CLIENT, NODEPORT, {"via": "node-7"}, "no such Node; it has: node-1"),
        (CLIENT, NODEPORT, {"proxy_mode": "magic"}, "no such mode"),
        (CLIENT, NODEPORT, {"source_port": 0}, "from 1 to 65535"),
        ("pod/default/tool-1", "nowhere:80", {}, r"no such name \(NXDOMAIN\); asked for nowhere.default.svc"),
        (
            CLIENT,
            "web:80",
            {},
            "whose dnsPolicy is ClusterFirst may leave out the end of a name. Ask from such a Pod",
        ),
        (
            "node/node-1",
            "web:80",
            {},
            "no packet sets out. node-1 asks 192.0.2.53, a server that knows nothing",
        ),
    ],
)
def test_a_question_about_what_is_not_there_names_it_and_the_remedy(source, to, more, words):
    with pytest.raises(QuestionError, match=words):
        trace(cluster("nodeport-cluster"), source, to, **more)


def test_names_are_resolved_as_a_pod_resolves_them():
    where = cluster("nodeport-cluster")
    for name in ("web", "web.default", "web.default.svc", "web.default.svc.cluster.local", "WEB."[:-1]):
        assert trace(where, "pod/default/tool-1", f"{name}:80").destination == "10.96.0.10:80"
    assert (
        trace(where, CLIENT, "web.default.svc.cluster.local:80", via="node-1").paths[0].outcome == "connected"
    )
    assert trace(where, CLIENT, "node-2:30080").destination == "172.18.0.12:30080"


def test_a_headless_name_leads_to_each_ready_pod_directly():
    found = trace(cluster("headless"), "pod/default/tool-1", "hl:8080")
    assert {p.pod for p in found.paths} == {"default/web-a", "default/web-b", "default/web-c"}
    assert sum(p.probability for p in found.paths) == 1
    assert {p.source_seen for p in found.paths} == {"10.244.1.100"}


def test_an_external_name_leads_out_of_the_cluster_or_to_the_worlds_host_of_that_name():
    where = cluster("externalname")
    service = next(s for s in where.services.values() if s.type == "ExternalName")
    (path,) = trace(where, "pod/default/tool-1", f"{service.name}:80").paths
    assert path.outcome == "external"
    assert service.external_name in path.reason
    host = {"name": service.external_name, "address": "198.51.100.7", "serves": [80]}
    (known,) = trace(where.with_world(hosts=[host]), "pod/default/tool-1", f"{service.name}:80").paths
    assert (known.outcome, known.answered_by) == ("connected", service.external_name)


def test_any_outside_address_may_ask():
    found = trace(cluster("nodeport-local"), "198.51.100.99", NODEPORT)
    assert {p.source_seen for p in found.paths} == {"198.51.100.99"}
    assert (found.paths[0].hops[0].host, found.paths[0].hops[0].kind) == ("198.51.100.99", "client")


def test_a_closed_port_of_a_pod_is_refused_by_the_pod():
    (path,) = trace(cluster("nodeport-cluster"), CLIENT, "10.244.1.10:81").paths
    assert (path.outcome, path.how, path.pod, path.source_seen) == ("refused", "rst", "default/web-a", None)
    (udp,) = trace(cluster("nodeport-cluster"), CLIENT, "10.244.1.10:81", "udp").paths
    assert (udp.how, udp.icmp_from) == ("icmp-port-unreachable", "10.244.1.10")


def test_hops_tell_the_way_there_and_the_way_back():
    path = trace(cluster("nodeport-cluster"), CLIENT, NODEPORT).paths[2]
    assert [(h.host, h.direction) for h in path.hops] == [
        ("client", "there"), ("router", "there"), ("node-1", "there"), ("node-2", "there"), ("default/web-c", "there"),
        ("default/web-c", "back"), ("node-2", "back"), ("node-1", "back"), ("router", "back"), ("client", "back"),
    ]  # fmt: skip
    for here, there in zip(path.hops[:4], path.hops[1:5], strict=True):
        assert str(here.leaves) == str(there.packet)
    assert path.hops[4].leaves is None
    assert path.hops[9].leaves is None


def test_a_trace_prints_as_text_and_as_json():
    found = trace(cluster("nodeport-cluster"), CLIENT, NODEPORT)
    assert "1/3: connected, default/web-c sees 172.18.0.11" in str(found)
    value = json.loads(json.dumps(to_json(found)))
    assert value["paths"][2]["probability"] == "1/3"
    assert value["paths"][2]["pod"] == "default/web-c"
    assert {"host", "packet", "steps"} <= value["paths"][2]["hops"][0].keys()


def test_a_port_unreachable_never_answers_an_error():
    where = cluster("nodeport-cluster")
    rules = "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n-A FORWARD -j REJECT\nCOMMIT\n"
    both = where.with_rules("node-1", rules).with_rules("node-2", rules)
    (path,) = trace(both, "pod/default/tool-1", "10.244.2.10:8080").paths
    assert (path.outcome, path.icmp_from) == ("refused", "10.244.1.1")


def test_the_clusters_rules_come_as_text_that_names_the_same_rules_as_the_steps():
    where = cluster("nodeport-cluster")
    text = svcnotes.rules(where, "node-1").splitlines()
    steps = [s for p in trace(where, CLIENT, NODEPORT).paths for h in p.hops for s in h.steps if s.number]
    assert len(steps) > 20
    assert {s.rule for s in steps if s.table == "nat"} <= set(text)


def test_endpoints_that_lead_to_a_nodeport_again_are_a_clear_error_and_no_endless_trace(monkeypatch):
    monkeypatch.setattr(sys.modules["svcnotes.trace"], "MOST_HOPS", 500)
    nodes = ", ".join(f"{{addresses: [172.18.0.1{number}]}}" for number in (1, 2, 3))
    again = cluster("nodeport-cluster").apply(
        "apiVersion: v1\nkind: Service\nmetadata: {name: again}\n"
        "spec: {type: NodePort, ports: [{name: a, port: 80, nodePort: 31998}, {name: b, port: 81, nodePort: 31999}]}\n---\n"
        "apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"
        "metadata: {name: again-1, labels: {kubernetes.io/service-name: again}}\naddressType: IPv4\n"
        f"ports: [{{name: a, port: 31999}}, {{name: b, port: 31998}}]\nendpoints: [{nodes}]\n"
    )
    with pytest.raises(QuestionError, match="so many ways that they cannot all be told"):
        trace(again, CLIENT, "172.18.0.11:31998")
