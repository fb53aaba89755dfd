"""The kinds that kubectl knows here: plural, group, short names, whether they live in a namespace."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind of object; `group` is empty for the core API, `short` its names on a command line."""

    kind: str
    plural: str
    group: str = ""
    version: str = "v1"
    short: tuple[str, ...] = ()
    namespaced: bool = True

    @property
    def qualified(self) -> str:
        """As in an error: `services`, `endpointslices.discovery.k8s.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def printed(self) -> str:
        """As kubectl prints an object: `service`, `endpointslice.discovery.k8s.io`."""
        singular = self.kind.lower()
        return f"{singular}.{self.group}" if self.group else singular

    @property
    def api_version(self) -> str:
        """As in a manifest: `v1`, `discovery.k8s.io/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version


RESOURCES = (
    Resource("Node", "nodes", short=("no",), namespaced=False),
    Resource("Namespace", "namespaces", short=("ns",), namespaced=False),
    Resource("Pod", "pods", short=("po",)),
    Resource("Service", "services", short=("svc",)),
    Resource("EndpointSlice", "endpointslices", "discovery.k8s.io"),
    Resource("Endpoints", "endpoints", short=("ep",)),
    Resource("Deployment", "deployments", "apps", short=("deploy",)),
    Resource("ReplicaSet", "replicasets", "apps", short=("rs",)),
    Resource("StatefulSet", "statefulsets", "apps", short=("sts",)),
    Resource("DaemonSet", "daemonsets", "apps", short=("ds",)),
    Resource("ServiceCIDR", "servicecidrs", "networking.k8s.io", namespaced=False),
    Resource("IPAddress", "ipaddresses", "networking.k8s.io", short=("ip",), namespaced=False),
)
_BY_KIND = {resource.kind: resource for resource in RESOURCES}
_BY_WORD = {
    word: resource
    for resource in RESOURCES
    for word in (
        resource.plural,
        resource.kind.lower(),
        resource.qualified,
        resource.printed,
        *resource.short,
    )
}


def by_kind(kind: str) -> Resource:
    """The resource of a kind; a kind not known here gets the plural that English would give it."""
    return _BY_KIND.get(kind) or Resource(kind, kind.lower() + "s")


def by_word(word: str) -> Resource | None:
    """The resource that a word on a command line means (`svc`, `Services`, `service`), or None."""
    return _BY_WORD.get(word.lower())
