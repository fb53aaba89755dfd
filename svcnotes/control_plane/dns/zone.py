"""What the cluster's own zone holds: the Services, their endpoints, and names made of a Pod's address.

The names are those of CoreDNS' plugin kubernetes with `pods insecure`; unready endpoints have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING

from svcnotes.control_plane.objects import EndpointSlice, Service

if TYPE_CHECKING:
    from svcnotes.control_plane.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that a name stands for: `host` is an address, or the name that it is an alias of.

    `owner` is the host's own name in the zone, without the last dot; `port` is 0 where there is none.
    """

    host: str
    owner: str
    port: int = 0

    @property
    def kind(self) -> str:
        """The kind of record that says so: A, AAAA or CNAME."""
        if not is_address(self.host):
            return "CNAME"
        return "AAAA" if ":" in self.host else "A"


def is_address(text: str) -> bool:
    """Whether a text reads as an IP address: CoreDNS makes no alias of such a name."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def items(cluster: Cluster, name: str) -> tuple[Item, ...] | None:
    """What a name in the zone stands for: nothing (a part of the tree), or None where it does not exist.

    `name` is full, in lower case, without the last dot.
    """
    domain = cluster.config.dns_domain
    if name in (domain, f"svc.{domain}", f"pod.{domain}"):
        return ()
    labels = name.removesuffix(f".{domain}").split(".")
    branch, rest = labels[-1], labels[:-1]
    if branch not in ("svc", "pod") or len(rest) > 4 or not _has_namespace(cluster, rest[-1]):
        return None
    if len(rest) == 1:
        return ()
    if branch == "pod":
        return _dashed(rest[-2], name) if len(rest) == 2 else None
    service = cluster.services.get(f"{rest[-1]}/{rest[-2]}")
    return None if service is None else _of_service(cluster, service, rest[:-2]) or None


def _has_namespace(cluster: Cluster, namespace: str) -> bool:
    return cluster.state.get("Namespace", "", namespace) is not None


def _of_service(cluster: Cluster, service: Service, front: list[str]) -> tuple[Item, ...]:
    """The items of a Service; in front may stand an endpoint's name, or `_PORT._PROTOCOL`."""
    own = f"{service.name}.{service.namespace}.svc.{cluster.config.dns_domain}"
    endpoint = front[0] if len(front) == 1 else ""
    port, protocol = (part.removeprefix("_") for part in front) if len(front) == 2 else ("", "")
    if service.type == "ExternalName":
        # An alias has no endpoints and no ports; a name of four numbers looks like an address.
        alias = service.external_name
        return () if front or is_address(alias) else (Item(alias.lower().rstrip("."), own),)
    if service.headless or endpoint:
        return tuple(
            Item(address, f"{host}.{own}", number)
            for address, host, numbers in _endpoints(cluster, service, port, protocol)
            for number in numbers
            if endpoint in ("", host)
        )
    return tuple(
        Item(address, own, entry.port)
        for entry in service.ports
        if port in ("", entry.name) and protocol in ("", entry.protocol.lower())
        for address in service.cluster_ips
    )


def _endpoints(
    cluster: Cluster, service: Service, port: str, protocol: str
) -> Iterator[tuple[str, str, tuple[int, ...]]]:
    """(address, name, port numbers) of the ready endpoints that have a port of that name and protocol."""
    for one in slices_of(cluster, service):
        numbers = tuple(
            entry.number or 0
            for entry in one.ports
            if port in ("", entry.name) and protocol in ("", entry.protocol.lower())
        )
        if not one.ports and not port and not protocol:
            numbers = (0,)
        for endpoint in one.endpoints if numbers else ():
            if endpoint.ready:
                for address in endpoint.addresses:
                    yield address, endpoint.hostname or dashes(address), numbers


def slices_of(cluster: Cluster, service: Service) -> Iterator[EndpointSlice]:
    """The Service's EndpointSlices that hold addresses."""
    for one in cluster.endpoint_slices:
        if (one.namespace, one.service, one.address_type == "FQDN") == (
            service.namespace,
            service.name,
            False,
        ):
            yield one


def dashes(address: str) -> str:
    """An address as a label of a name: `10-244-1-10`."""
    return address.replace(".", "-").replace(":", "-")


def _dashed(label: str, name: str) -> tuple[Item, ...] | None:
    """`10-244-1-10.default.pod...`: CoreDNS answers with that very address, Pod or no Pod."""
    for text in (label.replace("-", "."), label.replace("-", ":")):
        if is_address(text):
            return (Item(str(ip_address(text)), name),)
    return None
