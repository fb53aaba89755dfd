"""The coursework of the first ten minutes: one packet, its answer, a first manifest and a first rule."""

from __future__ import annotations

from svcnotes.exercises.apply import apply
from svcnotes.exercises.claims import ends, kept
from svcnotes.exercises.edit_rules import edit_rules
from svcnotes.exercises.exercise import Exercise
from svcnotes.exercises.personal.causes import closed_port, inside_only, local_policy, misspelt
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.personal.definition import Definition
from svcnotes.exercises.personal.doors import only_doors, some_door, spread
from svcnotes.exercises.personal.explain import Sighting, explain
from svcnotes.exercises.personal.fields import reply_from
from svcnotes.exercises.personal.several import several
from svcnotes.exercises.personal.site import APPS, about, site
from svcnotes.exercises.share import share
from svcnotes.exercises.sources import source_seen

LESSON = "00-start-here"


def _visit(draw: Draw) -> Exercise:
    place = site(draw, (*draw.one("crowd", ((2, 1), (3, 1), (3, 2), (4, 2))), 0))
    cluster = place.whole()
    entry = draw.keep("entry", place.empty())
    pod = draw.one("pod", place.pods)
    by_node = f"1/{2 * len(place.on(pod.host))}"
    asked = cluster.asks(place.client, place.dial(entry))
    made = several(
        "visit",
        f"{place.client} dials {entry.name}, {place.dial(entry)}, and {pod.name} answers.\n{place.told(service=place.said())}",
        {
            "sees": source_seen("sees", f"which source address does {pod.name} see?", asked, pod.key),
            "answer from": reply_from(f"from which address does the answer come, when {place.client} gets it?", asked, pod.key),
            "share": share(
                "share", f"of many such connections, how large a part comes to {pod.name}?", asked, pod.key,
                ideas={by_node: ("every-choice-is-even", "It is pods that are chosen, each as likely as any other; nodes are not.")},
            ),
        },
        (
            "Which node does the packet come to first, and by which interface does it leave it?",
            f"{entry.name} runs no pod of {place.app}, so the packet leaves it by eth0, with MASQUERADE. It undoes both changes on the way back.",
            "sees: the address of the node dialled. answer from: the address dialled. share: one over the number of pods.",
        ),
    )  # fmt: skip
    return about(cluster, made)


def _first(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0), tool_on="empty")
    cluster = place.cluster(*place.members())
    entry, other = place.empty(), place.busiest()
    made = apply(
        "first",
        f"Write the Service {place.app}: it leads the nodePort {place.node_port} of every node, and its own port {place.port}, to the port "
        f"that the pods listen on.\n{place.told()}\n  the pods bear the label {place.label[0]}: {place.label[1]} and listen on {place.target}",
        cluster,
        (
            some_door(f"a client outside is served by {entry.name} and by {other.name}", place.client, (entry.address, other.address),
                      place.target, pods=[pod.key for pod in place.pods], points=2),
            only_doors(f"it is nodePort {place.node_port} that is open, and no other", place.node_port, place.node_port),
            spread(f"tool is served when it dials {place.app}:{place.port}", place.tool.source, f"{place.app}:{place.port}",
                   [pod.key for pod in place.pods], idea="ports-are-the-same-thing", because="Compare selector, port and targetPort with what is asked for."),
        ),
        (
            "A Service has a type, a selector and ports.",
            "An entry of `ports` may have three numbers: port (the Service's own), targetPort (the pods'), nodePort (the nodes').",
            f"type: NodePort, selector: {{{place.label[0]}: {place.label[1]}}}, ports: [{{port: {place.port}, targetPort: {place.target}, nodePort: {place.node_port}}}]",
        ),
        "???",
    )  # fmt: skip
    return about(cluster, made)


def _by_hand(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0))
    cluster = place.whole()
    pod = draw.one("pod", place.on(place.busiest()))
    entry = pod.host
    door = f"{entry.address}:{place.spare_port}"
    made = edit_rules(
        "by_hand",
        f"Do by hand, on {entry.name} alone, what kube-proxy does: whoever dials its port {place.spare_port} (tcp) comes to {pod.name}, which runs "
        f"there, on the port that it listens on. Write a command such as `-A CHAIN ...`.\n{place.told(service=place.said())}",
        cluster,
        entry.name,
        (
            ends(f"{place.client} dials {door} and is answered by {pod.name}", place.client, door, pod=pod.key, points=2,
                 because="No rule gives the packet that destination before the node asks for whom it is."),
            ends(f"{pod.name} sees {place.client}", place.client, door, sees=place.client, because="The pod runs here, so its answers pass here: no other source is needed."),
            kept(ends(f"nodePort {place.node_port} serves as before", place.client, place.dial(entry), because="The rule is too wide.")),
        ),
        (
            "Which table changes destinations, and at which hook, when a packet comes in?",
            "Table nat, chain PREROUTING, target DNAT.",
            f"-t nat -A PREROUTING -p tcp --dport {place.spare_port} -j DNAT --to-destination {pod.address}:{place.target}",
        ),
    )  # fmt: skip
    return about(cluster, made, cluster.asks(place.client, door))


def _three(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0), tool_on="empty")
    names = draw.some("names", [name for name in APPS if name != place.app], 3)
    doors = draw.some("doors", range(30000, 32767), 3)
    ips = [f"10.96.{number}.{draw.random.randint(2, 250)}" for number in draw.some("ips", range(1, 250), 3)]
    made = zip(names, doors, ips, strict=True)
    services = [
        place.service(name, clusterIP=ip, ports=[{"name": "http", "port": place.port, "targetPort": place.target, "nodePort": door}])
        for name, door, ip in made
    ]  # fmt: skip
    whole = place.cluster(*place.members(), *services)
    where = draw.number("where", 0, 2)
    wrong_port = place.target + draw.number("off", 1, 9)
    entry, other = place.empty(), place.busiest()
    causes = draw.order(
        "causes",
        [
            misspelt(place.label[0]),
            closed_port(place.port, wrong_port),
            inside_only(),
            local_policy(),
        ],
    )
    what = draw.number("what", 0, len(causes) - 1)
    sightings = [
        Sighting(f"{who} dials {name}, {to}", whole.asks(source, to), wire=True)
        for name, door, ip in zip(names, doors, ips, strict=True)
        for who, source, to in (
            (place.client, place.client, f"{entry.address}:{door}"),
            (place.client, place.client, f"{other.address}:{door}"),
            ("tool", place.tool.source, f"{ip}:{place.port}"),
        )
    ]  # fmt: skip
    asked = explain(
        "three",
        f"Three Services should lead to the same pods, which listen on {place.target}. Somebody has changed one line of one of them.\n{place.told()}",
        whole,
        causes,
        names,
        (what, names[where]),
        sightings,
        (
            "Which Service is not served as the others are?",
            "Who refuses: the pod or a node with nothing there (RST), or kube-proxy's rules (ICMP)? And is it served inside?",
            "ICMP everywhere: no endpoints. RST everywhere: the pod's port. RST outside only: no nodePort. Silence on one node: Local.",
        ),
    )
    return about(whole, asked)


def _audiences(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 1))
    live, test = (
        draw.some("tracks", ("live", "main", "stable", "calm"), 1)[0],
        draw.one("trial", ("test", "trial", "next", "beta")),
    )
    trial = draw.one("trial pod", place.pods)
    key, value = place.label
    pods = [
        place.pod(pod, {key: value, "track": test if pod == trial else live}, {"http": place.target})
        for pod in place.pods
    ]
    draw.keep("live", live)
    cluster = place.cluster(*pods)
    steady = [pod.key for pod in place.pods if pod != trial]
    addresses = [host.address for host in place.hosts]
    made = apply(
        "audiences",
        f"{trial.name} runs a version on trial. (1) On nodePort {place.node_port}, every node leads clients outside to the pods on track {live}, and never to {trial.name}. "
        f"(2) Inside, the Service {place.app} leads its port {place.port} to all pods, {trial.name} among them. (3) No other nodePort is open. Write one manifest or several.\n"
        f"{place.told()}\n  the pods bear the labels {key}: {value} and track: {live}, but {trial.name} has track: {test}; all listen on {place.target}",
        cluster,
        (
            some_door(f"outside, each node leads to the pods on track {live} and to no other", place.client, addresses, place.target, pods=steady, points=2),
            only_doors(f"nodePort {place.node_port} is open, and no other", place.node_port, place.node_port),
            spread(f"inside, {place.app}:{place.port} leads to all pods", place.tool.source, f"{place.app}:{place.port}", [pod.key for pod in place.pods], points=2),
        ),
        (
            "A Service selects pods by labels, and all that it names must fit. How many selections do you need?",
            f"Two Services: one selects {key} and track, one only {key}. Which of them is of type NodePort?",
            f"NodePort: selector {{{key}: {value}, track: {live}}}. {place.app}: type ClusterIP, selector {{{key}: {value}}}.",
        ),
        "???",
    )  # fmt: skip
    return about(cluster, made)


DEFINITIONS = (
    Definition("00-visit", LESSON, "One visit, three numbers", "predict", 4, 3,
               ("follow-a-packet", "the-answer-has-the-last-nodes-address", "every-choice-is-even"), _visit),
    Definition("00-first", LESSON, "A first Service", "manifest", 5, 5,
               ("write-a-service", "ports-are-the-same-thing"), _first),
    Definition("00-by-hand", LESSON, "A port opened by hand", "rules", 6, 5,
               ("edit-rules", "follow-a-packet"), _by_hand),
    Definition("00-three", LESSON, "One Service of three", "diagnose", 6, 2,
               ("explain-a-symptom", "selector-mismatch", "wrong-targetport"), _three),
    Definition("00-audiences", LESSON, "Two audiences", "design", 8, 6,
               ("weigh-demands", "write-a-service"), _audiences),
)  # fmt: skip
