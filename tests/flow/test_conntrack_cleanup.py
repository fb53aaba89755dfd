"""When kube-proxy deletes UDP entries of conntrack, and which: at a sync for which a slice of a UDP port changed, at its start.

Sources: pkg/proxy/conntrack/cleanup.go, and ConntrackCleanupRequired in pkg/proxy/endpointschangetracker.go of Kubernetes
1.36; the recorded transitions (test_transitions.py) hold the rest.
"""

import json
from dataclasses import replace

import pytest
from transitions import READY, cluster, with_endpoints

import svcnotes.flow
from svcnotes.toolbox.terminal import Terminal

MODES = ("iptables", "nftables")
RESOLVER = "198.51.100.53"
CLAIM = json.dumps({"spec": {"externalIPs": [RESOLVER]}})
PODS = ("web-a", "web-b", "web-c")


def world():
    """Beside the Service there is a name server outside, which answers on UDP port 53, the Service's own."""
    return cluster().with_world(hosts=[{"name": "resolver", "address": RESOLVER, "serves": ["udp/53"]}])


def asking(mode, where=None):
    """A Pod that asks the name server, always from one socket; then a Service claims that address."""
    where = where or world()
    flow = svcnotes.flow.open(where, "pod/default/tool-1", f"{RESOLVER}:53", "udp", proxy_mode=mode)
    assert flow.path.pod is None
    return flow.after(where.patch("service", "dns", CLAIM))


def deleted(flow):
    return [(node, entry.original.destination) for node, entry in flow.event.entries]


@pytest.mark.parametrize("mode", MODES)
def test_a_service_that_changes_alone_leaves_open_udp_flows_where_they_were(mode):
    flow = asking(mode)
    assert deleted(flow) == []
    assert {way.pod for way in flow.next().paths} == {None}
    assert {way.pod for way in flow.another().paths} == {f"default/{pod}" for pod in PODS}


@pytest.mark.parametrize("mode", MODES)
def test_the_next_change_of_any_udp_slice_makes_kube_proxy_look_at_every_udp_service(mode):
    flow = asking(mode)
    later = flow.after(flow.cluster.apply(OTHER.format("UDP")))
    assert deleted(later) == [("node-1", RESOLVER)]
    assert None not in {way.pod for way in later.next().paths}


def test_a_slice_of_tcp_alone_and_one_of_udp_without_endpoints_make_it_look_at_none():
    flow = asking("iptables")
    assert deleted(flow.after(flow.cluster.apply(OTHER.format("TCP")))) == []
    empty = OTHER.format("UDP").replace("[{addresses: [10.244.3.10], conditions: {ready: true}}]", "[]")
    assert "endpoints: []" in empty
    assert deleted(flow.after(flow.cluster.apply(empty))) == []


def test_a_slice_of_the_other_ip_family_makes_it_look_at_none():
    flow = asking("iptables")
    sixth = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "dns-v6", "labels": {"kubernetes.io/service-name": "dns"}},
        "addressType": "IPv6",
        "endpoints": [{"addresses": ["fd00:244:3::10"], "conditions": {"ready": True}}],
        "ports": [{"name": "dns", "port": 53, "protocol": "UDP"}],
    }
    assert deleted(flow.after(flow.cluster.apply(json.dumps(sixth)))) == []


def test_a_kube_proxy_that_starts_looks_at_all_and_one_that_has_stopped_at_none():
    flow = asking("iptables")
    stopped = flow.cluster.with_world(faults=["kube-proxy-stopped"])
    quiet = flow.after(stopped).after(with_endpoints(stopped, {"web-a": READY}))
    assert deleted(quiet) == []
    started = quiet.after(quiet.cluster.with_world(faults=[]))
    assert deleted(started) == [("node-1", RESOLVER)]
    other = replace(flow.cluster, proxy=replace(flow.cluster.proxy, masquerade_all=True))
    assert deleted(flow.after(other)) == [("node-1", RESOLVER)], "it is restarted to read its configuration"


def test_restarting_kube_proxy_in_a_terminal_deletes_what_no_change_of_a_slice_has():
    terminal = Terminal(world())
    terminal.run("pod/default/tool-1", f"nc -u -w1 {RESOLVER} 53")
    terminal.run("client", f"kubectl patch service dns -p '{CLAIM}'")
    assert RESOLVER in str(terminal.run("node-1", "conntrack -L -p udp"))
    terminal.run("node-1", "systemctl restart kube-proxy")
    assert RESOLVER not in str(terminal.run("node-1", "conntrack -L -p udp"))


OTHER = """
apiVersion: v1
kind: Service
metadata: {{name: other}}
spec:
  clusterIP: 10.96.0.99
  ports: [{{name: one, port: 99, protocol: {0}}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: other-1
  labels: {{kubernetes.io/service-name: other}}
addressType: IPv4
endpoints: [{{addresses: [10.244.3.10], conditions: {{ready: true}}}}]
ports: [{{name: one, port: 99, protocol: {0}}}]
"""
