"""The coursework on hairpins: pods that call the Service they belong to."""

from __future__ import annotations

from svcnotes.exercises.apply import apply
from svcnotes.exercises.asked import Asked
from svcnotes.exercises.claims import all_of, ends, kept, stored
from svcnotes.exercises.edit_rules import edit_rules
from svcnotes.exercises.exercise import Exercise
from svcnotes.exercises.personal.causes import conntrack_full, forward_drop, masquerades_all, no_hairpin
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.personal.definition import Definition
from svcnotes.exercises.personal.doors import only_doors, some_door, spread
from svcnotes.exercises.personal.explain import Sighting, explain
from svcnotes.exercises.personal.several import in_any_order, several
from svcnotes.exercises.personal.site import about, one_yaml, rules_of, site
from svcnotes.exercises.share import share
from svcnotes.exercises.sources import source_seen

LESSON = "06-hairpin"


def _self(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0))
    cluster, local = place.whole(), place.whole(externalTrafficPolicy="Local")
    one, two = draw.order("pair", place.on(place.busiest()))
    away = next(pod for pod in place.pods if pod.host != one.host)
    masked = "What an endpoint sends to itself is marked by the rule of that endpoint, and nothing else is."

    def sees(words: str, asked: Asked, pod: str, own: str = "") -> Exercise:
        return source_seen(
            "sees", words, asked, pod, ideas={own: ("everything-is-snated", masked)} if own else None
        )

    made = several(
        "self",
        f"{one.name} dials its own Service. Which source address does the pod see that gets the connection?\n{place.told(service=place.said())}",
        {
            "itself": sees(f"{one.name} dials {place.inside}, and gets {one.name}.", cluster.asks(one.source, place.inside), one.key),
            "neighbour": sees(f"{one.name} dials {place.inside}, and gets {two.name}.", cluster.asks(one.source, place.inside), two.key, one.host.bridge),
            "away": sees(f"{one.name} dials {place.inside}, and gets {away.name}.", cluster.asks(one.source, place.inside), away.key, one.host.address),
            "itself Local": sees(f"the policy is Local; {one.name} dials its own node's nodePort, {place.dial(one.host)}, and gets {one.name}.", local.asks(one.source, place.dial(one.host)), one.key),
            "away Cluster": sees(f"the policy is Cluster; {one.name} dials {place.dial(one.host)}, and gets {away.name}.", cluster.asks(one.source, place.dial(one.host)), away.key),
        },
        (
            "Which of these packets is marked for SNAT?",
            "A pod's packet to a clusterIP is not; one that comes back to the pod that sent it is, under any policy; one to a nodePort is, under Cluster.",
            "itself: cni0 of its node. neighbour, away: its own address. Marked and sent to another node: eth0.",
        ),
    )  # fmt: skip
    return about(cluster, made)


def _lost(draw: Draw) -> Exercise:
    crowd = draw.one("crowd", ((2, 1), (3, 1), (2, 2), (3, 2), (4, 1), (4, 2)))
    place = site(draw, (*crowd, 0))
    node = place.busiest()
    one = draw.one("one", place.on(node))
    other = next(pod for pod in place.pods if pod.host != node)
    flag = place.whole(world={"faults": [{"name": "hairpin-off", "node": node.name}]})
    unseen = place.whole(world={"sysctls": {"bridge-nf-call-iptables": 0}})
    total = len(place.pods)
    nothing = {
        "1": (
            "without-hairpin-nothing-works",
            "Only a frame that must go back by the port it came in by needs the flag.",
        )
    }
    made = several(
        "lost",
        f"How large a part of the calls to the clusterIP, {place.inside}, gets no answer within a second? Two clusters: in F, {node.name}'s bridge sends no frame back out of the port that it came in by; "
        f"in B that is in order, but net.bridge.bridge-nf-call-iptables is 0 on every node, so that what passes between two pods of one bridge is not shown to iptables.\n{place.told(service=place.said())}",
        in_any_order(draw, [
            share("lost", f"F: calls of {one.name}, on {node.name}.", flag.asks(one.source, place.inside), "timeout",
                           ideas={"0": ("a-pod-always-reaches-itself", "When the choice falls on the caller itself, the frame must leave by the port it came from."), **nothing}),
            share("lost", f"F: calls of {other.name}, on {other.host.name}.", flag.asks(other.source, place.inside), "timeout",
                             ideas={f"1/{total}": ("without-hairpin-nothing-works", f"{other.host.name}'s bridge has its flag.")}),
            share("lost", f"F: calls of all pods of {place.app}, each calling equally often.", [flag.asks(pod.source, place.inside) for pod in place.pods], "timeout",
                           ideas={f"1/{total}": ("every-choice-is-even", f"Only those on {node.name} lose any.")}),
            share("lost", f"B: calls of {one.name}, on {node.name}.", unseen.asks(one.source, place.inside), "timeout",
                           ideas={"0": ("the-answer-needs-no-rule", "An answer from a pod of the same bridge goes straight back, and nobody gives it the Service's address again."), **nothing}),
        ]),
        (
            "F: to which pod must a call be led, to need the flag? B: which answers pass no iptables?",
            "F: to the caller itself, one in all pods, and only on that node. B: answers of other pods on the caller's bridge; its own call to itself is masqueraded, so its answer goes to the node.",
            "F, all pods: the share of pods on that node, times one over all pods. B: the other pods of that node, over all pods.",
        ),
    )  # fmt: skip
    return about(flag, made, flag.asks(one.source, place.inside))


def _mark(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0))
    pod = draw.one("pod", place.on(place.busiest()))
    node = pod.host
    mate = next(one for one in place.on(node) if one != pod)
    lost = f"-s {pod.address}/32"
    cluster = place.whole(world={"faults": [{"name": "rule-missing", "node": node.name, "text": lost}]})
    made = edit_rules(
        "mark",
        f"{pod.name} sometimes gets no answer when it calls its own Service; nobody else complains, and the bridge is in order. {node.name} has lost one rule. Put it back: write a command "
        f"such as `-I CHAIN ...`. What need not be changed stays as it is.\n{place.told(service=place.said())}\nRules on {node.name}:\n{rules_of(cluster(), node, '-A KUBE-SEP')}",
        cluster,
        node.name,
        (
            ends(f"{pod.name} is answered by itself, and sees {node.bridge}", pod.source, place.inside, pod=pod.key, sees=node.bridge, points=2, only=lambda path: path.pod == pod.key,
                 idea="a-pod-calling-itself-keeps-its-address", because="A packet that comes in with one's own address as its source is dropped by the pod's kernel."),
            kept(all_of("every other call is as before, the caller's address kept",
                 ends("", pod.source, place.inside, sees=pod.address, only=lambda path: path.pod != pod.key, idea="everything-is-snated",
                      because="Only what comes back to its sender needs another source."),
                 ends("", mate.source, place.inside, sees=mate.address, only=lambda path: path.pod == pod.key, idea="everything-is-snated",
                      because=f"The rule is too wide: it marks what others send to {pod.name}, too."))),
        ),
        (
            "Compare the chains KUBE-SEP: what do the others have that one lacks?",
            "In each of them the first rule marks what that endpoint sent to itself.",
            f"-I KUBE-SEP-... {lost} -j KUBE-MARK-MASQ, in the chain that leads to {pod.address}",
        ),
    )  # fmt: skip
    return about(cluster, made, cluster.asks(pod.source, place.inside))


def _peers(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0))
    cluster = place.whole(world={"faults": [{"name": "hairpin-off"}]})
    one = draw.one("one", place.on(place.busiest()))
    name = f"{place.app}-{draw.one('word', ('peers', 'ring', 'members', 'all'))}"
    draw.keep("name", name)
    keys = [pod.key for pod in place.pods]
    trap = draw.one("trap", ("internalTrafficPolicy", "sessionAffinity", "publishNotReadyAddresses"))
    extra = {
        "internalTrafficPolicy": "Local",
        "sessionAffinity": "ClientIP",
        "publishNotReadyAddresses": True,
    }[trap]
    start = place.service(
        name,
        type="ClusterIP",
        clusterIP=None,
        ports=[{"name": "http", "port": place.port, "targetPort": place.target}],
        **{trap: extra},
    )
    made = apply(
        "peers",
        f"No bridge of this cluster sends a frame back out of the port that it came in by, and nobody may change that. Still the pods of {place.app} must reach each other and themselves, "
        f"by one name: {name}, on the port that they listen on, {place.target}. Change this manifest so that they do.\n{place.told(service=place.said())}",
        cluster,
        (
            spread(f"{one.name} dials {name}:{place.target} and reaches every pod, itself among them", one.source, f"{name}:{place.target}", keys, points=2,
                   idea="a-pod-always-reaches-itself", because="It must reach all of them, and no call may be lost."),
            spread(f"tool reaches every pod by {name}:{place.target}", place.tool.source, f"{name}:{place.target}", keys),
            stored("no node has a rule for it", f"default/{name}", lambda service: service.cluster_ips in ((), ("None",)) or not service.cluster_ips,
                   because="As long as the Service has an address, rules lead to its pods, and what a pod sends to itself must turn round at the bridge."),
        ),
        (
            "Where does a pod's packet turn round, when it dials its own address instead of the Service's?",
            "It never leaves the pod. So let the name lead to the pods' own addresses: what are such Services called?",
            "clusterIP: None",
        ),
        one_yaml(start),
    )  # fmt: skip
    return about(cluster, made, cluster.asks(one.source, place.inside))


def _rounds(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 1), tool_on="busy")
    whole = place.whole()
    causes = draw.order(
        "causes", [no_hairpin(), forward_drop(), conntrack_full(), masquerades_all(place.pod_range)]
    )
    what, where = draw.number("what", 0, 3), draw.one("where", place.hosts)
    sightings = [
        *(
            Sighting(
                f"{pod.name} on {pod.host.name} dials the clusterIP",
                whole.asks(pod.source, place.inside),
                logs=True,
            )
            for pod in place.pods
        ),
        *(
            Sighting(
                f"{place.client} dials {host.name}'s nodePort", whole.asks(place.client, place.dial(host))
            )
            for host in place.hosts
        ),
    ]
    made = explain(
        "rounds",
        f"The pods of {place.app} call their own Service, and write into their logs who called. Something is broken on one node.\n{place.told(service=place.said())}",
        whole,
        causes,
        [host.name for host in place.hosts],
        (what, where.name),
        sightings,
        (
            "How large a part of which pod's calls is lost? And is a client outside hit, too?",
            "One in three is the caller itself, two in three are the others. Who is logged under a node's address, who under his own?",
            "Bridge: one pod misses its calls to itself, and nobody else misses any. Masquerading: nothing hangs, but callers are logged under that node's addresses. "
            "FORWARD: the pod comes to itself, and calls between it and the other nodes hang; who dials that node is served. Table full: every call through that node hangs, from outside, too.",
        ),
    )
    return about(whole, made)


def _both_ways(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0), tool_on="busy")
    low = draw.number("low", 300, 327) * 100
    cluster = place.cluster(*place.members())
    keys = [pod.key for pod in place.pods]
    crowd = place.busiest()
    lone = next(pod for pod in place.pods if pod.host != crowd)
    addresses = [host.address for host in place.hosts]
    made = apply(
        "both_ways",
        f"Write the Service {place.app}, port {place.port}. (1) A pod that calls it is led to pods of its own node only, itself among them: nothing goes from node to node. "
        f"(2) Clients outside reach all pods by every node, on one nodePort from {low} to {low + 49}. (3) The pods are told apart by their own addresses when they call each other.\n"
        f"{place.told()}\n  the pods bear the label {place.label[0]}: {place.label[1]} and listen on {place.target}",
        cluster,
        (
            spread(f"inside, {place.on(crowd)[0].name} is led to the pods on {crowd.name}", place.on(crowd)[0].source, f"{place.app}:{place.port}", [pod.key for pod in place.on(crowd)], points=1,
                   because="internalTrafficPolicy says how far those inside are led."),
            spread(f"inside, {lone.name} is led to itself", lone.source, f"{place.app}:{place.port}", [lone.key]),
            some_door("outside, every node leads to all pods", place.client, addresses, place.target, pods=keys, points=2),
            only_doors(f"one nodePort is open, from {low} to {low + 49}", low, low + 49),
            ends(f"{place.on(crowd)[1].name} sees {place.on(crowd)[0].name}'s own address", place.on(crowd)[0].source, f"{place.app}:{place.port}", sees=place.on(crowd)[0].address,
                 only=lambda path: path.pod == place.on(crowd)[1].key, because="Something masquerades what goes from pod to pod."),
        ),
        (
            "There are two traffic policies. Which is for whom?",
            "internalTrafficPolicy for those inside, externalTrafficPolicy for those outside.",
            "type: NodePort, internalTrafficPolicy: Local, externalTrafficPolicy: Cluster",
        ),
        "???",
    )  # fmt: skip
    return about(cluster, made)


DEFINITIONS = (
    Definition("06-self", LESSON, "Whom a pod sees that calls itself", "predict", 6, 5,
               ("name-the-source", "a-pod-calling-itself-keeps-its-address", "everything-is-snated"), _self),
    Definition("06-lost", LESSON, "How many calls are lost", "predict", 9, 4,
               ("reckon-shares", "a-pod-always-reaches-itself", "without-hairpin-nothing-works", "the-answer-needs-no-rule"), _lost),
    Definition("06-mark", LESSON, "The rule of one endpoint", "rules", 7, 4,
               ("edit-rules", "read-a-chain", "a-pod-calling-itself-keeps-its-address"), _mark),
    Definition("06-peers", LESSON, "A name that leads round no bridge", "manifest", 8, 5,
               ("mend-a-service", "name-a-host", "a-pod-always-reaches-itself"), _peers),
    Definition("06-rounds", LESSON, "Calls that come round", "diagnose", 8, 2,
               ("explain-a-symptom", "without-hairpin-nothing-works", "everything-is-snated"), _rounds),
    Definition("06-both-ways", LESSON, "Near inside, everywhere outside", "design", 10, 7,
               ("weigh-demands", "write-a-service"), _both_ways),
)  # fmt: skip
