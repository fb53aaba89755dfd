"""What may be broken in a World on purpose: the names of `faults`, and what each takes.

| name | arguments | what is broken |
|---|---|---|
| hairpin-off | node | the bridge sends no frame back out of the port that it came in by |
| route-missing | on, to | a Node (or the router) has lost the route to the range `to` |
| conntrack-full | node | nf_conntrack's table is full: a new connection is dropped, known ones live on |
| listens-on-loopback | pod, port | the Pod's process is bound to 127.0.0.1 (on every port, without `port`) |
| host-firewall | on, ports, protocol | a Node, or the router for a cloud, drops what comes from outside for these ports |
| forward-policy-drop | node | the policy of filter's FORWARD is DROP, as Docker sets it |
| rules-flushed | node | `iptables -t nat -F`, `nft flush table`: the tables that translate have chains and no rules |
| rule-missing | node, text | the rules whose line contains the text are gone |
| kube-proxy-stopped | node | kube-proxy runs no more: the rules stay as the cluster was |
| balancer-believes | nodes, service | the load balancer holds these Nodes for healthy, whatever they are |

Without `node`, `on` or `service` a fault is everywhere. Each is a mechanism, not an outcome: kube-proxy-stopped
of what a node was told (`Cluster.stopped`), the others of the network (`svcnotes.network.faults`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from ipaddress import ip_network
from typing import TYPE_CHECKING

from svcnotes.errors import InputError

if TYPE_CHECKING:
    from svcnotes.control_plane.cluster import Cluster

HAIRPIN_OFF = "hairpin-off"
ROUTE_MISSING = "route-missing"
CONNTRACK_FULL = "conntrack-full"
LISTENS_ON_LOOPBACK = "listens-on-loopback"
HOST_FIREWALL = "host-firewall"
FORWARD_POLICY_DROP = "forward-policy-drop"
RULES_FLUSHED = "rules-flushed"
RULE_MISSING = "rule-missing"
KUBE_PROXY_STOPPED = "kube-proxy-stopped"
BALANCER_BELIEVES = "balancer-believes"

ROUTER = "router"
_PORTS = re.compile(r"([0-9]{1,5})(?:-([0-9]{1,5}))?")


def full_name(value: object) -> str:
    """`namespace/name` of a Pod or a Service; `default` is the namespace where it is left out."""
    return str(value) if "/" in str(value) else f"default/{value}"


def _node(cluster: Cluster, value: object) -> str:
    if value in cluster.nodes:
        return ""
    return f"the cluster has no Node {value!r}; it has: {', '.join(cluster.nodes)}"


def _node_or_router(cluster: Cluster, value: object) -> str:
    return "" if value == ROUTER else _node(cluster, value)


def _nodes(cluster: Cluster, value: object) -> str:
    if not isinstance(value, list | tuple):
        return f"{value!r} is no list; write the Nodes as [node-1, node-2]"
    return next((wrong for one in value if (wrong := _node(cluster, one))), "")


def _pod(cluster: Cluster, value: object) -> str:
    if full_name(value) in cluster.pods:
        return ""
    return f"the cluster has no Pod {value!r}; it has: {', '.join(list(cluster.pods)[:8])}"


def _service(cluster: Cluster, value: object) -> str:
    if full_name(value) in cluster.services:
        return ""
    return f"the cluster has no Service {value!r}; it has: {', '.join(list(cluster.services)[:8])}"


def _range(cluster: Cluster, value: object) -> str:
    del cluster
    try:
        ip_network(str(value), strict=False)
    except ValueError:
        return f"{value!r} is no range; write it as 10.244.2.0/24"
    return ""


def _port(cluster: Cluster, value: object) -> str:
    del cluster
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535:
        return ""
    return f"{value!r} is no port; write a number from 1 to 65535"


def _ports(cluster: Cluster, value: object) -> str:
    del cluster
    found = _PORTS.fullmatch(str(value))
    if found:
        low, high = int(found[1]), int(found[2] or found[1])
        if 1 <= low <= high <= 65535:
            return ""
    return f"{value!r} is no port and no range; write 30080 or 30000-32767"


def _protocol(cluster: Cluster, value: object) -> str:
    del cluster
    return "" if value in ("tcp", "udp", "sctp") else f"{value!r} is not one of tcp, udp, sctp"


def _text(cluster: Cluster, value: object) -> str:
    del cluster
    return "" if isinstance(value, str) and value.strip() else f"{value!r}: write a part of a rule, in quotes"


# What each fault takes, and how that is checked; an argument that it cannot do without ends in `!`.
_FAULTS: Mapping[str, Mapping[str, Callable[[Cluster, object], str]]] = {
    HAIRPIN_OFF: {"node": _node},
    ROUTE_MISSING: {"on": _node_or_router, "to!": _range},
    CONNTRACK_FULL: {"node": _node},
    LISTENS_ON_LOOPBACK: {"pod!": _pod, "port": _port},
    HOST_FIREWALL: {"on": _node_or_router, "ports!": _ports, "protocol": _protocol},
    FORWARD_POLICY_DROP: {"node": _node},
    RULES_FLUSHED: {"node": _node},
    RULE_MISSING: {"node": _node, "text!": _text},
    KUBE_PROXY_STOPPED: {"node": _node},
    BALANCER_BELIEVES: {"nodes!": _nodes, "service": _service},
}


def check(cluster: Cluster) -> None:
    """Raise InputError for a fault of the World that is not known, or that names what is not there.

    Asked when the World is given: a Pod that is deleted later is none that an author got wrong.
    """
    for fault in cluster.given_world.faults:
        name = str(fault.get("name"))
        if name not in _FAULTS:
            raise InputError(f"World: faults: {name!r} is not known; known are: {', '.join(_FAULTS)}")
        takes = {key.removesuffix("!"): test for key, test in _FAULTS[name].items()}
        unknown = set(fault) - takes.keys() - {"name"}
        if unknown:
            raise InputError(
                f"World: faults: {name} does not take {min(unknown)!r}; it takes: {', '.join(sorted(takes))}"
            )
        for key in _FAULTS[name]:
            if key.endswith("!") and fault.get(key[:-1]) is None:
                raise InputError(f"World: faults: {name} needs {key[:-1]!r}: add it")
        for key, test in takes.items():
            wrong = "" if fault.get(key) is None else test(cluster, fault[key])
            if wrong:
                raise InputError(f"World: faults: {name}: {key}: {wrong}")
