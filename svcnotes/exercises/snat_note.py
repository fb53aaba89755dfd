"""Find the mistakes in a course's note on SNAT; each line is tried against the rules and by packets."""

from __future__ import annotations

from svcnotes.errors import ApiError
from svcnotes.exercises.asked import Asked, Seen
from svcnotes.exercises.evidence import chains, jump_rule, source_rule, steps_there
from svcnotes.exercises.mistakes import Line, find_mistakes
from svcnotes.exercises.snat_clusters import (
    BY_NODE_2,
    CLIENT,
    TOOL,
    local,
    routed,
    tunnel,
    whole,
    without,
)
from svcnotes.network.node_rules import rules_text

__all__ = ["note"]

OUTSIDE, TUNNEL, ROUTED, WITHOUT, LOCAL, NODE_LOCAL, TOOL_LOCAL, CLUSTER_IP = range(8)
ASKED = (
    Asked(whole, CLIENT, BY_NODE_2),
    Asked(tunnel, CLIENT, BY_NODE_2),
    Asked(routed, CLIENT, "172.18.0.11:30080"),
    Asked(without, CLIENT, BY_NODE_2),
    Asked(local, CLIENT, BY_NODE_2),
    Asked(local, "node/node-2", BY_NODE_2),
    Asked(local, TOOL, BY_NODE_2),
    Asked(whole, TOOL, "10.96.0.80:8080"),
)
LETTERS = "67RL4FN6JRUPOJYM"
OWNER = "default/mysql-service:"
"""The Service whose letters these are, as old versions wrote the name of an unnamed port."""


def _rules(seen: Seen) -> list[str]:
    return rules_text(seen.cluster, "node-2").splitlines()


def _outcome(seen: Seen, which: int) -> str:
    return seen.traces[which].paths[0].outcome


def _seen_from(seen: Seen, which: int) -> str | None:
    return seen.traces[which].paths[0].source_seen


def _next_chain(seen: Seen) -> str:
    """The chain to which the nodePort's rule jumps."""
    passed = chains(seen.paths[0])
    return passed[passed.index("KUBE-NODEPORTS") + 1]


def _postrouting(seen: Seen) -> list[str]:
    return [line for line in _rules(seen) if line.startswith("-A KUBE-POSTROUTING ")]


def _accepts_lower_case(seen: Seen) -> bool:
    try:
        seen.cluster.patch("service", "my-nginx", "spec: {externalTrafficPolicy: local}")
    except ApiError:
        return False
    return True


def _bridge_or_node(seen: Seen) -> bool:
    """Whether the pod sees cni0 of the node dialled wherever there is one, and the node where there is none."""
    bridges = all(str(_seen_from(seen, which)).startswith("10.244.2.1") for which in (OUTSIDE, TUNNEL))
    return bridges and _seen_from(seen, ROUTED) == "172.18.0.11"


def _marked_then_masqueraded(seen: Seen) -> bool:
    path = seen.paths[0]
    marked = any("--set-xmark 0x4000/0x4000" in step.rule for step in steps_there(path))
    return (
        marked and source_rule(path).startswith("-A KUBE-POSTROUTING") and "MASQUERADE" in source_rule(path)
    )


note = find_mistakes(
    "note",
    "A note from a course, on a Service my-nginx of type NodePort with a port named http. Which lines are wrong?",
    ASKED,
    (
        Line(
            "The nodePort's rule jumps from KUBE-NODEPORTS straight to KUBE-SVC-…, which chooses a pod.",
            lambda seen: _next_chain(seen).startswith("KUBE-SVC-"),
            "it jumps to KUBE-EXT-…, which asks for SNAT first. (Before about 1.24 there was no KUBE-EXT; then a rule to KUBE-MARK-MASQ "
            "stood beside this one. A note that shows neither cannot say where the SNAT comes from.)",
        ),
        Line(
            f"The letters at the end of my-nginx's chains are {LETTERS}.",
            lambda seen: _next_chain(seen).endswith(LETTERS),
            f"they are SV7AMNAGZFKZEMQ4. {LETTERS} is the hash of {OWNER}, a Service of somebody else's: the line was copied from another page.",
        ),
        Line(
            "The comment of the nodePort's rule reads default/my-nginx: nodePort.",
            lambda seen: "default/my-nginx: nodePort" in jump_rule(seen.paths[0], "KUBE-EXT-"),
            "it reads default/my-nginx:http, namespace/name:port. It is the same text that the hash is made of.",
        ),
        Line(
            "A marked packet gets another source in KUBE-POSTROUTING, from MASQUERADE.",
            _marked_then_masqueraded,
            "the mark is put at PREROUTING, and MASQUERADE acts on it at POSTROUTING.",
        ),
        Line(
            "KUBE-POSTROUTING is a single rule: if the packet has the mark, MASQUERADE.",
            lambda seen: len(_postrouting(seen)) == 1,
            "it has three: no mark, then RETURN; wipe the mark off; MASQUERADE. What becomes of the packet is the same.",
        ),
        Line(
            "Whatever goes through a Service gets another source in this way.",
            lambda seen: _seen_from(seen, CLUSTER_IP) != "10.244.2.10",
            "only what is marked. A pod that calls the Service's own address keeps its address, and so does a client outside under Local.",
            "everything-is-snated",
        ),
        Line(
            "The new source is the address of the bridge cni0, and where there is no bridge, the node's.",
            _bridge_or_node,
            "it is the address of the interface that leads to the pod: cni0 for a pod on this node, eth0 or flannel.1 for one on another node.",
            "snat-uses-another-interface",
        ),
        Line(
            "Without SNAT, a pod on another node would answer the client directly, from its own address.",
            lambda seen: _seen_from(seen, WITHOUT) == CLIENT and _outcome(seen, WITHOUT) != "connected",
            "the pod answers the source that it sees, and that is the client.",
            "the-answer-comes-back-the-same-way",
        ),
        Line(
            "The client would then get an error at once.",
            lambda seen: _outcome(seen, WITHOUT) == "refused",
            "it gets nothing. It says RST to the stranger, and waits for the one that it dialled, until it times out.",
            "silence-and-refusal-are-one",
        ),
        Line(
            "The manifest's line that keeps the client's address reads externalTrafficPolicy: local.",
            _accepts_lower_case,
            "the value is Local, with a capital letter. kube-apiserver takes no other.",
        ),
        Line(
            "Under that policy, a node without a pod drops what comes from outside.",
            lambda seen: _outcome(seen, LOCAL) == "timeout",
            "a DROP in the table filter, and the client waits.",
            "local-forwards",
        ),
        Line(
            "It drops what its own pods and programs send to the nodePort as well.",
            lambda seen: {_outcome(seen, NODE_LOCAL), _outcome(seen, TOOL_LOCAL)} == {"timeout"},
            "those may use every pod of the Service. The first rules of KUBE-EXT lead them to KUBE-SVC.",
        ),
    ),
    (
        "Compare each with what you have seen: the rules of node-2, the table of the three plugins, the chain KUBE-EXT under Local.",
        "Three of the twelve lines are true.",
        "True are the lines on KUBE-POSTROUTING and MASQUERADE, on whom the pod answers, and on what a node without a pod does to clients outside.",
    ),
)
