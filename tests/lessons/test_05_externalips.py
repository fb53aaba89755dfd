"""What the lesson on externalIPs claims, cell by cell, is what the traces show."""

import json
from pathlib import Path

import pytest

import svcnotes
from svcnotes import scenarios
from svcnotes.control_plane.kubectl import run
from svcnotes.exercises import externalips
from svcnotes.toolbox import Terminal
from svcnotes.views.beside import beside

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "05-externalips.ipynb"
CELLS = {
    cell["id"]: "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
}
OUTSIDE, SHOP, NODE = "192.0.2.10", "pod/default/shop", "node/node-3"
ADDRESS, BANK = "80.11.12.10", "203.0.113.7"
LOCAL = "spec: {externalTrafficPolicy: Local}"


def routed(node, patch=""):
    cluster = scenarios.load("externalips").with_world(routes={ADDRESS: node})
    return cluster.patch("service", "my-app", patch) if patch else cluster


def trapped():
    return scenarios.load("externalips").create(externalips.HARMLESS)


def emptied():
    return scenarios.load("externalips-refused")


# The cell that claims it; the cluster; who dials what; the outcomes with how, who answers, which sources they see.
CLAIMS = [
    ("stage-try", lambda: scenarios.load("externalips"), OUTSIDE, f"{ADDRESS}:80", {"external"}, {""}, {None}),
    ("title", lambda: routed("node-3"), OUTSIDE, f"{ADDRESS}:80", {"connected"}, {"my-app-1", "my-app-2"}, {"172.18.0.13"}),
    ("explain-inside", lambda: scenarios.load("externalips"), SHOP, f"{ADDRESS}:80", {"connected"}, {"my-app-1", "my-app-2"}, {"172.18.0.13"}),
    ("explain-inside", lambda: scenarios.load("externalips"), NODE, f"{ADDRESS}:80", {"connected"}, {"my-app-1", "my-app-2"}, {"172.18.0.13"}),
    ("read-doors", lambda: routed("node-1"), OUTSIDE, f"{ADDRESS}:30080", {"unreachable"}, {""}, {None}),
    ("read-doors", lambda: routed("node-1"), OUTSIDE, f"{ADDRESS}:8080", {"unreachable"}, {""}, {None}),
    ("explain-local", lambda: routed("node-3", LOCAL), OUTSIDE, f"{ADDRESS}:80", {"timeout"}, {""}, {None}),
    ("explain-local", lambda: routed("node-1", LOCAL), OUTSIDE, f"{ADDRESS}:80", {"connected"}, {"my-app-1"}, {OUTSIDE}),
    ("explain-local", lambda: routed("node-3", LOCAL), SHOP, f"{ADDRESS}:80", {"connected"}, {"my-app-1", "my-app-2"}, {"10.244.3.10"}),
    ("explain-local", lambda: routed("node-3", LOCAL), NODE, f"{ADDRESS}:80", {"connected"}, {"my-app-1", "my-app-2"}, {"172.18.0.13"}),
    ("explain-local", lambda: routed("node-3", "spec: {internalTrafficPolicy: Local}"), OUTSIDE, f"{ADDRESS}:80", {"connected"}, {"my-app-1", "my-app-2"}, {"172.18.0.13"}),
    ("explain-caught", trapped, SHOP, f"{BANK}:443", {"connected"}, {"trap"}, {"172.18.0.13"}),
    ("explain-caught", trapped, SHOP, f"{BANK}:80", {"connected"}, {"bank"}, {"10.244.3.10"}),
    ("explain-caught", trapped, "node/node-2", f"{BANK}:443", {"connected"}, {"trap"}, {"172.18.0.12"}),
    ("explain-caught", trapped, OUTSIDE, f"{BANK}:443", {"connected"}, {"bank"}, {OUTSIDE}),
    ("recap", lambda: trapped().with_world(routes={BANK: "node-2"}, hosts=[]), OUTSIDE, f"{BANK}:443", {"connected"}, {"trap"}, {"172.18.0.12"}),
    ("debug", emptied, SHOP, f"{BANK}:443", {"refused"}, {""}, {None}),
    ("debug", emptied, "pod/default/my-app-1", f"{BANK}:443", {"refused"}, {""}, {None}),
    ("debug", emptied, OUTSIDE, f"{BANK}:443", {"connected"}, {"bank"}, {OUTSIDE}),
    ("debug", emptied, NODE, f"{BANK}:443", {"connected"}, {"bank"}, {"172.18.0.13"}),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "make", "source", "to", "outcomes", "who", "seen"), CLAIMS)
def test_a_claim_of_the_lesson_on_externalips_is_what_a_trace_shows(
    cell, make, source, to, outcomes, who, seen
):
    assert cell in CELLS
    paths = svcnotes.trace(make(), source, to).paths
    assert {path.outcome for path in paths} == outcomes
    assert {path.answered_by.rpartition("/")[2] for path in paths} == who
    assert {path.source_seen for path in paths} == seen


def test_a_client_whose_port_is_not_listed_is_sent_round_in_a_loop():
    assert "read-doors" in CELLS
    path = svcnotes.trace(routed("node-1"), OUTSIDE, f"{ADDRESS}:30080").paths[0]
    assert (path.how, path.icmp_from) == ("icmp-ttl-exceeded", "172.18.0.11")


def test_every_node_has_the_rule_for_an_address_that_is_nobodys_here():
    assert "explain-caught" in CELLS
    cluster = trapped()
    for node in cluster.nodes:
        assert f"-d {BANK}/32" in svcnotes.rules(cluster, node)


def test_session_affinity_acts_on_an_external_ip_too():
    assert "sessionAffinity" in CELLS["explain-local"]
    cluster = routed("node-3", "spec: {sessionAffinity: ClientIP}")
    first = svcnotes.trace(cluster, OUTSIDE, f"{ADDRESS}:80").paths[1]
    again = svcnotes.trace(
        cluster, OUTSIDE, f"{ADDRESS}:80", source_port=40113, now=5.0, memories=first.memories
    )
    assert [path.pod for path in again.paths] == [first.pod]


def test_source_ranges_do_not_guard_an_external_ip():
    assert "loadBalancerSourceRanges" in CELLS["explain-local"]
    ranges = "spec: {type: LoadBalancer, loadBalancerSourceRanges: [198.51.100.0/24]}"
    assert svcnotes.trace(routed("node-3", ranges), OUTSIDE, f"{ADDRESS}:80").paths[0].outcome == "connected"


def test_a_service_of_type_clusterip_may_say_local_if_it_has_external_ips():
    assert "type ClusterIP" in CELLS["explain-local"]
    cluster = scenarios.load("externalips").create(
        "apiVersion: v1\nkind: Service\nmetadata: {name: plain}\n"
        "spec: {externalIPs: [80.11.12.11], externalTrafficPolicy: Local, ports: [{port: 80}]}\n"
    )
    assert cluster.services["default/plain"].external_traffic_policy == "Local"


def test_the_refusal_stands_where_forwarded_packets_pass_and_not_at_output():
    assert "OUTPUT" in CELLS["debug-found"]
    rules = svcnotes.rules(emptied(), "node-3").splitlines()
    assert (
        f'-A KUBE-EXTERNAL-SERVICES -d {BANK}/32 -p tcp -m comment --comment "guests/harmless has no endpoints"'
        in "\n".join(rules)
    )
    jumps = {rule.split()[1] for rule in rules if rule.endswith("-j KUBE-EXTERNAL-SERVICES")}
    assert jumps == {"INPUT", "FORWARD"}


def test_the_fix_of_the_debug_round_lets_the_shop_pay_with_the_plugin_on_as_well():
    assert "debug-fix" in CELLS
    guard = CELLS["deny"].split('"""')[1]
    guarded = svcnotes.loads(scenarios.text("externalips-refused") + guard)
    fixed = guarded.patch("service", "harmless", "spec: {externalIPs: []}", namespace="guests")
    path = svcnotes.trace(fixed, SHOP, f"{BANK}:443").paths[0]
    assert (path.outcome, path.answered_by) == ("connected", "bank")


def test_the_plugin_refuses_new_addresses_and_leaves_the_old_ones():
    guard = CELLS["deny"].split('"""')[1]
    guarded = svcnotes.loads(scenarios.text("externalips") + guard)
    answer = run(guarded.state, "kubectl create -f x.yaml", {"x.yaml": externalips.HARMLESS})
    assert (answer.exit_code, "Forbidden" in answer.stderr) == (1, True)
    assert guarded.services["default/my-app"].external_ips == (ADDRESS,)


def test_the_guests_manifest_in_the_lesson_is_the_one_that_the_exercises_use():
    assert externalips.HARMLESS in CELLS["guest"]


def test_the_server_warns_of_the_field_before_kubectl_says_that_it_is_done():
    assert "warns" in CELLS["guest-said"]
    terminal = Terminal(scenarios.load("externalips"))
    terminal.files["harmless.yaml"] = externalips.HARMLESS
    lines = str(terminal.run("kubectl create -f harmless.yaml")).splitlines()
    assert lines[0].startswith("Warning: spec.externalIPs is deprecated")
    assert lines[1] == "service/harmless created"


def test_kubectl_prints_both_addresses_where_a_service_has_both():
    assert "comma" in CELLS["columns-text"]
    both = scenarios.load("externalips-three").patch(
        "service", "my-app-lb", "spec: {externalIPs: [80.11.12.12]}"
    )
    assert "80.11.12.99,80.11.12.12" in run(both.state, "kubectl get svc my-app-lb").stdout


def test_an_address_in_the_status_makes_the_same_rule_with_another_comment():
    assert "the same packet rule" in CELLS["exercise-instead-text"]
    rules = svcnotes.rules(scenarios.load("externalips-three"), "node-2")
    lines = [
        line.replace("my-app-lb", "my-app")
        for line in rules.splitlines()
        if "external IP" in line or "loadbalancer IP" in line
    ]
    plain = {line.split(" -m comment")[0].replace("80.11.12.99", ADDRESS) for line in lines}
    assert len(lines) == 2
    assert len(plain) == 1


def test_the_bank_is_reached_before_and_the_trap_after_and_the_address_has_another_mark():
    assert "on the left ▼" in CELLS["explain-caught"]
    clusters = {"before": scenarios.load("externalips"), "after": trapped()}
    calls = {when: svcnotes.trace(cluster, SHOP, f"{BANK}:443") for when, cluster in clusters.items()}
    text = str(beside(calls, cluster=clusters))
    assert "who answers: bank ≠ trap" in text
    assert f"▼ {BANK}" in text
    assert f"◆ {BANK}" in text


def test_the_wrong_mend_of_the_debug_round_connects_everybody_to_the_trap():
    assert "somebody else" in CELLS["debug-found"]
    caught = emptied().patch("service", "harmless", "spec: {selector: {app: trap}}", namespace="guests")
    for source in (SHOP, "pod/default/my-app-1", NODE):
        path = svcnotes.trace(caught, source, f"{BANK}:443").paths[0]
        assert (path.outcome, path.answered_by) == ("connected", "guests/trap")


def test_the_probe_of_the_debug_round_names_the_service_and_describe_its_selector():
    assert "Selector: app=tarp" in CELLS["debug-found"]
    assert (
        "guests/harmless has no endpoints" in svcnotes.trace(emptied(), SHOP, f"{BANK}:443").paths[0].reason
    )
    said = str(Terminal(emptied()).run("kubectl describe svc harmless -n guests"))
    assert "app=tarp" in said


def test_the_list_of_claimed_addresses_is_a_command_that_the_terminal_knows():
    command = next(line for line in CELLS["practice"].splitlines() if "custom-columns" in line)
    lines = str(Terminal(emptied()).run(command)).splitlines()
    assert [line.split()[1:] for line in lines[1:]] == [["my-app", f"[{ADDRESS}]"], ["harmless", f"[{BANK}]"]]


def test_a_status_written_by_hand_is_taken_where_the_type_is_load_balancer():
    command = CELLS["practice"].partition("kubectl patch svc my-app --subresource")[2].partition("```")[0]
    terminal = Terminal(scenarios.load("externalips"))
    made = terminal.run('kubectl patch svc my-app -p \'{"spec":{"type":"LoadBalancer","externalIPs":null}}\'')
    assert "patched" in str(made)
    said = terminal.run("kubectl patch svc my-app --subresource" + command.replace("\\\n", "").strip())
    assert "patched" in str(said)
    assert "198.51.100.10" in str(terminal.run("kubectl get svc my-app"))
