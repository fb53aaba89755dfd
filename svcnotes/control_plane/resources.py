"""The words by which kinds are known: `Service` alone, `svc` on a command line."""

from __future__ import annotations

from svcnotes.control_plane.api_server.kinds import Served, served

_VERSIONS = ("v1", "discovery.k8s.io/v1", "apps/v1", "networking.k8s.io/v1", "batch/v1")
_SHORT = {
    "Service": ("svc",),
    "Pod": ("po",),
    "Node": ("no",),
    "Namespace": ("ns",),
    "Endpoints": ("ep",),
    "EndpointSlice": (),
    "ConfigMap": ("cm",),
    "Secret": (),
    "Deployment": ("deploy",),
    "ReplicaSet": ("rs",),
    "StatefulSet": ("sts",),
    "DaemonSet": ("ds",),
    "Ingress": ("ing",),
    "NetworkPolicy": ("netpol",),
    "ServiceCIDR": (),
    "IPAddress": ("ip",),
    "Job": (),
}


def by_kind(kind: str) -> Served:
    """The resource of a kind; one that is not known gets the plural that English would give it."""
    for version in _VERSIONS:
        found = served(version, kind)
        if found is not None:
            return found
    return Served(kind, "v1", kind.lower() + "s", namespaced=True)


def plural(resource: Served) -> str:
    """The plural without its group: `endpointslices`."""
    return resource.resource.partition(".")[0]


def _words() -> dict[str, Served]:
    words = {}
    for kind, short in _SHORT.items():
        known = by_kind(kind)
        for word in (plural(known), kind.lower(), known.resource, known.printed, *short):
            words[word] = known
    return words


_BY_WORD = _words()


def by_word(word: str) -> Served | None:
    """The resource that a word on a command line means (`svc`, `Services`, `service`), or None."""
    return _BY_WORD.get(word.lower())
