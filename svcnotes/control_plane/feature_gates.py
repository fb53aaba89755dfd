"""The feature gates that kube-proxy 1.36 knows, and how it refuses others.

One list serves all of Kubernetes' components, so most gates are of no effect here. One changes what kube-proxy
writes: AllowServiceExternalIPs (KEP-5707). Of the others that once did, NFTablesProxyMode, MultiCIDRServiceAllocator
and PreferSameTrafficDistribution are locked to true, WinDSR and WinOverlay are for Windows; KubeProxyIPVS and
KubeProxyNFTablesLocalhostNodePorts come with 1.37. Sources: test/compatibility_lifecycle/reference of Kubernetes
1.36 and client-go's features; SetFromMap in component-base/featuregate.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from difflib import get_close_matches
from functools import lru_cache
from importlib.resources import files

from svcnotes.errors import InputError

EXTERNAL_IPS = "AllowServiceExternalIPs"


@lru_cache(maxsize=1)
def known_gates() -> Mapping[str, str]:
    """Each gate of 1.36, with the value that it is locked to: `true`, `false`, or empty for one that can be set."""
    text = (files("svcnotes.control_plane") / "feature_gates.csv").read_text(encoding="utf-8")
    return {row["gate"]: row["locked"] for row in csv.DictReader(text.splitlines())}


def check_gates(gates: Mapping[str, bool | None], owner: str) -> None:
    """Refuse a gate that kube-proxy does not know, or that is locked to another value, in its words.

    Raises InputError, naming the object `owner`.
    """
    known = known_gates() if gates else {}
    for name in gates:
        if name not in known:
            near = get_close_matches(name, known, n=1, cutoff=0.7)
            remedy = f'Did you mean "{near[0]}"?' if near else "kube-proxy 1.36 has no gate of this name"
            raise InputError(f"{owner}: featureGates: unrecognized feature gate: {name}. {remedy}")
    for name, value in gates.items():
        wanted = str(bool(value)).lower()
        if known[name] not in ("", wanted):
            raise InputError(
                f"{owner}: featureGates: cannot set feature gate {name} to {wanted}, feature is locked to {known[name]}. Take it out"
            )
