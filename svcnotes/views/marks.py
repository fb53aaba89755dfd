"""Every address keeps one colour and one mark, in pictures, tables, rules and sentences.

Colours are Okabe and Ito's, which people with any colour vision tell apart; the marks say the same without
colour.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from types import MappingProxyType
from typing import TYPE_CHECKING

from svcnotes.trace import Hop, Trace
from svcnotes.views.prose import ADDRESS, Run

if TYPE_CHECKING:
    from svcnotes.control_plane.cluster import Cluster

CLIENT, NODE, POD, SERVICE, ROUTER, OUTSIDE = "client", "node", "pod", "service", "router", "outside"


@dataclass(frozen=True, slots=True)
class Mark:
    """A glyph and a colour (hex) that stand for one role."""

    glyph: str
    colour: str
    meaning: str


MARKS: Mapping[str, Mark] = MappingProxyType(
    {
        CLIENT: Mark("▲", "#E69F00", "the client"),
        NODE: Mark("●", "#0072B2", "a node"),
        POD: Mark("■", "#009E73", "a pod"),
        SERVICE: Mark("◆", "#CC79A7", "a service address"),
        ROUTER: Mark("✚", "#56B4E9", "the router"),
        OUTSIDE: Mark("▼", "#D55E00", "another host outside"),
    }
)


@dataclass(frozen=True, slots=True)
class Named:
    """Whose an address is: `role` is a key of `MARKS`, `label` the owner's name."""

    role: str
    label: str


@dataclass(frozen=True, slots=True)
class Names:
    """Whose each address is; one that nobody claims is taken for an outside host's."""

    by_address: Mapping[str, Named]

    def of(self, address: str) -> Named:
        """Tell the owner of an address (canonical text)."""
        return self.by_address.get(address, Named(OUTSIDE, address))

    def glyph(self, address: str) -> str:
        """Give the address's mark."""
        return MARKS[self.of(address).role].glyph

    def run(self, address: str, text: str = "") -> Run:
        """Give the address as a run of a sentence; `text` is what to print instead (with a port, say)."""
        return Run(text or address, ADDRESS, self.of(address).role)


def is_address(text: str) -> bool:
    """Tell an address from a name."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def short_name(key: str) -> str:
    """Shorten `namespace/name` to the name."""
    return key.rsplit("/", 1)[-1]


def first_address(cidr: str) -> str:
    """Give the first host address of a podCIDR: the address of the node's bridge `cni0`."""
    return str(ip_network(cidr, strict=False).network_address + 1)


def names_of(trace: Trace, cluster: Cluster | None = None) -> Names:
    """Work out whose each address is, from the cluster where it is given, else from the trace alone.

    From a trace alone an address is a pod's where a pod received it, a node's where a node put it into a
    packet's source, and a Service's own where the client dialled it and no node claims it. (Where the cluster is
    given, and no Service of it has the address, that is what is said.)
    """
    found: dict[str, Named] = {}
    nobodys = "no Service has it" if cluster else "Service"
    for address, named in [*(_from_cluster(cluster) if cluster else ()), *_from_trace(trace, nobodys)]:
        found.setdefault(address, named)
    return Names(MappingProxyType(found))


def _from_cluster(cluster: Cluster) -> Iterator[tuple[str, Named]]:
    for node in cluster.nodes.values():
        for address in (*node.addresses, *node.external_addresses):
            yield address, Named(NODE, node.name)
        for cidr in node.pod_cidrs:
            if cluster.world.cni != "routed":
                yield first_address(cidr), Named(NODE, node.name)
            if cluster.world.cni == "vxlan":
                yield str(ip_network(cidr, strict=False).network_address), Named(NODE, node.name)
    for pod in cluster.pods.values():
        for address in () if pod.host_network else pod.addresses:
            yield address, Named(POD, pod.name)
    for service in cluster.services.values():
        virtual = (*service.cluster_ips, *service.external_ips, *(entry.ip for entry in service.ingress))
        for address in virtual:
            if address not in {"", "None"}:
                yield address, Named(SERVICE, f"Service {service.name}")
    for host in cluster.world.hosts:
        yield host.address, Named(OUTSIDE, host.name)


def _from_trace(trace: Trace, nobodys: str) -> Iterator[tuple[str, Named]]:
    source_kind = trace.source.split("/", 1)[0]
    if source_kind in {POD, NODE}:
        yield trace.source_address, Named(source_kind, short_name(trace.source))
    else:
        yield trace.source_address, Named(CLIENT, "client")
    hops = [hop for path in trace.paths for hop in path.hops]
    for hop in hops:
        asks = not hop.in_interface and trace.source == f"{POD}/{hop.host}"
        if hop.kind == POD and hop.direction == "there" and not asks:
            yield hop.packet.destination, Named(POD, short_name(hop.host))
    for hop in hops:
        for step in hop.steps:
            if hop.kind == NODE and hop.direction == "there" and step.before.source != step.after.source:
                yield step.after.source, Named(NODE, hop.host)
        if (
            hop.direction == "back"
            and hop.kind in {NODE, ROUTER}
            and hop.packet.is_error
            and not hop.in_interface
        ):
            yield hop.packet.source, Named(hop.kind, hop.host)
    address = bare(trace.destination)
    entry = next((hop for hop in hops if hop.kind == NODE and hop.direction == "there"), None)
    if entry and _took_for_its_own(entry, address):
        yield address, Named(NODE, entry.host)
    yield address, Named(SERVICE, nobodys)


# How rules ask whether an address is the node's own, or one that it serves nodePorts at.
_LOCAL = ("--dst-type LOCAL", "fib daddr type local", "ip daddr @nodeport-ips", "ip6 daddr @nodeport-ips")


def _took_for_its_own(hop: Hop, address: str) -> bool:
    """Tell whether the node treated a dialled address as its own, which a trace without a cluster must guess."""
    return any(
        step.before.destination == address
        and (
            any(words in step.rule for words in _LOCAL)
            or (step.table == "routing" and step.verdict in {"local", "deliver"})
        )
        for step in hop.steps
    )


def bare(endpoint: str) -> str:
    """Give the address of `ADDRESS:PORT` or `[ADDRESS]:PORT`, in canonical text."""
    address = endpoint.rsplit(":", 1)[0].strip("[]")
    try:
        return str(ip_address(address))
    except ValueError:
        return address
