"""The exercises of the lesson on proxy modes: one Service in the words of iptables, of nftables and of IPVS."""

from __future__ import annotations

from collections.abc import Callable

from svcnotes.exercises import modes_clusters as clusters
from svcnotes.exercises.asked import Asked, Seen
from svcnotes.exercises.choose import Choice, choose
from svcnotes.exercises.evidence import steps_there
from svcnotes.exercises.manifest import CLIENT
from svcnotes.exercises.mistakes import Line, find_mistakes
from svcnotes.exercises.questions import outcome
from svcnotes.exercises.sources import source_seen
from svcnotes.trace import Trace

__all__ = ["doors", "led", "listed", "nobody", "notes", "ping", "silent", "undefined", "visitor", "word"]

SERVICE = "10.96.0.80"
ASKER, NODE = "pod/default/asker", "node/node-1"
ENDS = ("connected", "refused", "timeout", "external")


def ended(found: Trace) -> str:
    """How the first packet of a trace ends."""
    return found.paths[0].outcome


def _end(*outcomes: str) -> Callable[[Seen], bool]:
    """Whether the packets asked about end so, each in turn."""
    return lambda seen: tuple(map(ended, seen.traces)) == outcomes


def goes_to(found: Trace, word: str) -> bool:
    """Whether a map leads the first packet to a chain whose name begins with this word."""
    verdicts = (step.verdict for step in steps_there(found.paths[0]) if "vmap" in step.rule)
    return any(verdict.startswith(f"goto {word}-") for verdict in verdicts)


def map_rule(seen: Seen) -> str:
    """The rule whose map found something for the first packet, empty where none did."""
    steps = steps_there(seen.paths[0])
    return next((s.rule for s in steps if "vmap" in s.rule and s.verdict.startswith("goto ")), "")


visitor = source_seen(
    "visitor",
    "kube-proxy runs in nftables mode. You, 192.0.2.10, dial node-2 at 172.18.0.12:30080, and shop-1 over on node-1 answers. Which source does it see?",
    Asked(clusters.nftables, CLIENT, "172.18.0.12:30080"),
    "default/shop-1",
    (
        "The policy is Cluster, as in the first lesson. Is its reason for SNAT gone?",
        "The answer must come back to the node that did the DNAT, whatever the language of the rules.",
        "masquerade takes the address of the interface by which the packet leaves.",
    ),
    ("192.0.2.10 (you)", "172.18.0.12 (node-2, eth0)", "10.96.0.80 (the Service)"),
)

undefined = choose(
    "undefined",
    "The pod asker dials 10.96.0.80, the Service's own address, on port 9999. The Service has port 80 only. What happens in iptables mode, and what in nftables mode?",
    [Asked(clusters.iptables, ASKER, f"{SERVICE}:9999"), Asked(clusters.nftables, ASKER, f"{SERVICE}:9999")],
    (
        Choice(
            "It is refused in both.",
            _end("refused", "refused"),
            "a-missing-port-is-refused",
            "Who should refuse it in iptables mode? No machine has the address 10.96.0.80, and no rule of iptables mode speaks of port 9999.",
        ),
        Choice(
            "In iptables mode it leaves the node, as if it were for somebody outside; in nftables mode it is refused.",
            _end("external", "refused"),
            because="In iptables mode no rule fits, and an address that nobody has goes the way of all others: to the router. In nftables mode a rule refuses what is left over.",
        ),
        Choice(
            "Nothing comes back in either: it is dropped.",
            _end("timeout", "timeout"),
            "a-missing-port-is-silence",
            "A drop needs a rule. In one of the two modes there is a rule, and it is no drop.",
        ),
        Choice(
            "In iptables mode it is refused; in nftables mode it leaves the node.",
            _end("refused", "external"),
            "a-missing-port-is-refused",
            "The other way round: the newer mode has closed a gap.",
        ),
    ),
    (
        "A packet that no rule fits goes where the routes of the node send it.",
        "Does any machine have 10.96.0.80 on an interface?",
        "Only one of the two modes keeps a list of all clusterIPs and a rule for what is left over.",
    ),
)

_DOORS = ("172.18.0.11:30080", "10.244.1.1:30080", "127.0.0.1:30080")

doors = choose(
    "doors",
    "node-1 has three addresses: 172.18.0.11 (eth0), 10.244.1.1 (its bridge cni0), 127.0.0.1 (lo). In nftables mode a program on node-1 dials port 30080 of each. Which of them lead to the shop?",
    [Asked(clusters.nftables, NODE, to) for to in _DOORS],
    (
        Choice(
            "all three",
            _end("connected", "connected", "connected"),
            "a-nodeport-is-open-on-every-address",
            "So it is in iptables mode: it asks whether the destination is any address of the node. nftables mode has a set of addresses instead.",
        ),
        Choice(
            "172.18.0.11 and 10.244.1.1, but not 127.0.0.1",
            _end("connected", "connected", "refused"),
            "a-nodeport-is-open-on-every-address",
            "127.0.0.1 is shut, that is right. But look how many addresses stand in the set nodeport-ips.",
        ),
        Choice(
            "172.18.0.11 only",
            _end("connected", "refused", "refused"),
            because="The set nodeport-ips holds the node's primary address, and no other. The two others no rule catches, and no program listens there: the node's own kernel refuses.",
        ),
        Choice(
            "none of them: nodePorts are for clients outside",
            _end("refused", "refused", "refused"),
            "",
            "Rules that ask where a packet is going do not care where it came from: the node's own packets are shown to the same map.",
        ),
    ),
    (
        "It is the destination that counts: is it in the set nodeport-ips?",
        "kube-proxy puts the node's primary address there, the one that the Node object shows first.",
        "One of the three.",
    ),
    rule=lambda _: "",
)

word = choose(
    "word",
    "nftables mode. The Service gets an external IP, 80.11.12.10, and the map service-ips a new element. Fill the blank:  80.11.12.10 . tcp . 80 : goto ____-E2IH552V-default/shop/tcp/http",
    Asked(clusters.external, CLIENT, "80.11.12.10:80", "node-2"),
    (
        Choice(
            "service",
            lambda seen: goes_to(seen.trace, "service"),
            "",
            "That is where the element of the clusterIP leads, and this one leads in the end. But what is dialled from outside needs a mark first.",
        ),
        Choice("external", lambda seen: goes_to(seen.trace, "external")),
        Choice(
            "endpoint",
            lambda seen: goes_to(seen.trace, "endpoint"),
            "",
            "Such chains are there only where clients are kept with their pod (sessionAffinity: ClientIP).",
        ),
        Choice(
            "firewall",
            lambda seen: goes_to(seen.trace, "firewall"),
            "",
            "Those belong to loadBalancerSourceRanges, and to a map of their own, firewall-ips.",
        ),
    ),
    (
        "In iptables mode the rule of an external IP leads to KUBE-EXT, as that of the nodePort does. What is EXT short for?",
        "The chain that is meant puts the mark on, and then goes on to service-…",
        "Look at the element of service-nodeports: it leads to the same chain.",
    ),
    rule=map_rule,
)

silent = outcome(
    "silent",
    "nftables mode, externalTrafficPolicy: Local. You dial node-3, which has no pod of the shop. How does it end?",
    Asked(clusters.local, CLIENT, "172.18.0.13:30080"),
    (
        "What did iptables mode do there? The lesson on NodePort has it.",
        "Another language, the same decision. Look into the map no-endpoint-nodeports on node-3.",
        "Its element says: drop.",
    ),
)

ping = outcome(
    "ping",
    "nftables mode. asker pings 10.96.0.80; both pods of the shop are well. How does the ping end?",
    Asked(clusters.nftables, ASKER, SERVICE, protocol="icmp"),
    (
        "The map service-ips asks for an address, a protocol and a port. Has a ping a port?",
        "So no element fits, and the packet goes on to the chain cluster-ips-check.",
        "Its first rule fits whatever is for a clusterIP and is still that at FORWARD.",
    ),
    words=ENDS,
    ideas={
        "connected": (
            "ping-tests-a-service",
            "No pod ever gets a ping that is sent to a clusterIP: the map knows TCP, UDP and SCTP with their ports. A Service that is well does not answer.",
        ),
        "timeout": (
            "ping-tests-a-service",
            "Silence is what a drop gives. The first rule of cluster-ips-check rejects: the node answers that it will not pass it on.",
        ),
        "external": (
            "a-missing-port-is-refused",
            "So it ends in iptables mode, where no rule looks after what is left over. nftables mode has one.",
        ),
    },
)

listed = outcome(
    "listed",
    "nftables mode. A colleague has set nodePortAddresses: [127.0.0.0/8, 172.18.0.0/24]. A program on node-1 dials 127.0.0.1:30080. How does it end?",
    Asked(clusters.listed, NODE, "127.0.0.1:30080"),
    (
        "Is 127.0.0.1 in nodeport-ips now? What would the kernel have to allow (route_localnet)?",
        "kube-proxy leaves loopback addresses out of the set: NAT from 127.0.0.1 to a pod needs a setting of the kernel (route_localnet) that nftables mode does not make.",
        "No rule fits, and no program listens there.",
    ),
    ideas={
        "connected": (
            "localhost-is-like-any-address",
            "Listing it does not help: kube-proxy leaves loopback addresses out of nodeport-ips. Dial the node's own address.",
        ),
    },
)

nobody = choose(
    "nobody",
    "The Service has the external IP 80.11.12.10, and no pods. A program on node-1 dials 80.11.12.10:80. What happens in iptables mode, and what in nftables mode?",
    [
        Asked(clusters.nobody_iptables, NODE, "80.11.12.10:80"),
        Asked(clusters.nobody_nftables, NODE, "80.11.12.10:80"),
    ],
    (
        Choice(
            "refused in both",
            _end("refused", "refused"),
            "a-node-refuses-for-a-service-without-pods",
            "In iptables mode the REJECT for external addresses stands in KUBE-EXTERNAL-SERVICES, and only INPUT and FORWARD lead there. A packet that the node itself sends passes OUTPUT.",
        ),
        Choice(
            "it leaves the node in iptables mode, and is refused in nftables mode",
            _end("external", "refused"),
            because="iptables mode rejects for external addresses at INPUT and FORWARD only, and the node's own packets pass OUTPUT. nftables mode asks the map no-endpoint-services at OUTPUT, too.",
        ),
        Choice(
            "it leaves the node in both",
            _end("external", "external"),
            "",
            "Look at the chain filter-output of nftables mode: it leads to service-endpoints-check.",
        ),
        Choice(
            "it is dropped in both",
            _end("timeout", "timeout"),
            "no-pods-means-timeout",
            "Without any pod the answer is a reject where there is a rule at all. A drop is for Local: pods elsewhere, none here.",
        ),
    ),
    (
        "Which hook do a node's own packets pass: INPUT, FORWARD or OUTPUT?",
        "Compare which of the hooks lead to the check, in each mode.",
        "iptables: KUBE-EXTERNAL-SERVICES from INPUT and FORWARD. nftables: service-endpoints-check from all three.",
    ),
)


def _led(outcome: str, *, to_a_pod: bool) -> Callable[[Seen], bool]:
    """Whether the first packet ends so, after it has come to a pod or to none."""
    return lambda seen: (
        seen.outcomes == {outcome} and {path.pod is not None for path in seen.paths} == {to_a_pod}
    )


led = choose(
    "led",
    "IPVS mode, externalTrafficPolicy: Local. You, outside, dial node-3 at 172.18.0.13:30080; it has no pod of the shop, but its virtual server has both as real servers. What happens?",
    Asked(clusters.local_ipvs, CLIENT, "172.18.0.13:30080"),
    (
        Choice(
            "node-3 drops the packet, as in the other modes",
            _led("timeout", to_a_pod=False),
            "",
            "Which rule should drop it? IPVS mode has none for Local: it leaves out the mark, and no more.",
        ),
        Choice(
            "node-3 refuses",
            _led("refused", to_a_pod=False),
            "local-refuses",
            "That is what IPVS does with a virtual server that has no real servers. This one has two.",
        ),
        Choice(
            "a pod gets the packet, and sees you; its answer never becomes yours",
            _led("timeout", to_a_pod=True),
            because="Under Local the rules leave out the mark, so nobody changes the source, and the pod on the other node answers you directly, from an address that you never dialled.",
        ),
        Choice(
            "a pod answers: IPVS mode does not know Local",
            _led("connected", to_a_pod=True),
            "local-forwards",
            "It does lead the packet to another node's pod. But it does not mark it: whose address has the answer?",
        ),
    ),
    (
        "A virtual server with real servers forwards. And who changes the source? Look into the chain KUBE-NODE-PORT, at its rule for Local.",
        "It says RETURN, before the mark is put on. So who changes the source?",
        "Nobody. Think of the way home of the pod's answer.",
    ),
)


def _same_pods(seen: Seen) -> bool:
    """Whether the first two packets may come to the same pods, and are seen there as the same."""
    first, second = ({(p.pod, p.source_seen) for p in found.paths} for found in seen.traces[:2])
    return first == second


notes = find_mistakes(
    "notes",
    "What a colleague noted before the cluster was switched from iptables to nftables mode. Which lines are wrong?",
    [
        Asked(clusters.iptables, CLIENT, "172.18.0.12:30080"),
        Asked(clusters.nftables, CLIENT, "172.18.0.12:30080"),
        Asked(clusters.nftables, CLIENT, "10.244.2.1:30080", "node-2"),
        Asked(clusters.nftables, ASKER, "10.96.7.7:80"),
        Asked(clusters.local, CLIENT, "172.18.0.11:30080"),
    ],
    (
        Line(
            "Clients of 172.18.0.12:30080 come to the same pods, which see the same addresses.",
            _same_pods,
            "the rules are others, what they do to this packet is the same.",
        ),
        Line(
            "Clients that have a route to 10.244.2.1, node-2's bridge, may dial port 30080 there, as before.",
            lambda seen: ended(seen.traces[2]) == "connected",
            "nodeport-ips holds the primary address of the node only.",
            "a-nodeport-is-open-on-every-address",
        ),
        Line(
            "Who dials 10.96.7.7, a service address that no Service has, is refused.",
            lambda seen: ended(seen.traces[3]) == "refused",
            "the rule says drop: silence. Refused is what a clusterIP says of a port that it does not have.",
            "silence-and-refusal-are-one",
        ),
        Line(
            "Under Local a pod sees the client's own address.",
            lambda seen: {p.source_seen for p in seen.traces[4].paths} == {CLIENT},
            "the policy means the same in both modes.",
        ),
        Line(
            "In the Services nothing has to be changed: the mode is a setting of kube-proxy.",
            lambda seen: seen.clusters[0].services == seen.clusters[1].services,
            "mode stands in KubeProxyConfiguration.",
            "the-mode-is-the-services",
        ),
    ),
    (
        "Two lines are wrong.",
        "Ask of each: which set, which map, which rule?",
        "One is about an address of a node, the other about an address that nobody has.",
    ),
)
