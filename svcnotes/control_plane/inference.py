"""What the files imply where they do not state it: IP families, pod and Service networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from svcnotes.addresses import read_address, read_network
from svcnotes.control_plane.nodes import POD_NETWORKS
from svcnotes.control_plane.objects import ClusterConfiguration, KubeProxyConfiguration
from svcnotes.control_plane.settings import smallest_range

SERVICE_NETWORKS = {4: "10.96.0.0/16", 6: "fd00:96::/112"}


def configuration(
    config: ClusterConfiguration,
    stated: frozenset[str],
    proxy: KubeProxyConfiguration,
    nodes: Sequence[Mapping[str, Any]],
    services: Sequence[Mapping[str, Any]],
) -> ClusterConfiguration:
    """The configuration with networks that fit the Nodes and Services, for those not in `stated`.

    `stated` holds `pods` and `services` where a file gives those networks.
    """
    node_cidrs = [cidr for node in nodes for cidr in pod_cidrs(node)]
    addresses = [address for service in services for address in _cluster_ips(service)]
    service_cidrs = config.service_cidrs
    if "services" not in stated:
        known = config.pod_cidrs if "pods" in stated else proxy.cluster_cidrs or node_cidrs or addresses
        asked = [family for service in services for family in _asked_families(service)]
        families = list(dict.fromkeys([*(_family(text) for text in (*known, *addresses)), *asked])) or [4]
        service_cidrs = tuple(_network_around(addresses, family, SERVICE_NETWORKS) for family in families)
    families = [_family(cidr) for cidr in service_cidrs]
    pods = config.pod_cidrs
    if "pods" not in stated:
        around = tuple(_network_around(node_cidrs, family, POD_NETWORKS) for family in families)
        pods = proxy.cluster_cidrs or around
    return replace(config, service_cidrs=service_cidrs, pod_cidrs=pods)


def cluster_cidrs(
    proxy: KubeProxyConfiguration,
    config: ClusterConfiguration,
    stated: frozenset[str],
    given: Sequence[Mapping[str, Any]],
    nodes: Sequence[Mapping[str, Any]],
) -> KubeProxyConfiguration:
    """kube-proxy's clusterCIDR where its own configuration does not say (empty is said: it knows of none).

    kubeadm writes its podSubnet there; else it is the smallest range that holds the `nodes`' podCIDRs,
    or the default pod network where the `given` Nodes had none. `gives_no_ranges` Nodes leave it empty.
    """
    if "pods" not in stated and gives_no_ranges(given):
        return replace(proxy, cluster_cidrs=())
    if "pods" in stated or not any(pod_cidrs(node) for node in given):
        return replace(proxy, cluster_cidrs=config.pod_cidrs)
    return replace(proxy, cluster_cidrs=_ranges([cidr for node in nodes for cidr in pod_cidrs(node)]))


def gives_no_ranges(nodes: Sequence[Mapping[str, Any]]) -> bool:
    """Whether these Nodes are a real cluster's (they show a uid) which hands out no podCIDRs.

    There a cloud or the network plugin gives Pods their addresses, and kube-proxy is told of no range.
    """
    return any(node["metadata"].get("uid") for node in nodes) and not any(pod_cidrs(node) for node in nodes)


def pod_cidrs(node: Mapping[str, Any]) -> list[str]:
    """The pod CIDRs of a stored Node, valid ones only."""
    spec = node.get("spec") or {}
    return [text for text in spec.get("podCIDRs") or [spec.get("podCIDR")] if text and _is_network(text)]


def _is_network(text: str) -> bool:
    try:
        read_network(text)
    except ValueError:
        return False
    return True


def _family(text: str) -> int:
    return 6 if ":" in text else 4


def _cluster_ips(service: Mapping[str, Any]) -> list[str]:
    """The clusterIPs that a Service names, valid ones only; the API server looks at the rest later."""
    spec = service.get("spec")
    if not isinstance(spec, dict) or spec.get("type") == "ExternalName":
        return []
    given = spec.get("clusterIPs")
    texts = given if isinstance(given, list) and given else [spec.get("clusterIP")]
    found = []
    for text in texts:
        try:
            found.append(str(read_address(text)) if isinstance(text, str) else "")
        except ValueError:
            continue
    return [text for text in found if text]


def _ranges(cidrs: Sequence[str]) -> tuple[str, ...]:
    """For each family the smallest range that holds these, the first one's family first."""
    families = dict.fromkeys(_family(cidr) for cidr in cidrs)
    return tuple(
        smallest_range(read_network(c) for c in cidrs if _family(c) == family) for family in families
    )


def _asked_families(service: Mapping[str, Any]) -> list[int]:
    """The families that a stored Service names beside its clusterIPs, as a headless one does."""
    spec = service.get("spec")
    given = spec.get("ipFamilies") if isinstance(spec, dict) else None
    return (
        [6 if name == "IPv6" else 4 for name in given if name in ("IPv4", "IPv6")]
        if isinstance(given, list)
        else []
    )


def _network_around(texts: Sequence[str], family: int, defaults: Mapping[int, str]) -> str:
    """The default network, or else the usual size around these addresses or ranges, or the smallest that holds them."""
    mine = [read_network(text) for text in texts if _family(text) == family]
    default = read_network(defaults[family])
    usual = [default]
    if mine and mine[0].prefixlen >= default.prefixlen:
        usual.append(read_network(f"{mine[0].network_address}/{default.prefixlen}", strict=False))
    for network in usual:
        if all(
            int(network.network_address) <= int(one.network_address)
            and int(one.broadcast_address) <= int(network.broadcast_address)
            for one in mine
        ):
            return str(network)
    return smallest_range(mine)
