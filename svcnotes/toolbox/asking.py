"""A question for a DNS server, put from somewhere: whether its packet gets there, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.dns import (
    OUTSIDE,
    Reply,
    ResolvConf,
    Rung,
    cluster_dns,
    coredns,
    ladder,
    outside,
)
from svcnotes.control_plane.dns import resolv_conf as conf_of
from svcnotes.network.asker import Asker, asker
from svcnotes.packet import endpoint_text
from svcnotes.trace import Path, trace

DNS_LABEL = ("k8s-app", "kube-dns")
"""By this label in kube-system a Pod is taken to run CoreDNS."""
REFUSED, UNREACHABLE, TIMED_OUT = "connection refused", "host unreachable", "timed out"
TRIES = 3
"""How often dig and nslookup ask before they give up."""
_PROHIBITED = ("icmp-admin-prohibited", "icmp-host-prohibited", "icmp-net-prohibited", "icmp6-adm-prohibited")


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one question: the server's reply, or the words of a resolver that got none.

    `paths` are the ways that the packet might take; empty where no packet was followed. `failures` are the
    words for each try that failed, before the reply or instead of it; none where tries were not counted.
    """

    server: str
    reply: Reply | None = None
    error: str = ""
    paths: tuple[Path, ...] = ()
    failures: tuple[str, ...] = ()


class Ask(Protocol):
    """Something that puts a question to a server: `ask`, or a terminal's own way."""

    def __call__(
        self,
        cluster: Cluster,
        source: str,
        server: str,
        name: str,
        kind: str = "A",
        *,
        port: int = 53,
        protocol: str = "udp",
        tries: int = TRIES,
    ) -> Asked:
        """Put it, so many times at most."""


def conf_at(cluster: Cluster, source: str) -> ResolvConf:
    """The resolv.conf where the source is; `source` as in `svcnotes.trace`. Raises QuestionError."""
    return conf_of(cluster, asker(cluster, source).pod)


def resolv_conf(cluster: Cluster, source: str) -> str:
    """What `cat /etc/resolv.conf` prints where the source is. Raises QuestionError."""
    return str(conf_at(cluster, source))


def ask(
    cluster: Cluster,
    source: str,
    server: str,
    name: str,
    kind: str = "A",
    *,
    port: int = 53,
    protocol: str = "udp",
    tries: int = TRIES,
) -> Asked:
    """Send a question to a DNS server's address, by the rules of the nodes on the way.

    The outside's server answers everybody, and no packet to it is followed. Where the cluster has no
    Service kube-system/kube-dns, Pods and Nodes get CoreDNS' answers at its usual address all the same. Of
    several Pods behind a Service the first that answers does, and no try is counted: `tries` is for those
    who draw one. Any other program on that port says nothing.
    """
    del tries
    if port == 53 and (known := untraced(cluster, source, server, name, kind)) is not None:
        return Asked(server, known)
    paths = trace(cluster, source, endpoint_text(server, port), protocol).paths
    if any(reached(cluster, path) for path in paths):
        return Asked(server, coredns(cluster, name, kind), paths=paths)
    return Asked(server, error=words_for(paths[0]), paths=paths)


def untraced(cluster: Cluster, source: str, server: str, name: str, kind: str) -> Reply | None:
    """The reply of a server that is no part of this world's network; None where the packet must be followed."""
    if server in OUTSIDE:
        return outside(cluster, name, kind)
    stands_in = _stands_in(cluster, server, asker(cluster, source))
    return coredns(cluster, name, kind) if stands_in else None


def look_up(cluster: Cluster, source: str, name: str) -> tuple[Rung, ...]:
    """All questions that one look-up of a name leads to where the source is, each with its reply.

    Where no server answers, the last reply's code is the resolver's words for it. Raises QuestionError.
    """
    conf = conf_at(cluster, source)

    def server(where: Cluster, full: str, kind: str) -> Reply:
        asked = Asked("", error="no server")
        for address in conf.nameservers:
            asked = ask(where, source, address, full, kind)
            if asked.reply is not None:
                return asked.reply
        return Reply(asked.error)

    return ladder(cluster, name, conf, server=server)


def _stands_in(cluster: Cluster, server: str, who: Asker) -> bool:
    """Whether the cluster's files say nothing of DNS, and the asker is where it could be asked."""
    described = "kube-system/kube-dns" in cluster.services
    return not described and bool(who.host) and server in cluster_dns(cluster)


def reached(cluster: Cluster, path: Path) -> bool:
    """Whether a question that took this path came to CoreDNS, and the answer home."""
    pod = cluster.pods.get(path.pod or "")
    key, value = DNS_LABEL
    return (
        path.outcome == "connected"
        and pod is not None
        and pod.namespace == "kube-system"
        and pod.labels.get(key) == value
    )


def words_for(path: Path) -> str:
    """A resolver's words for the end of a path, as recorded from dig 9.18.

    Its socket hears of a closed port and of a firewall's no; any other ICMP error leaves it waiting.
    """
    if path.outcome == "refused" and path.how != "eperm":
        return REFUSED
    return UNREACHABLE if path.how in _PROHIBITED else TIMED_OUT
