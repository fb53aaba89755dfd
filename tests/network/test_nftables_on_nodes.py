"""Nodes in nftables mode: what their rules make different, and how they live beside the iptables rules of others."""

import json

import pytest
from replay import ORACLE, cluster

import svcnotes
import svcnotes.flow
from svcnotes.cli import main
from svcnotes.errors import RuleError
from svcnotes.netfilter.editing import edited_rules
from svcnotes.netfilter.languages import saved_text
from svcnotes.network.node_rules import rules_text
from svcnotes.network.strange_names import strange_interfaces

CLIENT, NODEPORT, CLUSTER_IP = "192.0.2.10", "172.18.0.11:30080", "10.96.0.10:80"
NODE_1 = ORACLE / "nodeport-cluster" / "node-1.nft"
POLICY = (
    "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web}\n"
    "spec:\n  podSelector: {matchLabels: {app: web}}\n"
)


def trace(where, source=CLIENT, to=NODEPORT, protocol="tcp", **more):
    return svcnotes.trace(where, source, to, protocol, proxy_mode="nftables", **more)


def ends(where, *asked, **more):
    return {(path.outcome, path.how) for path in trace(where, *asked, **more).paths}


def deciding(path, node="node-1"):
    """The last rule that a node's tables told of on the way there."""
    steps = [step for hop in path.hops if hop.host == node and hop.direction == "there" for step in hop.steps]
    return next(step for step in reversed(steps) if step.chain and step.number)


# what the rules make different


@pytest.mark.parametrize(
    ("source", "to", "end", "rule"),
    [
        ("pod/default/tool-1", "10.96.0.10:81", ("refused", "icmp-port-unreachable"), "ip daddr @cluster-ips reject"),
        ("pod/default/tool-1", "10.96.200.200:80", ("timeout", ""), "ip daddr 10.96.0.0/16 drop"),
        ("node/node-1", "10.96.0.10:81", ("refused", "icmp-port-unreachable"), "ip daddr @cluster-ips reject"),
        ("node/node-1", "10.96.200.200:80", ("timeout", ""), "ip daddr 10.96.0.0/16 drop"),
    ],
)  # fmt: skip
def test_ports_and_addresses_that_are_no_service_are_refused_and_dropped_by_a_rule(source, to, end, rule):
    (path,) = trace(cluster("nodeport-cluster"), source, to).paths
    assert (path.outcome, path.how) == end
    step = deciding(path)
    assert (step.chain, step.rule.partition(" comment")[0]) == ("cluster-ips-check", rule)
    assert step.element == ("10.96.0.10" if "@" in rule else "")


@pytest.mark.parametrize("to", ["127.0.0.1:30080", "10.244.1.1:30080", "172.18.0.11:30081"])
def test_a_nodeport_is_open_at_the_nodes_primary_address_only(to):
    where = cluster("nodeport-cluster")
    assert ends(where, "node/node-1", to) == {("refused", "rst")}
    assert ends(where, "node/node-1") == {("connected", "")}
    assert not trace(where, "node/node-1", to).paths[0].reason.startswith("node-1: KUBE")


def test_localhost_put_into_the_set_by_hand_is_of_no_use_while_route_localnet_is_0():
    """nftables mode leaves the switch alone; the packet is translated, and must not leave the node."""
    where = cluster("nodeport-cluster")
    text = edited_rules(
        svcnotes.rules(where, "node-1", "nftables"), "add element ip kube-proxy nodeport-ips { 127.0.0.1 }"
    )
    found = trace(where.with_rules("node-1", text), "node/node-1", "127.0.0.1:30080")
    assert {path.outcome for path in found.paths} == {"timeout"}
    assert all(path.reason.endswith("while route_localnet is 0") for path in found.paths)
    switched = where.with_world(sysctls={"route_localnet": 1}).with_rules("node-1", text)
    assert ends(switched, "node/node-1", "127.0.0.1:30080") == {("connected", "")}


def test_a_service_without_endpoints_is_refused_to_a_node_at_its_external_address_too():
    (path,) = trace(cluster("lb-no-endpoints"), "node/node-1", "203.0.113.10:80").paths
    assert (path.outcome, path.how) == ("refused", "icmp-port-unreachable")
    assert path.reason == "node-1: reject-chain rule 1 refused it: default/web"


# the trace


def test_a_trace_tells_each_rule_as_nft_prints_it_with_the_element_that_it_found():
    path = trace(cluster("nodeport-cluster")).paths[0]
    there = next(hop for hop in path.hops if hop.host == "node-1" and hop.direction == "there")
    told = [
        (step.hook, step.chain, step.number, step.element, step.verdict)
        for step in there.steps
        if step.number
    ]
    name = "PFISGYVC-default/web/tcp/"
    assert told == [
        ("PREROUTING", "filter-prerouting-pre-dnat", 1, "", "jump firewall-check"),
        ("PREROUTING", "nat-prerouting", 1, "", "jump services"),
        ("PREROUTING", "services", 3, f"172.18.0.11; tcp . 30080 : goto external-{name}", f"goto external-{name}"),
        ("PREROUTING", f"external-{name}", 1, "", "continue"),
        ("PREROUTING", f"external-{name}", 2, "", f"goto service-{name}"),
        ("PREROUTING", f"service-{name}", 1, "0 : 10.244.1.10 . 8080", "dnat"),
        ("FORWARD", "filter-forward", 1, "", "jump service-endpoints-check"),
        ("FORWARD", "filter-forward", 2, "", "jump cluster-ips-check"),
        ("POSTROUTING", "nat-postrouting", 1, "", "jump masquerading"),
        ("POSTROUTING", "masquerading", 1, "", "masquerade"),
    ]  # fmt: skip
    lines = NODE_1.read_text(encoding="utf-8").splitlines()
    assert all(f"\t\t{step.rule}" in lines for step in there.steps if step.chain)


def test_the_command_line_speaks_of_the_mode(capsys):
    file = str(ORACLE / "nodeport-cluster" / "cluster.yaml")
    question = ["trace", file, "--from", CLIENT, "--to", NODEPORT, "--proxy-mode", "nftables", "--json"]
    assert main(question) == 0
    found = json.loads(capsys.readouterr().out)
    steps = [step for hop in found["paths"][0]["hops"] for step in hop["steps"]]
    assert found["proxy_mode"] == "nftables"
    assert {step["table"] for step in steps if step["chain"]} == {"ip kube-proxy"}
    assert any(step["element"].startswith("0 : ") for step in steps)


def test_a_cluster_whose_kube_proxies_run_in_the_mode_needs_no_word_of_it():
    text = (ORACLE / "nodeport-cluster" / "cluster.yaml").read_text(encoding="utf-8")
    where = svcnotes.loads(text.replace("mode: iptables", "mode: nftables"))
    found = svcnotes.trace(where, CLIENT, NODEPORT)
    assert found.proxy_mode == "nftables"
    assert found == trace(where)


# beside the rules of others


def test_a_cnis_masquerade_stands_in_iptables_and_both_speak_for_their_own():
    where = cluster("nodeport-cluster", "cni-masquerade")
    text = rules_text(where, "node-1", "nftables")
    assert text.startswith("table ip kube-proxy {\n")
    assert saved_text(text).startswith("*nat\n")
    out = trace(where, "pod/default/tool-1", "192.0.3.10:8080").paths[0]
    assert deciding(out).rule == "-A POSTROUTING -s 10.244.1.0/24 ! -d 10.244.0.0/16 -j MASQUERADE"
    assert {deciding(path).chain for path in trace(where).paths} == {"masquerading"}


def test_a_network_policy_drops_in_iptables_what_nftables_has_translated():
    where = cluster("nodeport-cluster").apply(POLICY)
    assert ends(where) == {("timeout", "")}
    path = trace(where).paths[0]
    assert path.reason.endswith("no NetworkPolicy lets it in to default/web-a")
    assert deciding(path).table == "filter"


@pytest.mark.parametrize(
    ("fault", "end"),
    [
        ({"name": "rules-flushed", "node": "node-1"}, {("refused", "rst")}),
        ({"name": "forward-policy-drop", "node": "node-1"}, {("timeout", "")}),
        ({"name": "host-firewall", "on": "node-1", "ports": 30080}, {("timeout", "")}),
        ({"name": "rule-missing", "node": "node-1", "text": "vmap @service-nodeports"}, {("refused", "rst")}),
    ],
)
def test_faults_are_mechanisms_in_this_mode_too(fault, end):
    broken = cluster("nodeport-cluster").with_world(faults=[fault])
    assert ends(broken) == end
    assert ("connected", "") in ends(broken, to="172.18.0.12:30080")


def test_flushed_tables_of_nft_keep_chains_and_sets():
    broken = cluster("nodeport-cluster").with_world(faults=["rules-flushed"])
    text = rules_text(broken, "node-1", "nftables")
    assert "\tchain services {\n\t}\n" in text
    assert "goto external-PFISGYVC-default/web/tcp/ }" in text
    assert "jump" not in text


# text from elsewhere


def test_what_nft_printed_on_a_node_stands_in_for_its_rules_whatever_the_mode():
    text = NODE_1.read_text(encoding="utf-8")
    where = cluster("nodeport-cluster").with_rules(
        "node-1", text.replace("10.244.2.10 . 8080", "10.244.2.100 . 8080")
    )
    pods = {path.pod for path in svcnotes.trace(where, CLIENT, NODEPORT).paths}
    assert pods == {"default/web-a", "default/web-b", "default/tool-2"}


def test_tables_say_themselves_which_family_they_are_for():
    where = cluster("ipv6-nodeport")
    text = (ORACLE / "ipv6-nodeport" / "node-1.nft").read_text(encoding="utf-8")
    assert set(where.with_rules("node-1", text).node_rules) == {("node-1", 6)}
    both = "table inet filter {\n}\n"
    assert set(where.with_rules("node-1", both).node_rules) == {("node-1", 6)}
    assert set(cluster("nodeport-cluster").with_rules("node-1", text).node_rules) == {("node-1", 6)}


def test_a_rule_of_elsewhere_that_is_not_understood_is_named_by_node_and_line():
    text = NODE_1.read_text(encoding="utf-8").replace(
        "\t\tjump services\n", "\t\tmeta skuid 0 accept\n\t\tjump services\n", 1
    )
    strict = cluster("nodeport-cluster").with_rules("node-1", text)
    with pytest.raises(RuleError, match=r"rules of node-1, line \d+: `meta skuid` is not part of this Linux"):
        svcnotes.trace(strict, CLIENT, NODEPORT)
    lenient = cluster("nodeport-cluster").with_rules("node-1", text, strict=False)
    for path in svcnotes.trace(lenient, CLIENT, NODEPORT).paths:
        assert path.outcome == "connected"
        (said,) = path.not_understood
        assert said.startswith(
            "node-1, ip kube-proxy nat-prerouting rule 1: `meta skuid 0 accept` not understood"
        )


def test_interfaces_that_a_node_has_not_are_told():
    text = 'table ip t {\n\tchain c {\n\t\tiifname "ens3" oifname { "docker0", "eth0" } accept\n\t\tiifname "veth*" drop\n\t}\n}\n'
    (said,) = strange_interfaces(cluster("nodeport-cluster").with_rules("node-1", text))
    assert "ens3 (line 3), docker0 (line 3). It has lo, eth0, cni0" in said


def test_nftables_may_ask_at_postrouting_by_which_interface_a_packet_came():
    head = "table ip t {\n\tchain c {\n\t\ttype filter hook postrouting priority 0; policy accept;\n"
    text = head + '\t\tiifname "eth0" oifname "cni0" drop\n\t}\n}\n'
    where = cluster("nodeport-cluster").with_rules("node-1", text)
    assert ends(where, CLIENT, "10.244.1.10:8080") == {("timeout", "")}
    assert ends(where, "node/node-1", "10.244.1.10:8080") == {("connected", "")}


# memory


def test_clients_stay_with_their_endpoint_by_a_set_until_its_time_is_over():
    where = cluster("affinity-clusterip")
    first = trace(where, "pod/default/tool-1", CLUSTER_IP).paths
    assert len(first) == 3
    path = first[1]
    (kept,) = trace(
        where, "pod/default/tool-1", CLUSTER_IP, memories=path.memories, now=60, source_port=40200
    ).paths
    assert kept.pod == path.pod
    step = next(s for hop in kept.hops for s in hop.steps if s.chain.startswith("service-"))
    assert (step.element, step.verdict.split("-")[0]) == ("10.244.1.100", "goto endpoint")
    hours = 3 * 3600 + 60
    late = trace(
        where, "pod/default/tool-1", CLUSTER_IP, memories=kept.memories, now=hours, source_port=40201
    )
    assert len(late.paths) == 3


def test_affinity_goes_with_its_set_and_udp_entries_with_their_endpoint():
    where = cluster("affinity-clusterip")
    flow = svcnotes.flow.open(
        where, "pod/default/tool-1", CLUSTER_IP, proxy_mode="nftables", pod="default/web-c"
    )
    gone = flow.after(where.delete("service", "web"))
    ((node, name),) = gone.event.lists
    assert node == "node-1"
    assert name.startswith("ip kube-proxy affinity-")
    assert name.endswith("__10.244.2.10/8080")
    assert flow.after(where, 5).event.lists == ()
