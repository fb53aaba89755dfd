"""kube-proxy's iptables mode."""

from __future__ import annotations

from svcnotes.kube_proxy.iptables.sync import counts, partial_sync
from svcnotes.kube_proxy.iptables.tables import rules
from svcnotes.kube_proxy.mode import Mode

MODE = Mode(
    name="iptables",
    rules=rules,
    counts=counts,
    partial_sync=partial_sync,
    node_port_default=(),
    localhost=True,
    formats=("iptables-save",),
)

__all__ = ["MODE", "rules"]
