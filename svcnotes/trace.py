"""One value that tells it all: `Trace` → `Path` (one for each endpoint) → `Hop` → `Step`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from svcnotes.network.hop import Hop

__all__ = ["Hop", "Path", "Trace", "trace"]


@dataclass(frozen=True, slots=True)
class Path:
    """One way that the packet may go, with its exact probability.

    `outcome`: connected, refused, timeout, unreachable or external. `how` says by what:
    `rst`, `icmp-port-unreachable`, `icmp-net-unreachable`, `icmp-ttl-exceeded`, `icmp6-no-route`,
    `eperm`, ..., empty where there is nothing to add. `icmp_from` is the address that sent the
    ICMP error, empty without one. `pod` is `namespace/name` of the Pod that got the packet (also
    where its answer was lost), None where none did; `answered_by` the host that did. `source_seen`
    is the source address that this host's process saw, None where no process saw any. `reason` is
    one sentence: why it ended so, and where. `status` and `body` are a health check's.
    """

    outcome: str
    probability: Fraction
    how: str = ""
    icmp_from: str = ""
    pod: str | None = None
    answered_by: str = ""
    source_seen: str | None = None
    source_port_seen: int | None = None
    reason: str = ""
    hops: tuple[Hop, ...] = ()
    status: int | None = None
    body: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """A question and its exact answer: the probabilities of `paths` add up to 1.

    `source` and `to` are as asked; `source_address` and `destination` (`ADDRESS:PORT`) as resolved;
    `via` the node that the router handed the packet to, if it was told.
    """

    source: str
    to: str
    protocol: str
    proxy_mode: str
    source_address: str
    destination: str
    via: str | None = None
    paths: tuple[Path, ...] = ()


def trace(
    cluster: Any, source: str, to: str, protocol: str = "tcp", via: str | None = None, proxy_mode: str | None = None
) -> Trace:
    """Follow a packet there and back."""
    from svcnotes.network.interim.asking import trace as ask

    return ask(cluster, source, to, protocol, via, proxy_mode)
