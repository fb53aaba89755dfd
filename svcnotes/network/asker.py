"""Who asks: an outside address, a Pod, a Node; read from the words of a question."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from svcnotes.addresses import read_address
from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import Pod
from svcnotes.copying import value
from svcnotes.errors import QuestionError
from svcnotes.network.addresses import family, inside
from svcnotes.network.outside import CLIENT, CLIENT_ADDRESSES, outside_addresses, outside_names
from svcnotes.network.plan import Plan, ended, interface_addresses, plan

SHOWN = 8


@value(frozen=True, slots=True)
class Asker:
    """Where a question comes from: `host` is the host's name, empty for an outside host.

    `addresses` are those it may ask from (for an outside host, its only one or one of each
    family); `pod` is the Pod, if it is one.
    """

    host: str
    addresses: tuple[str, ...]
    pod: Pod | None = None

    def speaks(self, version: int) -> bool:
        """Whether it has an address of the family."""
        return any(family(a) == version for a in self.addresses)


def asker(cluster: Cluster, source: str) -> Asker:
    """Read `192.0.2.10`, `client`, `pod/NAMESPACE/NAME` or `node/NAME`; raises QuestionError."""
    if not isinstance(source, str) or not source.strip():
        raise QuestionError(f"source {source!r}: write an outside address, pod/NAMESPACE/NAME or node/NAME")
    kind, _, rest = source.partition("/")
    if kind == "node" and rest:
        if rest not in cluster.nodes:
            raise QuestionError(
                f"source {source}: the cluster has no Node {rest!r}; it has: {_some(cluster.nodes)}"
            )
        return Asker(rest, interface_addresses(cluster.nodes[rest]))
    if kind == "pod" and rest:
        return _pod(cluster, source, rest if "/" in rest else f"default/{rest}")
    if source == CLIENT:
        return Asker("", CLIENT_ADDRESSES)
    named = outside_addresses(cluster).get(source)
    if named is not None:
        return Asker("", (named,))
    return Asker("", (_outside(cluster, source),))


def _pod(cluster: Cluster, source: str, key: str) -> Asker:
    pod = cluster.pods.get(key)
    if pod is None:
        near = [k for k in cluster.pods if k.partition("/")[2] == key.partition("/")[2]] or list(cluster.pods)
        raise QuestionError(f"source {source}: the cluster has no Pod {key!r}; it has: {_some(near)}")
    if ended(pod):
        raise QuestionError(f"source {source}: the Pod has ended ({pod.phase}); ask from one that runs")
    if pod.node not in cluster.nodes or not pod.addresses:
        raise QuestionError(f"source {source}: the Pod is on no Node, or has no address yet")
    if pod.host_network:
        return Asker(pod.node, interface_addresses(cluster.nodes[pod.node]), pod)
    return Asker(pod.key, pod.addresses, pod)


def _outside(cluster: Cluster, source: str) -> str:
    try:
        parsed = read_address(source)
    except ValueError:
        raise QuestionError(
            f"source {source}: neither an address nor a name that is known; "
            "write an outside address such as 192.0.2.10, pod/NAMESPACE/NAME or node/NAME"
        ) from None
    address = str(parsed)
    where = plan(cluster)
    if address in where.node_of:
        raise QuestionError(f"source {source}: that is a Node's address; write node/{where.node_of[address]}")
    if address in where.pod_of:
        raise QuestionError(
            f"source {source}: that is a Pod's address; write pod/{where.pod_of[address].key}"
        )
    if parsed.is_loopback or parsed.is_unspecified or parsed.is_multicast or parsed.is_link_local:
        raise QuestionError(
            f"source {source}: no packet comes from that address; write one such as 192.0.2.10"
        )
    if address in where.router_addresses.values():
        raise QuestionError(
            f"source {source}: that is the router's own address; write one such as 192.0.2.10"
        )
    for what, ranges in _inner_ranges(cluster, where):
        held = next((cidr for cidr in ranges if inside(address, cidr)), None)
        if held is not None and address not in outside_names(cluster):
            raise QuestionError(
                f"source {source}: lies in {held}, {what}, where nobody has it; write an address outside, "
                "or give the World a host of that address"
            )
    return address


def _inner_ranges(cluster: Cluster, where: Plan) -> Iterator[tuple[str, Iterable[str]]]:
    for node in cluster.nodes.values():
        yield f"the Pods' range of {node.name}", node.pod_cidrs
    yield "the Services' range", cluster.config.service_cidrs
    yield "the nodes' network", where.networks


def _some(names: Iterable[str]) -> str:
    every = list(names)
    rest = len(every) - SHOWN
    return ", ".join(every[:SHOWN]) + (f" and {rest} more" if rest > 0 else "") or "none"
