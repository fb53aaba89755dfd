"""The API server's store: immutable, cheap to extend, and put back from a dump."""

import pytest

from svcnotes.control_plane.api_server.state import ApiState, StatusError
from svcnotes.control_plane.api_server.versioned_map import VersionedMap
from svcnotes.control_plane.objects import ClusterConfiguration


def service(name, **spec):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name},
        "spec": {"ports": [{"port": 80}], **spec},
    }


def test_an_older_version_of_a_map_is_read_as_it_was():
    first = VersionedMap({"a": 1})
    second = first.with_item("b", 2)
    third = second.with_item("a", 9)
    assert (dict(third), dict(second), dict(first)) == ({"a": 9, "b": 2}, {"a": 1, "b": 2}, {"a": 1})
    assert list(third.without("a")) == ["b"]
    assert dict(third) == {"a": 9, "b": 2}


def test_versions_branch():
    root = VersionedMap({"a": 1})
    left, right = root.with_item("b", 2), root.with_item("c", 3)
    assert (list(left), list(right), list(root)) == (["a", "b"], ["a", "c"], ["a"])


def test_a_map_may_grow_while_it_is_looped_over():
    newer = VersionedMap({"a": 1, "b": 2})
    for key in newer:
        newer = newer.with_item(key + key, 0)
    assert list(newer) == ["a", "b", "aa", "bb"]


def test_a_deleted_service_gives_its_numbers_back():
    state = ApiState.fresh().create(service("a", type="NodePort")).state
    gone = state.without_object("Service", "default", "a")
    assert not gone.node_ports
    assert len(state.node_ports) == 1


def test_restore_keeps_what_is_given_and_chooses_the_rest_around_it():
    chosen = ApiState.fresh().create(service("b", type="NodePort")).object["spec"]["ports"][0]["nodePort"]
    taken = service("a", type="NodePort", ports=[{"port": 80, "nodePort": chosen}], clusterIP="10.96.0.9")
    state = ApiState.fresh().restore([service("b", type="NodePort"), taken])
    ports = {name: state.get("Service", "default", name)["spec"]["ports"][0]["nodePort"] for name in "ab"}
    assert ports["a"] == chosen != ports["b"]
    assert state.get("Service", "default", "a")["spec"]["clusterIPs"] == ["10.96.0.9"]


def test_restoring_what_was_stored_changes_nothing():
    state = ApiState.fresh(ClusterConfiguration(service_cidrs=("10.96.0.0/16", "fd00::/112")))
    for obj in (
        service("a", type="LoadBalancer", externalTrafficPolicy="Local"),
        service("b", ipFamilyPolicy="PreferDualStack"),
        service("c", clusterIP="None"),
        {**service("d", type="ExternalName", externalName="example.com")},
    ):
        state = state.create(obj).state
    again = ApiState.empty(ClusterConfiguration(service_cidrs=state.service_cidrs))
    again = again.restore(state.objects.values())
    assert dict(again.objects) == dict(state.objects)
    assert dict(again.node_ports) == dict(state.node_ports)
    assert dict(again.cluster_ips) == dict(state.cluster_ips)


def test_restore_keeps_status_and_gives_an_ingress_its_ip_mode():
    stored = service("a", type="LoadBalancer") | {
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    }
    state = ApiState.fresh().restore([stored])
    status = state.get("Service", "default", "a")["status"]
    assert status == {"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ipMode": "VIP"}]}}


def test_addresses_of_another_range_are_kept():
    state = ApiState.fresh().restore([service("a", clusterIP="10.43.7.7", clusterIPs=["10.43.7.7"])])
    assert state.get("Service", "default", "a")["spec"]["clusterIP"] == "10.43.7.7"


def test_a_dump_keeps_a_node_port_that_another_api_servers_range_allowed():
    dumped = service("a", type="NodePort", ports=[{"port": 80, "nodePort": 8080}])
    dumped["metadata"]["uid"] = "7f1c0f0e-3f0e-4a55-9d0c-6d1b8a0f9e11"
    kept = ApiState.fresh().restore([dumped])
    assert kept.get("Service", "default", "a")["spec"]["ports"][0]["nodePort"] == 8080


@pytest.mark.parametrize(
    ("objects", "said"),
    [
        ([service("a"), service("a")], 'services "a" already exists'),
        (
            [service(n, type="NodePort", ports=[{"port": 80, "nodePort": 30080}]) for n in "ab"],
            'The Service "b" is invalid: spec.ports[0].nodePort: Invalid value: 30080: provided port is already',
        ),
        (
            [service(n, clusterIP="10.96.0.9") for n in "ab"],
            'The Service "b" is invalid: spec.clusterIPs: Invalid value: ["10.96.0.9"]: failed to allocate IP',
        ),
        ([service("a", prots=[])], 'strict decoding error: unknown field "spec.prots"'),
        ([service("a", type="Foo")], 'spec.type: Unsupported value: "Foo"'),
        ([service("a", type="NodePort", ports=[{"port": 80, "nodePort": 80}])], "is not in the valid range"),
    ],
)
def test_restore_refuses_in_the_servers_words(objects, said):
    with pytest.raises(StatusError) as caught:
        ApiState.fresh().restore(objects)
    assert said in str(caught.value)
