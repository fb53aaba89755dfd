"""The coursework on externalIPs: who is caught by them, who routes to them, and what they cost."""

from __future__ import annotations

from typing import Any

from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises.apply import apply
from svcnotes.exercises.asked import Asked
from svcnotes.exercises.claims import ends, kept
from svcnotes.exercises.edit_rules import edit_rules
from svcnotes.exercises.exercise import Exercise
from svcnotes.exercises.personal.causes import local_policy, misspelt
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.personal.definition import Definition
from svcnotes.exercises.personal.doors import closed
from svcnotes.exercises.personal.explain import Cause, Sighting, explain
from svcnotes.exercises.personal.fields import ENDS
from svcnotes.exercises.personal.reasons import BOTH, LAST_ADDRESS, ends_with
from svcnotes.exercises.personal.several import several
from svcnotes.exercises.personal.site import APPS, Drawn, Site, about, one_yaml, site
from svcnotes.exercises.sources import source_seen

LESSON = "05-externalips"
_EXTERNAL = "`external`: the packet is told to leave for an address that nobody here has."


def _public(draw: Draw, name: str = "public") -> str:
    """A drawn address that is the organisation's own."""
    return draw.keep(name, f"203.0.113.{draw.random.randint(121, 250)}")


def _published(place: Site, public: str, route: str = "", *more: dict[str, Any], **spec: Any) -> Drawn:
    """The site with the Service on an externalIP that is routed to the node `route`."""
    world = {"routes": {public: route}} if route else None
    ports = [{"name": "http", "port": place.port, "targetPort": place.target}]
    return place.whole(
        *more, world=world, **{"type": "ClusterIP", "externalIPs": [public], "ports": ports, **spec}
    )


def _said(place: Site, public: str, policy: str = "Cluster") -> str:
    return place.said(policy, "ClusterIP").replace(", port", f", externalIPs {public}, port")


def _reach(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0), tool_on="empty")
    public = _public(draw)
    door = f"{public}:{place.port}"
    empty, busy = place.empty(), draw.one("busy", [host for host in place.hosts if place.on(host)])
    none = _published(place, public)
    local_empty = _published(place, public, empty.name, externalTrafficPolicy="Local")
    local_busy = _published(place, public, busy.name, externalTrafficPolicy="Local")
    outside = {
        "connected": (
            "an-external-ip-is-announced",
            "Kubernetes tells nobody outside where that address is: a router must be told.",
        )
    }
    skip = {
        "connected": (
            "local-skips-external-ips",
            "Local is for whatever comes from outside, an externalIP included.",
        )
    }
    inside = {
        "external": (
            "external-ips-catch-outsiders-only",
            "The rule for that address is on every node, and catches pods' packets as well.",
        )
    }

    def way(words: str, asked: Asked, ideas: dict[str, tuple[str, str]] | None = None) -> Exercise:
        return ends_with(words, asked, LAST_ADDRESS, ideas, may=ENDS)

    every = {
        "a": way(f"no router knows {public}; {place.client} dials {door}.", none.asks(place.client, door), outside),
        "b": way(f"no router knows {public}; the pod tool dials {door}.", none.asks(place.tool.source, door), inside),
        "c": way(f"the router sends {public} to {empty.name}, and the policy is Local; {place.client} dials {door}.", local_empty.asks(place.client, door), skip),
        "d": way(f"the router sends {public} to {busy.name}, and the policy is Local; {place.client} dials {door}.", local_busy.asks(place.client, door)),
        "e": way(f"the router sends {public} to {empty.name}, and the policy is Local; the pod tool, on {place.tool.host.name}, dials {door}.", local_empty.asks(place.tool.source, door)),
    }  # fmt: skip
    fields: dict[str, Exercise] = {
        f"way {n}": every[key] for n, key in enumerate(draw.order("ways", sorted(every)), 1)
    }
    pod = place.on(busy)[0]
    fields["seen"] = source_seen(
        "seen", f"the router sends {public} to {busy.name}, the policy is Local, and {place.client} dials: which source address does {pod.name} see?",
        local_busy.asks(place.client, door), pod.key,
    )  # fmt: skip
    made = several(
        "reach",
        f"The Service has the externalIP {public}. How does each connection end, and which destination address has its packet at last (any one, where chance decides)? "
        f"Write both, such as `refused 192.0.2.10`. {BOTH} {_EXTERNAL}\n{place.told(service=_said(place, public))}",
        fields,
        (
            "Does the packet come to any node? And what does that node know?",
            "The rules are on every node. From outside a router must lead there; what is inside is caught where it is.",
            f"Without a route: external from outside, connected from a pod. Local on a node without a pod: timeout from outside. Who is connected has come to a pod's address; the others still have {public}.",
        ),
    )
    return about(none, made, local_busy.asks(place.client, door))


def _sources(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0), tool_on="empty")
    public = _public(draw)
    door = f"{public}:{place.port}"
    pod = draw.one("pod", place.pods)
    far = draw.one("far", [host for host in place.hosts if host != pod.host])
    by_far, by_near = _published(place, public, far.name), _published(place, public, pod.host.name)
    local = _published(place, public, pod.host.name, externalTrafficPolicy="Local")

    def sees(words: str, asked: Asked) -> Exercise:
        return source_seen("sees", words, asked, pod.key)

    made = several(
        "sources",
        f"{door} is an externalIP of the Service. Each time {pod.name} on {pod.host.name} answers. Which source address does it see?\n{place.told(service=_said(place, public))}",
        {
            "far": sees(
                f"Cluster; routed to {far.name}; {place.client} dials.", by_far.asks(place.client, door)
            ),
            "near": sees(
                f"Cluster; routed to {pod.host.name}; {place.client} dials.", by_near.asks(place.client, door)
            ),
            "local": sees(
                f"Local; routed to {pod.host.name}; {place.client} dials.", local.asks(place.client, door)
            ),
            "inside": sees(
                f"Cluster; tool on {place.tool.host.name} dials.", by_near.asks(place.tool.source, door)
            ),
        },
        (
            "An externalIP is treated as a nodePort is: who asks for SNAT, and who does it?",
            "MASQUERADE takes the address of the outgoing interface, on the node where the packet was caught. A pod's packet is caught on its own node, and is from outside to nobody but Local.",
            "far: eth0 of that node. near: cni0. local: the client. inside: eth0 of tool's node.",
        ),
    )
    return about(by_far, made)


def _publish(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0), tool_on="empty")
    public = _public(draw)
    door = f"{public}:{place.port}"
    node = draw.one("node", place.hosts)
    trap = draw.one("trap", (f"{public}/32", place.hosts[0].cidr, "127.0.0.1"))
    cluster = place.cluster(*place.members(), world={"routes": {public: node.name}})
    start = place.service(
        type="ClusterIP",
        clusterIP=None,
        externalIPs=[trap],
        ports=[{"name": "http", "port": place.target, "targetPort": place.port}],
    )
    pods = [pod.key for pod in place.pods]
    made = apply(
        "publish",
        f"The router sends {public} to {node.name}. Mend this manifest, so that clients outside are served at {door}, by all pods, and tool as well. No nodePort is needed.\n"
        f"{place.told()}\n  the pods bear the label {place.label[0]}: {place.label[1]} and listen on {place.target}",
        cluster,
        (
            ends(f"{place.client} is served at {door}", place.client, door, pod=lambda path: path.pod in pods, points=2, idea="an-external-ip-uses-the-nodeport",
                 because="The rule for an externalIP is for the Service's own port: `port`, and it leads to targetPort."),
            ends(f"tool is served at {door}", place.tool.source, door, pod=lambda path: path.pod in pods, because="The rules of every node know the address, once the Service has it."),
            kept(closed("no nodePort is open", place.key)),
        ),
        (
            "Let kube-apiserver tell you the first: an externalIP is one address.",
            "Which number does a client dial: port, targetPort or a nodePort?",
            f"externalIPs: [{public}], port: {place.port}, targetPort: {place.target}",
        ),
        one_yaml(start),
    )  # fmt: skip
    return about(cluster, made, cluster.asks(place.client, door))


def _guard(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0), tool_on="busy")
    public = _public(draw)
    door = f"{public}:{place.port}"
    node = place.tool.host
    cluster = _published(place, public, node.name)
    made = edit_rules(
        "guard",
        f"An externalIP has no source ranges. On {node.name}, to which the router sends {public}, let only the office, {place.office}, come from outside to {door}; everybody else "
        f"outside waits in vain. The cluster's own pods are served as before, and {place.stranger} may still ping the node. Write commands such as `-A CHAIN ...`.\n"
        f"{place.told(service=_said(place, public))}",
        cluster,
        node.name,
        (
            ends(f"{place.stranger} waits in vain", place.stranger, door, "timeout", points=2, because="A rule of INPUT never sees this packet: it is on its way to a pod."),
            kept(ends(f"{place.client}, of the office, is served", place.client, door, because="The rule is too wide.")),
            kept(ends(f"tool, a pod on {node.name}, is served", place.tool.source, door, because="Its packets come in by cni0, not from outside: the rule caught them as well.")),
            kept(ends(f"{place.stranger} pings {node.name}", place.stranger, node.address, protocol="icmp", because="The rule says nothing of the address.")),
        ),
        (
            "Where has the packet still the address that was dialled?",
            "At PREROUTING in raw or mangle. By which interface does it come in, from outside and from a pod?",
            f"-t raw -A PREROUTING -i eth0 -d {public} ! -s {place.office} -j DROP",
        ),
    )  # fmt: skip
    return about(cluster, made, cluster.asks(place.stranger, door))


def _dead(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0), tool_on="empty")
    names = draw.some("names", [name for name in APPS if name != place.app], 3)
    addresses = [f"203.0.113.{end}" for end in draw.some("ends", range(121, 250), 3)]
    empty = place.empty()
    ports = [{"name": "http", "port": place.port, "targetPort": place.target}]
    services = [
        place.service(name, type="ClusterIP", clusterIP=None, externalIPs=[address], ports=ports)
        for name, address in zip(names, addresses, strict=True)
    ]
    by_name = dict(zip(names, addresses, strict=True))
    whole = place.cluster(*place.members(), *services, world={"routes": dict.fromkeys(addresses, empty.name)})

    def unrouted(cluster: Cluster, name: str) -> Cluster:
        routes = {to: node for to, node in cluster.given_world.routes.items() if to != by_name[name]}
        return cluster.with_world(routes=routes)

    causes = draw.order("causes", [
        Cause("no router knows its externalIP any more", unrouted, ("router", "route"), "an-external-ip-is-announced", "Then clients outside come to no node, and pods are served as before."),
        Cause("its externalIPs are gone", lambda cluster, name: cluster.patch("service", name, '{"spec": {"externalIPs": null}}'), ("gone",), "", "Then no node has a rule for that address: it is sent round in a circle, or out."),
        local_policy("local-skips-external-ips"),
        misspelt(place.label[0]),
    ])  # fmt: skip
    what, where = draw.number("what", 0, 3), draw.one("where", names)
    sightings = [
        Sighting(
            f"{who} dials {name} at {address}:{place.port}",
            whole.asks(source, f"{address}:{place.port}"),
            wire=True,
        )
        for name, address in by_name.items()
        for who, source in ((place.client, place.client), ("tool", place.tool.source))
    ]
    made = explain(
        "dead",
        f"Three Services have an externalIP each, and the router sends all three to {empty.name}. Since this morning one of them is not served as it was. {_EXTERNAL}\n{place.told()}",
        whole,
        causes,
        names,
        (what, where),
        sightings,
        (
            "From where is it served, and from where not?",
            f"{empty.name} runs no pod. What does each cause do to a client, and what to a pod inside?",
            "Silence outside only: Local. External outside only: no route. ICMP for both: no endpoints.",
        ),
    )
    return about(whole, made)


def _quiet(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0), tool_on="empty")
    public, second = _public(draw), f"203.0.113.{draw.number('second', 100, 120)}"
    door, other = f"{public}:{place.port}", f"{second}:{place.port}"
    one, two = (
        place.busiest(),
        next(host for host in place.hosts if place.on(host) and host != place.busiest()),
    )
    cluster = place.cluster(*place.members(), world={"routes": {public: one.name, second: two.name}})
    made = apply(
        "quiet",
        f"The router sends {public} to {one.name}, and {second} to {two.name}. Write the Service {place.app}: (1) it is served at port {place.port} of both addresses; (2) the pods see the clients' "
        f"addresses; (3) no nodePort is open on any node, and no load balancer is asked for an address.\n{place.told()}\n  the pods bear the label "
        f"{place.label[0]}: {place.label[1]} and listen on {place.target}",
        cluster,
        (
            ends(f"{place.client} is served at {door}, and seen", place.client, door, sees=place.client, points=2, idea="local-skips-external-ips",
                 because="Local keeps the source of what comes to an externalIP, too; Cluster changes it."),
            ends(f"{place.client} is served at {other}, and seen", place.client, other, sees=place.client, points=2, idea="local-skips-external-ips",
                 because="Local keeps the source of what comes to an externalIP, too; Cluster changes it."),
            kept(closed("no nodePort is open", place.key)),
        ),
        (
            "Which type opens no nodePort? May it have an externalTrafficPolicy?",
            "A ClusterIP with externalIPs takes traffic from outside, so it may.",
            f"type: ClusterIP, externalIPs: [{public}, {second}], externalTrafficPolicy: Local",
        ),
        "???",
    )  # fmt: skip
    return about(cluster, made, cluster.asks(place.client, door))


DEFINITIONS = (
    Definition("05-reach", LESSON, "Who comes to an externalIP", "predict", 8, 6,
               ("tell-the-outcome", "an-external-ip-is-announced", "external-ips-catch-outsiders-only", "local-skips-external-ips"), _reach),
    Definition("05-sources", LESSON, "Whom a pod sees behind an externalIP", "predict", 6, 4,
               ("name-the-source", "snat-uses-another-interface"), _sources),
    Definition("05-publish", LESSON, "Publish an address", "manifest", 6, 5,
               ("mend-a-service", "publish-an-address", "an-external-ip-uses-the-nodeport"), _publish),
    Definition("05-guard", LESSON, "A guard for an externalIP", "rules", 9, 6,
               ("edit-rules", "guard-the-way-in"), _guard),
    Definition("05-dead", LESSON, "One address of three", "diagnose", 7, 2,
               ("explain-a-symptom", "an-external-ip-is-announced", "local-skips-external-ips"), _dead),
    Definition("05-two-addresses", LESSON, "Two addresses, no door, every caller seen", "design", 10, 6,
               ("weigh-demands", "publish-an-address", "keep-the-source", "local-skips-external-ips"), _quiet),
)  # fmt: skip
