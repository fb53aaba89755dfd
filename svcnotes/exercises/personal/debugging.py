"""The coursework on debugging: what a probe tells, what a policy sees, what explains it all."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from svcnotes.exercises.apply import apply
from svcnotes.exercises.asked import Asked
from svcnotes.exercises.claims import ends, kept
from svcnotes.exercises.edit_rules import edit_rules
from svcnotes.exercises.exercise import Exercise
from svcnotes.exercises.personal.causes import (
    closed_port,
    conntrack_full,
    firewall,
    flushed,
    forward_drop,
    inside_local,
    inside_only,
    local_policy,
    misspelt,
)
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.personal.definition import Definition
from svcnotes.exercises.personal.explain import Sighting, explain
from svcnotes.exercises.personal.fields import ENDS, pods_left
from svcnotes.exercises.personal.reasons import ASKED_FROM, BOTH, LAST_ADDRESS, LAST_DOOR, ends_with
from svcnotes.exercises.personal.several import in_any_order, several
from svcnotes.exercises.personal.site import APPS, Site, about, one_yaml, rules_of, site
from svcnotes.exercises.sources import source_seen

LESSON = "07-debugging"


def _probes(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0), tool_on="empty")
    cluster = place.whole()
    pod, tool = draw.one("pod", place.pods), place.tool.source
    entry = place.empty()
    alone = {
        "connected": (
            "ping-proves-a-service",
            "No machine has the clusterIP: it stands in rules, for one protocol and one port.",
        )
    }
    apart = {
        "timeout": (
            "silence-and-refusal-are-one",
            "The packet comes to a host that has this port closed, and its kernel says so at once.",
        )
    }

    def end(words: str, asked: Asked, ideas: dict[str, tuple[str, str]] | None = None) -> Exercise:
        return ends_with(
            words, asked, LAST_ADDRESS if asked.protocol == "icmp" else LAST_DOOR, ideas, may=ENDS
        )

    every = {
        "a": end(f"tool pings the clusterIP, {place.cluster_ip}.", cluster.asks(tool, place.cluster_ip, "icmp"), alone),
        "b": end(f"tool dials {place.cluster_ip}:{place.port}.", cluster.asks(tool, place.inside),
                 {"timeout": ("ping-tests-a-service", "Rules lead this to a pod, whether a ping is answered or not.")}),
        "c": end(f"tool dials {place.cluster_ip}:{place.target}.", cluster.asks(tool, f"{place.cluster_ip}:{place.target}"),
                 {"connected": ("ports-are-the-same-thing", "That is the pods' port; the clusterIP has rules for the Service's own.")}),
        "d": end(f"tool dials {pod.name} at {pod.address}:{place.port}.", cluster.asks(tool, f"{pod.address}:{place.port}"), apart),
        "e": end(f"tool pings {pod.name}, {pod.address}.", cluster.asks(tool, pod.address, "icmp")),
        "f": end(f"{place.client} dials {entry.name}, {entry.address}:{place.spare_port}.", cluster.asks(place.client, f"{entry.address}:{place.spare_port}"), apart),
        "g": end(f"{place.client} dials {entry.name}, {place.dial(entry)}.", cluster.asks(place.client, place.dial(entry)),
                 {"timeout": ("cluster-needs-a-local-pod", "Under Cluster every node carries the packet on.")}),
    }  # fmt: skip
    chosen = draw.some("probes", sorted(every), 6)
    made = several(
        "probes",
        f"Nothing is broken. How does each probe end, and which destination has its packet at last (any one, where chance decides)? Write both, such as `refused 192.0.2.10:80`. {BOTH} "
        f"(`external`: the packet leaves the cluster for an address that no machine has.)\n{place.told(service=place.said())}",
        {f"probe {number}": every[key] for number, key in enumerate(chosen, 1)},
        (
            "For each: does any machine have that address, and is anything listening on that port there?",
            "A clusterIP is rules for one protocol and one port. A closed port of a machine is refused by its kernel.",
            "The clusterIP by ping or by another port: external. Closed ports of pods and nodes: refused. The rest: connected. What rules lead to a pod arrives at its address and targetPort, all else where it was sent.",
        ),
    )
    return about(cluster, made, cluster.asks(tool, place.inside))


def _sticky(draw: Draw) -> Exercise:
    place = site(draw, draw.one("crowd", ((2, 1, 0), (2, 2, 0), (3, 1, 0), (3, 2, 0))))
    cluster = place.whole(sessionAffinity="ClientIP")
    entry = draw.keep("entry", place.empty())
    other = draw.one("other", [host for host in place.hosts if host != entry])
    pod = draw.one("pod", place.pods)
    total = len(place.pods)
    first = cluster.asks(place.client, place.dial(entry))
    apart = {
        str(total): (
            "affinity-tells-all-clients-apart",
            "Affinity knows an address, and nothing else of a client.",
        )
    }
    masked = {
        "1": (
            "affinity-sees-the-masqueraded-source",
            "The choice falls in nat's PREROUTING, before POSTROUTING masquerades: it goes by the client's own address.",
        )
    }
    elsewhere = {"1": ("", "Each node remembers for itself.")}
    made = several(
        "sticky",
        f"The Service has sessionAffinity: ClientIP. {place.client} has dialled {entry.name} and was answered by some pod. How many pods may answer the next connection?\n{place.told(service=place.said())}",
        in_any_order(draw, [
            pods_left(f"{place.client} dials {entry.name} again.", first, first),
            pods_left(f"a colleague, who reaches the internet by the same address, {place.client}, dials {entry.name}.", first, first, apart),
            pods_left(f"{place.stranger} dials {entry.name}.", first, cluster.asks(place.stranger, place.dial(entry)), masked),
            pods_left(f"{place.client} dials {other.name}.", first, cluster.asks(place.client, place.dial(other)), elsewhere),
            source_seen("seen", f"{place.client} dials {entry.name}, and {pod.name} answers: which source address does it see?", first, pod.key),
        ]),
        (
            "By what is a client told from another, and who remembers it?",
            "By the source address, as it is when the endpoint is chosen; each node remembers in lists of its own.",
            "The same address at the same node: 1. Anybody else, or another node: all pods.",
        ),
    )  # fmt: skip
    return about(cluster, made, first)


def policy(place: Site, *sources: dict[str, Any]) -> dict[str, Any]:
    """A NetworkPolicy on the Service's pods that lets in these sources and nobody else."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"{place.app}-in"},
        "spec": {"podSelector": {"matchLabels": place.selector}, "ingress": [{"from": list(sources)}]},
    }


def _office(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0), tool_on="empty")
    rule = policy(place, {"ipBlock": {"cidr": place.office}})
    cluster, local = place.whole(rule), place.whole(rule, externalTrafficPolicy="Local")
    pod = draw.one("pod", place.pods)
    far = place.empty()
    snat = {
        "connected": (
            "a-policy-sees-the-client",
            "A policy is kept on the pod's node, and there the packet comes from the node that masqueraded it.",
        )
    }
    silent = {"refused": ("silence-and-refusal-are-one", "A policy drops, and tells nobody.")}

    def way(words: str, asked: Asked, ideas: dict[str, tuple[str, str]], which: str = "") -> Exercise:
        return ends_with(words, asked, ASKED_FROM, ideas, pod=which)

    client = f"{place.client}, of the office,"
    every = {
        "a": way(f"Cluster; {client} dials {far.name}.", cluster.asks(place.client, place.dial(far)), snat | silent),
        "b": way(f"Local; {client} dials {pod.host.name}.", local.asks(place.client, place.dial(pod.host)), silent),
        "c": way(f"Local; {place.neighbour}, next door to the office, dials {pod.host.name}.", local.asks(place.neighbour, place.dial(pod.host)), silent),
        "d": way("Cluster; the pod tool dials the clusterIP.", cluster.asks(place.tool.source, place.inside), silent),
        "e": way(f"Cluster; {client} dials {pod.host.name}, and the choice falls on {pod.name}, which runs there.", cluster.asks(place.client, place.dial(pod.host)),
                     {"timeout": ("a-policy-sees-the-client", "On the pod's own node the policy is asked in FORWARD, before POSTROUTING masquerades."), **silent}, pod.key),
        "f": way(f"Local; {client} dials {far.name}.", local.asks(place.client, place.dial(far)), {"connected": ("local-forwards", "Local keeps a packet on the node that it came to."), **silent}),
    }  # fmt: skip
    made = several(
        "office",
        f"A NetworkPolicy on the pods of {place.app} lets in the office, {place.office}, and nobody else. How does each connection end, under that externalTrafficPolicy? "
        f"And which source address has the packet on the last node that it comes to, before POSTROUTING there? Write both, such as `refused 192.0.2.10`. {BOTH}\n{place.told(service=place.said('as said below'))}",
        {f"way {number}": every[key] for number, key in enumerate(draw.order("ways", sorted(every)), 1)},
        (
            "Where is a policy kept, and which source has the packet there?",
            "On the pod's node, in FORWARD. A packet that another node has masqueraded comes from that node.",
            "Masqueraded elsewhere: timeout, and it comes from the node that was dialled. Still the office's own address at the pod's node: connected. Under Local nobody masquerades, and a node without a pod drops.",
        ),
    )
    return about(cluster, made, cluster.asks(place.client, place.dial(pod.host)))


def _allow(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0), tool_on="empty")
    friend = draw.one("friend", [name for name in APPS if name != place.app])
    where = draw.one("home", place.hosts)
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": f"{friend}-1", "labels": {"app": friend}},
        "spec": {"nodeName": where.name, "containers": [{"name": "main", "image": "example.com/main"}]},
    }  # fmt: skip
    start = policy(place, {"ipBlock": {"cidr": place.office}})
    cluster = place.whole(pod)
    far, near = place.empty(), place.busiest()
    made = apply(
        "allow",
        f"The policy of the Service stays Cluster. Change this NetworkPolicy, so that the office, {place.office}, is served by every node, and the pod {friend}-1 (label app: {friend}) by the clusterIP; "
        f"other pods, such as tool, are not. The nodes' network is {place.router.rpartition('.')[0]}.0/24.\n{place.told(service=place.said())}\n"
        f"  the pods bear the label {place.label[0]}: {place.label[1]}; {friend}-1 runs on {where.name}",
        cluster,
        (
            kept(ends(f"the office is served by {far.name}, which runs no pod", place.client, place.dial(far), idea="a-policy-sees-the-client",
                      because="The pods' nodes see the packet as it comes from the node that masqueraded it.")),
            kept(ends(f"the office is served by {near.name}", place.client, place.dial(near), idea="a-policy-sees-the-client",
                      because="To a pod of its own node it comes from the office, to the other's node from this one.")),
            kept(ends(f"{friend}-1 is served by the clusterIP", f"pod/default/{friend}-1", place.inside, because="Nothing lets its pods in: a podSelector would.")),
            ends("tool waits in vain", place.tool.source, place.inside, "timeout", points=2, because="The policy lets in more than is asked for."),
        ),
        (
            "Which source does a packet of the office have, when it comes to the pod's node by way of another?",
            "That node's address. So the nodes' network must be let in, and the office, and a podSelector.",
            f"from: three entries: ipBlock {place.office}, ipBlock {place.router.rpartition('.')[0]}.0/24, podSelector {{matchLabels: {{app: {friend}}}}}",
        ),
        one_yaml(start),
    )  # fmt: skip
    return about(cluster, made, cluster.asks(place.client, place.dial(far)))


def _stale(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0), tool_on="empty")
    pod = draw.one("pod", place.pods)
    gone = f"{pod.host.pods}.{draw.number('gone', 251, 254)}"
    node = place.tool.host
    before = replace(
        place, pods=tuple(replace(one, address=gone) if one == pod else one for one in place.pods)
    ).whole()
    cluster = replace(place.whole(), change=lambda now: now.with_stale_rules(node.name, before()))
    keys = [one.key for one in place.pods]
    made = edit_rules(
        "stale",
        f"kube-proxy on {node.name} has stopped, and {pod.name} has come back with another address since. Bring {node.name}'s rules up to date by hand: write commands such as `-R CHAIN NUMBER ...` "
        f"or `-D CHAIN ...` and `-A CHAIN ...`. Every pod gets its share again.\n{place.told(service=place.said())}\nRules on {node.name}:\n{rules_of(cluster(), node, '-A KUBE-SEP', '-A KUBE-SVC-')}",
        cluster,
        node.name,
        (
            ends(f"every call of tool to {place.inside} is answered by a pod", place.tool.source, place.inside, pod=lambda path: path.pod in keys, points=2,
                 because="A part of the calls is still led to an address that nobody has."),
            ends(f"{pod.name} is called again, by its share of the calls", place.tool.source, place.inside, pod=pod.key, only=lambda path: path.pod == pod.key,
                 because="No rule leads to its new address."),
            kept(ends("a client outside is served", place.client, place.dial(node), pod=lambda path: path.pod in keys, because="A part of the calls is still led to an address that nobody has.")),
        ),
        (
            "Compare the addresses in the chains KUBE-SEP with those of the pods.",
            f"Nobody has {gone}. Which rule leads there, and where should it?",
            f"-R KUBE-SEP-... 2 -p tcp -m tcp -j DNAT --to-destination {pod.address}:{place.target}",
        ),
    )  # fmt: skip
    return about(cluster, made, cluster.asks(place.tool.source, place.inside))


def _nodes(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 1), tool_on="busy")
    whole = place.whole()
    causes = draw.order("causes", [firewall(place.node_port), flushed(), forward_drop(), conntrack_full()])
    what, where = draw.number("what", 0, 3), draw.one("where", place.hosts)
    sightings = [
        *(Sighting(f"{place.client} dials {host.name}'s nodePort", whole.asks(place.client, place.dial(host))) for host in place.hosts),
        *(Sighting(f"{pod.name} on {pod.host.name} dials the clusterIP", whole.asks(pod.source, place.inside)) for pod in place.pods),
        *(
            Sighting(f"{pod.name} pings {other.name} on {other.host.name}", whole.asks(pod.source, other.address, "icmp"))
            for pod in place.pods
            for other in place.pods
            if other != pod
        ),
    ]  # fmt: skip
    made = explain(
        "nodes",
        f"Calls fail, and not all of them. One thing is broken on one node.\n{place.told(service=place.said())}",
        whole,
        causes,
        [host.name for host in place.hosts],
        (what, where.name),
        sightings,
        (
            "Which node stands in every line that fails? From outside, from its own pods, or both?",
            "A ping needs no rule of kube-proxy, and no port. What does it need?",
            "Emptied: that node refuses, and its pod's calls leave the cluster (external); pings pass. Firewall: only who dials that node hangs. FORWARD: pings to its pod and from it hang, and calls; who dials that node is served. "
            "Table full: the same, and who dials that node hangs, too.",
        ),
    )
    return about(whole, made)


def _services(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0), tool_on="empty")
    names = draw.some("names", [name for name in APPS if name != place.app], 4)
    doors = draw.some("doors", range(30000, 32767), 4)
    ips = [f"10.96.{number}.9" for number in draw.some("ips", range(1, 250), 4)]
    entries = list(zip(names, doors, ips, strict=True))
    services = [
        place.service(name, clusterIP=ip, ports=[{"name": "http", "port": place.port, "targetPort": place.target, "nodePort": door}])
        for name, door, ip in entries
    ]  # fmt: skip
    whole = place.cluster(*place.members(), *services)
    off = place.target + draw.number("off", 1, 9)
    causes = draw.order(
        "causes",
        [
            misspelt(place.label[0]),
            closed_port(place.port, off),
            inside_only(),
            local_policy(),
            inside_local(),
        ],
    )
    what, where = draw.number("what", 0, 4), draw.one("where", names)
    entry = place.empty()
    sightings = [
        Sighting(f"{who} dials {name} at {to}", whole.asks(source, to), wire=True)
        for name, door, ip in entries
        for who, source, to in (
            (place.client, place.client, f"{entry.address}:{door}"),
            ("tool", place.tool.source, f"{ip}:{place.port}"),
        )
    ]
    made = explain(
        "services",
        f"Four Services lead to the same pods, which listen on {place.target}. One line of one of them was changed. {entry.name} runs none of the pods, and tool is there.\n{place.told()}",
        whole,
        causes,
        names,
        (what, where),
        sightings,
        (
            "Two lines for each Service: outside and inside. Which pair is unlike the others?",
            "ICMP is kube-proxy's refusal, RST that of a kernel with a closed port; silence is a drop.",
            "ICMP twice: selector. RST twice: targetPort. RST outside only: type. Silence outside, or inside, only: one of the two policies.",
        ),
    )
    return about(whole, made)


def _fence(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0), tool_on="empty")
    cluster = place.cluster(*place.members())
    low = draw.number("low", 300, 327) * 100
    host = place.busiest()
    other = next(one for one in place.hosts if place.on(one) and one != host)
    made = apply(
        "fence",
        f"Write a Service {place.app} and what it needs. (1) The office, {place.office}, is served on port {low + 7} of every node that runs a pod, and the pods see who calls. "
        f"(2) The pods themselves let nobody in but the office: no neighbour of it, and no pod such as tool, by whatever way. (3) No load balancer is asked for, and only that port is open.\n"
        f"{place.told()}\n  the pods bear the label {place.label[0]}: {place.label[1]} and listen on {place.target}",
        cluster,
        (
            ends(f"{place.client}, of the office, is served by {host.name}, and seen", place.client, f"{host.address}:{low + 7}", sees=place.client, points=2, idea="a-policy-sees-the-client",
                 because="Where the source is changed on the way, a policy on the pods sees a node."),
            ends(f"{place.colleague}, of the office, is served by {other.name}, and seen", place.colleague, f"{other.address}:{low + 7}", sees=place.colleague),
            kept(ends(f"{place.neighbour}, next door, waits in vain", place.neighbour, f"{host.address}:{low + 7}", "timeout", because="The pods let in more than the office.")),
            kept(ends("tool, which dials a pod, waits in vain", place.tool.source, f"{place.pods[0].address}:{place.target}", "timeout", because="No rule of kube-proxy stands between two pods: only a policy does.")),
        ),
        (
            "Which object says whom a pod lets in? And which source does it see?",
            "A NetworkPolicy with an ipBlock. It sees the office only where nobody masquerades: which policy of the Service is that?",
            f"Service: type NodePort, nodePort {low + 7}, externalTrafficPolicy: Local. NetworkPolicy: podSelector, ingress from ipBlock {place.office}.",
        ),
        "???",
    )  # fmt: skip
    return about(cluster, made)


DEFINITIONS = (
    Definition("07-probes", LESSON, "Six probes", "predict", 7, 6,
               ("tell-the-outcome", "ping-proves-a-service", "ping-tests-a-service", "ports-are-the-same-thing", "silence-and-refusal-are-one"), _probes),
    Definition("07-office", LESSON, "What a policy sees", "predict", 8, 6,
               ("tell-the-outcome", "a-policy-sees-the-client", "local-forwards"), _office),
    Definition("07-sticky", LESSON, "Who comes back to the same pod", "predict", 6, 5,
               ("follow-a-packet", "affinity-tells-all-clients-apart", "affinity-sees-the-masqueraded-source"), _sticky),
    Definition("07-allow", LESSON, "A policy for what is really seen", "manifest", 8, 6,
               ("write-a-policy", "a-policy-sees-the-client"), _allow),
    Definition("07-stale", LESSON, "Rules that kube-proxy left behind", "rules", 8, 5,
               ("edit-rules", "read-a-chain"), _stale),
    Definition("07-nodes", LESSON, "One node of three", "diagnose", 9, 2,
               ("explain-a-symptom", "silence-and-refusal-are-one"), _nodes),
    Definition("07-services", LESSON, "One Service of four", "diagnose", 8, 2,
               ("explain-a-symptom", "selector-mismatch", "wrong-targetport", "local-forwards"), _services),
    Definition("07-fence", LESSON, "A fence that sees who comes", "design", 12, 6,
               ("weigh-demands", "write-a-policy", "keep-the-source", "a-policy-sees-the-client"), _fence),
)  # fmt: skip
