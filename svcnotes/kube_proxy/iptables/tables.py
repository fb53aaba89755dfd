"""kube-proxy's iptables mode: the whole rule set of a node, as `iptables-save` prints it.

Source: pkg/proxy/iptables/proxier.go of Kubernetes 1.36. The node is one whose kernel has nfacct
counters, and on which nothing but kube-proxy has written rules.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kube_proxy.endpoints import Pools, pools
from svcnotes.kube_proxy.iptables.service import NodeView, ServiceRules, write_service_port
from svcnotes.kube_proxy.iptables_save import table
from svcnotes.kube_proxy.local_traffic import local_traffic
from svcnotes.kube_proxy.node_ports import NodePortAddresses, node_port_addresses, primary_address
from svcnotes.kube_proxy.service_ports import ServicePortInfo, service_ports

LARGE_CLUSTER_ENDPOINTS = 1000

_NEW = "-m conntrack --ctstate NEW "
_PORTALS = '-m comment --comment "kubernetes service portals" -j KUBE-SERVICES'
_EXTERNAL = (
    f'{_NEW}-m comment --comment "kubernetes externally-visible service portals" -j KUBE-EXTERNAL-SERVICES'
)
_FIREWALL = f'{_NEW}-m comment --comment "kubernetes load balancer firewall" -j KUBE-PROXY-FIREWALL'
_LAST = '-m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain"'

# Each jump was put in front of those before it: the last one made stands first.
_FILTER_JUMPS = (
    "-A INPUT -j KUBE-FIREWALL\n"
    f"-A INPUT {_FIREWALL}\n"
    '-A INPUT -m comment --comment "kubernetes health check service ports" -j KUBE-NODEPORTS\n'
    f"-A INPUT {_EXTERNAL}\n"
    f"-A FORWARD {_FIREWALL}\n"
    '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD\n'
    f"-A FORWARD {_NEW}{_PORTALS}\n"
    f"-A FORWARD {_EXTERNAL}\n"
    "-A OUTPUT -j KUBE-FIREWALL\n"
    f"-A OUTPUT {_FIREWALL}\n"
    f"-A OUTPUT {_NEW}{_PORTALS}\n"
)
_NAT_JUMPS = (
    f"-A PREROUTING {_PORTALS}\n"
    f"-A OUTPUT {_PORTALS}\n"
    '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING\n'
)
_DROP_INVALID = (
    "-A KUBE-FORWARD -m conntrack --ctstate INVALID"
    " -m nfacct --nfacct-name  ct_state_invalid_dropped_pkts -j DROP\n"
)
# With route_localnet on, a neighbour could reach what listens on 127.0.0.1 only (CVE-2020-8558).
_BLOCK_LOCALNET = (
    "-A KUBE-FIREWALL ! -s 127.0.0.0/8 -d 127.0.0.0/8"
    ' -m comment --comment "block incoming localnet connections"'
    " -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP\n"
)


def rules(cluster: Cluster, node: str, family: int) -> str:
    """Write the iptables rules of a node, by its name, for IPv4 (4) or IPv6 (6).

    Chains are sorted by name, without counters. Raises KeyError for a node that is not there.
    """
    open_at = node_port_addresses(cluster, cluster.nodes[node], family)
    infos = service_ports(cluster, family)
    view = node_view(cluster, node, family, infos)
    usable = [pools(info, node, view.zone) for info in infos]
    # All that one node's rules may have otherwise than another's; mostly there is no difference.
    own = (
        open_at,
        view.pods,
        view.address if any(info.source_ranges for info in infos) else "",
        *map(_texts, usable),
    )
    written = _written(cluster, family)
    if own not in written:
        written[own] = _rules(cluster, view, list(zip(infos, usable, strict=True)), open_at)
    return written[own]


@lru_cache(maxsize=8)
def _written(cluster: Cluster, family: int) -> dict[tuple[object, ...], str]:
    """The texts written for a cluster's nodes so far, by what they differ in."""
    del cluster, family
    return {}


def _texts(pool: Pools) -> tuple[object, ...]:
    """The endpoints that a node may use, as they stand in its rules."""
    return (*(tuple([one.text for one in some]) for some in pool[:3]), pool.anywhere)


def _rules(
    cluster: Cluster,
    view: NodeView,
    usable: Sequence[tuple[ServicePortInfo, Pools]],
    open_at: NodePortAddresses,
) -> str:
    written = ServiceRules()
    for info, pool in usable:
        write_service_port(written, info, view, pool)
    return "".join(
        [
            _table("mangle", ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"), "", {}),
            _table(
                "filter",
                ("INPUT", "FORWARD", "OUTPUT"),
                _FILTER_JUMPS,
                {"KUBE-FIREWALL": "", **filter_chains(cluster, written, open_at)},
            ),
            _table(
                "nat",
                ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
                _NAT_JUMPS,
                {**written.nat_chains, **nat_chains(cluster, written, open_at, view.family)},
            ),
        ]
    )


def node_view(cluster: Cluster, node: str, family: int, infos: Collection[ServicePortInfo]) -> NodeView:
    """How a node, by its name, looks to the rules of every Service; `infos` are all that there are."""
    member = cluster.nodes[node]
    return NodeView(
        name=node,
        zone=member.zone,
        address=primary_address(member, family, cluster.proxy),
        family=family,
        pods=local_traffic(cluster, node, family),
        masquerade_all=cluster.proxy.masquerade_all,
        large_cluster=sum(len(info.endpoints) for info in infos) > LARGE_CLUSTER_ENDPOINTS,
        counts_localhost=node_port_addresses(cluster, member, family).localhost,
    )


def service_rules(
    infos: Iterable[ServicePortInfo], view: NodeView, *, with_chains: bool = True
) -> ServiceRules:
    """The rules of some service ports on a node; without `with_chains` only those that lead to them."""
    written = ServiceRules(with_chains)
    for info in infos:
        write_service_port(written, info, view, pools(info, view.name, view.zone))
    return written


def _table(name: str, hooks: Iterable[str], jumps: str, chains: Mapping[str, str]) -> str:
    """One table; the canary tells of a flush from outside."""
    return table(name, hooks, jumps, {"KUBE-PROXY-CANARY": "", **chains})


def filter_chains(cluster: Cluster, written: ServiceRules, open_at: NodePortAddresses) -> dict[str, str]:
    """The filter table's chains that every sync writes: refusals, health checks, and what may be forwarded.

    KUBE-FIREWALL is the kubelet's as well: kube-proxy writes it only where it has opened 127.0.0.1.
    """
    mark = _mark(cluster)
    forward = (
        f"{'' if _liberal(cluster) else _DROP_INVALID}"
        '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules"'
        f" -m mark --mark {mark}/{mark} -j ACCEPT\n"
        '-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule"'
        " -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n"
    )
    return {
        "KUBE-EXTERNAL-SERVICES": "".join(written.filter_external),
        "KUBE-FORWARD": forward,
        "KUBE-NODEPORTS": "".join(written.filter_node_ports),
        "KUBE-PROXY-FIREWALL": "".join(written.filter_firewall),
        "KUBE-SERVICES": "".join(written.filter_services),
        **({"KUBE-FIREWALL": _BLOCK_LOCALNET} if open_at.localhost else {}),
    }


def nat_chains(
    cluster: Cluster, written: ServiceRules, open_at: NodePortAddresses, family: int
) -> dict[str, str]:
    """The nat table's chains that every sync writes: the way to each Service, and the mark that asks for masquerade."""
    mark = _mark(cluster)
    postrouting = (
        f"-A KUBE-POSTROUTING -m mark ! --mark {mark}/{mark} -j RETURN\n"
        # The mark goes, lest a tunnelled packet that comes by again be masqueraded twice.
        f"-A KUBE-POSTROUTING -j MARK --set-xmark {mark}/0x0\n"
        '-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT"'
        " -j MASQUERADE --random-fully\n"
    )
    return {
        "KUBE-MARK-MASQ": f"-A KUBE-MARK-MASQ -j MARK --set-xmark {mark}/{mark}\n",
        "KUBE-NODEPORTS": "".join(written.nat_node_ports),
        "KUBE-POSTROUTING": postrouting,
        "KUBE-SERVICES": "".join(written.nat_services) + _node_port_jumps(open_at, family),
    }


def _liberal(cluster: Cluster) -> bool:
    """Whether conntrack takes what is out of window: then kube-proxy does not drop what is INVALID (NewProxier).

    Simplified: kube-proxy reads the switch when it starts, here it counts at once.
    """
    set_here = cluster.given_world.sysctls.get("net.netfilter.nf_conntrack_tcp_be_liberal")
    return cluster.proxy.tcp_be_liberal if set_here is None else set_here != "0"


def _mark(cluster: Cluster) -> str:
    return f"0x{1 << cluster.proxy.masquerade_bit:x}"


def _node_port_jumps(open_at: NodePortAddresses, family: int) -> str:
    """The end of KUBE-SERVICES: on which addresses of the node nodePorts are looked up."""
    if not open_at.match_all:
        prefix = "/128" if family == 6 else "/32"
        return "".join(
            f"-A KUBE-SERVICES -d {address}{prefix} {_LAST} -j KUBE-NODEPORTS\n"
            for address in open_at.addresses
        )
    loopback = ""
    if not open_at.localhost:
        loopback = "! -d ::1/128 " if family == 6 else "! -d 127.0.0.0/8 "
    return f"-A KUBE-SERVICES {loopback}{_LAST} -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS\n"
