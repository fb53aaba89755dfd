"""The rules of a network's hosts, as the lab loads them: each language's part of a text for the loader of that language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from svcnotes.control_plane.cluster import Cluster
from svcnotes.kernel import nft, restore
from svcnotes.netfilter.languages import split
from svcnotes.network.addresses import family
from svcnotes.network.errors_home import NO_ROUTE
from svcnotes.network.host import LOOPBACK
from svcnotes.network.node_host import node_host
from svcnotes.network.node_rules import rules_text
from svcnotes.network.outside import ROUTER, router_rules
from svcnotes.network.plan import plan
from svcnotes.network.rule_text import with_rules
from svcnotes.network.topology import Topology


def host_texts(net: Topology) -> list[list[Any]]:
    """Every rules text: [host, language, IP family, text]; empty where a family has none.

    What is nftables' is one text of the host's two families, which has the family 0.
    """
    found = []
    for node in net.cluster.nodes:
        parts = [split(text) for text in node_texts(net, node)]
        found += [[node, restore.LANGUAGE, v, saved] for v, (_, saved) in zip((4, 6), parts, strict=True)]
        found.append([node, nft.LANGUAGE, 0, _together(text for text, _ in parts)])
    return found + [[ROUTER, restore.LANGUAGE, v, _router_text(net.cluster, v)] for v in (4, 6)]


def languages(net: Topology, node: str) -> list[str]:
    """The languages of a node's rules, in order."""
    parts = [split(text) for text in node_texts(net, node)]
    return [restore.LANGUAGE, *([nft.LANGUAGE] if any(text for text, _ in parts) else [])]


def node_texts(net: Topology, node: str) -> Iterator[str]:
    """A node's rules of IPv4 and of IPv6."""
    cluster = net.cluster
    for version in (4, 6):
        has = version in cluster.families or (node, version) in cluster.node_rules
        replaced = cluster.node_rules.get((node, version))
        whole = "" if not has else replaced
        yield rules_text(cluster, node, net.proxy_mode, version) if whole is None else whole


def _together(texts: Iterator[str]) -> str:
    """The tables of several texts, each once: those of `inet` stand in the text of either family."""
    first, second = (text.strip("\n") for text in texts)
    known = nft.tables(first)
    return "\n".join(one for one in (first, *_others(second, set(known))) if one)


def _others(text: str, known: set[str]) -> Iterator[str]:
    for title, lines in nft.blocks(text):
        if title not in known:
            yield "\n".join(lines)


def _router_text(cluster: Cluster, version: int) -> str:
    """The router's rules, and those that say what no route there could.

    The Services' range: Linux answers what it has no route for once a second to each host (ip_error in
    net/ipv4/route.c), and only the machine's root may change that. The cluster's inner addresses: whoever is beyond
    the router knows no way to them.
    """
    inner = [a for a in _inner(cluster) if family(a) == version]
    services = [cidr for cidr in cluster.config.service_cidrs if version == family(cidr) == 4]
    lines = [
        f"-A FORWARD -d {to} -o wan -j REJECT --reject-with {NO_ROUTE[version]}" for to in inner + services
    ]
    text = router_rules(cluster, version)
    return with_rules(text, "filter", lines) if lines else text


def _inner(cluster: Cluster) -> list[str]:
    """The addresses of Pods, bridges and tunnels, of which a router may know no route."""
    own = (
        address.partition("/")[0]
        for name in cluster.nodes
        for one in node_host(cluster, name).interfaces.values()
        if one.name not in (LOOPBACK, "eth0")
        for address in one.addresses
    )
    return list(dict.fromkeys([*plan(cluster).pod_of, *own]))
