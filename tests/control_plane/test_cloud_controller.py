"""The cloud's controller gives each LoadBalancer an address, and keeps a deleted one until it has cleaned up."""

import pytest

from svcnotes import scenarios
from svcnotes.control_plane.cloud_controller import CLEANUP

KEY = ("Service", "default", "my-nginx")


@pytest.fixture(scope="module")
def cluster():
    return scenarios.load("loadbalancer")


def finalizers(cluster):
    return cluster.objects[KEY]["metadata"].get("finalizers", [])


@pytest.mark.parametrize(
    ("cloud", "mode"), [("pass-through", "VIP"), ("proxying", "Proxy"), ("pods", "Proxy")]
)
def test_a_service_that_a_cloud_serves_has_address_mode_and_finalizer(cluster, cloud, mode):
    served = cluster.with_world(cloud=cloud)
    assert served.objects[KEY]["status"] == {
        "loadBalancer": {"ingress": [{"ip": "203.0.113.1", "ipMode": mode}]}
    }
    assert finalizers(served) == [CLEANUP]


def test_without_a_cloud_a_service_stays_pending_and_bears_no_finalizer(cluster):
    pending = cluster.with_world(cloud="none")
    assert pending.objects[KEY]["status"] == {"loadBalancer": {}}
    assert finalizers(pending) == []


def test_a_deleted_service_goes_when_the_cloud_has_cleaned_up_and_its_slices_with_it(cluster):
    gone = cluster.delete("service", "my-nginx")
    assert KEY not in gone.objects
    assert [key for key in gone.objects if key[0] == "EndpointSlice"] == []
    assert gone.cloud_addresses == frozenset()


def test_an_address_that_was_given_back_is_given_again(cluster):
    again = cluster.delete("service", "my-nginx").create(
        "apiVersion: v1\nkind: Service\nmetadata: {name: next}\nspec: {type: LoadBalancer, ports: [{port: 80}]}"
    )
    assert [one.ip for one in again.services["default/next"].ingress] == ["203.0.113.1"]


def test_a_service_of_another_type_loses_address_and_finalizer(cluster):
    changed = cluster.patch("service", "my-nginx", "spec: {type: NodePort}")
    assert changed.objects[KEY]["status"] == {"loadBalancer": {}}
    assert finalizers(changed) == []


def test_another_finalizer_keeps_a_deleted_service_after_the_cloud_let_go(cluster):
    kept = cluster.patch("service", "my-nginx", 'metadata: {finalizers: ["example.com/mine"]}')
    assert finalizers(kept) == ["example.com/mine", CLEANUP]
    leaving = kept.delete("service", "my-nginx")
    assert finalizers(leaving) == ["example.com/mine"]
    assert leaving.objects[KEY]["metadata"]["deletionTimestamp"]


def test_with_nobody_to_take_the_finalizer_away_a_deleted_service_stays(cluster):
    text = f'metadata: {{finalizers: ["{CLEANUP}"]}}'
    orphan = cluster.with_world(cloud="none").patch("service", "my-nginx", text)
    stuck = orphan.delete("service", "my-nginx")
    assert stuck.objects[KEY]["metadata"]["deletionTimestamp"]
    assert finalizers(stuck) == [CLEANUP]


def test_a_class_of_its_own_is_left_to_its_own_controller(cluster):
    other = cluster.delete("service", "my-nginx").create(
        "apiVersion: v1\nkind: Service\nmetadata: {name: my-nginx}\n"
        "spec: {type: LoadBalancer, loadBalancerClass: example.com/other, ports: [{port: 80}]}"
    )
    assert other.objects[KEY]["status"] == {"loadBalancer": {}}
    assert finalizers(other) == []
