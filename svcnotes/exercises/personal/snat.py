"""The coursework on SNAT: whom a pod sees and why, and the rules that decide it."""

from __future__ import annotations

from dataclasses import replace

from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises.apply import apply
from svcnotes.exercises.asked import Asked
from svcnotes.exercises.claims import ends, kept, stored
from svcnotes.exercises.edit_rules import edit_rules
from svcnotes.exercises.exercise import Exercise
from svcnotes.exercises.personal.causes import accepts_first, conntrack_full, masquerades_all, unmarked
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.personal.definition import Definition
from svcnotes.exercises.personal.doors import on_nodes, only_doors, some_door
from svcnotes.exercises.personal.explain import Sighting, explain
from svcnotes.exercises.personal.fields import connection_entry
from svcnotes.exercises.personal.reasons import BOTH, SEEN, ends_with
from svcnotes.exercises.personal.several import several
from svcnotes.exercises.personal.site import about, one_yaml, rules_of, site
from svcnotes.exercises.sources import source_seen
from svcnotes.network.node_rules import rules_text

LESSON = "02-snat"


def _plugins(draw: Draw) -> Exercise:
    place = site(draw, (1, 0, 0))
    pod, near = place.pods[0], place.pods[0].host
    far = draw.one("far", [host for host in place.hosts if host != near])
    bridge, tunnel, routed = (place.whole(world={"cni": cni}) for cni in ("bridge", "vxlan", "routed"))

    def sees(words: str, asked: Asked) -> Exercise:
        return source_seen("sees", words, asked, pod.key)

    made = several(
        "plugins",
        f"Three network plugins: with `bridge`, each node's pods hang on cni0 and other nodes' pods are routed by eth0; with `vxlan`, they are reached through "
        f"the tunnel's end flannel.1, which has the .0 address of the node's pod range; with `routed`, a pod's cable has no address on the node's side, and there is no cni0. "
        f"{place.client} dials a node, and {pod.name} on {near.name} answers. Which source address does it see?\n{place.told(service=place.said())}",
        {
            "bridge": sees(f"{far.name} is dialled, {place.dial(far)}.", bridge.asks(place.client, place.dial(far))),
            "vxlan": sees(f"{far.name} is dialled.", tunnel.asks(place.client, place.dial(far))),
            "vxlan near": sees(f"{near.name} is dialled, {place.dial(near)}.", tunnel.asks(place.client, place.dial(near))),
            "routed near": sees(f"{near.name} is dialled.", routed.asks(place.client, place.dial(near))),
        },
        (
            "MASQUERADE asks the interface by which the packet leaves. Which one is it, each time?",
            "To another node's pod: eth0, or flannel.1. To a pod of this node: cni0, or the pod's own cable.",
            "An interface without an address takes another of the node: that of eth0.",
        ),
    )  # fmt: skip
    return about(bridge, made)


def _without(draw: Draw) -> Exercise:
    place = site(draw, (1, 0, 0), tool_on="empty")
    pod, near = place.pods[0], place.pods[0].host
    far = draw.one("far", [host for host in place.hosts if host != near])
    text = f"{place.key}:http external destinations"
    whole, without = place.whole(), place.whole(world={"faults": [{"name": "rule-missing", "text": text}]})
    ways = {
        "a": (f"{place.client} dials {far.name}, {place.dial(far)}.", place.client, place.dial(far)),
        "b": (f"{place.client} dials {near.name}, {place.dial(near)}.", place.client, place.dial(near)),
        "c": (f"tool dials the clusterIP, {place.inside}.", place.tool.source, place.inside),
    }
    order = draw.order("ways", sorted(ways))
    fields: dict[str, Exercise] = {
        f"way {number}": ends_with(
            f"without that rule: {ways[key][0]}", without.asks(ways[key][1], ways[key][2]), SEEN,
            ideas={"timeout": ("without-snat-every-answer-is-lost", "It is lost only where it goes home past the node that changed the destination.")} if key != "a" else
            {"connected": ("the-answer-comes-back-the-same-way", "The pod's node sends the answer straight to the client, who knows nobody of that address.")},
        )
        for number, key in enumerate(order, 1)
    }  # fmt: skip
    fields["entry"] = connection_entry(
        f"with the rule in its place: {place.client} dials {far.name}. `conntrack -L` on {far.name} shows the connection; which dst= stands in its second half, "
        "where the answer is described?", whole.asks(place.client, place.dial(far)), pod.key, far.name,
    )  # fmt: skip
    fields["seen"] = source_seen(
        "seen", f"with the rule in its place: {place.client} dials {near.name}. Which source address does {pod.name} see?", whole.asks(place.client, place.dial(near)), pod.key,
    )  # fmt: skip
    made = several(
        "without",
        f"On every node somebody has taken out the rule that asks for SNAT of what comes from outside to {place.app}. How does each connection end, and which source address "
        f"does {pod.name} see? Write both, such as `refused 192.0.2.10`. {BOTH} And two addresses as they are with the rule.\n{place.told(service=place.said())}",
        fields,
        (
            "Whom does the pod answer, and which hosts does that answer pass?",
            "An answer is undone only on the node that changed the packet. What comes from a pod's node passes that node anyway.",
            "Another node dialled: timeout. The pod's own: connected. The clusterIP never needed that rule. Without it the pod sees, each time, who dialled, and answers him.",
        ),
    )
    return about(whole, made, whole.asks(place.client, place.dial(far)))


def _exempt(draw: Draw) -> Exercise:
    place = site(draw, (2, 0, 0), tool_on="busy")
    entry = place.busiest()
    cluster = place.whole()
    ext = rules_of(cluster(), entry, "-A KUBE-EXT")
    made = edit_rules(
        "exempt",
        f"The policy stays Cluster, and all pods of {place.app} run on {entry.name}. There, let the pods see the true address of callers from the office, {place.office}; "
        f"every other client outside is masqueraded as before. Write commands such as `-I CHAIN ...`.\n{place.told(service=place.said())}\n"
        f"Rules on {entry.name}:\n{ext}\n{rules_of(cluster(), entry, 'MASQ')}",
        cluster,
        entry.name,
        (
            ends(f"the pods see {place.client}, of the office", place.client, place.dial(entry), sees=place.client, points=2,
                 because="The packet still has the mark when it comes to KUBE-POSTROUTING, or it is lost on its way."),
            kept(ends(f"the pods see {entry.bridge} when {place.neighbour} calls", place.neighbour, place.dial(entry), sees=entry.bridge,
                      because="That client is not of the office.")),
            kept(ends("a pod that calls the clusterIP keeps its address", place.tool.source, place.inside, sees=place.tool.address)),
        ),
        (
            "What asks for SNAT, and what does it?",
            "The first rule of KUBE-EXT marks; KUBE-POSTROUTING masquerades what is marked. Lead the office past one of them.",
            f"-t nat -I POSTROUTING -s {place.office} -j ACCEPT",
        ),
    )  # fmt: skip
    return about(cluster, made, cluster.asks(place.client, place.dial(entry)))


def _hardened(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0), tool_on="empty")
    entry = draw.keep("entry", place.empty())
    bad = f'-A POSTROUTING -d {place.pod_range} -m comment --comment "{draw.one("words", ("hardening", "no NAT in here", "keep pods clean", "policy 7"))}" -j ACCEPT'
    decoys = [
        f"-A POSTROUTING -s {host.cidr} ! -d {place.pod_range} -j MASQUERADE" if host == entry else f"-A POSTROUTING -s {host.address}/32 -d {entry.address}/32 -j ACCEPT"
        for host in place.hosts
    ]  # fmt: skip
    lines = draw.order("lines", [bad, *decoys])
    service = f"{place.client} dials"
    shop = {"name": "shop.example.com", "address": place.stranger, "serves": [443]}

    def hardened(cluster: Cluster) -> Cluster:
        text = rules_text(cluster, entry.name)
        return cluster.with_rules(
            entry.name, text.replace("-A POSTROUTING ", "\n".join([*lines, "-A POSTROUTING "]), 1)
        )

    draw.keep("bad", bad)
    cluster = replace(place.whole(world={"hosts": [shop]}), change=hardened)
    made = edit_rules(
        "hardened",
        f"Since {entry.name} was hardened, {service} {place.dial(entry)} in vain. Mend it with as little as can be: what the other rules are for must stay. "
        f"Write commands such as `-D CHAIN ...`.\n{place.told(service=place.said())}\n  {place.stranger} serves 443 (https), and pods may call it\n"
        f"Rules on {entry.name}, table nat:\n{rules_of(cluster(), entry, 'POSTROUTING', '-A KUBE-EXT')}",
        cluster,
        entry.name,
        (
            ends("a client outside is served", place.client, place.dial(entry), sees=entry.address, points=2,
                 because="The mark is on the packet, and MASQUERADE never sees it."),
            kept(ends(f"tool reaches {place.stranger}:443 under the node's address", place.tool.source, f"{place.stranger}:443", sees=entry.address,
                      because="A pod's address means nothing outside: the node has to lend its own.")),
            kept(ends("a pod that calls the clusterIP keeps its address", place.tool.source, place.inside, sees=place.tool.address)),
        ),
        (
            "In which order are the rules of POSTROUTING asked, and what does ACCEPT end?",
            "Which rule catches a packet to a pod before KUBE-POSTROUTING is asked?",
            f"-t nat -D {bad.removeprefix('-A ')}",
        ),
    )  # fmt: skip
    return about(cluster, made, cluster.asks(place.client, place.dial(entry)))


def _keep(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0), tool_on="empty")
    cluster = place.whole()
    host, other = place.pods[0].host, place.pods[1].host
    trap = draw.one("trap", ("externalTrafficPolicy: local", "internalTrafficPolicy: Local", "both"))
    spec = {}
    if trap != "internalTrafficPolicy: Local":
        spec["externalTrafficPolicy"] = "local"
    if trap != "externalTrafficPolicy: local":
        spec["internalTrafficPolicy"] = "Local"
    made = apply(
        "keep",
        f"Change the Service {place.app}, so that the pods see the true address of clients outside. Its nodePort stays, and tool, on {place.tool.host.name}, is "
        f"served by the clusterIP as before. What follows is a colleague's attempt.\n{place.told(service=place.said())}",
        cluster,
        (
            ends(f"{place.client} dials {host.name}, and is seen", place.client, place.dial(host), sees=place.client, points=2, idea="the-pod-sees-the-client",
                 because="Only one policy keeps the source: externalTrafficPolicy: Local, with a capital letter."),
            ends(f"{place.client} dials {other.name}, and is seen", place.client, place.dial(other), sees=place.client, idea="the-pod-sees-the-client"),
            kept(ends(f"tool is served by the clusterIP, {place.inside}", place.tool.source, place.inside,
                      because="internalTrafficPolicy is for those inside: Local leaves a pod alone whose node has no pod of the Service.")),
            kept(stored(f"nodePort {place.node_port} stays", place.key, lambda service: [p.node_port for p in service.ports] == [place.node_port])),
        ),
        (
            "Which of the two policies is about clients outside?",
            "externalTrafficPolicy; its values are Cluster and Local, and capital letters count.",
            "externalTrafficPolicy: Local, and no internalTrafficPolicy.",
        ),
        one_yaml(place.service(**spec)),
    )  # fmt: skip
    return about(cluster, made, cluster.asks(place.client, place.dial(host)))


def _log(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 1), tool_on="busy")
    whole = place.whole()
    causes = draw.order(
        "causes",
        [
            unmarked(place.key),
            accepts_first(place.pod_range),
            masquerades_all(place.pod_range),
            conntrack_full(),
        ],
    )
    what, where = draw.number("what", 0, 3), draw.one("where", place.hosts)
    sightings = [
        *(Sighting(f"{place.client} dials {host.name}", whole.asks(place.client, place.dial(host)), logs=True) for host in place.hosts),
        *(Sighting(f"{pod.name} on {pod.host.name} dials the clusterIP", whole.asks(pod.source, place.inside), logs=True) for pod in place.pods),
    ]  # fmt: skip
    made = explain(
        "log",
        f"The pods write the source address of each connection into their log. One node does something that the others do not.\n{place.told(service=place.said())}",
        whole,
        causes,
        [host.name for host in place.hosts],
        (what, where.name),
        sightings,
        (
            "Which node stands in all the lines that differ from those of the other nodes?",
            "Whole: from outside the log has the node dialled; or an address of that node; by the clusterIP the caller's own address, but for a pod that comes to itself.",
            "No rule that asks for SNAT: who dials that node stands in the logs himself, and only its own pod's answer arrives; inside all is well. A rule that accepts: the same, and the node's pod misses its own calls to itself. "
            "A rule that masquerades: its pod's calls are logged under the node, and in the other lines its pod logs an address of the node. Table full: what comes to that node hangs, and what others lead to its pod.",
        ),
    )
    return about(whole, made)


def _everywhere(draw: Draw) -> Exercise:
    place = site(draw, (0, 0, 0))
    low = draw.number("low", 300, 327) * 100
    cluster = place.cluster()
    hosts = [host.name for host in place.hosts]
    addresses = [host.address for host in place.hosts]
    made = apply(
        "everywhere",
        f"There is nothing yet: write pods and a Service {place.app}. (1) Every node answers clients outside on one nodePort from {low} to {low + 49}, since the balancer in front "
        f"asks them all. (2) Their pods, which listen on {place.target}, see the clients' addresses. (3) Inside, {place.app}:{place.port} leads to all of them, also from node to node. "
        f"Write one manifest with several documents; containers need a name and an image, and ports with containerPort.\n{place.told()}",
        cluster,
        (
            some_door("every node answers, and the pods see the client", place.client, addresses, place.target, sees=place.client, points=3, lost_idea="local-forwards"),
            only_doors(f"one nodePort is open, from {low} to {low + 49}", low, low + 49),
            on_nodes(f"inside, {place.app}:{place.port} leads to pods on {', '.join(hosts)}", place.tool.source, f"{place.app}:{place.port}", len(hosts)),
        ),
        (
            "Which policy keeps the client's address, and what does a node without a pod do under it?",
            "Local, and it drops. So each node needs a pod: which kind of object makes one on each?",
            "A DaemonSet (or three Pods with nodeName), and a Service with externalTrafficPolicy: Local.",
        ),
        "???",
    )  # fmt: skip
    return about(cluster, made)


DEFINITIONS = (
    Definition("02-plugins", LESSON, "Three plugins, three sources", "predict", 6, 4,
               ("name-the-source", "snat-uses-another-interface", "snat-uses-the-dialled-address"), _plugins),
    Definition("02-without", LESSON, "The rule that is missing everywhere", "predict", 8, 5,
               ("tell-the-outcome", "without-snat-every-answer-is-lost", "the-answer-comes-back-the-same-way"), _without),
    Definition("02-exempt", LESSON, "The office is let through as it is", "rules", 8, 5,
               ("edit-rules", "keep-the-source", "read-a-chain"), _exempt),
    Definition("02-hardened", LESSON, "One rule too many", "rules", 7, 5,
               ("edit-rules", "read-a-chain"), _hardened),
    Definition("02-keep", LESSON, "Keep the client's address", "manifest", 6, 6,
               ("mend-a-service", "keep-the-source", "the-pod-sees-the-client"), _keep),
    Definition("02-log", LESSON, "The log of one node", "diagnose", 9, 2,
               ("explain-a-symptom", "everything-is-snated", "without-snat-every-answer-is-lost"), _log),
    Definition("02-everywhere", LESSON, "Every node, every address", "design", 12, 6,
               ("weigh-demands", "place-the-pods", "keep-the-source", "local-forwards"), _everywhere),
)  # fmt: skip
