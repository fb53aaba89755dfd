"""Clusters with many Services: objects as the API server stores them, made without reading YAML."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from svcnotes.control_plane.api_server.state import ApiState
from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.objects import KubeProxyConfiguration

NODE_PORTS = range(20000, 60000)


def address(first: int, number: int) -> str:
    """The address `number` of the range FIRST.0.0.0/8."""
    return f"{first}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def node(number: int) -> dict[str, Any]:
    name = f"node-{number}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "spec": {"podCIDR": f"10.244.{number}.0/24", "podCIDRs": [f"10.244.{number}.0/24"]},
        "status": {"addresses": [{"type": "InternalIP", "address": f"172.18.0.{10 + number}"}]},
    }


def service(number: int) -> dict[str, Any]:
    """A NodePort Service, as long as there are ports for it; a ClusterIP Service after that."""
    port: dict[str, Any] = {"protocol": "TCP", "port": 80, "targetPort": 8080}
    if number < len(NODE_PORTS):
        port["nodePort"] = NODE_PORTS[number]
    ip = address(11, number + 1)
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": f"web-{number:06}", "namespace": "default"},
        "spec": {
            "type": "NodePort" if "nodePort" in port else "ClusterIP",
            "clusterIP": ip,
            "clusterIPs": [ip],
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "internalTrafficPolicy": "Cluster",
            "externalTrafficPolicy": "Cluster",
            "sessionAffinity": "None",
            "ports": [port],
        },
    }


def endpoint_slice(number: int, endpoints: int) -> dict[str, Any]:
    name = f"web-{number:06}"
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-x",
            "namespace": "default",
            "labels": {"kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": [address(12, number * endpoints + i + 1)],
                "conditions": {"ready": True, "serving": True, "terminating": False},
                "nodeName": f"node-{1 + i % 3}",
            }
            for i in range(endpoints)
        ],
        "ports": [{"name": "", "port": 8080, "protocol": "TCP"}],
    }


def cluster_of(services: int, endpoints: int = 5) -> Cluster:
    """Three nodes, `services` Services and as many EndpointSlices, each with its own endpoints."""
    objects: dict[tuple[str, str, str], dict[str, Any]] = {}
    for number in (1, 2, 3):
        objects["Node", "", f"node-{number}"] = node(number)
    for number in range(services):
        objects["Service", "default", f"web-{number:06}"] = service(number)
        objects["EndpointSlice", "default", f"web-{number:06}-x"] = endpoint_slice(number, endpoints)
    state = ApiState(
        objects, service_cidrs=("11.0.0.0/8",), node_port_range=(20000, 59999), admission_plugins=frozenset()
    )
    cluster = Cluster(state, KubeProxyConfiguration(cluster_cidrs=("10.244.0.0/16",)))
    assert len(cluster.services) == len(cluster.endpoint_slices) == services  # read now, not when timed
    return cluster


def one_endpoint_less(cluster: Cluster, number: int) -> Cluster:
    """The cluster when the Service of that number has lost its last endpoint."""
    key = ("EndpointSlice", "default", f"web-{number:06}-x")
    piece = cluster.state.objects[key]
    objects = {**cluster.state.objects, key: {**piece, "endpoints": piece["endpoints"][:-1]}}
    return replace(cluster, state=replace(cluster.state, objects=objects))
