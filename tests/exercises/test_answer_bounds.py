"""What an answer may ask of whoever follows its packets is bounded, and what every honest answer asks is allowed."""

import pytest

from svcnotes import rules, scenarios
from svcnotes.errors import InputError, RuleError
from svcnotes.exercises.bounds import (
    MOST_COMMANDS,
    MOST_PODS,
    check_commands,
    check_manifest,
    check_objects,
    check_rules,
)
from svcnotes.netfilter.edits import edited

CLUSTER = scenarios.load("nodeport")
RULES = rules(CLUSTER, "node-1")
DEPLOYMENT = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: more}
spec:
  replicas: %s
  selector: {matchLabels: {run: more}}
  template: {metadata: {labels: {run: more}}, spec: {containers: [{name: c, image: i}]}}
"""
TOSS = "-m statistic --mode random --probability 0.5 -j MARK --set-mark 1"


@pytest.mark.parametrize("name", scenarios.names())
def test_the_rules_of_every_scenario_are_allowed(name):
    cluster = scenarios.load(name)
    for node in cluster.nodes:  # rules are edited in iptables' words
        text = rules(cluster, node, "iptables")
        check_rules(text, text)


def test_a_chain_that_doubles_twenty_times_is_refused():
    chains = "".join(f"-t raw -N C{i}\n" for i in range(21)) + "".join(
        f"-t raw -A C{i} -j C{i + 1}\n" * 2 for i in range(20)
    )
    after = edited(RULES, chains + "-t raw -A PREROUTING -j C0")
    with pytest.raises(RuleError, match="table raw: a packet would visit"):
        check_rules(RULES, after)


def test_a_chain_that_nothing_leads_to_counts_for_nothing():
    chains = "".join(f"-t raw -N C{i}\n" for i in range(21)) + "".join(
        f"-t raw -A C{i} -j C{i + 1}\n" * 2 for i in range(20)
    )
    check_rules(RULES, edited(RULES, chains))


@pytest.mark.parametrize(
    ("table", "count", "fine"), [("nat", 4, True), ("nat", 5, False), ("mangle", 1, False), ("raw", 1, False)]
)
def test_tosses_are_few_and_in_nat_only(table, count, fine):
    after = edited(RULES, f"-t {table} -A PREROUTING {TOSS}\n" * count)
    if fine:
        check_rules(RULES, after)
    else:
        with pytest.raises(RuleError, match="statistic"):
            check_rules(RULES, after)


def test_a_hundred_commands_are_enough():
    check_commands("-F INPUT\n" * MOST_COMMANDS + "\n\n")
    with pytest.raises(RuleError, match="too many"):
        check_commands("-F INPUT\n" * (MOST_COMMANDS + 1))


def test_pods_are_counted_before_they_are_made():
    check_manifest(DEPLOYMENT % MOST_PODS)
    with pytest.raises(InputError, match="too many"):
        check_manifest(DEPLOYMENT % (MOST_PODS + 1))
    with pytest.raises(InputError, match="too many"):
        check_manifest("---".join([DEPLOYMENT % 21] * 2))
    with pytest.raises(InputError, match="too many"):
        check_manifest('{"kind": "List", "items": [{"kind": "Deployment", "spec": {"replicas": 0x186A0}}]}')


@pytest.mark.parametrize("text", ["", "[", "a", "- 1", "spec: 1", "spec: {replicas: many}", "items: 3"])
def test_what_is_no_manifest_is_left_to_kubectl(text):
    check_manifest(text)


def test_endpoints_and_ports_are_counted_when_they_are_made():
    ports = ", ".join(f"{{name: p{i}, port: {i}}}" for i in range(1, 63))
    service = f"apiVersion: v1\nkind: Service\nmetadata: {{name: s}}\nspec: {{selector: {{run: my-nginx}}, ports: [{ports}]}}"
    with pytest.raises(InputError, match="ports of Services"):
        check_objects(CLUSTER, CLUSTER.apply(service))
    ends = ", ".join(f"{{addresses: [10.9.9.{i}]}}" for i in range(1, 63))
    made = f"apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {{name: e}}\naddressType: IPv4\nports: []\nendpoints: [{ends}]"
    with pytest.raises(InputError, match="endpoints"):
        check_objects(CLUSTER, CLUSTER.apply(made))
    check_objects(CLUSTER, CLUSTER.apply(DEPLOYMENT % 3))
