"""The recorded transitions (tests/data/transitions.yaml), and the changes they were recorded under."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from math import comb
from pathlib import Path
from typing import Any

import yaml

import svcnotes
from svcnotes.control_plane.cluster import Cluster
from svcnotes.trace import Path as Way

DATA = Path(__file__).parent.parent / "data"
RARE = 1e-4
NAMES = {"10.244.1.10": "web-a", "10.244.1.11": "web-b", "10.244.2.10": "web-c"}
ADDRESSES = {name: address for address, name in NAMES.items()}
CONDITIONS = {
    "terminating-serving": {"ready": False, "serving": True, "terminating": True},
    "terminating-not-serving": {"ready": False, "serving": False, "terminating": True},
    "not-ready": {"ready": False, "serving": False, "terminating": False},
}
READY = {"ready": True, "serving": True, "terminating": False}
SOURCES = {
    "pod": "pod/default/tool-1",
    "tool-2": "pod/default/tool-2",
    "node-1": "node/node-1",
    "client": "192.0.2.10",
}

Record = Mapping[str, Any]


def records(change: str = "") -> list[Record]:
    """The records, all or those whose change begins so."""
    every = yaml.safe_load((DATA / "transitions.yaml").read_text(encoding="utf-8"))
    return [one for one in every if one["change"].startswith(change)]


def title(record: Record) -> str:
    """A record's name, short enough to be a test's."""
    short = record["change"].partition(":")[0] if "affinity" not in record["change"] else record["change"]
    return f"{record['mode']}, {short}, {record['protocol']}, {record['path']}"


@lru_cache(maxsize=4)
def cluster(affinity: str = "None") -> Cluster:
    """Three Pods that serve a NodePort Service on a TCP and a UDP port, as in the recordings."""
    plain = svcnotes.load(DATA / "oracle" / "clusterip-tcp-udp" / "cluster.yaml")
    spec = {"type": "NodePort", "sessionAffinity": affinity}
    return plain.patch("service", "dns", json.dumps({"spec": spec}))


def with_endpoints(where: Cluster, conditions: Mapping[str, Mapping[str, bool]]) -> Cluster:
    """The cluster with these endpoints in its slice, and no others; the Pods go on running."""
    (key,) = (key for key in where.objects if key[0] == "EndpointSlice")
    piece = json.loads(json.dumps(where.objects[key]))
    was = {NAMES[one["addresses"][0]]: one for one in piece["endpoints"]}
    whole = {NAMES[one["addresses"][0]]: one for one in _slice()["endpoints"]}
    piece["endpoints"] = [
        {**was.get(name, whole[name]), "conditions": dict(said)} for name, said in conditions.items()
    ]
    return where.replace(json.dumps(piece))


def _slice() -> dict[str, Any]:
    where = cluster()
    (key,) = (key for key in where.objects if key[0] == "EndpointSlice")
    return json.loads(json.dumps(where.objects[key]))  # type: ignore[no-any-return]


def dialled(where: Cluster, path: str, protocol: str) -> tuple[str, str]:
    """Who asks, and what it dials, for a record's `path`."""
    who, _, what = path.partition("->")
    port = next(p for p in where.services["default/dns"].ports if p.protocol == protocol)
    to = f"10.96.0.53:{port.port}" if what == "clusterIP" else f"172.18.0.11:{port.node_port}"
    return SOURCES[who], to


def felt(way: Way, protocol: str) -> str:
    """What a program at a socket learns: its Pod's short name, an errno, or nothing in time.

    A connected UDP socket is told of a closed port, and of no other ICMP error unless it asks
    (icmp_err_convert of net/ipv4/icmp.c: only the others' `fatal` ones reach it).
    """
    if way.outcome == "connected":
        return (way.pod or "").partition("/")[2]
    if way.how == "eperm":
        return "EPERM"
    if way.how in ("rst", "icmp-port-unreachable"):
        return "ECONNREFUSED"
    return "ENETUNREACH" if protocol == "TCP" and way.how == "icmp-net-unreachable" else "timeout"


def chances(ways: Iterable[Way], protocol: str) -> dict[str, Fraction]:
    """What may be felt, with exact chances."""
    found: dict[str, Fraction] = {}
    for way in ways:
        what = felt(way, protocol)
        found[what] = found.get(what, Fraction()) + way.probability
    return found


def possible(counts: Mapping[str, int], expected: Mapping[str, Fraction]) -> bool:
    """Whether the counts are possible under the chances: of each, twice the smaller tail is not under 1e-4."""
    tries = sum(counts.values())
    return set(counts) <= set(expected) and all(
        _likely(counts.get(what, 0), tries, float(chance)) for what, chance in expected.items()
    )


def _likely(seen: int, tries: int, p: float) -> bool:
    odds = [comb(tries, k) * p**k * (1 - p) ** (tries - k) for k in range(tries + 1)]
    return 2 * min(sum(odds[: seen + 1]), sum(odds[seen:])) >= RARE
