"""A rollout, moment by moment: one Pod of a Service gives way to a new one, and a load balancer learns of it late.

In a real cluster the API server marks the old Pod with a deletionTimestamp, its program goes on until it has
finished or its grace is over, then the object goes; the EndpointSlice's conditions follow at once. A load
balancer learns of it by health checks, one every few seconds. Here each moment is a cluster.
"""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import dataclass, replace

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.faults import BALANCER_BELIEVES
from svcnotes.errors import QuestionError
from svcnotes.network.cloud import healthy_nodes
from svcnotes.scenarios.changes import find_service, pod_like
from svcnotes.scenarios.controls import Choice, Control
from svcnotes.scenarios.scene import Scene

GRACE_SECONDS = 30  # the default of a Pod's terminationGracePeriodSeconds
_SOMETIME = "1970-01-01T00:00:00Z"
BEFORE, ENDING, GONE, NOTICED = "before", "ending", "gone", "noticed"


def ending(cluster: Cluster, pod: str) -> Cluster:
    """Mark a Pod (`namespace/name`) as told to end: it still runs and serves. Raises QuestionError."""
    key = ("Pod", *pod.partition("/")[::2])
    if key not in cluster.objects:
        raise QuestionError(f"no Pod {pod!r} to end. Pods: {', '.join(cluster.pods) or 'none'}")
    marked = deepcopy(dict(cluster.objects[key]))
    marked["metadata"] |= {"deletionTimestamp": _SOMETIME, "deletionGracePeriodSeconds": GRACE_SECONDS}
    return cluster.with_state(cluster.state.with_object(marked))


@dataclass(frozen=True, slots=True)
class Rollout:
    """The Pod `old` (`namespace/name`) gives way to a Pod `new` (a name) on the Node `node`."""

    old: str
    new: str
    node: str

    def at(self, moment: str, cluster: Cluster, service: str) -> Cluster:
        """The cluster at a moment: before, ending, gone (the balancer has not noticed), noticed.

        `service` (`namespace/name`) is the one whose balancer lags. The new Pod is there and ready from `ending` on, as with a Deployment's maxSurge.
        """
        namespace, _, name = self.old.partition("/")
        found = find_service(cluster, service)
        believed = healthy_nodes(cluster, found, 6 if ":" in found.cluster_ips[0] else 4)
        if moment == BEFORE:
            return cluster
        pattern = cluster.objects.get(("Pod", namespace, name))
        if pattern is None:
            raise QuestionError(f"no Pod {self.old!r} to replace. Pods: {', '.join(cluster.pods) or 'none'}")
        now = cluster.apply(json.dumps(pod_like(pattern, self.new, self.node)), namespace=namespace)
        now = ending(now, self.old) if moment == ENDING else now.delete("pod", name, namespace=namespace)
        if moment == NOTICED:
            return now
        late = {"name": BALANCER_BELIEVES, "nodes": list(believed), "service": service}
        return now.with_world(faults=[*now.given_world.faults, late])

    def control(self) -> Control:
        """The moments as a control `time`. Put it behind the controls that change the Service."""
        words = {
            BEFORE: "before",
            ENDING: "the old pod is told to end",
            GONE: "the old pod is gone",
            NOTICED: "the balancer has noticed",
        }
        return Control("time", "time", tuple(self._choice(moment, text) for moment, text in words.items()))

    def _choice(self, moment: str, text: str) -> Choice:
        def change(scene: Scene) -> Scene:
            return replace(scene, cluster=self.at(moment, scene.cluster, scene.service))

        return Choice(moment, change, text)
