"""Faults that are rules: a firewall's that should not be there, and kube-proxy's that are gone.

They change the text that the node (or the router) walks, so that they are seen where a real one is:
in `iptables-save`.
"""

from __future__ import annotations

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.faults import (
    FORWARD_POLICY_DROP,
    HOST_FIREWALL,
    ROUTER,
    RULE_MISSING,
    RULES_FLUSHED,
)
from svcnotes.network import faults
from svcnotes.network.addresses import family as family_of
from svcnotes.network.plan import plan
from svcnotes.network.rule_text import flushed, with_policy, with_rules, without

FIREWALL = "HOST-FIREWALL"


def with_faults(text: str, cluster: Cluster, node: str, version: int) -> str:
    """The node's rules with what the World has broken in them; `version` is the IP family."""
    if not cluster.world.faults:
        return text
    if any(faults.of(cluster, FORWARD_POLICY_DROP, node)):
        text = with_policy(text, "filter", "FORWARD", "DROP")
    if drops := _drops(cluster, node, FIREWALL):
        text = with_rules(text, "mangle", _node_firewall(cluster, version, drops), chains=[FIREWALL])
    for fault in faults.of(cluster, RULE_MISSING, node):
        text = without(text, str(fault["text"]))
    if any(faults.of(cluster, RULES_FLUSHED, node)):
        text = flushed(text, "nat")
    return text


def _node_firewall(cluster: Cluster, version: int, drops: list[str]) -> list[str]:
    """A host's firewall that works on nodePorts: before DNAT, so in mangle's PREROUTING, not in INPUT.

    The other nodes and their Pods are let in.
    """
    inner = [*plan(cluster).networks, *(cluster.proxy.cluster_cidrs or cluster.config.pod_cidrs)]
    return [
        f"-A PREROUTING -i eth0 -m conntrack --ctstate NEW -j {FIREWALL}",
        *(f"-A {FIREWALL} -s {cidr} -j RETURN" for cidr in inner if family_of(cidr) == version),
        *drops,
    ]


def router_firewall(cluster: Cluster) -> list[str]:
    """The rules (of filter's FORWARD) by which the router drops, as a cloud's firewall does before the nodes."""
    return _drops(cluster, ROUTER, "FORWARD -i wan", "-m conntrack --ctstate NEW ")


def _drops(cluster: Cluster, host: str, chain: str, state: str = "") -> list[str]:
    found = []
    for fault in faults.of(cluster, HOST_FIREWALL, host, at="on"):
        protocol, ports = str(fault.get("protocol") or "tcp"), str(fault["ports"]).replace("-", ":")
        remark = '-m comment --comment "host firewall"'
        found.append(f"-A {chain} -p {protocol} {state}{remark} -m {protocol} --dport {ports} -j DROP")
    return found
