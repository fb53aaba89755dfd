"""nftables in the kernel lab: loaded by the real nft as kube-proxy loads it, and told as the simulation tells it."""

import json

import pytest
from replay import ORACLE, cluster
from transitions import READY, with_endpoints
from transitions import cluster as three_pods

import svcnotes
from svcnotes.errors import QuestionError
from svcnotes.kernel import KernelError, nft, probe
from svcnotes.kernel import trace as real_trace
from svcnotes.kernel.agreement import difference
from svcnotes.kernel.loaders import LOADERS
from svcnotes.network.node_rules import rules_text
from svcnotes.trace import trace

CLIENT, NODEPORT, CLUSTER_IP = "client", "172.18.0.11:30080", "10.96.0.10:80"
MODE = "nftables"


def told(path):
    """Every rule of a path as the pictures tell it; ports that NAT drew at random left out."""
    return [
        (hop.host, hop.direction, step.hook, step.table, step.chain, step.number, step.rule, step.passed, step.verdict,
         step.element, step.before.mark, step.after.mark, step.before.destination_text if hop.direction == "there" else "")
        for hop in path.hops
        for step in hop.steps
        if step.chain
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("scenario", "source", "to"),
    [
        ("nodeport-cluster", CLIENT, NODEPORT),
        ("nodeport-cluster", "pod/default/web-a", CLUSTER_IP),
        ("nodeport-cluster", "node/node-1", "10.96.0.10:81"),
        ("nodeport-cluster", "node/node-1", "10.96.200.200:80"),
        ("lb-sourceranges", CLIENT, "203.0.113.10:80"),
        ("lb-no-endpoints", CLIENT, "203.0.113.10:80"),
        ("affinity-clusterip", "pod/default/tool-1", CLUSTER_IP),
    ],
)
def test_the_picture_of_a_real_packet_is_that_of_the_simulated_one(lab, scenario, source, to):
    where = cluster(scenario)
    foretold = trace(where, source, to, proxy_mode=MODE)
    found = real_trace(where, source, to, proxy_mode=MODE, lab=lab)
    assert found.proxy_mode == MODE
    for path in found.paths:
        assert difference(foretold, path) == ""
        assert told(path) in [told(one) for one in foretold.paths if one.pod == path.pod]


def test_a_cluster_whose_configuration_says_so_comes_up_in_nftables_mode(lab):
    text = (ORACLE / "nodeport-cluster" / "cluster.yaml").read_text(encoding="utf-8")
    where = svcnotes.loads(text.replace("mode: iptables", f"mode: {MODE}"))
    found = real_trace(where, CLIENT, NODEPORT, lab=lab, packets=1)
    assert found.proxy_mode == MODE
    assert any(step.table == "ip kube-proxy" for hop in found.paths[0].hops for step in hop.steps)
    assert difference(trace(where, CLIENT, NODEPORT), found.paths[0]) == ""


def test_modes_take_turns_in_one_lab(lab):
    where = cluster("nodeport-cluster")
    for mode in ("iptables", MODE, "iptables"):
        found = real_trace(where, CLIENT, NODEPORT, proxy_mode=mode, lab=lab, packets=1)
        assert difference(trace(where, CLIENT, NODEPORT, proxy_mode=mode), found.paths[0]) == ""


def test_what_nft_printed_on_a_real_node_is_loaded_beside_the_iptables_of_others(lab):
    where = cluster("nodeport-cluster", "cni-masquerade")
    for node in where.nodes:
        where = where.with_rules(node, rules_text(where, node, MODE), 4)
    foretold = trace(where, "pod/default/tool-1", "192.0.2.10:8080")
    (path,) = real_trace(where, "pod/default/tool-1", "192.0.2.10:8080", lab=lab, packets=1).paths
    assert difference(foretold, path) == ""
    tables = {step.table for hop in path.hops for step in hop.steps}
    assert {"nat", "ip kube-proxy"} <= tables


def test_a_mode_for_whose_formats_there_is_no_loader_is_refused_in_a_sentence(lab, monkeypatch):
    where = cluster("nodeport-cluster")
    said = "proxy mode ipvs: simulated only, nothing here loads what ipset and ipvsadm would print; ask the simulation"
    with pytest.raises(QuestionError, match=said):
        real_trace(where, CLIENT, NODEPORT, proxy_mode="ipvs", lab=lab)
    monkeypatch.delitem(LOADERS, nft.LANGUAGE)
    with pytest.raises(
        QuestionError, match="proxy mode nftables: simulated only, nothing here loads what nft would print"
    ):
        real_trace(where, CLIENT, NODEPORT, proxy_mode=MODE, lab=lab)


def test_where_nft_is_missing_the_lab_says_so_and_goes_on_with_iptables(lab, monkeypatch):
    where = cluster("nodeport-cluster")
    monkeypatch.setattr("svcnotes.kernel.nft.program", lambda: "")
    probe.unloadable.cache_clear()
    with pytest.raises(KernelError, match=r"^The kernel lab cannot load what nft prints \(no nft\)\."):
        real_trace(where, CLIENT, NODEPORT, proxy_mode=MODE, lab=lab)
    probe.unloadable.cache_clear()
    found = real_trace(where, CLIENT, NODEPORT, lab=lab, packets=1)
    assert found.paths[0].outcome == "connected"


def test_a_text_that_nft_refuses_is_an_error_with_its_words(lab):
    where = cluster("nodeport-cluster")
    text = tables_of().replace("jump services", "jump nowhere", 1)
    with pytest.raises((KernelError, QuestionError), match="node-1"):
        real_trace(where.with_rules("node-1", text), CLIENT, NODEPORT, lab=lab, packets=1)
    assert real_trace(where, CLIENT, NODEPORT, lab=lab, packets=1).paths[0].outcome == "connected"


# loading


def tables_of(node="node-1", scenario="affinity-nodeport"):
    return (ORACLE / scenario / f"{node}.nft").read_text(encoding="utf-8")


def test_a_set_that_packets_fill_stays_over_a_load_and_one_whose_endpoint_is_gone_goes():
    before = rules_text(three_pods("ClientIP"), "node-1", MODE)
    after = rules_text(
        with_endpoints(three_pods("ClientIP"), {"web-b": READY, "web-c": READY}), "node-1", MODE
    )
    sent = nft.transaction(before, after)
    gone = {name for _, name in nft.learning(before)} - {name for _, name in nft.learning(after)}
    assert len(gone) == 2, "one for each protocol"
    for name in gone:
        assert f"delete set ip kube-proxy {name}" in sent
    for _, name in nft.learning(after):
        assert f"flush set ip kube-proxy {name}\n" not in sent
    assert "flush map ip kube-proxy service-ips\n" in sent
    assert not nft.anew(before, after)


def test_other_base_chains_make_a_table_anew():
    text = tables_of()
    assert nft.anew("", text)
    assert nft.anew(text, text.replace("priority filter;", "priority filter - 1;"))
    assert "delete table ip kube-proxy\n" in nft.transaction(
        text, text.replace("priority filter;", "priority 7;")
    )
    assert "delete table ip kube-proxy\n" in nft.transaction(text, "")


def many_services(count):
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": f"more-{number}", "namespace": "default"},
            "spec": {"clusterIP": f"10.96.7.{number}", "ports": [{"port": 80}], "selector": {"app": "web"}},
        }
        for number in range(1, count + 1)
    ]


def test_a_long_text_is_loaded_in_pieces(lab):
    plain = (ORACLE / "nodeport-cluster" / "cluster.yaml").read_text(encoding="utf-8")
    where = svcnotes.loads("\n---\n".join([plain, *map(json.dumps, many_services(250))]))
    assert len(rules_text(where, "node-1", MODE)) > nft.LONG
    for to in (CLUSTER_IP, "10.96.7.200:80"):
        foretold = trace(where, "pod/default/tool-1", to, proxy_mode=MODE)
        found = real_trace(where, "pod/default/tool-1", to, proxy_mode=MODE, lab=lab, packets=2)
        assert [difference(foretold, path) for path in found.paths] == [""] * len(found.paths)
