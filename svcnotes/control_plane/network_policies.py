"""NetworkPolicies as frozen values: which Pods they isolate, and what they let through to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Any


@dataclass(frozen=True, slots=True)
class Requirement:
    """One of a selector's matchExpressions: `operator` is In, NotIn, Exists or DoesNotExist."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def fits(self, labels: Mapping[str, str]) -> bool:
        """Whether the labels fulfil it."""
        if self.operator in ("Exists", "DoesNotExist"):
            return (self.key in labels) == (self.operator == "Exists")
        return (labels.get(self.key) in self.values) == (self.operator == "In")


@dataclass(frozen=True, slots=True)
class Selector:
    """A label selector; an empty one selects everything. Each of matchLabels is an `In` of one value."""

    requirements: tuple[Requirement, ...] = ()

    def selects(self, labels: Mapping[str, str]) -> bool:
        """Whether something with these labels is selected."""
        return all(one.fits(labels) for one in self.requirements)


@dataclass(frozen=True, slots=True)
class Peer:
    """Who is meant: Pods by their own and their namespace's labels, or addresses of a range.

    With `pods` alone those of the policy's namespace are meant, with `namespaces` alone all of those
    namespaces. `cidr` is a range, less the ranges `excepted`.
    """

    pods: Selector | None = None
    namespaces: Selector | None = None
    cidr: str = ""
    excepted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PolicyPort:
    """A port that is let through: a number (to `end`, where it is not 0), a name, or None for every port."""

    protocol: str = "TCP"
    port: int | str | None = None
    end: int = 0


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """What one rule lets through: from (or to) any of `peers` on any of `ports`; none of them means all."""

    peers: tuple[Peer, ...] = ()
    ports: tuple[PolicyPort, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkPolicy:
    """A NetworkPolicy; `ingress` (or `egress`) is None where the policy says nothing about it.

    Empty rules let nothing through: the Pods are isolated.
    """

    namespace: str
    name: str
    pods: Selector = Selector()
    ingress: tuple[PolicyRule, ...] | None = ()
    egress: tuple[PolicyRule, ...] | None = None

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"{self.namespace}/{self.name}"


def network_policy(raw: Mapping[str, Any]) -> NetworkPolicy:
    """Read a stored NetworkPolicy; where it names no policyTypes: Ingress, and Egress if it has such rules."""
    metadata, spec = raw["metadata"], raw.get("spec") or {}
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if spec.get("egress") else [])]
    return NetworkPolicy(
        namespace=metadata.get("namespace") or "default",
        name=metadata["name"],
        pods=selector(spec.get("podSelector")),
        ingress=_rules(spec.get("ingress"), "from") if "Ingress" in types else None,
        egress=_rules(spec.get("egress"), "to") if "Egress" in types else None,
    )


def selector(raw: Mapping[str, Any] | None) -> Selector:
    """Read a label selector."""
    raw = raw or {}
    labels = raw.get("matchLabels") or {}
    return Selector(
        (
            *(Requirement(key, "In", (labels[key],)) for key in sorted(labels)),
            *(
                Requirement(one.get("key") or "", one.get("operator") or "", tuple(one.get("values") or ()))
                for one in raw.get("matchExpressions") or ()
            ),
        )
    )


def _rules(raw: Any, peers: str) -> tuple[PolicyRule, ...]:
    return tuple(
        PolicyRule(
            peers=tuple(_peer(one) for one in rule.get(peers) or ()),
            ports=tuple(
                PolicyPort(one.get("protocol") or "TCP", one.get("port"), one.get("endPort") or 0)
                for one in rule.get("ports") or ()
            ),
        )
        for rule in raw or ()
    )


def _peer(raw: Mapping[str, Any]) -> Peer:
    block = raw.get("ipBlock")
    if block is not None:
        excepted = tuple(str(ip_network(text)) for text in block.get("except") or ())
        return Peer(cidr=str(ip_network(block["cidr"])), excepted=excepted)
    pods, namespaces = raw.get("podSelector"), raw.get("namespaceSelector")
    return Peer(
        pods=None if pods is None else selector(pods),
        namespaces=None if namespaces is None else selector(namespaces),
    )
