"""What the lesson on ExternalName claims, cell by cell, is what DNS, the traces and a real server show."""

import json
from pathlib import Path

import pytest

import svcnotes
from svcnotes import scenarios
from svcnotes.errors import ApiError, QuestionError
from svcnotes.exercises import externalname
from svcnotes.exercises.evidence import source_rule, target_rule
from svcnotes.loopback import call, serving
from svcnotes.scenarios.externalname import PODS, SLICE, askers, instead, kinds
from svcnotes.toolbox.asking import look_up, resolv_conf
from svcnotes.toolbox.dig import dig, run_dig
from svcnotes.views.lookup import lookup
from svcnotes.widgets.stage import Stage

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "04-externalname.ipynb"
CELLS = {
    cell["id"]: "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
}
SHOP, VAULT, NODE, OUTSIDE = "pod/default/shop", "pod/finance/vault", "node/node-1", "192.0.2.10"
FULL = "my-db.default.svc.cluster.local"
CLUSTER = scenarios.load("externalname")
FIXED = instead(CLUSTER, SLICE)


def says(cell, *words):
    for word in words:
        assert word in CELLS[cell], (cell, word)


def path(cluster, source, to):
    (found,) = svcnotes.trace(cluster, source, to).paths
    return found


def test_the_packet_leaves_with_the_outside_address_on_it_and_no_rule_changes_it():
    says("stage-try", "everybody on the way passes it on unchanged")
    found = path(CLUSTER, SHOP, "my-db:5432")
    assert (found.outcome, found.answered_by) == ("connected", "db.example.com")
    assert found.hops[0].packet.destination == "203.0.113.50"
    assert target_rule(found) == source_rule(found) == ""


def test_with_a_slice_the_packet_sets_out_with_the_services_own_address_and_node_1_rewrites_it():
    says("stage-try", "sets out with the Service's own address")
    found = path(FIXED, SHOP, "my-db:5432")
    assert found.hops[0].packet.destination == "10.96.0.50"
    assert next(hop.host for hop in found.hops for step in hop.steps if step.verdict == "dnat") == "node-1"


def test_the_stages_sentence_says_what_dns_made_of_the_name_and_what_a_change_changes():
    stage = Stage(CLUSTER, "default/my-db", to="my-db:5432", controls=[kinds(), askers()])
    assert stage.sentence.endswith("DNS had turned my-db into 203.0.113.50 before the packet set out.")
    stage.kind = "EndpointSlice"
    assert stage.difference.startswith("address dialled 203.0.113.50:5432 → 10.96.0.50:5432. Now: KUBE-SEP-")


def test_a_plugin_may_give_the_packet_the_nodes_address_as_it_does_for_any_other():
    says("practice", "`cniMasquerade: true`")
    cluster = CLUSTER.with_world(cniMasquerade=True)
    for to in ("my-db:5432", "203.0.113.50:443"):
        assert path(cluster, SHOP, to).source_seen == "172.18.0.11"
        assert source_rule(path(cluster, SHOP, to)).startswith("-A POSTROUTING -s 10.244.1.0/24")


@pytest.mark.parametrize("source", [NODE, OUTSIDE])
def test_a_node_and_a_client_outside_do_not_know_the_name(source):
    says("stage-try", "node-1 does not even know the name")
    with pytest.raises(QuestionError, match=r"no such name \(NXDOMAIN\)"):
        svcnotes.trace(CLUSTER, source, "my-db:5432")


@pytest.mark.parametrize(
    ("kind", "sentence"),
    [
        ("ExternalName", "db.example.com sees 10.244.1.10, shop itself"),
        ("EndpointSlice", "db.example.com sees 10.244.1.10, shop itself"),
        ("ClusterIP", "my-db-1 sees 10.244.1.10, shop itself"),
    ],
)
def test_the_stage_answers_for_each_kind_of_service(kind, sentence):
    stage = Stage(CLUSTER, "default/my-db", to="my-db:5432", controls=[kinds(), askers()], kind=kind)
    assert sentence in stage.sentence
    assert bool(target_rule(stage.trace.paths[0])) == (kind != "ExternalName")
    stage.caller = "node-1 itself"
    assert "NXDOMAIN" in stage.error


def test_no_node_has_a_rule_more_for_an_external_name():
    says("explain-gained", "Not one rule, on any node")
    without = CLUSTER.delete("service", "my-db")
    for node in CLUSTER.nodes:
        assert svcnotes.rules(CLUSTER, node) == svcnotes.rules(without, node)
        assert "my-db" not in svcnotes.rules(CLUSTER, node)
        assert "my-db" in svcnotes.rules(instead(CLUSTER, PODS), node)


def test_the_answer_is_a_cname_and_an_address_for_thirty_seconds():
    says("explain-dig", "**CNAME**", "The number 30", "10.96.0.10, the clusterIP of kube-dns", "NXDOMAIN")
    text = dig(CLUSTER, SHOP, FULL)
    for words in (
        f"{FULL}. 30 IN\tCNAME\tdb.example.com.",
        "db.example.com.\t\t30\tIN\tA\t203.0.113.50",
        "status: NOERROR",
        "SERVER: 10.96.0.10#53",
        "WARNING: .local is reserved",
        "WARNING: recursion requested",
    ):
        assert words in text
    assert "status: NXDOMAIN" in dig(CLUSTER, SHOP, f"nobody.{FULL}")


def test_the_question_is_a_packet_to_a_service_and_without_its_rules_no_name_works():
    says("explain-dig", "with a DNAT to one of CoreDNS' pods", "no name works")
    paths = svcnotes.trace(CLUSTER, SHOP, "10.96.0.10:53", protocol="udp").paths
    assert {one.pod for one in paths} == {"kube-system/coredns-1", "kube-system/coredns-2"}
    assert all("DNAT" in target_rule(one) for one in paths)
    bare = CLUSTER.with_rules("node-1", "*nat\nCOMMIT\n")
    assert "no servers could be reached" in dig(bare, SHOP, FULL)


def test_a_short_name_is_understood_in_its_own_namespace_only():
    says("explain-resolv-conf", "in the namespace default only", "`my-db.default`")
    assert "search default.svc.cluster.local svc.cluster.local cluster.local" in resolv_conf(CLUSTER, SHOP)
    assert "ndots:5" in resolv_conf(CLUSTER, SHOP)
    assert not any(rung.reply.addresses for rung in look_up(CLUSTER, VAULT, "my-db"))
    assert look_up(CLUSTER, VAULT, "my-db.default")[-1].reply.code == "NOERROR"


def test_an_outside_name_costs_six_questions_in_vain():
    says("explain-ladder", "six questions in vain", "`db.example.com.`", 'value: "2"')
    codes = [rung.reply.code for rung in look_up(CLUSTER, SHOP, "db.example.com")]
    assert codes == ["NXDOMAIN"] * 6 + ["NOERROR"] * 2
    assert len(look_up(CLUSTER, SHOP, "db.example.com.")) == 2
    assert len(lookup(CLUSTER, SHOP, "my-db").rungs) == 2
    lazy = CLUSTER.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: lazy}\n"
        'spec: {nodeName: node-1, dnsConfig: {options: [{name: ndots, value: "2"}]}}\n'
    )
    assert len(look_up(lazy, "pod/default/lazy", "db.example.com")) == 2


def test_dig_leaves_the_search_list_alone_unless_told():
    says("explain-ladder", "`dig my-db` says NXDOMAIN")
    assert "status: NXDOMAIN" in dig(CLUSTER, SHOP, "my-db")
    assert "status: NOERROR" in dig(CLUSTER, SHOP, "+search my-db")


def test_aliases_make_chains_cross_namespaces_and_may_lead_nowhere():
    says("explain-chains", "A namespace is no wall for names", "some ten aliases", "NOERROR")
    assert dig(CLUSTER, SHOP, "+search +short orders").split() == [
        f"{FULL}.",
        "db.example.com.",
        "203.0.113.50",
    ]
    assert dig(CLUSTER, SHOP, "+search +short safe").split()[-1] == "10.96.0.77"
    assert path(CLUSTER, SHOP, "safe:8200").pod == "finance/vault"
    mirror = dig(CLUSTER, SHOP, "mirror.default.svc.cluster.local")
    assert "status: NOERROR" in mirror
    assert "ANSWER: 0" in mirror


def test_ports_mean_nothing_and_the_dialled_one_is_the_hosts():
    says("explain-port", "neither DNS nor kube-proxy ever reads them", "5432 still works")
    mapped = CLUSTER.patch("service", "my-db", "spec: {ports: [{port: 80, targetPort: 5432}]}", style="merge")
    assert path(mapped, SHOP, "my-db:80").how == "rst"
    assert path(mapped, SHOP, "my-db:80").outcome == "refused"
    assert path(mapped, SHOP, "my-db:5432").outcome == "connected"
    bare = CLUSTER.patch("service", "my-db", "spec: {ports: null}", style="merge")
    assert path(bare, SHOP, "my-db:5432").outcome == "connected"


def test_tls_compares_the_certificate_with_the_name_that_was_dialled():
    says("explain-tls", "Not one byte of HTTP was sent", "**SNI**")
    with serving("db.example.com") as server:
        alias, real = call(server, "my-db"), call(server, "db.example.com")
    assert "certificate is not valid for 'my-db'" in alias.error
    assert real.ok
    assert [line for line in server.log if line.startswith("GET")] == ["GET /, Host: db.example.com → 200 OK"]
    assert server.log[0] == "TLS hello, asks for my-db"


def test_the_host_header_is_the_alias_unless_written_by_hand():
    says("explain-host", "a 404", "a 421")
    with serving("db.example.com", tls=False) as server:
        assert call(server, "my-db").status == 404
        assert call(server, "my-db", host="db.example.com").ok
    with serving("db.example.com") as server:
        assert call(server, "my-db", verify=False).status == 421


def test_a_node_can_ask_coredns_by_its_address_and_a_client_outside_cannot():
    says("explain-host", "`dig @10.96.0.10 ...`", "ClusterFirstWithHostNet")
    assert dig(CLUSTER, NODE, f"{FULL} +short") == ""
    assert dig(CLUSTER, NODE, f"@10.96.0.10 {FULL} +short").endswith("203.0.113.50\n")
    assert run_dig(CLUSTER, OUTSIDE, f"@10.96.0.10 {FULL}").exit_code == 9


@pytest.mark.parametrize(("policy", "known"), [("ClusterFirst", False), ("ClusterFirstWithHostNet", True)])
def test_a_pod_in_the_nodes_network_goes_by_the_nodes_file_unless_told(policy, known):
    cluster = CLUSTER.apply(
        "apiVersion: v1\nkind: Pod\nmetadata: {name: host}\n"
        f"spec: {{nodeName: node-1, hostNetwork: true, dnsPolicy: {policy}}}\n"
    )
    found = look_up(cluster, "pod/default/host", "my-db")
    assert any(rung.reply.addresses for rung in found) == known


def test_an_address_as_external_name_makes_the_name_vanish_and_an_ipv6_one_is_refused():
    says("recap", "An IP address there makes the name vanish")
    digits = CLUSTER.patch("service", "my-db", "spec: {externalName: 203.0.113.50}")
    assert "status: NXDOMAIN" in dig(digits, SHOP, FULL)
    with pytest.raises(ApiError, match="RFC 1123"):
        CLUSTER.patch("service", "my-db", 'spec: {externalName: "2001:db8::50"}')


def test_a_slice_leads_to_the_outside_host_by_rules_from_a_pod_and_from_a_node():
    says("explain-fixed", "KUBE-SEP does the **DNAT**", "the clusterIP works")
    for source, to in ((SHOP, "my-db:5432"), (NODE, "10.96.0.50:5432")):
        found = path(FIXED, source, to)
        assert found.answered_by == "db.example.com"
        assert "--to-destination 203.0.113.50:5432" in target_rule(found)
    text = "".join(step.rule for hop in path(FIXED, SHOP, "my-db:5432").hops for step in hop.steps)
    assert "KUBE-MARK-MASQ" not in text
    assert source_rule(path(FIXED, SHOP, "my-db:5432")) == ""


def test_with_a_slice_a_port_may_lead_to_another():
    says("explain-fixed", "the number in the slice is dialled")
    mapped = instead(
        CLUSTER,
        SLICE.replace(
            "spec:\n  clusterIP: 10.96.0.50\n  ports: [{port: 5432}]", "spec: {ports: [{port: 80}]}"
        ),
    )
    assert path(mapped, SHOP, "my-db:80").answered_by == "db.example.com"


def test_an_alias_follows_a_changed_address_and_a_slice_does_not():
    says("explain-fixed", "it goes on to the old one")
    moved = [{"name": "db.example.com", "address": "203.0.113.60", "serves": [5432]}]
    assert path(CLUSTER.with_world(hosts=moved), SHOP, "my-db:5432").outcome == "connected"
    assert "203.0.113.50" in target_rule(path(FIXED.with_world(hosts=moved), SHOP, "my-db:5432"))


def test_the_broken_alias_is_a_complete_name_that_nobody_has():
    says("debug-found", "`my-db.data.`, with a dot", "typed into shop works so")
    broken = scenarios.load("externalname-short")
    probe = dig(broken, SHOP, "+search my-db")
    assert "status: NOERROR" in probe
    assert "CNAME\tmy-db.data.\n" in probe
    assert "ANSWER: 1" in probe
    assert path(broken, SHOP, "my-db.data:5432").pod == "data/my-db-1"
    assert path(broken, SHOP, "my-db:5432").outcome == "external"
    mended = broken.patch("service", "my-db", "spec: {externalName: my-db.data.svc.cluster.local}")
    assert path(mended, SHOP, "my-db:5432").pod == "data/my-db-1"
    assert dig(mended, SHOP, "+search +short my-db").split()[-1] == "10.96.0.77"


def test_the_exercise_in_the_cell_is_the_one_that_the_check_knows():
    assert f'answer = """\n{externalname.HALF}"""' in CELLS["exercise-fixed"]


def test_trace_takes_a_full_name_from_anybody_as_the_lesson_says():
    says("practice", "takes a *full* name from anybody")
    assert path(CLUSTER, NODE, f"{FULL}:5432").answered_by == "db.example.com"
