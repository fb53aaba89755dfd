"""The whole network as one value: its hosts, and who is at the other end of each wire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import Pod
from svcnotes.kube_proxy.modes import mode_named
from svcnotes.network import cloud
from svcnotes.network.host import Host
from svcnotes.network.node_host import BRIDGE, NODES, TUNNEL, bridge_segment, node_host, pod_host
from svcnotes.network.outside import (
    CLIENT,
    CLIENT_ADDRESSES,
    OUTSIDE,
    ROUTER,
    Via,
    announced,
    outside_addresses,
    outside_host,
    outside_names,
    router_host,
)
from svcnotes.network.plan import Plan, plan


@dataclass(frozen=True, eq=False)
class Topology:
    """A cluster's network as one question sees it.

    `proxy_mode` is the one whose rules the nodes have. `asker` is the outside address that the
    question comes from, empty for none; `outside` names the hosts behind the router by address,
    the asker aside. `announced` are addresses inside the nodes' network that a node answers for. `time` is what every host's clock says, in seconds.
    """

    cluster: Cluster
    proxy_mode: str | None
    plan: Plan
    router: Host
    asker: str
    outside: Mapping[str, str]
    announced: Mapping[str, str]
    time: float = 0.0
    # Every packet asks for its host again and again.
    _hosts: dict[str, Host] = field(default_factory=dict, repr=False)

    def host(self, name: str) -> Host:
        """A host by its name: a node, `namespace/name` of a Pod, `router`, or an outside host's name."""
        found = self._hosts.get(name)
        if found is None:
            found = self._hosts[name] = self._host(name)
        return found

    def _host(self, name: str) -> Host:
        if name in self.cluster.nodes:
            return node_host(self.cluster, name, self.proxy_mode)
        if name == ROUTER:
            return self.router
        if name in self.cluster.pods:
            return pod_host(self.cluster, name)
        named = CLIENT_ADDRESSES if name == CLIENT else ()
        addresses = named or (name if name == self.asker else outside_addresses(self.cluster)[name],)
        kind = "client" if name in (CLIENT, self.outside_name(self.asker)) else "outside"
        return outside_host(name, addresses, kind)

    def outside_name(self, address: str) -> str:
        """The name of the outside host with an address, empty where there is none."""
        return self.outside.get(address) or (address if address == self.asker else "")

    def neighbour(self, segment: str, next_hop: str) -> tuple[str, str] | None:
        """Who answers for an address on a segment: (host, its interface); None where nobody does."""
        if segment == NODES:
            if next_hop in self.router.addresses:
                return ROUTER, "eth0"
            node = self.plan.node_of.get(next_hop) or self.announced.get(next_hop)
            if not node and self.outside_name(next_hop):
                return ROUTER, "eth0"  # it answers for hosts behind it (proxy ARP)
            return (node, "eth0") if node else None
        if segment == OUTSIDE:
            if next_hop == ROUTER:
                return ROUTER, "wan"
            name = self.outside_name(next_hop)
            return (name, "eth0") if name else None
        if segment == TUNNEL:
            return self._node_with(next_hop, TUNNEL)
        pod = self.plan.pod_of.get(next_hop)
        if pod is not None and self._segment_of(pod) == segment:
            return pod.key, "eth0"
        if segment.startswith("veth of "):
            pod = self.cluster.pods[segment.removeprefix("veth of ")]
            return pod.node, node_host(self.cluster, pod.node).veths[pod.key]
        node = segment.removeprefix("bridge of ")
        return (node, BRIDGE) if next_hop in node_host(self.cluster, node).addresses else None

    def answering(self, segment: str, address: str) -> tuple[str, ...]:
        """The nodes that answer ARP for an address of kube-proxy's own interface, where nobody announces it.

        Linux answers on every interface for every address that it has, unless arp_ignore says otherwise (arp_process
        in net/ipv4/arp.c). In IPv6 it does not: neighbour discovery knows an interface's own addresses only.
        """
        if segment != NODES or ":" in address or not mode_named(self.proxy_mode or "").dummy:
            return ()
        if address in self.plan.node_of or address in self.announced or address in self.router.addresses:
            return ()
        hosts = (self.host(name) for name in self.cluster.nodes)
        return tuple(
            host.name
            for host in hosts
            if host.is_local(address) and host.sysctl("net.ipv4.conf.all.arp_ignore") == "0"
        )

    def _segment_of(self, pod: Pod) -> str:
        return pod_host(self.cluster, pod.key).interfaces["eth0"].segment

    def _node_with(self, address: str, interface: str) -> tuple[str, str] | None:
        for name in self.cluster.nodes:
            own = node_host(self.cluster, name).interfaces[interface].addresses
            if any(a.partition("/")[0] == address for a in own):
                return name, interface
        return None

    def bridge_port(self, node: str, host: str) -> str:
        """The port of a node's bridge that a Pod hangs on; empty where it does not."""
        pod = self.cluster.pods.get(host)
        if pod is None or pod.node != node or self._segment_of(pod) != bridge_segment(node):
            return ""
        return node_host(self.cluster, node).veths[pod.key]

    def is_somebody(self, address: str) -> bool:
        """Whether some host of this world has the address, on an interface that is plugged into something.

        The addresses of kube-proxy's own interface say nothing about the way there: every node has them all.
        """
        return (
            address in self.plan.node_of
            or address in self.plan.pod_of
            or bool(self.outside_name(address))
            or address in self.plan.external
            or address in self.router.addresses
            or any(self.host(name).is_plugged_in(address) for name in self.cluster.nodes)
        )

    def spread(self, address: str, protocol: str, port: int) -> tuple[str, ...]:
        """The nodes among which a pass-through balancer chooses, as next hops; empty where it has none."""
        balancer = cloud.balancers(self.cluster)[address]
        found = balancer.port(protocol, port)
        if found is None:
            return ()
        version = 6 if ":" in address else 4
        return tuple(
            self.cluster.nodes[name].address(version)
            for name in cloud.healthy_nodes(self.cluster, found[0], version)
        )


@lru_cache(maxsize=64)
def topology(
    cluster: Cluster, proxy_mode: str | None, asker: str, via: Via | None, time: float = 0.0
) -> Topology:
    """Build the network around a cluster.

    `asker` is an outside host's address that a question comes from, empty for none.
    """
    return Topology(
        cluster=cluster,
        proxy_mode=proxy_mode,
        plan=plan(cluster),
        router=router_host(cluster, via),
        asker=asker,
        outside=outside_names(cluster),
        announced=announced(cluster, via),
        time=time,
    )
