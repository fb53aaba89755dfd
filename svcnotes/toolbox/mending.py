"""Change the World as an administrator's commands on a node would: a pure function a change.

Simplified: a sysctl is one for all nodes; a node's route can be taken away and put back where it was, not
led elsewhere; hairpin is one flag for all ports of a bridge; restarting kube-proxy writes all of a node's
rules anew, those edited by hand included.
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
from svcnotes.network.node_rules import rules_text

Fault = Mapping[str, object]
WRITTEN = (KUBE_PROXY_STOPPED, RULES_FLUSHED, RULE_MISSING)
"""The faults that kube-proxy mends when it starts: it writes all its rules."""
IN_RULES = (HOST_FIREWALL, FORWARD_POLICY_DROP, RULES_FLUSHED, RULE_MISSING)
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
    for other in cluster.families:
        if other != family and (node, other) not in cluster.node_rules:
            cluster = cluster.with_rules(node, rules_text(cluster, node, None, other), other)
    strict = (node, family) not in cluster.lenient_rules
    return _without(cluster.with_rules(node, text, family, strict=strict), node, IN_RULES)


def sysctl_set(cluster: Cluster, name: str, value: str) -> Cluster:
    """The cluster with a switch of the kernel set, on every node. Raises InputError for one that has no effect here."""
    return cluster.with_world(sysctls={**cluster.given_world.sysctls, name: value})


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


def route_removed(cluster: Cluster, host: str, cidr: str) -> Cluster:
    """The cluster whose host (a node, or `router`) has lost its route to a range."""
    return _with(cluster, [*cluster.given_world.faults, {"name": ROUTE_MISSING, "on": host, "to": cidr}])


def led_to(cluster: Cluster, destination: str, node: str) -> Cluster:
    """The cluster whose router hands packets for an address or a range to a node; to none where it is empty."""
    routes = {to: via for to, via in cluster.given_world.routes.items() if to != destination}
    return cluster.with_world(routes={**routes, destination: node} if node else routes)


def cloud_installed(cluster: Cluster) -> Cluster:
    """The cluster with a controller that gives load balancers an address and leads it to the nodes."""
    return cluster.with_world(cloud="pass-through")


def listening(cluster: Cluster, pods: frozenset[str], *, on_loopback: bool) -> Cluster:
    """The cluster in which these Pods' programs listen on 127.0.0.1 only, or on every address."""
    told = pods | {pod for fault in cluster.given_world.faults if (pod := _pod(fault)) not in cluster.pods}
    faults = [fault for fault in cluster.given_world.faults if _pod(fault) not in told - {""}]
    bound = sorted(pods) if on_loopback else []
    return _with(cluster, [*faults, *({"name": LISTENS_ON_LOOPBACK, "pod": pod} for pod in bound)])


def _pod(fault: Fault) -> str:
    """The Pod of a fault listens-on-loopback, empty for any other fault."""
    return full_name(fault["pod"]) if fault.get("name") == LISTENS_ON_LOOPBACK else ""


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
