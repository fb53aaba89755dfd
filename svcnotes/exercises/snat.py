"""The exercises of the lesson on SNAT: why the source changes, to which address, and when it need not."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_address

from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises.asked import Asked, Seen
from svcnotes.exercises.choose import Choice, choose
from svcnotes.exercises.claims import Claim, ends
from svcnotes.exercises.edit_rules import edit_rules
from svcnotes.exercises.evidence import source_rule, steps_there, target_rule
from svcnotes.exercises.exercise import Exercise, right, wrong
from svcnotes.exercises.questions import outcome, source_seen
from svcnotes.exercises.snat_clusters import (
    BY_NODE_2,
    CLIENT,
    POD,
    TOOL,
    hardened,
    in_turn,
    local,
    lost_on_node_2,
    narrow,
    tunnel,
    whole,
    without,
)
from svcnotes.exercises.snat_note import note
from svcnotes.exercises.verdict import Verdict
from svcnotes.network.node_rules import rules_text
from svcnotes.trace import Path, trace

__all__ = [
    "asymmetric", "back", "flannel", "hardened", "in_turn", "neighbour", "note", "own_node", "ports", "put_back", "reply",
]  # fmt: skip

neighbour = outcome(
    "neighbour",
    "The rule is taken out on every node. Now you dial node-1, 172.18.0.11:30080: the node on which the pod runs. What do you get?",
    Asked(without, CLIENT, "172.18.0.11:30080"),
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

flannel = source_seen(
    "flannel",
    "The plugin is VXLAN now. You (192.0.2.10) dial node-2, 172.18.0.12:30080; the pod is on node-1. Which source address does the pod see?",
    Asked(tunnel, CLIENT, BY_NODE_2),
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
    Asked(local, "node/node-1", "172.18.0.11:30080"),
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
            "Whoever dials a machine's own address from that machine gets that same address as a source. "
            "127.0.0.1 is for those who dial 127.0.0.1.",
        )
    },
)


def _entry_reply(path: Path, node: str) -> str:
    """The address that the answer is expected for, in the node's connection entry; empty without one."""
    memory = (path.memories or {}).get((node, 4))
    return next((entry.reply.destination for entry in memory.conntrack), "") if memory else ""


def _reply() -> Exercise:
    asked = Asked(whole, CLIENT, "172.18.0.11:30080")
    instead = {
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
    }

    def judge(answer: str) -> Verdict:
        path = asked.trace().paths[0]
        try:
            given = str(ip_address(re.split(r"[\s:/]", answer.strip(), maxsplit=1)[0]))
        except ValueError:
            return wrong(explanation="An answer is one address, such as 192.0.2.10.")
        if given == _entry_reply(path, "node-1"):
            why = f"{given} is what the pod saw as the source, so it answers there; node-1 knows the answer by that."
            return right(f"dst={given}", explanation=why, rule=source_rule(path))
        idea, why = instead.get(given, ("", f"{given} is not the source that the pod saw."))
        return wrong(f"dst={given}", misconception=idea, explanation=why, rule=source_rule(path))

    return Exercise(
        "reply",
        "The client 192.0.2.10 dials node-1, and the pod runs there. The plugin is the bridge. Complete what node-1 notes:\n"
        "src=192.0.2.10 dst=172.18.0.11 sport=40112 dport=30080\n"
        "src=10.244.1.10 dst=____ sport=80 dport=1968",
        judge,
        (
            "The second half is the answer as the pod sends it. To whom does a pod send its answer?",
            "To the source that it saw. MASQUERADE chose that, by the interface towards the pod.",
            "That interface is node-1's cni0.",
        ),
        ask=asked.trace,
    )


reply = _reply()


def _unmet(cluster: Cluster, path: Path) -> str:
    """A sentence for a new rule that the packet went past, or never came to; empty where it met it."""
    before = rules_text(lost_on_node_2(), "node-2").splitlines()
    met = {step.rule for step in steps_there(path)}
    for line in rules_text(cluster, "node-2").splitlines():
        if line.startswith("-A ") and line not in before and line not in met:
            return (
                f" Your rule in {line.split()[1]} took no part: another rule sent the packet on before, "
                "or its conditions do not hold there. Which rules of that chain does the packet meet first?"
            )
    return ""


def _comes_home() -> Claim:
    text = f"{CLIENT} dials node-2 and gets its answer"

    def judge(cluster: Cluster) -> Verdict:
        path = trace(cluster, CLIENT, BY_NODE_2).paths[0]
        if path.outcome == "connected":
            return right(explanation=f"The pod sees {path.source_seen}.", rule=source_rule(path))
        if path.source_seen == CLIENT:
            return wrong(
                said=path.reason,
                explanation=f"The pod still sees the client, and answers it directly.{_unmet(cluster, path)}",
            )
        if path.pod is None and not path.source_seen:
            return wrong(
                said=path.reason,
                explanation="The packet comes to no pod any more: it leaves the table nat before a rule has chosen one.",
            )
        return wrong(
            misconception="any-other-source-will-do" if source_rule(path) else "",
            said=path.reason,
            explanation="The pod answers the source that it sees. That must be an address of node-2, by which the answer comes back "
            "there: only node-2 remembers what it did to the packet.",
            rule=source_rule(path),
        )

    return Claim(text, judge, points=2)


def _put_back() -> Exercise:
    plain = edit_rules(
        "put_back",
        "On node-2 the rule that asks for SNAT is gone. Write one command (-t nat -I CHAIN ... puts a rule first, -t nat -A CHAIN ... puts it last) "
        "that brings the client's answer home, and leaves the source alone of what is not for a Service.",
        lost_on_node_2,
        "node-2",
        (
            ends(
                "a pod of node-2 that calls my-nginx-1 without the Service keeps its address",
                TOOL,
                "10.244.1.10:80",
                sees="10.244.2.10",
                idea="everything-is-snated",
                because="Your rule also changes packets that go from pod to pod and meet no Service. Those must keep their "
                "addresses: NetworkPolicies and logs rely on it.",
            ),
            _comes_home(),
        ),
        (
            "Two ways lead there: ask for SNAT with the mark, or do the SNAT yourself.",
            "The lost rule stood first (-I, not -A) in KUBE-EXT-SV7AMNAGZFKZEMQ4, and jumped to the chain that puts the mark.",
            "-t nat -I KUBE-EXT-SV7AMNAGZFKZEMQ4 -j ...",
        ),
    )

    def judge(answer: str) -> Verdict:
        found = plain.judge(answer)
        if "works only in" not in found.said:
            return found
        why = (
            "When a packet comes in, nobody knows yet by which interface it will leave, so there is no address to choose. "
            "SNAT stands at POSTROUTING, DNAT at PREROUTING (and OUTPUT)."
        )
        return replace(found, misconception="snat-happens-as-the-packet-comes-in", explanation=why)

    return replace(plain, judge=judge)


put_back = _put_back()

asymmetric = outcome(
    "asymmetric",
    "Policy Local. The pod tool-2, on node-2, dials another node's nodePort: node-3, 172.18.0.13:30080. my-nginx-1 runs on node-1. How does it end?",
    Asked(local, TOOL, "172.18.0.13:30080"),
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
    asked = Asked(whole, CLIENT, BY_NODE_2)

    def met(path: Path, direction: str) -> int:
        steps = [
            step
            for hop in path.hops
            if hop.host == "node-2" and hop.direction == direction
            for step in hop.steps
        ]
        return sum(step.table == "nat" and bool(step.chain) for step in steps)

    def judge(answer: str) -> Verdict:
        path = asked.trace().paths[0]
        if not answer.strip().isdecimal() or len(answer.strip()) > 3:
            return wrong(explanation="The answer is a number.")
        if int(answer) == met(path, "back"):
            why = (
                "Only the first packet of a connection walks the table nat. All others, and all answers, "
                "get what conntrack noted at the first."
            )
            return right(f"{int(answer)} rules", explanation=why)
        return wrong(
            f"{int(answer)} rules",
            misconception="the-answer-needs-no-rule",
            explanation=f"On the way there {met(path, 'there')} rules of nat matched. The answer belongs to a connection that is "
            "known already. Look at the table of node-2: which table changed the answer's addresses?",
        )

    return Exercise(
        "back",
        "The client dials node-2 under Cluster. The answer comes back to node-2, and both its addresses are changed there. How many rules of the table nat match it?",
        judge,
        (
            "Look at the table of what node-2 does, at the lines with hop 8.",
            "The column `table` says nat on the way there. What does it say on the way back?",
            "Conntrack does it, and asks no rule.",
        ),
        ask=asked.trace,
    )


back = _back()


def _third_client(seen: Seen) -> Path:
    """A third client's path to the port https, when two others hold a connection to the port http."""
    memories = in_turn(seen.cluster, (CLIENT, "192.0.2.11"))[-1].memories
    return trace(seen.cluster, "192.0.2.12", "172.18.0.12:30443", memories=memories).paths[0]


ports = choose(
    "ports",
    "node-2 has the two ports 61000 and 61001 to give, and two clients hold both, with connections to nodePort 30080. "
    "A third client dials node-2 on nodePort 30443, which leads to port 443 of the same pod. What becomes of it?",
    narrow,
    (
        Choice(
            "connected, by a port that another connection has too",
            lambda seen: _third_client(seen).source_port_seen in {61000, 61001},
            because="A connection is four numbers. With destination port 443 in place of 80 it is another one, "
            "though the source's address and port are the same.",
        ),
        Choice(
            "timeout, both ports are taken",
            lambda seen: _third_client(seen).outcome == "timeout",
            "a-source-port-serves-one-connection",
            "A port is taken for one destination only. One of the four numbers must differ, and here the destination's port does.",
        ),
        Choice(
            "connected, by a third port",
            lambda seen: (_third_client(seen).source_port_seen or 61000) not in {61000, 61001},
            because="The rule allows 61000 and 61001, no other.",
        ),
    ),
    (
        "Which four numbers tell one connection from all others?",
        "Compare the third connection with the first: which of the four numbers differ?",
        "The destination's port: 443, not 80.",
    ),
    rule=lambda seen: target_rule(_third_client(seen)),
)
