"""Claims of the lesson on load balancers: each names the cell that makes it, and is tried by a trace."""

import json
from fractions import Fraction
from functools import lru_cache
from pathlib import Path

import pytest

import svcnotes
from svcnotes import scenarios
from svcnotes.control_plane.kubectl.printers import get
from svcnotes.exercises.loadbalancer_clusters import ROLLOUT, SERVICE
from svcnotes.toolbox import Terminal
from svcnotes.views.matrix import matrix

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "03-loadbalancer.ipynb"
CELLS = {
    cell["id"]: "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
}
CLIENT, VIP, CURL = "192.0.2.10", "203.0.113.1:80", "pod/default/curl"
BY_1 = "172.18.0.11:30080"


@lru_cache(maxsize=32)
def world(cloud="pass-through", policy="Cluster", moment="before", name="loadbalancer"):
    cluster = scenarios.load(name).with_world(cloud=cloud)
    cluster = cluster.patch("service", "my-nginx", f"spec: {{externalTrafficPolicy: {policy}}}")
    return ROLLOUT.at(moment, cluster, SERVICE)


def ends(cluster, source=CLIENT, to=VIP, **more):
    """What may become of a packet: (outcome, source seen) of every way."""
    return {(path.outcome, path.source_seen) for path in svcnotes.trace(cluster, source, to, **more).paths}


def kinds(found):
    """The sources seen, in the words of the lesson."""
    words = {CLIENT: "you", "203.0.113.1": "the load balancer", None: "nobody"}
    return {words.get(seen, "a node") for _, seen in found}


def health(cluster, node):
    port = cluster.services[SERVICE].health_check_node_port
    address = cluster.nodes[node].addresses[0]
    return svcnotes.trace(cluster, CLIENT, f"{address}:{port}", protocol="http").paths[0]


# cloud, policy, whom the pods see, words of the table in explain-served
SEEN = [
    ("pass-through", "Cluster", "a node", "hands packets on"),
    ("pass-through", "Local", "you", "KUBE-SERVICES → KUBE-EXT | a node | **you** |"),
    ("proxying", "Cluster", "a node", "**proxy**"),
    (
        "proxying",
        "Local",
        "the load balancer",
        "KUBE-NODEPORTS → KUBE-EXT | a node | **the load balancer** |",
    ),
    ("pods", "Cluster", "the load balancer", "kube-proxy takes no part"),
    ("pods", "Local", "the load balancer", "| the load balancer | the load balancer |"),
]


@pytest.mark.parametrize(("cloud", "policy", "seen", "words"), SEEN)
def test_the_pod_sees_what_the_table_of_load_balancers_says(cloud, policy, seen, words):
    assert words in CELLS["explain-served"]
    found = ends(world(cloud, policy))
    assert kinds(found) == {seen}
    assert {outcome for outcome, _ in found} == {"connected"}


# cloud, the chains of the table nat that the packet meets first on the node, what comes to the node
FIRST = [
    ("pass-through", ["KUBE-SERVICES", "KUBE-EXT-SV7AMNAGZFKZEMQ4"], "203.0.113.1:80"),
    ("proxying", ["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-EXT-SV7AMNAGZFKZEMQ4"], BY_1),
    ("pods", [], "10.244.1.10:80"),
]


@pytest.mark.parametrize(("cloud", "chains", "comes"), FIRST)
def test_a_packet_comes_to_the_node_as_the_table_says(cloud, chains, comes):
    path = svcnotes.trace(world(cloud, "Local"), CLIENT, VIP).paths[0]
    hop = next(hop for hop in path.hops if hop.host == "node-1" and hop.direction == "there")
    assert f"{hop.packet.destination}:{hop.packet.destination_port}" == comes
    met = list(dict.fromkeys(s.chain for s in hop.steps if s.table == "nat" and s.chain.startswith("KUBE-")))
    assert met[: len(chains)] == chains
    if not chains:
        assert [chain for chain in met if chain != "KUBE-SERVICES"] in ([], ["KUBE-POSTROUTING"])
    assert comes.split(":")[0] in CELLS["explain-served"]


def test_while_pending_every_node_serves_the_nodeport_and_nobody_the_address():
    """explain-pending: all that a NodePort has was there at once."""
    assert "A LoadBalancer is a NodePort with an address in front" in CELLS["explain-pending"]
    pending = world("none")
    assert "<pending>" in get(pending.state, ["Service"], all_namespaces=False)
    for node in pending.nodes.values():
        assert {outcome for outcome, _ in ends(pending, to=f"{node.addresses[0]}:30080")} == {"connected"}
        assert "203.0.113.1" not in svcnotes.rules(pending, node.name)
    assert {outcome for outcome, _ in ends(pending)} == {"external"}


def test_the_health_check_port_is_there_under_local_only():
    """explain-pending and explain-health."""
    assert "under Local also a `healthCheckNodePort`" in CELLS["explain-pending"]
    assert world().services[SERVICE].health_check_node_port == 0
    assert world("none", "Local").services[SERVICE].health_check_node_port


@pytest.mark.parametrize("node", ["node-1", "node-2", "node-3"])
def test_every_node_has_the_rule_for_the_vip_and_none_with_ipmode_proxy(node):
    """explain-served and explain-inside."""
    assert "**Every node** has this rule" in CELLS["explain-served"]
    assert "kube-proxy, write no rule for this address" in CELLS["explain-inside"]
    assert "-d 203.0.113.1/32" in svcnotes.rules(world(), node)
    assert "203.0.113.1" not in svcnotes.rules(world("proxying"), node)


@pytest.mark.parametrize(("cloud", "mode"), [("pass-through", "VIP"), ("proxying", "Proxy")])
def test_the_status_says_the_ip_mode(cloud, mode):
    assert f"**{mode}**" in CELLS["explain-inside"]
    assert [one.ip_mode for one in world(cloud).services[SERVICE].ingress] == [mode]


def test_a_deleted_service_waits_for_its_controller():
    """explain-served and recap: the finalizer keeps it, and the controller takes it away."""
    finalizer = "service.kubernetes.io/load-balancer-cleanup"
    assert finalizer in CELLS["recap"]
    key = ("Service", "default", "my-nginx")
    assert world().objects[key]["metadata"]["finalizers"] == [finalizer]
    assert key not in world().delete("service", "my-nginx").objects
    alone = world("none").patch("service", "my-nginx", f"metadata: {{finalizers: [{finalizer}]}}")
    assert key in alone.delete("service", "my-nginx").objects


def test_the_answer_goes_straight_home_with_the_vip_as_its_source():
    """explain-worked, point 4; and point 1: the balancer is not among the steps."""
    assert "conntrack puts 203.0.113.1 back as its **source**" in CELLS["explain-worked"]
    path = svcnotes.trace(world(policy="Local"), CLIENT, VIP).paths[1]
    assert path.pod == "default/my-nginx-2"
    back = [hop for hop in path.hops if hop.direction == "back"]
    assert back[-1].packet.source == "203.0.113.1"
    assert "load-balancer" not in {hop.host for hop in path.hops}


@pytest.mark.parametrize(
    ("node", "status", "count"), [("node-1", 200, 1), ("node-2", 200, 1), ("node-3", 503, 0)]
)
def test_a_health_check_counts_the_pods_of_its_node(node, status, count):
    """explain-health."""
    assert "**503** says *leave me alone*" in CELLS["explain-health"]
    answer = health(world(policy="Local"), node)
    assert (answer.status, answer.body["localEndpoints"]) == (status, count)


@pytest.mark.parametrize(
    ("policy", "shares"),
    [
        ("Local", {"my-nginx-1": "1/4", "my-nginx-2": "1/2", "my-nginx-3": "1/4"}),
        ("Cluster", {"my-nginx-1": "1/3", "my-nginx-2": "1/3", "my-nginx-3": "1/3"}),
    ],
)
def test_the_shares_are_those_of_the_lesson(policy, shares):
    """explain-lone: uneven under Local, a third each under Cluster."""
    assert "1/2 for the one that is alone, 1/4 for each" in CELLS["explain-lone"]
    assert "Under Cluster the same three pods get a third each" in CELLS["explain-lone"]
    found = {}
    for path in svcnotes.trace(world(policy=policy, name="loadbalancer-three"), CLIENT, VIP).paths:
        name = path.pod.removeprefix("default/")
        found[name] = found.get(name, Fraction(0)) + path.probability
    assert {name: str(share) for name, share in found.items()} == shares


def test_the_scheduler_s_choice_in_the_text_is_where_the_third_pod_runs():
    """explain-health."""
    assert "puts the third one, `my-nginx-3`, on node-1" in CELLS["explain-health"]
    assert world(name="loadbalancer-three").pods["default/my-nginx-3"].node == "node-1"


# policy, moment, what node-2 says, the outcomes, words of explain-rollout
ROLLOUTS = [
    ("Local", "before", 200, {"connected"}, "node-2 says 200"),
    ("Local", "ending", 503, {"connected"}, "**503 at once**"),
    ("Local", "gone", 503, {"connected", "timeout"}, "**Half of the clients wait in vain**"),
    ("Local", "noticed", 503, {"connected"}, "It sends to node-1 and node-3"),
    ("Cluster", "ending", None, {"connected"}, "Under Cluster no new client notices a thing"),
    ("Cluster", "gone", None, {"connected"}, "Under Cluster no new client notices a thing"),
]


@pytest.mark.parametrize(("policy", "moment", "status", "outcomes", "words"), ROLLOUTS)
def test_a_rollout_goes_as_told(policy, moment, status, outcomes, words):
    assert words in CELLS["explain-rollout"]
    cluster = world(policy=policy, moment=moment)
    paths = svcnotes.trace(cluster, CLIENT, VIP).paths
    assert {path.outcome for path in paths} == outcomes
    if status:
        assert health(cluster, "node-2").status == status
    lost = sum((path.probability for path in paths if path.outcome == "timeout"), Fraction(0))
    assert lost == (Fraction(1, 2) if "timeout" in outcomes else 0)


def test_an_ending_pod_is_served_and_serving_but_not_ready():
    """explain-rollout: the three conditions."""
    assert "`ready: false, serving: true, terminating: true`" in CELLS["explain-rollout"]
    found = [
        (endpoint.ready, endpoint.serving, endpoint.terminating)
        for one in world(policy="Local", moment="ending").endpoint_slices
        for endpoint in one.endpoints
        if endpoint.pod == "default/my-nginx-2"
    ]
    assert found == [(False, True, True)]


# cell, cloud, source, the sources that pods see
INSIDE = [
    ("explain-inside", "pass-through", CURL, {"10.244.3.10"}, "the packet never leaves the cluster", False),
    ("explain-inside", "pass-through", "node/node-3", {"172.18.0.13"}, "own programs have it, too", False),
    ("explain-inside", "proxying", CURL, {"203.0.113.1"}, "really goes out to the balancer", True),
]


@pytest.mark.parametrize(("cell", "cloud", "source", "seen", "words", "leaves"), INSIDE)
def test_from_inside_under_local_every_pod_can_be_reached(cell, cloud, source, seen, words, leaves):
    assert words in " ".join(CELLS[cell].split())
    trace = svcnotes.trace(world(cloud, "Local"), source, VIP)
    assert {path.pod for path in trace.paths} == {"default/my-nginx-1", "default/my-nginx-2"}
    assert {path.source_seen for path in trace.paths} == seen
    assert all(("load-balancer" in {hop.host for hop in path.hops}) == leaves for path in trace.paths)


def test_in_ipvs_mode_a_node_without_a_pod_does_not_reach_the_address_itself():
    """explain-inside: the pods of such a node are let through (kubernetes#97081), its own programs are not."""
    inside = world(policy="Local")
    assert {path.outcome for path in svcnotes.trace(inside, "node/node-3", VIP, proxy_mode="ipvs").paths} == {
        "timeout"
    }
    from_pod = svcnotes.trace(inside, "pod/default/curl", VIP, proxy_mode="ipvs").paths
    assert {path.outcome for path in from_pod} == {"connected"}


def test_a_client_outside_that_comes_to_node_3_under_local_waits_in_vain():
    """explain-inside: a packet from outside falls through, and the filter drops it."""
    assert "falls through, and the filter drops it" in CELLS["explain-inside"]
    assert ends(world(policy="Local"), via="node-3") == {("timeout", None)}


# the client, whether a range is right, the outcome
DEBUG = [("192.0.2.10", VIP, "timeout"), ("192.0.20.7", VIP, "connected"), ("192.0.2.10", BY_1, "connected")]


@pytest.mark.parametrize(("source", "to", "outcome"), DEBUG)
def test_the_symptom_of_the_debug_round_is_as_reported(source, to, outcome):
    assert source in CELLS["debug"]
    found = ends(scenarios.load("loadbalancer-timeout"), source, to)
    assert {end for end, _ in found} == {outcome}


def test_the_debug_round_s_fix_lets_both_offices_in_and_nobody_else():
    """debug-found, debug-fix."""
    wrong = "[192.0.20.0/24]"
    assert wrong in CELLS["debug-fix"]
    fixed = scenarios.load("loadbalancer-timeout").patch(
        "service", "my-nginx", "spec: {loadBalancerSourceRanges: [192.0.20.0/24, 192.0.2.0/24]}"
    )
    ways = {one: {end for end, _ in ends(fixed, one)} for one in ("192.0.2.10", "192.0.20.7", "198.51.100.7")}
    assert ways == {"192.0.2.10": {"connected"}, "192.0.20.7": {"connected"}, "198.51.100.7": {"timeout"}}


def test_a_node_with_the_label_is_not_handed_to_the_cloud():
    """practice."""
    label = "node.kubernetes.io/exclude-from-external-load-balancers"
    assert label in CELLS["practice"]
    without = world().patch("node", "node-2", f'metadata: {{labels: {{"{label}": ""}}}}')
    entered = {
        next(hop.host for hop in path.hops if hop.kind == "node")
        for path in svcnotes.trace(without, CLIENT, VIP).paths
    }
    assert entered == {"node-1", "node-3"}


def test_the_manifest_to_change_is_the_one_that_the_exercise_knows():
    from svcnotes.exercises import loadbalancer

    assert loadbalancer.MANIFEST in CELLS["exercise-write"]


def test_a_packet_passed_on_to_the_nodeport_keeps_its_source_under_local():
    """practice: the fourth kind of balancer, which changes the destination alone."""
    assert "passes your packet on, but to node:nodePort" in CELLS["practice"]
    assert ends(world(policy="Local"), to=BY_1) == {("connected", CLIENT)}


@pytest.mark.parametrize(("cloud", "events"), [("pass-through", True), ("none", False)])
def test_the_events_tell_of_the_controller_s_work_and_without_one_there_are_none(cloud, events):
    """explain-pending and explain-served."""
    assert "shows no event at all" in CELLS["explain-pending"]
    assert "the two events tell who saw to it" in CELLS["explain-served"]
    said = str(Terminal(world(cloud)).run("kubectl describe svc my-nginx"))
    assert ("EnsuringLoadBalancer" in said and "EnsuredLoadBalancer" in said) == events
    assert ("<none>" in said.rpartition("Events:")[2]) != events


@pytest.mark.parametrize(("cloud", "mode"), [("pass-through", "(VIP)"), ("proxying", "(Proxy)")])
def test_describe_shows_the_ip_mode_in_brackets(cloud, mode):
    """explain-inside."""
    assert "`kubectl describe` shows it in brackets" in CELLS["explain-inside"]
    assert f"203.0.113.1 {mode}" in str(Terminal(world(cloud)).run("kubectl describe svc my-nginx"))


def test_the_table_below_the_shares_has_the_reason_for_them():
    """explain-lone: a line for each node, and node-3's says what a packet would get there."""
    assert "node-1 to two pods, node-2 all to one" in CELLS["explain-lone"]
    shown = matrix(world(policy="Local", name="loadbalancer-three"), SERVICE, to=VIP)
    shares = {key: str(cell.probability) for key, cell in shown.cells.items()}
    assert shares == {
        ("node-1", "default/my-nginx-1"): "1/2",
        ("node-1", "default/my-nginx-3"): "1/2",
        ("node-2", "default/my-nginx-2"): "1",
        ("node-3", "nobody"): "1",
    }
    assert shown.cell("node-3", "nobody").ends == ("timeout",)


@pytest.mark.parametrize(("moment", "known"), [("ending", False), ("gone", False), ("noticed", True)])
def test_the_balancer_knows_of_the_new_pod_only_when_it_has_asked(moment, known):
    """explain-rollout."""
    assert "goes on sending to node-2, and not yet to node-3" in CELLS["explain-rollout"]
    paths = svcnotes.trace(world(policy="Local", moment=moment), CLIENT, VIP).paths
    entered = {next(hop.host for hop in path.hops if hop.kind == "node") for path in paths}
    assert ("node-3" in entered) == known
    assert ("node-2" in entered) != known


def test_source_ranges_put_one_more_chain_before_kube_ext():
    """exercise-write-text: KUBE-FW for those in the list, a DROP in KUBE-PROXY-FIREWALL for the rest."""
    assert "lets on to KUBE-EXT those only who are in the list" in CELLS["exercise-write-text"]
    rules = svcnotes.rules(scenarios.load("loadbalancer-timeout"), "node-1").splitlines()
    vip = [rule for rule in rules if rule.startswith("-A KUBE-SERVICES -d 203.0.113.1/32")]
    assert [rule.rpartition(" -j ")[2] for rule in vip] == ["KUBE-FW-SV7AMNAGZFKZEMQ4"]
    on = [rule for rule in rules if rule.startswith("-A KUBE-FW-") and " -j KUBE-EXT-" in rule]
    assert ["-s 192.0.20.0/24" in rule for rule in on] == [True]
    dropped = [rule for rule in rules if rule.startswith("-A KUBE-PROXY-FIREWALL")]
    assert [rule.rpartition(" -j ")[2] for rule in dropped] == ["DROP"]
