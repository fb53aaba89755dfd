"""What many Services cost, as counted, is what kube-proxy had when it was recorded, and what packets really meet."""

import json

import pytest

from svcnotes import trace
from svcnotes.errors import QuestionError
from svcnotes.kube_proxy.modes import DEFAULT, MODES
from svcnotes.netfilter import Context, read_rules, visited_rules, walk
from svcnotes.network.node_rules import rules_text
from svcnotes.packet import Packet
from svcnotes.scenarios import scale, scale_recorded
from svcnotes.scenarios.scale import FIRST, LAST, LATER, NODE_PORT, NONE
from svcnotes.scenarios.scale_ahead import count_ahead, from_json, to_json

WITH_MAPS = [mode for mode in MODES if mode != DEFAULT]


@pytest.mark.parametrize("services", [10, 100, 1_000])
@pytest.mark.parametrize("backend", scale_recorded.backends())
def test_a_node_holds_as_many_rules_as_the_recorded_kube_proxy_had(backend, services):
    column = (
        "nft_rules"
        if scale_recorded.measured("nft_rules", backend)
        else "iptables_rules_nat+iptables_rules_filter"
    )
    recorded = dict(scale_recorded.measured(column, backend))[services]
    held = scale.cost(services, scale_recorded.mode_of(backend)).held
    assert held.rules == recorded
    if column == "nft_rules":
        assert held.chains == dict(scale_recorded.measured("nft_chains", backend))[services]


@pytest.mark.parametrize("services", [10, 100, 300])
def test_the_last_service_pays_for_the_list_and_its_nodeport_three_times(services):
    few, visited = scale.cost(10, DEFAULT).visited, scale.cost(services, DEFAULT).visited
    assert visited[LAST] - few[LAST] == services - 10
    assert visited[NONE] - few[NONE] == services - 10
    assert visited[NODE_PORT] - few[NODE_PORT] == 3 * (services - 10)
    assert visited[FIRST] == few[FIRST]
    assert visited[LATER] == few[LATER] < 10


@pytest.mark.parametrize("mode", WITH_MAPS)
def test_a_mode_with_maps_costs_a_packet_the_same_among_any_number_of_services(mode):
    assert scale.cost(10, mode).visited == scale.cost(300, mode).visited


def test_the_count_of_a_trace_is_that_of_the_rules_walked_one_by_one():
    cluster = scale.many(30)
    read = read_rules(rules_text(cluster, scale.NODE, DEFAULT, 4))
    packet = Packet("tcp", "10.244.1.100", 40112, scale.address(29), 80, "SYN")
    tried = {}
    for way in walk(read, "PREROUTING", packet, Context(in_interface="cni0")):
        tried[way.packet.destination] = len(visited_rules(read, way))
    told = trace(cluster, "pod/default/caller", f"{scale.address(29)}:80", proxy_mode=DEFAULT)
    after = {
        read
        for path in told.paths
        for hop in path.hops
        if hop.host == "default/caller"
        for read in [hop.visited]
    }
    assert after == {0}
    for path in told.paths:
        node = next(hop for hop in path.hops if hop.kind == "node" and hop.direction == "there")
        later = sum(step.passed + 1 for step in node.steps if step.number and step.hook != "PREROUTING")
        unmatched = 3  # KUBE-FORWARD's: none of them fits a new connection without a mark
        assert node.visited == tried[node.leaves.destination] + later + unmatched


@pytest.mark.parametrize("mode", MODES)
def test_every_packet_reaches_its_service_whatever_the_mode(mode):
    cluster = scale.many(30)
    for source, to in [
        (scale.CALLER, f"{scale.address(29)}:80"),
        (scale.CLIENT, f"172.18.0.11:{scale.node_port(29)}"),
    ]:
        found = trace(cluster, source, to, proxy_mode=mode)
        assert {path.outcome for path in found.paths} == {"connected"}
        # A mode that is more than rules may have a scheduler that does not toss.
        assert len(found.paths) == 5 or MODES[mode].dummy


@pytest.mark.parametrize("mode", MODES)
def test_a_service_more_costs_the_same_wherever_one_stands(mode):
    few, more = scale.each_more(mode, (10, 100)), scale.each_more(mode, (100, 300))
    assert [few[what] for what in ("rules", "elements", "rewritten")] == [
        more[what] for what in ("rules", "elements", "rewritten")
    ]


@pytest.mark.parametrize("mode", MODES)
def test_a_cost_is_the_same_when_another_process_has_counted_it(mode):
    one = scale.cost(10, mode)
    assert from_json(json.loads(json.dumps(to_json(one)))) == one


def test_costs_are_counted_ahead_by_another_process():
    seen = []
    count_ahead([11, 12], seen.append).join(60)
    assert set(seen) == {11, 12}
    for services in (11, 12):
        assert scale.counted(services)
        for mode in MODES:
            assert scale.cost(services, mode) == scale._cost(services, mode, 5)


def test_the_change_that_is_counted_is_the_one_that_is_shown():
    for mode in MODES:
        change, counted = scale.one_change(30, mode), scale.cost(30, mode)
        assert (change.written, change.deleted) == (counted.written, counted.deleted)
        assert change.services == ("default/web-000015",)
        assert len(change.text) == counted.change_characters


@pytest.mark.parametrize(("services", "endpoints"), [(0, 5), (40_001, 5), (10, -1), (10, 501)])
def test_a_number_that_makes_no_cluster_is_refused(services, endpoints):
    with pytest.raises(QuestionError, match=f"services={services}"):
        scale.many(services, endpoints)


def test_a_column_or_version_that_was_not_recorded_is_refused():
    with pytest.raises(QuestionError, match="lat_clusterip_last_us"):
        scale_recorded.measured("latency", "nftables")
    with pytest.raises(QuestionError, match=r"1\.36 and 1\.30"):
        scale_recorded.measured("nft_rules", "nftables", "1.29")


def test_drawing_out_goes_on_as_the_last_points_grow():
    slope, value = scale_recorded.drawn_out([(1, 1), (10, 10), (100, 1000)], 1000)
    assert (round(slope, 9), round(value, 3)) == (2, 100_000)


def test_what_was_not_finished_is_left_out_of_the_recordings():
    points = scale_recorded.measured("first_sync_ms", "iptables-nft", "1.30")
    assert [services for services, _ in points] == [10, 100, 1000, 5000]
