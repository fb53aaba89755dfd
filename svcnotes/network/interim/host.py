"""A host: interfaces, routes, sysctls, and the choices that Linux makes from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


@lru_cache(maxsize=65536)
def network_of(text: str) -> Network:
    """Read a CIDR or an address as a network."""
    return ip_network(text, strict=False)


@lru_cache(maxsize=65536)
def within(address: str, cidr: str) -> bool:
    """Whether an address lies in a CIDR of its own family."""
    network, found = network_of(cidr), ip_address(address)
    return network.version == found.version and found in network


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface: `addresses` as ADDRESS/PREFIX; `segment` names the wire it is on.

    `scope_host` marks loopback, whose addresses no other interface lends out.
    """

    name: str
    segment: str
    addresses: tuple[str, ...] = ()
    scope_host: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """`cidr` leaves by `interface`, to the next hop `via` (empty: the destination is on the wire)."""

    cidr: str
    interface: str
    via: str = ""


@dataclass(frozen=True)
class Host:
    """One host; `kind` is outside, router, node or pod. `claimed` are addresses it answers for."""

    name: str
    kind: str
    interfaces: tuple[Interface, ...]
    routes: tuple[Route, ...] = ()
    sysctls: Mapping[str, str] = field(default_factory=dict)

    def interface(self, name: str) -> Interface:
        """The interface of that name; raises KeyError."""
        for interface in self.interfaces:
            if interface.name == name:
                return interface
        raise KeyError(name)

    def owner(self, address: str) -> str:
        """The interface that holds the address, empty where none does (all of 127.0.0.0/8 is lo's)."""
        if within(address, "127.0.0.0/8"):
            return "lo"
        for interface in self.interfaces:
            if any(text.split("/")[0] == address for text in interface.addresses):
                return interface.name
        return ""

    def route(self, destination: str) -> Route | None:
        """The route with the longest prefix, None where there is none."""
        best: Route | None = None
        for route in self.routes:
            if within(destination, route.cidr) and (
                best is None or network_of(route.cidr).prefixlen > network_of(best.cidr).prefixlen
            ):
                best = route
        return best

    def source_for(self, destination: str) -> str:
        """The source address that Linux takes for a packet made here (inet_select_addr)."""
        if self.owner(destination):
            return destination
        route = self.route(destination)
        return self.address_toward(route.interface, route.via or destination) if route else ""

    def address_toward(self, interface: str, next_hop: str) -> str:
        """An address of the interface in the next hop's network, else its first, else any of the host's.

        This is also what MASQUERADE writes (nf_nat_masquerade.c); a route's `src` hint is ignored.
        """
        family = 6 if ":" in next_hop else 4
        found = self.interface(interface)
        own = [a for a in found.addresses if (":" in a) == (family == 6)] if not found.scope_host else []
        near = [a for a in own if within(next_hop, a)]
        others = [a for i in self.interfaces if not i.scope_host for a in i.addresses if (":" in a) == (family == 6)]
        return next((a.split("/")[0] for a in [*near, *own, *others]), "")

    def address_type(self, address: str, _interface: str = "") -> str:
        """LOCAL, BROADCAST, MULTICAST or UNICAST, as the routing table has it."""
        if self.owner(address) or address == "::1":
            return "LOCAL"
        found = ip_address(address)
        if found.is_multicast:
            return "MULTICAST"
        if address == "255.255.255.255":
            return "BROADCAST"
        for interface in self.interfaces:
            for text in interface.addresses:
                network = network_of(text)
                if network.version == 4 == found.version and network.prefixlen < 31 and found == network.broadcast_address:
                    return "BROADCAST"
        return "UNICAST"

    def sysctl(self, name: str, default: str = "0") -> str:
        """The value of a sysctl, dotted name."""
        return str(self.sysctls.get(name, default))
