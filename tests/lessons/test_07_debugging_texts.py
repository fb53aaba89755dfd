"""What else the lesson on debugging claims, in its text, its commands and its exercises, each with the cell."""

import re
from fractions import Fraction

import ledger
import pytest

import svcnotes
from svcnotes import scenarios
from svcnotes.exercises import debugging, dojo
from svcnotes.exercises.evidence import ending_rule, steps_there
from svcnotes.toolbox import Terminal

LESSON = "07-debugging"
OFFICE, FRONT, SERVICE = "192.0.2.10", "pod/default/front", "10.96.0.80:80"
NODE_1, NODE_2, NODE_3 = (f"172.18.0.1{number}:30080" for number in (1, 2, 3))
CURL = "curl -sS -m 2 http://172.18.0.1{}:30080/"


def whole():
    return scenarios.load("dojo")


def broken(number):
    return dojo.case(number).broken() if number else whole()


def share(cluster, source, to, outcome):
    paths = svcnotes.trace(cluster, source, to).paths
    return sum((path.probability for path in paths if path.outcome == outcome), Fraction(0))


# The cell; the case (0: the whole cluster); who dials what; how it ends, and how often.
CLAIMS = [
    ("title", 0, OFFICE, NODE_3, "connected", 1),
    ("recall", 1, OFFICE, NODE_1, "refused", 1),
    ("recall", 3, OFFICE, NODE_1, "refused", 1),
    ("cast", 0, OFFICE, "203.0.113.1:80", "connected", 1),
    ("cast", 0, OFFICE, "80.11.12.10:80", "connected", 1),
    ("explain-ping", 0, FRONT, SERVICE, "connected", 1),
    ("explain-office", 6, OFFICE, NODE_1, "timeout", "1/3"),
    ("explain-office", 6, FRONT, SERVICE, "connected", 1),
    ("worked-who", 17, OFFICE, NODE_3, "timeout", "2/3"),
    ("debug", 28, "node/node-3", NODE_1, "connected", 1),
    ("recap", 8, OFFICE, NODE_3, "timeout", 1),
    ("recap", 27, OFFICE, NODE_1, "connected", 1),
    ("recap", 4, FRONT, SERVICE, "refused", 1),
    ("exercise-declared-text", 14, OFFICE, "172.18.0.11:30081", "connected", 1),
]


@pytest.mark.parametrize(("cell", "number", "source", "to", "outcome", "often"), CLAIMS)
def test_another_claim_on_debugging_is_what_a_trace_shows(cell, number, source, to, outcome, often):
    assert cell in ledger.cells(LESSON)
    assert share(broken(number), source, to, outcome) == Fraction(often)


def test_all_of_the_dojos_clusters_were_once_this_one():
    """cast: a NodePort Service, a balancer with policy Local, an external IP, two aliases, two namespaces."""
    services = whole().services.values()
    kinds = sorted(service.type for service in services)
    assert kinds == ["ClusterIP", "ExternalName", "ExternalName", "LoadBalancer", "NodePort"]
    assert whole().services["default/web-public"].external_traffic_policy == "Local"
    assert [s.external_ips for s in services if s.external_ips] == [("80.11.12.10",)]
    assert {pod.namespace for pod in whole().pods.values()} == {"default", "jobs"}


@pytest.mark.parametrize("place", ["client", "router", "laptop", "node-1", "pod/default/front"])
def test_a_terminal_has_these_places_and_lists_what_each_knows(place):
    """order"""
    said = str(Terminal(whole()).run(place, "help"))
    assert ("kubectl" if place == "laptop" else "ip route") in said


# The question of the table in `order`; a case whose fault it finds; the command; words of its output that are a no.
QUESTIONS = [
    (1, 9, "laptop", "kubectl get service web", "80:31080/TCP"),
    (2, 18, "pod/jobs/report", "dig +search web-old", "NXDOMAIN"),
    (3, 1, "laptop", "kubectl get endpointslices", "<unset>"),
    (4, 5, FRONT, "curl -sS -m 2 http://10.244.1.10:8080/", "Couldn't connect"),
    (5, 7, "pod/jobs/report", "curl -sS -m 2 http://10.96.0.80/", "timed out"),
    (6, 8, "client", CURL.format(3), "timed out"),
    (7, 13, "client", "curl -sS -m 2 http://80.11.12.10/", "timed out"),
    (8, 27, "node-3", "conntrack -L", "UNREPLIED"),
]


@pytest.mark.parametrize(("question", "number", "place", "command", "words"), QUESTIONS)
def test_each_question_of_the_order_finds_a_fault(question, number, place, command, words):
    """order"""
    assert f"| {question} |" in ledger.cells(LESSON)["order"][1]
    terminal = Terminal(broken(number))
    if question == 8:
        terminal.run("client", CURL.format(3))
    said = str(terminal.run(place, command, times=1))
    if number == 9:
        assert "80:30080/TCP" not in said
    else:
        assert words in said, said


def test_a_ping_is_no_tcp_and_the_router_says_that_nobody_has_the_address():
    """explain-ping; debugging.ping"""
    (path,) = svcnotes.trace(whole(), FRONT, "10.96.0.80", protocol="icmp").paths
    assert path.icmp_from == "172.18.0.1"
    (path,) = svcnotes.trace(whole(), FRONT, "10.96.0.80", protocol="icmp", proxy_mode="nftables").paths
    assert (path.outcome, path.hops[-1].host) == ("refused", "default/front")
    rules = [
        r for r in svcnotes.rules(whole(), "node-3").splitlines() if "-A KUBE-SERVICES -d 10.96.0.80" in r
    ]
    assert rules
    assert all("-p tcp" in rule and "--dport 80" in rule for rule in rules)
    assert "succeeded" in str(Terminal(whole()).run(FRONT, "nc -vz 10.96.0.80 80"))


def test_a_policy_is_asked_in_forward_on_the_pods_own_node_and_drops():
    """explain-office; debugging.office"""
    path = svcnotes.trace(broken(6), OFFICE, NODE_3).paths[0]
    drop = next(step for step in steps_there(path) if step.verdict == "drop")
    host = next(hop.host for hop in path.hops if drop in hop.steps)
    assert (drop.hook, host) == ("FORWARD", "node-1")
    assert drop.before.source == "172.18.0.13"
    served = next(p for p in svcnotes.trace(broken(6), OFFICE, NODE_1).paths if p.outcome == "connected")
    assert served.pod in ("default/web-0", "default/web-2")


def test_letting_the_nodes_in_lets_in_everybody_who_comes_by_a_node():
    """explain-office"""
    fix = next(command for command in dojo.case(6).fix if "172.18.0.0/24" in command.stdin)
    terminal = Terminal(broken(6))
    terminal.run(fix.at, fix.run, stdin=fix.stdin)
    for client in (OFFICE, "198.51.100.7"):
        assert share(terminal.cluster, client, NODE_3, "connected") == 1


def test_localhost_hangs_after_the_dnat_without_the_switch():
    """explain-localhost; debugging.localhost"""
    path = svcnotes.trace(broken(21), "node/node-1", "127.0.0.1:30080").paths[0]
    assert any(step.verdict == "dnat" for step in steps_there(path))
    assert "route_localnet" in path.reason
    (rule,) = [r for r in svcnotes.rules(whole(), "node-1").splitlines() if r.startswith("-A KUBE-FIREWALL")]
    assert "! -s 127.0.0.0/8 -d 127.0.0.0/8" in rule
    assert rule.endswith("-j DROP")


def test_the_policy_of_forward_ends_what_is_neither_marked_nor_known():
    """worked-point-explained, worked-rules-explained: what enters by node-1's own port is marked there."""
    path = next(p for p in svcnotes.trace(broken(17), OFFICE, NODE_2).paths if p.outcome == "timeout")
    last = next(hop for hop in reversed(path.hops) if hop.direction == "there")
    assert last.host == "node-1"
    assert last.packet.mark == 0
    assert last.steps[-1].hook == "FORWARD"
    own = svcnotes.trace(broken(17), OFFICE, NODE_1).paths[0]
    assert any("--mark 0x4000/0x4000 -j ACCEPT" in step.rule for step in steps_there(own))


# where a packet dies, as the table of ends has it: the case, who dials what, the table and the chain of the rule
ENDS = [
    (1, FRONT, SERVICE, "filter", "KUBE-SERVICES", "REJECT"),
    (1, OFFICE, NODE_1, "filter", "KUBE-EXTERNAL-SERVICES", "REJECT"),
    (7, "pod/jobs/report", SERVICE, "filter", "KUBE-SERVICES", "DROP"),
    (8, OFFICE, NODE_3, "filter", "KUBE-EXTERNAL-SERVICES", "DROP"),
    (20, OFFICE, "203.0.113.1:80", "filter", "KUBE-PROXY-FIREWALL", "DROP"),
]


@pytest.mark.parametrize(("number", "source", "to", "table", "chain", "target"), ENDS)
def test_the_rules_that_refuse_and_drop_stand_where_the_lesson_says(number, source, to, table, chain, target):
    """worked-mended: in the table filter; internalTrafficPolicy Local in KUBE-SERVICES."""
    cluster = broken(number)
    if number == 7:
        cluster = whole().patch("service", "web", "spec: {internalTrafficPolicy: Local}")
    path = svcnotes.trace(cluster, source, to).paths[0]
    rule = ending_rule(path)
    assert rule.startswith(f"-A {chain} ")
    assert f"-j {target}" in rule
    assert next(step.table for step in steps_there(path) if step.verdict in ("drop", "reject")) == table


def test_every_table_has_a_canary_and_a_flush_leaves_it():
    """worked-mended"""
    text = svcnotes.rules(whole(), "node-1")
    assert text.count(":KUBE-PROXY-CANARY") == 3
    terminal = Terminal(whole())
    terminal.run("node-1", "iptables -t nat -F")
    left = str(terminal.run("node-1", "iptables-save -t nat"))
    assert ":KUBE-PROXY-CANARY" in left
    assert "-A KUBE-SERVICES" not in left


def test_the_debug_rounds_syn_goes_nowhere_and_a_drop_in_mangle_has_counted_it():
    """debug-found"""
    session = dojo.open_case(28)
    said = str(session.watch("node-1", "tcpdump -ni any tcp", "client", CURL.format(1)))
    lines = [line for line in said.splitlines() if "Flags [S]" in line]
    assert len(lines) == 2
    assert all("172.18.0.11.30080" in line and " eth0 " in line for line in lines)
    mangle = str(session.run("node-1", "iptables-save -c -t mangle | grep DROP"))
    assert re.match(r"\[[1-9]", mangle)
    session.suspect("host-firewall", because="it counted")
    session.fix("node-1", "iptables -t mangle -F HOST-FIREWALL")
    assert session.prove().ok


def test_the_console_and_draw_and_hints_are_there_as_the_table_says():
    """dojo"""
    assert str(dojo.draw(24)) == str(dojo.draw(24))
    session = dojo.open_case(1)
    assert len({session.hint(level) for level in (1, 2, 3, 4)}) == 4
    from svcnotes.widgets.console import Console

    assert Console(session) is not None


def test_the_service_of_practice_refuses_for_a_ports_name_and_one_patch_mends_it():
    """practice, recap"""
    text = ledger.cells(LESSON)["practice"][1]
    made = svcnotes.loads(text.partition("```yaml\n")[2].partition("```")[0])
    terminal = Terminal(made)
    slices = str(terminal.run("kubectl get endpointslices -l kubernetes.io/service-name=echo"))
    assert "<unset>" in slices
    assert "10.244." in slices
    assert "web" in str(terminal.run("kubectl describe service echo | grep -i targetport"))
    (port,) = made.services["default/echo"].ports
    assert share(made, OFFICE, f"172.18.0.11:{port.node_port}", "refused") == 1
    patch = 'kubectl patch service echo -p \'{"spec": {"ports": [{"port": 80, "targetPort": "http"}]}}\''
    assert patch in text
    terminal.run(patch)
    assert share(terminal.cluster, OFFICE, f"172.18.0.11:{port.node_port}", "connected") == 1


def test_the_commands_of_practice_print_what_their_remarks_say():
    """practice"""
    text = ledger.cells(LESSON)["practice"][1]
    terminal = Terminal(whole())
    for place, command, shows in [
        ("laptop", "kubectl get endpointslices -l kubernetes.io/service-name=web", "10.244.1.10"),
        ("node-1", "curl localhost:10249/proxyMode", "iptables"),
        ("node-1", "curl localhost:10256/healthz", "healthy"),
        ("node-1", "iptables-save -c | grep default/web", "] -A KUBE-"),
        ("node-1", "conntrack -S", "insert_failed=0"),
    ]:
        assert command in text
        assert shows in str(terminal.run(place, command)), command


def test_a_restart_of_kube_proxy_writes_all_rules_anew():
    """practice: here it is a unit of systemd."""
    terminal = Terminal(broken(12))
    assert share(terminal.cluster, OFFICE, NODE_1, "refused") == 1
    terminal.run("node-1", "systemctl restart kube-proxy")
    assert share(terminal.cluster, OFFICE, NODE_1, "connected") == 1


def test_the_answers_of_the_exercises_are_the_traces():
    """exercise-look-text, exercise-sticky-text, exercise-declared-text; debugging.ping, .office, .localhost, .look, .alive, .declared, .waiting, .sticky"""
    for exercise, answer in [
        (debugging.ping, "3"),
        (debugging.office, "timeout"),
        (debugging.localhost, "3"),
        (debugging.look, "4"),
        (debugging.alive, "2"),
        (debugging.sticky, "2"),
        (debugging.declared, "refused"),
        (debugging.waiting, "4"),
    ]:
        assert exercise.check(answer).ok, exercise.name


def test_affinity_keeps_a_client_for_three_hours_and_goes_by_the_source_that_comes_in():
    """exercise-sticky-text; debugging.sticky"""
    sticky = whole().patch("service", "web", "spec: {sessionAffinity: ClientIP}")
    assert "--seconds 10800 " in svcnotes.rules(sticky, "node-1")
    first = svcnotes.trace(sticky, OFFICE, NODE_1).paths[0]
    others = svcnotes.trace(sticky, "192.0.3.10", NODE_1, source_port=40999, memories=first.memories).paths
    again = svcnotes.trace(sticky, OFFICE, NODE_1, source_port=40999, now=5.0, memories=first.memories).paths
    assert len({path.pod for path in others}) == 3
    assert {path.pod for path in again} == {first.pod}
    late = {"source_port": 40998, "now": 15_000.0}  # within three hours of the second call, not of the first
    second = svcnotes.trace(sticky, OFFICE, NODE_1, source_port=40999, now=9000.0, memories=first.memories)
    kept = svcnotes.trace(sticky, OFFICE, NODE_1, memories=second.paths[0].memories, **late).paths
    assert {path.pod for path in kept} == {first.pod}
    assert len(svcnotes.trace(sticky, OFFICE, NODE_1, memories=first.memories, **late).paths) == 3


def test_a_pods_kernel_answers_pings_whatever_listens():
    """exercise-look-text; debugging.alive"""
    (path,) = svcnotes.trace(broken(3), FRONT, "10.244.1.10", protocol="icmp").paths
    assert path.outcome == "connected"
    assert share(broken(3), FRONT, SERVICE, "refused") == 1


def test_the_echo_program_goes_by_a_variable_and_a_switch_is_one_for_all_nodes():
    """practice: what the model leaves out."""
    assert "LISTEN" in scenarios.text("dojo") + "".join(
        command.stdin + command.run for command in dojo.case(5).breaks
    )
    said = str(Terminal(whole()).run("node-1", "sysctl -w net.ipv4.conf.all.route_localnet=0"))
    assert "one for all nodes" in said
