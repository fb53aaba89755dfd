"""The clusters that the exercises on proxy modes ask about: one Service, in each mode and with each setting."""

from __future__ import annotations

from dataclasses import replace

from svcnotes import scenarios
from svcnotes.control_plane.cluster import Cluster
from svcnotes.scenarios.changes import with_mode


def iptables() -> Cluster:
    """The shop, kube-proxy in iptables mode."""
    return with_mode(scenarios.load("modes"), "iptables")


def nftables() -> Cluster:
    """The shop, kube-proxy in nftables mode."""
    return with_mode(scenarios.load("modes"), "nftables")


def external() -> Cluster:
    """In nftables mode, with an external IP."""
    return nftables().patch("service", "shop", "spec: {externalIPs: [80.11.12.10]}")


def local() -> Cluster:
    """In nftables mode, with externalTrafficPolicy Local."""
    return nftables().patch("service", "shop", "spec: {externalTrafficPolicy: Local}")


def local_ipvs() -> Cluster:
    """In IPVS mode, with externalTrafficPolicy Local."""
    return with_mode(local(), "ipvs")


def listed() -> Cluster:
    """In nftables mode, with 127.0.0.0/8 among the addresses for nodePorts."""
    cluster = nftables()
    asked = ("127.0.0.0/8", "172.18.0.0/24")
    return replace(cluster, proxy=replace(cluster.proxy, node_port_addresses=asked))


def nobody(cluster: Cluster) -> Cluster:
    """No pod is left, and the Service has an external IP."""
    for name in ("shop-1", "shop-2"):
        cluster = cluster.delete("pod", name)
    return cluster.patch("service", "shop", "spec: {externalIPs: [80.11.12.10]}")


def nobody_iptables() -> Cluster:
    """Nobody is left, in iptables mode."""
    return nobody(iptables())


def nobody_nftables() -> Cluster:
    """Nobody is left, in nftables mode."""
    return nobody(nftables())
