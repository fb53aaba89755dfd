"""Other networks, broken networks, edited rules, clouds: the same mechanism, other outcomes."""

from fractions import Fraction

import pytest
from replay import cluster

import svcnotes
from svcnotes.errors import InputError, RuleError
from svcnotes.network.node_rules import rules_text
from svcnotes.trace import trace

CLIENT, NODEPORT = "192.0.2.10", "172.18.0.11:30080"


def seen(found):
    return {p.pod.partition("/")[2]: p.source_seen for p in found.paths if p.outcome == "connected"}


def outcome_of(found, pod):
    return next(p for p in found.paths if p.pod == f"default/{pod}")


def test_flannels_tunnel_gives_its_own_address_to_packets_for_other_nodes():
    where = cluster("nodeport-cluster").with_world(cni="vxlan")
    assert seen(trace(where, CLIENT, NODEPORT)) == {
        "web-a": "10.244.1.1",
        "web-b": "10.244.1.1",
        "web-c": "10.244.1.0",
    }


def test_veths_without_addresses_lend_the_nodes_address():
    where = cluster("nodeport-cluster").with_world(cni="routed")
    assert set(seen(trace(where, CLIENT, NODEPORT)).values()) == {"172.18.0.11"}
    assert seen(trace(where, "pod/default/web-a", "10.96.0.10:80"))["web-a"] == "172.18.0.11"


def test_a_routed_network_drops_what_is_for_no_pod_and_a_bridge_reports_it():
    where = cluster("nodeport-cluster")
    lost = trace(where, CLIENT, "10.244.1.77:80").paths[0]
    assert (lost.outcome, lost.how, lost.icmp_from) == (
        "unreachable",
        "icmp-host-unreachable",
        "172.18.0.11",
    )
    silent = trace(where.with_world(cni="routed"), CLIENT, "10.244.1.77:80").paths[0]
    assert silent.outcome == "timeout"
    assert "blackhole" in silent.reason


def test_an_overlays_pods_are_unknown_outside():
    where = cluster("nodeport-cluster").with_world(cni="vxlan")
    path = trace(where, CLIENT, "10.244.1.10:8080").paths[0]
    assert (path.outcome, path.icmp_from) == ("unreachable", "172.18.0.1")


def test_the_cnis_masquerade_is_a_rule_to_be_read_and_hides_pods_from_the_outside():
    where = cluster("nodeport-cluster").with_world(
        cniMasquerade=True, hosts=[{"name": "db", "address": "198.51.100.5", "serves": [5432]}]
    )
    assert "\n-A POSTROUTING -s 10.244.2.0/24 ! -d 10.244.0.0/16 -j MASQUERADE\nCOMMIT" not in rules_text(
        where, "node-1"
    )
    text = rules_text(where, "node-2")
    assert text.count("-A POSTROUTING -s 10.244.2.0/24 ! -d 10.244.0.0/16 -j MASQUERADE\n") == 1
    assert text.index("KUBE-POSTROUTING\n") < text.index("! -d 10.244.0.0/16 -j MASQUERADE")
    path = trace(where, "pod/default/tool-2", "db:5432").paths[0]
    assert (path.outcome, path.answered_by, path.source_seen) == ("connected", "db", "172.18.0.12")
    assert path.source_port_seen == 40112


def test_without_hairpin_a_pod_cannot_reach_itself_and_only_itself():
    where = cluster("nodeport-cluster").with_world(faults=[{"name": "hairpin-off", "node": "node-1"}])
    found = trace(where, "pod/default/web-a", "10.96.0.10:80")
    assert seen(found).keys() == {"web-b", "web-c"}
    (lost,) = [p for p in found.paths if p.outcome == "timeout"]
    assert (lost.probability, "hairpin" in lost.reason) == (Fraction(1, 3), True)


def test_a_lost_route_lets_packets_take_the_default_route_or_ends_them():
    where = cluster("nodeport-cluster")
    by_router = where.with_world(faults=[{"name": "route-missing", "on": "node-1", "to": "10.244.2.0/24"}])
    found = outcome_of(trace(by_router, CLIENT, NODEPORT), "web-c")
    assert found.outcome == "connected"
    assert [h.host for h in found.hops[:5]] == ["client", "router", "node-1", "router", "node-2"]
    nowhere = where.with_world(faults=[{"name": "route-missing", "to": "10.244.2.0/24"}])
    lost = [p for p in trace(nowhere, CLIENT, NODEPORT).paths if p.outcome != "connected"]
    assert [(p.outcome, p.how) for p in lost] == [("unreachable", "icmp-net-unreachable")]


def test_an_unknown_fault_is_refused():
    with pytest.raises(InputError, match="faults: 'gremlins' is not known; known are: hairpin-off"):
        trace(cluster("nodeport-cluster").with_world(faults=["gremlins"]), CLIENT, NODEPORT)


def test_a_node_that_does_not_forward_drops():
    found = trace(cluster("nodeport-cluster").with_world(sysctls={"ip_forward": 0}), CLIENT, NODEPORT)
    assert {p.outcome for p in found.paths} == {"timeout"}
    assert "ip_forward is 0" in found.paths[0].reason


# edited rules


def test_without_snat_the_client_resets_the_answer_of_a_pod_on_another_node():
    where = cluster("nodeport-cluster")
    text = svcnotes.rules(where, "node-1").replace("-j MASQUERADE --random-fully", "-j ACCEPT")
    found = trace(where.with_rules("node-1", text), CLIENT, NODEPORT)
    assert seen(found) == {"web-a": CLIENT, "web-b": CLIENT}
    lost = outcome_of(found, "web-c")
    assert (lost.outcome, lost.source_seen) == ("timeout", CLIENT)
    assert lost.reason == (
        "the answer comes from 10.244.2.10:8080, not from 172.18.0.11:30080: "
        "client knows no such connection and answers RST"
    )
    assert lost.hops[-1].host == "client"


def test_without_the_hairpin_mark_a_pod_drops_packets_that_seem_its_own():
    where = cluster("nodeport-cluster")
    lines = svcnotes.rules(where, "node-1").splitlines()
    kept = [line for line in lines if not (line.startswith("-A KUBE-SEP-") and "-j KUBE-MARK-MASQ" in line)]
    found = trace(where.with_rules("node-1", "\n".join(kept) + "\n"), "pod/default/web-a", "10.96.0.10:80")
    (lost,) = [p for p in found.paths if p.outcome == "timeout"]
    assert "martian" in lost.reason


@pytest.mark.parametrize(
    ("target", "how", "sender"),
    [
        ("REJECT", "icmp-port-unreachable", "10.96.0.10"),
        ("REJECT --reject-with icmp-admin-prohibited", "icmp-admin-prohibited", "10.96.0.10"),
    ],
)
def test_the_error_of_a_rule_behind_dnat_looks_as_if_the_service_had_sent_it(target, how, sender):
    where = cluster("nodeport-cluster")
    rule = f"-A FORWARD -d 10.244.1.10/32 -p tcp -j {target}\n"
    text = svcnotes.rules(where, "node-1").replace("-A FORWARD", f"{rule}-A FORWARD", 1)
    found = trace(where.with_rules("node-1", text), "pod/default/tool-1", "10.96.0.10:80")
    (refused,) = [p for p in found.paths if p.outcome != "connected"]
    assert (refused.how, refused.icmp_from) == (how, sender)
    assert refused.reason.startswith("node-1: FORWARD rule 1 refused it")


def test_replaced_rules_are_read_to_the_last_line_and_the_error_names_node_and_line():
    where = cluster("nodeport-cluster")
    text = svcnotes.rules(where, "node-1")
    broken = text.rstrip("\n").removesuffix("COMMIT") + "-A KUBE-SERVICES --frobnicate 3 -j ACCEPT\nCOMMIT\n"
    with pytest.raises(RuleError, match=r"rules of node-1, line \d+") as raised:
        trace(where.with_rules("node-1", broken), CLIENT, NODEPORT)
    assert broken.splitlines()[raised.value.line - 1].startswith("-A KUBE-SERVICES --frobnicate")


def test_a_node_without_rules_knows_no_service():
    where = cluster("nodeport-cluster").with_rules("node-1", "")
    assert [p.how for p in trace(where, CLIENT, NODEPORT).paths] == ["rst"]


# routes and clouds


def test_a_route_of_the_world_leads_a_vip_to_a_node():
    where = cluster("lb-cluster")
    assert trace(where, CLIENT, "203.0.113.10:80").paths[0].outcome == "external"
    routed = where.with_world(routes={"203.0.113.0/24": "node-2"})
    found = trace(routed, CLIENT, "203.0.113.10:80")
    assert {p.outcome for p in found.paths} == {"connected"}
    assert {h.host for p in found.paths for h in p.hops} >= {"node-2"}


def test_a_pass_through_cloud_spreads_evenly_over_healthy_nodes_not_over_pods():
    where = cluster("lb-local").with_world(cloud="pass-through")
    found = trace(where, CLIENT, "203.0.113.10:80")
    assert {p.pod: p.probability for p in found.paths} == {
        "default/web-a": Fraction(1, 4),
        "default/web-b": Fraction(1, 4),
        "default/web-c": Fraction(1, 2),
    }
    assert set(seen(found).values()) == {CLIENT}


def test_a_proxying_cloud_shows_the_pod_the_balancer_even_under_policy_local():
    where = cluster("lb-local").with_world(cloud="proxying")
    assert set(seen(trace(where, CLIENT, "203.0.113.10:80")).values()) == {"203.0.113.10"}


def test_a_cloud_that_sends_to_pods_passes_kube_proxy_by():
    where = cluster("lb-cluster").with_world(cloud="pods")
    found = trace(where, CLIENT, "203.0.113.10:80")
    assert set(seen(found).values()) == {"203.0.113.10"}
    chains = {s.chain for p in found.paths for h in p.hops for s in h.steps if s.table == "nat"}
    assert not any(chain.startswith("KUBE-SVC") for chain in chains)


def test_a_cloud_answers_only_on_the_services_ports():
    for cloud in ("pass-through", "proxying"):
        where = cluster("lb-cluster").with_world(cloud=cloud)
        assert [p.outcome for p in trace(where, CLIENT, "203.0.113.10:81").paths] == ["timeout"]


def test_a_nodes_external_address_is_translated_before_the_node():
    where = svcnotes.loads(
        """
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDR: 10.244.1.0/24}
status:
  addresses:
  - {type: InternalIP, address: 172.18.0.11}
  - {type: ExternalIP, address: 198.51.100.11}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {nodeName: node-1, containers: [{name: c, image: i}]}
status: {podIP: 10.244.1.10}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, externalTrafficPolicy: Local, ports: [{port: 80, nodePort: 30080}]}
"""
    )
    path = trace(where, CLIENT, "198.51.100.11:30080").paths[0]
    assert (path.outcome, path.pod, path.source_seen) == ("connected", "default/web", CLIENT)
    assert path.hops[-1].packet.source == "198.51.100.11"


def test_a_host_of_the_world_may_stand_in_the_nodes_network():
    host = {"name": "bastion", "address": "172.18.0.50", "serves": [22]}
    where = cluster("nodeport-local").with_world(hosts=[host])
    assert seen(trace(where, "bastion", NODEPORT)) == {"web-a": "172.18.0.50", "web-b": "172.18.0.50"}
    assert trace(where, "node/node-1", "bastion:22").paths[0].outcome == "connected"


TWO_FAMILIES = """
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
networking: {podSubnet: "10.244.0.0/16,fd00:244::/32", serviceSubnet: "10.96.0.0/16,fd00:96::/112"}
---
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
spec: {nodeName: node-2, containers: [{name: c, image: i}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  ipFamilyPolicy: RequireDualStack
  selector: {app: web}
  ports: [{port: 80, nodePort: 30080}]
"""


def test_a_cluster_of_two_families_answers_in_both():
    where = svcnotes.loads(TWO_FAMILIES)
    node = where.nodes["node-1"]
    assert len(node.addresses) == 2
    for family, client in ((4, CLIENT), (6, "2001:db8:2::10")):
        address = node.address(family)
        path = trace(where, client, f"[{address}]:30080" if family == 6 else f"{address}:30080").paths[0]
        assert (path.outcome, path.pod, path.source_seen) == ("connected", "default/web", address)
