"""Processes that listen: Pods, kube-proxy on the nodes, outside hosts that serve."""

from __future__ import annotations

from dataclasses import dataclass

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import Pod
from svcnotes.copying import value
from svcnotes.kube_proxy import healthcheck
from svcnotes.network import faults
from svcnotes.network.addresses import is_loopback
from svcnotes.network.outside import outside_served
from svcnotes.network.plan import ended
from svcnotes.network.topology import Topology
from svcnotes.packet import Packet


@value(frozen=True, slots=True)
class Listener:
    """A process that takes a packet: `name` says whose it is, `pod` its Pod (`namespace/name`), if it is in one."""

    name: str
    pod: str | None = None


@dataclass(frozen=True, slots=True)
class Daemon:
    """A process of the node itself on a TCP port; `loopback` tells that it listens on 127.0.0.1 only."""

    program: str
    port: int
    loopback: bool = False

    def bound_to(self, address: str) -> bool:
        """Whether it listens on that address."""
        return not self.loopback or address == "127.0.0.1"


KUBE_PROXY, KUBELET, SSHD = "kube-proxy", "kubelet", "sshd"
PROXY_METRICS = 10249
_DAEMONS = (
    Daemon(SSHD, 22),
    Daemon(KUBELET, 10248, loopback=True),
    Daemon(KUBE_PROXY, PROXY_METRICS, loopback=True),
    Daemon(KUBELET, 10250),
)


def daemons(cluster: Cluster, node: str) -> tuple[Daemon, ...]:
    """What listens on a node beside kube-proxy's health checks: sshd, the kubelet, kube-proxy's own metrics.

    The ports are those of kubeadm's defaults. A kube-proxy that has stopped listens no more.
    """
    return tuple(one for one in _DAEMONS if one.program != KUBE_PROXY or node not in cluster.stopped)


def listener(net: Topology, host: str, packet: Packet) -> Listener | None:
    """Who listens on a host for this packet; None where the port is closed.

    Every host's kernel answers pings.
    """
    protocol, port = packet.protocol.upper(), packet.destination_port
    if packet.is_echo:
        return Listener(host, host if host in net.cluster.pods else None)
    if host in net.cluster.nodes:
        return _on_node(net, host, packet)
    pod = net.cluster.pods.get(host)
    if pod is None:
        return _outside(net, host, packet)
    return Listener(host, host) if pod.answers(protocol, port) and _bound(net, pod, packet) else None


def _bound(net: Topology, pod: Pod, packet: Packet) -> bool:
    """Whether a Pod's process listens on the address that was asked for, and not on 127.0.0.1 only."""
    if not net.cluster.world.faults or is_loopback(packet.destination):
        return True
    return not faults.on_loopback(net.cluster, pod.key, packet.destination_port)


def _on_node(net: Topology, node: str, packet: Packet) -> Listener | None:
    """kube-proxy's health checks, the node's own daemons, then hostNetwork Pods."""
    protocol, port = packet.protocol.upper(), packet.destination_port
    if protocol == "TCP" and packet.family in net.cluster.families:
        ports = healthcheck.listening_ports(net.cluster, node, packet.family, net.proxy_mode)
        own = ports.get(port)
        if own is not None and (not own or packet.destination in own):
            return Listener(node)
        if any(one.port == port and one.bound_to(packet.destination) for one in daemons(net.cluster, node)):
            return Listener(node)
    for pod in host_network_pods(net, node):
        if pod.answers(protocol, port) and _bound(net, pod, packet):
            return Listener(node, pod.key)
    return None


def host_network_pods(net: Topology, node: str) -> list[Pod]:
    """The Pods that share the node's network; those that say on which ports they listen come first."""
    found = [
        pod for pod in net.cluster.pods.values() if pod.host_network and pod.node == node and not ended(pod)
    ]
    return sorted(found, key=lambda pod: pod.listens is None)


def _outside(net: Topology, name: str, packet: Packet) -> Listener | None:
    one = outside_served(net.cluster).get(packet.destination)
    if one is None:
        return None
    wanted = (packet.protocol.upper(), packet.destination_port)
    return Listener(name) if one.serves is None or wanted in one.serves else None
