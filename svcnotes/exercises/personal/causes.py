"""What may be broken at a node, for the exercises that ask what explains what was seen."""

from __future__ import annotations

import json
from typing import Any

from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises.personal.explain import Cause
from svcnotes.network.node_rules import rules_text


def with_fault(cluster: Cluster, name: str, **arguments: Any) -> Cluster:
    """The cluster with one fault more in its World."""
    faults = [*map(dict, cluster.given_world.faults), {"name": name, **arguments}]
    return cluster.with_world(faults=faults)


def firewall(port: int) -> Cause:
    """The node's own firewall."""
    return Cause(
        f"the node's own firewall drops what comes from outside for port {port}",
        lambda cluster, node: with_fault(cluster, "host-firewall", on=node, ports=str(port)),
        ("firewall",),
        "",
        "A firewall at that node's door says nothing to those who knock, and does not concern its pods.",
    )


def flushed() -> Cause:
    """kube-proxy's rules are gone."""
    return Cause(
        "somebody has emptied the node's nat table",
        lambda cluster, node: with_fault(cluster, "rules-flushed", node=node),
        ("nat table", "emptied", "flush"),
        "silence-and-refusal-are-one",
        "Without rules no nodePort leads anywhere: the node itself refuses, at once. Its pods' packets to a clusterIP leave it unchanged.",
    )


def forward_drop() -> Cause:
    """The policy of FORWARD."""
    return Cause(
        "the policy of the node's chain FORWARD is DROP",
        lambda cluster, node: with_fault(cluster, "forward-policy-drop", node=node),
        ("forward", "policy"),
        "",
        "KUBE-FORWARD accepts what is marked, and answers; what a pod sends to a clusterIP bears no mark.",
    )


def unmarked(service: str, port: str = "http") -> Cause:
    """The rule that asks for SNAT is lost."""
    return Cause(
        f"the node has lost the rule of {service.rpartition('/')[2]} that asks for SNAT of what comes from outside",
        lambda cluster, node: with_fault(
            cluster, "rule-missing", node=node, text=f"{service}:{port} external destinations"
        ),
        ("snat", "mark", "masq"),
        "without-snat-every-answer-is-lost",
        "Without SNAT only the answers of other nodes' pods go astray; what the node's own pod answers comes back through it.",
    )


def conntrack_full() -> Cause:
    """No room for a new connection."""
    return Cause(
        "the node's table of connections is full",
        lambda cluster, node: with_fault(cluster, "conntrack-full", node=node),
        ("table of connections", "conntrack", "full"),
        "",
        "Then every new connection that passes the node is dropped, its own pods' as well.",
    )


def no_hairpin() -> Cause:
    """The bridge sends no frame back."""
    return Cause(
        "the node's bridge sends no frame back out of the port that it came in by",
        lambda cluster, node: with_fault(cluster, "hairpin-off", node=node),
        ("bridge", "hairpin"),
        "without-hairpin-nothing-works",
        "That hits a pod only when the dice lead it to itself.",
    )


def misspelt(key: str) -> Cause:
    """A Service whose selector matches no pod; `key` is the label's."""
    return _patched(
        "its selector matches no pod",
        {"selector": {key: "nobody"}},
        ("selector", "label"),
        "selector-mismatch",
        "Then there are no endpoints, and the node's rules REJECT: with ICMP, by every way.",
    )


def closed_port(port: int, target: int) -> Cause:
    """A Service whose targetPort nobody listens on."""
    return _patched(
        f"its targetPort is {target}, where no pod listens",
        {"ports": [{"port": port, "targetPort": target}]},
        ("targetport",),
        "wrong-targetport",
        "Then the packet comes to a pod, and the pod's kernel answers with a RST.",
    )


def inside_only() -> Cause:
    """A Service that somebody made a ClusterIP."""
    return _patched(
        "its type is ClusterIP",
        {"type": "ClusterIP"},
        ("clusterip", "type"),
        "a-clusterip-opens-on-nodes",
        "Then no node has a rule for its nodePort, and the node itself answers with a RST; inside all is well.",
    )


def local_policy(idea: str = "local-forwards") -> Cause:
    """A Service of policy Local; `idea` is that of whoever suspects it in vain."""
    return _patched(
        "its externalTrafficPolicy is Local",
        {"externalTrafficPolicy": "Local"},
        ("local",),
        idea,
        "Then a node without a pod drops what comes from outside, and the others serve.",
    )


def inside_local() -> Cause:
    """A Service of internal policy Local."""
    return _patched(
        "its internalTrafficPolicy is Local",
        {"internalTrafficPolicy": "Local"},
        ("internal",),
        "",
        "Then a pod on a node without a pod of the Service is not served by the clusterIP; who comes from outside is.",
    )


def _patched(text: str, spec: dict[str, Any], words: tuple[str, ...], idea: str, because: str) -> Cause:
    """A cause whose place is a Service (its name), part of whose spec is changed."""
    patch = json.dumps({"spec": spec})
    return Cause(text, lambda cluster, name: cluster.patch("service", name, patch), words, idea, because)


def accepts_first(pods: str) -> Cause:
    """A rule that ends POSTROUTING before kube-proxy's rules are asked; `pods` is the range of all pods."""
    rule = f'-A POSTROUTING -d {pods} -m comment --comment "no NAT towards pods" -j ACCEPT\n'
    return Cause(
        f"a rule in front of kube-proxy's in POSTROUTING accepts all that goes to {pods}",
        lambda cluster, node: _rewritten(cluster, node, "-A POSTROUTING ", f"{rule}-A POSTROUTING "),
        ("accept", "front"),
        "",
        "Then MASQUERADE is never reached, whoever asks: what is marked keeps its source.",
    )


def masquerades_all(pods: str) -> Cause:
    """A rule that masquerades everything that goes to a pod."""
    rule = f"-A POSTROUTING -d {pods} -j MASQUERADE\n"
    return Cause(
        f"a rule in POSTROUTING masquerades all that goes to {pods}",
        lambda cluster, node: _rewritten(cluster, node, "-A POSTROUTING ", f"{rule}-A POSTROUTING "),
        ("masquerades all",),
        "everything-is-snated",
        "Then a pod on that node that calls a clusterIP is logged under an address of the node.",
    )


def _rewritten(cluster: Cluster, node: str, old: str, new: str) -> Cluster:
    text = rules_text(cluster, node)
    return cluster.with_rules(node, text.replace(old, new, 1))
