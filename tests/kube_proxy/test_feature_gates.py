"""kube-proxy without AllowServiceExternalIPs (KEP-5707): spec.externalIPs is as if it were not written, in every mode."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from svcnotes.control_plane.load import loads
from svcnotes.kube_proxy import ip_sets, own_addresses, partial_sync, rules, virtual_servers
from svcnotes.kube_proxy.modes import MODES
from svcnotes.trace import trace

ORACLE = Path(__file__).parent.parent / "data/oracle"
OFF = """
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
featureGates: {AllowServiceExternalIPs: false}
---
"""

# A plain ClusterIP may say nothing of outside traffic; of the NodePort in extip-local it does.
GONE = r" *externalIPs:\n( *- .*\n)+| *externalTrafficPolicy: Cluster\n"


def recorded(scenario, mode, *, allow, without=""):
    text = (ORACLE / scenario / "cluster.yaml").read_text(encoding="utf-8")
    cluster = loads(re.sub(without, "", text) if without else text)
    return replace(cluster, proxy=replace(cluster.proxy, mode=mode, allow_external_ips=allow))


def written(cluster, node="node-1"):
    return (
        rules(cluster, node),
        ip_sets(cluster, node),
        virtual_servers(cluster, node),
        own_addresses(cluster, node),
    )


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scenario", ["extip-cluster", "extip-local", "extip-no-endpoints"])
def test_without_the_gate_nothing_that_a_node_is_given_names_an_external_ip(scenario, mode):
    off = written(recorded(scenario, mode, allow=False))
    assert off == written(recorded(scenario, mode, allow=True, without=GONE))
    assert off != written(recorded(scenario, mode, allow=True))


@pytest.mark.parametrize("mode", MODES)
def test_without_the_gate_a_packet_to_an_external_ip_leaves_the_node_and_the_clusterip_still_works(mode):
    off = recorded("extip-cluster", mode, allow=False)
    (service,) = (one for one in off.services.values() if one.external_ips)
    address, port = service.external_ips[0], service.ports[0].port
    for source in ("node/node-1", "pod/default/tool-1"):
        assert {path.outcome for path in trace(off, source, f"{address}:{port}").paths} == {"external"}
        assert {path.outcome for path in trace(off, source, f"{service.cluster_ips[0]}:{port}").paths} == {
            "connected"
        }


@pytest.mark.parametrize("mode", MODES)
def test_turning_the_gate_off_is_a_restart_and_writes_everything_anew(mode):
    on, off = (recorded("extip-cluster", mode, allow=allow) for allow in (True, False))
    assert partial_sync(on, off, "node-1").full


def test_gates_of_other_components_are_read_and_change_nothing():
    assert loads(OFF).proxy == replace(loads("").proxy, allow_external_ips=False)
    others = OFF.replace(
        "AllowServiceExternalIPs: false", "AllAlpha: true, MemoryQoS: true, NFTablesProxyMode: true"
    )
    assert loads(others).proxy == loads("").proxy
