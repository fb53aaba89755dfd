"""NetworkPolicies are rules in FORWARD on the Pod's own node: whom they see depends on who came by before."""

import pytest
from replay import cluster

import svcnotes
from svcnotes.network.node_rules import rules_text
from svcnotes.scenarios.changes import with_mode
from svcnotes.trace import trace

CLIENT, NODE_1, NODE_2 = "192.0.2.10", "172.18.0.11:30080", "172.18.0.12:30080"
HEAD = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web}\nspec:\n"
WEB = "  podSelector: {matchLabels: {app: web}}\n"
CLIENTS = f"{WEB}  ingress: [{{from: [{{ipBlock: {{cidr: 192.0.2.0/24}}}}]}}]\n"


def under(spec, scenario="nodeport-cluster", **world):
    return cluster(scenario).apply(HEAD + spec).with_world(**world)


def outcomes(where, source=CLIENT, to=NODE_1, protocol="tcp"):
    """Outcome by the address that the packet was for on its last hop there."""
    found: dict[str, str] = {}
    for path in trace(where, source, to, protocol).paths:
        last = next(hop for hop in reversed(path.hops) if hop.direction == "there")
        who = path.pod or last.steps[-1].after.destination
        found[who.removeprefix("default/")] = path.outcome
    return found


def test_a_policy_with_no_rules_drops_whoever_comes_and_leaves_other_pods_alone():
    where = under(WEB)
    reason = trace(where, CLIENT, NODE_1).paths[0].reason
    assert reason.partition(" dropped it: ")[2] == "no NetworkPolicy lets it in to default/web-a"
    assert set(outcomes(where).values()) == {"timeout"}
    assert outcomes(where, "pod/default/web-a", "10.244.3.100:8080") == {"tool-3": "connected"}


def test_an_answer_to_what_an_isolated_pod_asks_for_comes_in():
    assert outcomes(under(WEB), "pod/default/web-a", "10.244.2.100:8080") == {"tool-2": "connected"}


def test_an_ipblock_of_the_clients_lets_them_in_on_the_pods_own_node_and_not_by_another_node():
    assert outcomes(under(CLIENTS)) == {"web-a": "connected", "web-b": "connected", "10.244.2.10": "timeout"}
    assert outcomes(under(CLIENTS), to=NODE_2) == {
        "10.244.1.10": "timeout",
        "10.244.1.11": "timeout",
        "web-c": "connected",
    }


def test_the_policy_sees_the_node_where_kube_proxy_hid_the_client_and_the_pod_sees_cni0_all_the_same():
    where = under(CLIENTS)
    here = next(p for p in trace(where, CLIENT, NODE_1).paths if p.pod == "default/web-a")
    assert here.source_seen == "10.244.1.1"
    lost = next(p for p in trace(where, CLIENT, NODE_1).paths if p.outcome == "timeout")
    last = [hop for hop in lost.hops if hop.host == "node-2"][-1]
    assert last.packet.source == "172.18.0.11"
    nodes = f"{WEB}  ingress: [{{from: [{{ipBlock: {{cidr: 172.18.0.0/24}}}}]}}]\n"
    assert outcomes(under(nodes)) == {
        "10.244.1.10": "timeout",
        "10.244.1.11": "timeout",
        "web-c": "connected",
    }


def test_under_policy_local_the_ipblock_means_the_clients_everywhere():
    where = under(CLIENTS, "nodeport-local")
    for to in (NODE_1, NODE_2):
        assert set(outcomes(where, to=to).values()) == {"connected"}
        assert set(outcomes(where, "198.51.100.7", to).values()) == {"timeout"}


def test_a_range_with_an_exception_leaves_out_who_is_excepted():
    spec = f"{WEB}  ingress: [{{from: [{{ipBlock: {{cidr: 0.0.0.0/0, except: [192.0.2.0/25]}}}}]}}]\n"
    where = under(spec, "nodeport-local")
    assert set(outcomes(where, "192.0.2.10").values()) == {"timeout"}
    assert set(outcomes(where, "192.0.2.200").values()) == {"connected"}


def test_who_is_excepted_from_one_range_may_come_by_another():
    spec = (
        f"{WEB}  ingress:\n  - from: [{{ipBlock: {{cidr: 192.0.2.0/24, except: [192.0.2.0/25]}}}}]\n"
        "    ports: [{port: 9999}]\n"
        "  - from: [{ipBlock: {cidr: 192.0.0.0/16, except: [192.0.2.64/26, 192.0.3.0/24]}}]\n"
    )
    where = under(spec, "nodeport-local")
    found = {last: set(outcomes(where, last).values()) for last in ("192.0.2.10", "192.0.2.70", "192.0.3.10")}
    assert found == {"192.0.2.10": {"connected"}, "192.0.2.70": {"timeout"}, "192.0.3.10": {"timeout"}}


def test_pods_of_a_selector_come_in_and_others_of_the_same_node_do_not_though_they_share_its_bridge():
    spec = f"{WEB}  ingress: [{{from: [{{podSelector: {{matchLabels: {{app: web}}}}}}]}}]\n"
    where = under(spec)
    assert outcomes(where, "pod/default/web-b", "10.244.1.10:8080") == {"web-a": "connected"}
    assert outcomes(where, "pod/default/tool-1", "10.244.1.10:8080") == {"10.244.1.10": "timeout"}
    unseen = where.with_world(sysctls={"bridge-nf-call-iptables": 0})
    assert outcomes(unseen, "pod/default/tool-1", "10.244.1.10:8080") == {"web-a": "connected"}


def test_a_pod_keeps_its_address_to_a_clusterip_so_a_selector_knows_it_and_loses_it_to_a_nodeport():
    spec = f"{WEB}  ingress: [{{from: [{{podSelector: {{matchLabels: {{app: web}}}}}}]}}]\n"
    where = under(spec)
    assert set(outcomes(where, "pod/default/web-a", "10.96.0.10:80").values()) == {"connected"}
    assert outcomes(where, "pod/default/web-a", NODE_2) == {
        "10.244.1.10": "timeout",
        "10.244.1.11": "timeout",
        "web-c": "connected",
    }


def test_namespaces_are_selected_by_their_labels():
    other = (
        "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {team: a}}\n---\n"
        "apiVersion: v1\nkind: Pod\nmetadata: {name: till, namespace: shop, labels: {app: till}}\n"
        "spec: {nodeName: node-3, containers: [{name: c, image: i}]}\nstatus: {podIP: 10.244.3.50}\n"
    )
    for peer, outcome in (
        ("namespaceSelector: {matchLabels: {team: a}}", "connected"),
        ("namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: shop}}", "connected"),
        ("namespaceSelector: {matchLabels: {team: b}}", "timeout"),
        ("namespaceSelector: {}, podSelector: {matchLabels: {app: web}}", "timeout"),
        ("namespaceSelector: {}, podSelector: {matchLabels: {app: till}}", "connected"),
        ("podSelector: {matchLabels: {app: till}}", "timeout"),
    ):
        where = under(f"{WEB}  ingress: [{{from: [{{{peer}}}]}}]\n").apply(other)
        (path,) = trace(where, "pod/shop/till", "10.244.1.10:8080").paths
        assert path.outcome == outcome, peer


@pytest.mark.parametrize(
    ("ports", "protocol", "port", "outcome"),
    [
        ("{port: 8080}", "tcp", 8080, "connected"),
        ("{port: 8081}", "tcp", 8080, "timeout"),
        ("{port: 8000, endPort: 9000}", "tcp", 8080, "connected"),
        ("{port: 8080, protocol: UDP}", "tcp", 8080, "timeout"),
        ("{protocol: TCP}", "tcp", 8080, "connected"),
        ("{port: http}", "tcp", 8080, "connected"),
        ("{port: metrics}", "tcp", 8080, "timeout"),
    ],
)
def test_ports_are_those_of_the_pod_not_of_the_service(ports, protocol, port, outcome):
    pod = (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: named, labels: {app: web}}\n"
        "spec: {nodeName: node-1, containers: [{name: c, image: i, ports: [{name: http, containerPort: 8080}]}]}\n"
        "status: {podIP: 10.244.1.60}\n"
    )
    where = under(f"{WEB}  ingress: [{{ports: [{ports}]}}]\n").apply(pod)
    assert trace(where, CLIENT, f"10.244.1.60:{port}", protocol).paths[0].outcome == outcome


def test_pings_pass_a_rule_without_ports_and_no_rule_with_them():
    (open_,) = trace(under(f"{WEB}  ingress: [{{}}]\n"), CLIENT, "10.244.1.10", "icmp").paths
    (shut,) = trace(
        under(f"{WEB}  ingress: [{{ports: [{{port: 8080}}]}}]\n"), CLIENT, "10.244.1.10", "icmp"
    ).paths
    assert (open_.outcome, shut.outcome) == ("connected", "timeout")


def test_a_pods_own_node_is_always_let_in_and_another_node_is_not():
    where = under(WEB)
    assert outcomes(where, "node/node-1", "10.244.1.10:8080") == {"web-a": "connected"}
    assert outcomes(where, "node/node-2", "10.244.1.10:8080") == {"10.244.1.10": "timeout"}


def test_a_pod_always_reaches_itself():
    where = under(WEB)
    assert outcomes(where, "pod/default/web-a", "10.96.0.10:80")["web-a"] == "connected"


def test_egress_sees_the_pod_behind_the_service_since_dnat_comes_before():
    spec = (
        f"{WEB}  policyTypes: [Egress]\n"
        "  egress: [{to: [{ipBlock: {cidr: 10.244.2.0/24}}], ports: [{port: 8080}]}]\n"
    )
    where = under(spec)
    found = outcomes(where, "pod/default/web-a", "10.96.0.10:80")
    assert found == {"web-a": "connected", "10.244.1.11": "timeout", "web-c": "connected"}
    by_vip = under(spec.replace("10.244.2.0/24", "10.96.0.0/16"))
    assert outcomes(by_vip, "pod/default/web-a", "10.96.0.10:80")["10.244.2.10"] == "timeout"
    assert outcomes(where, CLIENT)["web-a"] == "connected"


def test_egress_and_ingress_must_both_let_a_packet_pass():
    out = f"{HEAD.replace('name: web', 'name: out')}  podSelector: {{}}\n  policyTypes: [Egress]\n  egress: [{{}}]\n"
    assert set(outcomes(under(WEB).apply(out), "pod/default/tool-1", "10.244.1.10:8080").values()) == {
        "timeout"
    }
    both = under(f"{WEB}  ingress: [{{}}]\n").apply(out)
    assert set(outcomes(both, "pod/default/tool-1", "10.244.1.10:8080").values()) == {"connected"}


def test_policies_add_up():
    other = (
        HEAD.replace("name: web", "name: more")
        + f"{WEB}  ingress: [{{from: [{{ipBlock: {{cidr: 172.18.0.0/24}}}}]}}]\n"
    )
    assert set(outcomes(under(CLIENTS).apply(other)).values()) == {"connected"}


def test_a_cni_that_enforces_nothing_has_no_rules_of_policies():
    where = under(WEB, networkPolicy=False)
    assert set(outcomes(where).values()) == {"connected"}
    assert rules_text(where, "node-1") == svcnotes.rules(where, "node-1")
    assert "NETPOL" in rules_text(under(WEB), "node-1")
    assert "NETPOL" not in rules_text(under(WEB), "node-3")


def test_the_rules_stand_before_kube_proxys_which_accept_marked_packets():
    lines = rules_text(under(WEB), "node-1").splitlines()
    forward = [line for line in lines if line.startswith("-A FORWARD ")]
    assert forward[0] == '-A FORWARD -m comment --comment "network policies: Ingress" -j NETPOL-INGRESS'
    assert len(forward) == 5
    assert not any("NETPOL" in line for line in lines if line.startswith(("-A INPUT", "-A OUTPUT")))


def test_a_policy_lets_neighbour_discovery_by_which_ipv6_has_in_place_of_arp():
    both = rules_text(under(f"{WEB}  policyTypes: [Ingress, Egress]\n", "ipv6-nodeport"), "node-1")
    for chain in ("NETPOL-INGRESS", "NETPOL-EGRESS"):
        own = [line for line in both.splitlines() if line.startswith(f"-A {chain} ")]
        assert own[1:3] == [
            f"-A {chain} -p ipv6-icmp -m icmp6 --icmpv6-type 135 -j RETURN",
            f"-A {chain} -p ipv6-icmp -m icmp6 --icmpv6-type 136 -j RETURN",
        ]
    assert "icmp" not in rules_text(under(WEB), "node-1")


def test_policies_of_an_ipv6_cluster_are_ipv6_rules():
    spec = "  podSelector: {}\n  ingress: [{from: [{ipBlock: {cidr: '2001:db8:2::/48'}}, {ipBlock: {cidr: 192.0.2.0/24}}]}]\n"
    where = under(spec, "ipv6-nodeport")
    text = rules_text(where, "node-1")
    assert "192.0.2.0" not in text
    assert "-s 2001:db8:2::/48 " in text
    found = trace(where, "2001:db8:2::10", "[fd00:244:1::10]:8080").paths[0]
    assert found.outcome == "connected"
    assert trace(where, "2001:db8:3::10", "[fd00:244:1::10]:8080").paths[0].outcome == "timeout"


def test_a_long_name_makes_no_comment_that_iptables_would_refuse():
    name = ".".join(["a" * 60] * 4)
    pod = (
        f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: web}}}}\n"
        "spec: {nodeName: node-1, containers: [{name: c, image: i}]}\nstatus: {podIP: 10.244.1.61}\n"
    )
    where = under(WEB).apply(pod)
    assert trace(where, CLIENT, "10.244.1.61:80").paths[0].outcome == "timeout"
    svcnotes.trace(where.with_rules("node-1", rules_text(where, "node-1")), CLIENT, NODE_1)


@pytest.mark.parametrize(
    ("spec", "source", "to"),
    [
        (WEB, CLIENT, NODE_1),
        (WEB, "pod/default/tool-1", "10.96.0.10:80"),
        (CLIENTS, CLIENT, NODE_1),
        (CLIENTS, CLIENT, NODE_2),
        (
            "  podSelector: {matchLabels: {app: tool}}\n  policyTypes: [Egress]\n",
            "pod/default/tool-1",
            "10.96.0.10:80",
        ),
    ],
)
def test_a_policy_holds_in_ipvs_mode_too_though_forward_never_sees_the_packet(spec, source, to):
    """For a Pod of the node that IPVS sends from: as kube-router hangs its chains into OUTPUT."""
    where = under(spec)
    assert outcomes(with_mode(where, "ipvs"), source, to) == outcomes(where, source, to)


def test_the_nodes_own_packet_passes_in_ipvs_mode_too():
    assert outcomes(with_mode(under(WEB), "ipvs"), "node/node-1", "10.96.0.10:80")["web-a"] == "connected"
