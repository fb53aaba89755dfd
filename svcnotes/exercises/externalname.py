"""The exercises of the lesson on ExternalName."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from svcnotes import scenarios
from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.dns import coredns
from svcnotes.control_plane.dns.zone import is_address
from svcnotes.errors import ApiError, SvcnotesError
from svcnotes.exercises.apply import apply
from svcnotes.exercises.asked import Asked, Seen
from svcnotes.exercises.choose import Choice, choose
from svcnotes.exercises.claims import Claim, ends
from svcnotes.exercises.evidence import target_rule
from svcnotes.exercises.exercise import Exercise, right, wrong
from svcnotes.exercises.misconceptions import check_ideas
from svcnotes.exercises.verdict import Verdict
from svcnotes.kube_proxy import rules
from svcnotes.loopback import Call, call, serving
from svcnotes.toolbox.asking import look_up
from svcnotes.toolbox.dig import dig
from svcnotes.trace import trace

__all__ = ["address", "blank", "fixed", "gained", "host", "port", "tls", "where"]

SHOP, VAULT, NODE = "pod/default/shop", "pod/finance/vault", "node/node-1"
SERVED, ALIAS = "db.example.com", "my-db"
FULL = "my-db.default.svc.cluster.local"
HOST = "203.0.113.50"
HALF = """\
apiVersion: v1
kind: Service
metadata: {name: my-db}
spec:
  ports: [{name: sql, port: 5432}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: my-db-1, labels: {app: my-db}}
addressType: IPv4
endpoints: [{addresses: [203.0.113.50]}]
ports: [{port: 5432}]
"""


def _cluster() -> Cluster:
    return scenarios.load("externalname")


def _without() -> Cluster:
    return _cluster().delete("service", "my-db")


def _mapped() -> Cluster:
    """The alias, with a port that looks as if it led to another."""
    ports = "spec: {ports: [{port: 80, targetPort: 5432}]}"
    return _cluster().patch("service", "my-db", ports, style="merge")


@lru_cache(maxsize=4)
def _called(name: str, *, secure: bool) -> tuple[Call, tuple[str, ...]]:
    """A real call, on loopback, of a server for db.example.com under some name; and what the server saw."""
    with serving(SERVED, tls=secure) as server:
        made = call(server, name)
    return made, server.log


def _count(seen: Seen) -> int:
    """How many rules node-1 has in the second cluster more than in the first."""
    first, second = (len(rules(cluster, "node-1").splitlines()) for cluster in seen.clusters)
    return second - first


gained = choose(
    "gained",
    "Somebody makes the Service my-db, of type ExternalName. How many rules more does node-1 have then?",
    [_without, _cluster],
    (
        Choice(
            "some ten, as with any Service that has one endpoint",
            lambda seen: _count(seen) > 1,
            "externalname-has-rules",
            "kube-proxy writes rules about a Service's addresses. This Service has none: no clusterIP, no nodePort, no endpoint.",
        ),
        Choice(
            "one, that sends packets for my-db on to db.example.com",
            lambda seen: _count(seen) == 1,
            "externalname-is-a-proxy",
            "No rule can do that: packets are sent to addresses, never to names, and nothing here has an address to match.",
        ),
        Choice("none", lambda seen: _count(seen) == 0),
    ),
    (
        "What does kube-proxy write rules about?",
        "About addresses. Which addresses does my-db have?",
        "CLUSTER-IP is <none>, and there are no endpoints.",
    ),
)

port = choose(
    "port",
    "The Service my-db has port 80 and targetPort 5432 now. db.example.com listens on 5432 and on 443. The pod shop dials my-db:80. "
    "How does it end?",
    Asked(_mapped, SHOP, "my-db:80"),
    (
        Choice(
            "connected: port 80 of the Service leads to 5432",
            lambda seen: seen.outcomes == {"connected"},
            "externalname-maps-ports",
            "Somebody would have to rewrite the 80, and nobody does: DNS answers with addresses and says nothing of ports, and there is no rule.",
        ),
        Choice(
            "refused, by db.example.com itself",
            lambda seen: seen.paths[0].how == "rst",
        ),
        Choice(
            "refused, by a rule on node-1",
            lambda seen: seen.paths[0].how == "icmp-port-unreachable",
            "externalname-has-rules",
            "No rule of node-1 knows of my-db: the packet passes, with db.example.com's address on it, and port 80.",
        ),
    ),
    (
        "Which number stands in the packet that leaves shop?",
        "The one that shop dialled. Does anything on the way change it?",
        "Nothing does. So who gets a packet for port 80, and has nothing there?",
    ),
    rule=lambda _: "",  # that no rule decides is the point
)

tls = choose(
    "tls",
    "db.example.com serves a web page by HTTPS, with a good certificate for its own name. A program in shop opens https://my-db. What does it get?",
    _cluster,
    (
        Choice(
            "the page: the alias ends at db.example.com, and the certificate is for db.example.com",
            lambda _: _called(ALIAS, secure=True)[0].ok,
            "the-certificate-fits-the-alias",
            "The alias stays between the resolver and DNS: all that the program hears back is an address. It compares the certificate "
            "with the name that it was given, my-db.",
        ),
        Choice(
            "the page: the Service passes the call on under the right name",
            lambda _: _called(ALIAS, secure=True)[0].ok,
            "externalname-is-a-proxy",
            "There is nobody in between who could: the packets go straight from the pod to the host outside.",
        ),
        Choice(
            "an error about the certificate, and no page",
            lambda _: "CERTIFICATE_VERIFY_FAILED" in _called(ALIAS, secure=True)[0].error,
        ),
    ),
    (
        "Which name does the program know?",
        "my-db, and no other. And for which name is the certificate?",
        "A certificate for db.example.com says nothing about my-db.",
    ),
)

host = choose(
    "host",
    "Now without TLS: shop opens http://my-db, and the server outside serves many sites. Which `Host:` header does it read?",
    _cluster,
    (
        Choice(
            SERVED,
            lambda _: _called(ALIAS, secure=False)[0].host == SERVED,
            "the-host-header-follows",
            "The header is written by the program, from its URL, before a packet leaves. Nobody corrects it on the way: a rule changes addresses "
            "and ports, and here there is not even a rule.",
        ),
        Choice(
            FULL,
            lambda _: _called(ALIAS, secure=False)[0].host == FULL,
            "",
            "The search list is the resolver's affair. The program keeps the name that it was given.",
        ),
        Choice(ALIAS, lambda _: "Host: my-db" in " ".join(_called(ALIAS, secure=False)[1])),
    ),
    (
        "Who writes the header?",
        "The program, from its URL.",
        "http://my-db: what stands between the slashes?",
    ),
)


def _with_an_address(cluster: Cluster) -> Cluster | None:
    """The cluster with an address for an externalName; None where kube-apiserver refuses it."""
    try:
        return cluster.patch("service", "my-db", f"spec: {{externalName: {HOST}}}")
    except ApiError:
        return None


def _code(cluster: Cluster | None) -> str:
    return coredns(cluster, FULL).code if cluster else ""


address = choose(
    "address",
    f"The outside host has no name, only the address {HOST}. Somebody writes `externalName: {HOST}`. What comes of it?",
    _cluster,
    (
        Choice(
            f"my-db leads to {HOST}, without a detour",
            lambda seen: _code(_with_an_address(seen.cluster)) == "NOERROR",
            "externalname-takes-an-address",
            "An alias can only lead to a name. CoreDNS sees four numbers, makes no record of them, and so the name my-db is not there at all.",
        ),
        Choice(
            "kube-apiserver refuses it",
            lambda seen: _with_an_address(seen.cluster) is None,
            "",
            "Digits and dots may stand in a name, so it lets them pass. (An IPv6 address it would refuse, for its colons.)",
        ),
        Choice(
            "it is stored, and the name my-db is not there any more: NXDOMAIN",
            lambda seen: _code(_with_an_address(seen.cluster)) == "NXDOMAIN",
        ),
    ),
    (
        "What is a CNAME allowed to point to?",
        "A name. Does 203.0.113.50 read as one, to kube-apiserver? To CoreDNS?",
        "Try it: cluster.patch(...), and dig.",
    ),
)

where = choose(
    "where",
    f"You log in on node-1, on which the pod shop runs, and type `dig {FULL} +short`. What is printed?",
    _cluster,
    (
        Choice(
            "the alias and the address, as in shop",
            lambda seen: bool(dig(seen.cluster, NODE, f"{FULL} +short")),
            "a-name-is-known-everywhere",
            "Only CoreDNS knows names that end in cluster.local. node-1 asks the server in its own resolv.conf, 192.0.2.53.",
        ),
        Choice(
            "the address of node-1, where the Service's rules are",
            lambda seen: "172.18.0.11" in dig(seen.cluster, NODE, f"{FULL} +short"),
            "externalname-has-rules",
            "An ExternalName has no rules on any node, and its name leads to none.",
        ),
        Choice("nothing", lambda seen: dig(seen.cluster, NODE, f"{FULL} +short") == ""),
    ),
    (
        "Which server does node-1 ask?",
        "Print its resolv.conf, as you did for shop.",
        "192.0.2.53 is the outside's server, and knows nothing of cluster.local.",
    ),
)


def _next_name(
    name: str, question: str, looked_up: str, ideas: Mapping[str, tuple[str, str]], hints: tuple[str, ...]
) -> Exercise:
    """Ask for the second full name that the pod vault's resolver tries."""
    check_ideas((idea for idea, _ in ideas.values()), name)

    def judge(answer: str) -> Verdict:
        given = answer.strip().strip("'\"").rstrip(".").lower()
        tried = list(dict.fromkeys(rung.name for rung in look_up(_cluster(), VAULT, looked_up)))
        if given == tried[1]:
            return right(given, explanation=f"In order: {', '.join(tried)}.")
        idea, why = ideas.get(
            given,
            (
                "",
                "The endings of the search list are put behind the name as it was typed, with a dot between.",
            ),
        )
        return wrong(given, misconception=idea, explanation=why)

    return Exercise(name, question, judge, hints)


blank = _next_name(
    "blank",
    "The pod vault lives in the namespace finance. A program in it looks up `my-db.default`. "
    "Its resolver asks for two full names, and the second is there. Fill the blank: "
    "my-db.default.finance.svc.cluster.local (no such name) → ____ (found).",
    "my-db.default",
    {
        "my-db.default": ("", "It comes to that at the end only: the name has one dot, and ndots is 5."),
        "my-db.default.cluster.local": (
            "",
            "That is the third rung. The second has the answer, so nobody asks for the third.",
        ),
        "svc.cluster.local": ("", "That is the ending alone. Which name is it put behind?"),
        "my-db.svc.cluster.local": (
            "",
            "Nothing is taken away from what was typed: things are put behind it.",
        ),
        "db.example.com": (
            "externalname-is-a-proxy",
            "That name stands in CoreDNS' answer. Asked for are names made of what was typed.",
        ),
    },
    (
        "What is the second ending in vault's search list?",
        "svc.cluster.local. Put it behind what was typed.",
        "my-db.default + svc.cluster.local",
    ),
)


def _plain_service() -> Claim:
    """Claim that my-db is a Service with a clusterIP and without a selector."""
    text = "my-db has a clusterIP and no selector"

    def judge(cluster: Cluster) -> Verdict:
        service = cluster.services.get("default/my-db")
        if service is None:
            return wrong(explanation="There is no Service my-db in the namespace default.")
        if service.cluster_ips and not service.headless and not service.selector:
            return right()
        digits = service.type == "ExternalName" and is_address(service.external_name)
        return wrong(
            misconception="externalname-takes-an-address" if digits else "",
            explanation="Asked is a Service of type ClusterIP (the default) without a selector; its endpoints come from the slice.",
            hint="Leave type, clusterIP, externalName and selector out.",
        )

    return Claim(text, judge)


def _by_a_rule() -> Claim:
    """Claim that a rule of shop's node leads the packet to the host outside."""
    text = f"a rule of node-1 turns the Service's address into {HOST}"

    def judge(cluster: Cluster) -> Verdict:
        try:
            path = trace(cluster, SHOP, "my-db:5432").paths[0]
        except SvcnotesError as error:
            return wrong(said=str(error), explanation="So the packet cannot even set out.")
        rule = target_rule(path)
        if f"--to-destination {HOST}:5432" in rule:
            return right(explanation=f"{path.reason}.", rule=rule)
        return wrong(explanation=f"No rule leads there: {path.reason}.")

    return Claim(text, judge)


fixed = apply(
    "fixed",
    f"my-db has been deleted. Make it anew, as a Service with an address of its own that leads to the fixed address {HOST}, port 5432.",
    _without,
    (
        _plain_service(),
        ends(
            "the pod shop dials my-db:5432 and is answered by the host outside",
            SHOP,
            "my-db:5432",
            pod=lambda path: path.answered_by == SERVED,
            hint="Two things tie a slice to a Service: the label kubernetes.io/service-name, and equal names of ports.",
        ),
        _by_a_rule(),
        ends(
            "node-1 itself, which knows no such name, reaches the host by the Service's address",
            NODE,
            lambda cluster: f"{cluster.services['default/my-db'].cluster_ips[0]}:5432",
            pod=lambda path: path.answered_by == SERVED,
        ),
    ),
    (
        "Apply it as it is. Which rule refuses, and what does its comment say?",
        "“has no endpoints”. How does a slice say whose it is? By a label: kubernetes.io/service-name.",
        "labels: {kubernetes.io/service-name: my-db}, and the port's name: sql, on both sides.",
    ),
    HALF,
)
