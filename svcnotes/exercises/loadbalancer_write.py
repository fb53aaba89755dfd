"""Write a Service of type LoadBalancer that lets the right people in."""

from __future__ import annotations

from svcnotes.control_plane.cluster import Cluster
from svcnotes.exercises import loadbalancer_clusters as worlds
from svcnotes.exercises.apply import apply
from svcnotes.exercises.claims import ends
from svcnotes.exercises.manifest import CLIENT

MANIFEST = """\
apiVersion: v1
kind: Service
metadata: {name: my-nginx}
spec:
  type: LoadBalancer
  loadBalancerSourceRanges: [198.51.100.0/24]
  selector: {run: my-nginx}
  ports:
  - {name: http, port: 80, targetPort: 80}
"""


def _address(cluster: Cluster) -> str:
    """What a client dials: the address that the cloud gave, and the Service's port."""
    service = cluster.services[worlds.SERVICE]
    return f"{service.ingress[0].ip}:{service.ports[0].port}" if service.ingress else worlds.VIP


write = apply(
    "write",
    "Change this manifest. The office, 192.0.2.0/24, reaches the load balancer's address, and the pods see who of the office calls. "
    "Nobody else outside gets in there. The pods of the cluster, 10.244.0.0/16, do.",
    worlds.without_service,
    (
        ends(
            "192.0.2.77, of the office, gets an answer",
            "192.0.2.77",
            _address,
            because="The rule below stands where packets end that no range let through.",
            hint="The ranges are those that may come in.",
        ),
        ends(
            "the pod sees 192.0.2.10",
            CLIENT,
            _address,
            sees=CLIENT,
            idea="the-pod-sees-the-client",
            because="Cluster is the default policy, and Cluster changes the source.",
            hint="externalTrafficPolicy",
        ),
        ends(
            "192.0.3.10, of another network, waits in vain",
            "192.0.3.10",
            _address,
            "timeout",
            because="Nothing holds it up.",
            hint="loadBalancerSourceRanges, and no wider than the office.",
        ),
        ends(
            "the pod curl, on node-3, gets an answer",
            "pod/default/curl",
            _address,
            because="A pod that calls the load balancer's address meets the same rules as a client outside, and its address is in no range.",
            hint="The list may have several ranges.",
        ),
    ),
    (
        "One field says which sources may come in, another whether the source is kept.",
        "externalTrafficPolicy: Local, and two ranges in the list.",
        "loadBalancerSourceRanges: [192.0.2.0/24, 10.244.0.0/16]",
    ),
    MANIFEST,
)
