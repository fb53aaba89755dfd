"""Compare a recorded flow with what a trace allows (the recordings: tests/data/oracle)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from math import comb, factorial, prod
from pathlib import Path
from typing import Any

import svcnotes
from svcnotes.control_plane.cluster import Cluster
from svcnotes.network.node_rules import with_cni_masquerade
from svcnotes.trace import SOURCE_PORT, Trace, trace

ORACLE = Path(__file__).parent.parent / "data" / "oracle"
RARE = 1e-4
CLIENTS = {
    "client": {4: "192.0.2.10", 6: "2001:db8:2::10"},
    "client-2": {4: "192.0.3.10", 6: "2001:db8:3::10"},
}
WORLDS: dict[str | None, dict[str, Any]] = {
    None: {},
    "cni-masquerade": {"cniMasquerade": True},
    "bridge-nf-off": {"sysctls": {"net.bridge.bridge-nf-call-iptables": "0"}},
}


def scenarios() -> list[str]:
    """The names of the recorded scenarios."""
    return sorted(path.parent.name for path in ORACLE.glob("*/flows.jsonl"))


def flows(scenario: str, mode: str = "iptables") -> Iterator[dict[str, Any]]:
    """The flows recorded in a proxy mode."""
    for line in (ORACLE / scenario / "flows.jsonl").read_text(encoding="utf-8").splitlines():
        flow = json.loads(line)
        if flow["mode"] == mode:
            yield flow


@lru_cache(maxsize=4)
def cluster(scenario: str, variant: str | None = None) -> Cluster:
    """The recorded cluster, in the World of a variant."""
    return svcnotes.load(ORACLE / scenario / "cluster.yaml").with_world(**WORLDS[variant])


@lru_cache(maxsize=4)
def with_recorded_rules(scenario: str, variant: str | None = None) -> Cluster:
    """The recorded cluster with what `nft` printed on its nodes in place of what svcnotes writes."""
    where = cluster(scenario, variant)
    for node in where.nodes:
        text = (ORACLE / scenario / f"{node}.nft").read_text(encoding="utf-8")
        family = 6 if text.startswith("table ip6") else 4
        whole = with_cni_masquerade(text, where, node, family) if where.world.cni_masquerade else text
        where = where.with_rules(node, whole, family)
    return where


def asked(where: Cluster, flow: dict[str, Any]) -> Trace:
    """Ask the recorded question, in the proxy mode that it was recorded in."""
    six = flow["dst"].startswith("[")
    if flow["from"] in CLIENTS:
        source = CLIENTS[flow["from"]][6 if six else 4]
    elif flow["from"] in where.nodes:
        source = f"node/{flow['from']}"
    else:
        source = f"pod/default/{flow['from']}"
    return trace(where, source, flow["dst"], flow["protocol"].lower(), flow.get("via"), flow["mode"])


def address(where: Cluster, name: str, family: int) -> str:
    """What the recordings call `node-1(cni0)`, `localhost`, `router`."""
    if name == "localhost":
        return "::1" if family == 6 else "127.0.0.1"
    if name == "router":
        return "fd00:18::1" if family == 6 else "172.18.0.1"
    node, _, interface = name.partition("(")
    if node not in where.nodes:
        return name
    if interface == "eth0)":
        return where.nodes[node].address(family)
    cidr = next(c for c in where.nodes[node].pod_cidrs if (":" in c) == (family == 6))
    return cidr.partition("/")[0].removesuffix("0") + "1" if family == 4 else cidr.partition("/")[0] + "1"


def disagreements(where: Cluster, flow: dict[str, Any], found: Trace) -> list[str]:
    """What in a record the traced paths do not allow; empty where they agree."""
    total = sum(path.probability for path in found.paths)
    wrong = [] if total == 1 else [f"probabilities add up to {total}"]
    if flow["protocol"] == "HTTP":
        return wrong + _http(flow, found)
    wrong += _outcomes(where, flow, found)
    return wrong or _connected(flow, found)


def _http(flow: dict[str, Any], found: Trace) -> list[str]:
    (path,) = found.paths
    body = dict(path.body or {})
    same = flow["outcome"] == f"http-{path.status}" and all(
        body.get(key) == value for key, value in flow["body"].items()
    )
    return [] if same else [f"{flow['outcome']} {flow['body']} != {path.status} {body}"]


def _expected(flow: dict[str, Any]) -> dict[str, int]:
    """The outcomes in our words, each with how often it was seen."""
    if flow["outcome"] == "mixed":
        return dict(flow["outcomes"])
    outcome = flow["outcome"]
    how = flow.get("how", "")
    if (outcome == "connected" and set(flow["answered_by"]) == {"external-lb"}) or (
        outcome == "unreachable" and how in ("icmp-net-unreachable", "icmp6-no-route")
    ):
        outcome = "external"
    return {outcome: flow["tries"]}


def _stopped(found: Trace) -> str:
    """What a send() that fails with EPERM met: the record does not say whether a rule refuses or drops."""
    return next((path.outcome for path in found.paths if path.how == "eperm"), "send-error")


def _outcomes(where: Cluster, flow: dict[str, Any], found: Trace) -> list[str]:
    family = 6 if flow["dst"].startswith("[") else 4
    expected, wrong = _expected(flow), []
    if "send-error" in expected:
        expected = {_stopped(found): expected["send-error"]}
    for outcome in sorted({*expected, *(path.outcome for path in found.paths)}):
        chance = sum((p.probability for p in found.paths if p.outcome == outcome), Fraction())
        if _affinity(where, flow):
            possible = chance > 0 if outcome in expected else True
        else:
            possible = likely(expected.get(outcome, 0), sum(expected.values()), chance)
        if not possible:
            wrong.append(
                f"{outcome}: {expected.get(outcome, 0)} of {sum(expected.values())}, chance {chance}"
            )
    if "how" in flow:
        senders = [address(where, name, family) for name in flow.get("icmp_from") or [""]]
        ours = {(path.how, path.icmp_from) for path in found.paths}
        if ours != {(flow["how"].lower(), sender) for sender in senders}:
            wrong.append(f"{flow['how']} from {senders} != {ours}")
    return wrong


def _affinity(where: Cluster, flow: dict[str, Any]) -> bool:
    name = (flow.get("service") or "").partition(":")[0]
    service = where.services.get(f"default/{name}")
    return service is not None and service.session_affinity == "ClientIP"


def _connected(flow: dict[str, Any], found: Trace) -> list[str]:
    answered: dict[str, int] = flow.get("answered_by") or {}
    if set(answered) == {"external-lb"}:
        return []
    wrong = []
    ours: dict[str, Fraction] = {}
    sources: dict[str, set[str]] = {}
    for path in found.paths:
        if path.outcome == "connected":
            who = path.pod.partition("/")[2] if path.pod else _outside(path.answered_by)
            ours[who] = ours.get(who, Fraction()) + path.probability
            sources.setdefault(who, set()).add(path.source_seen or "")
    tries, affine = sum(_expected(flow).values()), len(answered) == 1
    counts = {who: answered.get(who, 0) for who in sorted({*answered, *ours})}
    if any(seen and who not in ours for who, seen in counts.items()) or not (
        affine or all_likely(counts, ours, tries)
    ):
        wrong.append(f"answered {counts} of {tries}, chances { {w: str(c) for w, c in ours.items()} }")
    by_pod = flow.get("seen_source_by_pod") or {who: list(flow.get("seen_source") or {}) for who in answered}
    wrong += [
        f"{who} saw {seen}, not {sources.get(who)}"
        for who, seen in by_pod.items()
        if set(seen) != sources.get(who)
    ]
    kept = {p.source_port_seen == SOURCE_PORT for p in found.paths if p.outcome == "connected"}
    said = flow.get("source_port_kept")
    # A port drawn at random is the old one now and then: `mixed` may hold chance, the others not.
    # With affinity one endpoint was kept for all tries, so the record shows one case of several.
    wanted = {"always": True, "never": False}.get(str(said))
    if wanted is not None and (wanted not in kept if affine else kept != {wanted}):
        wrong.append(f"source port kept {said}, not {kept}")
    return wrong


def _outside(host: str) -> str:
    return next((name for name, own in CLIENTS.items() if host in own.values()), host)


def likely(seen: int, tries: int, chance: Fraction) -> bool:
    """Whether a count is not absurd: twice the smaller tail of the binomial distribution is not under 1e-4."""
    p = float(chance)
    below = sum(comb(tries, k) * p**k * (1 - p) ** (tries - k) for k in range(seen + 1))
    above = sum(comb(tries, k) * p**k * (1 - p) ** (tries - k) for k in range(seen, tries + 1))
    return 2 * min(below, above) >= RARE


def all_likely(counts: dict[str, int], chances: dict[str, Fraction], tries: int) -> bool:
    """Whether all counts together are not absurd: each is likely, or the exact multinomial test says so."""
    if all(likely(seen, tries, chances.get(who, Fraction())) for who, seen in counts.items()):
        return True
    rest = 1 - float(sum(chances.values()))
    p = [float(chances.get(who, Fraction())) for who in counts] + ([rest] if rest > 1e-12 else [])
    seen = [*counts.values(), tries - sum(counts.values())][: len(p)]
    limit = _multinomial(seen, p) * (1 + 1e-9)
    return sum(one for c in _splits(tries, len(p)) if (one := _multinomial(c, p)) <= limit) >= RARE


def _multinomial(counts: list[int], chances: list[float]) -> float:
    ways = factorial(sum(counts))
    for count in counts:
        ways //= factorial(count)
    return ways * prod(p**k for p, k in zip(chances, counts, strict=True))


def _splits(total: int, parts: int) -> Iterator[list[int]]:
    if parts == 1:
        yield [total]
        return
    for first in range(total + 1):
        for rest in _splits(total - first, parts - 1):
            yield [first, *rest]
