"""Make a case that differs as small as it can be: leave parts out, put plain values in, as long as it still differs.

hypothesis' own shrinking asks too often here: each question is a real packet, and an unexpected silence takes its time.
"""

# ruff: noqa: INP001 - a program to run, no package

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from svcnotes.kube_proxy.modes import DEFAULT

Case = dict[str, Any]

_PLAIN: dict[str, dict[str, Any]] = {
    "world": {"cni": "bridge", "cniMasquerade": False, "sysctls": {}, "faults": []},
    "proxy": {"masqueradeAll": False, "localhostNodePorts": True, "nodePortAddresses": None},
    "services": {
        "type": "ClusterIP", "protocol": "TCP", "external": "Cluster", "internal": "Cluster", "affinity": False,
        "external_ip": False, "ranges": None, "proxy_vip": False, "second_port": False, "stack": "first",
    },
    "policies": {"selects": "all", "types": ["Ingress"], "peers": [], "port": None, "protocol": "TCP"},
    "pods": {
        "node": "node-1", "ready": True, "serving": True, "terminating": False, "host": False, "closed": False,
        "hints": None,
    },
    "flows": {
        "from": "client", "to": "nodePort", "node": "node-1", "service": 0, "second_port": False, "other_port": False,
        "other_protocol": False, "ping": False, "via": None, "other_family": False,
    },
}  # fmt: skip


def shrink(case: Case, why: str, differs: Callable[[Case], str], *, seconds: float) -> tuple[Case, str]:
    """The smallest case found in the time given, and why it differs; `differs` is empty where a case does not."""
    stop = time.monotonic() + seconds
    again = True
    while again:
        again = False
        for smaller in _smaller(case):
            if time.monotonic() > stop:
                return case, why
            said = differs(smaller)
            if said:
                case, why, again = smaller, said, True
                break
    return case, why


def _smaller(case: Case) -> Iterator[Case]:
    """Cases a step smaller, the boldest first."""
    flows = case["flows"]
    if len(flows) > 1:
        half = len(flows) // 2
        yield {**case, "flows": flows[:half]}
        yield {**case, "flows": flows[half:]}
    if "mode" in case and case["mode"] != DEFAULT:
        yield {**case, "mode": DEFAULT}
    if case.get("dual"):
        yield {**case, "dual": False}
    if case.get("policies"):
        yield {**case, "policies": []}
    if case["family"] != 4:
        yield {**case, "family": 4}
    if case["edit"] is not None:
        yield {**case, "edit": None}
        for name, plain in (("add", None), ("drop", 999)):
            if case["edit"][name] != plain:
                yield {**case, "edit": {**case["edit"], name: plain}}
    for kind in ("world", "proxy"):
        for name, plain in _PLAIN[kind].items():
            if case[kind][name] != plain:
                yield {**case, kind: {**case[kind], name: plain}}
    switches = case["world"]["sysctls"]
    for name in switches if len(switches) > 1 else ():
        fewer = {key: value for key, value in switches.items() if key != name}
        yield {**case, "world": {**case["world"], "sysctls": fewer}}
    for kind in ("services", "pods", "policies", "flows"):
        every = case.get(kind, [])
        if len(every) > 1:
            for at in reversed(range(len(every))):
                yield {**case, kind: [*every[:at], *every[at + 1 :]]}
        for at, one in enumerate(every):
            for name, plain in _PLAIN[kind].items():
                if one.get(name, plain) != plain:
                    yield {**case, kind: [*every[:at], {**one, name: plain}, *every[at + 1 :]]}
            if kind == "services" and len(one["pods"]) > 1:
                yield {**case, kind: [*every[:at], {**one, "pods": one["pods"][:-1]}, *every[at + 1 :]]}
