"""What else the lesson on ExternalName claims, in its text, its commands and its exercises, each with the cell."""

import re

import ledger
import pytest

import svcnotes
from svcnotes import scenarios
from svcnotes.exercises import externalname
from svcnotes.exercises.evidence import ending_rule, source_rule, target_rule
from svcnotes.scenarios.externalname import PODS, SLICE, instead
from svcnotes.toolbox import Terminal
from svcnotes.toolbox.asking import look_up, resolv_conf
from svcnotes.toolbox.dig import dig

LESSON = "04-externalname"
SHOP, VAULT, NODE, OUTSIDE = "pod/default/shop", "pod/finance/vault", "node/node-1", "192.0.2.10"
FULL = "my-db.default.svc.cluster.local"
BROKEN = "externalname-short"


def cluster():
    return scenarios.load("externalname")


def fixed():
    return instead(cluster(), SLICE)


def ordinary():
    return instead(cluster(), PODS)


def proxied():
    return scenarios.load("loadbalancer").with_world(cloud="proxying")


# the cell; the cluster; who dials what; the outcome, how; who answers
CLAIMS = [
    ("title", cluster, SHOP, "my-db:5432", "connected", "", "db.example.com"),
    ("stage-try", fixed, SHOP, "my-db:5432", "connected", "", "db.example.com"),
    ("stage-try", ordinary, SHOP, "my-db:5432", "connected", "", "default/my-db-1"),
    ("recall", ordinary, SHOP, "10.96.0.50:5432", "connected", "", "default/my-db-1"),
    ("recall", cluster, SHOP, "203.0.113.50:80", "refused", "rst", ""),
    ("explain-chains", cluster, SHOP, "vault.finance:8200", "connected", "", "finance/vault"),
    ("explain-fixed", fixed, NODE, "10.96.0.50:5432", "connected", "", "db.example.com"),
    ("debug", lambda: scenarios.load(BROKEN), SHOP, "my-db.data:5432", "connected", "", "data/my-db-1"),
    ("recap", cluster, SHOP, "my-db:5432", "connected", "", "db.example.com"),
]


@pytest.mark.parametrize(("cell", "make", "source", "to", "outcome", "how", "who"), CLAIMS)
def test_another_claim_on_externalname_is_what_a_trace_shows(cell, make, source, to, outcome, how, who):
    assert cell in ledger.cells(LESSON)
    (path,) = svcnotes.trace(make(), source, to).paths
    assert (path.outcome, path.how, path.answered_by) == (outcome, how, who)


def test_a_clusterip_belongs_to_no_machine_and_the_pods_own_node_turns_it_into_a_pods():
    """recall"""
    (path,) = svcnotes.trace(ordinary(), SHOP, "10.96.0.50:5432").paths
    assert next(h.host for h in path.hops for s in h.steps if s.verdict == "dnat") == "node-1"
    assert "DNAT" in target_rule(path)
    addresses = {a for node in ordinary().nodes.values() for a in node.addresses}
    assert "10.96.0.50" not in addresses | {a for pod in ordinary().pods.values() for a in pod.addresses}


def test_only_the_proxy_opens_a_second_connection():
    """recall: so it alone can write into a request."""
    counts = {
        cloud: len({
            (hop.packet.source, hop.packet.destination)
            for hop in svcnotes.trace(
                scenarios.load("loadbalancer").with_world(cloud=cloud), OUTSIDE, "203.0.113.1:80"
            ).paths[0].hops
            if hop.host == "load-balancer" and hop.direction == "there"
        })
        for cloud in ("pass-through", "proxying")
    }  # fmt: skip
    assert counts["proxying"] > 0 == counts["pass-through"]


def test_no_packet_sets_out_from_a_node_or_from_outside():
    """stage-try, recap"""
    for source in (NODE, OUTSIDE):
        found = look_up(cluster(), source, FULL)
        assert {rung.reply.code for rung in found} == {"NXDOMAIN"}


def test_it_has_no_address_no_nodeport_and_no_endpoints():
    """explain-gained, recap: and under EXTERNAL-IP stands a name."""
    service = cluster().services["default/my-db"]
    assert not service.cluster_ips
    assert not any(port.node_port for port in service.ports)
    assert not [one for one in cluster().endpoint_slices if one.service == "my-db"]
    said = str(Terminal(cluster()).run("kubectl get svc my-db"))
    assert re.search(r"my-db +ExternalName +<none> +db\.example\.com +5432/TCP", said)


def test_two_pods_of_coredns_stand_behind_kube_dns():
    """explain-gained, practice"""
    said = str(
        Terminal(cluster()).run(
            "kubectl -n kube-system get endpointslices -l kubernetes.io/service-name=kube-dns"
        )
    )
    assert all(address in said for address in ("10.244.2.", "10.244.3."))


def test_the_first_ending_has_the_pods_own_namespace():
    """explain-resolv-conf; externalname.blank"""
    assert resolv_conf(cluster(), VAULT).startswith("search finance.svc.cluster.local svc.cluster.local")
    assert externalname.blank.check("my-db.default.svc.cluster.local").ok


def test_every_ending_is_tried_first_and_the_name_as_it_stands_last_with_both_kinds_of_address():
    """explain-resolv-conf"""
    rungs = look_up(cluster(), SHOP, "db.example.com")
    assert [rung.name.rstrip(".") for rung in rungs][-1] == "db.example.com"
    assert [rung.kind for rung in rungs] == ["A", "AAAA"] * 4
    assert look_up(cluster(), SHOP, "a.b.c.d.e.example.com")[0].name.rstrip(".") == "a.b.c.d.e.example.com"


def chain_of(length: int):
    found = cluster()
    for number in range(length):
        target = f"link-{number + 1}.default.svc.cluster.local" if number + 1 < length else "db.example.com"
        found = found.create(
            f"apiVersion: v1\nkind: Service\nmetadata: {{name: link-{number}}}\n"
            f"spec: {{type: ExternalName, externalName: {target}}}\n"
        )
    return found


@pytest.mark.parametrize(("length", "ends"), [(8, True), (10, True), (14, False)])
def test_after_some_ten_aliases_coredns_gives_up(length, ends):
    """explain-chains"""
    said = dig(chain_of(length), SHOP, "+search +short link-0")
    assert said.endswith("203.0.113.50\n") == ends


def test_two_that_name_each_other_lead_nowhere():
    """explain-chains"""
    pair = cluster()
    for name, other in [("ping", "pong"), ("pong", "ping")]:
        pair = pair.create(
            f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}}}\n"
            f"spec: {{type: ExternalName, externalName: {other}.default.svc.cluster.local}}\n"
        )
    assert "status: NOERROR" in dig(pair, SHOP, "ping.default.svc.cluster.local")
    said = str(Terminal(pair).run(SHOP, "curl -sS -m 2 http://ping/"))
    assert "Could not resolve host: ping" in said


def test_the_api_server_stores_the_ports_and_kubectl_shows_them():
    """explain-port; externalname.port"""
    mapped = cluster().patch(
        "service", "my-db", "spec: {ports: [{port: 80, targetPort: 5432}]}", style="merge"
    )
    assert [(p.port, p.target_port) for p in mapped.services["default/my-db"].ports] == [(80, 5432)]
    assert "80/TCP" in str(Terminal(mapped).run("kubectl get svc my-db"))
    (path,) = svcnotes.trace(mapped, SHOP, "my-db:80").paths
    assert path.hops[0].packet.destination_port == 80
    assert target_rule(path) == ending_rule(path) == ""
    assert externalname.port.check("2").ok


def test_an_ordinary_service_with_one_endpoint_has_some_rules():
    """explain-gained; externalname.gained"""
    bare = cluster().delete("service", "my-db")
    more = len(svcnotes.rules(ordinary(), "node-1").splitlines()) - len(
        svcnotes.rules(bare, "node-1").splitlines()
    )
    assert 5 <= more <= 12
    assert externalname.gained.check("none").ok


def test_the_answers_of_the_exercises_are_what_servers_and_dns_say():
    """explain-tls, explain-host, exercise-short-text; externalname.tls, .host, .where, .address"""
    assert externalname.tls.check("3").ok
    assert externalname.host.check("my-db").ok
    assert externalname.where.check("nothing").ok
    assert externalname.address.check("3").ok
    assert "nameserver 192.0.2.53" in resolv_conf(cluster(), NODE)


def test_the_slice_is_tied_to_its_service_by_a_label_and_by_the_names_of_the_ports():
    """exercise-fixed-text; externalname.fixed"""
    whole = externalname.HALF.replace("{app: my-db}", "{kubernetes.io/service-name: my-db}").replace(
        "ports: [{port: 5432}]", "ports: [{name: sql, port: 5432}]"
    )
    assert externalname.fixed.check(whole).ok
    for half in (
        externalname.HALF.replace("{app: my-db}", "{kubernetes.io/service-name: my-db}"),
        externalname.HALF.replace("ports: [{port: 5432}]", "ports: [{name: sql, port: 5432}]"),
        externalname.HALF,
    ):
        verdict = externalname.fixed.check(half)
        assert not verdict.ok
        assert "has no endpoints" in verdict.rule
    alone = cluster().delete("service", "my-db").create(externalname.HALF.partition("---")[0])
    assert [one for one in alone.endpoint_slices if one.service == "my-db"] == []


def test_with_one_port_its_name_may_be_left_out_on_both_sides():
    """observe-fixed-text"""
    assert "name:" not in SLICE.partition("ports: ")[2].partition("\n")[0]
    assert svcnotes.trace(fixed(), SHOP, "my-db:5432").paths[0].outcome == "connected"


def test_nobody_marks_a_pods_call_to_a_clusterip():
    """explain-fixed"""
    (path,) = svcnotes.trace(fixed(), SHOP, "my-db:5432").paths
    assert source_rule(path) == ""
    assert "node-1" in {hop.host for hop in path.hops if hop.direction == "back"}


def test_the_endings_are_put_behind_what_the_program_typed_and_not_behind_an_answer():
    """debug-found; the program's words in debug"""
    broken = scenarios.load(BROKEN)
    assert "my-db" in str(Terminal(broken).run("kubectl get svc"))
    said = dig(broken, SHOP, "+search +noall +answer my-db")
    assert said.count("CNAME") == 1
    assert "\tA\t" not in said
    assert any(rung.reply.addresses for rung in look_up(broken, SHOP, "my-db.data"))
    assert {rung.reply.code for rung in look_up(broken, SHOP, "my-db.data.")} == {"NXDOMAIN"}


def test_the_commands_of_practice_print_what_their_remarks_say():
    """practice"""
    text = ledger.cells(LESSON)["practice"][1]
    terminal = Terminal(cluster())
    for place, command, shows in [
        ("client", "kubectl get svc -A | grep ExternalName", "db.example.com"),
        (SHOP, "cat /etc/resolv.conf", "ndots:5"),
        (SHOP, "dig +search my-db", "CNAME"),
        (SHOP, "dig +search +showsearch my-db", "my-db.default.svc.cluster.local"),
        (SHOP, "getent ahosts my-db", "203.0.113.50"),
    ]:
        assert command in text
        assert shows in str(terminal.run(place, command)), command
    assert str(terminal.run("node-1", "iptables-save | grep my-db")).strip() == ""
    chain = str(Terminal(fixed()).run("node-1", "iptables-save -t nat | grep my-db"))
    assert "--to-destination 203.0.113.50:5432" in chain


def test_the_manifest_of_practice_makes_an_alias_without_rules_and_a_chain_down_to_the_dnat():
    """practice"""
    text = ledger.cells(LESSON)["practice"][1].partition("```yaml\n")[2].partition("```")[0]
    made = svcnotes.loads(text)
    rules = svcnotes.rules(made, "node-1")
    assert "my-web" not in rules
    assert "--to-destination 203.0.113.50:5432" in rules
