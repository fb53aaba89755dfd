"""The exercises of the lesson on load balancers: backends, health checks, shares, rollouts, who is let in."""

from __future__ import annotations

from collections.abc import Callable

from svcnotes.exercises import loadbalancer_clusters as worlds
from svcnotes.exercises.asked import Asked, Seen
from svcnotes.exercises.choose import Choice, choose
from svcnotes.exercises.evidence import ending_rule, jump_rule, target_rule
from svcnotes.exercises.loadbalancer_clusters import ROLLOUT
from svcnotes.exercises.loadbalancer_write import MANIFEST, write
from svcnotes.exercises.manifest import CLIENT
from svcnotes.exercises.questions import missing_chain, outcome, source_seen
from svcnotes.exercises.share import share
from svcnotes.trace import Path

__all__ = [
    "MANIFEST",
    "ROLLOUT",
    "backend",
    "blank",
    "drain",
    "inside",
    "insider",
    "late",
    "lone",
    "pending",
    "ranges",
    "visitor",
    "write",
]


def _waiting(*, reached: bool) -> Callable[[Seen], bool]:
    """Whether there is no address in front, and a node's port leads to a pod, or does not."""
    return lambda seen: (
        not seen.cluster.services[worlds.SERVICE].ingress and (seen.outcomes == {"connected"}) == reached
    )


pending = choose(
    "pending",
    "EXTERNAL-IP says <pending>. The cluster is three bare machines with Kubernetes on them, and nothing else. "
    "You come back in an hour. What do you find?",
    Asked(worlds.pending, CLIENT, "172.18.0.11:30080"),
    (
        Choice(
            "an address: load balancers take their time",
            lambda seen: bool(seen.cluster.services[worlds.SERVICE].ingress),
            "pending-passes-by-itself",
            "Somebody has to ask for a load balancer and write its address down. No program here does, and waiting installs none.",
        ),
        Choice(
            "still <pending>, and no way in from outside",
            _waiting(reached=False),
            "pending-means-broken",
            "Nobody is asked for leave when you dial a node. The nodePort was there as soon as the Service was, "
            "and the rules of 172.18.0.11 lead port 30080 to a pod.",
        ),
        Choice(
            "still <pending>, but 172.18.0.11:30080 leads to a pod",
            _waiting(reached=True),
            because="The address in front is missing, and only that. kube-proxy wrote the rules for the nodePort without it.",
        ),
    ),
    (
        "Who would fill in the address, and who writes the rules for a nodePort?",
        "kube-proxy writes them, from the Service and its EndpointSlices. Does it need a load balancer?",
        "A LoadBalancer is a NodePort with an address in front.",
    ),
    tells=lambda path: path.outcome != "connected",
    rule=lambda seen: target_rule(seen.paths[0]),
)

lone = share(
    "lone",
    "Policy Local; my-nginx-1 and my-nginx-3 run on node-1, my-nginx-2 alone on node-2. "
    "A thousand clients come through the load balancer. Which share of them does my-nginx-2 get?",
    Asked(worlds.three, CLIENT, worlds.VIP),
    worlds.LONE,
    (
        "What does the load balancer choose among: pods, or nodes?",
        "Nodes whose health check passes: node-1 and node-2, each as often as the other.",
        "Half of the clients come to node-2, and there is one pod there.",
    ),
    ideas={
        "1/3": (
            "local-spreads-evenly",
            "Three pods, but the load balancer does not know pods. It spreads over nodes, and each node over its own pods.",
        ),
        "1/4": (
            "",
            "That is what each of the two on node-1 gets: half of the clients come there, and they are shared by two.",
        ),
    },
    choices=("1/4", "1/3", "1/2"),
)


def _passes_node_2(path: Path) -> bool:
    return any(hop.host == "node-2" for hop in path.hops)


def _by_node_2(seen: Seen) -> list[Path]:
    """The paths of those clients whom the balancer sends to node-2."""
    return [path for path in seen.paths if _passes_node_2(path)]


def _all_end(what: str) -> Callable[[Seen], bool]:
    return lambda seen: bool(_by_node_2(seen)) and {path.outcome for path in _by_node_2(seen)} == {what}


late = choose(
    "late",
    "A rollout, policy Local. my-nginx-2, the only pod on node-2, has ended this moment; my-nginx-1 on node-1 and a new pod "
    "on node-3 are ready. The load balancer checks node-2 again in eight seconds. What do the clients get that it sends to node-2 until then?",
    Asked(worlds.gone, CLIENT, worlds.VIP),
    (
        Choice(
            "an answer: node-2 hands them on to another node's pod",
            _all_end("connected"),
            "local-forwards",
            "That is what Cluster does. Under Local a node has its own pods or none, and for none it has a DROP.",
        ),
        Choice(
            "a refusal, and they try again at once",
            _all_end("refused"),
            "local-refuses",
            "There are ready pods on other nodes, so kube-proxy drops instead of rejecting: nothing comes back.",
        ),
        Choice(
            "silence, until they give up",
            _all_end("timeout"),
            because="The health check fails at once, but the load balancer has not asked yet. Till it does, its clients go where nobody is.",
        ),
        Choice(
            "nothing: none is sent there any more",
            lambda seen: not _by_node_2(seen),
            "a-rollout-under-local-loses-nothing",
            "Who would have told the load balancer? It asks the nodes, every few seconds, and it has not asked yet.",
        ),
    ),
    (
        "Does the load balancer know what node-2 knows?",
        "It sends them to node-2. Policy Local, and no pod there.",
        "In the NodePort lesson, what did node-3 do with a packet under Local?",
    ),
    tells=_passes_node_2,
    rule=lambda seen: next((text for path in _by_node_2(seen) if (text := ending_rule(path))), seen.rule),
)

blank = missing_chain(
    "blank",
    "A proxying load balancer sends the client's request to node-1. Fill the blank: KUBE-SERVICES → ____ → KUBE-EXT-…",
    Asked(worlds.proxied, CLIENT, worlds.VIP),
    "KUBE-SERVICES",
    {
        "KUBE-EXT": (
            "",
            "Straight to KUBE-EXT goes a packet that still has the load balancer's address as its destination. "
            "This one is a new connection, to another destination.",
        ),
        "KUBE-SVC": (
            "backends-are-pods",
            "No chain of the Service's own comes before KUBE-EXT. What does the packet have as its destination when it leaves the load balancer?",
        ),
        "KUBE-SEP": (
            "backends-are-pods",
            "The load balancer does not choose the pod. It dials a port of the node, and the node chooses.",
        ),
    },
    (
        "Which destination does the load balancer dial: its own address, a node's, a pod's?",
        "172.18.0.11:30080. Which rule of KUBE-SERVICES is for the node's own addresses? It is the last one.",
        "KUBE-NODEPORTS",
    ),
)


def _sent_on(to: str) -> Callable[[Seen], bool]:
    """Whether what the balancer sends is for `to`: a pod, or a node's nodePort, or else."""

    def holds(seen: Seen) -> bool:
        sent = [
            hop.packet
            for path in seen.paths
            for hop in path.hops
            if hop.host == "load-balancer" and hop.direction == "there" and hop.packet.source != CLIENT
        ]
        nodes = {address for node in seen.cluster.nodes.values() for address in node.addresses}
        pods = {address for pod in seen.cluster.pods.values() for address in pod.addresses}
        own = {address for service in seen.cluster.services.values() for address in service.cluster_ips}
        known = {"node": nodes, "pod": pods, "service": own}[to]
        return bool(sent) and all(packet.destination in known for packet in sent)

    return holds


backend = choose(
    "backend",
    "A course says: “LoadBalancer: the cloud gives the Service an address. The backends of that address are the IPs of the pods.” "
    "The cloud's balancer is a proxy, nothing special is installed in the cluster. What does it dial?",
    Asked(worlds.proxied, CLIENT, worlds.VIP),
    (
        Choice(
            "a pod's address and targetPort, 10.244.1.10:80",
            _sent_on("pod"),
            "backends-are-pods",
            "A cloud's balancer is given the list of nodes. Pods as backends need a controller that does so, and a network in which the balancer can reach them.",
        ),
        Choice(
            "a node's address and nodePort, 172.18.0.11:30080",
            _sent_on("node"),
            because="The cloud-controller-manager hands it the list of nodes. Which pod it becomes is for the node's rules to choose.",
        ),
        Choice(
            "the Service's clusterIP and port, 10.96.0.80:80",
            _sent_on("service"),
            "",
            "That address exists in the nodes' rules only; a machine outside the cluster has no route to it.",
        ),
    ),
    (
        "Set the first stage to the proxy, and look at the packet as it leaves the load balancer.",
        "Three numbers again: nodePort, port, targetPort. Which one can a machine outside dial?",
        "The nodePort, of a node.",
    ),
    rule=lambda seen: jump_rule(seen.paths[0], "KUBE-EXT-"),
)

visitor = source_seen(
    "visitor",
    "Behind a proxying load balancer, 203.0.113.1, the log of my-nginx-1 shows a node's address for everybody. A colleague sets "
    "externalTrafficPolicy: Local. You, 192.0.2.10, call again. Which address does the log show now?",
    Asked(worlds.proxied, CLIENT, worlds.VIP),
    "default/my-nginx-1",
    (
        "How many connections are there between you and the pod?",
        "Two. Who began the second one?",
        "Local keeps the address that arrives. What arrives at the node?",
    ),
    (
        "192.0.2.10 (you)",
        "203.0.113.1 (the load balancer)",
        "172.18.0.11 (node-1)",
        "10.244.1.1 (node-1's cni0)",
    ),
    ideas=dict.fromkeys(
        ("172.18.0.11", "10.244.1.1"),
        (
            "everything-is-snated",
            "So it was under Cluster. Local leaves the source alone, and then the pod sees what came to the node.",
        ),
    ),
)

_INSIDE = (
    "Look at the rules before the last one of KUBE-EXT: what comes from a pod (or from the node itself) may use every "
    "endpoint of the cluster, Local or not. It is as if it had gone out and come back by a node with a pod."
)

inside = outcome(
    "inside",
    "Policy Local. The pod `curl` runs on node-3, which has no pod of my-nginx, and calls the load balancer's address, "
    "203.0.113.1:80. The cloud hands packets on, kube-proxy is in iptables mode. What does it get?",
    Asked(worlds.local, "pod/default/curl", worlds.VIP),
    (
        "Whose rules does the packet meet first?",
        "Those of node-3. It knows 203.0.113.1 as well as any node does.",
        "Read node-3's chain KUBE-EXT-…: what does it do with a source in 10.244.0.0/16?",
    ),
    ideas={
        "timeout": ("local-shuts-out-the-inside", _INSIDE),
        "refused": ("local-shuts-out-the-inside", _INSIDE),
    },
)

insider = source_seen(
    "insider",
    "The same call: `curl` on node-3 (10.244.3.10) dials 203.0.113.1:80. Suppose that it comes to my-nginx-1 on node-1: which source would that pod see?",
    Asked(worlds.local, "pod/default/curl", worlds.VIP),
    "default/my-nginx-1",
    (
        "Does the packet ever leave the cluster?",
        "node-3 catches it: 203.0.113.1 stands in its rules. Is it marked there?",
        "Under Local what comes from a pod is not marked.",
    ),
    (
        "203.0.113.1 (the load balancer)",
        "172.18.0.13 (node-3)",
        "10.244.3.10 (the pod itself)",
        "10.244.3.1 (node-3's cni0)",
    ),
    ideas={
        "203.0.113.1": (
            "inside-goes-round-by-the-balancer",
            "The packet never comes to the load balancer: node-3's rules catch its address, and lead straight to a pod.",
        )
    },
)

ranges = outcome(
    "ranges",
    "The Service has loadBalancerSourceRanges: [198.51.100.0/24]. You, 192.0.2.10, are outside of that, and 203.0.113.1 is silent for you. "
    "Now you dial node-1's nodePort, 172.18.0.11:30080. What do you get?",
    Asked(worlds.guarded, CLIENT, "172.18.0.11:30080"),
    (
        "Which rule leads to KUBE-FW: that for the load balancer's address, that for the nodePort, or both?",
        "They stand in KUBE-FW, which only packets for the load balancer's address come to.",
        "A packet for the nodePort goes from KUBE-NODEPORTS straight to KUBE-EXT.",
    ),
    ideas=dict.fromkeys(
        ("timeout", "refused"),
        (
            "source-ranges-guard-the-nodeport",
            "The ranges stand in the chain KUBE-FW, and only what is for the load balancer's address comes there. To close the nodePort, use a firewall, or allocateLoadBalancerNodePorts: false where the cloud can do without (from the start: ports that were given once stay).",
        ),
    ),
)


def _checked(status: int, what: str) -> Callable[[Seen], bool]:
    return lambda seen: (
        seen.paths[0].status == status and {path.outcome for path in seen.traces[1].paths} == {what}
    )


drain = choose(
    "drain",
    "Policy Local. my-nginx-2, the only pod on node-2, has been told to end: it still serves, and will for some seconds. "
    "What does node-2 answer to the load balancer's health check, and what happens to a packet that comes to node-2 all the same?",
    (
        Asked(worlds.ending, CLIENT, f"172.18.0.12:{worlds.HEALTH}", protocol="http"),
        Asked(worlds.ending, CLIENT, worlds.VIP, via="node-2"),
    ),
    (
        Choice(
            "200, and the pod gets the packet",
            _checked(200, "connected"),
            "",
            "Then the load balancer would go on sending to a pod that is about to go.",
        ),
        Choice(
            "503, and the packet is dropped",
            _checked(503, "timeout"),
            "",
            "A node with a pod that still serves uses it: dropping would lose what the load balancer, in good faith, still sends.",
        ),
        Choice(
            "503, and the pod gets the packet",
            _checked(503, "connected"),
            because="The two answers differ on purpose (KEP-1669): the load balancer is told to go, and is served until it does.",
        ),
        Choice(
            "200, and the packet is dropped",
            _checked(200, "timeout"),
            "",
            "The health check speaks for the load balancer's sake: it would never say 200 where packets are dropped.",
        ),
    ),
    (
        "The health check counts ready endpoints. Is a pod that has been told to end ready?",
        "No: its endpoint says ready: false, serving: true, terminating: true.",
        "kube-proxy uses such an endpoint where a node has no ready one.",
    ),
    rule=lambda seen: target_rule(seen.traces[1].paths[0]),
)
