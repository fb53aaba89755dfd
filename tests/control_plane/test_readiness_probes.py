"""A readiness probe fails where it is known that nothing listens, and nowhere else."""

import pytest

import svcnotes

POD = """
apiVersion: v1
kind: Pod
metadata: {{name: web, labels: {{app: web}}{annotations}}}
spec:
  containers:
  - name: web
    image: web
    ports: [{{name: http, containerPort: 8080}}]
    readinessProbe: {probe}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{selector: {{app: web}}, ports: [{{port: 80, targetPort: 8080}}]}}
"""
LISTENS = ', annotations: {svcnotes/listens: "TCP/8080"}'


def endpoint_is_ready(probe, annotations=LISTENS):
    cluster = svcnotes.loads(POD.format(probe=probe, annotations=annotations))
    ready = {endpoint.ready for one in cluster.endpoint_slices for endpoint in one.endpoints}
    assert len(ready) == 1
    return ready.pop()


@pytest.mark.parametrize(
    "probe",
    ["{tcpSocket: {port: 8081}}", "{httpGet: {path: /, port: 8081}}", "{grpc: {port: 9000}}"],
)
def test_a_probe_of_a_closed_port_makes_the_pod_unready(probe):
    assert not endpoint_is_ready(probe)


@pytest.mark.parametrize(
    "probe",
    ["{tcpSocket: {port: 8080}}", "{httpGet: {path: /, port: http}}", "{exec: {command: [test]}}", "null"],
)
def test_a_probe_of_an_open_port_leaves_it_ready(probe):
    assert endpoint_is_ready(probe)


def test_a_port_that_is_not_declared_may_be_open_all_the_same():
    assert endpoint_is_ready("{tcpSocket: {port: 10254}}", annotations="")


def test_mending_the_probe_in_the_template_makes_the_pods_ready():
    cluster = svcnotes.loads(
        """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  replicas: 2
  serviceName: web
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}, annotations: {svcnotes/listens: "8080"}}
    spec: {containers: [{name: web, image: web, readinessProbe: {tcpSocket: {port: 1}}}]}
"""
    )
    assert [pod.ready for pod in cluster.pods.values()] == [False, False]
    patch = '{"spec": {"template": {"spec": {"containers": [{"name": "web", "readinessProbe": {"tcpSocket": {"port": 8080}}}]}}}}'
    mended = cluster.patch("statefulset", "web", patch)
    assert [pod.ready for pod in mended.pods.values()] == [True, True]
