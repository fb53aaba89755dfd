"""The proxy modes that svcnotes writes: one module each, named here and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from svcnotes.errors import QuestionError
from svcnotes.kube_proxy import iptables, ipvs, nftables
from svcnotes.kube_proxy.mode import Mode

DEFAULT = iptables.MODE.name  # what kube-proxy takes where its configuration names no mode

MODES: Mapping[str, Mode] = MappingProxyType(
    {mode.name: mode for mode in (iptables.MODE, nftables.MODE, ipvs.MODE)}
)


def mode_named(name: str) -> Mode:
    """Find a mode by its name; empty means the default one.

    Raises QuestionError for a mode that there is not.
    """
    found = MODES.get(name or DEFAULT)
    if found is not None:
        return found
    there_are = ", ".join(MODES)
    raise QuestionError(f"proxy mode {name!r}: kube-proxy has no such mode; ask for one of: {there_are}")
