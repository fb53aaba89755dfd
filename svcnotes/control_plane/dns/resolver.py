"""How a program's resolver finds a name: one full name after the other, until one has an address (glibc)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from svcnotes.control_plane.dns.records import ADDRESS_KINDS, NOERROR, NXDOMAIN, Reply
from svcnotes.control_plane.dns.resolv_conf import NDOTS, ResolvConf
from svcnotes.control_plane.dns.servers import cluster_dns, coredns

if TYPE_CHECKING:
    from svcnotes.control_plane.cluster import Cluster

Server = Callable[["Cluster", str, str], Reply]


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """An answer of DNS: `code` is NOERROR or NXDOMAIN, `name` the full name that was found (or asked last).

    `aliases` are the targets of the CNAMEs on the way, without the last dot; `addresses` may be empty
    under NOERROR: the name is there and has no address of that family. `asked` are all names tried.
    """

    name: str
    code: str = NOERROR
    addresses: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rung:
    """One question of a resolver, for a full name (without the last dot), and the server's reply."""

    name: str
    kind: str
    reply: Reply


def ladder(
    cluster: Cluster,
    name: str,
    conf: ResolvConf,
    kinds: Sequence[str] = ADDRESS_KINDS,
    server: Server = coredns,
) -> tuple[Rung, ...]:
    """All questions that a program's one look-up of `name` leads to, in order, each with its reply.

    For each name of the search list glibc asks for both kinds of address, and stops at the first name
    with an address. It goes on after a no, and after a name without addresses as well, but not where no
    server answers.
    """
    rungs: list[Rung] = []
    for candidate in conf.candidates(name.lower()):
        here = [Rung(candidate, kind, server(cluster, candidate, kind)) for kind in kinds]
        rungs += here
        if any(rung.reply.addresses or rung.reply.code not in (NOERROR, NXDOMAIN) for rung in here):
            break
    return tuple(rungs)


def resolve(
    cluster: Cluster,
    name: str,
    *,
    namespace: str = "",
    conf: ResolvConf | None = None,
    family: int | None = None,
) -> DnsAnswer:
    """Look a name up in the cluster's DNS with a Pod's resolv.conf.

    Without `conf` it is that of a plain Pod in `namespace`; an empty namespace has no search list.
    `family` is 4 or 6, None for both. An alias of an outside name that nobody knows ends the search, so
    that the answer can name it.
    """
    if conf is None:
        domain = cluster.config.dns_domain
        search = (f"{namespace}.svc.{domain}", f"svc.{domain}", domain) if namespace else ()
        conf = ResolvConf(cluster_dns(cluster), search, (("ndots", NDOTS),))
    asked: list[str] = []
    best = DnsAnswer(name, NXDOMAIN)
    for full in conf.candidates(name.lower()):
        asked.append(full)
        answer = query(cluster, full, family=family)
        if best.code == NXDOMAIN:  # a name without an address is better than none, as glibc has it
            best = answer
        if answer.addresses or answer.aliases:
            best = answer
            break
    return replace(best, asked=tuple(asked))


def query(cluster: Cluster, name: str, *, family: int | None = None) -> DnsAnswer:
    """CoreDNS' answer to one full name, CNAMEs followed; both families where none is named."""
    kinds = ADDRESS_KINDS if family is None else (ADDRESS_KINDS[family == 6],)
    replies = [coredns(cluster, name, kind) for kind in kinds]
    code = NXDOMAIN if all(reply.code == NXDOMAIN for reply in replies) else NOERROR
    return DnsAnswer(
        name,
        code,
        tuple(address for reply in replies for address in reply.addresses),
        tuple(dict.fromkeys(alias for reply in replies for alias in reply.aliases)),
    )
