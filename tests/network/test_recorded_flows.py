"""Every flow that was recorded with a real kube-proxy and a real kernel is one that a trace allows."""

import json

import pytest
from replay import ORACLE, asked, cluster, disagreements, flows, scenarios, with_recorded_rules

SCENARIOS = 54
FLOWS = {"iptables": 1768, "nftables": 1768}


def disagreeing(scenario, mode, with_rules):
    for flow in flows(scenario, mode):
        where = with_rules(scenario, flow.get("variant"))
        found = disagreements(where, flow, asked(where, flow))
        if found:
            yield flow.get("variant"), flow["from"], flow["to"], flow["dst"], found


@pytest.mark.parametrize("mode", FLOWS)
@pytest.mark.parametrize("scenario", scenarios())
def test_every_recorded_flow_is_what_the_traced_paths_allow(scenario, mode):
    assert list(disagreeing(scenario, mode, cluster)) == []


@pytest.mark.parametrize("scenario", scenarios())
def test_the_recorded_nft_rules_lead_every_recorded_flow_where_it_went(scenario):
    assert list(disagreeing(scenario, "nftables", with_recorded_rules)) == []


@pytest.mark.parametrize("mode", FLOWS)
def test_no_scenario_and_no_flow_is_missing(mode):
    assert len(scenarios()) == SCENARIOS
    assert sum(1 for scenario in scenarios() for _ in flows(scenario, mode)) == FLOWS[mode]
    print(f"{FLOWS[mode]} flows of {SCENARIOS} scenarios in {mode} mode")


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
