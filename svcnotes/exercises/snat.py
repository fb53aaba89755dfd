"""The exercises of the lesson on SNAT: why the source changes, to which address, and when it need not."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address

from svcnotes import scenarios
from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import RuleError
from svcnotes.exercises.asked import Asked, Seen
from svcnotes.exercises.choose import Choice, choose
from svcnotes.exercises.evidence import source_rule, target_rule
from svcnotes.exercises.exercise import Exercise, right, wrong
from svcnotes.exercises.questions import outcome, source_seen
from svcnotes.exercises.verdict import Part, Verdict
from svcnotes.network.node_rules import rules_text
from svcnotes.scenarios.changes import without_rule
from svcnotes.trace import Path, trace

__all__ = [
    "asymmetric",
    "back",
    "hardened",
    "in_turn",
    "neighbour",
    "own_node",
    "ports",
    "put_back",
    "reply",
    "tunnel",
]

CLIENT = "192.0.2.10"
POD = "default/my-nginx-1"
ASKS = ":http external destinations"
"""What only the rule that asks for SNAT has in it, of all rules of the port http."""
NO_NAT = '-A POSTROUTING -d 10.244.0.0/16 -m comment --comment "no NAT towards pods" -j ACCEPT\n'


def _cluster() -> Cluster:
    return scenarios.load("snat")


def _without() -> Cluster:
    return without_rule(_cluster(), ASKS)


def _local() -> Cluster:
    return _cluster().patch("service", "my-nginx", "spec: {externalTrafficPolicy: Local}")


def _tunnel() -> Cluster:
    return _cluster().with_world(cni="vxlan")


def hardened() -> Cluster:
    """The cluster after somebody has written a rule of his own into the table nat of every node."""
    cluster = _cluster()
    for node in cluster.nodes:
        text = rules_text(cluster, node)
        cluster = cluster.with_rules(node, text.replace("-A POSTROUTING ", NO_NAT + "-A POSTROUTING ", 1))
    return cluster


def in_turn(cluster: Cluster, clients: Sequence[str], to: str = "172.18.0.12:30080") -> list[Path]:
    """Let clients dial one after the other; the nodes remember the connections of those before.

    Gives each client's path, the first where there are several. Raises what `svcnotes.trace` raises.
    """
    paths: list[Path] = []
    for client in clients:
        memories = paths[-1].memories if paths else None
        paths.append(trace(cluster, client, to, memories=memories).paths[0])
    return paths


neighbour = outcome(
    "neighbour",
    "The rule is taken out on every node. Now you dial node-1, 172.18.0.11:30080: the node on which the pod runs. What do you get?",
    Asked(_without, CLIENT, "172.18.0.11:30080"),
    (
        "Which hosts does the answer pass on its way to you?",
        "The pod's packets all leave by the node that the pod runs on.",
        "And that node remembers what it did to your packet.",
    ),
    ideas={
        "timeout": (
            "without-snat-every-answer-is-lost",
            "It was lost when it went home past the node that had changed the destination. "
            "From this pod every answer goes out through node-1, and node-1 is the one that changed it.",
        ),
        "refused": (
            "silence-and-refusal-are-one",
            "A refusal needs somebody who says no. Follow the packet: who would?",
        ),
    },
)

tunnel = source_seen(
    "tunnel",
    "The plugin is VXLAN now. You (192.0.2.10) dial node-2, 172.18.0.12:30080; the pod is on node-1. Which source address does the pod see?",
    Asked(_tunnel, CLIENT, "172.18.0.12:30080"),
    POD,
    (
        "By which interface does the packet leave node-2?",
        "Pods of other nodes are reached through the tunnel.",
        "The tunnel's end on node-2 is flannel.1.",
    ),
    (
        "172.18.0.12 (node-2, eth0)",
        "10.244.2.1 (node-2, cni0)",
        "10.244.2.0 (node-2, flannel.1)",
        "192.0.2.10 (you)",
    ),
    ideas={
        "172.18.0.12": (
            "snat-uses-the-nodes-address",
            "So it is when packets for other nodes' pods leave by eth0. With VXLAN they leave by flannel.1, and MASQUERADE asks "
            "the interface by which the packet leaves, no other. That the tunnel's own outer packets leave by eth0 comes later.",
        )
    },
)

own_node = source_seen(
    "own_node",
    "Policy Local. A program on node-1 itself, outside of any pod, dials its own node: 172.18.0.11:30080. Which source address does the pod see?",
    Asked(_local, "node/node-1", "172.18.0.11:30080"),
    POD,
    (
        "Read node-1's KUBE-EXT chain: which rules come before the one to KUBE-SVL?",
        "One of them says --src-type LOCAL: the packet comes from the node itself.",
        "It is marked, so MASQUERADE acts. By which interface does the packet leave towards the pod?",
    ),
    ("172.18.0.11 (node-1, eth0)", "10.244.1.1 (node-1, cni0)", "127.0.0.1 (node-1, lo)"),
    ideas={
        "127.0.0.1": (
            "",
            "Who dials a machine's own address from that machine gets that same address as a source. 127.0.0.1 is for those who dial 127.0.0.1.",
        )
    },
)


def _entry_reply(path: Path, node: str) -> str:
    """The address that the answer is expected for, in the node's connection entry; empty without one."""
    memory = (path.memories or {}).get((node, 4))
    return next((entry.reply.destination for entry in memory.conntrack), "") if memory else ""


def _reply() -> Exercise:
    asked = Asked(_cluster, CLIENT, "172.18.0.11:30080")

    def judge(answer: str) -> Verdict:
        path = asked.trace().paths[0]
        expected = _entry_reply(path, "node-1")
        try:
            given = str(ip_address(re.split(r"[\s:/]", answer.strip(), maxsplit=1)[0]))
        except ValueError:
            return wrong(explanation="An answer is one address, such as 192.0.2.10.")
        if given == expected:
            return right(
                f"dst={given}",
                explanation=f"An answer to {given} is this connection's. {given} is what the pod saw as the source.",
                rule=source_rule(path),
            )
        idea, why = {
            "172.18.0.11": (
                "snat-uses-the-dialled-address",
                "The pod answers whom it saw. By which interface does a packet leave node-1 for a pod on node-1?",
            ),
            CLIENT: (
                "the-pod-sees-the-client",
                "The pod answers whom it saw, and it never saw the client: the rule below changed that.",
            ),
            "172.18.0.12": ("", "node-2 takes no part: node-1 was dialled, and the pod is there."),
            "10.244.1.10": (
                "source-and-destination-swapped",
                "That is where the answer comes from. Asked is where it goes.",
            ),
        }.get(given, ("", f"{given} is not the source that the pod saw."))
        return wrong(f"dst={given}", misconception=idea, explanation=why, rule=source_rule(path))

    return Exercise(
        "reply",
        "The client 192.0.2.10 dials node-1, and the pod runs there. The plugin is the bridge. Complete what node-1 notes: "
        "src=192.0.2.10 dst=172.18.0.11 sport=40112 dport=30080 src=10.244.1.10 dst=____ sport=80 dport=1968",
        judge,
        (
            "The second half is the answer as the pod sends it. To whom does a pod send its answer?",
            "To the source that it saw. MASQUERADE chose that, by the interface towards the pod.",
            "That interface is node-1's cni0.",
        ),
        ask=asked.trace,
    )


reply = _reply()


def _put_back() -> Exercise:
    def judge(answer: str) -> Verdict:
        line = answer.strip()
        claims = (
            "iptables-restore would load it",
            f"{CLIENT} gets its answer from node-2",
            "what is not for a Service keeps its source",
        )
        before = without_rule(_cluster(), ASKS, ["node-2"])
        text = rules_text(before, "node-2")
        start = text.index("*nat\n")
        first = text.index("-A ", start)
        cluster = before.with_rules("node-2", f"{text[:first]}{line}\n{text[first:]}")
        try:
            path = trace(cluster, CLIENT, "172.18.0.12:30080").paths[0]
            calm = trace(cluster, "pod/default/tool-2", "10.244.1.10:80").paths[0]
        except RuleError as error:
            return _not_loaded(error, claims)
        quiet = calm.source_seen == cluster.pods["default/tool-2"].addresses[0]
        parts = (
            Part(claims[0], ok=True),
            Part(claims[1], ok=path.outcome == "connected", points=2),
            Part(claims[2], ok=quiet),
        )
        if path.outcome != "connected":
            idea, why = _why_lost(path)
            return Verdict(parts, misconception=idea, said=path.reason, explanation=why)
        if not quiet:
            return Verdict(
                parts,
                misconception="everything-is-snated",
                said=f"tool-2 on node-2 calls the pod's own address: the pod sees {calm.source_seen}",
                explanation="Your rule also changes packets that go from pod to pod and meet no Service. "
                "Those must keep their addresses: NetworkPolicies and logs rely on it.",
                rule=source_rule(calm),
            )
        return Verdict(parts, explanation=f"The pod sees {path.source_seen}.", rule=source_rule(path))

    return Exercise(
        "put_back",
        "On node-2 the rule that asks for SNAT is gone. Write one line of the table nat that brings the client's answer home, "
        "and leaves the source alone of what is not for a Service. It is put in front of the others.",
        judge,
        (
            "Two ways lead there: ask for SNAT with the mark, or do the SNAT yourself.",
            "The chain of the lost rule is KUBE-EXT-SV7AMNAGZFKZEMQ4, and the chain that it jumped to puts the mark.",
            "-A KUBE-EXT-SV7AMNAGZFKZEMQ4 -j ....",
        ),
    )


def _not_loaded(error: RuleError, claims: tuple[str, ...]) -> Verdict:
    """Say why a line cannot be used, and the idea behind it where there is one."""
    parts = tuple(Part(claim, ok=False, points=2 if claim == claims[1] else 1) for claim in claims)
    said = str(error)
    if "works only in" in said:
        return Verdict(
            parts,
            misconception="snat-happens-as-the-packet-comes-in",
            said=said,
            explanation="When a packet comes in, nobody knows yet by which interface it will leave, so there is no address to choose. "
            "SNAT stands at POSTROUTING, DNAT at PREROUTING (and OUTPUT).",
        )
    return Verdict(
        parts, said=said, explanation="Write it as `iptables-save` prints a rule: -A CHAIN ... -j TARGET."
    )


def _why_lost(path: Path) -> tuple[str, str]:
    """The idea behind a rule that did not bring the answer home."""
    if path.source_seen == CLIENT:
        return "", "The pod still sees the client, and answers it directly."
    return (
        "any-other-source-will-do",
        "The pod answers the source that it sees. That must be an address of node-2, by which the answer comes back there: "
        "only node-2 remembers what it did to the packet.",
    )


put_back = _put_back()

asymmetric = outcome(
    "asymmetric",
    "Policy Local. The pod tool-2, on node-2, dials another node's nodePort: node-3, 172.18.0.13:30080. my-nginx-1 runs on node-1. How does it end?",
    Asked(_local, "pod/default/tool-2", "172.18.0.13:30080"),
    (
        "What does node-3's KUBE-EXT chain do with a packet whose source lies in 10.244.0.0/16?",
        "It goes to any pod of the Service, and nobody marks it. Whom does my-nginx-1 see, then, and where does it answer to?",
        "Straight to tool-2, past node-3. Does node-2 know a connection with 10.244.1.10?",
    ),
    ideas={
        "connected": (
            "the-answer-comes-back-the-same-way",
            "The answer goes to the source that the pod saw, by the shortest way: from node-1 to node-2, and never through node-3. "
            "But node-3 alone knows that 10.244.1.10 stands for 172.18.0.13.",
        ),
        "refused": (
            "silence-and-refusal-are-one",
            "Nobody says no to tool-2. The rule below drops an answer that fits no connection, and a drop is silent.",
        ),
    },
)


def _back() -> Exercise:
    asked = Asked(_cluster, CLIENT, "172.18.0.12:30080")

    def met(path: Path, direction: str) -> list[str]:
        return [
            step.rule
            for hop in path.hops
            if hop.host == "node-2" and hop.direction == direction
            for step in hop.steps
            if step.table == "nat" and step.chain
        ]

    def judge(answer: str) -> Verdict:
        path = asked.trace().paths[0]
        count = len(met(path, "back"))
        if not answer.strip().isdecimal() or len(answer.strip()) > 3:
            return wrong(explanation="The answer is a number.")
        if int(answer) == count:
            return right(
                f"{count} rules",
                explanation="Only the first packet of a connection walks the table nat. All others, and all answers, "
                "get what conntrack noted at the first.",
            )
        return wrong(
            f"{int(answer)} rules",
            misconception="the-answer-needs-no-rule",
            explanation=f"On the way there {len(met(path, 'there'))} rules of nat matched. The answer belongs to a connection that is "
            "known already. Look at the table of steps: which chain undid the changes on the way back?",
        )

    return Exercise(
        "back",
        "The answer comes back to node-2, and both its addresses are changed there. How many rules of the table nat match it?",
        judge,
        (
            "Look at the lower half of the table of steps, at node-2.",
            "There is no chain beside that step.",
            "Conntrack does it, and asks no rule.",
        ),
        ask=asked.trace,
    )


back = _back()


@lru_cache(maxsize=1)
def _narrow() -> Cluster:
    """MASQUERADE on node-2 has two ports to give."""
    cluster = _cluster()
    text = rules_text(cluster, "node-2")
    text = text.replace("-A KUBE-POSTROUTING -m comment", "-A KUBE-POSTROUTING -p tcp -m comment")
    return cluster.with_rules("node-2", text.replace("--random-fully", "--to-ports 61000-61001"))


def _after_two(cluster: Cluster, to: str) -> Path:
    """A third client's path, when two others hold a connection to the port http by node-2."""
    memories = in_turn(cluster, (CLIENT, "192.0.2.11"))[-1].memories
    return trace(cluster, "192.0.2.12", to, memories=memories).paths[0]


def _ends(seen: Seen, outcome: str, port: tuple[int, ...] = ()) -> bool:
    path = _after_two(seen.cluster, "172.18.0.12:30443")
    return path.outcome == outcome and (not port or path.source_port_seen in port)


ports = choose(
    "ports",
    "node-2 has the two ports 61000 and 61001 to give, and two clients hold both, with connections to nodePort 30080. "
    "A third client dials node-2 on nodePort 30443, which leads to port 443 of the same pod. What becomes of it?",
    _narrow,
    (
        Choice(
            "connected, by a port that another connection has too",
            lambda seen: _ends(seen, "connected", (61000, 61001)),
            because="A connection is four numbers. With destination port 443 in place of 80 it is another one, though address and port of the source are the same.",
        ),
        Choice(
            "timeout, both ports are taken",
            lambda seen: _ends(seen, "timeout"),
            "a-source-port-serves-one-connection",
            "A port is taken for one destination only. What must differ is one of the four numbers, and here the destination's port does.",
        ),
        Choice(
            "connected, by a third port",
            lambda seen: _ends(seen, "connected") and not _ends(seen, "connected", (61000, 61001)),
            because="The rule allows 61000 and 61001, no other.",
        ),
    ),
    (
        "Which four numbers tell one connection from all others?",
        "Compare the third connection with the first: which of the four numbers differ?",
        "The destination's port: 443, not 80.",
    ),
    rule=lambda seen: target_rule(_after_two(seen.cluster, "172.18.0.12:30443")),
)
