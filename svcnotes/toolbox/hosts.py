"""The host behind a place, as the network has it, with what its interfaces are called and look like."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from ipaddress import ip_address

from svcnotes.kube_proxy import own_addresses
from svcnotes.kube_proxy.modes import DEFAULT, mode_named
from svcnotes.network.asker import asker
from svcnotes.network.host import LOOPBACK, Host
from svcnotes.network.node_host import BRIDGE, TUNNEL
from svcnotes.network.topology import Topology, topology
from svcnotes.toolbox.places import NODE, ROUTER_KIND, Place
from svcnotes.toolbox.session import Call, Session


def network(session: Session, place: Place) -> Topology:
    """The network as this place sees it."""
    cluster = session.cluster
    outside = ""
    if place.kind != ROUTER_KIND:
        who = asker(cluster, place.source)
        outside = "" if who.host else who.addresses[0]
    return topology(cluster, cluster.proxy.mode or DEFAULT, outside, None, session.now)


def host_of(call: Call) -> Host:
    """The host where a command runs."""
    return network(call.session, call.place).host(call.place.host)


@dataclass(frozen=True, slots=True)
class Link:
    """An interface as `ip link` knows it: `peer` is what follows the @, `master` the bridge that it hangs on.

    `down`: it was never brought up, and only lends its addresses to the node (kube-ipvs0).
    """

    index: int
    name: str
    addresses: tuple[str, ...]
    peer: str = ""
    master: str = ""
    down: bool = False

    @property
    def title(self) -> str:
        """The name with its peer."""
        return f"{self.name}@{self.peer}" if self.peer else self.name


def links_of(call: Call) -> list[Link]:
    """The interfaces of the host where a command runs, the dummy one of kube-proxy's mode included."""
    found = links(host_of(call))
    cluster, node = call.cluster, call.place.host
    dummy = mode_named(cluster.proxy.mode).dummy
    if call.place.kind != NODE or not dummy:
        return found
    held = tuple(
        f"{address}/{128 if family == 6 else 32}"
        for family in sorted(cluster.families)
        for address in own_addresses(cluster, node, None, family)
    )
    if not any(link.name == dummy for link in found):
        found.append(Link(len(found) + 1, dummy, held))
    return [replace(link, down=link.name == dummy) for link in found]


def links(host: Host) -> list[Link]:
    """The host's interfaces, the ports of its bridge included. Simplified: indexes are counted from 1."""
    found = [
        Link(index, one.name, one.addresses, "if4" if host.kind == "pod" and one.name != LOOPBACK else "")
        for index, one in enumerate(host.interfaces.values(), 1)
    ]
    alone = set(host.interfaces)
    for name in host.veths.values():
        if name in alone:
            continue
        found.append(Link(len(found) + 1, name, (), "if2", BRIDGE if BRIDGE in host.interfaces else ""))
    return found


def mac(host: Host, link: Link) -> str:
    """A MAC address that stays the same: from the IPv4 address, as CNI plugins and Docker make it, else from the name."""
    if link.name == LOOPBACK:
        return "00:00:00:00:00:00"
    address = next((a.partition("/")[0] for a in link.addresses if ":" not in a), "")
    if address:
        inner = host.kind == "pod" or link.name in (BRIDGE, TUNNEL)
        digits = ip_address(address).packed.hex()
        start = "0a58" if inner else "0242"
    else:
        digits = hashlib.sha256(f"{host.name} {link.name}".encode()).hexdigest()[:8]
        start = "ce5a"
    text = start + digits
    return ":".join(text[i : i + 2] for i in range(0, 12, 2))
