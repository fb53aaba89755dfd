"""What one port of a Service puts into kube-proxy's nftables table: chains, and elements of sets and maps.

Source: syncProxyRules in pkg/proxy/nftables/proxier.go of Kubernetes 1.36; KEP-3866. A rule stands here as
`nft list` prints it. A Service has no rule in any list that others share: an element of a map leads to its chains.
"""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from ipaddress import ip_address, ip_network

from svcnotes.kube_proxy.endpoints import Pools, pools
from svcnotes.kube_proxy.local_traffic import LocalTraffic
from svcnotes.kube_proxy.nftables.text import Key, address_set
from svcnotes.kube_proxy.service_ports import ServiceEndpoint, ServicePortInfo

LONGEST_NAME = 240  # the kernel allows 256 characters; 16 are kept for `endpoint-` and its like
LONGEST_COMMENT = 128  # nft takes no longer one
REJECT_CHAIN = "reject-chain"

HAIRPIN = "hairpin-connections"
CLUSTER_IPS = "cluster-ips"
NODE_PORT_IPS = "nodeport-ips"
NO_ENDPOINT_SERVICES = "no-endpoint-services"
NO_ENDPOINT_NODE_PORTS = "no-endpoint-nodeports"
FIREWALL_IPS = "firewall-ips"
SERVICE_IPS = "service-ips"
SERVICE_NODE_PORTS = "service-nodeports"
# Those that Services fill.
FILLED = (
    HAIRPIN,
    CLUSTER_IPS,
    NO_ENDPOINT_SERVICES,
    NO_ENDPOINT_NODE_PORTS,
    FIREWALL_IPS,
    SERVICE_IPS,
    SERVICE_NODE_PORTS,
)


@dataclass(frozen=True, slots=True)
class NodeView:
    """What the rules of every Service on one node have in common, in one family.

    `address` is the node's own. `ip` is nft's word for the family, `ip` or `ip6`; `pods` tells the traffic of Pods from
    all other. `mark` is the statement that asks for masquerade.
    """

    name: str
    zone: str
    address: str
    ip: str
    pods: LocalTraffic
    mark: str


@dataclass(slots=True)
class Contents:
    """What Services put into the table, gathered port by port.

    `elements`: by set or map, what follows each key (`""` in a set, ` : goto ...` in a map). `chains`: the
    rules by the chain's name. `affinity_sets`: for how many seconds each remembers a client.
    """

    elements: dict[str, dict[Key, str]] = field(default_factory=lambda: {name: {} for name in FILLED})
    chains: dict[str, list[str]] = field(default_factory=dict)
    affinity_sets: dict[str, int] = field(default_factory=dict)


def _hashed(name: str) -> str:
    """Put eight characters of a hash in front: a name that is cut off stays the only one of its kind."""
    name = f"{b32encode(sha256(name.encode()).digest()[:5]).decode()}-{name}"
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 3]}..."


def _path(info: ServicePortInfo) -> str:
    return f"{info.service.key}/{info.protocol}/{info.port.name}"


def service_name(info: ServicePortInfo) -> str:
    """What the chains of a port have in common after their first word: `HASH-namespace/name/protocol/port name`."""
    return _hashed(_path(info))


def endpoint_name(info: ServicePortInfo, endpoint: ServiceEndpoint) -> str:
    """What an endpoint's chain and its set of clients have in common: `HASH-.../port name__address/port`.

    An IPv6 address has dots for colons: nft allows no colon in a name.
    """
    return _hashed(f"{_path(info)}__{endpoint.address.replace(':', '.')}/{endpoint.port}")


def port_contents(infos: Iterable[ServicePortInfo], node: NodeView) -> Contents:
    """What some service ports need on a node."""
    contents = Contents()
    for info in infos:
        _write_service_port(contents, info, node)
    return contents


def _write_service_port(contents: Contents, info: ServicePortInfo, node: NodeView) -> None:
    """Add all that one service port needs on a node."""
    pool = pools(info, node.name, node.zone)
    has_internal, has_external = pool.for_internal(info), pool.for_external(info)
    name = service_name(info)
    _write_internal(contents, info, pool, name, has_internal=has_internal)
    external = f"external-{name}"
    _write_external(contents, info, pool, f" : goto {external}", has_external=has_external)
    _write_hairpins(contents, info, pool, node)
    _write_policy_chains(contents, info, pool, node, name)
    if pool.anywhere and info.externally_accessible:
        contents.chains[external] = _external_chain(info, node, name, has_external=has_external)
    if info.vips and info.source_ranges:
        _write_firewall(contents, info, node, name)


def _refusal(info: ServicePortInfo, pool: Pools) -> str:
    """What meets packets without an endpoint: silence where another node has one, else a refusal."""
    comment = info.name[:LONGEST_COMMENT]
    return f' comment "{comment}" : ' + ("drop" if pool.anywhere else f"goto {REJECT_CHAIN}")


def _write_internal(
    contents: Contents, info: ServicePortInfo, pool: Pools, name: str, *, has_internal: bool
) -> None:
    contents.elements[CLUSTER_IPS][(info.cluster_ip,)] = ""
    key = (info.cluster_ip, info.protocol, info.port.port)
    if has_internal:
        first = "local" if info.internal_local else "service"
        contents.elements[SERVICE_IPS][key] = f" : goto {first}-{name}"
    else:
        contents.elements[NO_ENDPOINT_SERVICES][key] = _refusal(info, pool)


def _write_external(
    contents: Contents, info: ServicePortInfo, pool: Pools, verdict: str, *, has_external: bool
) -> None:
    """External IPs, VIPs and the nodePort. Without an endpoint on this node they are in two maps.

    The first, in nat, serves pods and the node itself; what it leaves is dropped by the second, in filter.
    """
    keys: list[tuple[str, str, Key]] = [
        (SERVICE_IPS, NO_ENDPOINT_SERVICES, (address, info.protocol, info.port.port))
        for address in (*info.external_ips, *info.vips)
    ]
    if info.port.node_port:
        keys.append((SERVICE_NODE_PORTS, NO_ENDPOINT_NODE_PORTS, (info.protocol, info.port.node_port)))
    for served, refused, key in keys:
        if pool.anywhere:
            contents.elements[served][key] = verdict
        if not has_external:
            contents.elements[refused][key] = _refusal(info, pool)


def _write_hairpins(contents: Contents, info: ServicePortInfo, pool: Pools, node: NodeView) -> None:
    """A Pod drops a packet that has its own address as the source (a martian): such are masqueraded.

    Only this node's own endpoints can be both ends of a connection here.
    """
    pairs = contents.elements[HAIRPIN]
    for item in pool.reachable:
        if item.endpoint.node == node.name:
            pairs[item.address, item.address, info.protocol, item.port] = ""


def _external_chain(info: ServicePortInfo, node: NodeView, name: str, *, has_external: bool) -> list[str]:
    """Who is masqueraded, who takes the short cut to all endpoints, and what is left for the policy."""
    cluster = f"service-{name}"
    if not info.external_local:
        return [f'{node.mark} comment "masquerade"', f"goto {cluster}"]
    rules = []
    if node.pods.known:
        rules.append(f'{node.pods.nft()} goto {cluster} comment "short-circuit pod traffic"')
    rules += [
        f'fib saddr type local {node.mark} comment "masquerade local traffic"',
        f'fib saddr type local goto {cluster} comment "short-circuit local traffic"',
    ]
    if has_external:
        rules.append(f"goto local-{name}")
    return rules


def _write_firewall(contents: Contents, info: ServicePortInfo, node: NodeView, name: str) -> None:
    """Drop what comes to a VIP from outside loadBalancerSourceRanges, before it is translated."""
    sources = list(info.source_ranges)
    if any(ip_address(node.address) in ip_network(cidr) for cidr in sources):
        # The VIP is often an address of the node itself: then the node calls it from the VIP.
        sources += info.vips
    contents.chains[f"firewall-{name}"] = [f"{node.ip} saddr != {address_set(sources)} drop"]
    for vip in info.vips:
        key = (vip, info.protocol, info.port.port)
        contents.elements[FIREWALL_IPS][key] = f" : goto firewall-{name}"


def _write_policy_chains(
    contents: Contents, info: ServicePortInfo, pool: Pools, node: NodeView, name: str
) -> None:
    """The chains that pick an endpoint, one for all endpoints and one for this node's own."""
    names: dict[str, str] = {}
    if info.service.session_affinity == "ClientIP":
        names = {item.text: endpoint_name(info, item) for item in pool.reachable}
        for item in pool.reachable:
            own = names[item.text]
            contents.affinity_sets[f"affinity-{own}"] = info.service.affinity_timeout_seconds
            contents.chains[f"endpoint-{own}"] = [
                f"update @affinity-{own} {{ {node.ip} saddr }}",
                f"meta l4proto {info.protocol} dnat to {item.text}",
            ]
    for first, endpoints in (("service", pool.cluster), ("local", pool.local)):
        if endpoints:
            contents.chains[f"{first}-{name}"] = _balancing(info, node, endpoints, names)


def _balancing(
    info: ServicePortInfo, node: NodeView, endpoints: Sequence[ServiceEndpoint], names: dict[str, str]
) -> list[str]:
    """Pick an endpoint with equal chance and translate to it; with affinity, first the one kept for this client."""
    among = f"numgen random mod {len(endpoints)}"
    if not names:
        ends = ", ".join([f"{i} : {item.address} . {item.port}" for i, item in enumerate(endpoints)])
        return [f"meta l4proto {info.protocol} dnat {node.ip} to {among} map {{ {ends} }}"]
    own = [names[item.text] for item in endpoints]
    kept = [f"{node.ip} saddr @affinity-{one} goto endpoint-{one}" for one in own]
    ways = ", ".join([f"{i} : goto endpoint-{one}" for i, one in enumerate(own)])
    return [*kept, f"{among} vmap {{ {ways} }}"]
