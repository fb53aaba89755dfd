"""Every recorded transition is possible under the model's exact chances.

The recordings were made in two proxy modes; each record is held against the rules of its own.
"""

import pytest
from transitions import (
    CONDITIONS,
    READY,
    chances,
    cluster,
    dialled,
    possible,
    records,
    title,
    with_endpoints,
)

import svcnotes.flow

PODS = ("web-a", "web-b", "web-c")
ALL_READY = dict.fromkeys(PODS, READY)
BECOMES = "endpoint of the open flow becomes "


def opened(where, record, pod, path=None):
    protocol = record["protocol"]
    source, to = dialled(where, path or record["path"], protocol)
    return svcnotes.flow.open(where, source, to, protocol, proxy_mode=record["mode"], pod=f"default/{pod}")


def told(flow, record):
    """What the two next packets of the open flow meet, each with its chances."""
    first = flow.next().paths
    second = [chances(flow.send(way.pod).next().paths, record["protocol"]) for way in first]
    return chances(first, record["protocol"]), second


def named(change):
    found = records(change)
    return pytest.mark.parametrize("record", found, ids=[title(one) for one in found])


@named(BECOMES)
def test_an_open_flow_whose_endpoint_changes(record):
    old = record["open_flow_before"]
    state = record["change"].removeprefix(BECOMES).partition(" ")[0]
    left = {pod: CONDITIONS.get(state, {}) if pod == old else READY for pod in PODS}
    if state == "removed":
        del left[old]
    flow = opened(cluster(), record, old).after(with_endpoints(cluster(), left))
    then, later = told(flow, record)
    if record["open_flow_after"] == ["was-same-pod", "was-same-pod"]:
        assert then == {old: 1}
        assert later == [{old: 1}]
    else:
        assert record["open_flow_after"] == ["other-pod", "other-pod"]
        others = set(PODS) - {old}
        assert set(then) == others
        assert later == [{pod: 1} for pod in then], "it stays with the Pod that it moved to"
    new = chances(flow.another().paths, record["protocol"])
    assert (old in new) == record["new_flows_reach_old_pod"]
    assert possible(record["new_flows"], new), new


@named("the only endpoint is removed")
def test_an_open_flow_whose_only_endpoint_goes_and_returns(record):
    before = with_endpoints(cluster(), {"web-a": READY})
    flow = opened(before, record, record["open_flow_before"])
    empty = flow.after(with_endpoints(before, {}))
    for while_open, new, changed in (
        ("open_flow_while_empty", "new_flows_while_empty", empty),
        ("open_flow_after_return", "new_flows_after_return", empty.send().after(before)),
    ):
        then, later = told(changed, record)
        assert (then, later) == ({record[while_open][0]: 1}, [{record[while_open][1]: 1}])
        assert possible(record[new], chances(changed.another().paths, record["protocol"]))


@named("Service deleted")
def test_an_open_flow_whose_service_is_deleted(record):
    old = record["open_flow_before"]
    flow = opened(cluster(), record, old).after(cluster().delete("service", "dns"))
    assert record["open_flow_after"] == ["was-same-pod", "was-same-pod"]
    assert told(flow, record) == ({old: 1}, [{old: 1}])
    new = chances(flow.another().paths, record["protocol"])
    assert possible(record["new_flows"], new), new


@named("ClientIP affinity: pod with the affinity removed")
def test_affinity_when_its_endpoint_goes_returns_and_the_next_one_terminates(record):
    where = cluster("ClientIP")
    (first,), (second,), (last,) = (
        record[when] for when in ("before", "after_removal", "after_second_pod_terminating")
    )
    flow = opened(where, record, first)
    assert chances(flow.another().paths, "TCP") == {first: 1}
    removed = flow.after(with_endpoints(where, {pod: READY for pod in PODS if pod != first}))
    assert second in chances(removed.another().paths, "TCP")
    source, to = dialled(where, record["path"], record["protocol"])
    chosen = svcnotes.flow.open(
        removed.cluster,
        source,
        to,
        proxy_mode=record["mode"],
        pod=f"default/{second}",
        source_port=40200,
        memories=removed.memories,
    )
    assert chances(chosen.another().paths, "TCP") == {second: 1}
    returned = chosen.after(where)
    assert record["after_return"] == record["after_removal"]
    assert chances(returned.another().paths, "TCP") == {second: 1}
    dying = {pod: CONDITIONS["terminating-serving"] if pod == second else READY for pod in PODS}
    after = chances(returned.after(with_endpoints(where, dying)).another().paths, "TCP")
    assert last in after
    assert second not in after


@named("ClientIP affinity seen through two nodes")
def test_affinity_seen_through_two_nodes(record):
    where = cluster("ClientIP")
    (one,), (two,) = record["node_1"], record["node_2"]
    flow = opened(where, record, one, "client->nodePort@node-1")
    assert chances(flow.another().paths, "TCP") == {one: 1}
    there = chances(flow.another(flow.to.replace(".11:", ".12:")).paths, "TCP")
    assert two in there
    assert len(there) == 3, "each node keeps a list of its own"


@named("ClientIP affinity: clusterIP then own nodePort")
def test_affinity_is_shared_by_clusterip_and_nodeport(record):
    where = cluster("ClientIP")
    (pod,) = record["clusterIP"]
    flow = opened(where, record, pod, "pod->clusterIP")
    _, node_port = dialled(where, "pod->nodePort", "TCP")
    assert list(record["nodePort"]) == [pod]
    assert chances(flow.another(node_port).paths, "TCP") == {pod: 1}


@named("ClientIP affinity: TCP port then UDP port")
def test_affinity_is_not_shared_by_two_ports(record):
    where = cluster("ClientIP")
    (tcp,), (udp,) = record["tcp"], record["udp"]
    flow = svcnotes.flow.open(
        where, "pod/default/tool-2", "10.96.0.53:53", proxy_mode=record["mode"], pod=f"default/{tcp}"
    )
    assert chances(flow.another().paths, "TCP") == {tcp: 1}
    other = chances(flow.another(protocol="udp").paths, "UDP")
    assert udp in other
    assert len(other) == 3


def test_every_record_is_looked_at():
    tested = (BECOMES, "the only endpoint is removed", "Service deleted", "ClientIP affinity")
    assert len(records()) == sum(len(records(change)) for change in tested) == 84
