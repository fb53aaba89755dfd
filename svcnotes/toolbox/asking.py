"""A question for a DNS server, put from somewhere: whether its packet gets there, and what comes back."""

from __future__ import annotations

from dataclasses import dataclass

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
_PROHIBITED = ("icmp-admin-prohibited", "icmp-host-prohibited", "icmp-net-prohibited", "icmp6-adm-prohibited")


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of one question: the server's reply, or the words of a resolver that got none.

    `paths` are the ways that the packet might take; empty where no packet was followed.
    """

    server: str
    reply: Reply | None = None
    error: str = ""
    paths: tuple[Path, ...] = ()


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
) -> Asked:
    """Send a question to a DNS server's address, by the rules of the nodes on the way.

    The outside's server answers everybody, and no packet to it is followed. Where the cluster has no
    Service kube-system/kube-dns, Pods and Nodes get CoreDNS' answers at its usual address all the same. Of
    several Pods behind a Service the first that answers does (dig asks three times); any other
    program on that port says nothing.
    """
    if server in OUTSIDE and port == 53:
        return Asked(server, outside(cluster, name, kind))
    who = asker(cluster, source)
    if port == 53 and _stands_in(cluster, server, who):
        return Asked(server, coredns(cluster, name, kind))
    paths = trace(cluster, source, endpoint_text(server, port), protocol).paths
    if any(_reached(cluster, path) for path in paths):
        return Asked(server, coredns(cluster, name, kind), paths=paths)
    return Asked(server, error=_words(paths[0]), paths=paths)


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


def _reached(cluster: Cluster, path: Path) -> bool:
    pod = cluster.pods.get(path.pod or "")
    key, value = DNS_LABEL
    return (
        path.outcome == "connected"
        and pod is not None
        and pod.namespace == "kube-system"
        and pod.labels.get(key) == value
    )


def _words(path: Path) -> str:
    """A resolver's words for the end of a path, as recorded from dig 9.18.

    Its socket hears of a closed port and of a firewall's no; any other ICMP error leaves it waiting.
    """
    if path.outcome == "refused" and path.how != "eperm":
        return REFUSED
    return UNREACHABLE if path.how in _PROHIBITED else TIMED_OUT
