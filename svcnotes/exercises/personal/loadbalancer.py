"""The coursework on LoadBalancer: who is seen, how the load is spread, who may come in."""

from __future__ import annotations

from svcnotes.exercises.apply import apply
from svcnotes.exercises.asked import Asked
from svcnotes.exercises.claims import ends, kept
from svcnotes.exercises.edit_rules import edit_rules
from svcnotes.exercises.exercise import Exercise
from svcnotes.exercises.personal.causes import conntrack_full, firewall, flushed, forward_drop
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.personal.definition import Definition
from svcnotes.exercises.personal.doors import closed
from svcnotes.exercises.personal.explain import Sighting, explain
from svcnotes.exercises.personal.fields import health
from svcnotes.exercises.personal.several import in_any_order, several
from svcnotes.exercises.personal.site import Site, about, one_yaml, rules_of, site
from svcnotes.exercises.questions import OUTCOMES, outcome
from svcnotes.exercises.share import share
from svcnotes.exercises.sources import source_seen

LESSON = "03-loadbalancer"
FIRST_ADDRESS = "203.0.113.1"
"""The address that the cloud gives first."""


def _said(place: Site, policy: str) -> str:
    return place.said(policy, "LoadBalancer").replace(", clusterIP", f", EXTERNAL-IP {place.vip}, clusterIP")


def _sources(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0), tool_on="empty")
    pod = draw.one("pod", place.pods)
    clouds = {
        cloud: place.balanced(cloud, externalTrafficPolicy="Local") for cloud in ("pass-through", "proxying")
    }

    def sees(
        words: str, cloud: str, source: str, ideas: dict[str, tuple[str, str]] | None = None
    ) -> Exercise:
        return source_seen("sees", words, clouds[cloud].asks(source, place.public), pod.key, ideas=ideas)

    goes_round = {
        place.vip: (
            "inside-goes-round-by-the-balancer",
            "The rules of tool's own node know that address, so its packet never goes there.",
        )
    }

    made = several(
        "sources",
        f"The policy is Local. In cluster H the load balancer hands packets on as they are, in cluster P it is a proxy. Somebody dials {place.public}, and "
        f"{pod.name} answers. Which source address does it see?\n{place.told(service=_said(place, 'Local'))}",
        {
            "H outside": sees(f"{place.client} dials.", "pass-through", place.client),
            "P outside": sees(f"{place.client} dials.", "proxying", place.client),
            "H inside": sees("the pod tool dials.", "pass-through", place.tool.source, goes_round),
            "P inside": sees("the pod tool dials.", "proxying", place.tool.source),
        },
        (
            "Who opens the connection that the pod gets: the caller, or the load balancer?",
            "A proxy makes a connection of its own, from its own address. In H, a pod's packet to the load balancer's address never leaves its node.",
            f"H: each is seen as he is. P: everybody is {place.vip}; Local cannot bring back what is not in the packet.",
        ),
    )
    return about(clouds["pass-through"], made)


def _shares(draw: Draw) -> Exercise:
    a, b = draw.one("crowds", ((2, 1), (3, 1), (3, 2), (4, 1), (4, 2)))
    place = site(draw, (a, b, 0))
    big = place.busiest()
    small = next(host for host in place.hosts if place.on(host) and host != big)
    one, other = place.on(big)[0], place.on(small)[0]
    local, cluster = place.balanced(externalTrafficPolicy="Local"), place.balanced()
    pods = place.balanced("pods", externalTrafficPolicy="Local")
    uneven = (
        "Under Local the balancer spreads over nodes that have a pod, and each of them over its own pods."
    )

    def part(words: str, asked: Asked, pod: str, ideas: dict[str, tuple[str, str]] | None = None) -> Exercise:
        return share("share", words, asked, pod, ideas=ideas)

    made = several(
        "shares",
        f"Many clients dial {place.public}; the load balancer hands packets on, to every node it holds for healthy alike. How large a part of the connections comes to that pod?\n"
        f"{place.told(service=_said(place, 'as said below'))}",
        in_any_order(draw, [
            part(f"Local: {one.name}, on {big.name}.", local.asks(place.client, place.public), one.key, {f"1/{a + b}": ("local-spreads-evenly", uneven)}),
            part(f"Local: {other.name}, on {small.name}.", local.asks(place.client, place.public), other.key, {f"1/{a + b}": ("local-spreads-evenly", uneven)}),
            part(f"Cluster: {other.name}.", cluster.asks(place.client, place.public), other.key, {f"1/{2 * b}": ("every-choice-is-even", "Under Cluster each node chooses among all pods.")}),
            part(f"Local, but the balancer sends straight to the pods: {one.name}.", pods.asks(place.client, place.public), one.key, {f"1/{2 * a}": ("backends-are-pods", "This one does send to pods, so nodes play no part.")}),
        ]),
        (
            "Who chooses first, and among what?",
            "The balancer chooses a node, then the node a pod: multiply.",
            "Local: 1/2 times one over the node's own pods. Cluster, and straight to the pods: one over all pods.",
        ),
    )  # fmt: skip
    return about(local, made, local.asks(place.client, place.public))


def _checks(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 1, 0))
    resting = draw.one("resting", [pod for pod in place.pods if len(place.on(pod.host)) == 1])
    service = place.service(
        type="LoadBalancer", externalTrafficPolicy="Local", healthCheckNodePort=place.spare_port
    )
    service["status"] = {"loadBalancer": {"ingress": [{"ip": place.vip, "ipMode": "VIP"}]}}
    members = place.members()
    for made in members:
        if made["metadata"]["name"] == resting.name:
            made["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    cluster = place.cluster(*members, service, world={"cloud": "pass-through"})
    awake = draw.one("awake", [pod for pod in place.pods if pod != resting])
    fields: dict[str, Exercise] = {
        host.name: health(f"the check asks {host.address}:{place.spare_port}.", cluster.asks(place.client, f"{host.address}:{place.spare_port}", "http"))
        for host in draw.order("hosts", place.hosts)
    }  # fmt: skip
    fields["share"] = share(
        "share", f"many clients dial {place.public}: how large a part of the connections comes to {awake.name}?", cluster.asks(place.client, place.public), awake.key,
        ideas={"1/3": ("local-spreads-evenly", "The balancer chooses among the nodes that pass the check, and each of them among its own ready pods.")},
    )  # fmt: skip
    asked = several(
        "checks",
        f"The policy is Local, and the load balancer, which hands packets on, asks each node's healthCheckNodePort, {place.spare_port}. {resting.name} is not Ready. "
        f"What does each node answer?\n{place.told(service=_said(place, 'Local'))}",
        fields,
        (
            "What does the check count?",
            "The node's own ready pods of the Service: none is 503.",
            "Two nodes answer 200. The balancer chooses one of these, and that node one of its own ready pods.",
        ),
    )
    return about(cluster, asked)


def _waiting(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 1), tool_on="busy")
    leaving = draw.one("leaving", place.pods)
    stays = draw.one("stays", [pod for pod in place.pods if pod != leaving])
    pending = place.cluster(*place.members(), place.service(type="LoadBalancer"))
    nodes = [host.name for host in place.hosts]
    members = [one for one in place.members() if one["metadata"]["name"] != leaving.name]
    services = {
        policy: place.service(type="LoadBalancer", externalTrafficPolicy=policy)
        for policy in ("Local", "Cluster")
    }
    for service in services.values():
        service["status"] = {"loadBalancer": {"ingress": [{"ip": place.vip, "ipMode": "VIP"}]}}
    believes = {"cloud": "pass-through", "faults": [{"name": "balancer-believes", "nodes": nodes}]}
    local, cluster = (
        place.cluster(*members, services[policy], world=believes) for policy in ("Local", "Cluster")
    )
    host = leaving.host
    made = several(
        "waiting",
        f"{place.told()}\n  {_said(place, 'as said below')}",
        in_any_order(draw, [
            outcome("pending", f"nobody serves load balancers here, and EXTERNAL-IP says <pending>; {place.client} dials {place.dial(host)}.", pending.asks(place.client, place.dial(host)),
                               ideas=dict.fromkeys(("refused", "timeout"), ("pending-means-broken", "The nodePort works all the while: only the address is missing."))),
            outcome("later", f"nobody serves load balancers here, and EXTERNAL-IP has said <pending> for a week; {place.client} dials {place.public}. (`external`: no machine has that address.)", pending.asks(place.client, place.public), words=(*OUTCOMES, "external"),
                                    ideas={"connected": ("pending-passes-by-itself", "Nobody is at work on it: a controller must be there to give an address.")}),
            share("lost", f"a balancer hands packets on, the policy is Local; {leaving.name} is gone, and the balancer has not noticed yet: what part of the connections to {place.public} is lost?", local.asks(place.client, place.public), "timeout",
                                 ideas={"0": ("a-rollout-under-local-loses-nothing", "Until the next health checks have failed, the balancer sends to a node that drops.")}),
            share("lost", f"a balancer hands packets on, the policy is Cluster; {leaving.name} is gone, and the balancer has not noticed yet: what part of the connections to {place.public} is lost?", cluster.asks(place.client, place.public), "timeout",
                                   ideas={"1/3": ("cluster-needs-a-local-pod", "Under Cluster a node without a pod carries the packet on.")}),
            source_seen("seen", f"a balancer hands packets on, the policy is Local: which source address does {stays.name} see, when {place.client} dials {place.public}?", local.asks(place.client, place.public), stays.key),
        ]),
        (
            "What does a Service of type LoadBalancer have before anybody gives it an address?",
            "A nodePort. And a balancer that has not noticed sends each node its part: what does each node do with it?",
            "pending: connected, and never by itself an address. Local: the part of the node without a pod is dropped. Cluster: nothing is lost.",
        ),
    )  # fmt: skip
    return about(local, made, local.asks(place.client, place.public))


def _ranges(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0), tool_on="empty")
    cluster = place.cluster(*place.members(), world={"cloud": "pass-through"})
    to = f"{FIRST_ADDRESS}:{place.port}"
    entry = place.busiest().name
    wrong_range = draw.one("wrong", ("198.51.100.0/24", "192.0.2.0/24", f"{place.client}/32"))
    start = place.service(type="LoadBalancer", clusterIP=None, loadBalancerSourceRanges=[wrong_range])
    made = apply(
        "ranges",
        f"Change this manifest. The office, {place.office}, reaches the load balancer's address on port {place.port} (the cloud will give {FIRST_ADDRESS}); nobody else outside "
        f"gets in there. The cluster's pods, {place.pod_range}, do. The nodePort is {place.node_port}.\n{place.told()}\n  the pods bear the label "
        f"{place.label[0]}: {place.label[1]} and listen on {place.target}",
        cluster,
        (
            ends(f"{place.client}, of the office, is served", place.client, to, via=entry, points=2, because="The rule below stands where packets end that no range let through."),
            ends("another of the office is served", place.colleague, to, via=entry, because="A range of one address is that one client alone."),
            kept(ends(f"{place.neighbour}, next door, waits in vain", place.neighbour, to, "timeout", via=entry, because="Nothing holds it up: the range is too wide.")),
            kept(ends("the pod tool is served", place.tool.source, to,
                      because="A pod that calls the load balancer's address meets the same rules as a client outside, and its address is in no range.")),
        ),
        (
            "The ranges are those that may come in, and there may be several.",
            "A pod that dials the load balancer's address is stopped by the same rules.",
            f"loadBalancerSourceRanges: [{place.office}, {place.pod_range}]",
        ),
        one_yaml(start),
    )  # fmt: skip
    return about(cluster, made)


def _let_in(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0))
    cluster = place.balanced(loadBalancerSourceRanges=[place.office])
    entry = draw.one("entry", [host for host in place.hosts if place.on(host)])
    made = edit_rules(
        "let_in",
        f"The Service lets in {place.office} only. For tonight, let {place.stranger} come in as well, to {place.public} by way of {entry.name}, without a change of the Service: "
        f"write commands such as `-I CHAIN ...`. Nobody else gets in.\n{place.told(service=_said(place, 'Cluster'))}\nRules on {entry.name}:\n"
        f"{rules_of(cluster(), entry, 'KUBE-FW-', place.vip)}",
        cluster,
        entry.name,
        (
            ends(f"{place.stranger} is served", place.stranger, place.public, via=entry.name, points=2,
                 because="In nat a rule must lead it to a pod; what is not led on is dropped in filter."),
            kept(ends(f"{place.neighbour} waits in vain", place.neighbour, place.public, "timeout", via=entry.name, because="The rule is too wide.")),
            kept(ends(f"{place.client} is served", place.client, place.public, via=entry.name)),
        ),
        (
            "How does the rule look that lets the office in?",
            "Copy it, with another source, and put it where it is asked before the chain ends.",
            f"-I KUBE-FW-... -s {place.stranger} -j KUBE-EXT-..., with the letters as above.",
        ),
    )  # fmt: skip
    return about(cluster, made, cluster.asks(place.stranger, place.public, via=entry.name))


def _one_node(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 1), tool_on="busy")
    whole = place.balanced(externalTrafficPolicy="Local")
    causes = draw.order("causes", [firewall(place.port), flushed(), forward_drop(), conntrack_full()])
    what, where = draw.number("what", 0, 3), draw.one("where", place.hosts)
    sightings = [
        *(
            Sighting(f"{place.client} dials {place.public}, and the balancer hands it to {host.name}", whole.asks(place.client, place.public, via=host.name))
            for host in place.hosts
        ),
        *(Sighting(f"{place.client} dials {host.name}'s nodePort", whole.asks(place.client, place.dial(host))) for host in place.hosts),
        *(Sighting(f"{pod.name} on {pod.host.name} dials the clusterIP", whole.asks(pod.source, place.inside)) for pod in place.pods),
    ]  # fmt: skip
    made = explain(
        "one_node",
        f"One connection in three to {place.public} hangs or fails. One thing is broken on one node.\n{place.told(service=_said(place, 'Local'))}",
        whole,
        causes,
        [host.name for host in place.hosts],
        (what, where.name),
        sightings,
        (
            "By which node do connections fail? Do its own pods suffer, too?",
            "The load balancer's packets come to the Service's port, those to a nodePort to another. Which cause tells these apart?",
            "Emptied: no silence, but refusals. Firewall: only what the balancer hands to that node hangs; its nodePort is another port. "
            "FORWARD: both ways from outside hang, and what crosses from a pod to another node; its pod still comes to itself. Table full: the same, but its own pod's calls hang every time.",
        ),
    )
    return about(whole, made)


def _quiet(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0), tool_on="empty")
    cluster = place.cluster(*place.members(), world={"cloud": "pass-through"})
    to = f"{FIRST_ADDRESS}:{place.port}"
    entry = place.busiest().name
    made = apply(
        "quiet",
        f"Write the Service {place.app} with an address of its own (the cloud will give {FIRST_ADDRESS}), port {place.port}. (1) The office, {place.office}, is served there, and "
        f"nobody else outside. (2) The pods see who of the office calls. (3) No nodePort is open on any node.\n{place.told()}\n  the pods bear the label "
        f"{place.label[0]}: {place.label[1]} and listen on {place.target}",
        cluster,
        (
            ends(f"{place.client}, of the office, is served", place.client, to, via=entry, points=2, because="The address leads nobody to a pod."),
            kept(ends(f"{place.neighbour}, next door, waits in vain", place.neighbour, to, "timeout", via=entry, because="Nothing holds it up.")),
            ends(f"the pods see {place.client}", place.client, to, sees=place.client, via=entry, idea="the-pod-sees-the-client",
                 because="Cluster is the default policy, and it changes the source."),
            kept(closed("no nodePort is open", place.key)),
        ),
        (
            "One field for each of the three demands.",
            "loadBalancerSourceRanges, externalTrafficPolicy, and one that says whether nodePorts are allocated.",
            "allocateLoadBalancerNodePorts: false",
        ),
        "???",
    )  # fmt: skip
    return about(cluster, made)


DEFINITIONS = (
    Definition("03-sources", LESSON, "Handed on, or made anew", "predict", 6, 4,
               ("name-the-source", "local-undoes-a-proxy", "inside-goes-round-by-the-balancer"), _sources),
    Definition("03-shares", LESSON, "Nodes are chosen, then pods", "predict", 6, 4,
               ("reckon-shares", "local-spreads-evenly", "backends-are-pods"), _shares),
    Definition("03-checks", LESSON, "What the balancer hears", "predict", 6, 5,
               ("tell-the-outcome", "reckon-shares", "local-forwards"), _checks),
    Definition("03-waiting", LESSON, "Before the address, and after the pod", "predict", 7, 5,
               ("tell-the-outcome", "pending-means-broken", "pending-passes-by-itself", "a-rollout-under-local-loses-nothing"), _waiting),
    Definition("03-ranges", LESSON, "Who may come in", "manifest", 7, 6,
               ("mend-a-service", "guard-the-way-in"), _ranges),
    Definition("03-let-in", LESSON, "A guest for one night", "rules", 8, 5,
               ("edit-rules", "read-a-chain", "guard-the-way-in"), _let_in),
    Definition("03-one-node", LESSON, "One call in three", "diagnose", 9, 2,
               ("explain-a-symptom", "silence-and-refusal-are-one"), _one_node),
    Definition("03-quiet", LESSON, "An address, and no door", "design", 12, 6,
               ("weigh-demands", "publish-an-address", "keep-the-source", "the-pod-sees-the-client"), _quiet),
)  # fmt: skip
