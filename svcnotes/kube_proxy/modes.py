"""The proxy modes that svcnotes writes: one module each, named here and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError
from svcnotes.kube_proxy import iptables

DEFAULT = "iptables"  # what kube-proxy takes where its configuration names no mode
RuleWriter = Callable[[Cluster, str, int], str]

MODES: Mapping[str, RuleWriter] = MappingProxyType({"iptables": iptables.rules})
_NOT_YET = frozenset({"nftables", "ipvs"})


def writer(mode: str) -> RuleWriter:
    """Find what writes the rules of a mode; empty means the default one.

    Raises QuestionError for a mode that there is not.
    """
    found = MODES.get(mode or DEFAULT)
    if found is not None:
        return found
    there_are = ", ".join(MODES)
    if mode in _NOT_YET:
        raise QuestionError(
            f"proxy mode {mode}: svcnotes does not write its rules yet; ask for one of: {there_are}"
        )
    raise QuestionError(f"proxy mode {mode!r}: kube-proxy has no such mode; ask for one of: {there_are}")
