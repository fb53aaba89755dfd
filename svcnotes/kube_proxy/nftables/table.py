"""kube-proxy's nftables mode: the whole table of a node, as `nft list table ip kube-proxy` prints it.

Source: setupNFTables in pkg/proxy/nftables/proxier.go of Kubernetes 1.36; KEP-3866. The table is as the first sync
left it: sets of clients are empty, nothing but kube-proxy has written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kube_proxy.local_traffic import local_traffic
from svcnotes.kube_proxy.nftables.service import (
    CLUSTER_IPS,
    FIREWALL_IPS,
    HAIRPIN,
    NO_ENDPOINT_NODE_PORTS,
    NO_ENDPOINT_SERVICES,
    NODE_PORT_IPS,
    REJECT_CHAIN,
    SERVICE_IPS,
    SERVICE_NODE_PORTS,
    Contents,
    NodeView,
    port_contents,
)
from svcnotes.kube_proxy.nftables.text import Key, address_set, duration, elements
from svcnotes.kube_proxy.node_ports import PRIMARY, NodePortAddresses, node_port_addresses, primary_address
from svcnotes.kube_proxy.service_ports import networks, service_ports

IP = {4: "ip", 6: "ip6"}
ADDRESS_TYPE = {4: "ipv4_addr", 6: "ipv6_addr"}
LOOPBACK = {4: "127.0.0.0/8", 6: "::1"}
# What the mode takes where nodePortAddresses is empty; 127.0.0.1 it never opens.
NODE_PORT_DEFAULT = (PRIMARY,)

TABLE_COMMENT = "rules for kube-proxy"
_PORT = "inet_proto . inet_service"
SET_COMMENTS = {
    HAIRPIN: "service hairpin connections",
    CLUSTER_IPS: "Active ClusterIPs",
    NODE_PORT_IPS: "IPs that accept NodePort traffic",
    NO_ENDPOINT_SERVICES: "vmap to drop or reject packets to services with no endpoints",
    NO_ENDPOINT_NODE_PORTS: "vmap to drop or reject packets to service nodeports with no endpoints",
    FIREWALL_IPS: "destinations that are subject to LoadBalancerSourceRanges",
    SERVICE_IPS: "ClusterIP, ExternalIP and LoadBalancer IP traffic",
    SERVICE_NODE_PORTS: "NodePort traffic",
}

# The chains that hang on the kernel's hooks: filters before the translation of destinations see the address that
# was dialled; those at `filter` see what no Service has taken. nft knows no name for -100 and -110 in output.
_BASE_CHAINS = (
    ("filter-prerouting-pre-dnat", "filter hook prerouting priority dstnat - 10", ("firewall-check",)),
    ("filter-output-pre-dnat", "filter hook output priority -110", ("firewall-check",)),
    (
        "filter-input",
        "filter hook input priority filter",
        ("nodeport-endpoints-check", "service-endpoints-check"),
    ),
    (
        "filter-forward",
        "filter hook forward priority filter",
        ("service-endpoints-check", "cluster-ips-check"),
    ),
    ("filter-output", "filter hook output priority filter", ("service-endpoints-check", "cluster-ips-check")),
    ("nat-prerouting", "nat hook prerouting priority dstnat", ("services",)),
    ("nat-output", "nat hook output priority -100", ("services",)),
    ("nat-postrouting", "nat hook postrouting priority srcnat", ("masquerading",)),
)


@dataclass(frozen=True, slots=True)
class Container:
    """A set or map (`word`) of the table, without its elements; `kind` is its `type`."""

    word: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Chain:
    """A chain of the table; `hook` ties it to the kernel (empty: only jumps lead to it)."""

    name: str
    rules: list[str]
    hook: str = ""
    comment: str = ""


def rules(cluster: Cluster, node: str, family: int) -> str:
    """Write the nftables table of a node, by its name, for IPv4 (4) or IPv6 (6).

    Raises KeyError for a node that is not there.
    """
    contents = node_contents(cluster, node, family)
    chains = [
        *[_chain(chain) for chain in fixed_chains(cluster, node, family)],
        *[_chain(Chain(name, held)) for name, held in contents.chains.items()],
    ]
    return "".join(
        [
            f'table {IP[family]} kube-proxy {{\n\tcomment "{TABLE_COMMENT}"\n',
            *[_set(one, contents.elements[one.name]) for one in containers(cluster, node, family)],
            *[_affinity_set(name, seconds, family) for name, seconds in contents.affinity_sets.items()],
            "\n".join(chains),
            "}\n",
        ]
    )


def node_contents(cluster: Cluster, node: str, family: int) -> Contents:
    """What the Services of a cluster put into the table of a node, by its name."""
    contents = port_contents(service_ports(cluster, family), node_view(cluster, node, family))
    contents.elements[NODE_PORT_IPS] = {(one,): "" for one in open_at(cluster, node, family).addresses}
    return contents


def node_view(cluster: Cluster, node: str, family: int) -> NodeView:
    """How a node, by its name, looks to the rules of every Service."""
    member = cluster.nodes[node]
    return NodeView(
        name=node,
        zone=member.zone,
        address=primary_address(member, family, cluster.proxy),
        ip=IP[family],
        pods=local_traffic(cluster, node, family),
        mark=f"meta mark set meta mark | {_mark(cluster)}",
    )


def _mark(cluster: Cluster) -> str:
    return f"0x{1 << cluster.proxy.masquerade_bit:08x}"


def open_at(cluster: Cluster, node: str, family: int) -> NodePortAddresses:
    """On which addresses of a node, by its name, this mode opens nodePorts."""
    member = cluster.nodes[node]
    return node_port_addresses(cluster, member, family, default=NODE_PORT_DEFAULT, localhost=False)


def containers(cluster: Cluster, node: str, family: int) -> list[Container]:
    """The sets and maps that are always there, as they were made, one after another."""
    address = ADDRESS_TYPE[family]
    dialled = f"{address} . {_PORT}"
    made = [
        Container("set", HAIRPIN, f"{address} . {dialled}"),
        Container("set", CLUSTER_IPS, address),
        Container("set", NODE_PORT_IPS, address),
        Container("map", NO_ENDPOINT_SERVICES, f"{dialled} : verdict"),
        Container("map", NO_ENDPOINT_NODE_PORTS, f"{_PORT} : verdict"),
        Container("map", FIREWALL_IPS, f"{dialled} : verdict"),
        Container("map", SERVICE_IPS, f"{dialled} : verdict"),
        Container("map", SERVICE_NODE_PORTS, f"{_PORT} : verdict"),
    ]
    if open_at(cluster, node, family).match_all:
        # Any local address will do: there is no set to ask.
        made = [one for one in made if one.name != NODE_PORT_IPS]
    return made


def _set(one: Container, held: Mapping[Key, str]) -> str:
    return (
        f"\t{one.word} {one.name} {{\n\t\ttype {one.kind}\n"
        f'\t\tcomment "{SET_COMMENTS[one.name]}"\n{elements(held.items())}\t}}\n\n'
    )


def _affinity_set(name: str, seconds: int, family: int) -> str:
    """The clients that an endpoint keeps. `size` is nft's own word: rules fill the set, so it needs a bound."""
    return (
        f"\tset {name} {{\n\t\ttype {ADDRESS_TYPE[family]}\n\t\tsize 65535\n"
        f"\t\tflags dynamic,timeout\n\t\ttimeout {duration(seconds)}\n\t}}\n\n"
    )


def _chain(one: Chain) -> str:
    head = [f'comment "{one.comment}"'] if one.comment else []
    if one.hook:
        head.append(f"type {one.hook}; policy accept;")
    lines = "".join([f"\t\t{line}\n" for line in (*head, *one.rules)])
    return f"\tchain {one.name} {{\n{lines}\t}}\n"


def fixed_chains(cluster: Cluster, node: str, family: int) -> list[Chain]:
    """The chains that are always there: those on hooks, and those they jump to. None grows with the Services."""
    made = []
    for name, hook, jumps in _BASE_CHAINS:
        new = "ct state new " if hook.startswith("filter") else ""
        made.append(Chain(name, [f"{new}jump {to}" for to in jumps], hook))
    view, everywhere = node_view(cluster, node, family), open_at(cluster, node, family).match_all
    ip = view.ip
    dialled = f"{ip} daddr . meta l4proto . th dport vmap"
    own = f"{ip} daddr != {LOOPBACK[family]}" if everywhere else f"{ip} daddr @{NODE_PORT_IPS}"
    node_port = f"{own} meta l4proto . th dport vmap"
    # In the input hook every destination is local; in services it must be asked.
    local = "fib daddr type local " if everywhere else ""
    services = [
        *_cluster_ip_masquerade(cluster, view),
        f"{dialled} @{SERVICE_IPS}",
        f"{local}{node_port} @{SERVICE_NODE_PORTS}",
    ]
    cluster_ips = [
        f'{ip} daddr @{CLUSTER_IPS} reject comment "Reject traffic to invalid ports of ClusterIPs"'
    ]
    ranges = networks((*cluster.config.service_cidrs, *cluster.config.more_service_cidrs), family)
    if ranges:
        cluster_ips.append(
            f'{ip} daddr {address_set(ranges)} drop comment "Drop traffic to unallocated ClusterIPs"'
        )
    return [
        *made,
        Chain("nodeport-endpoints-check", [f"{node_port} @{NO_ENDPOINT_NODE_PORTS}"]),
        Chain("service-endpoints-check", [f"{dialled} @{NO_ENDPOINT_SERVICES}"]),
        Chain("firewall-check", [f"{dialled} @{FIREWALL_IPS}"]),
        Chain("services", services),
        Chain("masquerading", _masquerading(cluster, ip)),
        Chain("cluster-ips-check", cluster_ips),
        Chain(
            REJECT_CHAIN,
            ["reject"],
            comment=f"helper for @{NO_ENDPOINT_SERVICES} / @{NO_ENDPOINT_NODE_PORTS}",
        ),
    ]


def _cluster_ip_masquerade(cluster: Cluster, view: NodeView) -> list[str]:
    """Mark clusterIP traffic from outside the pod network (or all of it), lest replies go astray."""
    to = f"{view.ip} daddr @{CLUSTER_IPS}"
    if cluster.proxy.masquerade_all:
        # No recording shows this rule: its words are those of setupNFTables in pkg/proxy/nftables/proxier.go.
        return [f'{to} {view.mark} comment "masquerade all clusterIP traffic"']
    if not view.pods.known:
        return []
    return [
        f"{to} {view.pods.nft(others=True)} {view.mark}"
        ' comment "masquerade clusterIP traffic from outside cluster"'
    ]


def _masquerading(cluster: Cluster, ip: str) -> list[str]:
    mark = _mark(cluster)
    # A mask of the highest bit alone looks like a prefix of one bit to nft.
    marked = "!= 0x00000000/1" if cluster.proxy.masquerade_bit == 31 else f"& {mark} != 0x00000000"
    return [
        # The mark goes, lest a tunnelled packet that comes by again be masqueraded twice.
        f"meta mark {marked} meta mark set meta mark ^ {mark} masquerade fully-random",
        f"ct status dnat {ip} saddr . {ip} daddr . meta l4proto . th dport @{HAIRPIN} masquerade fully-random",
    ]
