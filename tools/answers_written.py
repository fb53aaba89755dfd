"""Manifests and rules that answer the coursework's exercises, each written for the case as drawn.

RIGHT, WRONG and PARTIAL map an exercise's id to a function of what was drawn.
"""

# ruff: noqa: INP001 - a tool, no package

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Drawn = Mapping[str, Any]
RIGHT: dict[str, Callable[[Drawn], str]] = {}
WRONG: dict[str, Callable[[Drawn], dict[str, str]]] = {}
PARTIAL: dict[str, Callable[[Drawn], dict[str, str]]] = {}


def service(drawn: Drawn, ports: list[dict[str, Any]] | None = None, **spec: Any) -> str:
    """The Service of the site as YAML, of type NodePort where `spec` says nothing; None takes a field away."""
    from svcnotes.exercises.personal.site import one_yaml

    name = spec.pop("name", drawn["site"].app)
    if ports is not None:
        spec["ports"] = ports
    made = drawn["site"].service(**{"clusterIP": None, **spec})
    made["metadata"]["name"] = name
    return one_yaml(made)


def port(number: int, target: Any, node_port: int | None = None, name: str = "http") -> dict[str, Any]:
    """A port of a Service."""
    return {"name": name, "port": number, "targetPort": target} | (
        {"nodePort": node_port} if node_port else {}
    )


# 01: NodePort


def _repaired(d: Drawn, **changes: Any) -> str:
    s = d["site"]
    ports = [port(s.port, s.target, s.node_port), port(s.port + 1, s.target + 1, s.spare_port, "admin")]
    return service(d, **{"ports": ports, **changes})


RIGHT["01-repair"] = _repaired
WRONG["01-repair"] = lambda d: {
    "selects nothing": _repaired(d, selector={"app": "none"}),
    "a ClusterIP": service(
        d,
        [
            port(d["site"].port, d["site"].target),
            port(d["site"].port + 1, d["site"].target + 1, name="admin"),
        ],
        type="ClusterIP",
    ),
}
PARTIAL["01-repair"] = lambda d: {
    "Local": _repaired(d, externalTrafficPolicy="Local"),
    "admin leads astray": _repaired(
        d,
        ports=[
            port(d["site"].port, d["site"].target, d["site"].node_port),
            port(d["site"].port + 1, d["site"].target, d["site"].spare_port, "admin"),
        ],
    ),
}


def _ext(d: Drawn, kind: str = "EXT") -> str:
    from svcnotes.kube_proxy.chain_names import service_hash

    return f"KUBE-{kind}-{service_hash(d['site'].key + ':http', 'tcp')}"


RIGHT["01-put-back"] = lambda d: f"-I {_ext(d)} -j KUBE-MARK-MASQ"
WRONG["01-put-back"] = lambda d: {"marks after the jump": f"-A {_ext(d)} -j KUBE-MARK-MASQ"}
PARTIAL["01-put-back"] = lambda d: {
    "everything is masqueraded": "-t nat -I POSTROUTING -j MASQUERADE",
    "accepts only": f"-I KUBE-FORWARD -d {d['site'].pod_range} -j ACCEPT",
}


def _drop(words: str, table: str = "raw", chain: str = "PREROUTING") -> str:
    return f"-t {table} -A {chain} {words} -j DROP"


RIGHT["01-close"] = lambda d: _drop(f"-s {d['site'].stranger} -p tcp --dport {d['site'].node_port}")
WRONG["01-close"] = lambda d: {
    "in INPUT": _drop(f"-s {d['site'].stranger} -p tcp --dport {d['site'].node_port}", "filter", "INPUT"),
}
PARTIAL["01-close"] = lambda d: {
    "no port": _drop(f"-s {d['site'].stranger}"),
    "no source": _drop(f"-p tcp --dport {d['site'].node_port}"),
}


def _doors(d: Drawn, node_port: int = 0, policy: str = "Local", admin: dict[str, Any] | None = None) -> str:
    s = d["site"]
    first = service(d, [port(s.port, s.target, node_port or d["low"] * 100)], externalTrafficPolicy=policy)
    second = service(
        d,
        [port(s.port, s.target + 1, name="admin")],
        **{"type": "ClusterIP", "name": f"{s.app}-admin", **(admin or {})},
    )
    return f"{first}---\n{second}"


RIGHT["01-two-doors"] = _doors
WRONG["01-two-doors"] = lambda d: {"out of range": _doors(d, 8080)}
PARTIAL["01-two-doors"] = lambda d: {
    "Cluster": _doors(d, policy="Cluster"),
    "both on nodes": _doors(d, admin={"type": "NodePort"}),
}
