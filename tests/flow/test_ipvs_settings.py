"""How IPVS is set, by KubeProxyConfiguration and by switches. Never held against a kernel; each claim has its source.

PROXIER is pkg/proxy/ipvs/proxier.go of Kubernetes 1.36, KERNEL is net/netfilter/ipvs and
Documentation/networking/ipvs-sysctl.rst of Linux 6.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from transitions import READY, cluster, with_endpoints

import svcnotes
import svcnotes.flow
from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import InputError
from svcnotes.flow.simulated import Flow
from svcnotes.kube_proxy import partial_sync, tuning
from svcnotes.netfilter.balancing import FIN_WAIT
from svcnotes.network.flight import Memory
from svcnotes.scenarios.changes import with_mode
from svcnotes.toolbox import Terminal
from svcnotes.trace import trace

MODE, TOOL, TO, A = "ipvs", "pod/default/tool-1", "10.96.0.53:53", "default/web-a"
CONFIGURATION = (
    "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: ipvs\nipvs: "
)
VS = "net.ipv4.vs."


def settings(ipvs: str) -> Cluster:
    return svcnotes.loads(CONFIGURATION + ipvs)


def tuned(**proxy: object) -> Cluster:
    where = with_mode(cluster(), MODE)
    return replace(where, proxy=replace(where.proxy, **proxy))


def switched(**switches: str) -> Cluster:
    where = with_mode(cluster(), MODE)
    return where.with_world(sysctls={VS + name: value for name, value in switches.items()})


def opened(where: Cluster, protocol: str = "tcp") -> Flow:
    return svcnotes.flow.open(where, TOOL, TO, protocol, pod=A)


def expires(flow: Flow) -> float:
    (served,) = flow.memories["node-1", 4].balancing
    return served.expires


def test_the_settings_are_read_and_0_leaves_the_kernels_own_timeout():
    """PROXIER: ConfigureTimeouts; a value of 0 keeps what there is, as `ipvsadm --set` has it."""
    now = tuning(settings("{tcpTimeout: 2h, tcpFinTimeout: 0s, udpTimeout: 1m30s}"))
    assert (now.tcp, now.tcp_fin, now.udp) == (7200, 120, 90)
    assert tuning(settings("{}")) == tuning(with_mode(cluster(), MODE))


@pytest.mark.parametrize(
    ("ipvs", "said"),
    [
        ("{tcpTimeout: soon}", "ipvs.tcpTimeout: 'soon' is no duration"),
        ("{udpTimeout: -5s}", "ipvs.udpTimeout: '-5s' is no duration"),
        ("{excludeCIDRs: [10.0.0.0/8, ten]}", r"ipvs.excludeCIDRs\[1\]: 'ten' is no range"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_its_name(ipvs, said):
    """validateKubeProxyIPVSConfiguration in pkg/proxy/apis/config/validation."""
    with pytest.raises(InputError, match=said.replace("'", "[\"']")):
        settings(ipvs)


def test_the_timeouts_say_how_long_a_connection_is_remembered():
    """KERNEL ip_vs_set_timeout: established TCP, closing TCP, UDP."""
    where = tuned(ipvs_timeouts=(100, 20, 30))
    flow = opened(where)
    assert expires(flow) == 100
    assert flow.after(where, 90).send().path.outcome == "connected"
    assert flow.after(where, 110).send().path.outcome == "refused"
    assert expires(opened(where, "udp")) == 30
    half = trace(where, TOOL, TO).paths[0].memories["node-1", 4].balancing
    assert [one.expires for one in half] == [60], "a SYN alone: nobody sets that one"


def test_ipvsadm_prints_the_timeouts():
    shown = Terminal(tuned(ipvs_timeouts=(7200, 0, 90))).run("node-1", "ipvsadm -L --timeout")
    assert str(shown).strip() == "Timeout (tcp tcpfin udp): 7200 120 90"


def without_a(flow: Flow) -> Flow:
    """A's endpoint is gone, but nobody has deleted what IPVS remembers of it (as kube-proxy's cleanup would)."""
    later = flow.after(with_endpoints(flow.cluster, {"web-b": READY, "web-c": READY}))
    return replace(later, memories={**later.memories, ("node-1", 4): flow.memories["node-1", 4]})


def test_without_expire_nodest_conn_packets_for_a_server_that_is_gone_are_dropped_in_silence():
    """KERNEL ip_vs_in_hook: the connection stays, lest the server come back."""
    flow = without_a(opened(switched(expire_nodest_conn="0"), "udp"))
    first = flow.send()
    assert (first.path.outcome, "expire_nodest_conn is 0" in first.path.reason) == ("timeout", True)
    assert first.send().path.outcome == "timeout", "and the next one, too"
    there = with_endpoints(flow.cluster, {"web-a": READY, "web-b": READY, "web-c": READY})
    assert replace(first, cluster=there).send().pod == A, "until it is there again"


def test_with_it_as_kube_proxy_sets_it_the_second_datagram_finds_another_server():
    """PROXIER NewProxier: expire_nodest_conn is set to 1."""
    first = without_a(opened(with_mode(cluster(), MODE), "udp")).send()
    assert first.path.outcome == "timeout"
    assert first.send().path.outcome == "connected"


def sticky(where: Cluster) -> Cluster:
    return where.patch("service", "dns", '{"spec": {"sessionAffinity": "ClientIP"}}')


@pytest.mark.parametrize(("switch", "stays"), [("1", False), ("0", True)])
def test_a_client_stays_with_a_server_of_weight_0_unless_expire_quiescent_template_is_set(switch, stays):
    """KERNEL ip_vs_check_template; PROXIER sets it to 1. A server that leaves has weight 0 while a connection is open."""
    flow = opened(sticky(switched(expire_quiescent_template=switch)))
    leaving = flow.after(with_endpoints(flow.cluster, {"web-b": READY, "web-c": READY}))
    assert leaving.memories["node-1", 4].balancing.leaving
    assert ({path.pod for path in leaving.another().paths} == {A}) is stays


def test_a_virtual_server_in_exclude_cidrs_is_never_deleted():
    """PROXIER cleanLegacyService, isIPInExcludeCIDRs: that of a Service which is gone stays as well."""
    plain, excluding = tuned(), tuned(ipvs_exclude_cidrs=("10.96.0.0/24",))
    for where, deleted in ((plain, True), (excluding, False)):
        text = partial_sync(where, where.delete("service", "dns"), "node-1").text
        assert ("ipvsadm -D -t 10.96.0.53:53" in text) is deleted
        assert "ipvsadm -D -t 172.18.0.11:" in text, "and those of the nodePort go all the same"


@pytest.mark.parametrize(("mode", "stays"), [("1", False), ("0", True)])
def test_a_port_that_begins_anew_may_get_another_server_where_conn_reuse_mode_says_so(mode, stays):
    """KERNEL ip_vs_in_hook, is_new_conn_expected: a SYN for a connection in TIME_WAIT, which conntrack has let go."""
    flow = opened(switched(conn_reuse_mode=mode))
    memory = flow.memories["node-1", 4]
    (served,) = memory.balancing
    closed = memory.balancing.with_connection(replace(served, state=FIN_WAIT))
    memories = {("node-1", 4): memory._replace(conntrack=Memory().conntrack, balancing=closed)}
    again = trace(flow.cluster, TOOL, TO, source_port=served.request.source_port, memories=memories)
    assert ({path.pod for path in again.paths} == {A}) is stays
