"""Where a command runs: a node, a Pod, an outside host, the router, the laptop with kubectl."""

from __future__ import annotations

from dataclasses import dataclass

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError
from svcnotes.network.asker import Asker, asker
from svcnotes.network.outside import CLIENT, ROUTER, outside_addresses

LAPTOP = "laptop"
ROUTER_KIND = "router"
NODE, POD, OUTSIDE = "node", "pod", "outside"


@dataclass(frozen=True, slots=True)
class Place:
    """A place to type at: `kind` is node, pod, outside, router or laptop.

    `host` is the network's name for it (`node-1`, `default/web-1`, `client`), `source` the word by
    which `trace` knows it (empty for the router, which asks nothing), `pod` a Pod's `namespace/name`.
    The laptop is beside the client, and has the client's address.
    """

    name: str
    kind: str
    host: str
    source: str
    pod: str = ""


def place(cluster: Cluster, name: str) -> Place:
    """Find a place by its name: `node-1`, `pod/default/web-1`, `client`, an outside address, `router`, `laptop`.

    Raises QuestionError that names those there are.
    """
    if name == LAPTOP:
        return Place(name, LAPTOP, CLIENT, CLIENT)
    if name == ROUTER:
        return Place(name, ROUTER_KIND, ROUTER, "")
    if name.removeprefix("node/") in cluster.nodes:
        node = name.removeprefix("node/")
        return Place(node, NODE, node, f"node/{node}")
    if name in cluster.pods:
        name = f"pod/{name}"
    try:
        who = asker(cluster, name)
    except QuestionError as error:
        raise QuestionError(f"{error}. Places: {', '.join(places(cluster))}") from None
    if who.pod is not None:
        return Place(f"pod/{who.pod.key}", POD, who.host, name, who.pod.key)
    return Place(name, OUTSIDE, _outside(cluster, name, who), name)


def _outside(cluster: Cluster, name: str, who: Asker) -> str:
    if name == CLIENT:
        return CLIENT
    names = {address: host for host, address in outside_addresses(cluster).items()}
    return names.get(who.addresses[0], who.addresses[0])


def places(cluster: Cluster, most: int = 12) -> list[str]:
    """The places there are, the Pods at the end, at most so many; any outside address is one more."""
    found = [LAPTOP, CLIENT, *cluster.nodes, ROUTER]
    found += [name for name in outside_addresses(cluster) if name not in found]
    found += [f"pod/{key}" for key, pod in cluster.pods.items() if pod.addresses]
    return found if len(found) <= most else [*found[:most], f"and {len(found) - most} more"]
