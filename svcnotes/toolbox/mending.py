"""Change the World as an administrator's commands on a node would: a pure function a change.

Simplified: a sysctl is one for all nodes; a route can be put back where the node had it, not led elsewhere;
restarting kube-proxy writes all of a node's rules anew, those edited by hand included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.faults import (
    CONNTRACK_FULL,
    FORWARD_POLICY_DROP,
    HAIRPIN_OFF,
    HOST_FIREWALL,
    KUBE_PROXY_STOPPED,
    LISTENS_ON_LOOPBACK,
    ROUTE_MISSING,
    RULE_MISSING,
    RULES_FLUSHED,
    full_name,
)
from svcnotes.network.addresses import prefix

Fault = Mapping[str, object]
WRITTEN = (KUBE_PROXY_STOPPED, RULES_FLUSHED, RULE_MISSING)
"""The faults that kube-proxy mends when it starts: it writes all its rules."""
IN_RULES = (HOST_FIREWALL, FORWARD_POLICY_DROP, *WRITTEN)
"""The faults that stand in a node's rules, and so are in a text saved from it."""


def kube_proxy_started(cluster: Cluster, node: str) -> Cluster:
    """The cluster after kube-proxy of this node started and wrote its rules."""
    kept = {key: text for key, text in cluster.node_rules.items() if key[0] != node}
    return _without(replace(cluster, node_rules=kept), node, WRITTEN)


def kube_proxy_stopped(cluster: Cluster, node: str) -> Cluster:
    """The cluster after kube-proxy of this node stopped: its rules stay as they are."""
    fault = {"name": KUBE_PROXY_STOPPED, "node": node}
    if fault in cluster.given_world.faults:
        return cluster
    return cluster.with_world(faults=[*cluster.given_world.faults, fault])


def rules_replaced(cluster: Cluster, node: str, text: str, family: int) -> Cluster:
    """The cluster with a text in place of the node's rules; what was broken in them stands in the text, or does not."""
    return _without(cluster.with_rules(node, text, family), node, IN_RULES)


def conntrack_enlarged(cluster: Cluster, node: str) -> Cluster:
    """The cluster after the node's conntrack table got more room, or was emptied."""
    return _without(cluster, node, (CONNTRACK_FULL,))


def hairpin_set(cluster: Cluster, node: str, *, on: bool) -> Cluster:
    """The cluster with the hairpin flag of this node's bridge ports on or off. Simplified: of all its ports."""
    cluster = _without(cluster, node, (HAIRPIN_OFF,))
    if on:
        return cluster
    return cluster.with_world(faults=[*cluster.given_world.faults, {"name": HAIRPIN_OFF, "node": node}])


def route_restored(cluster: Cluster, host: str, cidr: str) -> Cluster:
    """The cluster with this host's own route to a range back in place."""
    wanted = prefix(cidr)
    return _without(
        cluster, host, (ROUTE_MISSING,), at="on", only=lambda fault: prefix(str(fault["to"])) == wanted
    )


def listening_everywhere(cluster: Cluster, pods: frozenset[str]) -> Cluster:
    """The cluster after these Pods' programs listen on every address."""
    faults = [
        fault
        for fault in cluster.given_world.faults
        if not (fault.get("name") == LISTENS_ON_LOOPBACK and full_name(fault.get("pod")) in pods)
    ]
    return _with(cluster, faults)


def _without(
    cluster: Cluster,
    host: str,
    names: tuple[str, ...],
    at: str = "node",
    only: Callable[[Fault], bool] = lambda _: True,
) -> Cluster:
    """The cluster without these faults on one host; a fault of all hosts stays on the others."""
    return _with(cluster, list(_kept(cluster, host, names, at, only)))


def _kept(
    cluster: Cluster, host: str, names: tuple[str, ...], at: str, only: Callable[[Fault], bool]
) -> Iterator[Fault]:
    for fault in cluster.given_world.faults:
        place = "on" if fault.get("name") == HOST_FIREWALL else at
        if fault.get("name") not in names or not only(fault):
            yield fault
        elif fault.get(place) is None:
            yield from ({**fault, place: other} for other in cluster.nodes if other != host)
        elif fault.get(place) != host:
            yield fault


def _with(cluster: Cluster, faults: list[Fault]) -> Cluster:
    if faults == list(cluster.given_world.faults):
        return cluster
    return cluster.with_world(faults=faults)
