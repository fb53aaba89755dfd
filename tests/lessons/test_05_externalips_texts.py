"""What else the lesson on externalIPs claims, in its text, its commands and its exercises, each with the cell."""

import ledger
import pytest

import svcnotes
from svcnotes import scenarios
from svcnotes.errors import ApiError
from svcnotes.exercises import externalips
from svcnotes.exercises.evidence import chains, ending_rule, source_rule, steps_there, target_rule
from svcnotes.toolbox import Terminal

LESSON = "05-externalips"
OUTSIDE, SHOP, NODE = "192.0.2.10", "pod/default/shop", "node/node-3"
ADDRESS, BANK = "80.11.12.10", "203.0.113.7"
DIALLED, PAID = f"{ADDRESS}:80", f"{BANK}:443"
LOCAL = "spec: {externalTrafficPolicy: Local}"
EXT = "KUBE-EXT-MFRRMZAUUWWO5Z2W"
GIVEN = ledger.cells(LESSON)["exercise-instead"][1].split('"""')[1]


def plain(**world):
    return scenarios.load("externalips").with_world(**world)


def routed(node="node-3", change=""):
    cluster = plain(routes={ADDRESS: node})
    return cluster.patch("service", "my-app", change) if change else cluster


def trapped():
    return plain().create(externalips.HARMLESS)


def emptied():
    return scenarios.load("externalips-refused")


def three():
    return scenarios.load("externalips-three")


def first(cluster, source=OUTSIDE, to=DIALLED):
    return svcnotes.trace(cluster, source, to).paths[0]


# The cell; the cluster; who dials what; the outcome, how; who answers; the source seen by the first.
CLAIMS = [
    ("recall", routed, OUTSIDE, "172.18.0.13:30080", "connected", "", "default/my-app-1", "172.18.0.13"),
    ("recall", routed, SHOP, "10.96.0.80:80", "connected", "", "default/my-app-1", "10.244.3.10"),
    ("round1", plain, OUTSIDE, DIALLED, "external", "", "", None),
    ("observe-local-text", lambda: routed("node-3", LOCAL), OUTSIDE, DIALLED, "timeout", "", "", None),
    ("observe-local-text", lambda: routed("node-3", LOCAL), SHOP, DIALLED, "connected", "", "default/my-app-1", "10.244.3.10"),
    ("observe-local-text", lambda: routed("node-1", LOCAL), OUTSIDE, DIALLED, "connected", "", "default/my-app-1", OUTSIDE),
    ("guest-said", plain, SHOP, PAID, "connected", "", "bank", "10.244.3.10"),
    ("rules-explained", routed, OUTSIDE, DIALLED, "connected", "", "default/my-app-1", "172.18.0.13"),
    ("exercise-door-text", lambda: routed("node-1"), OUTSIDE, f"{ADDRESS}:30080", "unreachable", "icmp-ttl-exceeded", "", None),
    ("exercise-reach-text", trapped, "node/node-2", PAID, "connected", "", "guests/trap", "172.18.0.12"),
    ("exercise-reach-text", trapped, SHOP, f"{BANK}:80", "connected", "", "bank", "10.244.3.10"),
    ("exercise-reach-text", trapped, OUTSIDE, PAID, "connected", "", "bank", OUTSIDE),
    ("recap", emptied, SHOP, PAID, "refused", "icmp-port-unreachable", "", None),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "make", "source", "to", "outcome", "how", "who", "seen"), CLAIMS)
def test_another_claim_on_externalips_is_what_a_trace_shows(cell, make, source, to, outcome, how, who, seen):
    assert cell in ledger.cells(LESSON)
    path = first(make(), source, to)
    assert (path.outcome, path.how, path.answered_by, path.source_seen) == (outcome, how, who, seen)


def test_the_address_is_on_no_interface_and_every_node_has_its_rule():
    """title, stage-try, recap"""
    from svcnotes.network.node_host import node_host

    for node in plain().nodes:
        faces = node_host(plain(), node).interfaces.values()
        assert not any(address.startswith(ADDRESS) for face in faces for address in face.addresses)
        assert f"-d {ADDRESS}/32 -p tcp" in svcnotes.rules(plain(), node)


def test_without_a_route_the_packet_leaves_by_the_router():
    """stage-try"""
    path = first(plain())
    assert [hop.host for hop in path.hops][-1] == "router"
    assert not [hop for hop in path.hops if hop.kind == "node"]


def test_a_service_of_any_type_may_list_external_ips():
    """round1"""
    for kind in ("ClusterIP", "NodePort", "LoadBalancer"):
        made = plain().create(
            f"apiVersion: v1\nkind: Service\nmetadata: {{name: one}}\n"
            f"spec: {{type: {kind}, externalIPs: [80.11.12.77], ports: [{{port: 80}}]}}\n"
        )
        assert made.services["default/one"].external_ips == ("80.11.12.77",)


def test_the_three_doors_are_the_same_on_every_node_and_two_lead_to_one_chain():
    """explain-inside, read-doors"""
    texts = {svcnotes.rules(plain(), node) for node in plain().nodes}
    assert len(texts) == 1
    doors = [r for r in texts.pop().splitlines() if r.endswith(f"-j {EXT}") and "127.0.0.0" not in r]
    assert len(doors) == 2
    (rule,) = [door for door in doors if ADDRESS in door]
    assert "--dport 80 " in rule
    assert " -s " not in rule


def test_everybody_is_masqueraded_at_this_door_as_at_a_nodeport():
    """explain-inside"""
    for to in (DIALLED, "172.18.0.13:30080"):
        path = first(plain(), SHOP, to)
        assert path.source_seen == "172.18.0.13"
        assert "KUBE-MARK-MASQ" in chains(path)


def test_curl_gives_up_after_three_seconds():
    """explain-inside"""
    said = str(Terminal(plain()).run("client", "curl -sS -m 3 http://80.11.12.10/"))
    assert "timed out after 3000 milliseconds" in said


def test_the_rule_that_ends_the_packet_has_the_address_in_it():
    """explain-local: a DROP, as for a nodePort; externalips.silent"""
    rule = ending_rule(first(routed("node-3", LOCAL)))
    assert f"-d {ADDRESS}/32" in rule
    assert "has no local endpoints" in rule
    assert rule.endswith("-j DROP")


def test_the_route_must_follow_when_the_pod_moves():
    """explain-local"""
    moved = routed("node-1", LOCAL).delete("pod", "my-app-1")
    assert first(moved).outcome == "timeout"


def test_the_packet_is_caught_before_a_route_is_looked_up_and_never_comes_near_the_router():
    """explain-caught; externalips.caught"""
    path = first(trapped(), SHOP, PAID)
    hop = next(h for h in path.hops if h.host == "node-3" and h.direction == "there")
    order = [step.verdict if step.verdict == "dnat" else step.table for step in hop.steps]
    assert order.index("dnat") < order.index("routing")
    assert next(step.hook for step in hop.steps if step.verdict == "dnat") == "PREROUTING"
    assert "bank" not in {hop.host for hop in path.hops}
    assert path.hops[-1].packet.source == BANK


def test_almost_any_address_may_be_listed():
    """explain-caught: 8.8.8.8:53, say, by UDP; but no loopback and no link-local address."""
    for refused in ("127.0.0.1", "169.254.169.254"):
        with pytest.raises(ApiError, match=r"may not be in the (loopback|link-local) range"):
            plain().patch("service", "my-app", f"spec: {{externalIPs: [{refused}]}}")
    listed = plain().create(
        "apiVersion: v1\nkind: Service\nmetadata: {name: dns, namespace: guests}\n"
        "spec: {selector: {app: trap}, externalIPs: [8.8.8.8], ports: [{port: 53, protocol: UDP, targetPort: 8443}]}\n"
    )
    for source in (SHOP, NODE):
        path = svcnotes.trace(listed, source, "8.8.8.8:53", protocol="udp").paths[0]
        assert target_rule(path).startswith("-A KUBE-SEP-")


def test_the_plugin_is_off_unless_asked_for_and_lets_addresses_be_kept_and_taken_away():
    """explain-caught, deny-explained, debug-found"""
    guard = ledger.cells(LESSON)["deny"][1].split('"""')[1]
    guarded = svcnotes.loads(scenarios.text("externalips") + guard)
    assert trapped().services["guests/harmless"].external_ips == (BANK,)
    with pytest.raises(ApiError, match="Use of external IPs is denied by admission control"):
        guarded.create(externalips.HARMLESS)
    with pytest.raises(ApiError, match="denied"):
        guarded.patch("service", "my-app", "spec: {externalIPs: [80.11.12.10, 80.11.12.13]}")
    kept = guarded.patch("service", "my-app", LOCAL)
    assert kept.services["default/my-app"].external_ips == (ADDRESS,)
    assert (
        not kept.patch("service", "my-app", "spec: {externalIPs: []}").services["default/my-app"].external_ips
    )


def test_the_chains_of_the_worked_packet_stand_in_this_order():
    """rules-explained, exercise-blank; externalips.blank"""
    path = first(routed())
    kinds = [
        chain.rpartition("-")[0] if chain.count("-") == 2 and chain != "KUBE-MARK-MASQ" else chain
        for chain in chains(path)
    ]
    assert kinds == [
        "PREROUTING", "KUBE-SERVICES", "KUBE-EXT", "KUBE-MARK-MASQ", "KUBE-SVC", "KUBE-SEP", "POSTROUTING", "KUBE-POSTROUTING",
    ]  # fmt: skip
    assert target_rule(path).endswith("--to-destination 10.244.1.10:8080")
    assert "MASQUERADE" in source_rule(path)
    assert path.probability == svcnotes.trace(routed(), OUTSIDE, DIALLED).paths[1].probability


def test_the_answer_comes_from_the_address_and_asks_no_rule_of_nat():
    """rules-explained: it comes from where the client had asked."""
    path = first(routed())
    assert (path.hops[-1].packet.source, path.hops[-1].packet.source_port) == (ADDRESS, 80)
    back = [step for hop in path.hops if hop.direction == "back" for step in hop.steps]
    assert not [step for step in back if step.table == "nat" and step.chain]


def test_three_things_stand_under_external_ip_and_two_have_rules():
    """columns-text; externalips.columns"""
    said = str(Terminal(three()).run("kubectl get svc,nodes -o wide"))
    for address in (ADDRESS, "80.11.12.99", "198.51.100.11"):
        assert address in said
    text = svcnotes.rules(three(), "node-1")
    assert f"-d {ADDRESS}/32" in text
    assert "-d 80.11.12.99/32" in text
    assert "198.51.100.11" not in text


def test_a_status_is_a_right_of_its_own_and_a_type_of_its_own():
    """exercise-instead-text; externalips_instead.instead"""
    status = f"status: {{loadBalancer: {{ingress: [{{ip: {ADDRESS}}}]}}}}"
    with pytest.raises(ApiError):
        plain().patch("service", "my-app", status, subresource="status")
    answer = GIVEN.replace("type: NodePort", "type: LoadBalancer\n  loadBalancerClass: example.com/by-hand")
    answer = answer.replace("  externalIPs: [80.11.12.10]\n", "")
    assert externalips.instead.check(answer).ok
    without = externalips.instead.check(answer.replace("  loadBalancerClass: example.com/by-hand\n", ""))
    assert "takes the Service and gives it an address of its own choice" in " ".join(str(without).split())


def test_a_controller_takes_a_service_without_a_class_and_leaves_one_with_another():
    """exercise-instead-text; externalips_instead.instead"""
    served = plain(cloud="pass-through").patch(
        "service", "my-app", "spec: {type: LoadBalancer, externalIPs: []}"
    )
    assert served.services["default/my-app"].ingress
    other = (
        plain(cloud="pass-through")
        .delete("service", "my-app")
        .create(
            "apiVersion: v1\nkind: Service\nmetadata: {name: my-app}\n"
            "spec: {type: LoadBalancer, loadBalancerClass: example.com/by-hand, ports: [{port: 80}]}\n"
        )
    )
    assert not other.services["default/my-app"].ingress


def test_the_commands_of_practice_print_what_their_remarks_say():
    """practice"""
    text = ledger.cells(LESSON)["practice"][1]
    terminal = Terminal(routed("node-3", LOCAL))
    for place, command, shows in [
        ("node-3", "iptables-save -t nat | grep 'external IP'", f"-d {ADDRESS}/32"),
        ("node-3", "iptables-save -t filter | grep endpoints", "has no local endpoints"),
        ("router", "ip route get 80.11.12.10", "via 172.18.0.13"),
        ("client", "kubectl get nodes -o wide", "INTERNAL-IP"),
    ]:
        assert command in text
        assert shows in str(terminal.run(place, command)), command
    seen = str(
        terminal.capture(
            "node-3", "tcpdump -ni eth0 host 80.11.12.10", "client", "curl -m 3 http://80.11.12.10/"
        )
    )
    assert f"{ADDRESS}.80: Flags [S]" in seen


def test_the_manifest_of_practice_is_served_by_a_route_and_under_local_by_a_node_with_a_pod():
    """practice"""
    text = ledger.cells(LESSON)["practice"][1].partition("```yaml\n")[2].partition("```")[0]
    made = svcnotes.loads(text)
    to = "198.51.100.10:80"
    assert first(made, OUTSIDE, to).outcome == "external"
    for node in made.nodes:
        there = made.with_world(routes={"198.51.100.10": node})
        assert first(there, OUTSIDE, to).outcome == "connected"
        ends = {p.outcome for p in svcnotes.trace(there.patch("service", "my-app", LOCAL), OUTSIDE, to).paths}
        has_pod = node in {pod.node for pod in made.pods.values()}
        assert ends == ({"connected"} if has_pod else {"timeout"})


def test_the_answers_of_the_exercises_are_the_traces():
    """exercise-door-text, exercise-reach-text; externalips.inside, .silent, .caught, .door, .keeper, .reach, .columns, .blank"""
    for exercise, answer in [
        (externalips.inside, "1"),
        (externalips.silent, "timeout"),
        (externalips.caught, "2"),
        (externalips.door, "3"),
        (externalips.keeper, "1"),
        (externalips.reach, "1"),
        (externalips.columns, "198.51.100.11"),
        (externalips.blank, "KUBE-EXT"),
    ]:
        assert exercise.check(answer).ok, exercise.name


def test_under_local_neither_client_nor_pod_is_marked_and_each_has_its_chain():
    """explain-local; externalips.keeper: only what the node itself sends is marked."""
    cluster = routed("node-1", LOCAL)
    outside, inside = first(cluster), first(cluster, SHOP)
    assert any(chain.startswith("KUBE-SVL-") for chain in chains(outside))
    assert any(chain.startswith("KUBE-SVC-") for chain in chains(inside))
    for path in (outside, inside):
        assert not [step for step in steps_there(path) if step.after.mark]
    marks = [
        r
        for r in svcnotes.rules(cluster, "node-1").splitlines()
        if r.startswith(f"-A {EXT}") and "KUBE-MARK-MASQ" in r
    ]
    assert ["--src-type LOCAL" in rule for rule in marks] == [True]


def test_each_machine_takes_one_off_until_one_says_time_exceeded():
    """exercise-door-text; externalips.door"""
    path = first(routed("node-1"), OUTSIDE, f"{ADDRESS}:30080")
    lives = [
        hop.packet.ttl for hop in path.hops if hop.direction == "there" and hop.host in ("router", "node-1")
    ]
    assert lives == sorted(lives, reverse=True)
    assert len(set(lives)) == len(lives) > 3


def test_nodeports_are_asked_for_at_a_nodes_own_addresses():
    """rules-explained, practice; externalips.door, externalips.blank: by the last rule of KUBE-SERVICES."""
    last = [r for r in svcnotes.rules(plain(), "node-1").splitlines() if r.startswith("-A KUBE-SERVICES ")][
        -1
    ]
    assert "--dst-type LOCAL -j KUBE-NODEPORTS" in last
