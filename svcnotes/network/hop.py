"""One hop: a packet at one host, on its way there or on its way back."""

from __future__ import annotations

from svcnotes.copying import value
from svcnotes.packet import Packet, Step


@value(frozen=True, slots=True)
class Hop:
    """A packet's stay at one host.

    `host` is `client`, an outside host's name or address, `router`, a Node's name, or
    `namespace/name` of a Pod; `kind` is client, outside, router, node, pod. `direction` is `there`
    or `back`. `packet` is the packet as it arrived (or as the host made it), `leaves` as it left,
    None where it ended here. Interfaces are empty where the packet began or ended. `ended` says
    in one sentence why the packet stopped here, empty where it went on. `visited` counts the rules that a kernel
    would have tried here, those that did not match included.
    """

    host: str
    kind: str
    direction: str
    packet: Packet
    leaves: Packet | None
    steps: tuple[Step, ...] = ()
    in_interface: str = ""
    out_interface: str = ""
    ended: str = ""
    visited: int = 0
