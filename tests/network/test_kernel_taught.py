"""What the comparison with the real kernel taught the model, each found by `make conformance`."""

from replay import cluster

from svcnotes.kube_proxy import rules
from svcnotes.network.rule_text import with_rules
from svcnotes.trace import trace

NODE_PORT = "172.18.0.11:30080"


def test_a_reset_by_reject_passes_the_nat_rules_that_the_refused_packet_did_not_reach():
    """nf_nat_ipv4_fn turns ICMP errors aside before the rules, and no RST (net/netfilter/nf_nat_proto.c)."""
    where = cluster("nodeport-cluster")
    reject = "-A FORWARD -p tcp -m tcp --dport 8080 -j REJECT --reject-with tcp-reset"
    text = with_rules(rules(where, "node-1"), "filter", [reject], first=True)
    found = trace(where.with_rules("node-1", text), "client", NODE_PORT)
    assert {(path.outcome, path.how) for path in found.paths} == {("refused", "rst")}
    for path in found.paths:
        (back,) = [hop for hop in path.hops if (hop.host, hop.direction) == ("node-1", "back")]
        assert ("POSTROUTING", "KUBE-POSTROUTING") in {(step.hook, step.chain) for step in back.steps}
        assert back.leaves.source_text == NODE_PORT


def test_a_pod_reaches_itself_without_a_hairpin_port_where_the_bridge_does_not_ask_iptables():
    where = cluster("clusterip-single").with_world(
        faults=[{"name": "hairpin-off"}], sysctls={"net.bridge.bridge-nf-call-iptables": "0"}
    )
    (path,) = trace(where, "pod/default/web-c", "10.96.0.10:80").paths
    assert (path.outcome, path.source_seen) == ("connected", "10.244.2.1")
    shown = where.with_world(sysctls={})
    assert trace(shown, "pod/default/web-c", "10.96.0.10:80").paths[0].outcome == "timeout"


def test_a_packet_that_nat_turns_where_it_may_not_go_is_dropped_before_filter_sees_it():
    """nf_nat_ipv4_local_fn asks for the new route at once, and drops the packet where there is none."""
    where = cluster("nodeport-cluster").with_world(sysctls={"net.ipv4.conf.all.route_localnet": "0"})
    found = trace(where, "node/node-1", "127.0.0.1:30080")
    assert {path.outcome for path in found.paths} == {"timeout"}
    udp = cluster("nodeport-udp").with_world(sysctls={"net.ipv4.conf.all.route_localnet": "0"})
    told = trace(udp, "node/node-1", "127.0.0.1:30080", "udp")
    assert {(path.outcome, path.how) for path in told.paths} == {("unreachable", "enetunreach")}
    assert not any(step.table == "filter" for path in found.paths for step in path.hops[0].steps)


def test_a_reset_for_what_came_in_by_a_bridge_port_goes_back_as_a_frame_and_no_nat_is_undone():
    """nf_send_reset writes the frame itself where br_netfilter saw the packet: the Pod does not know the sender."""
    where = cluster("nodeport-cluster")
    reject = "-A FORWARD -p tcp -m tcp --dport 8080 -j REJECT --reject-with tcp-reset"
    text = with_rules(rules(where, "node-1"), "filter", [reject], first=True)
    edited = where.with_rules("node-1", text)
    found = trace(edited, "pod/default/tool-1", "10.96.0.10:80")
    assert {path.outcome for path in found.paths} == {"timeout"}
    assert all("the answer comes from 10.244." in path.reason for path in found.paths)
    unseen = edited.with_world(sysctls={"net.bridge.bridge-nf-call-iptables": "0"})
    routed = trace(unseen, "pod/default/tool-1", "10.96.0.10:80")
    assert {(path.outcome, path.how) for path in routed.paths} == {("refused", "rst")}
