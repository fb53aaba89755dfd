"""Walk a packet through the tables of one hook, as the kernel would, forking where it would toss."""

from __future__ import annotations

from collections.abc import Collection

from svcnotes.netfilter.context import Context
from svcnotes.netfilter.ruleset import Ruleset
from svcnotes.netfilter.walk import Walk
from svcnotes.packet import Packet

TABLES = {
    "PREROUTING": ("raw", "conntrack", "mangle", "nat"),
    "INPUT": ("mangle", "filter", "security", "nat"),
    "FORWARD": ("mangle", "filter", "security"),
    "OUTPUT": ("raw", "conntrack", "mangle", "nat", "filter", "security"),
    "POSTROUTING": ("mangle", "nat"),
}


def walk(
    ruleset: Ruleset,
    hook: str,
    packet: Packet,
    context: Context,
    tables: Collection[str] | None = None,
) -> tuple[Walk, ...]:
    """Give every way that the packet may take at this hook; their probabilities add up to 1."""
    raise NotImplementedError
