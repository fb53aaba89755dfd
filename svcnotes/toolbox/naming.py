"""How a program at a place turns a name into addresses: /etc/hosts, then the servers in resolv.conf.

The look-up's packets walk the rules like any other, so that a cluster whose DNS cannot be reached
resolves nothing. Simplified: one packet stands for all questions of a look-up, and a cluster without
a Service kube-system/kube-dns has a DNS that is always there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address

from svcnotes.control_plane import dns
from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import Pod
from svcnotes.network.addresses import family
from svcnotes.network.asker import asker
from svcnotes.toolbox.connection import TIMED_OUT, connect, target
from svcnotes.toolbox.places import Place
from svcnotes.toolbox.session import Session

ATTEMPT = 5.0  # resolv.conf(5): timeout
ATTEMPTS = 2
_QUESTION = "?" * 50  # as long as a question for a name is


@dataclass(frozen=True, slots=True)
class Found:
    """What a look-up gave: addresses in the order to be tried, or the reason why there are none.

    `name` is the full name that was found. `silent` says that no server answered in time. `alias` is
    set where the name is an alias of an outside name that this world does not know.
    """

    addresses: tuple[str, ...] = ()
    name: str = ""
    silent: bool = False
    alias: str = ""


def look_up(session: Session, place: Place, name: str, *, limit: float = ATTEMPT * ATTEMPTS) -> Found:
    """Find the addresses of a name as `getaddrinfo` does at that place; `limit` in seconds."""
    try:
        return Found((str(ip_address(name.strip("[]"))),), name)
    except ValueError:
        pass
    cluster = session.cluster
    known = from_hosts_file(cluster, place, name)
    if known:
        return Found(known, name)
    conf = dns.resolv_conf(cluster, pod_of(cluster, place))
    server = conf.nameservers[0] if conf.nameservers else ""
    heard = reach(session, place, server, limit)
    if heard != "":
        return Found(silent=heard == TIMED_OUT)
    answers = partial(dns.coredns) if server in dns.cluster_dns(cluster) else partial(dns.outside)
    rungs = dns.ladder(cluster, name, conf, server=answers)
    addresses = tuple(dict.fromkeys(a for rung in rungs for a in rung.reply.addresses))
    aliases = [alias for rung in rungs for alias in rung.reply.aliases]
    full = rungs[-1].name if rungs else name
    return Found(
        _usable(session, place, addresses), full, alias=aliases[-1] if aliases and not addresses else ""
    )


def reach(session: Session, place: Place, server: str, limit: float) -> str:
    """Whether the name server answers: empty, or the error of the C library."""
    cluster = session.cluster
    if not server or "kube-system/kube-dns" not in cluster.services or server not in dns.cluster_dns(cluster):
        return ""  # outside servers, and a cluster's DNS that this world has no Pods for
    started = session.now
    for _ in range(ATTEMPTS):
        left = limit - (session.now - started)
        if left <= 0:
            break
        talk = connect(session, place, target(server, 53), "udp", limit=min(ATTEMPT, left), request=_QUESTION)
        if talk.connected:
            return ""
        if talk.error != TIMED_OUT:
            return talk.error
    return TIMED_OUT


def pod_of(cluster: Cluster, place: Place) -> Pod | None:
    """The Pod at a place, if it is one."""
    return cluster.pods.get(place.pod)


def from_hosts_file(cluster: Cluster, place: Place, name: str) -> tuple[str, ...]:
    """What /etc/hosts says: localhost, a Pod's own name, and the Nodes, which every host knows here."""
    if name == "localhost":
        return ("127.0.0.1",) if 4 in cluster.families else ("::1",)
    pod = pod_of(cluster, place)
    if pod is not None and name == pod.name:
        return pod.addresses
    node = cluster.nodes.get(name)
    return node.addresses or node.external_addresses if node is not None else ()


def _usable(session: Session, place: Place, addresses: tuple[str, ...]) -> tuple[str, ...]:
    """The addresses of the place's own families, the cluster's first family first, in a random order."""
    who = asker(session.cluster, place.source)
    shuffled = session.random.sample(addresses, len(addresses))  # CoreDNS' plugin loadbalance
    order = list(session.cluster.families)
    usable = [a for a in shuffled if who.speaks(family(a))]
    return tuple(sorted(usable, key=lambda a: order.index(family(a)) if family(a) in order else len(order)))
