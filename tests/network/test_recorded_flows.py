"""Every flow that was recorded with a real kube-proxy and a real kernel is one that a trace allows."""

import json

import pytest
from replay import ORACLE, asked, cluster, disagreements, flows, scenarios

SCENARIOS, FLOWS = 54, 1768


@pytest.mark.parametrize("scenario", scenarios())
def test_every_recorded_flow_is_what_the_traced_paths_allow(scenario):
    wrong = []
    for flow in flows(scenario):
        where = cluster(scenario, flow.get("variant"))
        found = disagreements(where, flow, asked(where, flow))
        if found:
            wrong.append((flow.get("variant"), flow["from"], flow["to"], flow["dst"], found))
    assert wrong == []


def test_no_scenario_and_no_flow_is_missing():
    assert len(scenarios()) == SCENARIOS
    assert sum(1 for scenario in scenarios() for _ in flows(scenario)) == FLOWS
    print(f"{FLOWS} flows of {SCENARIOS} scenarios")


def test_the_comparison_can_fail():
    flow = next(flows("nodeport-cluster"))
    where = cluster("nodeport-cluster")
    found = asked(where, flow)
    assert disagreements(where, flow, found) == []
    for change in (
        {"outcome": "timeout"},
        {"answered_by": {"web-z": 30}},
        {"seen_source": {"10.9.9.9": "x"}},
    ):
        assert disagreements(where, json.loads(json.dumps({**flow, **change})), found)
    assert disagreements(where, {**flow, "answered_by": {"web-a": 30, "web-b": 1}}, found)


def test_the_recordings_are_here():
    assert (ORACLE / "nodeport-cluster" / "node-1.iptables-save").is_file()
