"""Read the World: what is not Kubernetes' to say (`apiVersion: svcnotes/v1, kind: World`)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import fields, replace
from ipaddress import ip_address, ip_network
from typing import Any

from svcnotes.addresses import number as address_number
from svcnotes.addresses import read_network
from svcnotes.control_plane.documents import Found
from svcnotes.control_plane.objects import EndpointSlice, Node, OutsideHost, Pod, World
from svcnotes.control_plane.shapes import check, refuse_unknown, show
from svcnotes.control_plane.typed import served_ports
from svcnotes.errors import InputError

CNIS = ("bridge", "routed", "vxlan")
CLOUDS = ("none", "pass-through", "proxying", "pods")
_ENVELOPE = ("apiVersion", "kind", "metadata", "spec")
_SYSCTL = re.compile(
    r"net\.bridge\.bridge-nf-call-ip6?tables"
    r"|net\.ipv4\.ip_forward"
    r"|net\.ipv4\.conf\.[a-z0-9_-]+\.(route_localnet|rp_filter|forwarding)"
    r"|net\.ipv6\.conf\.[a-z0-9_-]+\.forwarding"
    r"|net\.netfilter\.nf_conntrack_tcp_be_liberal"
    r"|net\.ipv4\.vs\.(expire_nodest_conn|expire_quiescent_template|conn_reuse_mode)"
)
_SHORT = {
    "bridge-nf-call-iptables": "net.bridge.bridge-nf-call-iptables",
    "bridge-nf-call-ip6tables": "net.bridge.bridge-nf-call-ip6tables",
    "ip_forward": "net.ipv4.ip_forward",
    "nf_conntrack_tcp_be_liberal": "net.netfilter.nf_conntrack_tcp_be_liberal",
    **{
        f"conf.{nic}.{key}": f"net.ipv4.conf.{nic}.{key}"
        for nic in ("all",)
        for key in ("rp_filter", "route_localnet")
    },
    "rp_filter": "net.ipv4.conf.all.rp_filter",
    "route_localnet": "net.ipv4.conf.all.route_localnet",
}


def world(found: Found | None) -> World:
    """Read a World document; the default World where there is none.

    Its fields stand at the top level or under `spec`. Raises InputError.
    """
    if found is None:
        return World()
    owner = f"{found.where}: World"
    top = {key: value for key, value in found.value.items() if key not in _ENVELOPE}
    spec = found.value.get("spec")
    check(spec, dict, at="spec", owner=owner)
    refuse_unknown(top, {*_READERS, *_ENVELOPE}, at="", owner=owner)
    refuse_unknown(spec or {}, _READERS, at="spec", owner=owner)
    both = sorted(top.keys() & (spec or {}).keys())
    if both:
        raise InputError(f"{owner}: {both[0]} stands at the top level and under spec. Remove one of them")
    return changed(World(), {**top, **(spec or {})}, owner)


def changed(old: World, changes: Mapping[str, Any], owner: str = "World") -> World:
    """The World with these fields changed; names and values as YAML or as Python has them.

    Raises InputError for a field or a value that a World does not have.
    """
    named = {_CAMEL.get(name, name): value for name, value in changes.items()}
    refuse_unknown(named, _READERS, at="", owner=owner)
    values = {_SNAKE[name]: _READERS[name](value, f"{owner}: {name}") for name, value in named.items()}
    return replace(old, **values)


def _choice(allowed: tuple[str, ...]) -> Callable[[Any, str], str]:
    def read(value: Any, at: str) -> str:
        if value is None:
            return allowed[0]
        if value is False and "none" in allowed:  # `cloud: no` and `cloud: off` are YAML's false
            return "none"
        if value not in allowed:
            raise InputError(f"{at}: {show(value)} is not supported. Use one of: {', '.join(allowed)}")
        return str(value)

    return read


def _flag(*, default: bool) -> Callable[[Any, str], bool]:
    def read(value: Any, at: str) -> bool:
        if value is None:
            return default
        if not isinstance(value, bool):
            raise InputError(f"{at}: {show(value)} is not allowed here, it must be true or false")
        return value

    return read


def _sysctls(value: Any, at: str) -> dict[str, str]:
    sysctls = {}
    for name, setting in _map(value, at).items():
        dotted = name.replace("/", ".").strip()
        dotted = _SHORT.get(dotted, dotted)
        if not _SYSCTL.fullmatch(dotted):
            raise InputError(
                f"{at}: {show(name)} has no effect in this model. Allowed: {', '.join(sorted(set(_SHORT.values())))}, "
                "with an interface's name in place of all, and net.ipv6.conf.all.forwarding"
            )
        number = int(setting) if isinstance(setting, bool) else setting
        if str(number).strip() not in ("0", "1", "2"):
            raise InputError(f"{at}.{name}: {show(setting)} is not allowed here, it must be 0 or 1")
        sysctls[dotted] = str(number).strip()
    return sysctls


def _routes(value: Any, at: str) -> dict[str, str]:
    """`{ADDRESS: NODE}`, or a list of `{to: ADDRESS, via: NODE}`; also `address` and `node`."""
    if isinstance(value, list):
        pairs = []
        for index, item in enumerate(value):
            here = f"{at}[{index}]"
            given = _map(item, here)
            refuse_unknown(given, ("to", "address", "via", "node"), at="", owner=here)
            to, via = given.get("to", given.get("address")), given.get("via", given.get("node"))
            if to is None or via is None:
                raise InputError(f"{here}: a route needs `to` (address or CIDR) and `via` (a Node's name)")
            pairs.append((to, via))
    else:
        pairs = list(_map(value, at).items())
    routes = {}
    for to, via in pairs:
        if not isinstance(via, str) or not via:
            raise InputError(f"{at}: {show(to)}: {show(via)} is no Node's name")
        routes[_destination(to, at)] = via
    return routes


def _destination(text: Any, at: str) -> str:
    try:
        return str(ip_network(text)) if "/" in text else str(ip_address(text))
    except (ValueError, TypeError):
        raise InputError(
            f"{at}: {show(text)} is no address and no range. Write 203.0.113.10 or 203.0.113.0/24"
        ) from None


def _hosts(value: Any, at: str) -> tuple[OutsideHost, ...]:
    """A list of `{name, address, serves}`, or a map from name to address or to `{address, serves}`."""
    if isinstance(value, list | tuple):
        items = [(f"{at}[{index}]", item) for index, item in enumerate(value)]
    else:
        items = [
            (f"{at}.{name}", {"name": name, **(item if isinstance(item, dict) else {"address": item})})
            for name, item in _map(value, at).items()
        ]
    hosts = [item if isinstance(item, OutsideHost) else _host(item, here) for here, item in items]
    for kind, values in (("name", [h.name for h in hosts]), ("address", [h.address for h in hosts])):
        twice = next((v for i, v in enumerate(values) if v in values[:i]), None)
        if twice is not None:
            raise InputError(f"{at}: two hosts have the {kind} {show(twice)}. Give each its own")
    return tuple(hosts)


def _host(item: Any, at: str) -> OutsideHost:
    given = _map(item, at)
    refuse_unknown(given, ("name", "address", "serves"), at="", owner=at)
    try:
        address = str(ip_address(given.get("address") or ""))
    except (ValueError, TypeError):
        raise InputError(
            f"{at}.address: {show(given.get('address'))} is no IP address. Write 192.0.2.10"
        ) from None
    name = address if given.get("name") is None else given["name"]
    if not isinstance(name, str):
        raise InputError(f"{at}.name: {show(name)} is not allowed here, it must be text (put it into quotes)")
    serves = given.get("serves", [])
    if serves is None or serves == "all":
        return OutsideHost(name, address, None)
    if not isinstance(serves, list):
        raise InputError(
            f"{at}.serves: {show(serves)} is not allowed here, it must be a list such as [8080, UDP/53]"
        )
    return OutsideHost(
        name, address, served_ports([_port(port, f"{at}.serves") for port in serves], f"{at}.serves")
    )


def _port(item: Any, at: str) -> str:
    if isinstance(item, dict):
        refuse_unknown(item, ("protocol", "port"), at="", owner=at)
        return f"{item.get('protocol') or 'TCP'}/{item.get('port')}"
    return show(item).strip('"')


def _faults(value: Any, at: str) -> tuple[Mapping[str, object], ...]:
    """A list of faults: each a name, or a map with `name` (or one key, the name) and arguments."""
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise InputError(f"{at}: {show(value)} is not allowed here, it must be a list (`- name: ...`)")
    faults: list[Mapping[str, object]] = []
    for index, item in enumerate(value):
        fault = {"name": item} if isinstance(item, str) else _map(item, f"{at}[{index}]")
        if not isinstance(fault.get("name"), str):
            raise InputError(f"{at}[{index}]: a fault needs a name: `- name: ...`")
        faults.append(dict(fault))
    return tuple(faults)


def _map(value: Any, at: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"{at}: {show(value)} is not allowed here, it must be a map (`key: value` lines)")
    return dict(value)


_READERS: dict[str, Callable[[Any, str], Any]] = {
    "cni": _choice(CNIS),
    "cniMasquerade": _flag(default=False),
    "networkPolicy": _flag(default=True),
    "sysctls": _sysctls,
    "routes": _routes,
    "cloud": _choice(CLOUDS),
    "hosts": _hosts,
    "faults": _faults,
}
_SNAKE = {name: re.sub("(?=[A-Z])", "_", name).lower() for name in _READERS}
_CAMEL = {snake: name for name, snake in _SNAKE.items()}
assert set(_CAMEL) == {field.name for field in fields(World)}  # noqa: S101 - a field without a reader would be ignored


def check_routes(world: World, nodes: Iterable[str]) -> World:
    """The World itself; raises InputError where it routes to a Node that is not there."""
    names = list(nodes)
    for node in world.routes.values():
        if node not in names:
            raise InputError(
                f"World: routes: no Node {show(node)} to route {_first_to(world, node)} to. "
                f"Nodes: {', '.join(names[:10])}"
            )
    return world


def _first_to(world: World, node: str) -> str:
    return next(to for to, via in world.routes.items() if via == node)


def with_slice_hosts(
    world: World, slices: Iterable[EndpointSlice], nodes: Collection[Node], pods: Iterable[Pod]
) -> World:
    """The World with a host for each outside address that some EndpointSlice names, serving its ports.

    An address is outside where no Node and no Pod has it, and no Node's pod CIDR holds it.
    """
    known = {host.address for host in world.hosts}
    known |= {address for node in nodes for address in (*node.addresses, *node.external_addresses)}
    known |= {address for pod in pods for address in pod.addresses}
    # Each range as its family, its length and its first bits: there may be very many addresses.
    pod_ranges = {
        (net.version, net.max_prefixlen - net.prefixlen, int(net[0]) >> (net.max_prefixlen - net.prefixlen))
        for node in nodes
        for net in map(read_network, node.pod_cidrs)
    }
    shifts = {(version, shift) for version, shift, _ in pod_ranges}
    serves: dict[str, set[tuple[str, int]]] = {}
    for one in slices:
        ports = {(port.protocol, port.number) for port in one.ports if port.number is not None}
        for endpoint in one.endpoints if one.address_type != "FQDN" else ():
            for address in endpoint.addresses if not endpoint.pod else ():
                if address not in known:
                    serves.setdefault(address, set()).update(ports)
    hosts = tuple(
        OutsideHost(address, address, frozenset(ports))
        for address, ports in serves.items()
        if not any(
            (version, shift, address_number(address) >> shift) in pod_ranges
            for version, shift in shifts
            if (version == 6) == (":" in address)
        )
    )
    return replace(world, hosts=world.hosts + hosts) if hosts else world
