"""The two DNS servers of this world: CoreDNS in the cluster, and one outside that knows the World's hosts.

Simplified: the outside's DNS is one zone, the root; CoreDNS forwards to it and lets nothing live longer than
30 seconds (`cache 30`); addresses are not shuffled (`loadbalance`); the SOA's serial stands still.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from svcnotes.control_plane.dns.records import NOERROR, NXDOMAIN, Record, Reply, full
from svcnotes.control_plane.dns.zone import Item, dashes, items, slices_of

if TYPE_CHECKING:
    from svcnotes.control_plane.cluster import Cluster

TTL = 30
"""Seconds that an answer about the cluster may be kept: kubeadm's Corefile; CoreDNS' own default is 5."""
MAX_EARLIER = 10
"""A CNAME is left out when more than this many stand before it (7 before CoreDNS 1.12.1, coredns#7153)."""
OUTSIDE = ("192.0.2.53", "2001:db8:2::53")
"""The outside's DNS server; it is asked, not traced: this world has no packets of it."""
OUTSIDE_TTL = 300
SERIAL = 1767225600
_ROOT_SOA = "a.root-servers.net. nstld.verisign-grs.com. 2026010100 1800 900 604800 86400"


@lru_cache(maxsize=8)
def cluster_dns(cluster: Cluster) -> tuple[str, ...]:
    """The addresses of the cluster's DNS: those of the Service kube-system/kube-dns.

    Without it, the tenth address of each Service range, where kubeadm puts it.
    """
    service = cluster.services.get("kube-system/kube-dns")
    if service is not None and service.cluster_ips and not service.headless:
        return service.cluster_ips
    return tuple(
        str(ip_network(cidr)[10])
        for cidr in cluster.config.service_cidrs
        if ip_network(cidr).num_addresses > 10
    )


def coredns(cluster: Cluster, name: str, kind: str = "A") -> Reply:
    """CoreDNS' answer to a full name, with or without the last dot; `kind` is A, AAAA, CNAME, SRV, PTR, ..."""
    plain = name.rstrip(".").lower()
    if _in(plain, cluster.config.dns_domain):
        return _own(cluster, full(name), kind)
    if _in(plain, "in-addr.arpa") or _in(plain, "ip6.arpa"):
        owners = _owners(cluster, plain)
        if kind == "PTR" and owners:
            return Reply(answer=tuple(Record(full(name), "PTR", owner, TTL) for owner in owners))
    return _short_lived(outside(cluster, name, kind))


def outside(cluster: Cluster, name: str, kind: str = "A") -> Reply:
    """The outside server's answer: it knows the World's hosts by name, and nothing of the cluster."""
    plain = name.rstrip(".").lower()
    hosts = [host for host in cluster.world.hosts if host.name.lower() == plain]
    known = [
        Record(full(name), "AAAA" if ":" in host.address else "A", host.address, OUTSIDE_TTL)
        for host in hosts
    ]
    known += [
        Record(full(name), "PTR", full(host.name), OUTSIDE_TTL)
        for host in cluster.world.hosts
        if ip_address(host.address).reverse_pointer == plain and host.name != host.address
    ]
    answer = tuple(record for record in known if record.kind == kind)
    if answer:
        return Reply(answer=answer, authoritative=False, recursion=True)
    parts = any(host.name.lower().endswith(f".{plain}") for host in cluster.world.hosts)
    code = NOERROR if known or parts or not plain else NXDOMAIN
    authority = (Record(".", "SOA", _ROOT_SOA, 86400),)
    return Reply(code, authority=authority, authoritative=False, recursion=True)


def _short_lived(reply: Reply) -> Reply:
    def short(records: tuple[Record, ...]) -> tuple[Record, ...]:
        return tuple(replace(record, ttl=min(record.ttl, TTL)) for record in records)

    return replace(reply, answer=short(reply.answer), authority=short(reply.authority))


def _own(cluster: Cluster, name: str, kind: str) -> Reply:
    """The answer to a name of the cluster's own zone."""
    apex = name.rstrip(".").lower() == cluster.config.dns_domain
    if kind == "TXT" and name.lower() == f"dns-version.{cluster.config.dns_domain}.":
        return Reply(answer=(Record(name, "TXT", '"1.1.0"', 28800),))
    if kind == "SOA" and apex:
        return Reply(answer=(_soa(cluster),))
    if name.lower() == f"ns.dns.{cluster.config.dns_domain}.":
        records: list[Record] | None = [
            Record(name, "AAAA" if ":" in address else "A", address, TTL)
            for address in cluster_dns(cluster)
            if (":" in address) == (kind == "AAAA") and kind in ("A", "AAAA")
        ]
    else:
        records = _kubernetes(cluster, name, kind)
    if records:
        extra = _addresses_of(cluster, name) if kind == "SRV" else ()
        return Reply(answer=tuple(dict.fromkeys(records)), additional=extra)
    return Reply(NXDOMAIN if records is None else NOERROR, authority=(_soa(cluster),))


def _soa(cluster: Cluster) -> Record:
    """The record that comes with every no: how long the no may be kept is its last number."""
    domain = full(cluster.config.dns_domain)
    data = f"ns.dns.{domain} hostmaster.{domain} {SERIAL} 7200 1800 86400 {TTL}"
    return Record(domain, "SOA", data, TTL)


def _kubernetes(cluster: Cluster, name: str, kind: str) -> list[Record] | None:
    """The records of that kind; none where the name has none, None where the name does not exist."""
    if kind in ("A", "AAAA"):
        return _chain(cluster, name, kind, ())
    found = items(cluster, name.rstrip(".").lower())
    if found is None:
        return None
    if kind == "CNAME":
        return [Record(name, "CNAME", full(one.host), TTL) for one in found[:1] if one.kind == "CNAME"]
    if kind == "SRV":
        served = [one for one in found if one.port and one.kind != "CNAME"]
        weight = max(100 // len(served), 1) if served else 0
        return [Record(name, "SRV", f"0 {weight} {one.port} {full(one.owner)}", TTL) for one in served]
    return []


def _addresses_of(cluster: Cluster, name: str) -> tuple[Record, ...]:
    """The addresses of the hosts that SRV records name."""
    found = items(cluster, name.rstrip(".").lower()) or ()
    return tuple(dict.fromkeys(Record(full(one.owner), one.kind, one.host, TTL) for one in found if one.port))


def _chain(cluster: Cluster, name: str, kind: str, earlier: tuple[str, ...]) -> list[Record] | None:
    """The addresses of a name, and before them the aliases that lead there; `earlier` are those before.

    An alias within the zone that leads nowhere is left out, with all before it; one that leads outside
    is kept, whatever is there. An alias of itself, a circle, and one too many in a row lead nowhere.
    """
    found = items(cluster, name.rstrip(".").lower())
    if found is None:
        return None
    records: list[Record] = []
    for one in found:
        if one.kind == "CNAME":
            records += _alias(cluster, name, one, kind, earlier)
        elif one.kind == kind:
            records.append(Record(name, kind, one.host, TTL))
    return records


def _alias(cluster: Cluster, name: str, item: Item, kind: str, earlier: tuple[str, ...]) -> list[Record]:
    target = item.host
    if target == name.rstrip(".").lower() or target in earlier or len(earlier) > MAX_EARLIER:
        return []
    alias = Record(name, "CNAME", full(target), TTL)
    if _in(target, cluster.config.dns_domain):
        following = _chain(cluster, full(target), kind, (*earlier, target))
        return [alias, *following] if following else []
    return [alias, *coredns(cluster, full(target), kind).answer]


def _owners(cluster: Cluster, pointer: str) -> list[str]:
    """The full names of the Service with that clusterIP, or else of the ready endpoints with that address."""
    domain = full(cluster.config.dns_domain)
    for service in cluster.services.values():
        if any(_pointer(address) == pointer for address in service.cluster_ips):
            return [f"{service.name}.{service.namespace}.svc.{domain}"]
    return [
        f"{endpoint.hostname or dashes(address)}.{service.name}.{service.namespace}.svc.{domain}"
        for service in cluster.services.values()
        for one in slices_of(cluster, service)
        for endpoint in one.endpoints
        if endpoint.ready
        for address in endpoint.addresses
        if _pointer(address) == pointer
    ]


def _pointer(address: str) -> str:
    return "" if address == "None" else ip_address(address).reverse_pointer


def _in(name: str, domain: str) -> bool:
    return name == domain or name.endswith(f".{domain}")
