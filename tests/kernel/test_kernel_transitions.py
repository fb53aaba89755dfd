"""The recorded transitions in the real kernel: one socket held open, and what the model says of it.

Every packet of an open flow, and of the new flows beside it, must have gone a way that the model foretells: its end,
every rule that it matched, every host on its way. And both must have forgotten the same at each change.
"""

import pytest
from transitions import (
    CONDITIONS,
    READY,
    cluster,
    dialled,
    felt,
    records,
    title,
    with_endpoints,
)

import svcnotes.flow
from svcnotes.errors import QuestionError
from svcnotes.kernel.agreement import difference, ends, fate

PODS = ("web-a", "web-b", "web-c")
BECOMES = "endpoint of the open flow becomes "
STORIES = 60  # a story of two dice, each with two faces, is missed by them all once in 10^7
PACKETS = 60


class Both:
    """One flow, open in the kernel and in the model."""

    def __init__(self, lab, where, record, pod, path=None, *, remember=False, memories=None):
        self.protocol = record["protocol"]
        source, to = dialled(where, path or record["path"], self.protocol)
        asked = (where, source, to, self.protocol)
        mode = record.get("mode")
        self.real = svcnotes.flow.open_real(
            *asked, proxy_mode=mode, lab=lab, pod=pod and f"default/{pod}", remember=remember
        )
        self.model = svcnotes.flow.open(
            *asked,
            proxy_mode=mode,
            pod=self.real.pod,
            source_port=40200 if memories else 40112,
            memories=memories,
        )
        assert difference(_first(self.model), self.real.path) == ""

    @property
    def pod(self):
        return self.real.pod.removeprefix("default/")

    def after(self, where):
        """Let the cluster change; both must forget the same."""
        self.model, self.real = self.model.after(where), self.real.after(where)
        assert _forgotten(self.real) == _forgotten(self.model)
        assert sorted(self.real.event.lists) == sorted(self.model.event.lists)

    def send(self):
        """The next packet of the open flow; the Pod that answered."""
        foretold, self.real = self.model.next(), self.real.send()
        assert difference(foretold, self.real.path) == ""
        self.model = self.model.send(self.real.pod)
        return felt(self.real.path, self.protocol)

    def new(self, to=None, **asked):
        """What new flows feel: sent until each end that the model foretells was met, and none other."""
        foretold = self.model.another(to, **asked)
        missing, met = set(ends(foretold)), set()
        for _ in range(PACKETS):
            (path,) = self.real.another(to, **asked).paths
            assert difference(foretold, path) == ""
            missing.discard(fate(path))
            met.add(felt(path, asked.get("protocol", self.protocol)))
            if not missing:
                return met
        raise AssertionError(f"never met: {missing}")

    def one(self, to=None, **asked):
        """Where one new flow goes, which the kernel then remembers."""
        (path,) = self.real.another(to, **asked).paths
        assert difference(self.model.another(to, **asked), path) == ""
        return felt(path, self.protocol)


def _first(flow):
    return svcnotes.flow.simulated.trace(
        flow.cluster, flow.source, flow.to, flow.protocol, proxy_mode=flow.proxy_mode
    )


def _forgotten(flow):
    return [
        (node, entry.original.destination, entry.original.destination_port, entry.reply.source)
        for node, entry in flow.event.entries
    ]


def named(change):
    found = records(change)
    return pytest.mark.parametrize("record", found, ids=[title(one) for one in found])


@named(BECOMES)
def test_an_open_flow_in_the_kernel_whose_endpoint_changes(lab, record):
    old = record["open_flow_before"]
    state = record["change"].removeprefix(BECOMES).partition(" ")[0]
    left = {pod: CONDITIONS.get(state, {}) if pod == old else READY for pod in PODS}
    if state == "removed":
        del left[old]
    flow = Both(lab, cluster(), record, old)
    flow.after(with_endpoints(cluster(), left))
    then, later = flow.send(), flow.send()
    assert then == later
    assert record["open_flow_after"] == ["was-same-pod" if then == old else "other-pod"] * 2
    new = flow.new()
    assert new == set(record["new_flows"])
    assert (old in new) == record["new_flows_reach_old_pod"]


@named("the only endpoint is removed")
def test_an_open_flow_in_the_kernel_whose_only_endpoint_goes_and_returns(lab, record):
    before = with_endpoints(cluster(), {"web-a": READY})
    flow = Both(lab, before, record, record["open_flow_before"])
    flow.after(with_endpoints(before, {}))
    assert [flow.send(), flow.send()] == record["open_flow_while_empty"]
    assert flow.new() == set(record["new_flows_while_empty"])
    flow.after(before)
    assert [flow.send(), flow.send()] == record["open_flow_after_return"]
    assert flow.new() == set(record["new_flows_after_return"])


@named("Service deleted")
def test_an_open_flow_in_the_kernel_whose_service_is_deleted(lab, record):
    old = record["open_flow_before"]
    flow = Both(lab, cluster(), record, old)
    flow.after(cluster().delete("service", "dns"))
    assert record["open_flow_after"] == ["was-same-pod", "was-same-pod"]
    assert [flow.send(), flow.send()] == [old, old]
    assert flow.new() == set(record["new_flows"])


@named("ClientIP affinity: pod with the affinity removed")
def test_affinity_in_the_kernel_when_its_endpoint_goes_returns_and_the_next_one_terminates(lab, record):
    where = cluster("ClientIP")
    (first,), (second,), (last,) = (
        record[when] for when in ("before", "after_removal", "after_second_pod_terminating")
    )
    assert record["after_return"] == record["after_removal"]
    for _ in range(STORIES):  # until the dice fell as they did in the record
        flow = Both(lab, where, record, first)
        assert {flow.one() for _ in range(3)} == {first}
        flow.after(with_endpoints(where, {pod: READY for pod in PODS if pod != first}))
        chosen = Both(lab, flow.real.cluster, record, None, remember=True, memories=flow.model.memories)
        if chosen.pod != second:
            continue
        assert {chosen.one() for _ in range(3)} == {second}
        chosen.after(where)
        assert {chosen.one() for _ in range(3)} == {second}, "the Pod that returned does not get it back"
        dying = {pod: CONDITIONS["terminating-serving"] if pod == second else READY for pod in PODS}
        chosen.after(with_endpoints(where, dying))
        if chosen.one() == last:
            break
    else:
        pytest.fail(f"{STORIES} stories, and never this one")
    assert chosen.real.another(packets=3).paths[0].pod == f"default/{last}"


@named("ClientIP affinity seen through two nodes")
def test_affinity_in_the_kernel_seen_through_two_nodes(lab, record):
    where = cluster("ClientIP")
    (one,), (two,) = record["node_1"], record["node_2"]
    for _ in range(STORIES):
        flow = Both(lab, where, record, one, "client->nodePort@node-1")
        assert {flow.one() for _ in range(3)} == {one}
        if flow.one(flow.real.to.replace(".11:", ".12:")) == two:
            break
    else:
        pytest.fail(f"{STORIES} stories, and never this one")
    assert flow.one() == one, "each node keeps a list of its own"


@named("ClientIP affinity: clusterIP then own nodePort")
def test_affinity_in_the_kernel_is_shared_by_clusterip_and_nodeport(lab, record):
    where = cluster("ClientIP")
    (pod,) = record["clusterIP"]
    flow = Both(lab, where, record, pod, "pod->clusterIP")
    _, node_port = dialled(where, "pod->nodePort", "TCP")
    assert {flow.one(node_port) for _ in range(5)} == set(record["nodePort"]) == {pod}


@named("ClientIP affinity: TCP port then UDP port")
def test_affinity_in_the_kernel_is_not_shared_by_two_ports(lab, record):
    where = cluster("ClientIP")
    (tcp,), (udp,) = record["tcp"], record["udp"]
    assert record["path"] == "tool-2"
    for _ in range(STORIES):
        flow = Both(lab, where, {**record, "protocol": "TCP"}, tcp, "tool-2->clusterIP")
        assert {flow.one() for _ in range(3)} == {tcp}
        if flow.one(protocol="udp") == udp:
            break
    else:
        pytest.fail(f"{STORIES} stories, and never this one")


def test_every_record_is_looked_at_in_the_kernel():
    tested = (BECOMES, "the only endpoint is removed", "Service deleted", "ClientIP affinity")
    assert len(records()) == sum(len(records(change)) for change in tested) == 84


def test_a_real_flow_tells_its_story(lab):
    flow = Both(lab, cluster(), {"protocol": "UDP", "path": "pod->clusterIP"}, "web-a").real
    flow = flow.after(with_endpoints(cluster(), {"web-b": READY}), seconds=0.1, note="web-b alone").send()
    assert [event.kind for event in flow.story] == ["opened", "changed", "sent"]
    assert flow.story[1].now >= 0.1
    told = str(flow).splitlines()
    assert told[0] == "pod/default/tool-1 → 10.96.0.53:53 (an open udp flow, real packets)"
    assert [line.partition(", ")[2] for line in told[1:]] == [
        "opened: default/web-a",
        "changed: web-b alone; conntrack entries deleted: 1",
        "sent: default/web-b",
    ]
    ports = {moment.path.hops[0].packet.source_port for moment in flow.moments}
    assert ports == {flow.source_port}


def test_a_past_moment_and_a_closed_flow_say_so(lab):
    record = {"protocol": "UDP", "path": "pod->clusterIP"}
    flow = Both(lab, cluster(), record, "web-a").real
    later = flow.send()
    with pytest.raises(QuestionError, match="is past"):
        flow.send()
    with pytest.raises(QuestionError, match="cannot be turned"):
        later.after(cluster(), seconds=3600)
    other = Both(lab, cluster(), record, "web-b").real
    with pytest.raises(QuestionError, match="is closed"):
        later.send()
    with other:
        assert other.send().pod == "default/web-b"
    with pytest.raises(QuestionError, match="is closed"):
        other.send()


def test_other_cables_are_refused_under_an_open_flow(lab):
    flow = Both(lab, cluster(), {"protocol": "TCP", "path": "pod->clusterIP"}, "web-a").real
    with pytest.raises(QuestionError, match="other hosts, cables or addresses"):
        flow.after(cluster().delete("pod", "tool-2"))
    assert flow.send().pod == "default/web-a"
