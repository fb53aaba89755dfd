"""Who stands on the stage: the hosts of a picture, whatever way the packet takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from svcnotes.network.node_host import BRIDGE, TUNNEL, node_host
from svcnotes.trace import Path, Trace
from svcnotes.views.marks import (
    CLIENT,
    NODE,
    OUTSIDE,
    ROUTER,
    SERVICE,
    bare,
    names_of,
    short_name,
)
from svcnotes.views.story import second_connections

if TYPE_CHECKING:
    from svcnotes.control_plane.cluster import Cluster
    from svcnotes.control_plane.objects import Node, Pod

MOST_NODES = 6
MOST_PODS = 4


@dataclass(frozen=True, slots=True)
class PodActor:
    """A Pod in the picture: `host` is its name in hops (`namespace/name`), `port` what it serves, or 0.

    A process on the node itself is drawn as one: its `host` is `@NODE`, and `title` what to call it.
    """

    host: str
    address: str
    port: int = 0
    title: str = ""

    @property
    def process(self) -> bool:
        """Whether it is a process on the node itself."""
        return self.host.startswith("@")

    @property
    def name(self) -> str:
        """What to call it."""
        return self.title or short_name(self.host)


@dataclass(frozen=True, slots=True)
class NodeActor:
    """A Node in the picture; `more` counts its pods that found no room.

    `bridge` is cni0's address, `tunnel` flannel.1's; each is empty where the node has no such interface.
    """

    host: str
    address: str
    bridge: str
    pods: tuple[PodActor, ...] = ()
    more: int = 0
    tunnel: str = ""


@dataclass(frozen=True, slots=True)
class OutsideActor:
    """A host outside the cluster: `host` is its name in hops, `role` a key of `MARKS`."""

    host: str
    address: str
    role: str
    title: str = ""

    @property
    def name(self) -> str:
        """What to call it."""
        return self.title or short_name(self.host)


@dataclass(frozen=True, slots=True)
class Cast:
    """The outside hosts, in the order in which packets meet them, and the Nodes.

    `more` Nodes found no room. `complete`: the Service's Pods are all known, so that an empty Node may be
    said to have none. `asker` is the one who asks, as `host` of an actor, empty where nobody is shown.
    """

    outside: tuple[OutsideActor, ...]
    nodes: tuple[NodeActor, ...]
    more: int = 0
    complete: bool = False
    asker: str = ""


def cast_of(trace: Trace, cluster: Cluster | None = None, selector: frozenset[str] | None = None) -> Cast:
    """Gather the hosts: all Nodes, the Pods that the trace meets, those in `selector` (`namespace/name`).

    Without a cluster, only those that the trace itself meets. The router stands there only where it
    decides something: whom it hands an address to that no host owns, or that it has no way on.
    """
    asker = asker_of(trace)
    outside = tuple(_outside(trace, cluster, asker))
    if cluster is None:
        return Cast(outside, _nodes_met(trace, asker), asker=asker)
    met = {hop.host for path in trace.paths for hop in path.hops} | {asker}
    names = [name for name in cluster.nodes if name in met]
    names += [name for name in cluster.nodes if name not in met][: max(0, MOST_NODES - len(names))]
    nodes = tuple(
        _node(node, trace, cluster, met, selector or frozenset(), asker)
        for node in cluster.nodes.values()
        if node.name in names
    )
    return Cast(outside, nodes, len(cluster.nodes) - len(nodes), selector is not None, asker)


def asker_of(trace: Trace) -> str:
    """Name the one who asks, as `host` of an actor."""
    first = next((path.hops[0] for path in trace.paths if path.hops), None)
    if first is not None:
        return f"@{first.host}" if first.kind == "node" else first.host
    kind, _, name = trace.source.partition("/")
    return {"node": f"@{name}", "pod": name}.get(kind, "") if name else "client"


def _outside(trace: Trace, cluster: Cluster | None, asker: str) -> list[OutsideActor]:
    found: dict[str, OutsideActor] = {}
    for path in trace.paths:
        proxies = {path.hops[at].host for at in second_connections(path)}
        for hop in path.hops:
            if hop.kind not in {"client", "outside"} or hop.host in found:
                continue
            made_here = hop.direction == "there" and hop.leaves is not None and not hop.in_interface
            address = hop.packet.source if made_here else hop.packet.destination
            role = CLIENT if hop.host == asker else SERVICE if hop.host in proxies else OUTSIDE
            title = hop.host.replace("-", " ") if hop.host in proxies else ""
            found[hop.host] = OutsideActor(hop.host, address, role, title)
    if not found and asker and "/" not in asker and not asker.startswith("@"):
        found[asker] = OutsideActor(asker, trace.source_address, CLIENT)
    router = _router(trace, cluster)
    actors = list(found.values())
    return (
        [*actors[:1], router, *actors[1:]]
        if router and asker in found
        else [*([router] if router else []), *actors]
    )


def _router(trace: Trace, cluster: Cluster | None) -> OutsideActor | None:
    """The router, where the packet's way depends on it."""
    ends = any(_ends_at_router(path) for path in trace.paths)
    address = bare(trace.destination)
    hands = (
        any(_hands_on(path) for path in trace.paths) and names_of(trace, cluster).of(address).role == SERVICE
    )
    if not (ends or hands):
        return None
    balanced = cluster is not None and cluster.world.cloud == "pass-through"
    if balanced and cluster is not None and not ends:
        vips = {entry.ip for service in cluster.services.values() for entry in service.ingress}
        if address in vips:
            return OutsideActor(ROUTER, address, SERVICE, "load balancer")
    return OutsideActor(ROUTER, address if hands else "", ROUTER)


def _ends_at_router(path: Path) -> bool:
    there = [hop for hop in path.hops if hop.direction == "there"]
    return bool(there) and there[-1].kind == "router"


def _hands_on(path: Path) -> bool:
    """Whether the router gives the packet of an outside host to a node."""
    kinds = [hop.kind for hop in path.hops[:3]]
    return kinds[:2] == ["client", "router"] and kinds[2:] in ([], ["node"])


def _node(
    node: Node, trace: Trace, cluster: Cluster, met: set[str], selector: frozenset[str], asker: str
) -> NodeActor:
    family = 6 if ":" in (trace.source_address or bare(trace.destination)) else 4
    here = [pod for pod in cluster.pods.values() if pod.node == node.name and not pod.host_network]
    shown = [pod for pod in here if pod.key in met or pod.key in selector]
    kept = sorted(shown, key=lambda pod: pod.key not in met)[:MOST_PODS]
    pods = [_pod(pod, family, trace, selector) for pod in shown if pod in kept]
    pods.sort(key=lambda pod: pod.host != asker)  # the asker first: its lines are the shortest there
    addresses = {
        interface.name: address.partition("/")[0]
        for interface in node_host(cluster, node.name).interfaces.values()
        for address in interface.addresses
        if (":" in address) == (family == 6)
    }
    return NodeActor(
        node.name,
        node.address(family),
        addresses.get(BRIDGE, ""),
        (*_processes(trace, node.name, node.address(family)), *pods),
        len(shown) - len(kept),
        addresses.get(TUNNEL, ""),
    )


def _processes(trace: Trace, node: str, address: str) -> tuple[PodActor, ...]:
    """The process on a node that asks, or that gets the packet."""
    for path in trace.paths:
        for hop in path.hops:
            if hop.host != node or hop.kind != NODE or hop.direction != "there":
                continue
            asks = hop is path.hops[0]
            serves = hop.leaves is None and path.source_seen is not None and path.answered_by == node
            if asks or serves:
                kind, _, name = trace.source.partition("/")
                title = short_name(name if kind == "pod" else "") if asks else short_name(path.pod or "")
                return (PodActor(f"@{node}", address, title=title or "a process"),)
    return ()


def _pod(pod: Pod, family: int, trace: Trace, selector: frozenset[str]) -> PodActor:
    arrivals = [
        hop
        for path in trace.paths
        for hop in path.hops
        if hop.kind == "pod" and hop.direction == "there" and hop.leaves is None
    ]
    serves = pod.key in selector or any(hop.host == pod.key for hop in arrivals)
    port = min((hop.packet.destination_port for hop in arrivals), default=0) if serves else 0
    return PodActor(pod.key, pod.address(family), port)


def _nodes_met(trace: Trace, asker: str) -> tuple[NodeActor, ...]:
    pods: dict[str, dict[str, PodActor]] = {}
    for path in trace.paths:
        node = ""
        for index, hop in enumerate(path.hops):
            if hop.kind == NODE:
                node = hop.host
                pods.setdefault(node, {})
            elif hop.kind == "pod" and hop.direction == "there":
                following = path.hops[index + 1].host if index + 1 < len(path.hops) else ""
                home = following if index == 0 else node
                address = hop.packet.source if index == 0 else hop.packet.destination
                port = 0 if index == 0 else hop.packet.destination_port
                pods.setdefault(home, {}).setdefault(hop.host, PodActor(hop.host, address, port))
    actors = []
    for name, found in sorted(pods.items()):
        if short_name(name):
            address = next(
                (p.hops[0].packet.source for p in trace.paths if p.hops and p.hops[0].host == name), ""
            )
            every = sorted(found.values(), key=lambda pod: pod.host != asker)
            shown = (*_processes(trace, name, address), *every[:MOST_PODS])
            actors.append(NodeActor(name, "", "", shown, max(0, len(every) - MOST_PODS)))
    return tuple(actors)
