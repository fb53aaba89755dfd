"""The clusters that the lesson on SNAT asks about: the rule in its place, taken out, replaced; and clients in turn."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from svcnotes import scenarios
from svcnotes.control_plane.cluster import Cluster
from svcnotes.network.node_rules import rules_text
from svcnotes.scenarios.changes import without_rule
from svcnotes.trace import Path, trace

CLIENT = "192.0.2.10"
BY_NODE_2 = "172.18.0.12:30080"
POD = "default/my-nginx-1"
TOOL = "pod/default/tool-2"
ASKS = ":http external destinations"
"""What only the rule that asks for SNAT has in it, of all rules of the port http."""
NO_NAT = '-A POSTROUTING -d 10.244.0.0/16 -m comment --comment "no NAT towards pods" -j ACCEPT\n'


def whole() -> Cluster:
    """Policy Cluster, and every rule in its place."""
    return scenarios.load("snat")


def without() -> Cluster:
    """No node has the rule that asks for SNAT."""
    return without_rule(whole(), ASKS)


def lost_on_node_2() -> Cluster:
    """node-2 alone has lost the rule that asks for SNAT."""
    return without_rule(whole(), ASKS, ["node-2"])


def local() -> Cluster:
    """Policy Local."""
    return whole().patch("service", "my-nginx", "spec: {externalTrafficPolicy: Local}")


def tunnel() -> Cluster:
    """The network plugin carries packets between nodes in a VXLAN tunnel."""
    return whole().with_world(cni="vxlan")


def routed() -> Cluster:
    """The network plugin gives the nodes' ends of the pods' cables no addresses."""
    return whole().with_world(cni="routed")


def hardened() -> Cluster:
    """Somebody has put a rule of his own in front of kube-proxy's, on every node."""
    cluster = whole()
    for node in cluster.nodes:
        text = rules_text(cluster, node)
        cluster = cluster.with_rules(node, text.replace("-A POSTROUTING ", f"{NO_NAT}-A POSTROUTING ", 1))
    return cluster


@lru_cache(maxsize=1)
def narrow() -> Cluster:
    """MASQUERADE on node-2 has two ports to give."""
    cluster = whole()
    text = rules_text(cluster, "node-2")
    text = text.replace("-A KUBE-POSTROUTING -m comment", "-A KUBE-POSTROUTING -p tcp -m comment")
    return cluster.with_rules("node-2", text.replace("--random-fully", "--to-ports 61000-61001"))


def in_turn(cluster: Cluster, clients: Sequence[str], to: str = BY_NODE_2) -> list[Path]:
    """Let clients dial one after the other; the hosts remember the connections of those before.

    Gives each client's path, the first where there are several. Raises what `svcnotes.trace` raises.
    """
    paths: list[Path] = []
    for client in clients:
        memories = paths[-1].memories if paths else None
        paths.append(trace(cluster, client, to, memories=memories).paths[0])
    return paths
