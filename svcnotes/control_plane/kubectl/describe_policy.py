"""`kubectl describe networkpolicy`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from svcnotes.control_plane.kubectl.describe_columns import NONE, Object, head, selector, text

_INDENT = "    "


def network_policy(obj: Object) -> Iterator[str]:
    """The lines for a NetworkPolicy."""
    spec = obj.get("spec") or {}
    first = list(head(obj))
    yield from first[:2]
    if obj["metadata"].get("creationTimestamp"):
        yield f"Created on:\t{obj['metadata']['creationTimestamp']}"
    yield from first[2:]
    yield "Spec:"
    chosen = spec.get("podSelector") or {}
    everybody = f"{NONE} (Allowing the specific traffic to all pods in this namespace)"
    yield f"  PodSelector:     {everybody if not any(chosen.values()) else _selected(chosen)}"
    types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    for word, preposition, peers in (("ingress", "From", "from"), ("egress", "To", "to")):
        if word.title() in types:
            yield f"  Allowing {word} traffic:"
            yield from _rules(spec.get(word) or (), word, preposition, peers)
        else:
            yield f"  Not affecting {word} traffic"
    yield f"  Policy Types: {', '.join(types)}"


def _selected(chosen: Mapping[str, Any]) -> str:
    parts = [selector(chosen["matchLabels"])] if chosen.get("matchLabels") else []
    for one in chosen.get("matchExpressions") or ():
        key, operator, values = one.get("key"), one.get("operator"), ",".join(one.get("values") or ())
        words = {"In": f"{key} in ({values})", "NotIn": f"{key} notin ({values})", "Exists": f"{key}"}
        parts.append(words.get(str(operator), f"!{key}"))
    return text(",".join(parts)) or NONE


def _rules(rules: Sequence[Object], word: str, preposition: str, peers: str) -> Iterator[str]:
    if not rules:
        yield f"{_INDENT}{NONE} (Selected pods are isolated for {word} connectivity)"
    for number, rule in enumerate(rules, 1):
        if not rule.get("ports"):
            yield f"{_INDENT}To Port: <any> (traffic allowed to all ports)"
        for port in rule.get("ports") or ():
            yield f"{_INDENT}To Port: {text(port.get('port', '<any>'))}/{port.get('protocol') or 'TCP'}"
        if not rule.get(peers):
            end = "source" if word == "ingress" else "destination"
            yield f"{_INDENT}{preposition}: <any> (traffic not restricted by {end})"
        for peer in rule.get(peers) or ():
            yield f"{_INDENT}{preposition}:"
            yield from _peer(peer)
        if number < len(rules):
            yield f"{_INDENT}----------"


def _peer(peer: Object) -> Iterator[str]:
    for title, field in (("NamespaceSelector", "namespaceSelector"), ("PodSelector", "podSelector")):
        if peer.get(field) is not None:
            yield f"{_INDENT}  {title}: {_selected(peer[field])}"
    block = peer.get("ipBlock")
    if block:
        yield f"{_INDENT}  IPBlock:"
        yield f"{_INDENT}    CIDR: {text(block.get('cidr'))}"
        yield f"{_INDENT}    Except: {text(', '.join(block.get('except') or ()))}"
