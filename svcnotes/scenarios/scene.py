"""A scene: a cluster, and the one packet that is followed in it."""

from __future__ import annotations

from dataclasses import dataclass

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import Service
from svcnotes.errors import QuestionError
from svcnotes.kernel import Lab
from svcnotes.kernel import trace as real_trace
from svcnotes.scenarios.changes import backing_pods, dial, find_port, find_service
from svcnotes.trace import Trace, trace

SIMULATED, KERNEL = "simulated", "kernel"


@dataclass(frozen=True)
class Scene:
    """A cluster and the question asked in it; every change gives a new one.

    `source`, `to`, `via` and `protocol` are those of `svcnotes.trace`. Without `to` the packet goes to the
    nodePort of the Service's `port` (number or name, None the first) at the Node `enter`. `service`
    (`namespace/name`) is the one whose Pods a picture shows, whether the packet meets them or not. `engine` says
    who carries the packet: `simulated`, svcnotes itself, or `kernel`, this machine's Linux (`svcnotes.kernel`).
    """

    cluster: Cluster
    service: str = ""
    port: int | str | None = None
    source: str = "192.0.2.10"
    enter: str = ""
    to: str = ""
    via: str | None = None
    protocol: str = "tcp"
    engine: str = SIMULATED

    @property
    def found(self) -> Service:
        """The Service as stored. Raises QuestionError where there is none."""
        return find_service(self.cluster, self.service)

    @property
    def aim(self) -> str:
        """What the packet is sent to, `ADDRESS:PORT`. Raises QuestionError where that cannot be said."""
        if self.to:
            return self.to
        port = find_port(self.found, self.port)
        if not port.node_port:
            raise QuestionError(
                f'Service "{self.service}" has no nodePort. Use type NodePort or LoadBalancer, or say `to`'
            )
        return dial(self.cluster, self.enter, port, self.source)

    @property
    def cast(self) -> frozenset[str]:
        """The Service's Pods (`namespace/name`); none where there is no such Service."""
        service = self.cluster.services.get(self.service)
        return frozenset(backing_pods(self.cluster, service)) if service else frozenset()

    def trace(self, lab: Lab | None = None) -> Trace:
        """Follow the packet. Raises what `svcnotes.trace` raises; for real packets what `svcnotes.kernel.trace` does.

        `lab` is one for real packets, which stays up; without it one is made, and taken down again.
        """
        if self.engine == KERNEL:
            return real_trace(self.cluster, self.source, self.aim, self.protocol, self.via, lab=lab)
        return trace(self.cluster, self.source, self.aim, self.protocol, self.via)
