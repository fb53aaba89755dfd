"""The IP sets of IPVS mode: which there are, of what kind, and how `ipset save` prints them.

Source: pkg/proxy/ipvs/ipset.go of Kubernetes 1.36. Simplified: the numbers of a hash table (bucketsize, initval), of
which one is drawn by lot, are left out, and entries of a hash are sorted as text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

LONGEST_NAME = 31  # IPSET_MAXNAMELEN, with the 0 at its end

LOOP_BACK = "KUBE-LOOP-BACK"
CLUSTER_IP = "KUBE-CLUSTER-IP"
EXTERNAL_IP = "KUBE-EXTERNAL-IP"
EXTERNAL_IP_LOCAL = "KUBE-EXTERNAL-IP-LOCAL"
LOAD_BALANCER = "KUBE-LOAD-BALANCER"
LOAD_BALANCER_FW = "KUBE-LOAD-BALANCER-FW"
LOAD_BALANCER_LOCAL = "KUBE-LOAD-BALANCER-LOCAL"
SOURCE_IP = "KUBE-LOAD-BALANCER-SOURCE-IP"
SOURCE_CIDR = "KUBE-LOAD-BALANCER-SOURCE-CIDR"
HEALTH_CHECK = "KUBE-HEALTH-CHECK-NODE-PORT"
IPVS_IPS = "KUBE-IPVS-IPS"
NODE_PORT = {
    "tcp": "KUBE-NODE-PORT-TCP",
    "udp": "KUBE-NODE-PORT-UDP",
    "sctp": "KUBE-NODE-PORT-SCTP-HASH",
}
NODE_PORT_LOCAL = {
    "tcp": "KUBE-NODE-PORT-LOCAL-TCP",
    "udp": "KUBE-NODE-PORT-LOCAL-UDP",
    "sctp": "KUBE-NODE-PORT-LOCAL-SCTP-HASH",
}

_IP_PORT, _IP_PORT_IP, _PORT = "hash:ip,port", "hash:ip,port,ip", "bitmap:port"


@dataclass(frozen=True, slots=True)
class SetKind:
    """A set's type as `ipset` names it, and the comment of the rules that ask it."""

    kind: str
    comment: str


# In the order in which kube-proxy makes them.
KINDS: Mapping[str, SetKind] = {
    LOOP_BACK: SetKind(
        _IP_PORT_IP, "Kubernetes endpoints dst ip:port, source ip for solving hairpin purpose"
    ),
    CLUSTER_IP: SetKind(_IP_PORT, "Kubernetes service cluster ip + port for masquerade purpose"),
    EXTERNAL_IP: SetKind(_IP_PORT, "Kubernetes service external ip + port for masquerade and filter purpose"),
    EXTERNAL_IP_LOCAL: SetKind(
        _IP_PORT, "Kubernetes service external ip + port with externalTrafficPolicy=local"
    ),
    LOAD_BALANCER: SetKind(_IP_PORT, "Kubernetes service lb portal"),
    LOAD_BALANCER_FW: SetKind(
        _IP_PORT, "Kubernetes service load balancer ip + port for load balancer with sourceRange"
    ),
    LOAD_BALANCER_LOCAL: SetKind(
        _IP_PORT, "Kubernetes service load balancer ip + port with externalTrafficPolicy=local"
    ),
    SOURCE_IP: SetKind(
        _IP_PORT_IP, "Kubernetes service load balancer ip + port + source IP for packet filter purpose"
    ),
    SOURCE_CIDR: SetKind(
        "hash:ip,port,net",
        "Kubernetes service load balancer ip + port + source cidr for packet filter purpose",
    ),
    NODE_PORT["tcp"]: SetKind(_PORT, "Kubernetes nodeport TCP port for masquerade purpose"),
    NODE_PORT_LOCAL["tcp"]: SetKind(_PORT, "Kubernetes nodeport TCP port with externalTrafficPolicy=local"),
    NODE_PORT["udp"]: SetKind(_PORT, "Kubernetes nodeport UDP port for masquerade purpose"),
    NODE_PORT_LOCAL["udp"]: SetKind(_PORT, "Kubernetes nodeport UDP port with externalTrafficPolicy=local"),
    NODE_PORT["sctp"]: SetKind(
        _IP_PORT, "Kubernetes nodeport SCTP port for masquerade purpose with type 'hash ip:port'"
    ),
    NODE_PORT_LOCAL["sctp"]: SetKind(
        _IP_PORT,
        "Kubernetes nodeport SCTP port with externalTrafficPolicy=local with type 'hash ip:port'",
    ),
    HEALTH_CHECK: SetKind(_PORT, "Kubernetes health check node port"),
    IPVS_IPS: SetKind("hash:ip", ""),
}


def set_name(name: str, family: int) -> str:
    """The name of a set in a family: IPv6 has sets of its own, cut off where they get too long."""
    return name if family == 4 else f"KUBE-6-{name.removeprefix('KUBE-')}"[:LONGEST_NAME]


def creation(name: str, family: int) -> str:
    """The words after `ipset` that make a set."""
    kind = KINDS[name].kind
    if kind == _PORT:
        return f"create {set_name(name, family)} {kind} range 0-65535"
    inet = "inet" if family == 4 else "inet6"
    return f"create {set_name(name, family)} {kind} family {inet} hashsize 1024 maxelem 65536"


def in_order(name: str, entries: set[str]) -> list[str]:
    """The entries of a set as they are listed: ports by number, others as text."""
    return sorted(entries, key=int) if KINDS[name].kind == _PORT else sorted(entries)


def saved(held: Mapping[str, set[str]], family: int) -> str:
    """Write all sets as `ipset save` prints them, given the entries of each."""
    lines = []
    for name in KINDS:
        shown = set_name(name, family)
        lines.append(f"{creation(name, family)}\n")
        lines += [f"add {shown} {entry}\n" for entry in in_order(name, held[name])]
    return "".join(lines)
