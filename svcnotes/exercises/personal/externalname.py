"""The coursework on ExternalName: names, aliases, and ports that do not follow."""

from __future__ import annotations

import json
from typing import Any

from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises.apply import apply
from svcnotes.exercises.claims import ends, kept, stored
from svcnotes.exercises.edit_rules import edit_rules
from svcnotes.exercises.exercise import Exercise
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.personal.definition import Definition
from svcnotes.exercises.personal.doors import arrived_at, even, spread
from svcnotes.exercises.personal.explain import Cause, Sighting, explain
from svcnotes.exercises.personal.fields import NO_NAME, dialled, seen_outside
from svcnotes.exercises.personal.reasons import BOTH, LAST_DOOR, ends_with
from svcnotes.exercises.personal.several import several
from svcnotes.exercises.personal.site import Drawn, Site, about, one_yaml, site

LESSON = "04-externalname"
_STORES = ("archive", "bank", "cellar", "db", "depot", "files", "index", "ledger", "papers", "parts", "press", "prints", "records", "registry", "shelf", "silo", "stock", "tapes", "vault", "vouchers")  # fmt: skip
_DOMAINS = ("example.com", "example.net", "example.org")
_SPACES = ("batch", "finance", "nightly", "reports", "staging")
_SERVED = (1521, 2049, 3306, 5432, 6379, 9042, 11211, 27017)


def alias(
    name: str, to: str, ports: list[dict[str, Any]] | None = None, namespace: str = "default"
) -> dict[str, Any]:
    """A Service of type ExternalName."""
    spec: dict[str, Any] = {"type": "ExternalName", "externalName": to}
    if ports:
        spec["ports"] = ports
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


def _store(draw: Draw) -> tuple[str, str, int]:
    """A drawn host outside: a short name, its full one, and the port that it serves."""
    short = draw.one("store", _STORES)
    return short, f"{short}.{draw.one('domain', _DOMAINS)}", draw.one("served", _SERVED)


def _outside(place: Site, full: str, served: int) -> dict[str, Any]:
    return {"hosts": [{"name": full, "address": place.host, "serves": [served]}]}


def _ports(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0))
    short, full, served = _store(draw)
    cluster = place.cluster(
        *place.members(),
        place.service(),
        alias(f"my-{short}", full, [{"port": place.port, "targetPort": served}]),
        world={**_outside(place, full, served), "cniMasquerade": True},
    )
    mapped = {
        "connected": (
            "externalname-maps-ports",
            "DNS answers with addresses and says nothing of ports, and no rule rewrites them.",
        )
    }
    fields: dict[str, Exercise] = {
        "name": dialled(
            f"to which address does tool's packet go, when it dials my-{short}?",
            cluster.asks(place.tool.source, f"my-{short}:{served}"),
        ),
    }
    aims = {
        "first": f"my-{short}:{place.port}",
        "second": f"my-{short}:{served}",
        "third": f"{full}:{served}",
        "fourth": f"{place.app}:{place.port}",
    }
    doors = {
        key: ends_with(
            f"tool dials {aim}.",
            cluster.asks(place.tool.source, aim),
            LAST_DOOR,
            mapped if key == "first" else None,
        )
        for key, aim in aims.items()
    }
    for number, key in enumerate(draw.order("ways", sorted(doors)), 1):
        fields[f"way {number}"] = doors[key]
    proxy = "Nobody stands between: an ExternalName is a name, and the packet goes from the pod's node straight to that host."
    fields["seen"] = seen_outside(
        f"which source address does {full} see, when tool dials my-{short}:{served}? (Nodes masquerade what their pods send to the outside.)",
        cluster.asks(place.tool.source, f"my-{short}:{served}"),
        {
            "else": ("externalname-is-a-proxy", proxy),
            place.tool.address: ("", "A pod's address means nothing outside: its node lends its own."),
        },
    )
    asked = cluster.asks(place.tool.source, f"my-{short}:{served}")
    made = several(
        "ports",
        f"The Service my-{short} is of type ExternalName, externalName: {full}, with an entry port: {place.port}, targetPort: {served}. {full} has the address {place.host} and "
        f"serves {served} only. How does each connection end, and at which address and port does its packet arrive (any one, where chance decides)? "
        f"Write both, such as `refused 192.0.2.10:80`. {BOTH}\n{place.told(service=place.said())}",
        fields,
        (
            "What does the cluster do for an ExternalName: does it write rules, or does it answer DNS questions?",
            "It is an alias in DNS, so the port that is dialled is the port that arrives.",
            f"Only {served} is served by {full}, and what is dialled there arrives as it is. {place.app} is a Service with rules: it is led to a pod's address, and to the pods' port.",
        ),
    )
    return about(cluster, made, asked)


def _names(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0))
    short, full, served = _store(draw)
    space = draw.one("space", _SPACES)
    job = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "job", "namespace": space},
        "spec": {"nodeName": place.busiest().name, "containers": [{"name": "main", "image": "example.com/main"}]},
    }  # fmt: skip
    cluster = place.cluster(
        *place.members(),
        place.service(),
        job,
        alias(f"my-{short}", full),
        alias(f"by-{short}", place.host, namespace=space),
        world=_outside(place, full, served),
    )
    there = {"none": ("a-name-is-known-everywhere", "That name does exist where this pod looks for it.")}
    nowhere = {
        "address": (
            "a-name-is-known-everywhere",
            "A short name is tried in the asker's own namespace; in others only NAME.NAMESPACE is found.",
        )
    }
    every = {
        "a": (place.tool.source, f"my-{short}", "tool, in default,", there),
        "b": (f"pod/{space}/job", f"my-{short}", f"job, in {space},", nowhere),
        "c": (f"pod/{space}/job", f"my-{short}.default", f"job, in {space},", there),
        "d": (place.tool.source, f"by-{short}.{space}", "tool, in default,", {"address": ("externalname-takes-an-address", "DNS takes the externalName for a name, and no name is written so.")}),
        "e": (f"pod/{space}/job", f"{place.app}.default.svc.cluster.local", f"job, in {space},", there),
    }  # fmt: skip
    fields: dict[str, Exercise] = {
        f"name {number}": dialled(f"{every[key][2]} dials {every[key][1]}.", cluster.asks(every[key][0], f"{every[key][1]}:{served}"), every[key][3])
        for number, key in enumerate(draw.order("names", sorted(every)), 1)
    }  # fmt: skip
    made = several(
        "names",
        f"In the namespace default are the Services {place.app} and my-{short} (ExternalName, to {full}, which has the address {place.host}); in {space} is by-{short} "
        f"(ExternalName, externalName: {place.host}). To which address does each packet go? Write an address, or: {NO_NAME}.\n{place.told(service=place.said())}",
        fields,
        (
            "Which endings does a pod's resolver try behind a short name?",
            "Its own namespace first: my-x in default is my-x.default.svc.cluster.local. An externalName is a name, whatever it looks like.",
            "From another namespace a short name is not found; NAME.NAMESPACE is. An alias to digits leads nowhere.",
        ),
    )
    return about(cluster, made, cluster.asks(place.tool.source, f"my-{short}:{served}"))


def _alias(draw: Draw) -> Exercise:
    place = site(draw, (0, 0, 0))
    short, full, served = _store(draw)
    space = draw.one("space", _SPACES)
    job = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "job", "namespace": space},
        "spec": {"nodeName": place.hosts[0].name, "containers": [{"name": "main", "image": "example.com/main"}]},
    }  # fmt: skip
    cluster = place.cluster(job, world=_outside(place, full, served))
    bad = draw.one("bad", (place.host, f"{full}:{served}", f"https://{full}"))
    start = alias(short, bad, namespace="default")
    made = apply(
        "alias",
        f"Pods in the namespace {space} dial {short}:{served}, and shall come to {full} (address {place.host}), which serves {served}, with no rule on any node and no copy of its address. "
        f"A colleague began.\n{place.told(pods=False)}\n  the pod job is in the namespace {space}",
        cluster,
        (
            stored("it holds a name and no address", f"{space}/{short}", lambda service: service.external_name == full, idea="externalname-takes-an-address", absent="a-name-is-known-everywhere",
                   because="An externalName is a DNS name and nothing else: no address, no port, no scheme."),
            ends(f"job, in {space}, reaches {full} as {short}:{served}", f"pod/{space}/job", f"{short}:{served}", points=2, idea="a-name-is-known-everywhere",
                 because="The name leads it somewhere else."),
            stored("it is an alias, so it has no address of its own", f"{space}/{short}", lambda service: service.type == "ExternalName",
                   because="Another type has addresses and rules."),
        ),
        (
            "Where must a Service be, for a pod to find it by its short name? And what may stand in externalName?",
            "In the pod's own namespace; a plain DNS name.",
            f"namespace: {space}, externalName: {full}",
        ),
        one_yaml(start),
    )  # fmt: skip
    return about(cluster, made)


def _translate(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0))
    short, full, served = _store(draw)
    cluster = place.cluster(
        *place.members(),
        place.service(),
        alias(f"my-{short}", full),
        world={
            **_outside(place, full, served),
            "hosts": [{"name": full, "address": place.host, "serves": [served, 443]}],
        },
    )
    node = place.tool.host
    made = edit_rules(
        "translate",
        f"my-{short} is an ExternalName to {full} ({place.host}), which serves {served} and 443. The pod tool, on {node.name}, can dial port {place.port} only. Lead its packets to my-{short}:{place.port} "
        f"on to {served}, by a rule on {node.name}: write a command such as `-A CHAIN ...`. What goes elsewhere stays as it is.\n{place.told(service=place.said())}",
        cluster,
        node.name,
        (
            ends(f"tool is served at my-{short}:{place.port}", place.tool.source, f"my-{short}:{place.port}", points=2, idea="externalname-maps-ports", because="Nobody changes the port: an alias is for names only."),
            kept(ends(f"tool is still served at my-{short}:443", place.tool.source, f"my-{short}:443", pod=lambda path: arrived_at(path) == 443, because="The rule is too wide: it says nothing of the port.")),
            kept(ends(f"tool is still served at {place.app}:{place.port}, by a pod", place.tool.source, f"{place.app}:{place.port}", pod=lambda path: bool(path.pod),
                      because="The rule is too wide: it says nothing of the address.")),
        ),
        (
            "What the cluster does not do for an ExternalName, a rule of nat can do: which target changes a destination's port?",
            "What a pod sends comes in at the node's PREROUTING.",
            f"-t nat -A PREROUTING -d {place.host} -p tcp --dport {place.port} -j DNAT --to-destination {place.host}:{served}",
        ),
    )  # fmt: skip
    return about(cluster, made, cluster.asks(place.tool.source, f"my-{short}:{place.port}"))


def _renamed(text: str, to: str, words: tuple[str, ...], idea: str, because: str) -> Cause:
    patch = json.dumps({"spec": {"externalName": to}})
    return Cause(text, lambda cluster, name: cluster.patch("service", name, patch), words, idea, because)


def _moved(space: str) -> Cause:
    """A Service that was made in another namespace."""

    def breaks(cluster: Cluster, name: str) -> Cluster:
        service = cluster.services[f"default/{name}"]
        made = alias(name, service.external_name, namespace=space)
        return cluster.delete("service", name).apply(one_yaml(made), namespace=space)

    return Cause(
        f"it is in the namespace {space}",
        breaks,
        ("namespace",),
        "a-name-is-known-everywhere",
        "Then its short name is not found, and NAME.NAMESPACE is.",
    )


def _lost(draw: Draw) -> Exercise:
    place = site(draw, (1, 0, 0))
    shorts = draw.some("stores", _STORES, 3)
    domain, served = draw.one("domain", _DOMAINS), draw.one("served", _SERVED)
    space = draw.one("space", _SPACES)
    ends_at = draw.some("ends", range(121, 250), 4)
    hosts = [
        {"name": f"{short}.{domain}", "address": f"203.0.113.{end}", "serves": [served]}
        for short, end in zip(shorts, ends_at[:3], strict=True)
    ]
    hosts.append({"name": f"old.{domain}", "address": f"203.0.113.{ends_at[3]}", "serves": [443]})
    aliases = [alias(f"my-{short}", f"{short}.{domain}") for short in shorts]
    spaces = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": space}}
    whole: Drawn = place.cluster(*place.members(), place.service(), spaces, *aliases, world={"hosts": hosts})
    causes = draw.order("causes", [
        _renamed("its externalName is an IP address", f"203.0.113.{ends_at[0]}", ("address",), "externalname-takes-an-address", "DNS finds no name that is written in digits; the alias leads to none."),
        _renamed(f"its externalName is old.{domain}, which serves 443 only", f"old.{domain}", ("old",), "", "Then a host answers, and refuses the port."),
        _renamed("its externalName has a typing slip: nobody has that name", f"nobody.{domain}", ("slip", "typing"), "", "Then there is an alias, and it leads to a name without an address."),
        _moved(space),
    ])  # fmt: skip
    what, where = draw.number("what", 0, 3), draw.one("where", [f"my-{short}" for short in shorts])
    sightings = [
        Sighting(f"tool dials {to}", whole.asks(place.tool.source, to))
        for short in shorts
        for to in (f"my-{short}:{served}", f"my-{short}.{space}:{served}", f"{short}.{domain}:{served}")
    ]
    made = explain(
        "lost",
        f"Three aliases in the namespace default lead to three hosts of {domain}, each of which serves {served}. One line of one of them was changed. "
        f"(`external`: no host of this world has that name.)\n{place.told()}",
        whole,
        causes,
        [f"my-{short}" for short in shorts],
        (what, where),
        sightings,
        (
            "Which alias does not end as the others do? And does the host itself answer?",
            "No such name, a name that leads nowhere, and a host that refuses are three different things.",
            "Is the name found with a namespace behind it?",
        ),
    )
    return about(whole, made)


def _stand_in(draw: Draw) -> Exercise:
    place = site(draw, (0, 0, 0))
    short, full, served = _store(draw)
    second = f"203.0.113.{draw.number('second', 100, 120)}"
    hosts = [
        {"name": f"{name}.{full}", "address": address, "serves": [served]}
        for name, address in (("a", place.host), ("b", second))
    ]
    cluster = place.cluster(world={"hosts": hosts})
    made = apply(
        "stand_in",
        f"Two machines outside, {place.host} and {second}, serve {served}. (1) Pods dial {short}:{place.port} and come to one of the two, on {served}. (2) Both get the same share. "
        f"(3) Clients outside reach them by nodePort {place.node_port} of every node as well. An alias cannot do that: write a Service, and what it lacks.\n{place.told(pods=False)}",
        cluster,
        (
            spread(f"tool dials {short}:{place.port} and comes to both machines", place.tool.source, f"{short}:{place.port}", [f"a.{full}", f"b.{full}"], points=2,
                   idea="externalname-maps-ports"),
            even(f"each of them gets half of tool's connections to {short}", place.tool.source, f"{short}:{place.port}"),
            spread(f"a client outside comes to both by nodePort {place.node_port}", place.client, f"{place.hosts[0].address}:{place.node_port}", [f"a.{full}", f"b.{full}"], points=2),
        ),
        (
            "What tells kube-proxy where a Service leads, and who writes it when there are no pods to select?",
            "A Service without a selector, and an EndpointSlice with the label kubernetes.io/service-name that you write yourself.",
            f"EndpointSlice: addressType: IPv4, endpoints: [{{addresses: [{place.host}]}}, {{addresses: [{second}]}}], ports: [{{name: ..., port: {served}}}], the port's name as in the Service.",
        ),
        "???",
    )  # fmt: skip
    return about(cluster, made)


DEFINITIONS = (
    Definition("04-ports", LESSON, "The port that is dialled arrives", "predict", 7, 6,
               ("tell-the-outcome", "externalname-maps-ports", "externalname-is-a-proxy"), _ports),
    Definition("04-names", LESSON, "Five names", "predict", 7, 5,
               ("name-a-host", "a-name-is-known-everywhere", "externalname-takes-an-address"), _names),
    Definition("04-alias", LESSON, "A name for a host outside", "manifest", 6, 5,
               ("mend-a-service", "name-a-host", "externalname-takes-an-address", "a-name-is-known-everywhere"), _alias),
    Definition("04-translate", LESSON, "What an alias does not do", "rules", 8, 5,
               ("edit-rules", "externalname-maps-ports"), _translate),
    Definition("04-lost", LESSON, "An alias that leads astray", "diagnose", 7, 2,
               ("explain-a-symptom", "name-a-host", "externalname-takes-an-address"), _lost),
    Definition("04-stand-in", LESSON, "A Service for machines outside", "design", 12, 6,
               ("weigh-demands", "name-a-host", "externalname-maps-ports"), _stand_in),
)  # fmt: skip
