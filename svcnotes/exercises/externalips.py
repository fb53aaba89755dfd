"""The exercises of the lesson on externalIPs."""

from __future__ import annotations

from collections.abc import Callable

from svcnotes import scenarios
from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises.asked import Asked, Seen
from svcnotes.exercises.choose import Choice, choose
from svcnotes.exercises.evidence import jump_rule
from svcnotes.exercises.externalips_instead import instead
from svcnotes.exercises.manifest import CLIENT
from svcnotes.exercises.questions import missing_chain
from svcnotes.network.node_rules import rules_text

__all__ = ["blank", "caught", "columns", "door", "inside", "instead", "keeper", "reach", "silent"]

ADDRESS = "80.11.12.10"
SHOP = "pod/default/shop"
BANK = "203.0.113.7"
HARMLESS = """\
apiVersion: v1
kind: Service
metadata: {name: harmless, namespace: guests}
spec:
  selector: {app: trap}
  externalIPs: [203.0.113.7]
  ports: [{port: 443, targetPort: 8443}]
"""


def _cluster() -> Cluster:
    return scenarios.load("externalips")


def _routed() -> Cluster:
    return _cluster().with_world(routes={ADDRESS: "node-1"})


def _local(node: str) -> Cluster:
    policy = "spec: {externalTrafficPolicy: Local}"
    return _cluster().with_world(routes={ADDRESS: node}).patch("service", "my-app", policy)


def _local_with_a_pod() -> Cluster:
    return _local("node-1")


def _local_without_a_pod() -> Cluster:
    return _local("node-3")


def _trapped() -> Cluster:
    return _cluster().create(HARMLESS, namespace="guests")


def _three() -> Cluster:
    return scenarios.load("externalips-three")


def _answers(seen: Seen) -> tuple[str, ...]:
    """Who answers each packet asked about: a pod or a host; empty where nobody does."""
    first = [trace.paths[0] for trace in seen.traces]
    return tuple(path.answered_by if path.outcome == "connected" else "" for path in first)


def _own_address(seen: Seen) -> tuple[bool, ...]:
    """Of each packet asked about: whether every pod that it may reach sees its sender's own address."""
    return tuple(
        all(path.source_seen == trace.source_address for path in trace.paths) for trace in seen.traces
    )


def _jump(chain: str) -> Callable[[Seen], str]:
    """The rule by which the first packet comes to a chain whose name begins so."""
    return lambda seen: jump_rule(seen.paths[0], chain)


def _in_no_rule(address: str) -> Choice:
    """The choice that no node has a rule for an address; the caller says in which words."""

    def holds(seen: Seen) -> bool:
        return not any(f"-d {address}/32" in rules_text(seen.cluster, node) for node in seen.cluster.nodes)

    return Choice(address, holds)


inside = choose(
    "inside",
    "There is no route for 80.11.12.10 any more. The pod shop, on node-3, dials 80.11.12.10:80. What does it get?",
    Asked(_cluster, SHOP, f"{ADDRESS}:80"),
    (
        Choice("an answer from a pod of MyApp", lambda seen: seen.outcomes == {"connected"}),
        Choice(
            "no answer: without a route the packet is lost",
            lambda seen: "connected" not in seen.outcomes,
            "external-ips-catch-outsiders-only",
            "A pod's packet comes to its own node before anything else. The rule there catches it; no router is ever asked.",
        ),
        Choice(
            "a refusal from node-3, which runs no pod of MyApp",
            lambda seen: seen.outcomes == {"refused"},
            "cluster-needs-a-local-pod",
            "Under the policy Cluster every node carries the packet on, to whichever pod.",
        ),
    ),
    (
        "Which machine does a packet of shop meet first?",
        "node-3, and node-3 has the same rules as every node.",
        "The rule asks for a destination only, not for where the packet came from.",
    ),
    rule=_jump("KUBE-EXT-"),
)

silent = choose(
    "silent",
    "externalTrafficPolicy is Local now, and the router hands packets for 80.11.12.10 to node-3, which runs no pod of MyApp. "
    "What does the client outside get?",
    Asked(_local_without_a_pod, CLIENT, f"{ADDRESS}:80"),
    (
        Choice("timeout", lambda seen: seen.outcomes == {"timeout"}),
        Choice(
            "connected as before",
            lambda seen: seen.outcomes == {"connected"},
            "local-skips-external-ips",
            "It did so before Kubernetes 1.19. Today an externalIP leads to the same chain KUBE-EXT as a nodePort does, "
            "and the policy is decided there.",
        ),
        Choice(
            "refused",
            lambda seen: seen.outcomes == {"refused"},
            "local-refuses",
            "The rule below is a DROP: nothing comes back.",
        ),
    ),
    (
        "What did a node without a pod do to a nodePort under Local?",
        "Look for the comment “has no local endpoints” in node-3's rules.",
        "Which address stands in that rule?",
    ),
)

caught = choose(
    "caught",
    "The guest's Service is in place. The pod shop dials its bank, 203.0.113.7:443. Who answers?",
    Asked(_trapped, SHOP, f"{BANK}:443"),
    (
        Choice(
            "the bank",
            lambda seen: _answers(seen) == ("bank",),
            "an-external-ip-must-be-ones-own",
            "Nobody checks whose address it is: kube-proxy writes the rule for any that a Service lists.",
        ),
        Choice("the guest's pod, guests/trap", lambda seen: _answers(seen) == ("guests/trap",)),
        Choice(
            "nobody: the address leads two ways now, and shop waits",
            lambda seen: _answers(seen) == ("",),
            "",
            "A packet takes one way: the first rule that matches decides, before any route is looked up.",
        ),
    ),
    (
        "Which machine does the packet meet first?",
        "Which rules does node-3 have about 203.0.113.7?",
        "Destinations are rewritten at PREROUTING, before the routes are asked.",
    ),
    rule=_jump("KUBE-EXT-"),
)

blank = missing_chain(
    "blank",
    "The client dials 80.11.12.10:80, routed to node-1. Fill the blank: PREROUTING → KUBE-SERVICES → ____ → KUBE-MARK-MASQ",
    Asked(_routed, CLIENT, f"{ADDRESS}:80"),
    "KUBE-SERVICES",
    {
        "KUBE-NODEPORTS": (
            "an-external-ip-uses-the-nodeport",
            "KUBE-NODEPORTS is asked for packets to the node's own addresses. 80.11.12.10 is on no node: a rule for it alone stands in KUBE-SERVICES.",
        ),
        "KUBE-SVC": (
            "",
            "The Service's own address leads straight there. What comes from outside passes another chain first, where the policy is decided.",
        ),
        "KUBE-SVL": (
            "local-uses-all-pods",
            "That is where Local leads. The policy here is Cluster, and before it one more chain stands.",
        ),
        "KUBE-EXTERNAL": (
            "",
            "KUBE-EXTERNAL-SERVICES stands in the table filter, and holds refusals and drops only. The chain asked for stands in the table nat.",
        ),
    },
    (
        "It is the chain that decides by the policy, for all that comes from outside.",
        "The nodePort's rule leads to the very same chain.",
        "EXT, as in external.",
    ),
)

door = choose(
    "door",
    "The client dials 80.11.12.10:30080, and the router hands the packet to node-1. 30080 is my-app's nodePort. How does it end?",
    Asked(_routed, CLIENT, f"{ADDRESS}:30080"),
    (
        Choice(
            "a pod answers: 30080 is the Service's port for outsiders",
            lambda seen: seen.outcomes == {"connected"},
            "an-external-ip-uses-the-nodeport",
            "The rule for 80.11.12.10 asks for the Service's port, 80. A nodePort belongs to the nodes' own addresses.",
        ),
        Choice(
            "node-1 refuses: nothing listens on 30080",
            lambda seen: seen.outcomes == {"refused"},
            "an-external-ip-is-announced",
            "To refuse it, node-1 would have to hold 80.11.12.10. No machine does: to node-1 this is a packet on its way to somebody else.",
        ),
        Choice(
            "neither: node-1 sends it back to the router, the router to node-1, and so on",
            lambda seen: seen.paths[0].how == "icmp-ttl-exceeded",
            "",
            "No rule asks for port 30080 at this address, so to node-1 it is any packet that wants to go elsewhere. "
            "Each machine on the way takes 1 off its time to live; the one that comes to 0 throws it away and says so (ICMP time exceeded).",
        ),
    ),
    (
        "Which rule of node-1 would match this packet?",
        "None. Is 80.11.12.10 an address of node-1?",
        "No. So node-1 does what a router does, and its way out leads to …?",
    ),
)

keeper = choose(
    "keeper",
    "Policy Local, the route leads to node-1. The client dials 80.11.12.10:80; so does the pod shop. Whose own address does the pod of MyApp see?",
    [
        Asked(_local_with_a_pod, CLIENT, f"{ADDRESS}:80"),
        Asked(_local_with_a_pod, SHOP, f"{ADDRESS}:80"),
    ],
    (
        Choice(
            "the client's and shop's",
            lambda seen: _own_address(seen) == (True, True),
            "",
            "KUBE-EXT sends the client's packet to KUBE-SVL (the rule below), and shop's, by the line for pods, to KUBE-SVC. It marks neither.",
        ),
        Choice(
            "the client's only",
            lambda seen: _own_address(seen) == (True, False),
            "",
            "The first rule of KUBE-EXT sends what comes from a pod straight to KUBE-SVC: past the mark, and to any pod of the cluster.",
        ),
        Choice(
            "shop's only",
            lambda seen: _own_address(seen) == (False, True),
            "local-skips-external-ips",
            "The client's packet meets no rule that marks it, exactly as with a nodePort.",
        ),
        Choice(
            "neither",
            lambda seen: _own_address(seen) == (False, False),
            "local-skips-external-ips",
            "So it is under Cluster. Under Local nothing in KUBE-EXT marks either of the two.",
        ),
    ),
    (
        "On the stage with three rows of choices: Local, to node-1, and then one caller after the other. Read both sentences.",
        "Which line of KUBE-EXT jumps to KUBE-MARK-MASQ, and for whom?",
        "Only for what the node itself sends (--src-type LOCAL).",
    ),
    rule=_jump("KUBE-SVL-"),
)

reach = choose(
    "reach",
    "The guest's Service is in place. (a) A process on node-2 dials 203.0.113.7:443. (b) shop dials 203.0.113.7:80. "
    "(c) A client outside dials 203.0.113.7:443. Whom does the trap get?",
    [
        Asked(_trapped, "node/node-2", f"{BANK}:443"),
        Asked(_trapped, SHOP, f"{BANK}:80"),
        Asked(_trapped, CLIENT, f"{BANK}:443"),
    ],
    (
        Choice(
            "only a",
            lambda seen: _answers(seen) == ("guests/trap", "bank", "bank"),
            "",
            "What a node itself sends is shown to KUBE-SERVICES at OUTPUT. b asks for another port, and c passes no node.",
        ),
        Choice(
            "only c",
            lambda seen: _answers(seen) == ("bank", "bank", "guests/trap"),
            "external-ips-catch-outsiders-only",
            "c never meets a node: the router knows the real way to the bank. What leaves a node, from a pod or from a process, meets the rule.",
        ),
        Choice(
            "a and b",
            lambda seen: _answers(seen) == ("guests/trap", "guests/trap", "bank"),
            "",
            "b goes to port 80. The rule asks for the address AND the port that the Service lists.",
        ),
        Choice(
            "a and c",
            lambda seen: _answers(seen) == ("guests/trap", "bank", "guests/trap"),
            "",
            "The rule would fit c's packet. But it stands on the nodes, and c's packet passes none: the router knows the real way to the bank.",
        ),
        Choice(
            "none: only pods are caught, and only on 443",
            lambda seen: _answers(seen) == ("bank", "bank", "bank"),
            "",
            "OUTPUT, the hook for what the node itself sends, asks KUBE-SERVICES as well.",
        ),
    ),
    (
        "For each of the three: does the packet pass a node's KUBE-SERVICES?",
        "And if so, does the rule match, address and port?",
        "a passes by OUTPUT. b matches no rule. c passes no node.",
    ),
    rule=_jump("KUBE-EXT-"),
)

_ON_THE_SERVICE, _ON_THE_BALANCER, _ON_THE_NODE = (
    _in_no_rule("80.11.12.10"),
    _in_no_rule("80.11.12.99"),
    _in_no_rule("198.51.100.11"),
)

columns = choose(
    "columns",
    "Three addresses stand under EXTERNAL-IP. For which one of them has kube-proxy no rule on any node?",
    _three,
    (
        Choice(
            "80.11.12.10",
            _ON_THE_SERVICE.holds,
            "",
            "It stands in spec.externalIPs, and that is what the rule with the comment “external IP” is for.",
        ),
        Choice(
            "80.11.12.99",
            _ON_THE_BALANCER.holds,
            "",
            "It stands in the Service's status, as a load balancer's address, and has a rule with the comment “loadbalancer IP”.",
        ),
        Choice(
            "198.51.100.11",
            _ON_THE_NODE.holds,
            "",
            "It belongs to the Node. The cloud turns it into 172.18.0.11 before a packet comes to node-1; there it is a node's address as any other.",
        ),
    ),
    (
        "Which of the three are written in a Service?",
        "kube-proxy writes rules from Services.",
        "The third stands in a Node's status.",
    ),
)
