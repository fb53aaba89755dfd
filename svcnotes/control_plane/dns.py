"""The cluster's DNS: what CoreDNS answers, and how a Pod's resolver asks it.

Source: Kubernetes' DNS specification 1.1; CoreDNS' plugin kubernetes with the stock Corefile; resolv.conf(5)
with ndots 5. The outside world's names are those of the World's hosts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

from svcnotes.control_plane.objects import Service

if TYPE_CHECKING:
    from svcnotes.control_plane.cluster import Cluster

NDOTS = 5
MAX_CNAMES = 10


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """An answer of DNS: `code` is NOERROR or NXDOMAIN, `name` the full name that was found (or asked last).

    `aliases` are the targets of the CNAMEs on the way, without the last dot; `addresses` may be empty
    under NOERROR: the name is there and has no address of that family. `asked` are all names tried.
    """

    name: str
    code: str = "NOERROR"
    addresses: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


def resolve(cluster: Cluster, name: str, *, namespace: str = "", family: int | None = None) -> DnsAnswer:
    """Look a name up as a Pod in `namespace` does, with its search list; an empty namespace has none.

    `family` is 4 or 6, None for both. A name with five dots or a last dot is taken as it is first.
    """
    asked: list[str] = []
    best = DnsAnswer(name, "NXDOMAIN")
    for full in _candidates(cluster, name.lower(), namespace):
        asked.append(full)
        answer = query(cluster, full, family=family)
        if best.code == "NXDOMAIN":  # a name without an address is better than none, as glibc has it
            best = answer
        if answer.addresses or answer.aliases:
            best = answer
            break
    return replace(best, asked=tuple(asked))


def _candidates(cluster: Cluster, name: str, namespace: str) -> Iterator[str]:
    """The full names to try, in the resolver's order."""
    if name.endswith(".") or not namespace:
        yield name.rstrip(".")
        return
    domain = cluster.config.dns_domain
    searched = [f"{name}.{suffix}" for suffix in (f"{namespace}.svc.{domain}", f"svc.{domain}", domain)]
    yield from [name, *searched] if name.count(".") >= NDOTS else [*searched, name]


def query(cluster: Cluster, name: str, *, family: int | None = None) -> DnsAnswer:
    """The answer to one full name, CNAMEs followed."""
    aliases: list[str] = []
    current = name
    while len(aliases) <= MAX_CNAMES:
        found = _records(cluster, current)
        if found is None:
            # An alias whose target is nowhere is still an answer: the bare CNAME.
            return DnsAnswer(name, "NOERROR" if aliases else "NXDOMAIN", (), tuple(aliases))
        if not isinstance(found, str):
            addresses = tuple(a for a in found if family in (None, 6 if ":" in a else 4))
            return DnsAnswer(name, "NOERROR", addresses, tuple(aliases))
        if found in (current, *aliases):
            break
        aliases.append(found)
        current = found
    return DnsAnswer(name, "NOERROR", (), tuple(aliases))


def _records(cluster: Cluster, name: str) -> tuple[str, ...] | str | None:
    """The addresses of a name, or the name it is an alias of, or None where it does not exist."""
    domain = "." + cluster.config.dns_domain
    if not name.endswith(domain):
        return next(((host.address,) for host in cluster.world.hosts if host.name.lower() == name), None)
    labels = name.removesuffix(domain).split(".")
    if labels[-1] == "pod" and len(labels) == 3:
        return _dashed(labels[0])
    if labels[-1] != "svc" or len(labels) not in (3, 4):
        return None
    service = cluster.services.get(f"{labels[-2]}/{labels[-3]}")
    if service is None:
        return None
    if len(labels) == 4:
        return _one_endpoint(cluster, service, labels[0])
    if service.type == "ExternalName":
        # A name of four numbers looks like an address to CoreDNS, which then makes no record.
        return None if _is_address(service.external_name) else service.external_name.lower().rstrip(".")
    if service.headless:
        return tuple(dict.fromkeys(address for address, _ in _endpoints(cluster, service)))
    return service.cluster_ips


def _endpoints(cluster: Cluster, service: Service) -> Iterator[tuple[str, str]]:
    """(address, hostname) of the ready endpoints."""
    for one in cluster.endpoint_slices:
        if (one.namespace, one.service) == (service.namespace, service.name):
            for endpoint in one.endpoints if one.address_type != "FQDN" else ():
                if endpoint.ready:
                    yield from ((address, endpoint.hostname) for address in endpoint.addresses)


def _one_endpoint(cluster: Cluster, service: Service, label: str) -> tuple[str, ...] | None:
    """`db-0.db.shop.svc...`: an endpoint's hostname, or its address with dashes, of a headless Service."""
    if not service.headless:
        return None
    named = [
        a
        for a, host in _endpoints(cluster, service)
        if label == (host or a.replace(".", "-").replace(":", "-"))
    ]
    return tuple(named) or None


def _dashed(label: str) -> tuple[str, ...] | None:
    """`10-244-1-10.default.pod...`: CoreDNS answers with that very address, Pod or no Pod (pods insecure)."""
    for text in (label.replace("-", "."), label.replace("-", ":")):
        if _is_address(text):
            return (str(ip_address(text)),)
    return None


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
