"""The exercises of the lesson on NodePort."""

from __future__ import annotations

from svcnotes import scenarios
from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises.manifest import CLIENT, mend
from svcnotes.exercises.questions import Asked, listener, missing_chain, outcome, source_seen

__all__ = ["blank", "caller", "entry", "netstat", "nobody", "repair", "silence", "visitor", "wrong_field"]

MANIFEST = """\
apiVersion: v1
kind: Service
metadata: {name: my-nginx, labels: {run: my-nginx}}
spec:
  type: NodePort
  ports:
  - {nodePort: 8080, targetPort: 80, protocol: TCP, name: http}
  - {nodePort: 443, protocol: TCP, name: https}
  selector: {run: my-nginx}
"""


def _cluster() -> Cluster:
    return scenarios.load("nodeport")


def _local() -> Cluster:
    return scenarios.load("nodeport-local")


def _pods() -> Cluster:
    return scenarios.load("nodeport-pods")


def _empty() -> Cluster:
    return scenarios.load("nodeport-empty")


repair = mend(
    "repair",
    "This manifest is from a course. Mend it, so that a client outside reaches both ports by every node.",
    _pods,
    MANIFEST,
    (
        "Let kube-apiserver tell you: check it as it is, and read the message.",
        "The range of nodePorts; then the field that is missing twice.",
        "nodePort 30080 and 30443, port 80 and 443.",
    ),
)

wrong_field = mend(
    "wrong_field",
    "Mend the Service of the scenario nodeport-refused.",
    _pods,
    scenarios.text("nodeport-refused").rpartition("---\n")[2],
    ("How far did the packet get?", "It reached a pod. On which port?", "targetPort: http"),
)

entry = outcome(
    "entry",
    "You dial node-3 on port 30080. node-3 runs no pod of the Service. What do you get?",
    Asked(_cluster, CLIENT, "172.18.0.13:30080"),
    (
        "Which nodes have the rule for 30080?",
        "All of them.",
        "And may a packet go from node to node? It may.",
    ),
)

visitor = source_seen(
    "visitor",
    "You (192.0.2.10) dial node-2, and my-nginx-1 on node-1 answers. Which source address does my-nginx-1 see?",
    Asked(_cluster, CLIENT, "172.18.0.12:30080"),
    "default/my-nginx-1",
    ("Who changed the packet last?", "node-2 did.", "The address by which node-2 talks to node-1."),
    ("192.0.2.10 (you)", "172.18.0.12 (node-2)", "172.18.0.11 (node-1)", "10.96.0.80 (the Service)"),
)

caller = source_seen(
    "caller",
    "Policy Cluster. The client 192.0.2.10 dials node-1, 172.18.0.11:30080. Which source address does my-nginx-1, on node-1 itself, see?",
    Asked(_cluster, CLIENT, "172.18.0.11:30080"),
    "default/my-nginx-1",
    (
        "By which interface does the packet leave node-1 when the pod is on node-1?",
        "By cni0, the bridge that the node's pods hang on. MASQUERADE takes that interface's address.",
        "cni0 has the first address of the node's podCIDR, 10.244.1.0/24.",
    ),
)

silence = outcome(
    "silence",
    "The policy is Local now. You dial node-3, which runs no pod of the Service. What do you get?",
    Asked(_local, CLIENT, "172.18.0.13:30080"),
    (
        "Is there anything on node-3 that would answer, even with a no?",
        "Look for the comment “has no local endpoints” in node-3's rules.",
        "The rule is a DROP. What does a client get from a DROP?",
    ),
)

nobody = outcome(
    "nobody",
    "Policy Cluster, but the selector has a typing slip: no pod matches. The client dials 172.18.0.11:30080. How does it end?",
    Asked(_empty, CLIENT, "172.18.0.11:30080"),
    (
        "kube-proxy knows that there are no endpoints. What would be kind to the client?",
        "Look for the comment “has no endpoints” in the rules.",
        "The rule is a REJECT. What does a client get from a REJECT?",
    ),
)

blank = missing_chain(
    "blank",
    "Policy Local, node-2. Fill the blank: KUBE-NODEPORTS → KUBE-EXT-… → ____ → KUBE-SEP-…",
    Asked(_local, CLIENT, "172.18.0.12:30080"),
    "KUBE-EXT-",
    {
        "KUBE-SVC": (
            "local-uses-all-pods",
            "KUBE-SVC holds the pods of the whole cluster. Under Local a packet from outside goes to a chain with this node's pods only.",
        ),
        "KUBE-SEP": ("", "KUBE-SEP is one endpoint. Before it stands the chain that chooses among several."),
        "KUBE-MARK": (
            "the-pod-sees-the-client",
            "KUBE-MARK-MASQ asks for another source. The rule below stands after the rules that mark, and this packet met none of those.",
        ),
    },
    (
        "Three letters: S, V, and one for the policy.",
        "SVC are all pods of the Service. L is for Local.",
        "KUBE-SVL",
    ),
)

netstat = listener(
    "netstat",
    "Policy Cluster. You log in on node-1, whose port 30080 answers, and list all open ports with `ss -lnt`. Is 30080 among them?",
    Asked(_cluster, CLIENT, "172.18.0.11:30080"),
    (
        "Which program would have opened it?",
        "Look where the destination of the packet changes: before or after the node asks who listens?",
        "The DNAT is at PREROUTING, as the packet comes in. The node's own programs never see it.",
    ),
)
