"""The kubelet's readiness probes, as far as it is known what a Pod listens on.

A containerPort is documentation, so a probe of a port that is not declared proves nothing. Only where the
annotation `svcnotes/listens` says on what the Pod listens does a probe of another port fail. Simplified: a
probe that finds its port open succeeds, whatever the path; `exec` always succeeds; delays are not waited for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from svcnotes.control_plane.typed import LISTENS, served_ports

_KINDS = ("httpGet", "tcpSocket", "grpc")


def probes_succeed(pod: Mapping[str, Any]) -> bool:
    """Whether every readiness probe of a stored Pod finds its port open. Raises InputError for a bad annotation."""
    metadata = pod["metadata"]
    listens = (metadata.get("annotations") or {}).get(LISTENS)
    if not isinstance(listens, str):
        return True
    owner = (
        f"Pod {metadata.get('namespace') or 'default'}/{metadata['name']}: metadata.annotations[{LISTENS}]"
    )
    served = served_ports(listens.split(","), owner)
    return all(("TCP", port) in served for port in _probed(pod.get("spec") or {}))


def _probed(spec: Mapping[str, Any]) -> Iterator[int]:
    """The port numbers that the readiness probes ask; a name that no port has is no number, and is left out."""
    for container in spec.get("containers") or ():
        probe = container.get("readinessProbe")
        if not isinstance(probe, Mapping):
            continue
        named = {port.get("name"): port.get("containerPort") for port in container.get("ports") or ()}
        for kind in _KINDS:
            asked = probe.get(kind)
            port = asked.get("port") if isinstance(asked, Mapping) else None
            number = named.get(port) if isinstance(port, str) else port
            if isinstance(number, int):
                yield number
