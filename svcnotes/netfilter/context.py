"""What a rule needs to know of the host that it runs on: interfaces, addresses, time, memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field

from svcnotes.copying import value
from svcnotes.netfilter.balancing import NOTHING, Balancing, Served
from svcnotes.netfilter.conntrack import Connection, Conntrack
from svcnotes.netfilter.learnt import Learnt
from svcnotes.netfilter.recent import Recent
from svcnotes.packet import Packet

AddressType = Callable[[str, str], str]
MasqueradeAddress = Callable[[Packet, str], str | None]
ReversePath = Callable[[], bool]


def unicast(address: str, interface: str) -> str:
    """Call every address UNICAST but loopback, which is LOCAL: a host without interfaces."""
    del interface
    return "LOCAL" if address == "::1" or address.startswith("127.") else "UNICAST"


def no_address(packet: Packet, out_interface: str) -> str | None:
    """Give no address to masquerade with, so that MASQUERADE drops, as on an interface without one."""
    del packet, out_interface
    return None


def believed() -> bool:
    """Find every packet on the way by which an answer would go."""
    return True


@value(frozen=True, slots=True)
class Context:
    """A host as one walk sees it; every field has a default, so a lesson gives what it needs.

    `in_interface` and `out_interface` are empty where there is none (no out at PREROUTING and
    INPUT, no in at OUTPUT and for what the host itself sends at POSTROUTING); `physdev_in`, `physdev_out` are bridge ports. `address_type(address,
    interface)` answers LOCAL, UNICAST, BROADCAST, MULTICAST, BLACKHOLE, UNREACHABLE, PROHIBIT or
    UNSPEC; its interface is empty unless `--limit-iface-in/out` asks for one.
    `masquerade_address(packet, out_interface)` is the address that MASQUERADE writes, None where the
    interface has none. `reverse_path()` says whether an answer to the packet
    would leave by the interface that it came in by. `time` is in seconds on the host's own clock. `recent`, `learnt` and
    `conntrack` are the host's memory before the walk; `connection` is what conntrack noted on this very packet at
    an earlier hook (None at the first hook: conntrack then looks it up, or begins a new one).
    `balancing` is IPVS's memory, `served` its note on the packet: the connection that it took it for.
    `bridged` says that the packet crosses a bridge (bridge-nf-call-iptables).
    """

    in_interface: str = ""
    out_interface: str = ""
    physdev_in: str = ""
    physdev_out: str = ""
    bridged: bool = False
    address_type: AddressType = unicast
    masquerade_address: MasqueradeAddress = no_address
    reverse_path: ReversePath = believed
    time: float = 0.0
    recent: Recent = field(default_factory=Recent)
    learnt: Learnt = field(default_factory=Learnt)
    conntrack: Conntrack = field(default_factory=Conntrack)
    connection: Connection | None = None
    balancing: Balancing = NOTHING
    served: Served | None = None
