"""The cluster as one immutable value: the API server's store, the settings, the World."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeVar

from svcnotes.control_plane import cloud_controller, controllers, faults, typed
from svcnotes.control_plane.api_server.state import ApiState, Key, Object
from svcnotes.control_plane.kubectl.answer import Answer
from svcnotes.control_plane.network_policies import NetworkPolicy, network_policy
from svcnotes.control_plane.objects import (
    ClusterConfiguration,
    EndpointSlice,
    KubeProxyConfiguration,
    Node,
    Pod,
    Service,
    World,
)
from svcnotes.control_plane.world import changed, check_routes, with_slice_hosts
from svcnotes.errors import ApiError, QuestionError

T = TypeVar("T")


@dataclass(frozen=True, eq=False, repr=False)
class Cluster:
    """A cluster and the world around it; every change gives a new one.

    `state` is what kube-apiserver holds; `nodes`, `pods`, `services` and `endpoint_slices` are read
    from it on first use. `node_rules` maps (node, IP family) to a rules text that replaces what
    kube-proxy would write there. `notes` say what the files held beyond it. `cloud_addresses` are those
    that the World's cloud gave to load balancers. `last_seen` maps a node whose kube-proxy has stopped
    to the cluster as kube-proxy last saw it.
    """

    state: ApiState
    proxy: KubeProxyConfiguration = field(default_factory=KubeProxyConfiguration)
    config: ClusterConfiguration = field(default_factory=ClusterConfiguration)
    given_world: World = field(default_factory=World)
    node_rules: Mapping[tuple[str, int], str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    cloud_addresses: frozenset[str] = frozenset()
    last_seen: Mapping[str, Cluster] = field(default_factory=dict)
    # Values already read, by key, each with the stored object it was read from. A changed cluster
    # shares it with the one before: whatever did not change is not read again.
    _read: dict[Key, tuple[Object, Any]] = field(default_factory=dict)

    def __repr__(self) -> str:
        counts = {"Node": 0, "Pod": 0, "Service": 0}
        for kind, _, _ in self.state.objects:
            if kind in counts:
                counts[kind] += 1
        said = ", ".join(f"{count} {kind}{'s' * (count != 1)}" for kind, count in counts.items())
        return f"<Cluster: {said}, kube-proxy in {self.proxy.mode} mode>"

    @property
    def objects(self) -> Mapping[Key, Object]:
        """The objects as stored, with every field, by (kind, namespace, name)."""
        return self.state.objects

    @cached_property
    def nodes(self) -> Mapping[str, Node]:
        """The Nodes by name, in file order."""
        return MappingProxyType({node.name: node for node in self._typed("Node", typed.node)})

    @cached_property
    def pods(self) -> Mapping[str, Pod]:
        """The Pods by `namespace/name`; one whose Node is gone stays in `state` only."""
        pods = self._typed("Pod", typed.pod)
        return MappingProxyType({pod.key: pod for pod in pods if not pod.node or pod.node in self.nodes})

    @cached_property
    def services(self) -> Mapping[str, Service]:
        """The Services by `namespace/name`, as stored."""
        return MappingProxyType({service.key: service for service in self._typed("Service", typed.service)})

    @cached_property
    def endpoint_slices(self) -> tuple[EndpointSlice, ...]:
        """The EndpointSlices: those given, and those that the controller made."""
        return tuple(self._typed("EndpointSlice", typed.endpoint_slice))

    @cached_property
    def network_policies(self) -> tuple[NetworkPolicy, ...]:
        """The NetworkPolicies, in file order."""
        return tuple(self._typed("NetworkPolicy", network_policy))

    @cached_property
    def namespaces(self) -> Mapping[str, Mapping[str, str]]:
        """The namespaces' labels by name; every namespace has `kubernetes.io/metadata.name`."""
        held = (raw["metadata"] for key, raw in self.state.objects.items() if key[0] == "Namespace")
        return MappingProxyType(
            {m["name"]: {**(m.get("labels") or {}), "kubernetes.io/metadata.name": m["name"]} for m in held}
        )

    def _typed(self, kind: str, read: Callable[[Object], T]) -> Iterator[T]:
        """The stored objects of a kind, read into values, in order."""
        for key, raw in self.state.objects.items():
            if key[0] == kind:
                known = self._read.get(key)
                if known is None or known[0] is not raw:
                    known = self._read[key] = raw, read(raw)
                yield known[1]

    @cached_property
    def world(self) -> World:
        """The World as given, with the hosts that hand-written EndpointSlices tell of.

        An outside address that a slice names is taken to serve that slice's ports, unless the World
        has a host of that address.
        """
        return with_slice_hosts(
            self.given_world, self.endpoint_slices, self.nodes.values(), self.pods.values()
        )

    @cached_property
    def families(self) -> tuple[int, ...]:
        """The cluster's IP families, 4 and 6, the primary first."""
        return tuple(6 if ":" in cidr else 4 for cidr in self.config.service_cidrs)

    def with_rules(self, node: str, text: str, family: int | None = None) -> Cluster:
        """The cluster with `text` in place of the rules that kube-proxy would write on `node`.

        The text is read when a packet meets it. Raises QuestionError for an unknown node or family.
        """
        if node not in self.nodes:
            raise QuestionError(f'no Node "{node}" in this cluster. Nodes: {", ".join(self.nodes) or "none"}')
        family = self.families[0] if family is None else family
        if family not in (4, 6):
            raise QuestionError(f"family: {family} is no IP family. Use 4 or 6")
        return replace(self, node_rules={**self.node_rules, (node, family): text})

    @cached_property
    def stopped(self) -> frozenset[str]:
        """The Nodes whose kube-proxy runs no more: the World's fault kube-proxy-stopped."""
        return _stopped(self.given_world, self.nodes)

    def seen_by(self, node: str) -> Cluster:
        """The cluster as the kube-proxy of a node knows it: this one, or an earlier one where it has stopped."""
        return self.last_seen.get(node, self)

    def with_stale_rules(self, node: str, earlier: Cluster) -> Cluster:
        """The cluster whose kube-proxy on `node` stopped when the cluster was as `earlier`.

        The node keeps the rules of then, and nobody there answers health checks. Changes that are
        made while the World has the fault kube-proxy-stopped lead to the same. Raises QuestionError for
        a node that one of the two does not have.
        """
        for cluster, which in ((self, "this"), (earlier, "the earlier")):
            if node not in cluster.nodes:
                known = ", ".join(cluster.nodes) or "none"
                raise QuestionError(f'no Node "{node}" in {which} cluster. Nodes: {known}')
        world = self.given_world
        if node not in self.stopped:
            fault = {"name": faults.KUBE_PROXY_STOPPED, "node": node}
            world = replace(world, faults=(*world.faults, fault))
        return replace(self, given_world=world, last_seen={**self.last_seen, node: earlier})

    def _still_seen(self, world: World) -> Mapping[str, Cluster]:
        """What kube-proxies that stay stopped go on knowing, when this cluster changes."""
        if not self.stopped:
            return {}
        staying = self.stopped & _stopped(world, self.nodes)
        return {node: self.seen_by(node) for node in self.nodes if node in staying}

    def with_world(self, **changes: Any) -> Cluster:
        """The cluster in a changed World, with YAML's or Python's names: `cniMasquerade=True`, `cloud="proxying"`.

        `sysctls` and `routes` are put in place of all there were. Raises InputError for what a World
        does not have.
        """
        world = check_routes(changed(self.given_world, changes), self.nodes)
        state, addresses = cloud_controller.serve(self.state, world, self.cloud_addresses)
        seen = self._still_seen(world)
        after = replace(self, given_world=world, state=state, cloud_addresses=addresses, last_seen=seen)
        faults.check(after)
        return after

    def with_state(self, state: ApiState) -> Cluster:
        """The cluster with another state of its API server, when the controllers have followed the change."""
        # The cloud first: a Service that it lets go is gone, and its slices are collected.
        state, addresses = cloud_controller.serve(state, self.given_world, self.cloud_addresses)
        state = controllers.settle(self.state, state)
        seen = self._still_seen(self.given_world)
        return replace(self, state=state, cloud_addresses=addresses, last_seen=seen)

    def create(self, text: str, filename: str = "input", *, namespace: str = "default") -> Cluster:
        """`kubectl create -f` of that YAML text. Raises ApiError with what kubectl prints."""
        from svcnotes.control_plane.kubectl.create import create

        return self._answered(create(text, filename, self.state, namespace=namespace))

    def apply(self, text: str, filename: str = "input", *, namespace: str = "default") -> Cluster:
        """`kubectl apply -f` of that YAML text. Raises ApiError with what kubectl prints."""
        from svcnotes.control_plane.kubectl.apply import apply

        return self._answered(apply(text, filename, self.state, namespace=namespace))

    def replace(self, text: str, filename: str = "input", *, namespace: str = "default") -> Cluster:
        """`kubectl replace -f` of that YAML text. Raises ApiError with what kubectl prints."""
        from svcnotes.control_plane.kubectl.replace import replace

        return self._answered(replace(text, filename, self.state, namespace=namespace))

    def patch(
        self,
        word: str,
        name: str,
        text: str,
        *,
        style: str = "strategic",
        namespace: str = "default",
        subresource: str = "",
    ) -> Cluster:
        """`kubectl patch WORD NAME -p TEXT --type=STYLE`, e.g. of `service`. Raises ApiError with what kubectl prints.

        `subresource` status is where a load balancer's address is written.
        """
        from svcnotes.control_plane.kubectl.patch import patch

        options = {"style": style, "namespace": namespace, "subresource": subresource}
        return self._answered(patch(word, name, text, self.state, **options))

    def delete(self, word: str, *names: str, namespace: str = "default") -> Cluster:
        """`kubectl delete WORD NAME...`. Raises ApiError with what kubectl prints."""
        from svcnotes.control_plane.kubectl.delete import delete

        return self._answered(delete(word, names, self.state, namespace=namespace))

    def _answered(self, answer: Answer) -> Cluster:
        """The cluster after a kubectl command; a refusal leaves this one as it was."""
        if answer.exit_code:
            raise ApiError(answer.stderr.rstrip("\n"))
        return self.with_state(answer.state)


def _stopped(world: World, nodes: Mapping[str, Node]) -> frozenset[str]:
    named = [fault.get("node") for fault in world.faults if fault.get("name") == faults.KUBE_PROXY_STOPPED]
    return frozenset(nodes) if None in named else frozenset(node for node in nodes if node in named)
