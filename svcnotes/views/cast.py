"""Who stands on the stage: the hosts of a picture, whatever way the packet takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from svcnotes.network.node_host import BRIDGE, TUNNEL, node_host
from svcnotes.trace import Trace
from svcnotes.views.marks import bare, short_name

if TYPE_CHECKING:
    from svcnotes.control_plane.cluster import Cluster
    from svcnotes.control_plane.objects import Pod

MOST_NODES = 6
MOST_PODS = 4


@dataclass(frozen=True, slots=True)
class PodActor:
    """A Pod in the picture: `host` is its name in hops (`namespace/name`), `port` what it serves, or 0."""

    host: str
    address: str
    port: int = 0


@dataclass(frozen=True, slots=True)
class NodeActor:
    """A Node in the picture; `more` counts its pods that found no room.

    `interfaces` are those towards pods that have an address: name and address (cni0, flannel.1).
    """

    host: str
    address: str
    interfaces: tuple[tuple[str, str], ...] = ()
    pods: tuple[PodActor, ...] = ()
    more: int = 0


@dataclass(frozen=True, slots=True)
class Cast:
    """The outside hosts as (name in hops, address), and the Nodes; `more` Nodes found no room.

    `complete`: the Service's Pods are all known, so that an empty Node may be said to have none.
    """

    outside: tuple[tuple[str, str], ...]
    nodes: tuple[NodeActor, ...]
    more: int = 0
    complete: bool = False


def cast_of(trace: Trace, cluster: Cluster | None = None, selector: frozenset[str] | None = None) -> Cast:
    """Gather the hosts: all Nodes, the Pods that the trace meets, those in `selector` (`namespace/name`).

    Without a cluster, only those that the trace itself meets.
    """
    hops = [hop for path in trace.paths for hop in path.hops]
    met = {hop.host for hop in hops}
    outside = {hop.host: "" for hop in hops if hop.kind in {"client", "outside"}}
    for host in outside:
        first = next((hop for hop in hops if hop.host == host), None)
        if first is not None:
            made_here = first.direction == "there" and first.leaves is not None and not first.in_interface
            outside[host] = first.packet.source if made_here else first.packet.destination
    if cluster is None:
        return Cast(tuple(outside.items()), _nodes_met(trace))
    names = [name for name in cluster.nodes if name in met]
    names += [name for name in cluster.nodes if name not in met][: max(0, MOST_NODES - len(names))]
    family = 6 if ":" in bare(trace.destination) else 4
    nodes = []
    for node in (cluster.nodes[name] for name in cluster.nodes if name in names):
        here = [pod for pod in cluster.pods.values() if pod.node == node.name and not pod.host_network]
        shown = [pod for pod in here if pod.key in met or (selector and pod.key in selector)]
        kept = sorted(shown, key=lambda pod: pod.key not in met)[:MOST_PODS]
        nodes.append(
            NodeActor(
                node.name,
                node.address(family),
                _interfaces(cluster, node.name, family),
                tuple(_pod(pod, family, trace) for pod in shown if pod in kept),
                len(shown) - len(kept),
            )
        )
    return Cast(tuple(outside.items()), tuple(nodes), len(cluster.nodes) - len(nodes), selector is not None)


def _interfaces(cluster: Cluster, node: str, family: int) -> tuple[tuple[str, str], ...]:
    """The node's interfaces towards pods, each with its address of this IP family; those without any are left out."""
    found = node_host(cluster, node).interfaces.values()
    return tuple(
        (interface.name, address.partition("/")[0])
        for interface in found
        if interface.name in {BRIDGE, TUNNEL}
        for address in interface.addresses
        if (":" in address) == (family == 6)
    )


def _pod(pod: Pod, family: int, trace: Trace) -> PodActor:
    ports = {
        hop.packet.destination_port
        for path in trace.paths
        for hop in path.hops
        if hop.kind == "pod" and hop.direction == "there" and hop.leaves is None
    }
    return PodActor(pod.key, pod.address(family), min(ports, default=0))


def _nodes_met(trace: Trace) -> tuple[NodeActor, ...]:
    pods: dict[str, dict[str, PodActor]] = {}
    for path in trace.paths:
        node = ""
        for index, hop in enumerate(path.hops):
            if hop.kind == "node":
                node = hop.host
                pods.setdefault(node, {})
            elif hop.kind == "pod" and hop.direction == "there":
                following = path.hops[index + 1].host if index + 1 < len(path.hops) else ""
                home = following if index == 0 else node
                address = hop.packet.source if index == 0 else hop.packet.destination
                port = 0 if index == 0 else hop.packet.destination_port
                pods.setdefault(home, {})[hop.host] = PodActor(hop.host, address, port)
    return tuple(
        NodeActor(name, "", (), tuple(found.values())[:MOST_PODS], max(0, len(found) - MOST_PODS))
        for name, found in sorted(pods.items())
        if short_name(name)
    )
