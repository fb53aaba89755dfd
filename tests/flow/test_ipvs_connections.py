"""Open connections in IPVS mode. Never held against a kernel: each claim has its source, as in test_ipvs_behaviour.py."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

from transitions import READY, cluster, with_endpoints

import svcnotes.flow
from svcnotes.flow.simulated import Flow
from svcnotes.netfilter.balancing import ESTABLISHED, SYN_RECV
from svcnotes.scenarios.changes import with_mode
from svcnotes.trace import Trace, trace

MODE, TOOL, CLUSTER_IP = "ipvs", "pod/default/tool-1", "10.96.0.53:53"
A = "default/web-a"
WITHOUT_A = {"web-b": READY, "web-c": READY}


def pods(found: Trace) -> dict[str | None, Fraction]:
    return {path.pod: path.probability for path in found.paths}


def opened(protocol: str = "tcp") -> Flow:
    return svcnotes.flow.open(with_mode(cluster(), MODE), TOOL, CLUSTER_IP, protocol, pod=A)


def test_a_real_server_that_leaves_has_weight_0_while_a_tcp_connection_is_open():
    """PROXIER graceful_termination.go."""
    flow = opened().after(with_endpoints(opened().cluster, WITHOUT_A))
    balancing = flow.memories["node-1", 4].balancing
    assert {real for _, real in balancing.leaving} == {"10.244.1.10:5353"}
    assert pods(flow.next()) == {A: 1}, "the open connection stays"
    assert A not in pods(flow.another()), "and nobody new comes"
    over = flow.after(flow.cluster, 901)
    assert not over.memories["node-1", 4].balancing.leaving


def test_udp_moves_on_at_once():
    """PROXIER graceful_termination.go: no grace for UDP; KERNEL: expire_nodest_conn."""
    flow = opened("udp").after(with_endpoints(opened("udp").cluster, WITHOUT_A))
    assert not flow.memories["node-1", 4].balancing.leaving
    assert flow.send().pod not in (A, None)


def test_without_kube_proxys_cleanup_the_first_datagram_is_lost_and_the_next_moves_on():
    """KERNEL ip_vs_in_hook: a connection that conntrack knows is given up with the packet (old_ct)."""
    flow = opened("udp")
    gone = flow.memories["node-1", 4]
    later = flow.after(with_endpoints(flow.cluster, WITHOUT_A))
    kept = {**later.memories, ("node-1", 4): gone}
    first = replace(later, memories=kept).send()
    assert (first.path.outcome, "expire_nodest_conn" in first.path.reason) == ("timeout", True)
    assert first.send().path.outcome == "connected"


def test_a_tcp_connection_that_says_nothing_for_15_minutes_is_forgotten_and_reset():
    """KERNEL ip_vs_proto_tcp.c: 15 minutes, where conntrack has a day. kubernetes/kubernetes#32457."""
    flow = opened()
    assert flow.after(flow.cluster, 890).send().path.outcome == "connected"
    path = flow.after(flow.cluster, 910).send().path
    assert (path.outcome, path.how) == ("refused", "rst")
    plain = svcnotes.flow.open(with_mode(flow.cluster, "iptables"), TOOL, flow.to, pod=A)
    assert plain.after(plain.cluster, 910).send().path.outcome == "connected"


def test_a_service_that_is_deleted_takes_its_open_connections_along():
    """PROXIER cleanLegacyService: the virtual server and its address go. In iptables mode conntrack goes on."""
    flow = opened()
    gone = flow.after(flow.cluster.delete("service", "dns"))
    assert gone.send().path.outcome != "connected"


def test_the_states_of_a_connection_are_those_that_ipvsadm_shows():
    flow = opened()
    (served,) = flow.memories["node-1", 4].balancing
    assert (served.state, served.expires) == (ESTABLISHED, 900)
    (half,) = trace(flow.cluster, TOOL, CLUSTER_IP).paths[0].memories["node-1", 4].balancing
    assert (half.state, half.expires) == (SYN_RECV, 60)
