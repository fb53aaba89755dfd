"""Hints in EndpointSlices: which zone or node each endpoint is meant for.

Two ways lead there: `spec.trafficDistribution` (each endpoint for where it is), and the annotation
`service.kubernetes.io/topology-mode: Auto`, which beats it (endpoints shared out by the zones' CPUs).
Source: KEP-2433, KEP-4444, KEP-3015; endpointslice/topologycache of kube-controller-manager.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil, inf
from typing import Any

ZONE = "topology.kubernetes.io/zone"
_DEPRECATED_MODE = "service.kubernetes.io/topology-aware-hints"
_MODE = "service.kubernetes.io/topology-mode"
_CONTROL_PLANE = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
_OVERLOAD = 0.2  # a zone may get this share more traffic than its endpoints were counted for
_UNITS = {"m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6}

Json = dict[str, Any]


def add_hints(service: Mapping[str, Any], slices: Sequence[Json], nodes: Sequence[Mapping[str, Any]]) -> None:
    """Write `hints` into the endpoints of one family's fresh slices, where the Service asks for them."""
    annotations = (service.get("metadata") or {}).get("annotations") or {}
    mode = annotations.get(_DEPRECATED_MODE, annotations.get(_MODE))
    ready = [e for one in slices for e in one["endpoints"] or () if e["conditions"]["ready"]]
    if mode in ("Auto", "auto"):
        _share_out(ready, nodes)
        return
    preference = (service.get("spec") or {}).get("trafficDistribution")
    if preference not in ("PreferClose", "PreferSameZone", "PreferSameNode"):
        return
    for endpoint in ready:
        hints: Json = {}
        if endpoint.get("zone"):
            hints["forZones"] = [{"name": endpoint["zone"]}]
        if preference == "PreferSameNode" and endpoint.get("nodeName"):
            hints["forNodes"] = [{"name": endpoint["nodeName"]}]
        if hints:
            endpoint["hints"] = hints


def _share_out(ready: list[Json], nodes: Sequence[Mapping[str, Any]]) -> None:
    """Topology mode Auto: each zone gets endpoints in proportion to its CPUs, or nobody gets hints."""
    shares = _cpu_shares(nodes)
    wanted = _wanted(shares, len(ready))
    if not wanted or not all(endpoint.get("zone") for endpoint in ready):
        return
    have = Counter(endpoint["zone"] for endpoint in ready)
    giving, receiving = _moves(wanted, have)
    for endpoint in ready:
        zone = endpoint["zone"]
        if giving[zone] and receiving:
            giving[zone] -= 1
            zone = receiving.pop(0)
        endpoint["hints"] = {"forZones": [{"name": zone}]}


def _cpu_shares(nodes: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Each zone's share of the workers' CPUs; empty where one worker has no zone, or all are in one.

    A Node whose status says nothing of CPUs counts as one CPU, so that a short lesson file may use
    topology mode; a real controller would write no hints then.
    """
    cpus: dict[str, float] = {}
    for node in nodes:
        labels = (node.get("metadata") or {}).get("labels") or {}
        status = node.get("status") or {}
        if any(label in labels for label in _CONTROL_PLANE):
            continue
        conditions = {c.get("type"): c.get("status") for c in status.get("conditions") or ()}
        if conditions.get("Ready", "True") != "True":
            continue
        cpu = _quantity((status.get("allocatable") or {}).get("cpu", 1))
        if not labels.get(ZONE) or not cpu:
            return {}
        cpus[labels[ZONE]] = cpus.get(labels[ZONE], 0) + cpu
    total = sum(cpus.values())
    return {zone: cpu / total for zone, cpu in cpus.items()} if len(cpus) > 1 else {}


def _quantity(value: Any) -> float:
    """A CPU quantity such as 4, `1500m`; 0 for what is none."""
    text = str(value).strip()
    number, unit = (text[:-1], text[-1]) if text[-1:] in ("m", "k", "M") else (text, "")
    try:
        cpu = float(number) * _UNITS[unit]
    except ValueError:
        return 0.0
    return cpu if 0 < cpu < inf else 0.0


def _wanted(shares: Mapping[str, float], count: int) -> dict[str, float]:
    """How many of `count` endpoints each zone wants; empty where there are too few to be fair."""
    if not shares or len(shares) > count:
        return {}
    least = {zone: ceil(share * count / (1 + _OVERLOAD)) for zone, share in shares.items()}
    if sum(least.values()) > count:
        return {}
    return {zone: max(shares[zone] * count, float(least[zone])) for zone in shares}


def _moves(wanted: Mapping[str, float], have: Mapping[str, int]) -> tuple[Counter[str], list[str]]:
    """How many endpoints each zone gives away, and the zones that receive one each, in order."""
    surplus = {zone: have.get(zone, 0) - want for zone, want in wanted.items()}
    giving: Counter[str] = Counter()
    receiving: list[str] = []
    while True:
        giver = max(sorted(surplus), key=lambda zone: surplus[zone])
        taker = min(sorted(surplus), key=lambda zone: surplus[zone])
        more, less = surplus[giver], -surplus[taker]
        if more < 0.5 or less < 0.5 or (more < 1 and less < 1):
            return giving, receiving
        giving[giver] += 1
        receiving.append(taker)
        surplus[giver] -= 1
        surplus[taker] += 1
