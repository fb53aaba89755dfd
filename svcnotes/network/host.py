"""A host: its interfaces, addresses, routes and switches; and how it chooses a route and a source.

Sources: net/ipv4/fib_frontend.c, route.c and devinet.c (inet_select_addr), RFC 6724 for IPv6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from ipaddress import IPv4Address, IPv6Address

from svcnotes.addresses import BITS, number
from svcnotes.copying import value
from svcnotes.netfilter.phases import Timeouts, timeouts
from svcnotes.network.addresses import family, inside, is_loopback, prefix

LOOPBACK = "lo"


@value(frozen=True, slots=True)
class Interface:
    """A network interface: `addresses` with their length (`10.244.1.1/24`), in order.

    `segment` names the wire, bridge or tunnel that it is plugged into.
    """

    name: str
    addresses: tuple[str, ...] = ()
    segment: str = ""


@value(frozen=True, slots=True)
class Route:
    """Where packets for a range go: out of `interface`, to `next_hop` (empty: the destination itself).

    `kind` is unicast, local, unreachable (answered with an ICMP error), blackhole (dropped in
    silence) or spread: `spread` then lists the equally likely next hops (a load balancer's fabric).
    """

    interface: str = ""
    next_hop: str = ""
    kind: str = "unicast"
    spread: tuple[str, ...] = ()


class RoutingTable:
    """Routes found by the longest prefix; of two for one range the later wins."""

    __slots__ = ("_levels",)

    def __init__(self, routes: Iterable[tuple[str, Route]]) -> None:
        levels: dict[tuple[int, int], dict[int, Route]] = {}
        for cidr, route in routes:
            version, start, bits = prefix(cidr)
            levels.setdefault((version, bits), {})[start >> (BITS[version] - bits)] = route
        self._levels = {
            version: tuple(
                (BITS[version] - bits, found)
                for (_, bits), found in sorted(levels.items(), key=lambda item: -item[0][1])
                if _ == version
            )
            for version in (4, 6)
        }

    def __iter__(self) -> Iterator[tuple[str, Route]]:
        """The routes with their ranges, IPv4 before IPv6, each in order of addresses, the widest first."""
        for version, levels in self._levels.items():
            found = [
                (start << shift, BITS[version] - shift, route)
                for shift, routes in levels
                for start, route in routes.items()
            ]
            for start, bits, route in sorted(found, key=lambda one: one[:2]):
                yield f"{IPv4Address(start) if version == 4 else IPv6Address(start)}/{bits}", route

    def find(self, destination: str) -> Route | None:
        """The route for an address, None where no range holds it."""
        value = number(destination)
        for shift, routes in self._levels[family(destination)]:
            found = routes.get(value >> shift)
            if found is not None:
                return found
        return None


LOCAL = Route(LOOPBACK, kind="local")


@value(frozen=True, slots=True, eq=False)
class Host:
    """A host of the network: `kind` is client, outside, router, node or pod.

    `forwards` tells whether it passes packets on; `sysctls` are its switches by dotted name.
    `veths` maps a Pod (`namespace/name`) to the interface that leads to it. `tracks_at_most` is how
    many connections its table holds beside those of others, None for more than ever come; `timeouts` is how long it
    remembers them, where its switches say so.
    """

    name: str
    kind: str
    interfaces: Mapping[str, Interface]
    routes: RoutingTable
    forwards: bool = False
    sysctls: Mapping[str, str] = field(default_factory=dict)
    veths: Mapping[str, str] = field(default_factory=dict)
    addresses: frozenset[str] = frozenset()
    tracks_at_most: int | None = None
    timeouts: Timeouts = field(default_factory=dict)

    def is_local(self, address: str) -> bool:
        """Whether the address is this host's own, all of 127.0.0.0/8 included."""
        return address in self.addresses or address.startswith("127.")  # ::1 is on every host's lo

    def is_plugged_in(self, address: str) -> bool:
        """Whether an interface that leads somewhere has the address."""
        plugged = (one for one in self.interfaces.values() if one.segment)
        return any(own.partition("/")[0] == address for one in plugged for own in one.addresses)

    def route(self, destination: str) -> Route | None:
        """The route for a destination: the local table first, then the longest prefix."""
        return LOCAL if self.is_local(destination) else self.routes.find(destination)

    def sysctl(self, name: str, default: str = "0") -> str:
        """A switch's value as text."""
        return self.sysctls.get(name, default)

    def conf(self, interface: str, key: str, default: str = "0") -> str:
        """An IPv4 switch of an interface: the larger of `all` and its own (IN_DEV_MAXCONF)."""
        everywhere = self.sysctls.get(f"net.ipv4.conf.all.{key}", default)
        return max(everywhere, self.sysctls.get(f"net.ipv4.conf.{interface}.{key}", default))

    def source_for(self, destination: str, route: Route) -> str:
        """The address that a packet made here for this destination gets; empty where there is none."""
        if route.kind == "local":
            if not is_loopback(destination):
                return destination
            return "::1" if ":" in destination else "127.0.0.1"
        return self.select_address(route.interface, route.next_hop or destination)

    def select_address(self, interface: str, toward: str) -> str:
        """The address of an interface toward a next hop: what MASQUERADE writes too.

        An address in the next hop's subnet, else the interface's first, else any global one of the
        host, in the order of its interfaces; the loopback's own are never global. Simplified: IPv6
        is treated alike, which RFC 6724 agrees with on these hosts.
        """
        six = ":" in toward
        if six and toward in self.addresses:
            return toward  # RFC 6724, rule 1: the same address
        mine = [a for a in self.interfaces[interface].addresses if (":" in a) == six and not is_loopback(a)]
        near = next((a for a in mine if inside(toward, a)), "")
        # The other interfaces come last and one by one: kube-ipvs0 has an address for each Service.
        found = near or (mine[0] if mine else next(self._global(six=six), ""))
        return found.partition("/")[0]

    def _global(self, *, six: bool) -> Iterator[str]:
        """The addresses of one family that are not a loopback's, interface by interface."""
        for one in self.interfaces.values():
            yield from (a for a in one.addresses if (":" in a) == six and not is_loopback(a))


def make_host(
    name: str,
    kind: str,
    interfaces: Iterable[Interface],
    routes: Iterable[tuple[str, Route]],
    *,
    forwards: bool = False,
    sysctls: Mapping[str, str] | None = None,
    veths: Mapping[str, str] | None = None,
    tracks_at_most: int | None = None,
) -> Host:
    """Put a host together, with a loopback interface of its own."""
    every = (Interface(LOOPBACK, ("127.0.0.1/8", "::1/128")), *interfaces)
    return Host(
        name=name,
        kind=kind,
        interfaces={one.name: one for one in every},
        routes=RoutingTable(routes),
        forwards=forwards,
        sysctls=sysctls or {},
        veths=veths or {},
        addresses=frozenset(a.partition("/")[0] for one in every for a in one.addresses),
        tracks_at_most=tracks_at_most,
        timeouts=timeouts(sysctls or {}),
    )
