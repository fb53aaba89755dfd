"""What the hosts remember from one question to the next (`Path.memories`)."""

import pytest
from replay import cluster

import svcnotes
from svcnotes.trace import trace

CLIENT, OTHER, NODEPORT = "192.0.2.10", "192.0.3.10", "172.18.0.11:30080"


def to_pod(found, pod):
    return next(p for p in found.paths if p.pod == f"default/{pod}")


@pytest.mark.parametrize("random", [" --random-fully", ""])
def test_two_clients_with_one_source_port_reach_one_pod_from_two_ports(random):
    where = cluster("nodeport-cluster")
    text = svcnotes.rules(where, "node-1").replace(" --random-fully", random)
    where = where.with_rules("node-1", text)
    one = to_pod(trace(where, CLIENT, NODEPORT), "web-c")
    two = to_pod(trace(where, OTHER, NODEPORT, memories=one.memories), "web-c")
    assert (one.outcome, two.outcome) == ("connected", "connected")
    assert one.source_seen == two.source_seen == "172.18.0.11"
    assert one.source_port_seen != two.source_port_seen


def test_when_masquerade_has_no_port_left_the_next_connection_to_that_pod_is_dropped():
    where = cluster("nodeport-cluster")
    old = "-j MASQUERADE --random-fully"
    text = svcnotes.rules(where, "node-1").replace(old, f"-p tcp {old} --to-ports 2000-2001")
    where, memories, ports = where.with_rules("node-1", text), {}, set()
    for client in (CLIENT, OTHER):
        path = to_pod(trace(where, client, NODEPORT, memories=memories), "web-c")
        memories = path.memories
        ports.add(path.source_port_seen)
    assert ports == {2000, 2001}
    third = trace(where, "198.51.100.7", NODEPORT, memories=memories)
    lost = [p for p in third.paths if p.outcome == "timeout"]
    assert [p.reason.partition(":")[0::2] for p in lost] == [
        (
            "node-1",
            " no free source port: another connection has 172.18.0.11:2000 to 10.244.2.10:8080 (insert_failed)",
        )
    ]
    assert {p.pod for p in third.paths if p.outcome == "connected"} == {"default/web-a", "default/web-b"}


@pytest.mark.parametrize("change", ["rules-flushed", "kube-proxy's own"])
def test_a_known_tcp_connection_goes_the_old_way_when_the_rules_have_changed(change):
    before = cluster("nodeport-cluster")
    known = to_pod(trace(before, CLIENT, NODEPORT), "web-c")
    if change == "rules-flushed":
        after = before.with_world(faults=["rules-flushed"])
    else:
        after = before.patch("service", "web", '{"spec": {"selector": {"app": "other"}}}')
    (again,) = trace(after, CLIENT, NODEPORT, memories=known.memories).paths
    assert (again.outcome, again.pod, again.source_port_seen) == (
        "connected",
        "default/web-c",
        known.source_port_seen,
    )
    (new,) = trace(after, CLIENT, NODEPORT, memories=known.memories, source_port=40113).paths
    assert new.outcome == "refused"


def test_a_connection_is_forgotten_when_its_time_is_over():
    before = cluster("nodeport-cluster")
    known = to_pod(trace(before, CLIENT, NODEPORT), "web-c")
    after = before.with_world(faults=["rules-flushed"])
    (late,) = trace(after, CLIENT, NODEPORT, memories=known.memories, now=600_000).paths
    assert late.outcome == "refused"
