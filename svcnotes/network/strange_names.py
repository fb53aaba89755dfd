"""Interfaces that a node's rules name and that the node does not have here: such rules match nothing.

Rules of a real node name its interfaces (ens192, docker0, cali1b2c...); here a node has eth0, lo, and cni0 or a
cable for each Pod, whose name the Pod's annotation `svcnotes/interface` gives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from svcnotes.control_plane.cluster import Cluster
from svcnotes.network.node_host import node_host

SHOWN = 6
_NAMED = re.compile(r"(?:^| )(?:-i|-o|--in-interface|--out-interface|--physdev-in|--physdev-out) (\S+)")
_NAMED_IN_NFT = re.compile(r"\b[io]if(?:name)? (?:!= )?(\{[^}]*\}|\"[^\"]+\")")
_QUOTED = re.compile(r'"([^"]+)"')


def strange_interfaces(cluster: Cluster) -> Iterator[str]:
    """Say for each node whose rules were given which interfaces in them it has not; nothing where it has all."""
    for (node, family), text in cluster.node_rules.items():
        host = node_host(cluster, node)
        own = [*host.interfaces, *host.veths.values()]
        lines: dict[str, int] = {}
        for number, line in enumerate(text.splitlines(), 1):
            for name in _names(line):
                lines.setdefault(name, number)
        strange = [f"{name} (line {number})" for name, number in lines.items() if not _fits(name, own)]
        if strange:
            rest = len(strange) - SHOWN
            more = f" and {rest} more" if rest > 0 else ""
            yield (
                f"the IPv{family} rules of {node} name interfaces that it has not here: "
                f"{', '.join(strange[:SHOWN])}{more}. It has {', '.join(dict.fromkeys(own))}. Write these names into "
                "the rules, or give a Pod's cable its name with the annotation svcnotes/interface"
            )


def _names(line: str) -> Iterator[str]:
    """The interfaces that a rule names, in either language of rules; `+` or `*` at the end stands for any ending."""
    if "-A " in line:
        yield from _NAMED.findall(line)
    else:
        for one in _NAMED_IN_NFT.findall(line):
            yield from _QUOTED.findall(one)


def _fits(name: str, own: list[str]) -> bool:
    return any(one.startswith(name[:-1]) if name.endswith(("+", "*")) else one == name for one in own)
