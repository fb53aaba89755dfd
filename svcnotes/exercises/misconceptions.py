"""Ideas that many people bring along, by name, each in the words of someone who holds it.

`LISTED` numbers the 24 misconceptions that this course answers; `NUMBER` says which of them an idea is
a form of. The table notebooks/misconceptions.md says in which cell of which lesson each has its moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from svcnotes.errors import InputError

LISTED: Mapping[int, str] = MappingProxyType(
    {
        1: "Local always keeps the client's address.",
        2: "Local says nothing about externalIPs.",
        3: "Under Local, a pod that calls itself keeps its own address.",
        4: "SNAT takes the node's address.",
        5: "Under Local, a node without a pod forwards, or refuses.",
        6: "No endpoints: it makes no difference whether that is a refusal or a timeout.",
        7: "Local breaks the load balancer's address for those inside the cluster.",
        8: "The answer takes the way by which the packet came, from another node's nodePort too.",
        9: "A nodePort must show in netstat.",
        10: "Any port can be a nodePort.",
        11: "`localhost:nodePort` works, or fails, everywhere alike.",
        12: "While EXTERNAL-IP says pending, nothing works; it passes by itself.",
        13: "ExternalName is a proxy for HTTP and TLS.",
        14: "ExternalName takes an IP address.",
        15: "ExternalName maps ports.",
        16: "An externalIP can only catch what was sent to one's own addresses.",
        17: "A pod always reaches itself through its Service.",
        18: "Ping the clusterIP to test a Service.",
        19: "Under Local, each pod gets an equal share.",
        20: "ClientIP affinity tells all clients apart.",
        21: "A NetworkPolicy that allows the client's addresses lets the client in.",
        22: "Local brings back the address that a proxying load balancer hid.",
        23: "A rollout under Local loses nothing.",
        24: "A Service and its pods find each other somehow: by name, by containerPort.",
    }
)

# Each idea: its key, the number in LISTED (None for one outside it), the words.
_IDEAS: tuple[tuple[str, int | None, str], ...] = (
    ("local-always-keeps-the-client", 1, "Under Local the source is never changed, whoever calls."),
    (
        "local-skips-external-ips",
        2,
        "Local is for nodePorts and load balancers; an externalIP does not care.",
    ),
    (
        "a-pod-calling-itself-keeps-its-address",
        3,
        "Under Local a pod that calls itself sees its own address: nothing is masqueraded there.",
    ),
    (
        "snat-uses-the-dialled-address",
        4,
        "The source becomes the node's address, the one that the client dialled.",
    ),
    ("snat-uses-the-nodes-address", 4, "The source becomes the node's own address, that of eth0, always."),
    (
        "snat-uses-another-interface",
        4,
        "The source becomes some address of the node, it does not matter which.",
    ),
    ("local-forwards", 5, "A node without a pod forwards to another node, whatever the policy."),
    ("local-refuses", 5, "Under Local, a node without a pod refuses."),
    ("no-pods-means-timeout", 6, "Without pods, the packet is lost and the client waits."),
    ("silence-and-refusal-are-one", 6, "Refused and timed out both just mean “it does not work”."),
    (
        "local-shuts-out-the-inside",
        7,
        "Under Local, a pod on a node without a pod of the Service cannot use the load balancer's address.",
    ),
    (
        "inside-goes-round-by-the-balancer",
        7,
        "A pod that calls the load balancer's address goes out to the balancer and comes in again.",
    ),
    (
        "the-answer-comes-back-the-same-way",
        8,
        "The answer takes the way by which the packet came, whichever node was dialled.",
    ),
    ("nodeport-shows-in-netstat", 9, "Something must listen on the nodePort: netstat will show it."),
    ("any-port-can-be-a-nodeport", 10, "Any port can be a nodePort."),
    ("localhost-is-like-any-address", 11, "A nodePort answers on localhost too, whatever the proxy mode."),
    ("localhost-never-answers", 11, "A nodePort never answers on the node's localhost."),
    ("pending-means-broken", 12, "While EXTERNAL-IP says pending, nobody reaches the Service."),
    ("pending-passes-by-itself", 12, "EXTERNAL-IP pending needs nothing but patience."),
    ("externalname-is-a-proxy", 13, "An ExternalName Service passes the traffic on to the other host."),
    ("the-host-header-follows", 13, "With an ExternalName, the Host header becomes the other host's name."),
    (
        "the-certificate-fits-the-alias",
        13,
        "TLS checks the name that DNS ends at, not the one that I dialled.",
    ),
    ("externalname-takes-an-address", 14, "An IP address is as good an externalName as a name."),
    (
        "externalname-maps-ports",
        15,
        "An ExternalName Service leads its port to its targetPort, as others do.",
    ),
    (
        "an-external-ip-must-be-ones-own",
        16,
        "Only an address that belongs to the cluster works as an externalIP.",
    ),
    (
        "external-ips-catch-outsiders-only",
        16,
        "An externalIP concerns traffic from outside; inside all is as it was.",
    ),
    (
        "a-pod-always-reaches-itself",
        17,
        "A pod that reaches the others through the Service reaches itself, too.",
    ),
    (
        "without-hairpin-nothing-works",
        17,
        "Without hairpin, a pod gets no answer at all from its own Service.",
    ),
    ("ping-tests-a-service", 18, "No answer to ping: the Service is down."),
    ("ping-proves-a-service", 18, "The address answers ping: the Service works."),
    ("local-spreads-evenly", 19, "Each pod gets the same share of the clients, whatever the policy."),
    ("affinity-tells-all-clients-apart", 20, "With ClientIP affinity, many clients spread over all pods."),
    (
        "affinity-sees-the-masqueraded-source",
        20,
        "Affinity goes by the address that the pod sees, so kube-proxy's own SNAT makes all clients one.",
    ),
    (
        "a-policy-sees-the-client",
        21,
        "A NetworkPolicy with the client's range lets the client in, whichever way it comes.",
    ),
    ("local-undoes-a-proxy", 22, "With Local the pod sees the client, behind any load balancer."),
    (
        "a-rollout-under-local-loses-nothing",
        23,
        "A node without a pod left gets no more packets, from that moment on.",
    ),
    ("selector-mismatch", 24, "The Service finds its pods by its own name."),
    ("wrong-targetport", 24, "targetPort is the port of the Service; the pod will listen there."),
    (
        "containerport-opens-the-port",
        24,
        "A port is open in a pod because the manifest lists it as a containerPort.",
    ),
    ("ports-are-the-same-thing", None, "nodePort, port and targetPort are names for one number."),
    ("a-quoted-number-is-a-number", None, "A targetPort in quotes is still a number."),
    ("one-port-needs-no-name-nor-do-two", None, "Names of ports are decoration."),
    ("a-clusterip-opens-on-nodes", None, "A Service opens a port on the nodes, whatever its type."),
    ("the-pod-sees-the-client", None, "The pod always sees the address of the client."),
    ("the-last-node-counts", None, "The pod sees the node that it runs on."),
    ("the-answer-has-the-last-nodes-address", None, "An answer comes from the node that sent it out."),
    (
        "the-service-calls",
        None,
        "The Service is a machine in between: the pod sees the Service's address.",
    ),
    ("source-and-destination-swapped", None, "The source that the pod sees is the pod's own address."),
    (
        "cluster-needs-a-local-pod",
        None,
        "A node answers on the nodePort only if it runs a pod of the Service.",
    ),
    ("targetport-crossed", None, "It connects, so it is the right port."),
    ("local-uses-all-pods", None, "Under Local the node still chooses among all pods."),
    ("everything-is-snated", None, "Whatever goes through a Service gets another source."),
    ("a-router-changes-the-source", None, "A router on the way puts its own address into the packet."),
    ("every-choice-is-even", None, "Each possible end is equally likely."),
    ("the-answer-needs-no-rule", None, "Rules must match the answer as well, or it is lost."),
    ("the-client-takes-any-answer", None, "An answer is an answer, whichever address it comes from."),
    ("the-mark-travels", None, "The mark goes with the packet, and the next node sees it."),
    ("without-snat-every-answer-is-lost", None, "Without SNAT no answer ever finds its way home."),
    ("any-other-source-will-do", None, "SNAT needs another source; which one does not matter."),
    ("snat-happens-as-the-packet-comes-in", None, "DNAT and SNAT are both done as the packet comes in."),
    ("a-source-port-serves-one-connection", None, "A source port can serve one connection at a time."),
    ("backends-are-pods", None, "The load balancer sends to the pods."),
    ("source-ranges-guard-the-nodeport", None, "loadBalancerSourceRanges close the nodePort, too."),
    ("externalname-has-rules", None, "Every Service has rules on the nodes, an ExternalName too."),
    ("a-name-is-known-everywhere", None, "A Service's name can be looked up from anywhere."),
    ("an-external-ip-is-announced", None, "Kubernetes sees to it that an externalIP leads to a node."),
    ("an-external-ip-uses-the-nodeport", None, "An externalIP is dialled on the nodePort."),
    ("a-missing-port-is-refused", None, "A port that a Service does not have is refused, whatever the mode."),
    (
        "a-missing-port-is-silence",
        None,
        "A port that a Service does not have gives no answer, whatever the mode.",
    ),
    (
        "a-nodeport-is-open-on-every-address",
        None,
        "A nodePort is open on every address of a node, whatever the proxy mode.",
    ),
    (
        "a-node-refuses-for-a-service-without-pods",
        None,
        "A Service without pods is refused, whoever asks, in any mode.",
    ),
    ("the-mode-is-the-services", None, "The proxy mode is something of a Service."),
    ("every-packet-walks-the-list", None, "Every packet walks the list of rules."),
    ("a-packet-tries-every-rule", None, "A packet tries all the rules that a node has."),
    (
        "nftables-is-always-faster",
        None,
        "nftables mode makes packets faster, however few Services there are.",
    ),
    ("endpoints-cost-like-services", None, "More endpoints cost a packet what more Services cost."),
    ("an-idle-service-costs-nothing", None, "A Service that nobody calls costs nothing."),
    ("each-change-writes-everything", None, "At each change kube-proxy writes all of its rules anew."),
    (
        "a-change-costs-the-same-everywhere",
        None,
        "Only the changed Service is written, so a change costs the same in a large cluster as in a small one.",
    ),
    ("costs-grow-in-proportion", None, "Twice as many Services take twice as long."),
    ("slow-means-long-lists", None, "If connections hang in a large cluster, the list of rules is too long."),
)

ALL: Mapping[str, str] = MappingProxyType({name: words for name, _, words in _IDEAS})
NUMBER: Mapping[str, int | None] = MappingProxyType({name: number for name, number, _ in _IDEAS})


def ideas_of(number: int) -> tuple[str, ...]:
    """The names of the ideas that are forms of the misconception with this number (1 to 24)."""
    return tuple(name for name, listed in NUMBER.items() if listed == number)


def check_ideas(names: Iterable[str], owner: str) -> None:
    """Raise InputError if an exercise names an idea that is not in the list; an empty name is none."""
    unknown = sorted(set(names) - ALL.keys() - {""})
    if unknown:
        raise InputError(
            f"exercise {owner}: idea: {unknown[0]!r} is not in svcnotes.exercises.misconceptions. Add it there"
        )
