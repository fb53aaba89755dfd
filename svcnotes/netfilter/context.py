"""What a rule may ask of its host, and the packet in the form that rules look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address

from svcnotes.packet import Packet

Recent = Mapping[str, Mapping[str, float]]
"""The lists of `-m recent`: list name → address → time last seen, in seconds."""


@lru_cache(maxsize=262144)
def number_of(address: str) -> int:
    """An address text as a number; raises ValueError for anything else."""
    return int(ip_address(address))


def _unicast(_address: str) -> str:
    return "UNICAST"


def _no_address(packet: Packet, _interface: str) -> str:
    return packet.source


@dataclass(frozen=True, slots=True)
class Context:
    """The host's side of a walk; nothing here changes while a packet passes.

    `ct_state` is NEW, ESTABLISHED, RELATED, INVALID or UNTRACKED; `ct_status` holds DNAT and SNAT
    as conntrack has noted them. `original` is the packet that opened the connection.
    `address_type` tells LOCAL, UNICAST, BROADCAST, MULTICAST, ... of an address, by the routing
    table; `masquerade_address` the source that MASQUERADE takes for a packet leaving by an
    interface. `now` is in seconds.
    """

    ct_state: str = "NEW"
    ct_status: frozenset[str] = frozenset()
    ct_direction: str = "ORIGINAL"
    original: Packet | None = None
    in_interface: str = ""
    out_interface: str = ""
    physical_in: str = ""
    physical_out: str = ""
    address_type: Callable[[str], str] = _unicast
    masquerade_address: Callable[[Packet, str], str] = _no_address
    recent: Recent = field(default_factory=dict)
    now: float = 0.0


class Skb:
    """A packet in the form that rules look at: addresses as numbers, and what rules may change.

    Mutable and private to one walk; a walk that forks copies it. `mark`, `recent`, `status` and
    `translated` (where NAT sends it: kind, address, port) are what targets write.
    """

    __slots__ = (
        "context",
        "destination",
        "destination_port",
        "mark",
        "packet",
        "protocol",
        "recent",
        "source",
        "source_port",
        "state",
        "translated",
    )

    def __init__(self, packet: Packet, context: Context) -> None:
        self.packet = packet
        self.context = context
        self.protocol = packet.protocol
        self.source = number_of(packet.source)
        self.destination = number_of(packet.destination)
        self.source_port = packet.source_port
        self.destination_port = packet.destination_port
        self.mark = packet.mark
        self.state = context.ct_state
        self.recent = context.recent
        self.translated: tuple[str, str, int] | None = None

    def copy(self) -> Skb:
        """The same, for the other branch of a fork."""
        other = Skb.__new__(Skb)
        for name in Skb.__slots__:
            setattr(other, name, getattr(self, name))
        return other
