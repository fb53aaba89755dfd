"""kube-proxy's nftables mode."""

from __future__ import annotations

from svcnotes.kube_proxy.mode import Mode
from svcnotes.kube_proxy.nftables.sync import counts, partial_sync
from svcnotes.kube_proxy.nftables.table import NODE_PORT_DEFAULT, rules

MODE = Mode(
    name="nftables",
    rules=rules,
    counts=counts,
    partial_sync=partial_sync,
    node_port_default=NODE_PORT_DEFAULT,
    localhost=False,
    formats=("nft",),
)

__all__ = ["MODE", "rules"]
