"""By what kube-proxy knows the traffic of Pods: each detectLocalMode, in rules and in what a packet meets.

Sources: getLocalDetectors in cmd/kube-proxy/app/server_linux.go, pkg/proxy/util/localdetector.go of Kubernetes 1.36.
"""

from dataclasses import replace
from pathlib import Path

import pytest

from svcnotes.control_plane.load import load, loads
from svcnotes.kube_proxy import partial_sync, rules
from svcnotes.kube_proxy.local_traffic import LocalTraffic, local_traffic
from svcnotes.trace import trace

DATA = Path(__file__).parent.parent / "data"
MODES = ("iptables", "nftables")
MARK = "meta mark set meta mark | 0x00004000"
NODE_CIDR = {"detect_local_mode": "NodeCIDR"}
BRIDGE = {"detect_local_mode": "BridgeInterface", "local_interface": "cni0"}
PREFIX = {"detect_local_mode": "InterfaceNamePrefix", "local_interface": "veth"}


def recorded(scenario, **settings):
    cluster = load(DATA / "oracle" / scenario / "cluster.yaml")
    return replace(cluster, proxy=replace(cluster.proxy, **settings))


def settings_of(text):
    return loads(
        f"apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\n{text}\n"
    ).proxy


def asked(cluster, source, to, mode):
    found = trace(replace(cluster, proxy=replace(cluster.proxy, mode=mode)), source, to)
    return {path.outcome for path in found.paths}, {path.pod for path in found.paths if path.pod}


def test_the_modes_are_read_with_the_interface_that_they_name():
    assert settings_of("mode: iptables").detect_local_mode == "ClusterCIDR"
    bridge = settings_of("detectLocalMode: BridgeInterface\ndetectLocal: {bridgeInterface: cni0}")
    assert (bridge.detect_local_mode, bridge.local_interface) == ("BridgeInterface", "cni0")
    prefix = settings_of(
        "detectLocalMode: InterfaceNamePrefix\ndetectLocal: {interfaceNamePrefix: veth, bridgeInterface: cni0}"
    )
    assert (prefix.detect_local_mode, prefix.local_interface) == ("InterfaceNamePrefix", "veth")


def test_an_empty_cluster_cidr_is_none_and_one_left_out_is_found_out():
    """kubeadm writes an empty text where it was given no podSubnet; then no Pod is known, as getLocalDetectors has it."""
    assert settings_of('clusterCIDR: ""').cluster_cidrs == ()
    assert settings_of("mode: iptables").cluster_cidrs == ("10.244.0.0/16",)
    told = loads(
        'apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nclusterCIDR: ""\n'
    )
    assert not local_traffic(told, "node-1", 4).known
    assert told.config.pod_cidrs == ("10.244.0.0/16",)


@pytest.mark.parametrize(
    ("settings", "others", "pods"),
    [
        ({}, "! -s 10.244.0.0/16 -d 10.96.0.10/32 -p tcp", "-s 10.244.0.0/16 -m comment"),
        (NODE_CIDR, "! -s 10.244.1.0/24 -d 10.96.0.10/32 -p tcp", "-s 10.244.1.0/24 -m comment"),
        (BRIDGE, "-d 10.96.0.10/32 ! -i cni0 -p tcp", "-i cni0 -m comment"),
        (PREFIX, "-d 10.96.0.10/32 ! -i veth+ -p tcp", "-i veth+ -m comment"),
    ],
)
def test_iptables_rules_ask_for_the_range_or_the_interface(settings, others, pods):
    """The place of `! -i veth+` is as a node printed it in pull request 95400 of kubernetes/kubernetes."""
    text = rules(recorded("nodeport-local", **settings), "node-1")
    (outside,) = [line for line in text.splitlines() if "! -" in line and "KUBE-SVC" in line]
    assert outside.startswith(f"-A KUBE-SVC-LOLE4ISW44XBNF3G {others} -m comment")
    (inside,) = [line for line in text.splitlines() if "pod traffic for" in line]
    assert inside.startswith(f"-A KUBE-EXT-LOLE4ISW44XBNF3G {pods} ")


@pytest.mark.parametrize(
    ("settings", "others", "pods"),
    [
        ({}, "ip saddr != 10.244.0.0/16", "ip saddr 10.244.0.0/16"),
        (NODE_CIDR, "ip saddr != 10.244.1.0/24", "ip saddr 10.244.1.0/24"),
        (BRIDGE, 'iifname != "cni0"', 'iifname "cni0"'),
        (PREFIX, 'iifname != "veth*"', 'iifname "veth*"'),
    ],
)
def test_nftables_rules_ask_for_the_range_or_the_interfaces_name(settings, others, pods):
    """`iifname`, not `iif`: pull request 134024 of kubernetes/kubernetes."""
    text = rules(recorded("nodeport-local", **settings), "node-1", "nftables")
    assert f"\t\tip daddr @cluster-ips {others} {MARK} comment" in text
    assert f"\t\t{pods} goto service-PFISGYVC-default/web/tcp/ comment" in text


def test_masquerade_all_asks_for_no_source_and_no_interface():
    text = rules(recorded("nodeport-local", **BRIDGE, masquerade_all=True), "node-1")
    assert "! -i cni0" not in text
    assert "-i cni0" in text, "the short cut of policy Local still needs it"


def test_each_family_has_its_own_range_and_both_have_the_interface():
    dual = load(DATA / "kube_proxy" / "dual-stack.yaml")
    by_node = replace(dual, proxy=replace(dual.proxy, **NODE_CIDR))
    assert local_traffic(by_node, "node-2", 4) == LocalTraffic("10.244.2.0/24")
    assert local_traffic(by_node, "node-2", 6).nft(others=True) == "ip6 saddr != fd00:244:2::/64"
    by_interface = replace(dual, proxy=replace(dual.proxy, **PREFIX))
    assert local_traffic(by_interface, "node-2", 6).iptables("-d fd00::1/128", others=True) == (
        "-d fd00::1/128 ! -i veth+"
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_pod_of_another_node_is_known_by_the_clusters_range_but_not_by_the_nodes_own(mode):
    """Known, it takes the short cut to any endpoint, and replies go astray; else it gets this node's own, and an answer."""
    from_afar = ("pod/default/tool-3", "172.18.0.11:30080", mode)
    outcomes, _ = asked(recorded("nodeport-local"), *from_afar)
    assert outcomes == {"connected", "timeout"}
    for settings in (NODE_CIDR, BRIDGE):
        outcomes, pods = asked(recorded("nodeport-local", **settings), *from_afar)
        assert outcomes == {"connected"}
        assert pods == {"default/web-a", "default/web-b"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("settings", [{}, NODE_CIDR, BRIDGE])
def test_a_pod_of_the_node_itself_takes_the_short_cut_however_it_is_known(mode, settings):
    outcomes, pods = asked(
        recorded("nodeport-local", **settings), "pod/default/tool-1", "172.18.0.11:30080", mode
    )
    assert outcomes == {"connected"}
    assert "default/web-c" in pods, "an endpoint of another node"


@pytest.mark.parametrize("mode", MODES)
def test_behind_a_bridge_the_names_of_the_pods_own_interfaces_tell_nothing(mode):
    """The rules see the bridge as the interface that a Pod's packet came in by, not its veth."""
    _, pods = asked(recorded("nodeport-local", **PREFIX), "pod/default/tool-1", "172.18.0.11:30080", mode)
    assert pods == {"default/web-a", "default/web-b"}


def test_a_node_whose_own_range_changes_has_all_its_rules_written_anew():
    before = recorded("nodeport-local", **NODE_CIDR)
    node = before.nodes["node-1"]
    after = replace(before)
    after.__dict__["nodes"] = {**before.nodes, "node-1": replace(node, pod_cidrs=("10.244.9.0/24",))}
    assert partial_sync(before, after, "node-1").full
    assert not partial_sync(before, after, "node-2").full
