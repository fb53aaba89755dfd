"""One exercise of each kind, on the clusters of the lesson on NodePort."""

from svcnotes import scenarios
from svcnotes.exercises.apply import apply
from svcnotes.exercises.asked import Asked
from svcnotes.exercises.choose import Choice, choose
from svcnotes.exercises.claims import ends, stored
from svcnotes.exercises.diagnose import Fault, diagnose
from svcnotes.exercises.edit_rules import edit_rules
from svcnotes.exercises.mistakes import Line, find_mistakes
from svcnotes.exercises.questions import OUTCOMES, outcome, source_seen
from svcnotes.exercises.share import share

CLIENT = "192.0.2.10"
HINTS = ("one", "two", "three")


def cluster():
    return scenarios.load("nodeport")


def local():
    return scenarios.load("nodeport-local")


CALLER = """
apiVersion: v1
kind: Pod
metadata: {name: caller}
spec: {nodeName: node-3, containers: [{name: c, image: curl}]}
"""


def with_caller():
    return local().create(CALLER)


def broken():
    return scenarios.load("nodeport-refused")


def behind_a_proxy():
    return local().patch("service", "my-nginx", "spec: {type: LoadBalancer}").with_world(cloud="proxying")


def dial(of, node, source=CLIENT):
    return Asked(of, source, f"172.18.0.1{node}:30080")


def target_port(number):
    return lambda of: of.patch(
        "service", "my-nginx", f"spec: {{ports: [{{port: 8080, targetPort: {number}}}]}}"
    )


chosen = choose(
    "chosen",
    "What changes from Cluster to Local?",
    (dial(cluster, 1), dial(local, 1)),
    [
        Choice(
            "The pod sees the client, and fewer pods may answer.",
            lambda seen: (
                seen.traces[1].paths[0].source_seen == CLIENT
                and len(seen.traces[1].paths) < len(seen.traces[0].paths)
            ),
            because="KUBE-SVL has this node's pods only.",
        ),
        Choice(
            "Nothing.", lambda seen: seen.traces[0] == seen.traces[1], "local-uses-all-pods", "Compare them."
        ),
        Choice(
            "The node refuses.", lambda seen: seen.outcomes == {"refused"}, "local-refuses", "It has a pod."
        ),
    ],
    HINTS,
)

counted = choose(
    "counted",
    "How many nodes are there?",
    cluster,
    [
        Choice("3", lambda seen: len(seen.cluster.nodes) == 3),
        Choice("2", lambda seen: len(seen.cluster.nodes) == 2),
    ],
    HINTS,
)

half = share(
    "half",
    "You dial node-3. How large a part of the connections comes to my-nginx-1?",
    dial(cluster, 3),
    "default/my-nginx-1",
    HINTS,
    ideas={"0": ("cluster-needs-a-local-pod", "Each node may choose among all pods.")},
)

third = share(
    "third",
    "You dial one node of three, by chance. How many connections are lost under Local?",
    [dial(local, node) for node in (1, 2, 3)],
    "timeout",
    HINTS,
    ideas={"1/2": ("every-choice-is-even", "Which nodes have a pod?")},
)

elsewhere = outcome(
    "elsewhere",
    "A pod on node-3 dials node-2's nodePort under Local, and the dice lead it to my-nginx-1.",
    dial(with_caller, 2, "pod/default/caller"),
    HINTS,
    pod="default/my-nginx-1",
    ideas={"connected": ("the-answer-comes-back-the-same-way", "It goes straight to the asker.")},
)

any_end = outcome(
    "any_end",
    "The same, and nobody says which pod the dice choose.",
    dial(with_caller, 2, "pod/default/caller"),
    HINTS,
    words=(*OUTCOMES, "depends"),
    ideas={"connected": ("the-answer-comes-back-the-same-way", "It goes straight to the asker.")},
)

caller = source_seen("caller", "Whom does my-nginx-1 see?", dial(cluster, 2), "default/my-nginx-1", HINTS)

applied = apply(
    "applied",
    "Open my-nginx on 31000 as well, by a second Service `more` under Local.",
    cluster,
    [
        ends(
            "a client reaches my-nginx-1 by node-1 on 31000, and is seen",
            CLIENT,
            "172.18.0.11:31000",
            pod="default/my-nginx-1",
            sees=CLIENT,
            points=2,
            idea="the-pod-sees-the-client",
            because="Only Local keeps the source.",
        ),
        stored(
            "the policy is Local",
            "default/more",
            lambda service: service.external_traffic_policy == "Local",
            because="Look at externalTrafficPolicy.",
        ),
    ],
    HINTS,
)

edited = edit_rules(
    "edited",
    "Take SNAT away on node-2.",
    cluster,
    "node-2",
    [
        ends(
            "my-nginx-1 answers past node-2, and the client waits",
            CLIENT,
            "172.18.0.12:30080",
            "timeout",
            only=lambda path: path.pod == "default/my-nginx-1",
            because="The packet still has the mark.",
        ),
        ends(
            "my-nginx-2 answers",
            CLIENT,
            "172.18.0.12:30080",
            only=lambda path: path.pod == "default/my-nginx-2",
            because="my-nginx-2 must be reached.",
        ),
    ],
    HINTS,
)

diagnosed = diagnose(
    "diagnosed",
    "Everybody is refused. What is broken?",
    dial(broken, 1),
    [
        Fault("the targetPort leads to a closed port", target_port(80), ("targetport",)),
        Fault(
            "the selector matches no pod",
            lambda of: of.patch("service", "my-nginx", "spec: {selector: {run: my-nginx}}"),
            ("selector", "label"),
            "selector-mismatch",
            "The packet does come to a pod.",
        ),
    ],
    HINTS,
)

mistakes = find_mistakes(
    "mistakes",
    "Which of these lines are wrong, for a client that dials node-3?",
    (dial(cluster, 3), dial(local, 3)),
    [
        Line("Under Cluster it connects.", lambda seen: seen.outcomes == {"connected"}, "Every node serves."),
        Line(
            "The pod sees the client.",
            lambda seen: seen.sources == {CLIENT},
            "It sees node-3.",
            "the-pod-sees-the-client",
        ),
        Line(
            "Under Local it is refused.",
            lambda seen: seen.traces[1].paths[0].outcome == "refused",
            "It is dropped.",
            "local-refuses",
        ),
        Line(
            "Two pods may answer.",
            lambda seen: len(seen.paths) == 2,
            "KUBE-SVC has both.",
            "cluster-needs-a-local-pod",
        ),
    ],
    HINTS,
)

KINDS = {
    exercise.name: exercise
    for exercise in (
        chosen,
        counted,
        half,
        third,
        elsewhere,
        any_end,
        caller,
        applied,
        edited,
        diagnosed,
        mistakes,
    )
}
