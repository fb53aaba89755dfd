"""The iptables rules that remain in IPVS mode, as `iptables-save` prints them: as many for one Service as for thousands.

Source: writeIptablesRules in pkg/proxy/ipvs/proxier.go of Kubernetes 1.36. IPVS picks endpoints and translates
destinations; iptables is left with who is masqueraded, source ranges, and what may reach the node by a Service's
address. The rules ask IP sets; a rule whose set is empty is mostly not there.
"""

from __future__ import annotations

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kube_proxy.iptables_save import table
from svcnotes.kube_proxy.ipvs import sets
from svcnotes.kube_proxy.ipvs.service import Contents
from svcnotes.kube_proxy.local_traffic import local_traffic

_PROTOCOL_NUMBERS = {"tcp": 6, "udp": 17, "sctp": 132}
_FILTER_JUMPS = (
    '-A INPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-FILTER\n'
    '-A INPUT -m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL\n'
    '-A INPUT -m comment --comment "kubernetes health check rules" -j KUBE-NODE-PORT\n'
    '-A FORWARD -m comment --comment "kube-proxy firewall rules" -j KUBE-PROXY-FIREWALL\n'
    '-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD\n'
    '-A OUTPUT -m comment --comment "kubernetes ipvs access filter" -j KUBE-IPVS-OUT-FILTER\n'
)
_PORTALS = '-m comment --comment "kubernetes service portals" -j KUBE-SERVICES'
_NAT_JUMPS = (
    f"-A PREROUTING {_PORTALS}\n"
    f"-A OUTPUT {_PORTALS}\n"
    '-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING\n'
)


def iptables_text(cluster: Cluster, node: str, contents: Contents, family: int) -> str:
    """Write the tables filter and nat of a node, by its name, in a family (4 or 6), given what its Services make."""
    return table(
        "filter", ("INPUT", "FORWARD", "OUTPUT"), _FILTER_JUMPS, filter_chains(cluster, contents, family)
    ) + (
        table(
            "nat",
            ("PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"),
            _NAT_JUMPS,
            nat_chains(cluster, node, contents, family),
        )
    )


def _chain(name: str, rules: list[str]) -> str:
    return "".join([f"-A {name} {rule}\n" for rule in rules])


def _asks(name: str, family: int, directions: str, *, comment: bool = True) -> str:
    """The match that asks a set; the directions say of which of a packet's ends, one word for each part."""
    said = f'-m comment --comment "{sets.KINDS[name].comment}" ' if comment else ""
    return f"{said}-m set --match-set {sets.set_name(name, family)} {directions}"


def _if_any(contents: Contents, name: str, rule: str) -> list[str]:
    return [rule] if contents.entries[name] else []


def filter_chains(cluster: Cluster, contents: Contents, family: int) -> dict[str, str]:
    """The chains of the filter table."""
    mark = _mark(cluster)
    prefix, refuse = ("/32", "icmp") if family == 4 else ("/128", "icmp6")

    def returned(name: str, directions: str) -> str:
        return f"{_asks(name, family, directions, comment=False)} -j RETURN"

    fenced = f"{_asks(sets.LOAD_BALANCER_FW, family, 'dst,dst')} -j KUBE-SOURCE-RANGES-FIREWALL"
    let_through = [
        rule
        for name in (sets.SOURCE_CIDR, sets.SOURCE_IP)
        for rule in _if_any(contents, name, f"{_asks(name, family, 'dst,dst,src')} -j RETURN")
    ]
    chains = {
        "KUBE-FORWARD": [
            f'-m comment --comment "kubernetes forwarding rules" -m mark --mark {mark}/{mark} -j ACCEPT',
            '-m comment --comment "kubernetes forwarding conntrack rule"'
            " -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        ],
        # All of a Service's addresses are the node's own, on kube-ipvs0. Without this chain, whatever listens on
        # the node on every address would answer there too.
        "KUBE-IPVS-FILTER": [
            *[
                returned(name, "dst,dst")
                for name in (sets.LOAD_BALANCER, sets.CLUSTER_IP, sets.EXTERNAL_IP, sets.EXTERNAL_IP_LOCAL)
            ],
            returned(sets.HEALTH_CHECK, "dst"),
            f"-m conntrack --ctstate NEW {_asks(sets.IPVS_IPS, family, 'dst', comment=False)}"
            f" -j REJECT --reject-with {refuse}-port-unreachable",
        ],
        # The node calls a load balancer from that very address: source ranges alone would not stop it.
        "KUBE-IPVS-OUT-FILTER": [
            f"-s {vip}{prefix} -m ipvs --vproto {_PROTOCOL_NUMBERS[protocol]} --vaddr {vip}{prefix} --vport {port}"
            " -j DROP"
            for vip, protocol, port in contents.closed_to_node
        ],
        "KUBE-NODE-PORT": [f"{_asks(sets.HEALTH_CHECK, family, 'dst')} -j ACCEPT"],
        "KUBE-PROXY-FIREWALL": _if_any(contents, sets.LOAD_BALANCER_FW, fenced),
        "KUBE-SOURCE-RANGES-FIREWALL": [*let_through, "-j DROP"],
    }
    return {name: _chain(name, rules) for name, rules in chains.items()}


def nat_chains(cluster: Cluster, node: str, contents: Contents, family: int) -> dict[str, str]:
    """The chains of the nat table: none translates a destination."""
    mark = _mark(cluster)
    local = f"{_asks(sets.LOAD_BALANCER_LOCAL, family, 'dst,dst')} -j RETURN"
    hairpin = f"{_asks(sets.LOOP_BACK, family, 'dst,dst,src')} -j MASQUERADE"
    chains = {
        "KUBE-LOAD-BALANCER": [
            *_if_any(contents, sets.LOAD_BALANCER_LOCAL, local),
            "-j KUBE-MARK-MASQ",
        ],
        "KUBE-MARK-MASQ": [f"-j MARK --set-xmark {mark}/{mark}"],
        "KUBE-NODE-PORT": _node_ports(contents, family),
        "KUBE-POSTROUTING": [
            *_if_any(contents, sets.LOOP_BACK, hairpin),
            f"-m mark ! --mark {mark}/{mark} -j RETURN",
            # The mark goes, lest a tunnelled packet that comes by again be masqueraded twice.
            f"-j MARK --set-xmark {mark}/0x0",
            '-m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully',
        ],
        "KUBE-SERVICES": _services(cluster, node, contents, family),
    }
    return {name: _chain(name, rules) for name, rules in chains.items()}


def _mark(cluster: Cluster) -> str:
    return f"0x{1 << cluster.proxy.masquerade_bit:x}"


def _node_ports(contents: Contents, family: int) -> list[str]:
    """Policy Local comes first: what it returns is not masqueraded."""
    rules = []
    for protocol in ("tcp", "udp", "sctp"):
        directions = "dst,dst" if protocol == "sctp" else "dst"
        for name, target in (
            (sets.NODE_PORT_LOCAL[protocol], "RETURN"),
            (sets.NODE_PORT[protocol], "KUBE-MARK-MASQ"),
        ):
            rules += _if_any(contents, name, f"-p {protocol} {_asks(name, family, directions)} -j {target}")
    return rules


def _services(cluster: Cluster, node: str, contents: Contents, family: int) -> list[str]:
    rules = [f"-s {'127.0.0.0/8' if family == 4 else '::1/128'} -j RETURN"]
    portal = f"{_asks(sets.LOAD_BALANCER, family, 'dst,dst')} -j KUBE-LOAD-BALANCER"
    rules += _if_any(contents, sets.LOAD_BALANCER, portal)
    rules += _if_any(contents, sets.CLUSTER_IP, _cluster_ip_masquerade(cluster, node, family))
    for name in (sets.EXTERNAL_IP, sets.EXTERNAL_IP_LOCAL):
        to_it = _asks(name, family, "dst,dst")
        if name == sets.EXTERNAL_IP:
            rules += _if_any(contents, name, f"{to_it} -j KUBE-MARK-MASQ")
        from_outside = "-m physdev ! --physdev-is-in -m addrtype ! --src-type LOCAL"
        rules += _if_any(contents, name, f"{to_it} {from_outside} -j ACCEPT")
        rules += _if_any(contents, name, f"{to_it} -m addrtype --dst-type LOCAL -j ACCEPT")
    rules.append("-m addrtype --dst-type LOCAL -j KUBE-NODE-PORT")
    for name in (sets.CLUSTER_IP, sets.LOAD_BALANCER):
        rules += _if_any(contents, name, f"{_asks(name, family, 'dst,dst', comment=False)} -j ACCEPT")
    return rules


def _cluster_ip_masquerade(cluster: Cluster, node: str, family: int) -> str:
    """Mark clusterIP traffic from outside the pod network (or all of it), lest replies go astray."""
    to_it = f"{_asks(sets.CLUSTER_IP, family, 'dst,dst')} -j KUBE-MARK-MASQ"
    pods = local_traffic(cluster, node, family)
    if cluster.proxy.masquerade_all:
        return to_it
    if pods.known:
        return f"{pods.iptables(others=True)} {to_it}"
    # Nobody is known as a pod: only the node is masqueraded, which calls a Service from that Service's own address.
    return f"{_asks(sets.CLUSTER_IP, family, 'src,dst')} -j KUBE-MARK-MASQ"
