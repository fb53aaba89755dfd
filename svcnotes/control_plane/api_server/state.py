"""What kube-apiserver holds: the objects as stored, the numbers in use, its flags."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from svcnotes.control_plane.api_server.status import FieldError, StatusError
from svcnotes.control_plane.api_server.versioned_map import VersionedMap
from svcnotes.control_plane.objects import ClusterConfiguration

__all__ = ["ApiState", "FieldError", "Key", "Object", "Owner", "StatusError", "VersionedMap", "Written"]

Key = tuple[str, str, str]
"""(kind, namespace, name); the namespace of a Node, a Namespace and the like is empty."""

Object = Mapping[str, Any]
"""An object as JSON has it; never changed once it is in a state."""

Owner = Key
"""Who holds a number: the key of its Service."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a write gave: the state after it, the object as stored, and the warnings sent along."""

    state: ApiState
    object: Object
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class ApiState:
    """kube-apiserver's store, immutable: every write gives a new state.

    `objects` in the order of their creation. `node_ports` and `cluster_ips` say who holds a
    number (health-check nodePorts included; addresses in canonical form). `service_cidrs` in the
    order of the cluster's families; `further_service_cidrs` by their objects' names, from which nothing is drawn;
    `node_port_range` holds both ends.
    """

    objects: VersionedMap[Key, Object] = field(default_factory=VersionedMap)
    node_ports: VersionedMap[int, Owner] = field(default_factory=VersionedMap)
    cluster_ips: VersionedMap[str, Owner] = field(default_factory=VersionedMap)
    service_cidrs: tuple[str, ...] = ("10.96.0.0/16",)
    further_service_cidrs: tuple[tuple[str, tuple[str, ...]], ...] = ()
    node_port_range: tuple[int, int] = (30000, 32767)
    admission_plugins: frozenset[str] = frozenset()

    @classmethod
    def empty(cls, config: ClusterConfiguration | None = None) -> ApiState:
        """A store with nothing in it, with the flags that `config` gives kube-apiserver."""
        config = config or ClusterConfiguration()
        return cls(
            service_cidrs=config.service_cidrs,
            further_service_cidrs=config.further_service_cidrs,
            node_port_range=config.node_port_range,
            admission_plugins=config.admission_plugins,
        )

    @classmethod
    def fresh(cls, config: ClusterConfiguration | None = None) -> ApiState:
        """A new cluster's store: its first namespaces, and the Service default/kubernetes."""
        from svcnotes.control_plane.api_server.create import fresh

        return fresh(cls.empty(config))

    @property
    def families(self) -> tuple[str, ...]:
        """The cluster's IP families, `IPv4` or `IPv6`, the first is the default."""
        return tuple("IPv6" if ":" in cidr else "IPv4" for cidr in self.service_cidrs)

    def create(
        self, obj: Object, *, namespace: str = "default", dry_run: bool = False, validate: str = "strict"
    ) -> Written:
        """The object created, as POST does it; `namespace` serves where the object names none.

        `validate` says what becomes of unknown fields: strict (refused), warn, or ignore.
        Raises StatusError. With `dry_run` the state returned is the one before.
        """
        from svcnotes.control_plane.api_server.create import create

        return create(self, obj, namespace=namespace, dry_run=dry_run, validate=validate)

    def restore(self, objects: Iterable[Object]) -> ApiState:
        """The state with these objects put in as stored before: what is there stays.

        What is missing is defaulted and allocated, after all the numbers that are given. Each
        object is decoded and validated as on create, namespaces are taken to exist, status and
        metadata (uid, deletionTimestamp, ...) are kept. An object that the state holds already
        is replaced; one given twice is refused. O(n). Raises StatusError.
        """
        from svcnotes.control_plane.api_server.restore import restore

        return restore(self, objects)

    def get(self, kind: str, namespace: str, name: str) -> Object | None:
        """The object as stored, None where there is none."""
        return self.objects.get((kind, namespace, name))

    def with_object(self, obj: Object) -> ApiState:
        """The state with that object stored as it is, its numbers (if a Service) marked as held."""
        from svcnotes.control_plane.api_server.allocation import held_numbers

        metadata = obj["metadata"]
        key: Key = (obj["kind"], metadata.get("namespace", ""), metadata["name"])
        state = self.without_object(*key, keep_place=True)
        ports, addresses = held_numbers(obj)
        node_ports, cluster_ips = state.node_ports, state.cluster_ips
        for number in ports:
            node_ports = node_ports.with_item(number, key)
        for address in addresses:
            cluster_ips = cluster_ips.with_item(address, key)
        return replace(
            state, objects=state.objects.with_item(key, obj), node_ports=node_ports, cluster_ips=cluster_ips
        )

    def without_object(self, kind: str, namespace: str, name: str, *, keep_place: bool = False) -> ApiState:
        """The state without that object, its numbers given back; the same state if there is none.

        `keep_place` gives the numbers back but leaves the object (about to be replaced).
        """
        from svcnotes.control_plane.api_server.allocation import held_numbers

        key: Key = (kind, namespace, name)
        old = self.objects.get(key)
        if old is None:
            return self
        ports, addresses = held_numbers(old)
        node_ports, cluster_ips = self.node_ports, self.cluster_ips
        for number in ports:
            if node_ports.get(number) == key:
                node_ports = node_ports.without(number)
        for address in addresses:
            if cluster_ips.get(address) == key:
                cluster_ips = cluster_ips.without(address)
        objects = self.objects if keep_place else self.objects.without(key)
        return replace(self, objects=objects, node_ports=node_ports, cluster_ips=cluster_ips)
