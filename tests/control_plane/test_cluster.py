"""Writes to a Cluster: each gives a new one, and what follows by itself has followed."""

import pytest

from svcnotes.control_plane.load import loads
from svcnotes.errors import ApiError

SERVICE = """apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  type: NodePort
  clusterIP: 10.96.0.7
  selector: {app: web}
  ports: [{port: 80, targetPort: 8080, nodePort: 30080}]
---
"""


def pod(name, app):
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}, labels: {{app: {app}}}}}\nspec: {{containers: [{{name: c, image: i}}]}}\n---\n"


CLUSTER = loads(SERVICE + pod("web-1", "web") + pod("web-2", "web") + pod("blue", "blue"))


def endpoints(cluster):
    return sorted(e.pod for one in cluster.endpoint_slices for e in one.endpoints)


def test_a_write_gives_a_new_cluster_and_leaves_the_old_one():
    changed = CLUSTER.patch("service", "web", '{"spec": {"externalTrafficPolicy": "Local"}}')
    assert changed.services["default/web"].external_traffic_policy == "Local"
    assert CLUSTER.services["default/web"].external_traffic_policy == "Cluster"
    assert changed.endpoint_slices == CLUSTER.endpoint_slices


def test_what_did_not_change_is_not_read_again():
    changed = CLUSTER.patch("service", "web", '{"spec": {"externalTrafficPolicy": "Local"}}')
    assert changed.pods["default/blue"] is CLUSTER.pods["default/blue"]
    assert changed.objects["Pod", "default", "blue"] is CLUSTER.objects["Pod", "default", "blue"]


def test_apply_and_replace_do_as_kubectl_does():
    text = SERVICE.replace("targetPort: 8080", "targetPort: 9090")
    for changed in (CLUSTER.apply(text), CLUSTER.replace(text)):
        assert changed.services["default/web"].ports[0].target_port == 9090
        assert changed.services["default/web"].cluster_ips == ("10.96.0.7",)
        assert [one.ports[0].number for one in changed.endpoint_slices] == [9090]


def test_a_new_selector_gives_the_same_slice_other_endpoints():
    changed = CLUSTER.apply(SERVICE.replace("app: web", "app: blue"))
    assert endpoints(changed) == ["default/blue"]
    assert [one.name for one in changed.endpoint_slices] == [one.name for one in CLUSTER.endpoint_slices]


def test_a_new_pod_is_placed_and_becomes_an_endpoint():
    changed = CLUSTER.create(pod("web-3", "web"))
    assert changed.pods["default/web-3"].addresses
    assert endpoints(changed) == ["default/web-1", "default/web-2", "default/web-3"]


def test_a_deleted_pod_is_no_endpoint_any_more():
    assert endpoints(CLUSTER.delete("pod", "web-1")) == ["default/web-2"]


def test_a_service_that_becomes_an_external_name_keeps_its_old_slices():
    changed = CLUSTER.patch(
        "service", "web", '{"spec": {"type": "ExternalName", "externalName": "example.com"}}'
    )
    assert endpoints(changed) == ["default/web-1", "default/web-2"]


def test_a_service_that_loses_its_selector_has_its_addresses_twice():
    changed = CLUSTER.patch("service", "web", '{"spec": {"selector": null}}')
    assert endpoints(changed) == ["default/web-1", "default/web-1", "default/web-2", "default/web-2"]


def test_a_deleted_services_slices_go_with_it():
    changed = CLUSTER.delete("service", "web")
    assert (changed.services, changed.endpoint_slices) == ({}, ())


def test_a_created_load_balancer_is_served_by_the_worlds_cloud():
    text = SERVICE.replace("name: web", "name: lb").replace("NodePort", "LoadBalancer")
    text = text.replace("  clusterIP: 10.96.0.7\n", "").replace(", nodePort: 30080", "")
    assert CLUSTER.create(text).services["default/lb"].ingress == ()
    served = CLUSTER.with_world(cloud="pass-through").create(text)
    assert [i.ip for i in served.services["default/lb"].ingress] == ["203.0.113.1"]


def test_a_refusal_is_kubectls_and_changes_nothing():
    with pytest.raises(ApiError) as caught:
        CLUSTER.create(
            SERVICE.replace("  clusterIP: 10.96.0.7\n", "").replace(", nodePort: 30080", ""), "web.yaml"
        )
    assert str(caught.value) == (
        'Error from server (AlreadyExists): error when creating "web.yaml": services "web" already exists'
    )
    with pytest.raises(ApiError, match="provided port is not in the valid range"):
        CLUSTER.apply(SERVICE.replace("30080", "8080"))


def test_a_namespace_must_be_there_before_a_service():
    with pytest.raises(ApiError, match='namespaces "shop" not found'):
        CLUSTER.create(SERVICE, namespace="shop")
    shop = loads("apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n")
    assert list(shop.create(SERVICE, namespace="shop").services) == ["shop/web"]


DEPLOYMENT = """apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: c, image: i}]}}
"""


def test_a_deployment_can_be_created_scaled_and_deleted():
    created = CLUSTER.create(DEPLOYMENT)
    assert len(endpoints(created)) == 4
    scaled = created.patch("deployment", "app", '{"spec": {"replicas": 3}}')
    assert set(endpoints(created)) < set(endpoints(scaled))
    assert len(endpoints(scaled)) == 5
    assert endpoints(scaled.delete("deployment", "app")) == endpoints(CLUSTER)
