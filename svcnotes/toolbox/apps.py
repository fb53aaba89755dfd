"""What the programs behind the ports say: the Pods' small echo server, kube-proxy's checks, outside sites.

The app of every Pod is the same: it greets, and names the address that its socket saw. Simplified: a
port speaks TLS where its number is 443, 6443 or 8443 or its name begins with https; a Pod's certificate
is signed by itself; an outside host whose name is a DNS name has a certificate for it, and serves
one site, of that name; a proxying load balancer adds X-Forwarded-For to plain HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kube_proxy import healthcheck
from svcnotes.kube_proxy.modes import DEFAULT
from svcnotes.network.outside import BALANCER, outside_served
from svcnotes.network.sockets import PROXY_METRICS
from svcnotes.toolbox.session import Session
from svcnotes.trace import Path

TLS_PORTS = (443, 6443, 8443, 10250)
KUBELET_HEALTHZ, KUBELET_PORT = 10248, 10250
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 503: "Service Unavailable"}
_SELF_SIGNED = "SSL certificate problem: self-signed certificate"
_MISMATCH = "SSL: no alternative certificate subject name matches target host name '{}'"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request: `host` is what the Host header says, `name` the one in the URL."""

    name: str
    host: str
    path: str = "/"
    method: str = "GET"
    agent: str = "curl/7.88.1"
    tls: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `more` are further lines of its head."""

    status: int
    body: str
    kind: str = "text/plain"
    more: tuple[str, ...] = ()

    @property
    def reason(self) -> str:
        """The words after the number."""
        return REASONS.get(self.status, "")

    @property
    def head(self) -> tuple[str, ...]:
        """The lines before the body, the empty one included."""
        size = len(self.body.encode())
        first = f"HTTP/1.1 {self.status} {self.reason}"
        return first, f"Content-Type: {self.kind}", *self.more, f"Content-Length: {size}", ""


def end(path: Path) -> tuple[str, int, str]:
    """The process at the connection's end: its host, its port, and the source that it saw."""
    for hop in reversed(path.hops):
        for step in hop.steps:
            if step.table == "socket" and step.verdict == "deliver" and hop.direction == "there":
                return hop.host, step.before.destination_port, step.before.source
    return "", 0, ""


def speaks_tls(cluster: Cluster, path: Path) -> bool:
    """Whether the process at the end of this connection speaks TLS."""
    _, port, _ = end(path)
    pod = cluster.pods.get(path.pod or "")
    names = [one.name for one in pod.ports if one.number == port] if pod is not None else []
    return any(name.startswith("https") for name in names) or (port in TLS_PORTS and not any(names))


def certificate_error(cluster: Cluster, path: Path, name: str) -> str:
    """Why a client that checks would not trust the certificate; empty where it would."""
    site = _site(cluster, path)
    if not site:
        return _SELF_SIGNED
    return "" if name.rstrip(".").lower() == site else _MISMATCH.format(name)


def _site(cluster: Cluster, path: Path) -> str:
    """The DNS name of the outside host at the end, empty where it has none."""
    if path.pod is not None or not path.answered_by:
        return ""
    return next(
        (
            one.name.lower()
            for one in outside_served(cluster).values()
            if one.name == path.answered_by and "." in one.name and one.name != one.address
        ),
        "",
    )


def reply(session: Session, path: Path, asked: Asked) -> Answer:
    """What the process at the end answers; a Pod writes it down in its log as well."""
    cluster = session.cluster
    host, port, seen = end(path)
    if path.status is not None:
        found = healthcheck.answer(cluster, host, port, 6 if ":" in seen else 4)
        more = [f"{name}: {value}" for name, value in (found.headers if found else {}).items()]
        kept = tuple(line for line in more if not line.startswith("Content-Type"))
        return Answer(path.status, _json(path.body or {}), "application/json", kept)
    if path.pod is None and host in cluster.nodes:
        return _node_answer(cluster, port, asked)
    if asked.tls != speaks_tls(cluster, path):
        answer = Answer(400, "Client sent an HTTP request to an HTTPS server.\n")
    elif path.pod is None:
        answer = _outside_answer(cluster, path, asked, seen)
    else:
        answer = Answer(200, _greeting(path.pod.partition("/")[2], seen, forwarded_for(path, asked)))
    if path.pod is not None:
        log(session, path.pod, seen, asked, answer, forwarded_for(path, asked))
    return answer


def _node_answer(cluster: Cluster, port: int, asked: Asked) -> Answer:
    """What a daemon of the node says to HTTP: kube-proxy's metrics, the kubelet."""
    if port == PROXY_METRICS and asked.path == "/proxyMode":
        return Answer(200, cluster.proxy.mode or DEFAULT)
    if port == PROXY_METRICS and asked.path == "/healthz":
        return Answer(200, "ok")
    if port == KUBELET_HEALTHZ and asked.path == "/healthz":
        return Answer(200, "ok")
    if port == KUBELET_PORT:
        said = "Unauthorized" if asked.tls else "Client sent an HTTP request to an HTTPS server.\n"
        return Answer(401 if asked.tls else 400, said)
    return Answer(404, "404 page not found\n")


def _greeting(name: str, seen: str, forwarded: str) -> str:
    more = f" (X-Forwarded-For: {forwarded})" if forwarded else ""
    return f"Hello from {name}, you are {seen}{more}\n"


def _outside_answer(cluster: Cluster, path: Path, asked: Asked, seen: str) -> Answer:
    site = _site(cluster, path)
    wanted = asked.host.partition(":")[0].rstrip(".").lower()
    if site and wanted != site:
        return Answer(404, f"No site {wanted} on this server\n")
    return Answer(200, _greeting(path.answered_by, seen, ""))


def forwarded_for(path: Path, asked: Asked) -> str:
    """The client's address where a proxying balancer on the way wrote it into the request; else empty."""
    proxied = any(hop.host.startswith(BALANCER) for hop in path.hops)
    return path.hops[0].packet.source if proxied and not asked.tls and path.hops else ""


def log(session: Session, pod: str, seen: str, asked: Asked, answer: Answer, forwarded: str) -> None:
    """Write a line into the Pod's access log, in nginx' format `main`."""
    when = session.clock.strftime("%d/%b/%Y:%H:%M:%S +0000")
    line = (
        f'{seen} - - [{when}] "{asked.method} {asked.path} HTTP/1.1" {answer.status} '
        f'{len(answer.body.encode())} "-" "{asked.agent}" "{forwarded or "-"}"'
    )
    session.access.setdefault(pod, []).append(line)


def _json(body: Mapping[str, object]) -> str:
    """JSON as kube-proxy writes it: a health check's in lines with tabs, its own healthz in one."""
    if "localEndpoints" in body:
        return json.dumps(body, indent="\t")
    return json.dumps(body, separators=(", ", ": "))
