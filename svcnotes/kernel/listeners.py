"""Who listens where in a lab: the processes that the simulation knows, as sockets to open.

A Pod that answers on every port gets a socket for each port that a rule or a question names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from svcnotes.control_plane.objects import Pod
from svcnotes.kube_proxy import healthcheck
from svcnotes.network import faults
from svcnotes.network.addresses import family
from svcnotes.network.outside import outside_served
from svcnotes.network.plan import plan
from svcnotes.network.sockets import daemons, host_network_pods
from svcnotes.network.topology import Topology

# `--to-destination 10.0.0.1:80`, `dnat to 10.0.0.1:80`, and `10.0.0.1 . 80` in a map.
_TARGET = re.compile(r"(?: to \S+:|--to-destination \S+:| \. )(\d+)(?![.:\w])")
LOOPBACK = {4: "127.0.0.1", 6: "::1"}
ANY = {4: "0.0.0.0", 6: "::"}  # noqa: S104 - inside namespaces that nobody else reaches
KERNELS = ("tcp", "udp")


def named_ports(texts: list[str]) -> frozenset[int]:
    """The ports that rules translate to."""
    return frozenset(int(port) for text in texts for port in _TARGET.findall(text))


def listeners(net: Topology, ports: frozenset[int]) -> list[list[Any]]:
    """The sockets to open: [host, protocol, family, address, port, owner, page]."""
    found: dict[tuple[Any, ...], list[Any]] = {}
    for one in _every(net, ports):
        found.setdefault(tuple(one[:5]), one)
    return list(found.values())


def _every(net: Topology, ports: frozenset[int]) -> Iterator[list[Any]]:
    for node in net.cluster.nodes:
        yield from _on_node(net, node, ports)
    for node in net.cluster.nodes:
        for pod in plan(net.cluster).pods_of_node.get(node, ()):
            for version in {family(a) for a in pod.addresses}:
                yield from _of_pod(net, pod, pod.key, version, ports)
    for address, one in outside_served(net.cluster).items():
        version = family(address)
        for protocol, port in _pairs(one.serves, ports):
            yield [net.outside_name(address), protocol, version, address, port, one.name, None]


def _pairs(serves: frozenset[tuple[str, int]] | None, ports: frozenset[int]) -> Iterator[tuple[str, int]]:
    if serves is None:
        yield from ((protocol, port) for protocol in KERNELS for port in sorted(ports))
    else:
        yield from ((p.lower(), port) for p, port in sorted(serves) if p.lower() in KERNELS)


def _of_pod(net: Topology, pod: Pod, host: str, version: int, ports: frozenset[int]) -> Iterator[list[Any]]:
    for protocol, port in _pairs(pod.listens, ports):
        bound = LOOPBACK if faults.on_loopback(net.cluster, pod.key, port) else ANY
        yield [host, protocol, version, bound[version], port, pod.key, None]


def _on_node(net: Topology, node: str, ports: frozenset[int]) -> Iterator[list[Any]]:
    for version in net.cluster.families:
        listening = healthcheck.listening_ports(net.cluster, node, version, net.proxy_mode)
        for port, addresses in listening.items():
            page = _page(net, node, port, version)
            for address in addresses or (ANY[version],):
                yield [node, "tcp", version, address, port, node, page]
        for daemon in daemons(net.cluster, node):
            if daemon.loopback and version == 6:
                continue
            yield [
                node,
                "tcp",
                version,
                (LOOPBACK if daemon.loopback else ANY)[version],
                daemon.port,
                node,
                None,
            ]
        for pod in host_network_pods(net, node):
            yield from _of_pod(net, pod, node, version, ports)


def _page(net: Topology, node: str, port: int, version: int) -> str | None:
    """What kube-proxy answers there, as an HTTP response."""
    answer = healthcheck.answer(net.cluster, node, port, version, net.proxy_mode)
    if answer is None:
        return None
    body = json.dumps(dict(answer.body))
    heads = "".join(f"{name}: {value}\r\n" for name, value in answer.headers.items())
    return f"HTTP/1.1 {answer.status} x\r\n{heads}Content-Length: {len(body)}\r\n\r\n{body}"
