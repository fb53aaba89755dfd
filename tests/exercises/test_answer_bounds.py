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
        check_manifest("---".join([DEPLOYMENT % (MOST_PODS + 20), DEPLOYMENT.replace("more", "less") % -30]))
    many = '{"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"replicas": 99999}}'
    with pytest.raises(InputError, match="too many"):
        check_manifest(f'{{"apiVersion": "v1", "kind": "Service"}} {many}')


@pytest.mark.parametrize("text", ["", "[", "a", "- 1", "spec: 1", "spec: {replicas: many}", "items: 3"])
def test_what_is_no_manifest_is_left_to_kubectl(text):
    check_manifest(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("- &s {apiVersion: v1, kind: Service, metadata: {name: s}}\n" + "- *s\n" * 60, "60 objects"),
        ("- {apiVersion: v1, kind: Service, spec: {a: &a [1" + ", 1" * 900 + "], b: [*a" + ", *a" * 9 + "]}}", "6,000 values"),
        ("- {apiVersion: v1, kind: Node, metadata: {name: node-1}}", "the nodes stay as they are"),
        ("- {apiVersion: v1, kind: Pod, metadata: {annotations: {svcnotes/listens: '80'}}}", "what a program"),
        ("- {apiVersion: apps/v1, kind: Deployment, spec: {template: {metadata: {annotations: {svcnotes/interface: x}}}}}", "CNI"),
    ],
)  # fmt: skip
def test_a_manifest_says_few_things_and_only_what_a_manifest_can_change(text, says):
    with pytest.raises(InputError, match=says):
        check_manifest(f"apiVersion: v1\nkind: List\nitems:\n{text}")


def test_rules_in_other_words_are_counted_like_those_that_iptables_save_writes():
    chains = "".join(f":C{i} - [0:0]\n" for i in range(21))
    for add, jump in (
        ("-A", "--jump"),
        ("-A", "-j "),
        ("-A", '-m comment --comment " -j X" -j'),
    ):
        jumps = "".join(f"{add} C{i} {jump} C{i + 1}\n" * 2 for i in range(20))
        text = f"*raw\n:PREROUTING ACCEPT [0:0]\n{chains}-A PREROUTING -j C0\n{jumps}COMMIT\n"
        with pytest.raises(RuleError, match="would visit"):
            check_rules(RULES, text)
    for toss in ("--match statistic", "-m  statistic", '-m "statistic"'):
        text = f"*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING {toss} --mode nth --every 2\nCOMMIT\n"
        with pytest.raises(RuleError, match="-m statistic more"):
            check_rules(RULES, text)
    nft = "table ip x {\n\tchain c {\n\t\ttype filter hook forward priority 0; policy accept;\n\t\tnumgen inc mod 2 0 accept\n\t}\n}\n"
    with pytest.raises(RuleError, match="numgen"):
        check_rules(RULES, nft)


def test_endpoints_that_lead_to_a_nodeport_again_are_refused():
    service = "apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {type: NodePort, ports: [{port: 80, nodePort: 31999}]}\n"
    nodes = ", ".join(f"{{addresses: [{node.addresses[0]}]}}" for node in CLUSTER.nodes.values())
    ends = (
        "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\nmetadata: {name: e, labels: {kubernetes.io/service-name: s}}\n"
        f"addressType: IPv4\nports: [{{port: %d}}]\nendpoints: [{nodes}]\n"
    )
    check_objects(CLUSTER, CLUSTER.apply(service + ends % 8080))
    with pytest.raises(InputError, match="a nodePort or a Service"):
        check_objects(CLUSTER, CLUSTER.apply(service + ends % 31999))


def test_policies_are_counted_by_their_pairs_of_peer_and_port():
    peers = ", ".join(f"{{ipBlock: {{cidr: 10.9.{i}.0/24}}}}" for i in range(30))
    ports = ", ".join(f"{{port: {i + 1}}}" for i in range(30))
    policy = f"apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {{name: p}}\nspec: {{podSelector: {{}}, ingress: [{{from: [{peers}], ports: [{ports}]}}]}}"
    with pytest.raises(InputError, match="NetworkPolicies"):
        check_objects(CLUSTER, CLUSTER.apply(policy))


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
