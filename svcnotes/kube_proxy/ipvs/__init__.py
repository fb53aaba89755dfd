"""kube-proxy's IPVS mode, deprecated since Kubernetes 1.35 (KEP-5495)."""

from __future__ import annotations

from svcnotes.kube_proxy.ipvs.node import (
    DUMMY,
    bound_addresses,
    ip_sets,
    rules,
    sysctls,
    tuning,
    virtual_servers,
)
from svcnotes.kube_proxy.ipvs.sync import counts, partial_sync
from svcnotes.kube_proxy.mode import Mode

MODE = Mode(
    name="ipvs",
    rules=rules,
    counts=counts,
    partial_sync=partial_sync,
    node_port_default=(),
    localhost=False,
    formats=("iptables-save", "ipset", "ipvsadm"),
    ip_sets=ip_sets,
    virtual_servers=virtual_servers,
    own_addresses=bound_addresses,
    dummy=DUMMY,
    sysctls=sysctls,
    tuning=tuning,
    spelt="IPVS",
)

__all__ = ["MODE", "rules"]
