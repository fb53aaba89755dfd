"""Generated clusters and mangled files end in a Cluster or in one SvcnotesError, never in a traceback."""

from pathlib import Path

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from svcnotes.control_plane.cluster import Cluster
from svcnotes.control_plane.load import loads
from svcnotes.errors import SvcnotesError

DATA = Path(__file__).parent.parent / "data"
SEEDS = [
    (DATA / f"oracle/{name}/cluster.yaml").read_text()
    for name in ("nodeport-cluster", "lb-sourceranges", "ipv6-nodeport", "clusterip-manual-endpoints")
]
SEEDS.append(
    """apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 3, selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, ports: [{containerPort: 80}]}]}}}
---
apiVersion: svcnotes/v1
kind: World
cni: vxlan
sysctls: {bridge-nf-call-iptables: 0}
routes: {203.0.113.10: node-1}
hosts: [{name: db, address: 192.0.2.50, serves: [5432]}]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
networking: {podSubnet: 10.244.0.0/16, serviceSubnet: 10.96.0.0/16}
apiServer: {extraArgs: [{name: service-node-port-range, value: 30000-30010}]}
"""
)


def outcome(*texts):
    """A cluster with all its views read, or the one error's message."""
    try:
        cluster = loads(*texts)
    except SvcnotesError as error:
        return str(error)
    read_all(cluster)
    return cluster


def read_all(cluster):
    assert cluster.families
    names = set(cluster.nodes)
    assert all(not pod.node or pod.node in names for pod in cluster.pods.values())
    running = [p for p in cluster.pods.values() if p.phase == "Running" and not p.host_network]
    addresses = [address for pod in running for address in pod.addresses]
    assert len(addresses) == len(set(addresses))
    assert len(cluster.services) >= 0
    assert len(cluster.endpoint_slices) >= 0
    assert cluster.world is not None


SCALARS = [None, True, 0, -1, 8080, 70000, 1.5, "", "x", "<script>", "None", "é" * 70, "TCP"]
ADDRESSES = ["10.0.0.300", "10.244.1.10", "fd00::1/129", "99999999999999999999"]
NESTED = [[], {}, ["a"], {"a": 1}, [None], [[]], [{"port": None}], [{"ip": "::1"}]]
VALUES = st.sampled_from([*SCALARS, *ADDRESSES, *NESTED])


def places(value, path=()):
    """Every place in a tree of maps and lists."""
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from places(item, (*path, index))


@st.composite
def mangled(draw):
    """A good file with one to three values exchanged, deleted or given another key."""
    documents = list(yaml.safe_load_all(draw(st.sampled_from(SEEDS))))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from([p for p in places(documents) if len(p) > 1]))
        target = documents
        for step in path[:-1]:
            target = target[step]
        how = draw(st.sampled_from(["set", "delete", "rename"]))
        if how == "set":
            target[path[-1]] = draw(VALUES)
        elif how == "delete":
            del target[path[-1]]
        elif isinstance(target, dict):
            target[draw(st.sampled_from(["prots", "name", "spec", "1"]))] = target.pop(path[-1])
    return yaml.safe_dump_all(documents)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(mangled())
def test_a_good_file_with_wrong_values_in_it(text):
    assert outcome(text)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(SEEDS), st.integers(0, 4000), st.text(max_size=5), st.integers(0, 30))
@example(SEEDS[0], 100, "\x00", 0)
def test_a_good_file_with_a_hole_or_rubbish_in_it(seed, start, rubbish, length):
    assert outcome(seed[:start] + rubbish + seed[start + length :])


SMALL = st.integers(0, 5)


@st.composite
def clusters(draw):
    """Nodes, workloads and Services that are well-formed, and may or may not agree."""
    documents = []
    for number in range(draw(SMALL)):
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": f"n{number}"}}
        if draw(st.booleans()):
            node["spec"] = {"podCIDR": f"10.{draw(SMALL)}.{number}.0/{draw(st.sampled_from([24, 26, 30]))}"}
        documents.append(node)
    for number in range(draw(SMALL)):
        kind = draw(st.sampled_from(["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"]))
        template = {
            "metadata": {"labels": {"app": f"a{number}"}},
            "spec": {"hostNetwork": draw(st.booleans())},
        }
        spec = {"replicas": draw(SMALL), "template": template}
        documents.append(
            {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": f"w{number}"}, "spec": spec}
        )
    for number in range(draw(SMALL)):
        spec = {
            "type": draw(st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"])),
            "selector": {"app": f"a{draw(SMALL)}"},
            "ports": [
                {"port": draw(st.sampled_from([80, 443])), "targetPort": draw(st.sampled_from([80, "http"]))}
            ],
        }
        documents.append(
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": f"s{number}"}, "spec": spec}
        )
    world = {
        "apiVersion": "svcnotes/v1",
        "kind": "World",
        "cloud": draw(st.sampled_from(["none", "pods", "proxying"])),
    }
    return yaml.safe_dump_all([*documents, world])


@settings(max_examples=80, deadline=None)
@given(clusters())
def test_a_generated_cluster(text):
    cluster = outcome(text)
    if isinstance(cluster, Cluster):
        with_selector = {one.service for one in cluster.endpoint_slices}
        assert with_selector == {service.name for service in cluster.services.values()}
        assert all(pod.phase in ("Running", "Pending") for pod in cluster.pods.values())
