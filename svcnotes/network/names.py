"""What a question is for: an address, or a name as the asker's resolver would find it.

Everybody knows the names of Nodes and of the World's hosts. The cluster's DNS answers full names to
whoever asks (real Nodes and outside hosts seldom ask it); only Pods have its search list. Simplified:
one address family a question, and of several addresses each is as likely as any other.
"""

from __future__ import annotations

from svcnotes.addresses import read_address
from svcnotes.control_plane import dns
from svcnotes.control_plane.cluster import Cluster
from svcnotes.copying import value
from svcnotes.errors import QuestionError
from svcnotes.network.addresses import family
from svcnotes.network.asker import Asker


@value(frozen=True, slots=True)
class Target:
    """What a question is for: equally likely addresses, and a port (0 for a ping).

    No addresses: the name is an alias of `alias`, a name of the outside world that nobody here knows.
    """

    addresses: tuple[str, ...]
    port: int
    alias: str = ""


def target(cluster: Cluster, to: str, who: Asker, *, ping: bool = False) -> Target:
    """Read `ADDRESS:PORT`, `[V6]:PORT` or `NAME:PORT`, or for a `ping` an address or a name; raises QuestionError."""
    host, port = (_without_port(to), 0) if ping else _split(to)
    alias = ""
    try:
        addresses: tuple[str, ...] = (str(read_address(host)),)
    except ValueError:
        addresses, alias = _resolve(cluster, to, host, who)
    if not addresses:
        return Target((), port, alias)
    usable = tuple(a for a in dict.fromkeys(addresses) if who.speaks(family(a)))
    # A name with addresses of both families: the cluster's first, as a Service's first clusterIP.
    chosen = tuple(a for a in usable if family(a) == cluster.families[0]) or usable
    if not chosen:
        kind = "an IPv6" if ":" in addresses[0] else "an IPv4"
        raise QuestionError(
            f"to {to}: {kind} address, and the source has none of that family; ask from one that has"
        )
    if read_address(chosen[0]).is_unspecified or read_address(chosen[0]).is_multicast:
        raise QuestionError(f"to {to}: no connection can be made to {chosen[0]}; write the address of a host")
    return Target(tuple(sorted(chosen)), port)


def _without_port(to: str) -> str:
    if not isinstance(to, str) or not to.strip():
        raise QuestionError(f"to {to!r}: write the address or the name to ping")
    host = to[1:-1] if to.startswith("[") and to.endswith("]") else to
    try:
        return str(read_address(host))
    except ValueError:
        pass
    if ":" in host:
        raise QuestionError(
            f"to {to}: a ping (icmp) goes to a host and has no port; write {_split(to)[0]} alone"
        )
    return host


def _split(to: str) -> tuple[str, int]:
    if not isinstance(to, str):
        raise QuestionError(f"to {to!r}: write ADDRESS:PORT, [V6]:PORT or NAME:PORT")
    if to.startswith("["):
        host, _, rest = to[1:].partition("]")
        port = rest[1:] if rest.startswith(":") else ""
    else:
        host, _, port = to.rpartition(":")
    if not host or not port or (":" in host and not to.startswith("[")):
        raise QuestionError(f"to {to}: write ADDRESS:PORT, [V6]:PORT or NAME:PORT")
    if not (port.isascii() and port.isdigit() and 1 <= int(port) <= 65535):
        raise QuestionError(f"to {to}: {port!r} is no port; write a number from 1 to 65535")
    return host, int(port)


def _resolve(cluster: Cluster, to: str, name: str, who: Asker) -> tuple[tuple[str, ...], str]:
    """The addresses of a name; or none, and the unknown name that it is an alias of."""
    for node in cluster.nodes.values():
        if node.name == name:
            return node.addresses or node.external_addresses, ""
    conf = dns.resolv_conf(cluster, who.pod)
    found = dns.resolve(cluster, name, conf=conf)
    if found.addresses:
        return found.addresses, ""
    if found.aliases:
        return (), found.aliases[-1]
    if found.code == "NOERROR":
        raise QuestionError(
            f"to {to}: {found.name} is there and has no address: it is an alias that leads nowhere "
            "(to itself, in a circle, to a name that the cluster does not have), or no whole name; ask for another"
        )
    if conf.search:
        tried = ", ".join(found.asked) or name
        raise QuestionError(f"to {to}: no such name (NXDOMAIN); asked for {tried}")
    servers = " or ".join(conf.nameservers) or "nobody"
    outer = set(conf.nameservers) <= set(dns.OUTSIDE)
    raise QuestionError(
        f"to {to}: no such name (NXDOMAIN), so no packet sets out. {who.host or 'A host outside'} asks {servers}"
        f"{', a server that knows nothing of the cluster' if outer and conf.nameservers else ''}; only a Pod "
        "whose dnsPolicy is ClusterFirst may leave out the end of a name. Ask from such a Pod, or for SERVICE.NAMESPACE.svc.DOMAIN: "
        "svcnotes puts such a full name to the cluster's DNS, whoever asks"
    )
