"""Controls: one thing of a scene that a learner may set, and what each choice does to the scene."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError
from svcnotes.kube_proxy.modes import MODES
from svcnotes.scenarios import changes
from svcnotes.scenarios.scene import KERNEL, SIMULATED, Scene

Change = Callable[[Scene], Scene]


@dataclass(frozen=True, slots=True)
class Choice:
    """One choice: `value` is its name in Python, `text` what a reader sees (the value, where empty).

    `waiting` is what to say while an answer is awaited that takes its time.
    """

    value: str
    change: Change
    text: str = ""
    waiting: str = ""

    @property
    def words(self) -> str:
        """What a reader sees."""
        return self.text or self.value.replace(",", ", ")


@dataclass(frozen=True, slots=True)
class Control:
    """One thing that a learner may set; `start` is the choice to begin with, the first where empty."""

    name: str
    label: str
    choices: tuple[Choice, ...]
    start: str = ""

    @property
    def values(self) -> tuple[str, ...]:
        """The names of the choices."""
        return tuple(choice.value for choice in self.choices)

    def choice(self, value: str) -> Choice:
        """The choice of that name. Raises QuestionError for another."""
        found = next((choice for choice in self.choices if choice.value == value), None)
        if found is None:
            raise QuestionError(f"{self.name}: {value!r} is no choice. Choose from: {'; '.join(self.values)}")
        return found

    def words(self, value: str) -> str:
        """The words of one choice."""
        return self.choice(value).words

    def starting(self, value: str) -> Control:
        """The same control with another choice to begin with."""
        return replace(self, start=self.choice(value).value)


def control(name: str, label: str, choices: Mapping[str, Change], start: str = "") -> Control:
    """Make a control from words and what each does to the scene."""
    if not choices:
        raise QuestionError(f"{name}: a control needs at least one choice")
    return Control(name, label, tuple(Choice(words, change) for words, change in choices.items()), start)


def in_cluster(change: Callable[[Cluster], Cluster]) -> Change:
    """A change of the scene's cluster alone."""
    return lambda scene: replace(scene, cluster=change(scene.cluster))


def asking(**fields: Any) -> Change:
    """A change of the question: `source`, `to`, `via`, `protocol`, `enter`, `service`, `port` or `engine`."""
    return lambda scene: replace(scene, **fields)


def in_world(**fields: Any) -> Change:
    """A change of the World, as `Cluster.with_world` takes it."""
    return in_cluster(lambda cluster: cluster.with_world(**fields))


def applying(manifest: str) -> Change:
    """What `kubectl apply` of a manifest does."""
    return in_cluster(lambda cluster: cluster.apply(manifest))


def unchanged(scene: Scene) -> Scene:
    """Leave the scene as it is."""
    return scene


def spec(name: str, label: str, field: str, values: Sequence[str]) -> Control:
    """Set one field of the Service's spec."""

    def choice(value: str) -> Choice:
        return Choice(
            value,
            lambda scene: replace(
                scene, cluster=changes.with_field(scene.cluster, scene.found, field, value)
            ),
        )

    return Control(name, label, tuple(choice(value) for value in values))


def mode() -> Control:
    """Choose kube-proxy's mode on every node."""
    choices = tuple(Choice(name, in_cluster(partial(changes.with_mode, mode=name))) for name in MODES)
    return Control("mode", "kube-proxy's mode", choices)


def policy() -> Control:
    """Set the Service's externalTrafficPolicy: Cluster or Local."""
    return spec("policy", "externalTrafficPolicy", "externalTrafficPolicy", ("Cluster", "Local"))


def enter(cluster: Cluster) -> Control:
    """Choose the node whose nodePort the client dials."""
    nodes = tuple(cluster.nodes)
    choices = tuple(Choice(node, asking(enter=node)) for node in nodes)
    return Control("enter", "enter by", choices, nodes[min(1, len(nodes) - 1)])


def via(cluster: Cluster) -> Control:
    """Choose the node that the router hands the packet to."""
    choices = tuple(Choice(node, asking(via=node)) for node in cluster.nodes)
    return Control("via", "the router hands it to", choices)


def pods(cluster: Cluster, placements: Sequence[str] = ()) -> Control:
    """Choose where the Service's Pods run; placements are node names with commas, or `all nodes`."""

    def choice(text: str) -> Choice:
        nodes = changes.placed_on(text, cluster)
        return Choice(
            text,
            lambda scene: replace(scene, cluster=changes.with_pods_on(scene.cluster, scene.found, nodes)),
        )

    return Control(
        "pods", "pods run on", tuple(choice(text) for text in placements or changes.placements(cluster))
    )


def cni() -> Control:
    """Choose how the network plugin carries packets from node to pod."""
    kinds = {
        "bridge": "bridge: cni0, routes between nodes",
        "vxlan": "VXLAN: cni0, tunnel flannel.1",
        "routed": "routed: cables without addresses",
    }
    return Control(
        "cni", "network plugin", tuple(Choice(kind, in_world(cni=kind), text) for kind, text in kinds.items())
    )


def cloud() -> Control:
    """Choose the load balancer that the cloud brings."""
    kinds = {
        "none": "none: no controller",
        "pass-through": "hands packets on, unchanged",
        "proxying": "a proxy, to node:nodePort",
        "pods": "a proxy, straight to pods",
    }
    choices = tuple(Choice(kind, in_world(cloud=kind), text) for kind, text in kinds.items())
    return Control("cloud", "load balancer", choices)


def route(address: str, cluster: Cluster) -> Control:
    """Choose which node the network outside routes an address to, if any."""

    def choice(node: str) -> Choice:
        return Choice(node, in_world(routes={address: node}), f"to {node}")

    nobody = Choice("nobody", in_world(routes={}), "no route")
    return Control("route", f"route for {address}", (nobody, *(choice(node) for node in cluster.nodes)))


def hairpin() -> Control:
    """Switch the hairpin flag of the bridges' ports."""
    choices = (
        Choice("on", in_world(faults=[])),
        Choice("off", in_world(faults=[{"name": "hairpin-off"}])),
    )
    return Control("hairpin", "hairpin flag of the bridge port", choices)


def bridge_nf() -> Control:
    """Switch whether frames that cross a node's bridge pass iptables."""
    name = "net.bridge.bridge-nf-call-iptables"
    choices = (Choice("1", in_world(sysctls={name: "1"})), Choice("0", in_world(sysctls={name: "0"})))
    return Control("bridge_nf", "bridge-nf-call-iptables", choices)


def engine() -> Control:
    """Choose who carries the packet: the simulation, or the Linux kernel of the machine that Python runs on."""
    choices = (
        Choice(SIMULATED, asking(engine=SIMULATED)),
        Choice(
            KERNEL,
            asking(engine=KERNEL),
            "real, in this machine's kernel",
            "Real packets are on their way through this machine's kernel …",
        ),
    )
    return Control("engine", "packets", choices)


def rule(fragment: str, nodes: Sequence[str] = (), label: str = "the rule") -> Control:
    """Take the rules that contain a text out of the nodes' rules. Put it last: later changes do not rewrite them."""
    choices = (
        Choice("in", unchanged, "in its place"),
        Choice(
            "out", in_cluster(lambda cluster: changes.without_rule(cluster, fragment, nodes)), "taken out"
        ),
    )
    return Control("rule", label, choices)


def caller(sources: Mapping[str, str]) -> Control:
    """Choose who asks: words to a `source` of `svcnotes.trace`."""
    return control("caller", "who calls", {words: asking(source=source) for words, source in sources.items()})


def dialled(targets: Mapping[str, str]) -> Control:
    """Choose what is dialled: words to a `to` of `svcnotes.trace`."""
    return control("dialled", "dials", {words: asking(to=to) for words, to in targets.items()})
