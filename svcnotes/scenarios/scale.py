"""A cluster with as many Services as one likes, and what they cost one node in each proxy mode.

Nothing here is estimated: the rules are written, read back and walked, and the rules that a kernel would have
tried are counted (`Walk.visited`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from svcnotes import flow, scenarios
from svcnotes.control_plane.api_server.versioned_map import VersionedMap
from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError
from svcnotes.kube_proxy import Counts, Sync, counts, partial_sync
from svcnotes.kube_proxy.modes import MODES
from svcnotes.network.flight import THERE
from svcnotes.network.node_rules import rules_text
from svcnotes.trace import Trace, trace

NODE, NODE_ADDRESS, FIRST_ADDRESS, FIRST_NODE_PORT = "node-1", "172.18.0.11", "10.96.1.0", 20000
CLIENT, CALLER, A_POD, PORT = "192.0.2.10", "pod/default/caller", "10.244.1.11", 8080
STEPS = (10, 30, 100, 300, 1_000, 3_000, 10_000)
"""How many Services the lesson's slider offers."""
FIRST, LAST, NODE_PORT, NONE, LATER = "first", "last", "nodeport", "none", "later"
PACKETS: Mapping[str, str] = {
    FIRST: "a first packet for the first Service of the list",
    LAST: "a first packet for the last Service of the list",
    NODE_PORT: "a first packet for the last Service's nodePort",
    NONE: "a first packet for no Service at all",
    LATER: "a later packet of a connection to the last Service",
}
"""The packets that are sent over a node, in words."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a number of Services costs a node in one proxy mode.

    `held`: what kube-proxy keeps there; `characters`: how long that is as text. `visited`: for each of `PACKETS`
    how many rules it tries on its way through the node, on average over the endpoints it may get.
    `written`, `deleted`: what kube-proxy hands to its tool when one Service loses
    one endpoint, `change_characters` how long that is (`one_change` has its text).
    """

    mode: str
    services: int
    endpoints: int
    held: Counts
    characters: int
    visited: Mapping[str, float]
    written: Counts
    deleted: Counts
    change_characters: int

    @property
    def rewritten(self) -> int:
        """How many rules and elements of maps and sets one change writes or deletes."""
        return sum(one.rules + one.map_elements + one.set_elements for one in (self.written, self.deleted))


def service_name(number: int) -> str:
    """The name of a Service by its number, from 0: the order of names is the order in the list."""
    return f"web-{number:06}"


def address(number: int) -> str:
    """The clusterIP of a Service by its number, from 0."""
    return str(ip_address(int(ip_address(FIRST_ADDRESS)) + number))


def node_port(number: int) -> int:
    """The nodePort of a Service by its number, from 0."""
    return FIRST_NODE_PORT + number


@lru_cache(maxsize=2)
def many(services: int, endpoints: int = 5) -> Cluster:
    """Three nodes and that many NodePort Services, all with the same pods behind them.

    Up to five endpoints are pods of the scenario `scale`; more are addresses in the podCIDRs where no pod is, which
    counts the same. Raises QuestionError for numbers that make no cluster.
    """
    if not 1 <= services <= 40_000 or not 0 <= endpoints <= 500:
        raise QuestionError(
            f"services={services}, endpoints={endpoints}: give 1 to 40000 Services with 0 to 500 endpoints"
        )
    cluster = scenarios.load("scale")
    objects = dict(cluster.state.objects)
    behind = list(_endpoints(cluster, endpoints))
    for number in range(services):
        name = service_name(number)
        objects["Service", "default", name] = _service(number)
        objects["EndpointSlice", "default", f"{name}-x"] = _slice(name, behind)
    owners = {n: ("Service", "default", service_name(n)) for n in range(services)}
    return replace(
        cluster,
        state=replace(
            cluster.state,
            objects=VersionedMap(objects),
            node_ports=VersionedMap({node_port(n): key for n, key in owners.items()}),
            cluster_ips=VersionedMap({address(n): key for n, key in owners.items()}),
        ),
        _read={},
    )


def at_noon(services: int = 1_000) -> Cluster:
    """The cluster of which its owners say that it hangs at noon: so many Services, and one thing wrong on node-1."""
    return many(services).with_world(faults=[{"name": "conntrack-full", "node": NODE}])


def one_endpoint_less(cluster: Cluster, number: int = 0) -> Cluster:
    """The cluster when the Service of that number has lost its last endpoint (where it has any)."""
    key = ("EndpointSlice", "default", f"{service_name(number)}-x")
    piece = dict(cluster.state.objects[key])
    changed = {**piece, "endpoints": piece["endpoints"][:-1]}
    objects = VersionedMap({**dict(cluster.state.objects), key: changed})
    return replace(cluster, state=replace(cluster.state, objects=objects))


def one_change(services: int, mode: str, endpoints: int = 5) -> Sync:
    """What the kube-proxy of node-1 hands to its tool when the Service in the middle loses one endpoint."""
    cluster = many(services, endpoints)
    return partial_sync(cluster, one_endpoint_less(cluster, services // 2), NODE, mode)


_KEPT: dict[tuple[int, str, int], Cost] = {}


def cost(services: int, mode: str, endpoints: int = 5) -> Cost:
    """Write, read and walk the rules of node-1 and count; kept, so that the second question is answered at once.

    `mode` is a proxy mode by name. Raises QuestionError as `many` and `kube_proxy.rules` do.
    """
    key = (services, mode, endpoints)
    if key not in _KEPT:
        _KEPT[key] = _cost(*key)
    return _KEPT[key]


def keep(found: Cost) -> None:
    """Keep a cost that was counted elsewhere."""
    _KEPT[found.services, found.mode, found.endpoints] = found


def forget() -> None:
    """Let go of all that was counted."""
    _KEPT.clear()
    many.cache_clear()


def counted(services: int, endpoints: int = 5) -> bool:
    """Whether that number of Services was counted already, in every mode."""
    return all((services, mode, endpoints) in _KEPT for mode in MODES)


def costs(services: int, endpoints: int = 5) -> Mapping[str, Cost]:
    """The cost in each proxy mode that there is, by the mode's name."""
    return {mode: cost(services, mode, endpoints) for mode in MODES}


def each_more(mode: str, services: tuple[int, int] = (100, 1_000)) -> Mapping[str, float]:
    """What one Service more costs a node: the slope between two numbers of Services, which is the same everywhere.

    `rules`, `elements` (of maps and sets), `characters` of rules text, and what one change then has more of:
    `rewritten`, `change_characters`.
    """
    few, more = (cost(number, mode) for number in services)
    over = services[1] - services[0]

    def slope(of: Callable[[Cost], float]) -> float:
        return (of(more) - of(few)) / over

    return {
        "rules": slope(lambda one: one.held.rules),
        "elements": slope(lambda one: one.held.map_elements + one.held.set_elements),
        "characters": slope(lambda one: one.characters),
        "rewritten": slope(lambda one: one.rewritten),
        "change_characters": slope(lambda one: one.change_characters),
    }


def stored(kind: str, endpoints: int = 5) -> int:
    """How long a Service or an EndpointSlice is as compact JSON, without what a real API server adds of its own."""
    found = next(one for key, one in many(10, endpoints).state.objects.items() if key[0] == kind)
    return len(json.dumps(found, separators=(",", ":")))


def _cost(services: int, mode: str, endpoints: int) -> Cost:
    cluster = many(services, endpoints)
    text = rules_text(cluster, NODE, mode, 4)  # written once, for here and for the packets below
    change = one_change(services, mode, endpoints)
    return Cost(
        mode,
        services,
        endpoints,
        held=counts(cluster, NODE, mode),
        characters=len(text),
        visited=_all_visited(cluster, mode, services),
        written=change.written,
        deleted=change.deleted,
        change_characters=len(change.text),
    )


# ---- packets -----------------------------------------------------------------------------------------------------


def _all_visited(cluster: Cluster, mode: str, services: int) -> dict[str, float]:
    last = services - 1
    asked = {
        FIRST: (CALLER, f"{address(0)}:80"),
        LAST: (CALLER, f"{address(last)}:80"),
        NODE_PORT: (CLIENT, f"{NODE_ADDRESS}:{node_port(last)}"),
        NONE: (CLIENT, f"{A_POD}:{PORT}"),
    }
    found = {name: visited(trace(cluster, *who, proxy_mode=mode)) for name, who in asked.items()}
    return found | {LATER: visited(flow.open(cluster, *asked[LAST], proxy_mode=mode).next())}


def visited(told: Trace, node: str = NODE) -> float:
    """How many rules a packet tries at a node on its way there, on average over the ways that it may take."""
    return float(
        sum(
            path.probability * hop.visited
            for path in told.paths
            for hop in path.hops
            if hop.host == node and hop.direction == THERE
        )
    )


# ---- objects -----------------------------------------------------------------------------------------------------


def _service(number: int) -> dict[str, Any]:
    ip = address(number)
    port = {"name": "", "protocol": "TCP", "port": 80, "targetPort": PORT, "nodePort": node_port(number)}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": service_name(number), "namespace": "default"},
        "spec": {
            "type": "NodePort",
            "clusterIP": ip,
            "clusterIPs": [ip],
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
            "externalTrafficPolicy": "Cluster",
            "sessionAffinity": "None",
            "ports": [port],
        },
        "status": {"loadBalancer": {}},
    }


def _endpoints(cluster: Cluster, wanted: int) -> Iterator[dict[str, Any]]:
    pods = [pod for pod in cluster.pods.values() if pod.labels.get("app") == "web"]
    for number in range(wanted):
        pod = pods[number] if number < len(pods) else None
        node = pod.node if pod else f"node-{number % 3 + 1}"
        ip = pod.addresses[0] if pod else f"10.244.{number % 3 + 1}.{30 + number // 3}"
        endpoint: dict[str, Any] = {
            "addresses": [ip],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": node,
        }
        if pod:
            endpoint["targetRef"] = {"kind": "Pod", "namespace": "default", "name": pod.name}
        yield endpoint


def _slice(name: str, endpoints: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-x",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"name": "", "port": PORT, "protocol": "TCP"}],
    }
