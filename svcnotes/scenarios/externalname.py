"""The lesson on ExternalName: what the Service my-db may be, as a control, and who may ask for it."""

from __future__ import annotations

from svcnotes.control_plane.cluster import Cluster
from svcnotes.scenarios.controls import Choice, Control, caller, in_cluster, unchanged

SLICE = """\
apiVersion: v1
kind: Service
metadata: {name: my-db}
spec:
  clusterIP: 10.96.0.50
  ports: [{port: 5432}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: my-db-1
  labels: {kubernetes.io/service-name: my-db}
addressType: IPv4
endpoints: [{addresses: [203.0.113.50]}]
ports: [{port: 5432}]
"""
"""A Service without a selector, and the one endpoint that somebody wrote by hand: a host outside."""
PODS = """\
apiVersion: v1
kind: Service
metadata: {name: my-db}
spec:
  clusterIP: 10.96.0.50
  selector: {app: my-db}
  ports: [{port: 5432}]
"""
"""The ordinary kind: a clusterIP, and Pods that a selector finds."""


def instead(cluster: Cluster, manifest: str) -> Cluster:
    """The cluster with another Service my-db in place of the one that it has."""
    return cluster.delete("service", "my-db").create(manifest)


def kinds() -> Control:
    """Choose what my-db is: an ExternalName, a Service with a hand-written EndpointSlice, one with Pods."""
    return Control(
        "kind",
        "my-db is",
        (
            Choice("ExternalName", unchanged),
            Choice("EndpointSlice", in_cluster(lambda c: instead(c, SLICE)), "EndpointSlice by hand"),
            Choice("ClusterIP", in_cluster(lambda c: instead(c, PODS)), "ClusterIP, with a pod"),
        ),
    )


def askers() -> Control:
    """Choose who dials: a Pod, a process on a Node, a client outside."""
    return caller(
        {"the pod shop": "pod/default/shop", "node-1 itself": "node/node-1", "a client outside": "192.0.2.10"}
    )
