"""The coursework on NodePort."""

from __future__ import annotations

from svcnotes.exercises.apply import apply
from svcnotes.exercises.claims import Claim, all_of, ends, kept
from svcnotes.exercises.edit_rules import edit_rules
from svcnotes.exercises.exercise import Exercise
from svcnotes.exercises.manifest import mend
from svcnotes.exercises.personal.causes import firewall, flushed, forward_drop, unmarked
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.personal.definition import Definition
from svcnotes.exercises.personal.doors import arrived_at, no_door, only_doors, some_door
from svcnotes.exercises.personal.explain import Sighting, explain
from svcnotes.exercises.personal.several import in_any_order, several
from svcnotes.exercises.personal.site import about, one_yaml, rules_of, site
from svcnotes.exercises.questions import listener, outcome
from svcnotes.exercises.sources import source_seen

LESSON = "01-nodeport"


def _visitor(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0))
    cluster = place.whole()
    pod = draw.one("pod", place.pods)
    near = pod.host
    far = draw.one("far", [host for host in place.hosts if host != near])

    def sees(words: str, source: str, to: str) -> Exercise:
        return source_seen("sees", words, cluster.asks(source, to), pod.key)

    made = several(
        "visitor",
        f"Each time {pod.name} on {near.name} gets the connection. Which source address does it see?\n{place.told(service=place.said())}",
        {
            "near": sees(
                f"{place.client} dials {near.name}, {place.dial(near)}.", place.client, place.dial(near)
            ),
            "far": sees(
                f"{place.client} dials {far.name}, {place.dial(far)}.", place.client, place.dial(far)
            ),
            "inside": sees(
                f"the pod tool dials the clusterIP, {place.inside}.", place.tool.source, place.inside
            ),
        },
        (
            "By which interface does each of these packets leave the node that was dialled? And is the third one marked at all?",
            "MASQUERADE takes the address of the outgoing interface: cni0 for a pod of the same node, eth0 for one of another node.",
            "near: the node's cni0. far: eth0 of the node dialled. inside: nobody changes it.",
        ),
    )
    return about(cluster, made)


def _nodes(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0, 0), tool_on="empty")
    cluster = place.whole(externalTrafficPolicy="Local")
    home = place.tool.host
    hosts = draw.order("hosts", place.hosts)
    fields = {
        host.name: outcome(
            "node", f"{place.client} dials {place.dial(host)}.", cluster.asks(place.client, place.dial(host))
        )
        for host in hosts
    }
    fields["tool"] = outcome(
        "tool", f"the pod tool dials {place.dial(home)}, its own node's.", cluster.asks(place.tool.source, place.dial(home)),
        ideas={
            "timeout": ("local-shuts-out-the-inside", "What comes from pods of the cluster is short-circuited to all endpoints, before Local is asked."),
            "refused": ("local-refuses", "What comes from pods of the cluster is short-circuited to all endpoints, before Local is asked."),
        },
    )  # fmt: skip
    pod = place.on(place.busiest())[0]
    fields["seen"] = source_seen(
        "seen", f"{place.client} dials {place.dial(pod.host)}, and {pod.name} answers: which source address does it see?",
        cluster.asks(place.client, place.dial(pod.host)), pod.key,
    )  # fmt: skip
    made = several(
        "nodes",
        f"The policy is Local. How does each connection end?\n{place.told(service=place.said('Local'))}",
        fields,
        (
            "Which nodes run a pod of the Service?",
            "On a node without one, the rules DROP what comes from outside. Pods of the cluster are led past that rule.",
            "Nodes with a pod: connected. The others: timeout. The pod tool: connected. Under Local the source stays.",
        ),
    )
    return about(cluster, made, cluster.asks(place.client, place.dial(pod.host)))


def _on_the_node(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0))
    host = place.busiest()
    node, door = f"node/{host.name}", place.dial(host)
    cluster, local = place.whole(), place.whole(externalTrafficPolicy="Local")
    hardened = place.whole(world={"sysctls": {"net.ipv4.conf.all.route_localnet": "0"}})
    nobody = place.whole(selector={place.label[0]: "nobody"})
    pod = draw.one("pod", place.on(host))
    localhost = f"127.0.0.1:{place.node_port}"
    made = several(
        "on_the_node",
        f"You are logged in on {host.name}.\n{place.told(service=place.said())}",
        in_any_order(draw, [
            listener("listed", f"{place.client} is served at {door}. Does `ss -lnt` on {host.name} list port {place.node_port}?", cluster.asks(place.client, door)),
            outcome("localhost", f"a program on {host.name} dials {localhost}.", cluster.asks(node, localhost),
                                 ideas=dict.fromkeys(("refused", "timeout"), ("localhost-never-answers", "In iptables mode kube-proxy's rules catch what goes to 127.0.0.1, and it sets route_localnet itself."))),
            outcome("hardened", f"after `sysctl -w net.ipv4.conf.all.route_localnet=0`, a program on {host.name} dials {localhost}.", hardened.asks(node, localhost),
                                ideas={"connected": ("localhost-is-like-any-address", "A packet from 127.0.0.1 may leave the machine only where route_localnet allows it.")}),
            source_seen("sees", f"the policy is Local; a program on {host.name} dials {door}, and {pod.name} answers: which source address does it see?", local.asks(node, door), pod.key),
            outcome("nobody", f"the selector matches no pod; {place.client} dials {door}.", nobody.asks(place.client, door)),
        ]),
        (
            "Which of these needs a process on the node? Which source has a packet of the node itself, and is it marked?",
            "Rules change the destination before the node asks who listens. What the node itself sends is masqueraded, under Local as well. Without endpoints the rule is a REJECT.",
            f"Nobody listens. localhost: connected, then timeout. {pod.name} sees cni0. Nobody there: refused.",
        ),
    )  # fmt: skip
    return about(cluster, made, cluster.asks(place.client, door))


_REFUSED = ("8080 as nodePort", "no port", "no name", "one port twice")
_SILENT = ("selector", "targetPort", "crossed")


def _repair(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0))
    names = {"http": place.target, "admin": place.target + 1}
    pods = [place.pod(pod, place.selector, names) for pod in place.pods]
    cluster = place.cluster(*pods)
    ports = [
        {"name": "http", "port": place.port, "targetPort": place.target, "nodePort": place.node_port},
        {
            "name": "admin",
            "port": place.port + 1,
            "targetPort": place.target + 1,
            "nodePort": place.spare_port,
        },
    ]
    first, second = draw.one("refused", _REFUSED), draw.one("silent", _SILENT)
    selector = dict(place.selector)
    if first == "8080 as nodePort":
        ports[0]["nodePort"] = 8080
    elif first == "no port":
        del ports[1]["port"]
    elif first == "no name":
        del ports[1]["name"]
    else:
        ports[1]["port"] = place.port
    if second == "selector":
        selector = {place.label[0]: f"{place.app}-1"}
    elif second == "targetPort":
        ports[0]["targetPort"] = place.port
    else:
        ports[0]["targetPort"], ports[1]["targetPort"] = place.target + 1, place.target
    start = one_yaml(place.service(ports=ports, selector=selector, clusterIP=None))
    listens = ", ".join(f"{name} on {number}" for name, number in names.items())
    made = mend(
        "repair",
        f"Mend this Service, so that a client outside reaches both ports of the pods, by name, on every node. Two things are "
        f"wrong with it.\n{place.told()}\n  the pods bear the label {place.label[0]}: {place.label[1]} and listen: {listens}",
        cluster,
        start,
        (
            "Let kube-apiserver tell you the first: check it as it is, and read the message.",
            "The second is not refused by anybody: compare selector and targetPort with the pods.",
            "nodePorts from 30000 to 32767; each entry with a name and a port of its own; selector and targetPorts as the pods have them.",
        ),
        points=(1, 2),
    )
    return about(cluster, made)


def _put_back(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0), tool_on="empty")
    whole = place.whole()
    entry = draw.keep("entry", place.empty())
    ext = f"{place.key}:http external destinations"
    lost = [line for line in rules_of(whole(), entry, ext).splitlines() if "KUBE-MARK-MASQ" in line]
    cluster = place.whole(world={"faults": [{"name": "rule-missing", "node": entry.name, "text": ext}]})
    # Whoever mends the rules of a node writes them as a text; the node has that of the fault until then.
    asked = cluster.asks(place.client, place.dial(entry))
    chain = lost[0].split()[1]
    made = edit_rules(
        "put_back",
        f"{entry.name} has lost one rule, and since then nobody outside is served by it; by the other nodes all is well. Put it back: "
        f"write commands such as `-A CHAIN ...` (or the node's whole rules).\n{place.told(service=place.said())}\n"
        f"The rules on {entry.name} that are about {place.app}:\n{rules_of(cluster(), entry, place.key, chain, 'MARK')}",
        cluster,
        entry.name,
        (
            _everybody(place.client, place.dial(entry), entry.address, "a client outside is served, and the pods see the node's address"),
            kept(ends("a pod that calls the clusterIP keeps its address", place.tool.source, place.inside, sees=place.tool.address,
                 because="A rule that is too wide masquerades what should stay as it is.")),
        ),
        (
            "The packet reaches a pod, and the answer goes astray. Why?",
            f"Compare {chain} with the same chain of any Service of type NodePort: which rule stands first in it?",
            f"-I {chain} -j KUBE-MARK-MASQ",
        ),
    )  # fmt: skip
    return about(cluster, made, asked)


def _everybody(source: str, to: str, sees: str, text: str) -> Claim:
    return ends(
        text, source, to, sees=sees, points=2,
        because="The pod answers past this node, or sees another source than the one that makes it answer to this node.",
    )  # fmt: skip


def _close(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 0))
    cluster = place.whole()
    entry = draw.one("entry", place.hosts)
    made = edit_rules(
        "close",
        f"Somebody at {place.stranger} calls too often. On {entry.name} alone, let his packets to nodePort {place.node_port} be dropped. "
        f"Everybody else is served as before, and {place.stranger} may still dial every other port of the node. "
        f"Write commands such as `-A CHAIN ...`.\n{place.told(service=place.said())}",
        cluster,
        entry.name,
        (
            ends(f"{place.stranger} waits in vain", place.stranger, place.dial(entry), "timeout", points=2,
                 because="He is still answered. A rule of INPUT never sees this packet: when the node asks whether it is for itself, it has a pod's address and port."),
            kept(all_of("everybody else is served", *(ends("", caller, place.dial(entry), because="The rule is too wide: it hits another source, too.")
                 for caller in (place.client, _next_door(place.stranger))))),
            kept(ends(f"{place.stranger} is told by {entry.name} that another port is closed", place.stranger, f"{entry.address}:{place.spare_port}", "refused",
                 because="The rule is too wide: it says nothing of the port.")),
        ),
        (
            "Where on its way has the packet still the address and the port that he dialled?",
            "Before DNAT, which is in nat's PREROUTING: in the tables raw or mangle, at PREROUTING.",
            f"-t raw -A PREROUTING -s {place.stranger} -p tcp --dport {place.node_port} -j DROP",
        ),
    )  # fmt: skip
    return about(cluster, made, cluster.asks(place.stranger, place.dial(entry)))


def _next_door(address: str) -> str:
    """The address beside this one."""
    net, _, last = address.rpartition(".")
    return f"{net}.{int(last) ^ 1}"


def _silent(draw: Draw) -> Exercise:
    place = site(draw, (1, 1, 1), tool_on="busy")
    whole = place.whole()
    causes = draw.order("causes", [firewall(place.node_port), flushed(), forward_drop(), unmarked(place.key)])
    what = draw.number("what", 0, len(causes) - 1)
    where = draw.one("where", place.hosts)
    places = [host.name for host in place.hosts]
    sightings = [
        Sighting(
            f"{place.client} dials {host.name}:{place.node_port}", whole.asks(place.client, place.dial(host))
        )
        for host in place.hosts
    ]
    sightings += [
        Sighting(
            f"{pod.name} on {pod.host.name} dials the clusterIP {place.inside}",
            whole.asks(pod.source, place.inside),
        )
        for pod in place.pods
    ]
    made = explain(
        "silent",
        f"Not every node serves as it should. One thing is broken on one node.\n{place.told(service=place.said())}",
        whole,
        causes,
        places,
        (what, where.name),
        sightings,
        (
            "Which node is in all that fails, and in nothing that works?",
            "Refused: who says no? Timeout: who drops it, or where does the answer go? And does it hit pods of that node, too?",
            "Emptied: that node refuses at once, and its pod's call to the clusterIP leaves the cluster (external). Firewall: only who dials that node waits, every time. "
            "Without SNAT: the same, but one call in three is answered, by the node's own pod. FORWARD: who dials that node is served; calls from the other nodes to its pod hang, and its pod's calls to other nodes.",
        ),
    )
    return about(whole, made)


def _two_doors(draw: Draw) -> Exercise:
    place = site(draw, (2, 1, 0))
    admin = place.target + 1
    names = {"http": place.target, "admin": admin}
    cluster = place.cluster(*(place.pod(pod, place.selector, names) for pod in place.pods))
    low = draw.number("low", 300, 327) * 100
    high = low + 49
    host = place.busiest()
    other = next(one for one in place.hosts if place.on(one) and one != host)
    start = "???"
    made = apply(
        "two_doors",
        f"Publish {place.app}. (1) A client outside reaches the pods' port http on every node that runs a pod, on one nodePort, and the "
        f"pods see the client's address. (2) The firewall lets in nodePorts {low} to {high} only, so no other is opened. "
        f"(3) Inside the cluster, the Service {place.app}-admin leads its port {place.port} to the pods' port admin, and no node leads anybody there from outside. "
        f"Write one manifest or several.\n{place.told()}\n  the pods bear the label {place.label[0]}: {place.label[1]} and listen: http on {place.target}, admin on {admin}",
        cluster,
        (
            some_door(f"outside, {place.app}'s port http is reached by nodes with pods, and the client is seen", place.client,
                      (host.address, other.address), place.target, sees=place.client, pods=[pod.key for pod in place.pods], points=2),
            ends(f"tool reaches the port admin by {place.app}-admin", place.tool.source, f"{place.app}-admin:{place.port}",
                 pod=lambda path: arrived_at(path) == admin, because="It came to another port, or to none."),
            no_door("no node leads anybody outside to the port admin", place.client, host.address, admin, f"{place.key}-admin"),
            only_doors(f"one nodePort is open, from {low} to {high}", low, high),
        ),
        (
            "One Service has one type. How many do you need?",
            "One of type NodePort with externalTrafficPolicy: Local and a nodePort of the range; one of type ClusterIP.",
            f"nodePort: {low}; {place.app}-admin without a type, targetPort: {admin}.",
        ),
        start,
    )  # fmt: skip
    return about(cluster, made)


DEFINITIONS = (
    Definition("01-visitor", LESSON, "Whom a pod sees", "predict", 4, 3,
               ("name-the-source", "snat-uses-the-dialled-address", "the-pod-sees-the-client", "everything-is-snated"), _visitor),
    Definition("01-nodes", LESSON, "Every node under Local", "predict", 5, 6,
               ("tell-the-outcome", "local-forwards", "local-refuses", "local-shuts-out-the-inside"), _nodes),
    Definition("01-on-the-node", LESSON, "Seen from the node", "predict", 7, 5,
               ("tell-the-outcome", "nodeport-shows-in-netstat", "localhost-never-answers", "localhost-is-like-any-address",
                "local-always-keeps-the-client", "no-pods-means-timeout"), _on_the_node),
    Definition("01-repair", LESSON, "Mend a Service with two ports", "manifest", 6, 5,
               ("mend-a-service", "any-port-can-be-a-nodeport", "selector-mismatch", "wrong-targetport", "targetport-crossed"), _repair),
    Definition("01-put-back", LESSON, "The rule that was lost", "rules", 6, 4,
               ("edit-rules", "read-a-chain"), _put_back),
    Definition("01-close", LESSON, "One caller, one port, one node", "rules", 8, 5,
               ("edit-rules", "guard-the-way-in"), _close),
    Definition("01-silent", LESSON, "One node is silent", "diagnose", 8, 2,
               ("explain-a-symptom", "silence-and-refusal-are-one"), _silent),
    Definition("01-two-doors", LESSON, "Two doors, one of them locked", "design", 12, 6,
               ("weigh-demands", "write-a-service", "keep-the-source", "a-clusterip-opens-on-nodes"), _two_doors),
)  # fmt: skip
