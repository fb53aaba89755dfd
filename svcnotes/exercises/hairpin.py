"""The exercises of the lesson on hairpins: a pod that calls its own Service."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from svcnotes import scenarios
from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises.asked import Asked, Seen
from svcnotes.exercises.choose import Choice, choose
from svcnotes.exercises.claims import ends
from svcnotes.exercises.edit_rules import edit_rules
from svcnotes.exercises.manifest import CLIENT
from svcnotes.exercises.mistakes import Line, find_mistakes
from svcnotes.exercises.questions import missing_chain
from svcnotes.exercises.share import share
from svcnotes.exercises.sources import source_seen
from svcnotes.scenarios.changes import without_rule
from svcnotes.trace import Path, Trace

__all__ = ["blank", "cables", "duet", "lost", "notes", "put_back", "rounds", "self_local", "unseen"]

SERVICE = "10.96.0.80:80"
ANNA, BERT, CARL = "pod/default/anna", "pod/default/bert", "pod/default/carl"
FLAG_OFF = {"name": "hairpin-off"}
BRIDGE_NF = "net.bridge.bridge-nf-call-iptables"
MORE = """\
apiVersion: v1
kind: Pod
metadata: {{name: {name}, labels: {{app: choir}}}}
spec: {{nodeName: node-2, containers: [{{name: choir, image: choir, ports: [{{name: http, containerPort: 8080}}]}}]}}
"""


def _cluster() -> Cluster:
    return scenarios.load("hairpin")


def _local() -> Cluster:
    return _cluster().patch("service", "choir", "spec: {externalTrafficPolicy: Local}")


def _flag_off() -> Cluster:
    return _cluster().with_world(faults=[FLAG_OFF])


def _flag_off_on_node_1() -> Cluster:
    return _cluster().with_world(faults=[{**FLAG_OFF, "node": "node-1"}])


def _unseen_by_iptables() -> Cluster:
    return _cluster().with_world(sysctls={BRIDGE_NF: "0"})


def _routed() -> Cluster:
    return _cluster().with_world(cni="routed")


def _routed_flag_off() -> Cluster:
    return _routed().with_world(faults=[FLAG_OFF])


def _five_flag_off() -> Cluster:
    cluster = _flag_off()
    for name in ("dora", "emil"):
        cluster = cluster.apply(MORE.format(name=name))
    return cluster


def _without_the_rule() -> Cluster:
    return without_rule(_cluster(), "-s 10.244.1.10/32", ["node-1"])


def failing(found: Trace) -> Fraction:
    """The share of the connections asked about that are not made."""
    return sum((path.probability for path in found.paths if path.outcome != "connected"), Fraction(0))


def _no_rule(_: Seen) -> str:
    """No rule decides: the bridge does."""
    return ""


def _fails(share_lost: str, number: int = 0) -> Callable[[Seen], bool]:
    return lambda seen: failing(seen.traces[number]) == Fraction(share_lost)


def _lost_to(pod: str) -> Callable[[Seen], bool]:
    """Whether the connections that are led to this pod, and no others, are not made."""

    def holds(seen: Seen) -> bool:
        ended = {led_to(path): path.outcome for path in seen.paths}
        return {name for name, outcome in ended.items() if outcome != "connected"} == {pod}

    return holds


def led_to(path: Path) -> str:
    """The address that the path's packet was given as its destination, without the port."""
    there = [hop.leaves or hop.packet for hop in path.hops if hop.direction == "there"]
    return there[-1].destination if there else ""


self_local = source_seen(
    "self_local",
    "externalTrafficPolicy is Local. anna dials her own node's nodePort, 172.18.0.11:30080, and the dice choose anna. Which source does she see?",
    Asked(_local, ANNA, "172.18.0.11:30080"),
    "default/anna",
    (
        "Under Local, KUBE-EXT marks nothing that comes from a pod.",
        "Is there another place where a mark may be put on? Read her KUBE-SEP chain.",
        "-s 10.244.1.10/32 -j KUBE-MARK-MASQ: it asks nothing about any policy.",
    ),
    ("10.244.1.10 (her own)", "10.244.1.1 (node-1, cni0)", "172.18.0.11 (node-1, eth0)"),
    ideas={
        "10.244.1.10": (
            "a-pod-calling-itself-keeps-its-address",
            "The rule in KUBE-SEP knows no policy: whoever has drawn itself is masqueraded, under Local as under Cluster.",
        ),
    },
)

lost = choose(
    "lost",
    "The hairpin flag is off on every port. anna dials 10.96.0.80:80 all day long, and waits a second each time. How many of her calls fail?",
    Asked(_flag_off, ANNA, SERVICE),
    (
        Choice(
            "none",
            _fails("0"),
            "a-pod-always-reaches-itself",
            "The rules do their part: the packet is for anna now. But it is on the bridge, and it came in by anna's own port.",
        ),
        Choice("one in three", _fails("1/3")),
        Choice(
            "one in two",
            _fails("1/2"),
            "every-choice-is-even",
            "The dice know nothing of nodes: three endpoints, and one of them is anna.",
        ),
        Choice(
            "all",
            _fails("1"),
            "without-hairpin-nothing-works",
            "What she sends to bert leaves by another port of the bridge, and what she sends to carl leaves the node. Only what turns back to her is lost.",
        ),
    ),
    (
        "Which of her calls must leave by the port that they came in by?",
        "Only those for which the dice choose anna.",
        "How many endpoints does the Service have?",
    ),
    tells=lambda path: path.outcome != "connected",
    rule=_no_rule,
)

unseen = choose(
    "unseen",
    "The flag is on again, but now iptables does not see what crosses a bridge (bridge-nf-call-iptables=0). anna dials 10.96.0.80:80. Which of the three gives her no answer?",
    Asked(_unseen_by_iptables, ANNA, SERVICE),
    (
        Choice(
            "anna herself",
            _lost_to("10.244.1.10"),
            "",
            "Her answer goes to 10.244.1.1, an address of the node: it is not for the bridge to pass on, but for the node to take in, and there conntrack is.",
        ),
        Choice("bert (on the same node)", _lost_to("10.244.1.11")),
        Choice(
            "carl (on node-2)",
            _lost_to("10.244.2.10"),
            "",
            "What goes between nodes is routed, and passes iptables and conntrack on both. Only frames from port to port of one bridge do not.",
        ),
        Choice(
            "none of them",
            _fails("0"),
            "the-client-takes-any-answer",
            "bert does answer. But nobody puts 10.96.0.80:80 back into his answer, and anna waits for an answer from there.",
        ),
    ),
    (
        "On the way there each packet is sent to the node, since 10.96.0.80 is not of anna's network. And on the way back?",
        "Which answer goes from one port of cni0 to another, without the node?",
        "anna and bert are in the same network, 10.244.1.0/24: he answers her directly over the bridge.",
    ),
    tells=lambda path: path.outcome != "connected",
    rule=_no_rule,
)

blank = missing_chain(
    "blank",
    "anna calls 10.96.0.80:80 and draws herself. Fill the blank: KUBE-SERVICES → KUBE-SVC-… → KUBE-SEP-… → ____ → (back in KUBE-SEP) DNAT",
    Asked(_cluster, ANNA, SERVICE),
    "KUBE-SEP",
    {
        "KUBE-EXT": (
            "",
            "KUBE-EXT is for what comes to the nodePort, an external IP or a balancer. anna dialled the Service's own address.",
        ),
        "KUBE-POSTROUTING": (
            "the-mark-travels",
            "That is where the mark is acted on. But who has put it on? Before the DNAT one chain more is passed.",
        ),
    },
    (
        "It is the first rule of anna's KUBE-SEP chain that leads there.",
        "Nothing is changed there; only a note is left for later.",
        "The note is a mark.",
    ),
)

duet = source_seen(
    "duet",
    "All is well again. anna dials 10.96.0.80:80, and the dice choose bert. Which source address does bert see?",
    Asked(_cluster, ANNA, SERVICE),
    "default/bert",
    (
        "Does a rule of bert's KUBE-SEP chain fit a packet from anna?",
        "-s 10.244.1.11/32: only packets from bert himself.",
        "No mark, no MASQUERADE.",
    ),
    ideas={
        "10.244.1.1": (
            "everything-is-snated",
            "A packet is masqueraded only where a rule has marked it. bert's chain marks what comes from bert, and this comes from anna.",
        ),
        "172.18.0.11": (
            "everything-is-snated",
            "A packet is masqueraded only where a rule has marked it. bert's chain marks what comes from bert, and this comes from anna.",
        ),
    },
)

cables = source_seen(
    "cables",
    "Another network plugin, as Calico does it: no bridge, each pod on a cable (veth) of its own, whose end on the node has no address. anna draws herself. Which source does she see?",
    Asked(_routed, ANNA, SERVICE),
    "default/anna",
    (
        "MASQUERADE asks for an address of the interface by which the packet leaves.",
        "The cable's end on the node has none. Then the kernel takes another of the node's addresses.",
        "That of eth0.",
    ),
    ideas={
        "10.244.1.1": ("", "That is cni0's address, and there is no bridge here."),
        "10.244.1.10": (
            "a-pod-always-reaches-itself",
            "From her own address she would never take it: the rule in KUBE-SEP is there with any plugin.",
        ),
    },
)

rounds = share(
    "rounds",
    "The flag is off on node-1 only. anna, bert and carl call 10.96.0.80:80, each equally often. Which share of all these calls fails?",
    [Asked(_flag_off_on_node_1, caller, SERVICE) for caller in (ANNA, BERT, CARL)],
    lambda path: path.outcome != "connected",
    (
        "Take the three callers one by one.",
        "anna fails when she draws herself, 1/3. bert?",
        "carl's node has the flag: (1/3 + 1/3 + 0) / 3.",
    ),
    ideas={
        "1/3": (
            "",
            "That is the share of anna's calls, and of bert's. carl's bridge is another, and its flag is on.",
        ),
        "1/9": ("", "bert is on node-1, too, and draws himself as often as anna draws herself."),
        "2/3": (
            "every-choice-is-even",
            "Each caller has three endpoints, and at most one of them is itself.",
        ),
        "1": (
            "without-hairpin-nothing-works",
            "Only a call that turns back to its caller needs the flag.",
        ),
    },
)

put_back = edit_rules(
    "put_back",
    "Somebody has taken anna's rule out of node-1's rules. Put it back, with one command.",
    _without_the_rule,
    "node-1",
    (
        ends(
            "anna, when she draws herself, sees node-1's address on the bridge",
            ANNA,
            SERVICE,
            sees="10.244.1.1",
            only=lambda path: led_to(path) == "10.244.1.10",
            because="What comes from anna herself (-s) must get its mark, and before the DNAT: that rule ends the chain, and what stands after it is never read.",
            hint="-I puts a rule first, -A puts it last.",
        ),
        ends(
            "bert, when he draws anna, is seen with his own address",
            BERT,
            SERVICE,
            sees="10.244.1.11",
            only=lambda path: led_to(path) == "10.244.1.10",
            idea="everything-is-snated",
            because="The rule marks too much: only packets from anna herself need another source.",
            hint="-s 10.244.1.10/32",
        ),
    ),
    (
        "What is in the chain already is the DNAT, and it ends the chain.",
        "First in the chain: -I. Only for packets from anna: -s.",
        "-I KUBE-SEP-VH4ZNAPGOF73HPSQ -s 10.244.1.10/32 -j KUBE-MARK-MASQ",
    ),
    start="-? KUBE-SEP-VH4ZNAPGOF73HPSQ -s ??? -j ???\n",
)

_CALLED = [
    Asked(_flag_off, CLIENT, "172.18.0.11:30080"),
    Asked(_five_flag_off, ANNA, SERVICE),
    Asked(_flag_off, ANNA, "10.244.1.10:8080"),
    Asked(_routed_flag_off, ANNA, SERVICE),
    Asked(_local, ANNA, "172.18.0.11:30080"),
]


def _in_local_she_keeps_it(seen: Seen) -> bool:
    path = next(path for path in seen.traces[4].paths if path.pod == "default/anna")
    return path.source_seen == "10.244.1.10"


notes = find_mistakes(
    "notes",
    "A colleague's notes on a bridge whose hairpin flag is off. Which lines are wrong?",
    _CALLED,
    (
        Line(
            "A client outside loses one call in three.",
            _fails("1/3", 0),
            "its packets come in by eth0 and leave by a pod's port: nothing turns back.",
            "without-hairpin-nothing-works",
        ),
        Line(
            "With five pods instead of three, anna loses one call in five.",
            _fails("1/5", 1),
            "she draws herself once in five times.",
        ),
        Line(
            "Under Local a pod that calls itself keeps its address, so it needs no flag.",
            _in_local_she_keeps_it,
            "KUBE-SEP marks it under Local as well, and the frame turns back at the same port.",
            "a-pod-calling-itself-keeps-its-address",
        ),
        Line(
            "anna reaches herself when she dials her own address, 10.244.1.10:8080.",
            _fails("0", 2),
            "that packet never leaves the pod: its kernel hands it over by lo.",
            "without-hairpin-nothing-works",
        ),
        Line(
            "With cables instead of a bridge, the flag would make no difference.",
            _fails("0", 3),
            "a router may send a packet back where it came from; only a bridge does not.",
        ),
    ),
    (
        "Two lines are wrong.",
        "Which calls turn back at the port that they came in by?",
        "One of them is about the outside, the other about Local.",
    ),
)
