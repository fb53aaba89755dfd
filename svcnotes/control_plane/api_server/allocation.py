"""Numbers given out: ClusterIPs and nodePorts.

kube-apiserver draws them at random from the upper, dynamic band, and from the lower, static one only
when that is full (KEP-3070, KEP-3668). Here they follow from the Service's namespace, name and port by
a hash, so that a learner sees the same numbers every time; a taken one goes on to the next free.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from svcnotes.control_plane.api_server.addresses import Network, canonical, parse_ip
from svcnotes.control_plane.api_server.defaulting import NODE_PORT_TYPES, headless, needs_health_check
from svcnotes.control_plane.api_server.names import path_segment
from svcnotes.control_plane.api_server.status import INVALID, REQUIRED, FieldError, internal_error, invalid

if TYPE_CHECKING:
    from svcnotes.control_plane.api_server.state import ApiState

ALLOCATED = "provided port is already allocated"
_DRY_RUN_PORT = 32769  # what the allocator shows first when nothing is reserved


def static_ports(size: int) -> int:
    """How many nodePorts at the range's beginning are left to manifests: 86 of 2768."""
    return 0 if size < 16 else min(max(16, size // 32), 128)


def static_addresses(size: int) -> int:
    """How many addresses at the range's beginning are left to manifests: 256 of a /16."""
    return 0 if size < 16 else min(max(16, size // 16), 256)


def held_numbers(obj: Mapping[str, Any]) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """The nodePorts and the (canonical) ClusterIPs that a stored object holds; a Service's only."""
    if obj.get("kind") != "Service":
        return (), ()
    spec = obj.get("spec") or {}
    ports: list[int] = []
    if spec.get("type") in NODE_PORT_TYPES:
        ports = [port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")]
    if spec.get("healthCheckNodePort"):
        ports.append(spec["healthCheckNodePort"])
    if spec.get("type") == "ExternalName" or headless(spec):
        return tuple(dict.fromkeys(ports)), ()
    return tuple(dict.fromkeys(ports)), tuple(canonical(ip) for ip in spec.get("clusterIPs") or () if ip)


def _seed(text: str) -> int:
    return int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest()[:8])


def _probe(low: int, high: int, static: int, seed: int) -> Iterator[int]:
    """All numbers of a range: the dynamic band from a place that `seed` says, then the static band."""
    for start, size in ((low + static, high - low + 1 - static), (low, static)):
        if size > 0:
            begin = seed % size
            yield from range(start + begin, start + size)
            yield from range(start, start + begin)


@dataclass
class Ports:
    """One request's work on the nodePorts: nothing is held until the request succeeds."""

    state: ApiState
    seed: str
    dry_run: bool = False
    taken: list[int] = field(default_factory=list)

    def allocate(self, number: int) -> str:
        """Reserve that number; gives what is wrong, empty if nothing is."""
        low, high = self.state.node_port_range
        if not self.dry_run and not low <= number <= high:
            return f"provided port is not in the valid range. The range of valid ports is {low}-{high}"
        if number in self.state.node_ports or number in self.taken:
            return ALLOCATED
        self.taken.append(number)
        return ""

    def allocate_next(self, what: str) -> int:
        """Reserve a free number; `what` is the words that the range-is-full error begins with."""
        if self.dry_run:
            self.taken.append(max(self.taken) + 1 if self.taken else _DRY_RUN_PORT)
            return self.taken[-1]
        low, high = self.state.node_port_range
        held = self.state.node_ports
        seed = _seed(f"{self.seed}:{len(self.taken)}")
        for number in _probe(low, high, static_ports(high - low + 1), seed):
            if number not in held and number not in self.taken:
                self.taken.append(number)
                return number
        raise internal_error(f"{what}: range is full")


def allocate_node_ports(service: dict[str, Any], ports: Ports) -> None:
    """Give nodePorts to a new Service's ports, in place; StatusError names the first bad one.

    Entries with the same `port` share one number (so TCP and UDP 53 do).
    """
    spec = service["spec"]
    if spec["type"] in NODE_PORT_TYPES:
        entries: list[dict[str, Any]] = spec.get("ports") or []
        automatic = spec["type"] == "NodePort" or spec.get("allocateLoadBalancerNodePorts", True)
        given: dict[int, int] = {}
        for index, entry in enumerate(entries):
            wanted, number = entry.get("nodePort") or 0, given.get(entry["port"], 0)
            if not wanted and not automatic:
                continue
            if not number:
                asked = (e["nodePort"] for e in entries if e["port"] == entry["port"] and e.get("nodePort"))
                number = next(asked, 0)
                if number:
                    _reserve(service, ports, index, number)
                else:
                    number = ports.allocate_next("failed to allocate a nodePort")
                entry["nodePort"] = given[entry["port"]] = number
            elif not wanted:
                entry["nodePort"] = number
            elif wanted != number:
                _reserve(service, ports, index, wanted)
    allocate_health_check(spec, ports)


def _reserve(service: Mapping[str, Any], ports: Ports, index: int, number: int) -> None:
    said = ports.allocate(number)
    if said:
        error = FieldError(f"spec.ports[{index}].nodePort", INVALID, number, said)
        raise invalid("Service", service["metadata"].get("name", ""), [error])


def allocate_health_check(spec: dict[str, Any], ports: Ports) -> None:
    """Give a health-check nodePort where the Service needs one, in place."""
    if not needs_health_check(spec):
        return
    number = spec.get("healthCheckNodePort") or 0
    if not number:
        spec["healthCheckNodePort"] = ports.allocate_next("failed to allocate a HealthCheck NodePort 0")
        return
    said = ports.allocate(number)
    if said:
        raise internal_error(f"failed to allocate requested HealthCheck NodePort {number}: {said}")


def _networks(state: ApiState) -> dict[str, Network]:
    networks = [ipaddress.ip_network(cidr, strict=False) for cidr in state.service_cidrs]
    return {f"IPv{network.version}": network for network in networks}


def allocate_cluster_ips(service: dict[str, Any], state: ApiState, *, dry_run: bool = False) -> list[str]:
    """Give ClusterIPs for the Service's ipFamilies, in place; gives those (canonical) that it now holds.

    Raises StatusError where an address is taken or outside the range, or none is left.
    """
    spec = service["spec"]
    if spec["type"] == "ExternalName" or list(spec.get("clusterIPs") or ())[:1] == ["None"]:
        return []
    families = spec["ipFamilies"]
    wanted: list[str] = list(spec.get("clusterIPs") or ())
    wanted += [""] * (len(families) - len(wanted))
    networks = _networks(state)
    got = []
    for family, ip in zip(families, wanted, strict=False):
        network = networks[family]
        if dry_run:
            got.append(_dry_run_address(service, network, ip, wanted))
        elif ip:
            said = _refusal(state, network, ip) or _unnamed(service, canonical(ip))
            if said:
                raise _failed(service, wanted, f"failed to allocate IP {ip}: {said}")
            got.append(ip)
        else:
            address = free_address(state, network, _where(service))
            said = _unnamed(service, address)
            if said:
                raise _failed(service, wanted, f"failed to allocate IP: {said}")
            got.append(address)
    spec["clusterIPs"] = got
    spec["clusterIP"] = got[0]
    return [] if dry_run else [canonical(ip) for ip in got]


def _where(service: Mapping[str, Any]) -> str:
    metadata = service["metadata"]
    return f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"


def _failed(service: Mapping[str, Any], ips: list[str], text: str) -> Exception:
    return invalid(
        "Service", service["metadata"].get("name", ""), [FieldError("spec.clusterIPs", INVALID, ips, text)]
    )


def _usable(network: Network) -> tuple[int, int]:
    """First and last address to give: not the network's own, nor IPv4's broadcast address."""
    first, last = int(network.network_address) + 1, int(network.broadcast_address)
    return first, last - 1 if network.version == 4 else last


def _refusal(state: ApiState, network: Network, ip: str) -> str:
    address = parse_ip(ip)
    first, last = _usable(network)
    if address is None or address.version != network.version or not first <= int(address) <= last:
        return "the provided network does not match the current range"
    return "provided IP is already allocated" if str(address) in state.cluster_ips else ""


def _unnamed(service: Mapping[str, Any], address: str) -> str:
    """An address is held by an IPAddress object, which must name the Service."""
    name = service["metadata"].get("name", "")
    said = [FieldError("spec.parentRef.name", INVALID, name, text) for text in path_segment(name)]
    if not name:
        said = [FieldError("spec.parentRef.name", REQUIRED)]
    return invalid("IPAddress.networking.k8s.io", address, said).message if said else ""


def _dry_run_address(service: Mapping[str, Any], network: Network, ip: str, wanted: list[str]) -> str:
    """A dry run reserves nothing: it shows the range's own address, and only looks at the range."""
    if not ip:
        return str(network.network_address)
    address = parse_ip(ip)
    first, last = _usable(network)
    if address is None or address.version != network.version or not first <= int(address) <= last:
        text = f"the provided IP ({ip}) is not in the valid range. The range of valid IPs is {network}"
        raise _failed(service, wanted, f"failed to allocate IP {ip}: {text}")
    return ip


def free_address(state: ApiState, network: Network, seed: str) -> str:
    """A free ClusterIP of that range, chosen by `seed`; StatusError where none is left."""
    first, last = _usable(network)
    last = min(last, first + (1 << 32))  # an IPv6 range is larger than anyone will walk
    make = ipaddress.IPv4Address if network.version == 4 else ipaddress.IPv6Address
    # the band is counted from the range's own address, which is never given: so one less here
    static = max(0, static_addresses(network.num_addresses) - 1)
    for number in _probe(first, last, static, _seed(seed)):
        address = str(make(number))
        if address not in state.cluster_ips:
            return address
    raise internal_error("failed to allocate a serviceIP: range is full")
