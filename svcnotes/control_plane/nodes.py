"""Nodes: those that nobody wrote down, and what a written one leaves out; then what cannot be true.

A file without Nodes gets node-1 to node-3. A Node without addresses gets 172.18.0.11 and so on
(fd00:18::11 in an IPv6 cluster), one without pod CIDRs the next free range of the pod network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise
from typing import Any

from svcnotes.addresses import read_address, read_network
from svcnotes.control_plane.settings import Network
from svcnotes.control_plane.shapes import show
from svcnotes.errors import InputError

Json = dict[str, Any]

NODE_NETWORKS = {4: "172.18.0.0/24", 6: "fd00:18::/64"}
POD_NETWORKS = {4: "10.244.0.0/16", 6: "fd00:244::/32"}


def default_nodes() -> list[Json]:
    """Three Nodes, in the zones of the recordings."""
    return [
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": f"node-{number}",
                "labels": {
                    "kubernetes.io/hostname": f"node-{number}",
                    "topology.kubernetes.io/zone": f"zone-{zone}",
                },
            },
        }
        for number, zone in enumerate("abc", 1)
    ]


def complete(nodes: Sequence[Json], families: Sequence[int], pod_cidrs: Sequence[str]) -> list[Json]:
    """The Nodes with an address and a pod CIDR of each family, those given kept; checked as `verify` does."""
    taken = [network for node in nodes for network in _given_cidrs(node)]
    used = {address for node in nodes for address in _given_addresses(node)}
    networks = {6 if ":" in cidr else 4: cidr for cidr in pod_cidrs}
    ranges = {family: _free_ranges(networks.get(family, POD_NETWORKS[family]), taken) for family in families}
    addresses = {family: _free_addresses(family, used) for family in families}
    done = []
    for node in nodes:
        cidrs, internal = list(_given_cidrs(node)), list(_given_addresses(node, "InternalIP"))
        if not cidrs:
            cidrs = [_take(ranges[family], node, "pod CIDR") for family in families]
        if not internal:
            internal = [_take(addresses[family], node, "address") for family in families]
        done.append(_with(node, [str(cidr) for cidr in cidrs], [str(address) for address in internal]))
    verify(done)
    return done


def _with(node: Json, cidrs: list[str], internal: list[str]) -> Json:
    """The Node with these pod CIDRs and InternalIPs written in, where it has none."""
    spec, status = node.get("spec") or {}, node.get("status") or {}
    if not spec.get("podCIDRs") and cidrs:
        spec = {**spec, "podCIDR": cidrs[0], "podCIDRs": cidrs}
    if not any(a.get("type") == "InternalIP" for a in status.get("addresses") or ()):
        named = [{"type": "InternalIP", "address": address} for address in internal]
        hostname = [{"type": "Hostname", "address": node["metadata"]["name"]}]
        status = {**status, "addresses": named + list(status.get("addresses") or hostname)}
    if not status.get("conditions"):
        status = {**status, "conditions": [{"type": "Ready", "status": "True"}]}
    return {**node, "spec": spec, "status": status}


def _owner(node: Mapping[str, Any]) -> str:
    return f"Node {node['metadata']['name']}"


def _given_cidrs(node: Mapping[str, Any]) -> Iterator[Network]:
    spec = node.get("spec") or {}
    texts = spec.get("podCIDRs") or ([spec["podCIDR"]] if spec.get("podCIDR") else [])
    for index, text in enumerate(texts):
        try:
            yield read_network(text)
        except ValueError as error:
            raise InputError(
                f"{_owner(node)}: spec.podCIDRs[{index}]: {show(text)} is no range of addresses ({error}). "
                "Write ADDRESS/LENGTH, such as 10.244.1.0/24"
            ) from None


def _given_addresses(node: Mapping[str, Any], *kinds: str) -> Iterator[IPv4Address | IPv6Address]:
    for index, item in enumerate((node.get("status") or {}).get("addresses") or ()):
        if item.get("type") not in (kinds or ("InternalIP", "ExternalIP")):
            continue
        try:
            yield read_address(item.get("address") or "")
        except ValueError:
            raise InputError(
                f"{_owner(node)}: status.addresses[{index}].address: {show(item.get('address'))} is no IP address. "
                "Write one such as 172.18.0.11"
            ) from None


def _free_ranges(pod_network: str, taken: Sequence[Network]) -> Iterator[Network]:
    """The ranges of a pod network, in order, that no Node has; as in the recordings the first is left out.

    /24 (IPv4) and /64 (IPv6) as kube-controller-manager cuts them, smaller where the network is small;
    an IPv6 network of /40 or larger is cut at its third group, as in fd00:244:1::/64.
    """
    network = read_network(pod_network)
    length = max(24 if network.version == 4 else 64, min(network.prefixlen + 4, network.max_prefixlen - 2))
    if network.version == 4 and network.prefixlen <= 20:
        length = 24
    step = 48 if network.version == 6 and network.prefixlen <= 40 else length
    for number in range(1, 1 << min(step - network.prefixlen, 20)):
        start = int(network.network_address) + (number << (network.max_prefixlen - step))
        candidate = type(network)((start, length))
        if not any(candidate.version == other.version and candidate.overlaps(other) for other in taken):
            yield candidate


def _free_addresses(family: int, used: set[IPv4Address | IPv6Address]) -> Iterator[IPv4Address | IPv6Address]:
    """172.18.0.11, .12, ... or fd00:18::11, ::12, ... (written like decimals), those not in use."""
    base = read_network(NODE_NETWORKS[family]).network_address
    for number in range(11, 255 if family == 4 else 10000):
        address = base + (number if family == 4 else int(str(number), 16))
        if address not in used:
            yield address


def _take(free: Iterator[Any], node: Mapping[str, Any], what: str) -> Any:
    for value in free:
        return value
    raise InputError(
        f"{_owner(node)}: no free {what} is left for it. Give the Node its own, or a larger podSubnet"
    )


def verify(nodes: Sequence[Json]) -> None:
    """Raise an InputError for two Nodes with one address, or with pod CIDRs that overlap."""
    holders: dict[IPv4Address | IPv6Address, str] = {}
    ranges: list[tuple[Network, str]] = []
    for node in nodes:
        name = node["metadata"]["name"]
        for address in _given_addresses(node):
            if holders.setdefault(address, name) != name:
                raise InputError(
                    f"Node {name}: status.addresses: {address} is also Node {holders[address]}'s. Give each its own"
                )
        ranges += [(net, name) for net in _given_cidrs(node)]
    ranges.sort(key=lambda item: (item[0].version, int(item[0].network_address), item[0].prefixlen))
    for (net, name), (next_net, next_name) in pairwise(
        ranges
    ):  # sorted: if any two overlap, two neighbours do
        if net.version == next_net.version and net.overlaps(next_net):
            raise InputError(
                f"Node {next_name}: spec.podCIDRs: {next_net} overlaps {net} of Node {name}. "
                "Give each Node a range of its own"
            )
