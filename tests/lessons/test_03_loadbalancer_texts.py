"""What else the lesson on load balancers claims, in its text, its commands and its exercises, each with the cell."""

from fractions import Fraction

import ledger
import pytest

import svcnotes
from svcnotes import scenarios
from svcnotes.exercises import loadbalancer
from svcnotes.exercises import loadbalancer_clusters as worlds
from svcnotes.exercises.evidence import chains, ending_rule, jump_rule, steps_there
from svcnotes.toolbox import Terminal

LESSON = "03-loadbalancer"
CLIENT, VIP, CURL, SERVICE = "192.0.2.10", worlds.VIP, "pod/default/curl", worlds.SERVICE
EXT = "KUBE-EXT-SV7AMNAGZFKZEMQ4"
EVERY = ("node-1", "node-2", "node-3")


def only(cluster, source, to, **more):
    """The one outcome, how, and the sources seen."""
    paths = svcnotes.trace(cluster, source, to, **more).paths
    ((outcome, how),) = {(path.outcome, path.how) for path in paths}
    return outcome, how, {path.source_seen for path in paths}


def proxied_cluster():
    return worlds.cluster().with_world(cloud="proxying")


# the cell; the cluster; who dials what; the outcome, how; the sources seen
CLAIMS = [
    ("title", worlds.local, CLIENT, VIP, "connected", "", {CLIENT}),
    ("stage-try", worlds.proxied, CLIENT, VIP, "connected", "", {"203.0.113.1"}),
    ("recall", worlds.cluster, CLIENT, "172.18.0.11:30080", "connected", "", {"10.244.1.1", "172.18.0.11"}),
    ("recall", worlds.cluster, CURL, "10.96.0.80:80", "connected", "", {"10.244.3.10"}),
    ("explain-kinds", worlds.proxied, CLIENT, VIP, "connected", "", {"203.0.113.1"}),
    ("explain-worked", worlds.cluster, CLIENT, VIP, "connected", "", {f"10.244.{n}.1" for n in (1, 2)} | {f"172.18.0.1{n}" for n in (1, 2, 3)}),
    ("explain-rollout", worlds.ending, CLIENT, VIP, "connected", "", {CLIENT}),
    ("explain-inside", worlds.local, CURL, VIP, "connected", "", {"10.244.3.10"}),
    ("explain-inside", worlds.local, "node/node-3", VIP, "connected", "", {"172.18.0.13"}),
    ("exercise-write-text", worlds.guarded, CLIENT, VIP, "timeout", "", {None}),
    ("exercise-write-text", worlds.guarded, CLIENT, "172.18.0.11:30080", "connected", "", {"10.244.1.1", "172.18.0.11"}),
    ("exercise-write-text", worlds.guarded, CURL, VIP, "timeout", "", {None}),
    ("recap", worlds.pending, CLIENT, "172.18.0.12:30080", "connected", "", {"10.244.2.1", "172.18.0.12"}),
    ("recap", proxied_cluster, CURL, VIP, "connected", "", {f"10.244.{n}.1" for n in (1, 2)} | {f"172.18.0.1{n}" for n in (1, 2, 3)}),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "make", "source", "to", "outcome", "how", "seen"), CLAIMS)
def test_another_claim_on_load_balancers_is_what_a_trace_shows(cell, make, source, to, outcome, how, seen):
    assert cell in ledger.cells(LESSON)
    found = only(make(), source, to)
    assert found[:2] == (outcome, how)
    assert found[2] <= seen
    assert found[2]


def test_there_are_six_ways_by_a_node_and_to_a_pod():
    """stage-try: the balancer chooses a node, then the node chooses a pod."""
    paths = svcnotes.trace(worlds.cluster(), CLIENT, VIP).paths
    ways = {(next(hop.host for hop in path.hops if hop.kind == "node"), path.pod) for path in paths}
    assert len(ways) == len(paths) == 6
    assert {path.probability for path in paths} == {Fraction(1, 6)}


def test_the_nodeports_rules_are_there_without_a_controller():
    """explain-pending; loadbalancer.pending: rules for the cluster address and for the nodePort."""
    for node in EVERY:
        text = svcnotes.rules(worlds.pending(), node)
        assert "-A KUBE-SERVICES -d 10.96.0.80/32" in text
        assert f"--dport 30080 -j {EXT}" in text
    assert loadbalancer.pending.check("3").ok


def test_the_vips_rule_and_the_nodeports_lead_to_the_same_chain():
    """explain-served"""
    lines = svcnotes.rules(worlds.cluster(), "node-3").splitlines()
    (vip,) = [line for line in lines if "-d 203.0.113.1/32" in line]
    (port,) = [line for line in lines if "--dport 30080" in line and "127.0.0.0" not in line]
    assert vip.rpartition(" -j ")[2] == port.rpartition(" -j ")[2] == EXT


def test_under_local_no_mark_is_put_and_the_chain_is_that_of_the_nodes_pods():
    """explain-worked: KUBE-SERVICES, KUBE-EXT, KUBE-SVL, KUBE-SEP."""
    path = svcnotes.trace(worlds.local(), CLIENT, VIP).paths[1]
    kinds = [chain.rpartition("-")[0] if chain.count("-") == 2 else chain for chain in chains(path)]
    assert kinds[:5] == ["PREROUTING", "KUBE-SERVICES", "KUBE-EXT", "KUBE-SVL", "KUBE-SEP"]
    assert not any(step.after.mark for step in steps_there(path))
    assert "router" in {hop.host for hop in path.hops if hop.direction == "back"}


@pytest.mark.parametrize("node", EVERY)
def test_under_cluster_balancers_ask_kube_proxy_itself(node):
    """explain-health: there is no healthCheckNodePort, and 10256 says that kube-proxy is well."""
    assert worlds.cluster().services[SERVICE].health_check_node_port == 0
    to = f"{worlds.cluster().nodes[node].addresses[0]}:10256"
    said = str(Terminal(worlds.cluster()).run("client", f"curl -i {to}/healthz"))
    assert said.startswith("HTTP/1.1 200 OK")


def test_when_the_pod_is_gone_its_node_drops_at_forward_while_two_pods_stand_by():
    """explain-rollout"""
    path = next(p for p in svcnotes.trace(worlds.gone(), CLIENT, VIP).paths if p.outcome == "timeout")
    drop = next(step for step in steps_there(path) if step.verdict == "drop")
    assert (drop.table, drop.hook, drop.chain) == ("filter", "FORWARD", "KUBE-EXTERNAL-SERVICES")
    ready = {e.pod for one in worlds.gone().endpoint_slices for e in one.endpoints if e.ready}
    assert ready == {"default/my-nginx-1", "default/my-nginx-3"}


def test_an_ending_pod_is_used_where_the_node_has_no_ready_one_and_else_not():
    """explain-rollout; loadbalancer.drain"""
    here = only(worlds.ending(), CLIENT, VIP, via="node-2")
    assert here == ("connected", "", {CLIENT})
    everywhere = worlds.ROLLOUT.at("ending", worlds.cluster(), SERVICE)
    pods = {path.pod for path in svcnotes.trace(everywhere, CLIENT, VIP).paths}
    assert pods == {"default/my-nginx-1", "default/my-nginx-3"}


def test_kube_ext_of_node_3_leads_pods_and_the_nodes_own_programs_on_and_nobody_else():
    """explain-inside"""
    lines = [r for r in svcnotes.rules(worlds.local(), "node-3").splitlines() if r.startswith(f"-A {EXT} ")]
    assert len(lines) == 3
    assert "-s 10.244.0.0/16" in lines[0]
    assert all("--src-type LOCAL" in line for line in lines[1:])
    (path,) = svcnotes.trace(worlds.local(), CLIENT, VIP, via="node-3").paths
    assert ending_rule(path).endswith("-j DROP")


def test_the_packet_of_the_debug_round_came_to_a_node_and_no_pod_is_ill():
    """debug, debug-found"""
    broken = scenarios.load("loadbalancer-timeout")
    terminal = Terminal(broken)
    said = str(terminal.run("kubectl get svc,pods"))
    assert "203.0.113.1" in said
    assert said.count("1/1") == said.count("Running") >= 2
    text = str(terminal.run("kubectl get svc my-nginx -o yaml"))
    assert "loadBalancerSourceRanges:\n  - 192.0.20.0/24" in text
    path = svcnotes.trace(broken, CLIENT, VIP).paths[0]
    assert "KUBE-PROXY-FIREWALL" in ending_rule(path)
    assert "traffic not accepted by KUBE-FW-" in ending_rule(path)


def test_the_manifest_to_change_is_solved_by_what_the_hints_say():
    """exercise-write-text; loadbalancer_write.write, loadbalancer.ranges"""
    answer = loadbalancer.MANIFEST.replace(
        "[198.51.100.0/24]", "[192.0.2.0/24, 10.244.0.0/16]\n  externalTrafficPolicy: Local"
    )
    assert loadbalancer.write.check(answer).ok
    without_pods = loadbalancer.write.check(answer.replace(", 10.244.0.0/16", ""))
    assert not without_pods.ok
    assert "its address is in no range" in " ".join(str(without_pods).split())
    closed = worlds.guarded().patch(
        "service",
        "my-nginx",
        "spec: {allocateLoadBalancerNodePorts: false, ports: [{port: 80, nodePort: 0}]}",
    )
    assert closed.services[SERVICE].ports[0].node_port == 0


def test_the_commands_of_practice_print_what_their_remarks_say():
    """practice"""
    text = ledger.cells(LESSON)["practice"][1]
    terminal = Terminal(worlds.local())
    port = worlds.HEALTH
    for command, asked, place, shows in [
        ("kubectl describe svc my-nginx", "", "client", ["EnsuringLoadBalancer", "EnsuredLoadBalancer"]),
        ("kubectl get svc my-nginx -o yaml", "", "client", ["finalizers", "healthCheckNodePort", "ipMode"]),
        ("curl -i NODE:HEALTHCHECKNODEPORT/healthz", f"curl -i 172.18.0.13:{port}/healthz", "client", ["503", '"localEndpoints": 0']),
        ("iptables-save | grep EXTERNAL-IP", "iptables-save | grep 203.0.113.1", "node-1", [f"-j {EXT}"]),
        ("kubectl get endpointslices -l kubernetes.io/service-name=my-nginx -o yaml", "", "client", ["ready: true", "serving: true", "terminating: false"]),
    ]:  # fmt: skip
        assert command in text
        said = str(terminal.run(place, asked or command))
        assert all(words in said for words in shows), said
    guarded = Terminal(scenarios.load("loadbalancer-timeout"))
    assert "-s 192.0.20.0/24" in str(guarded.run("node-1", "iptables-save | grep KUBE-FW"))
    gone = Terminal(worlds.gone())
    asked = "curl -sm 2 -o /dev/null -w '%{http_code} ' 203.0.113.1"
    assert asked.replace("203.0.113.1", "EXTERNAL-IP") in text
    assert {word for n in range(12) for word in str(gone.run("client", asked)).split()} == {"000", "200"}
    assert "203.0.113.1" not in str(Terminal(worlds.proxied()).run("node-1", "iptables-save"))


def test_the_manifest_of_practice_leaves_room_for_the_sleep():
    """practice, explain-rollout"""
    text = ledger.cells(LESSON)["practice"][1].partition("```yaml\n")[2].partition("```")[0]
    cluster = svcnotes.loads(text).with_world(cloud="pass-through")
    assert cluster.services["default/my-nginx"].external_traffic_policy == "Local"
    assert cluster.services["default/my-nginx"].ingress
    grace = int(text.partition("terminationGracePeriodSeconds: ")[2].split()[0])
    assert grace > int(text.partition('sleep, "')[2].partition('"')[0])


def test_the_lonely_pod_gets_half_and_nine_share_the_other():
    """recap"""
    cluster = worlds.local()
    for number in range(3, 11):
        cluster = cluster.create(
            f"apiVersion: v1\nkind: Pod\nmetadata: {{name: my-nginx-{number}, labels: {{run: my-nginx}}}}\n"
            "spec: {nodeName: node-1, containers: [{name: nginx, image: nginx, ports: [{name: http, containerPort: 80}]}]}\n"
        )
    shares = {path.pod: path.probability for path in svcnotes.trace(cluster, CLIENT, VIP).paths}
    assert len(shares) == 10
    assert shares.pop("default/my-nginx-2") == Fraction(1, 2)
    assert set(shares.values()) == {Fraction(1, 18)}


def test_a_service_without_a_controller_waits_for_its_finalizer():
    """explain-served, recap: kubectl delete hangs."""
    alone = worlds.pending().patch(
        "service", "my-nginx", "metadata: {finalizers: [service.kubernetes.io/load-balancer-cleanup]}"
    )
    assert (
        "deletionTimestamp"
        in alone.delete("service", "my-nginx").objects["Service", "default", "my-nginx"]["metadata"]
    )


def test_a_proxy_dials_a_node_on_the_nodeport_and_meets_its_chain_first():
    """exercise-blank, explain-served; loadbalancer.blank, loadbalancer.backend"""
    path = svcnotes.trace(worlds.proxied(), CLIENT, VIP).paths[0]
    dialled = next(hop.packet for hop in path.hops if hop.kind == "node")
    assert (dialled.destination, dialled.destination_port) == ("172.18.0.11", 30080)
    met = chains(path)
    assert met[met.index("KUBE-SERVICES") + 1] == "KUBE-NODEPORTS"
    last = [
        r
        for r in svcnotes.rules(worlds.proxied(), "node-1").splitlines()
        if r.startswith("-A KUBE-SERVICES ")
    ][-1]
    assert last.endswith("-j KUBE-NODEPORTS")
    assert jump_rule(path, "KUBE-EXT-").startswith("-A KUBE-NODEPORTS")


def test_a_machine_outside_has_no_way_to_the_cluster_address():
    """loadbalancer.backend: exercise-blank."""
    assert only(worlds.cluster(), CLIENT, "10.96.0.80:80")[0] != "connected"


def test_the_answers_of_the_exercises_are_the_traces():
    """exercise-visitor-text, explain-lone; loadbalancer.visitor, .lone, .late, .inside, .insider, .backend, .drain"""
    for exercise, answer in [
        (loadbalancer.visitor, "203.0.113.1"),
        (loadbalancer.lone, "1/2"),
        (loadbalancer.late, "3"),
        (loadbalancer.inside, "connected"),
        (loadbalancer.insider, "10.244.3.10"),
        (loadbalancer.backend, "2"),
        (loadbalancer.drain, "3"),
        (loadbalancer.ranges, "connected"),
        (loadbalancer.blank, "KUBE-NODEPORTS"),
    ]:
        assert exercise.check(answer).ok, exercise.name


def test_a_node_without_a_pod_drops_where_others_have_one_and_refuses_where_nobody_has():
    """explain-rollout; loadbalancer.late"""
    assert only(worlds.gone(), CLIENT, VIP, via="node-2")[:2] == ("timeout", "")
    nobody = worlds.local().patch("service", "my-nginx", "spec: {selector: {run: nobody}}")
    assert only(nobody, CLIENT, VIP, via="node-2")[:2] == ("refused", "icmp-port-unreachable")
