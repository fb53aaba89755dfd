"""Patches: what `kubectl apply` sends, and what kube-apiserver makes of it."""

from __future__ import annotations

import pytest

from svcnotes.control_plane.api_server.json_patch import JsonPatchError, json_patch, merge_patch
from svcnotes.control_plane.api_server.merge_keys import MergeKeys
from svcnotes.control_plane.api_server.strategic_diff import three_way, two_way
from svcnotes.control_plane.api_server.strategic_merge import MergeError, go_value, merge, rest

KEYS = MergeKeys("Service")
UDP = {"name": "udp", "port": 53, "protocol": "UDP"}
TCP = {"name": "tcp", "port": 53, "protocol": "TCP"}


def service(*ports, **spec):
    return {"spec": {"ports": list(ports), **spec}}


def test_a_changed_port_is_sent_with_its_number_and_the_order_of_all():
    old = service({"name": "a", "nodePort": 30080, "port": 80}, {"name": "b", "nodePort": 30081, "port": 81})
    new = service({"name": "a", "nodePort": 30080, "port": 80}, {"name": "b", "nodePort": 30080, "port": 81})
    assert three_way(old, new, old, KEYS) == {
        "spec": {
            "$setElementOrder/ports": [{"port": 80}, {"port": 81}],
            "ports": [{"nodePort": 30080, "port": 81}],
        }
    }


def test_what_someone_else_added_stays_and_what_was_applied_before_goes():
    current = {
        "metadata": {"labels": {"a": "1", "theirs": "2"}},
        "spec": {"type": "NodePort", "clusterIP": "10.96.0.5"},
    }
    patch = three_way(
        {"metadata": {"labels": {"a": "1"}}, "spec": {"type": "NodePort"}}, {"spec": {}}, current, KEYS
    )
    assert merge(current, patch, KEYS) == {"spec": {"clusterIP": "10.96.0.5"}}
    keep = three_way({"spec": {"type": "NodePort"}}, {"metadata": {"labels": {"b": "3"}}}, current, KEYS)
    assert merge(current, keep, KEYS)["metadata"] == {"labels": {"a": "1", "theirs": "2", "b": "3"}}


def test_a_second_protocol_on_the_same_port_is_lost_because_the_key_is_the_number_alone():
    patch = three_way(service(UDP), service(UDP, TCP), service(UDP), KEYS)
    assert merge(service(UDP), patch, KEYS) == service(UDP)


def test_taking_the_first_protocol_away_then_leaves_no_port_at_all():
    patch = three_way(service(UDP, TCP), service(TCP), service(UDP), KEYS)
    assert merge(service(UDP), patch, KEYS) == {"spec": {"ports": []}}


def test_a_patched_port_without_its_number_is_refused_in_apimachinerys_words():
    with pytest.raises(
        MergeError, match=r"^map: map\[targetPort:81\] does not contain declared merge key: port$"
    ):
        merge(service({"port": 80}), service({"targetPort": 81}), KEYS)


def test_a_new_port_comes_before_the_ports_that_the_patch_does_not_name():
    assert merge(service({"port": 80}), service({"port": 81}), KEYS) == service({"port": 81}, {"port": 80})


def test_directives_delete_and_replace():
    two = service({"port": 80}, {"port": 81})
    assert merge(two, service({"$patch": "delete", "port": 80}), KEYS) == service({"port": 81})
    assert merge(two, service({"$patch": "replace"}, {"port": 9}), KEYS) == service({"port": 9})
    assert merge(two, {"spec": {"$patch": "replace", "type": "ClusterIP"}}, KEYS) == {
        "spec": {"type": "ClusterIP"}
    }


def test_finalizers_are_a_set_that_keeps_its_order():
    old, new = {"metadata": {"finalizers": ["a", "b"]}}, {"metadata": {"finalizers": ["c", "a"]}}
    patch = two_way(old, new, KEYS)
    assert patch["metadata"]["$deleteFromPrimitiveList/finalizers"] == ["b"]
    assert merge(old, patch, KEYS) == new


def test_an_unmatched_null_changes_nothing():
    assert merge({"spec": {}}, {"spec": {"clusterIP": None}}, KEYS) == {"spec": {}}


def test_what_is_left_of_a_patch_after_merging_has_no_ordered_lists():
    patch = {"spec": {"$setElementOrder/ports": [{"port": 80}], "ports": [{"port": 80}], "type": "X"}}
    assert rest(patch) == {"spec": {"type": "X"}}


def test_go_prints_maps_in_order_of_keys():
    assert go_value({"b": [1, True, None], "a": {"x": "y"}}) == "map[a:map[x:y] b:[1 true <nil>]]"


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ({"op": "add", "path": "/a/-", "value": 3}, {"a": [1, 2, 3], "b/c": {"d": 4}}),
        ({"op": "add", "path": "/a/0", "value": 0}, {"a": [0, 1, 2], "b/c": {"d": 4}}),
        ({"op": "replace", "path": "/b~1c/d", "value": 5}, {"a": [1, 2], "b/c": {"d": 5}}),
        ({"op": "remove", "path": "/a/1"}, {"a": [1], "b/c": {"d": 4}}),
        ({"op": "move", "from": "/b~1c/d", "path": "/e"}, {"a": [1, 2], "b/c": {}, "e": 4}),
        ({"op": "copy", "from": "/a/0", "path": "/f"}, {"a": [1, 2], "b/c": {"d": 4}, "f": 1}),
        ({"op": "test", "path": "/a/0", "value": 1}, {"a": [1, 2], "b/c": {"d": 4}}),
    ],
)
def test_a_json_patch_operation(operation, expected):
    assert json_patch({"a": [1, 2], "b/c": {"d": 4}}, [operation]) == expected


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "/a/5", "value": 1},
        {"op": "remove", "path": "/nothing"},
        {"op": "test", "path": "/a/0", "value": 9},
        {"op": "jump", "path": "/a"},
        "remove",
    ],
)
def test_a_json_patch_that_does_not_apply(operation):
    with pytest.raises(JsonPatchError):
        json_patch({"a": [1]}, [operation])


def test_a_merge_patch_replaces_lists_and_deletes_nulls():
    assert merge_patch({"a": [1, 2], "b": {"c": 1, "d": 2}}, {"a": [3], "b": {"c": None}}) == {
        "a": [3],
        "b": {"d": 2},
    }
