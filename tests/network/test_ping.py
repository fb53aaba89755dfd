"""Pings: ICMP echo goes through the same hooks, and no rule of kube-proxy's asks for it."""

import pytest
from replay import cluster

from svcnotes.trace import to_json, trace

CLIENT, POD = "192.0.2.10", "pod/default/tool-1"


def ping(source, to, where=None, **more):
    (path,) = trace(where or cluster("nodeport-cluster"), source, to, "icmp", **more).paths
    return path


@pytest.mark.parametrize(
    ("source", "to", "who"),
    [
        (CLIENT, "172.18.0.11", "node-1"),
        (CLIENT, "node-2", "node-2"),
        (CLIENT, "10.244.2.10", "default/web-c"),
        (POD, "10.244.1.10", "default/web-a"),
        (POD, "172.18.0.1", "router"),
        (POD, "10.244.1.1", "node-1"),
        (POD, CLIENT, "client"),
        ("node/node-1", "10.244.3.100", "default/tool-3"),
        ("node/node-1", "127.0.0.1", "node-1"),
        ("pod/default/web-a", "10.244.1.10", "default/web-a"),
    ],
)
def test_every_host_answers_a_ping(source, to, who):
    path = ping(source, to)
    assert (path.outcome, path.answered_by) == ("connected", who)
    assert path.pod == (who if "/" in who else None)
    assert path.hops[-1].packet.icmp == "icmp-echo-reply"
    assert path.hops[-1].host == path.hops[0].host


def test_a_clusterip_in_iptables_mode_is_matched_by_no_rule_and_leaves_the_node():
    for to in ("10.96.0.10", "web"):
        path = ping(POD, to)
        assert (path.outcome, path.how, path.icmp_from) == ("external", "icmp-net-unreachable", "172.18.0.1")
        steps = [step for hop in path.hops for step in hop.steps]
        assert not any("10.96.0.10" in step.rule for step in steps if step.chain)
        assert any(hop.host == "router" for hop in path.hops)


def test_pinging_a_clusterip_that_a_route_leads_to_a_node_goes_in_a_circle():
    assert ping(CLIENT, "10.96.0.10", via="node-1").how == "icmp-ttl-exceeded"


def test_a_ping_of_a_node_says_nothing_of_its_nodeport_and_one_of_a_pod_nothing_of_its_app():
    where = cluster("nodeport-cluster").with_world(
        faults=["rules-flushed", {"name": "listens-on-loopback", "pod": "web-a"}]
    )
    assert ping(CLIENT, "172.18.0.11", where).outcome == "connected"
    assert ping(CLIENT, "10.244.1.10", where).outcome == "connected"


def test_an_address_without_a_host_is_unreachable_and_a_vip_that_nobody_routes_is_external():
    lost = ping(CLIENT, "10.244.1.77")
    assert (lost.outcome, lost.how, lost.icmp_from) == (
        "unreachable",
        "icmp-host-unreachable",
        "172.18.0.11",
    )
    assert ping(CLIENT, "203.0.113.10").outcome == "external"


def test_a_pass_through_balancer_passes_no_pings_on_and_a_proxying_one_answers_itself():
    where = cluster("lb-cluster")
    silent = ping(CLIENT, "203.0.113.10", where.with_world(cloud="pass-through"))
    assert (silent.outcome, silent.reason) == ("timeout", "the load balancer passes no pings on")
    assert ping(CLIENT, "203.0.113.10", where.with_world(cloud="proxying")).answered_by == "load-balancer"


def test_conntrack_remembers_a_ping_by_its_identifier():
    path = ping(POD, "172.18.0.1", source_port=77)
    (entry,) = path.memories["node-1", 4].conntrack
    assert (entry.original.source_port, entry.reply.destination_port) == (77, 77)
    assert (entry.phase, entry.seen_reply, entry.expires) == ("REPLIED", True, 30)
    assert str(path.hops[0].packet) == "icmp-echo-request 10.244.1.100 → 172.18.0.1, id 77"


def test_masquerade_keeps_a_pings_identifier_where_it_is_free_and_the_answer_finds_home():
    where = cluster("nodeport-cluster").with_world(cniMasquerade=True)
    first = ping(POD, CLIENT, where)
    assert (first.outcome, first.source_seen, first.source_port_seen) == ("connected", "172.18.0.11", 40112)
    second = ping("pod/default/web-a", CLIENT, where, memories=first.memories)
    assert (second.outcome, second.source_seen) == ("connected", "172.18.0.11")
    assert second.source_port_seen != 40112
    assert second.hops[-1].packet.destination_port == 40112


def test_a_rule_can_stop_pings_alone():
    rules = "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n-A INPUT -p icmp -m icmp --icmp-type {} -j {}\nCOMMIT\n"
    where = cluster("nodeport-cluster")
    for asked, target, outcome in (
        ("8", "DROP", "timeout"),
        ("8", "REJECT", "refused"),
        ("echo-reply", "DROP", "connected"),
    ):
        path = ping(CLIENT, "172.18.0.11", where.with_rules("node-1", rules.format(asked, target)))
        assert path.outcome == outcome, (asked, target)


def test_a_ping_from_the_node_that_output_drops_fails_at_send():
    rules = "*filter\n:INPUT ACCEPT\n:FORWARD ACCEPT\n:OUTPUT ACCEPT\n-A OUTPUT -d 192.0.2.10/32 -j DROP\nCOMMIT\n"
    path = ping("node/node-1", CLIENT, cluster("nodeport-cluster").with_rules("node-1", rules))
    assert (path.outcome, path.how) == ("timeout", "eperm")


def test_ipv6_pings_are_icmp6():
    where = cluster("ipv6-nodeport")
    path = ping("2001:db8:2::10", "fd00:18::11", where)
    assert (path.outcome, path.hops[0].packet.icmp) == ("connected", "icmp6-echo-request")
    assert ping("2001:db8:2::10", "[fd00:18::11]", where).outcome == "connected"
    assert ping("pod/default/tool-1", "fd00:96::10", where).how == "icmp6-no-route"


def test_the_destination_of_a_ping_is_told_without_a_port():
    found = trace(cluster("nodeport-cluster"), POD, "web", "icmp")
    assert (found.destination, to_json(found)["destination"]) == ("10.96.0.10", "10.96.0.10")
