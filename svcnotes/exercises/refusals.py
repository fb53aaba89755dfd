"""What kube-apiserver's refusals of a Service mean, one after the other as a learner meets them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from svcnotes.errors import SvcnotesError


@dataclass(frozen=True, slots=True)
class Refusal:
    """A refusal recognised by its text: the idea behind it, what it means, what to try."""

    pattern: str
    misconception: str
    meaning: str
    hint: str


REFUSALS = (
    Refusal(
        r"too many for an answer|: leave it out$",
        "",
        "So much no answer may ask for, or change; kube-apiserver itself was not asked.",
        "Write what the question asks for, and leave out the rest.",
    ),
    Refusal(
        r"nodePort: Invalid value: \d+: provided port is not in the valid range",
        "any-port-can-be-a-nodeport",
        "nodePorts come from a range of their own, 30000 to 32767 unless kube-apiserver is told otherwise "
        "(--service-node-port-range). A nodePort is taken on every node, and ports such as 22, 80 or 8080 "
        "may belong to other programs there. Numbers are handed out before anything else is looked at, and the first bad "
        "one ends it: this may not be the only mistake.",
        "Pick a number of the range, 30080 say, or leave the field out and let the server pick one.",
    ),
    Refusal(
        r"nodePort: Forbidden: may not be used when `type` is 'ClusterIP'",
        "a-clusterip-opens-on-nodes",
        "Only a Service of type NodePort (or LoadBalancer) opens a port on the nodes.",
        "type: NodePort",
    ),
    Refusal(
        r"\.port: Invalid value: 0: must be between 1 and 65535",
        "ports-are-the-same-thing",
        "`port` is missing, and a missing number reads as 0. Three numbers meet in one entry: nodePort on every node, port on the Service's "
        "own address inside the cluster, targetPort on the pod. nodePort may be left out (the server picks one), "
        "targetPort too (then it equals port), but never port. Two entries without a port look like the same port "
        "twice, hence the `Duplicate value`.",
        "Add a port to each entry. For https, which has no targetPort, port is where the pod is reached, too: 443.",
    ),
    Refusal(
        r"\.targetPort: Invalid value: \"\d+\"",
        "a-quoted-number-is-a-number",
        "In quotes it is a name, and a name of a port needs a letter. Without quotes it is a number.",
        "Take the quotes away, or write the name of the container's port: http.",
    ),
    Refusal(
        r"containers(\[\d+\]\.(name|image))?: Required value|spec\.selector: Required value",
        "",
        "A pod has containers, each with a name and an image. What makes pods says by its selector which are its own, and its template bears these labels.",
        "spec.selector.matchLabels, the same labels under spec.template.metadata, and under spec.template.spec the containers.",
    ),
    Refusal(
        r"\.name: Required value",
        "one-port-needs-no-name-nor-do-two",
        "One port may go without a name. With two, other objects (and the rules' comments) must be able to tell them apart.",
        "name: http for one, name: https for the other.",
    ),
    Refusal(
        r"ports\[\d+\]: Duplicate value",
        "ports-are-the-same-thing",
        "Two entries have the same port and protocol. On the Service's own address one number can lead to one place only.",
        "Give each entry a `port` of its own: 80 and 443, say.",
    ),
    Refusal(
        r"nodePort: (Invalid value: \d+: provided port is already allocated|Duplicate value)",
        "ports-are-the-same-thing",
        "Each nodePort leads to one port of one Service, cluster-wide: nothing but protocol and number tells the node where to send a packet.",
        "Give the two ports two nodePorts, 30080 and 30443 say.",
    ),
    Refusal(
        r"(\.port|\.targetPort): Invalid value: -?\d+: must be between 1 and 65535",
        "",
        "Port numbers are 16 bits wide.",
        "Any number from 1 to 65535.",
    ),
    Refusal(
        r"spec\.externalName: (Invalid value|Required value)",
        "",
        "An externalName is a DNS name in small letters and nothing more: no http://, no port, no path.",
        "db.example.com, say.",
    ),
    Refusal(
        r"may not be set for ExternalName services",
        "externalname-is-a-proxy",
        "An ExternalName Service has no address of its own: it lives in DNS alone.",
        "Take the field away.",
    ),
    Refusal(
        r"externalIPs\[\d+\]: Invalid value",
        "",
        "An externalIP is one IP address that a packet may be sent to: no range, no name, no loopback.",
        "80.11.12.10, say.",
    ),
    Refusal(
        r"may only be set for externally-accessible services",
        "",
        "externalTrafficPolicy speaks of traffic from outside, and this Service takes none.",
        "type: NodePort or LoadBalancer, or externalIPs.",
    ),
    Refusal(
        r"LoadBalancerSourceRanges(\[\d+\])?: (Forbidden|Invalid value)",
        "",
        "loadBalancerSourceRanges is a list of ranges such as 192.0.2.0/24, for a Service of type LoadBalancer only.",
        "One client alone is 192.0.2.10/32.",
    ),
    Refusal(
        r"healthCheckNodePort: (Invalid value|Forbidden)|failed to allocate requested HealthCheck",
        "",
        "The health check's port belongs to type LoadBalancer with policy Local, comes from the nodePorts' range and stays as it is.",
        "Leave the field out: the server picks a number.",
    ),
    Refusal(
        r"Unsupported value",
        "",
        "The field takes one of a few words, and capital letters count.",
        "The message lists the words that it takes.",
    ),
    Refusal(
        r"strict decoding error|unknown field",
        "",
        "A field has a name that Services do not have; a typing slip, most likely.",
        "Compare the name with the manifest that you began with.",
    ),
    Refusal(
        r"spec\.ports: Required value",
        "",
        "A Service without ports would lead nowhere.",
        "Under `ports:` belongs a list, one entry for each port.",
    ),
    Refusal(
        r"YAML|yaml|error parsing|error converting",
        "",
        "The text does not even read as YAML: most often a tab, a missing blank after a colon, or columns that do not line up.",
        "Begin again from the manifest given, and change one field at a time.",
    ),
)


def explain(error: SvcnotesError, first: tuple[Refusal, ...] = ()) -> Refusal:
    """The first refusal that fits the message, those of `first` before all others; an empty one where none does."""
    said = str(error)
    empty = Refusal("", "", "The API server says what it does not like; take it at its word.", "")
    return next((refusal for refusal in (*first, *REFUSALS) if re.search(refusal.pattern, said)), empty)
