"""A drawn cluster: nodes, pods, a Service and those who call it, with names and addresses of a student's own.

What is drawn are names and numbers. The shape (how many nodes, how many pods on the busiest, the next, ...) is the
exercise's, and chance only says which node is which: so every student's packet has equally much before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_network
from typing import Any

import yaml

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.load import loads
from svcnotes.exercises.asked import Asked
from svcnotes.exercises.exercise import Exercise
from svcnotes.exercises.personal.chance import Draw
from svcnotes.network.node_rules import rules_text
from svcnotes.trace import Trace

_NODES = ["alder", "almond", "apple", "ash", "aspen", "bay", "beech", "birch", "cedar", "cherry", "chestnut", "cypress", "ebony", "elder", "elm", "fig", "fir", "ginkgo", "hawthorn", "hazel", "hemlock", "hickory", "holly", "hornbeam", "juniper", "larch", "laurel", "lemon", "linden", "magnolia", "mahogany", "maple", "medlar", "mulberry", "myrtle", "oak", "olive", "peach", "pear", "pecan", "pine", "plum", "poplar", "quince", "redwood", "rowan", "sequoia", "spruce", "sycamore", "tamarind", "teak", "walnut", "willow", "yew"]  # fmt: skip
APPS = ["agenda", "albums", "auction", "badges", "basket", "blog", "books", "calendar", "cart", "chat", "clock", "contest", "coupons", "courses", "desk", "diary", "drafts", "events", "fares", "feed", "forum", "gallery", "games", "guests", "guide", "hotel", "invoices", "library", "lottery", "mail", "maps", "market", "memos", "menu", "music", "news", "notes", "orders", "parcels", "pets", "photo", "plan", "poll", "prices", "profile", "puzzles", "queue", "quiz", "radio", "recipes", "reviews", "rooms", "sales", "scores", "search", "seats", "shop", "surveys", "tasks", "tickets", "tours", "trains", "trips", "vacancies", "video", "vote", "weather", "wiki"]  # fmt: skip
_KEYS = ("app", "name", "role", "run", "svc", "part")
_PORTS = (80, 81, 88, 8000, 8008, 8081, 8088, 8888, 9000)
_TARGETS = (3000, 4000, 5000, 5050, 6060, 7070, 8080, 8181, 9090, 9292)
_DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # PyYAML may be built without libyaml
FIRST_NODE_PORT, LAST_NODE_PORT = 30000, 32767


@dataclass(frozen=True, slots=True)
class Host:
    """A drawn Node: its address, and the first three numbers of its pods' network."""

    name: str
    address: str
    pods: str

    @property
    def cidr(self) -> str:
        """The range of its pods' addresses."""
        return f"{self.pods}.0/24"

    @property
    def bridge(self) -> str:
        """The address of cni0, the bridge that its pods hang on."""
        return f"{self.pods}.1"

    @property
    def tunnel(self) -> str:
        """The address of flannel.1, the tunnel's end, where the network plugin has one."""
        return f"{self.pods}.0"


@dataclass(frozen=True, slots=True)
class Member:
    """A drawn Pod, and the Node that it runs on."""

    name: str
    address: str
    host: Host

    @property
    def key(self) -> str:
        """`namespace/name`."""
        return f"default/{self.name}"

    @property
    def source(self) -> str:
        """How a question names it as the one who asks."""
        return f"pod/{self.key}"


@dataclass(frozen=True)
class Once(Asked):
    """A packet whose trace is remembered: the cluster is the same each time."""

    @cached_property
    def _found(self) -> Trace:
        return super().trace()

    def trace(self) -> Trace:
        """Follow the packet, the first time."""
        return self._found


@dataclass(frozen=True)
class Drawn:
    """A cluster as objects; it is read when it is first called for, changed where that is asked for, and then kept."""

    objects: tuple[Mapping[str, Any], ...]
    change: Callable[[Cluster], Cluster] | None = None

    @cached_property
    def _read(self) -> Cluster:
        cluster = loads(*map(json.dumps, self.objects))
        return self.change(cluster) if self.change else cluster

    def __call__(self) -> Cluster:
        """The cluster."""
        return self._read

    def text(self) -> str:
        """Its YAML, to be read by people."""
        return as_yaml(self.objects)

    def asks(self, source: str, to: str, protocol: str = "tcp", via: str | None = None) -> Once:
        """A packet in this cluster."""
        return Once(self, source, to, via, protocol)


@dataclass(frozen=True)
class Site:
    """What was drawn. `pods` are the Service's, node by node as `hosts`; `tool` is a pod that is none of them.

    `client` and `stranger` are outside, in different networks. `app` is the Service's name, `label` what its
    pods bear, `vip` the address that a load balancer gives it, `host` that of some other machine outside.
    """

    hosts: tuple[Host, ...]
    pods: tuple[Member, ...]
    tool: Member
    client: str
    stranger: str
    router: str
    app: str
    label: tuple[str, str]
    port: int
    target: int
    node_port: int
    spare_port: int
    cluster_ip: str
    pod_range: str
    vip: str
    host: str

    @property
    def key(self) -> str:
        """The Service, `namespace/name`."""
        return f"default/{self.app}"

    @property
    def office(self) -> str:
        """The client's own part of its network, sixteen addresses."""
        return str(ip_network(f"{self.client}/28", strict=False))

    @property
    def neighbour(self) -> str:
        """An address of the same network that is not of the office."""
        network, _, last = self.client.rpartition(".")
        return f"{network}.{(int(last) + 16) % 224 + 1}"

    @property
    def colleague(self) -> str:
        """Another address of the office."""
        network, _, last = self.client.rpartition(".")
        return f"{network}.{int(last) ^ 1}"

    @property
    def selector(self) -> dict[str, str]:
        """What the Service selects its pods by."""
        return dict([self.label])

    def on(self, host: Host) -> tuple[Member, ...]:
        """The Service's pods on a node."""
        return tuple(pod for pod in self.pods if pod.host == host)

    def empty(self) -> Host:
        """The first node that runs no pod of the Service."""
        return next(host for host in self.hosts if not self.on(host))

    def busiest(self) -> Host:
        """The node that runs most pods of the Service."""
        return max(self.hosts, key=lambda host: len(self.on(host)))

    def dial(self, host: Host) -> str:
        """The Service's nodePort on a node."""
        return f"{host.address}:{self.node_port}"

    @property
    def inside(self) -> str:
        """The Service's own address and port."""
        return f"{self.cluster_ip}:{self.port}"

    # The objects, as YAML has them

    def nodes(self) -> list[dict[str, Any]]:
        """The Nodes."""
        return [
            {
                "apiVersion": "v1",
                "kind": "Node",
                "metadata": {"name": host.name, "labels": {"kubernetes.io/hostname": host.name}},
                "spec": {"podCIDR": host.cidr},
                "status": {"addresses": [{"type": "InternalIP", "address": host.address}]},
            }
            for host in self.hosts
        ]

    def members(
        self, *, listens: int | None = None, labels: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """The Service's pods; they listen on `target` unless told otherwise."""
        number = self.target if listens is None else listens
        return [self.pod(pod, dict(labels or self.selector), {"http": number}) for pod in self.pods]

    def pod(self, member: Member, labels: Mapping[str, str], ports: Mapping[str, int]) -> dict[str, Any]:
        """A Pod; without ports it listens on every one."""
        container: dict[str, Any] = {"name": "main", "image": "example.com/main"}
        if ports:
            container["ports"] = [{"name": name, "containerPort": number} for name, number in ports.items()]
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": member.name, "labels": dict(labels)},
            "spec": {"nodeName": member.host.name, "containers": [container]},
            "status": {"podIP": member.address},
        }

    def service(self, name: str = "", **spec: Any) -> dict[str, Any]:
        """The Service: of type NodePort and policy Cluster, unless `spec` says otherwise; None takes a field away."""
        whole = {
            "type": "NodePort",
            "clusterIP": self.cluster_ip,
            "selector": self.selector,
            "ports": [
                {"name": "http", "port": self.port, "targetPort": self.target, "nodePort": self.node_port}
            ],
            **spec,
        }
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name or self.app},
            "spec": {name: value for name, value in whole.items() if value is not None},
        }

    def objects(
        self, *more: Mapping[str, Any], world: Mapping[str, Any] | None = None
    ) -> list[Mapping[str, Any]]:
        """Every object of the cluster: settings, Nodes, the tool, what is given, and the World."""
        settings = {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "clusterCIDR": self.pod_range,
        }
        tool = self.pod(self.tool, {"tool": "curl"}, {})
        around = [{"apiVersion": "svcnotes/v1", "kind": "World", **world}] if world else []
        return [settings, *self.nodes(), tool, *more, *around]

    def cluster(self, *more: Mapping[str, Any], world: Mapping[str, Any] | None = None) -> Drawn:
        """The cluster of these objects."""
        return Drawn(tuple(self.objects(*more, world=world)))

    def whole(self, *more: Mapping[str, Any], world: Mapping[str, Any] | None = None, **spec: Any) -> Drawn:
        """The cluster with the Service's pods and the Service, as `spec` has it."""
        return self.cluster(*self.members(), self.service(**spec), *more, world=world)

    def balanced(self, cloud: str = "pass-through", *more: Mapping[str, Any], **spec: Any) -> Drawn:
        """The cluster with the Service behind a load balancer, which has the address `vip`."""
        service = self.service(**{"type": "LoadBalancer", **spec})
        mode = "VIP" if cloud == "pass-through" else "Proxy"
        service["status"] = {"loadBalancer": {"ingress": [{"ip": self.vip, "ipMode": mode}]}}
        return self.cluster(*self.members(), service, *more, world={"cloud": cloud})

    @property
    def public(self) -> str:
        """The load balancer's address, and the Service's port."""
        return f"{self.vip}:{self.port}"

    # What a question tells of it

    def told(self, *, pods: bool = True, service: str = "") -> str:
        """The facts that a question gives, a line for each node."""
        lines = [
            f"{host.name}: {host.address}, cni0 {host.bridge}, pods {host.cidr}{self._members(host) if pods else ''}"
            for host in self.hosts
        ]
        lines.append(
            f"clients outside: {self.client} and {self.stranger}; {self.tool.name}: {self.tool.address} on {self.tool.host.name}"
        )
        if service:
            lines.append(service)
        return "\n".join(f"  {line}" for line in lines)

    def _members(self, host: Host) -> str:
        return "".join(f"; {pod.name} {pod.address}" for pod in self.on(host))

    def said(self, policy: str = "Cluster", kind: str = "NodePort") -> str:
        """The Service in a line."""
        node_port = "" if kind == "ClusterIP" else f", nodePort {self.node_port}"
        return (
            f"Service {self.app}: type {kind}, policy {policy}, clusterIP {self.cluster_ip}, port {self.port}{node_port}, "
            f"targetPort {self.target}, selector {self.label[0]}: {self.label[1]}"
        )


def site(draw: Draw, counts: Sequence[int] = (1, 1, 0), *, tool_on: str = "any") -> Site:
    """Draw a site with `counts` pods on its nodes, in a drawn order.

    `tool_on` says where the pod `tool` runs: on `any` node, one that is `empty` of the Service's pods, or one
    that is `busy` with them.
    """
    chance = draw.random
    subnet = f"172.{chance.randint(18, 31)}.{chance.randint(0, 254)}"
    network = f"10.{chance.randint(100, 250)}"
    places = chance.sample(range(1, 250), len(counts))
    ends = chance.sample(range(11, 250), len(counts))
    names = chance.sample(_NODES, len(counts))
    hosts = tuple(
        Host(name, f"{subnet}.{end}", f"{network}.{place}")
        for name, end, place in zip(names, ends, places, strict=True)
    )
    app = chance.choice(APPS)
    shuffled = chance.sample(list(counts), len(counts))
    where = [host for host, count in zip(hosts, shuffled, strict=True) for _ in range(count)]
    free = {host.name: chance.sample(range(10, 250), len(where) + 2) for host in hosts}
    pods = tuple(
        Member(f"{app}-{number}", f"{host.pods}.{free[host.name].pop()}", host)
        for number, host in enumerate(where, 1)
    )
    busy = {pod.host for pod in pods}
    fit = {
        "any": hosts,
        "empty": [h for h in hosts if h not in busy],
        "busy": [h for h in hosts if h in busy],
    }
    home = chance.choice(list(fit[tool_on]))
    node_port, spare = chance.sample(range(FIRST_NODE_PORT, LAST_NODE_PORT + 1), 2)
    return draw.keep(
        "site",
        Site(
            hosts=hosts,
            pods=pods,
            tool=Member("tool", f"{home.pods}.{free[home.name].pop()}", home),
            client=f"192.0.2.{chance.randint(2, 250)}",
            stranger=f"198.51.100.{chance.randint(2, 250)}",
            router=f"{subnet}.1",
            app=app,
            label=(chance.choice(_KEYS), app),
            port=chance.choice(_PORTS),
            target=chance.choice(_TARGETS),
            node_port=node_port,
            spare_port=spare,
            cluster_ip=f"10.96.{chance.randint(1, 250)}.{chance.randint(2, 250)}",
            pod_range=f"{network}.0.0/16",
            vip=f"203.0.113.{chance.randint(2, 120)}",
            host=f"203.0.113.{chance.randint(121, 250)}",
        ),
    )


def as_yaml(cluster_objects: Sequence[Mapping[str, Any]]) -> str:
    """Objects as YAML to read."""
    return str(yaml.dump_all(map(dict, cluster_objects), Dumper=_DUMPER, sort_keys=False))


def one_yaml(thing: Mapping[str, Any]) -> str:
    """One object as YAML to read and to mend."""
    return str(yaml.dump(dict(thing), Dumper=_DUMPER, sort_keys=False))


def about(cluster: Drawn, made: Exercise, ask: Asked | None = None) -> Exercise:
    """The exercise with the YAML of the cluster that it is about, and with the packet that it is about where one is given."""
    return replace(made, world=cluster.text, ask=made.ask if ask is None else ask.trace)


def rules_of(cluster: Cluster, host: Host, *words: str) -> str:
    """The rules of a node in which one of `words` occurs, as `iptables-save` prints them."""
    lines = rules_text(cluster, host.name).splitlines()
    return "\n".join(
        f"  {line}" for line in lines if line.startswith("-A") and any(word in line for word in words)
    )
