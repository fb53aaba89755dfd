"""The iptables rules of one port of a Service, as `iptables-save` prints them.

Source: syncProxyRules in pkg/proxy/iptables/proxier.go of Kubernetes 1.36. `iptables-save` prints
source, destination and protocol first, then matches in the order in which kube-proxy gave them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address, ip_network

from svcnotes.copying import value
from svcnotes.kube_proxy.chain_names import endpoint_chain, service_hash
from svcnotes.kube_proxy.endpoints import Pools
from svcnotes.kube_proxy.local_traffic import LocalTraffic
from svcnotes.kube_proxy.service_ports import ServiceEndpoint, ServicePortInfo

REJECT = {4: "REJECT --reject-with icmp-port-unreachable", 6: "REJECT --reject-with icmp6-port-unreachable"}
HOST_PREFIX = {4: "/32", 6: "/128"}
RECENT_MASK = {4: "255.255.255.255", 6: "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"}


@value(frozen=True, slots=True)
class NodeView:
    """What the rules of every Service on one node have in common, in one family.

    `pods` tells the traffic of Pods from all other.
    `large_cluster` (over 1000 endpoints in all) leaves out the comments of endpoint rules.
    `counts_localhost`: nodePorts at 127.0.0.0/8 are open, and counted by a rule of their own.
    """

    name: str
    zone: str
    address: str
    family: int
    pods: LocalTraffic
    masquerade_all: bool
    large_cluster: bool
    counts_localhost: bool


@dataclass(slots=True)
class ServiceRules:
    """Rules gathered Service by Service; the maps hold whole chains, by the chain's name.

    Without `with_chains` only the rules that lead to the Services are gathered, not the chains of their own.
    """

    with_chains: bool = True
    nat_services: list[str] = field(default_factory=list)
    nat_node_ports: list[str] = field(default_factory=list)
    nat_chains: dict[str, str] = field(default_factory=dict)
    filter_services: list[str] = field(default_factory=list)
    filter_external: list[str] = field(default_factory=list)
    filter_node_ports: list[str] = field(default_factory=list)
    filter_firewall: list[str] = field(default_factory=list)

    def add_chain(self, name: str, rules: Sequence[str]) -> None:
        """Add a chain of the nat table with its rules, one text each, without the leading `-A`."""
        if self.with_chains:
            self.nat_chains[name] = "".join([f"-A {name} {rule}\n" for rule in rules])


@cache
def probability(n: int) -> str:
    """How `iptables-save` prints one in `n`.

    kube-proxy gives ten decimals; the kernel compares a random number of 31 bits, and eleven
    decimals of what it really does come back: 0.33333333349 for one in three.
    """
    return f"{int(float(f'{1 / n:.10f}') * 0x80000000 + 0.5) / 0x80000000:.11f}"


def write_service_port(rules: ServiceRules, info: ServicePortInfo, node: NodeView, pool: Pools) -> None:
    """Add all rules of one service port, as this node needs them; `pool` are the endpoints that it may use."""
    has_internal, has_external = pool.for_internal(info), pool.for_external(info)
    suffix = service_hash(info.name, info.protocol)

    if has_internal:
        chain = f"KUBE-{'SVL' if info.internal_local else 'SVC'}-{suffix}"
        rules.nat_services.append(
            f"-A KUBE-SERVICES {_match(info, info.cluster_ip, node, 'cluster IP')} -j {chain}\n"
        )
    if pool.anywhere and info.externally_accessible:
        _write_external_jumps(rules, info, node, suffix)
        rules.add_chain(f"KUBE-EXT-{suffix}", _external_chain(info, node, suffix, has_external=has_external))
        if info.vips and info.source_ranges:
            _write_firewall(rules, info, node, suffix)
    if not (has_internal and has_external):
        _write_refusals(rules, info, node, pool, has_internal=has_internal, has_external=has_external)
    if info.health_check_node_port:
        # The load balancer may ask a node without endpoints too: that is how it learns of it.
        rules.filter_node_ports.append(
            f'-A KUBE-NODEPORTS -p tcp -m comment --comment "{info.name} health check node port"'
            f" -m tcp --dport {info.health_check_node_port} -j ACCEPT\n"
        )
    if pool.reachable and rules.with_chains:
        _write_policy_chains(rules, info, node, pool, suffix)


def _match(
    info: ServicePortInfo, address: str, node: NodeView, what: str, *, outside: LocalTraffic | None = None
) -> str:
    """Match a packet to one address and the Service's own port, if need be from `outside` only; `what` ends the comment."""
    header = f"-d {address}{HOST_PREFIX[node.family]}"
    if outside is not None:
        header = outside.iptables(header, others=True)
    return (
        f"{header} -p {info.protocol}"
        f' -m comment --comment "{info.name} {what}" -m {info.protocol} --dport {info.port.port}'
    )


def _write_external_jumps(rules: ServiceRules, info: ServicePortInfo, node: NodeView, suffix: str) -> None:
    """Send external IPs, VIPs and the nodePort to KUBE-EXT (a VIP with source ranges to KUBE-FW)."""
    external = f"KUBE-EXT-{suffix}"
    vip_chain = f"KUBE-FW-{suffix}" if info.source_ranges else external
    rules.nat_services += [
        f"-A KUBE-SERVICES {_match(info, address, node, 'external IP')} -j {external}\n"
        for address in info.external_ips
    ]
    rules.nat_services += [
        f"-A KUBE-SERVICES {_match(info, address, node, 'loadbalancer IP')} -j {vip_chain}\n"
        for address in info.vips
    ]
    if info.port.node_port:
        match = (
            f'-p {info.protocol} -m comment --comment "{info.name}"'
            f" -m {info.protocol} --dport {info.port.node_port}"
        )
        if node.counts_localhost:
            # The same jump, for localhost alone, so that a counter tells who still relies on it.
            rules.nat_node_ports.append(
                f"-A KUBE-NODEPORTS -d 127.0.0.0/8 {match}"
                f" -m nfacct --nfacct-name  localhost_nps_accepted_pkts -j {external}\n"
            )
        rules.nat_node_ports.append(f"-A KUBE-NODEPORTS {match} -j {external}\n")


def _external_chain(info: ServicePortInfo, node: NodeView, suffix: str, *, has_external: bool) -> list[str]:
    """KUBE-EXT: who is masqueraded, who takes the short cut, and what is left for the policy."""
    cluster = f"KUBE-SVC-{suffix}"
    about = f"for {info.name} external destinations"
    if not info.external_local:
        return [
            f'-m comment --comment "masquerade traffic {about}" -j KUBE-MARK-MASQ',
            f"-j {cluster}",
        ]
    rules = []
    if node.pods.known:
        rules.append(f'{node.pods.iptables()} -m comment --comment "pod traffic {about}" -j {cluster}')
    local = "-m addrtype --src-type LOCAL"
    rules += [
        f'-m comment --comment "masquerade LOCAL traffic {about}" {local} -j KUBE-MARK-MASQ',
        f'-m comment --comment "route LOCAL traffic {about}" {local} -j {cluster}',
    ]
    if has_external:
        rules.append(f"-j KUBE-SVL-{suffix}")
    return rules


def _write_firewall(rules: ServiceRules, info: ServicePortInfo, node: NodeView, suffix: str) -> None:
    """Let only loadBalancerSourceRanges through to the VIPs: KUBE-FW, and the drop in filter."""
    chain = f"KUBE-FW-{suffix}"
    accept = f'-m comment --comment "{info.name} loadbalancer IP" -j KUBE-EXT-{suffix}'
    sources = list(info.source_ranges)
    if any(ip_address(node.address) in ip_network(cidr) for cidr in sources):
        # The VIP is often an address of the node itself: then the node calls it from the VIP.
        sources += [vip + HOST_PREFIX[node.family] for vip in info.vips]
    rules.add_chain(
        chain,
        [
            # A range that holds every address is no match at all to iptables.
            *(accept if source in {"0.0.0.0/0", "::/0"} else f"-s {source} {accept}" for source in sources),
            f'-m comment --comment "other traffic to {info.name} will be dropped by KUBE-PROXY-FIREWALL"',
        ],
    )
    rules.filter_firewall += [
        f"-A KUBE-PROXY-FIREWALL {_match(info, vip, node, f'traffic not accepted by {chain}')} -j DROP\n"
        for vip in info.vips
    ]


def _write_refusals(
    rules: ServiceRules,
    info: ServicePortInfo,
    node: NodeView,
    pool: Pools,
    *,
    has_internal: bool,
    has_external: bool,
) -> None:
    """Refuse a port without any endpoint; drop what policy Local leaves without one on this node."""
    what, target = (
        ("has no local endpoints", "DROP") if pool.anywhere else ("has no endpoints", REJECT[node.family])
    )
    if not has_internal:
        rules.filter_services.append(
            f"-A KUBE-SERVICES {_match(info, info.cluster_ip, node, what)} -j {target}\n"
        )
    if not has_external:
        rules.filter_external += [
            f"-A KUBE-EXTERNAL-SERVICES {_match(info, address, node, what)} -j {target}\n"
            for address in (*info.external_ips, *info.vips)
        ]
        if info.port.node_port:
            rules.filter_external.append(
                f'-A KUBE-EXTERNAL-SERVICES -p {info.protocol} -m comment --comment "{info.name} {what}"'
                f" -m addrtype --dst-type LOCAL -m {info.protocol} --dport {info.port.node_port}"
                f" -j {target}\n"
            )


def _write_policy_chains(
    rules: ServiceRules, info: ServicePortInfo, node: NodeView, pool: Pools, suffix: str
) -> None:
    """KUBE-SVC, KUBE-SVL and a KUBE-SEP for each endpoint that this node may reach."""
    chains = {e.text: endpoint_chain(info.name, info.protocol, e.text) for e in pool.reachable}
    masquerade = _cluster_ip_masquerade(info, node)
    if pool.cluster:
        head = [] if info.internal_local else masquerade
        rules.add_chain(f"KUBE-SVC-{suffix}", head + _balancing(info, node, pool.cluster, chains))
    if pool.local:
        head = masquerade if info.internal_local else []
        rules.add_chain(f"KUBE-SVL-{suffix}", head + _balancing(info, node, pool.local, chains))

    comment = "" if node.large_cluster else f' -m comment --comment "{info.name}"'
    protocol, prefix, mask = info.protocol, HOST_PREFIX[node.family], RECENT_MASK[node.family]
    sticky = info.service.session_affinity == "ClientIP"
    for endpoint in pool.reachable:
        chain = chains[endpoint.text]
        remember = f" -m recent --set --name {chain} --mask {mask} --rsource" if sticky else ""
        # A Pod drops a packet that has its own address as the source (a martian): hence the mark.
        rules.nat_chains[chain] = (
            f"-A {chain} -s {endpoint.address}{prefix}{comment} -j KUBE-MARK-MASQ\n"
            f"-A {chain} -p {protocol}{comment}{remember} -m {protocol}"
            f" -j DNAT --to-destination {endpoint.text}\n"
        )


def _cluster_ip_masquerade(info: ServicePortInfo, node: NodeView) -> list[str]:
    """Mark clusterIP traffic from outside the pod network (or all of it), lest replies go astray."""
    if not (node.masquerade_all or node.pods.known):
        return []
    inside = None if node.masquerade_all else node.pods
    return [f"{_match(info, info.cluster_ip, node, 'cluster IP', outside=inside)} -j KUBE-MARK-MASQ"]


def _balancing(
    info: ServicePortInfo, node: NodeView, endpoints: Sequence[ServiceEndpoint], chains: dict[str, str]
) -> list[str]:
    """Pick an endpoint: the one kept for this client, else each with equal chance."""
    ways = [
        ("" if node.large_cluster else f'-m comment --comment "{info.name} -> {e.text}" ', chains[e.text])
        for e in endpoints
    ]
    lines = []
    if info.service.session_affinity == "ClientIP":
        seconds, mask = info.service.affinity_timeout_seconds, RECENT_MASK[node.family]
        lines = [
            f"{comment}-m recent --rcheck --seconds {seconds} --reap --name {chain}"
            f" --mask {mask} --rsource -j {chain}"
            for comment, chain in ways
        ]
    # Each rule is asked only if those before it passed: one in n, one in n-1, ..., then the rest.
    left = len(ways)
    for comment, chain in ways[:-1]:
        lines.append(f"{comment}-m statistic --mode random --probability {probability(left)} -j {chain}")
        left -= 1
    comment, chain = ways[-1]
    return [*lines, f"{comment}-j {chain}"]
