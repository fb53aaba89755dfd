"""What a proxy mode is to the rest: it writes a node's rules, counts them, and tells what a change rewrites."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from svcnotes.control_plane.cluster import Cluster
from svcnotes.virtual_servers import UNTUNED, Tuning, VirtualServer


@dataclass(frozen=True, slots=True)
class Counts:
    """How many rules, chains, and elements of maps and of sets there are, or are written or deleted.

    iptables mode has no elements; in IPVS mode those of a map are virtual and real servers. A chain that hangs on a hook of the kernel counts where kube-proxy made it.
    """

    rules: int = 0
    chains: int = 0
    map_elements: int = 0
    set_elements: int = 0


@dataclass(frozen=True, slots=True)
class Sync:
    """What kube-proxy hands to its tool when the cluster has changed.

    `services`: those that changed, by `namespace/name`, in order. `full`: everything is written again, not only what
    they need. `text`: the tool's input; empty where nothing is to be done. `later`: what a sync at least a second
    afterwards adds to its own input. `written` and `deleted` count what `text` holds (a chain that `later` deletes
    counts as deleted).
    """

    services: tuple[str, ...]
    full: bool
    text: str
    later: str
    written: Counts
    deleted: Counts


def _no_sets(_cluster: Cluster, _node: str, _family: int) -> str:
    return ""


def _no_servers(_cluster: Cluster, _node: str, _family: int) -> tuple[VirtualServer, ...]:
    return ()


def _no_sysctls(_cluster: Cluster) -> Mapping[str, str]:
    return {}


def _no_addresses(_cluster: Cluster, _node: str, _family: int) -> tuple[str, ...]:
    return ()


def _untuned(_cluster: Cluster) -> Tuning:
    return UNTUNED


@dataclass(frozen=True, slots=True)
class Mode:
    """A proxy mode by the name that KubeProxyConfiguration has for it.

    `rules` writes the rules of a node (cluster, node, family) as the mode's tool prints them, `counts` counts them,
    `partial_sync` tells what a change from one cluster to another rewrites (before, after, node, family). An empty
    nodePortAddresses means `node_port_default` (nothing: every address); `localhost`: whether nodePorts
    can be open at 127.0.0.1. A mode may have more than rules: IP sets as `ipset save` prints them,
    virtual servers and how they are set (`tuning`), addresses of its own, which it puts on an interface `dummy`, and
    `sysctls` that it sets for them. `formats`: what it writes, by the tools that print it. `spelt` is how a sentence
    has the name where it is not as in the configuration.
    """

    name: str
    rules: Callable[[Cluster, str, int], str]
    counts: Callable[[Cluster, str, int], Counts]
    partial_sync: Callable[[Cluster, Cluster, str, int], Sync]
    node_port_default: tuple[str, ...]
    localhost: bool
    formats: tuple[str, ...]
    ip_sets: Callable[[Cluster, str, int], str] = _no_sets
    virtual_servers: Callable[[Cluster, str, int], tuple[VirtualServer, ...]] = _no_servers
    own_addresses: Callable[[Cluster, str, int], tuple[str, ...]] = _no_addresses
    dummy: str = ""
    sysctls: Callable[[Cluster], Mapping[str, str]] = _no_sysctls
    tuning: Callable[[Cluster], Tuning] = _untuned
    spelt: str = ""

    @property
    def words(self) -> str:
        """The mode as a sentence names it: `nftables mode`."""
        return f"{self.spelt or self.name} mode"
