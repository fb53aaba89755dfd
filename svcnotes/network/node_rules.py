"""The rules in force on a node: kube-proxy's, and what the network's installer (CNI) adds to them."""

from __future__ import annotations

from functools import lru_cache

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import RuleError
from svcnotes.kube_proxy import ip_sets, rules, tuning, virtual_servers
from svcnotes.kube_proxy.modes import mode_named
from svcnotes.netfilter import Rules, read_rules
from svcnotes.netfilter.sets import read_sets
from svcnotes.network.addresses import family as family_of
from svcnotes.network.fault_rules import with_faults
from svcnotes.network.policy_rules import with_policies
from svcnotes.network.rule_text import with_rules
from svcnotes.virtual_servers import UNTUNED, Tuning, saved


@lru_cache(maxsize=64)
def rules_text(cluster: Cluster, node: str, proxy_mode: str | None = None, family: int | None = None) -> str:
    """Write all of a node's rules: kube-proxy's, the CNI's, and what faults make of them.

    The CNI's are those of `cniMasquerade` and of NetworkPolicies.

    Text that replaces the node's rules (`Cluster.with_rules`) is the whole of them: nothing is
    added, and no fault changes it. Raises QuestionError as `kube_proxy.rules` does.
    """
    text = rules(cluster, node, proxy_mode=proxy_mode, family=family)
    version = cluster.families[0] if family is None else family
    if (node, version) in cluster.node_rules:
        return text
    if cluster.world.cni_masquerade:
        text = with_cni_masquerade(text, cluster, node, version)
    mode = mode_named(cluster.proxy.mode if proxy_mode is None else proxy_mode)
    text = with_policies(text, cluster, node, version, sent_anew="ipvsadm" in mode.formats)
    return with_faults(text, cluster, node, version)


def with_cni_masquerade(text: str, cluster: Cluster, node: str, family: int) -> str:
    """Append the rule by which a CNI hides the node's Pods from everything but Pods.

    What a Pod sends beyond the Pods' networks leaves with the node's address, as flannel, kindnet
    and Calico (natOutgoing) have it: their chains differ, the effect is this one rule. The
    Pods' networks are kube-proxy's clusterCIDR.
    """
    lines = [
        f"-A POSTROUTING -s {own} ! -d {whole} -j MASQUERADE"
        for own in cluster.nodes[node].pod_cidrs
        for whole in cluster.proxy.cluster_cidrs or cluster.config.pod_cidrs
        if family_of(own) == family_of(whole) == family
    ]
    return with_rules(text, "nat", lines) if lines else text


@lru_cache(maxsize=64)
def node_ruleset(cluster: Cluster, node: str, proxy_mode: str | None, family: int) -> Rules | None:
    """The node's rules, read; None in an IP family that the cluster does not have.

    Text that replaces a node's rules is read to its last line. Raises RuleError that names node and line(s).
    """
    replaced = (node, family) in cluster.node_rules
    if family not in cluster.families and not replaced:
        return None
    text = rules_text(cluster, node, proxy_mode, family)
    try:
        servers = saved(virtual_servers(cluster, node, proxy_mode, family))
        if replaced:
            return check_text(cluster, node, text, family, proxy_mode)
        sets = ip_sets(cluster, node, proxy_mode, family)
        return parsed(text, family, sets, servers, tuning(cluster, proxy_mode))
    except RuleError as error:
        said = str(error)
        if not said.startswith("IP sets of "):
            said = f"rules of {node}, {said}"
        raise RuleError(said, line=error.line, text=error.text) from None


def check_text(cluster: Cluster, node: str, text: str, family: int, proxy_mode: str | None = None) -> Rules:
    """Read a text as rules of a node, to its last line: with its IP sets, and as leniently as its rules are read.

    Raises RuleError that names the line(s).
    """
    there = node in cluster.nodes and family in cluster.families
    servers = saved(virtual_servers(cluster, node, proxy_mode, family)) if there else ""
    sets = _sets(cluster, node, proxy_mode, family if there else None)
    strict = (node, family) not in cluster.lenient_rules
    return _checked(text, family, strict, sets, servers, tuning(cluster, proxy_mode))


def _sets(cluster: Cluster, node: str, proxy_mode: str | None, family: int | None) -> str:
    """The text of a node's IP sets, once it could be read: those that were given, else kube-proxy's."""
    text = cluster.ip_sets.get(node, "")
    if not text:
        return ip_sets(cluster, node, proxy_mode, family) if family else ""
    try:
        read_sets(text)
    except RuleError as error:
        raise RuleError(f"IP sets of {node}, {error}", line=error.line, text=error.text) from None
    return text


@lru_cache(maxsize=32)
def parsed(text: str, family: int, sets: str = "", servers: str = "", set_so: Tuning = UNTUNED) -> Rules:
    """Read a rules text once; the nodes of one cluster often share it."""
    return read_rules(text, family, sets=sets, servers=servers, tuning=set_so)


@lru_cache(maxsize=32)
def _checked(text: str, family: int, strict: bool, sets: str, servers: str, set_so: Tuning) -> Rules:
    return read_rules(text, family, strict=strict, sets=sets, servers=servers, tuning=set_so).check()
