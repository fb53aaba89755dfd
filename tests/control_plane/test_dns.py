"""What the cluster's DNS answers."""

import pytest

from svcnotes.control_plane.dns import resolve
from svcnotes.control_plane.load import loads


def service(name, spec, namespace="default"):
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n---\n"


CLUSTER = loads(
    service("web", "{clusterIP: 10.96.0.7, ports: [{port: 80}]}")
    + service("web", "{clusterIP: 10.96.0.8, ports: [{port: 80}]}", "shop")
    + service("db", "{clusterIP: None, selector: {app: db}, ports: [{port: 5432}]}")
    + service("out", "{type: ExternalName, externalName: db.example.com}")
    + service("in", "{type: ExternalName, externalName: web.shop.svc.cluster.local}")
    + service("lost", "{type: ExternalName, externalName: nowhere.example.com}")
    + service("digits", "{type: ExternalName, externalName: 192.0.2.50}")
    + service("self", "{type: ExternalName, externalName: self.default.svc.cluster.local}")
    + """apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec: {replicas: 2, serviceName: db, template: {metadata: {labels: {app: db}}}}
---
apiVersion: svcnotes/v1
kind: World
hosts: [{name: db.example.com, address: 192.0.2.50, serves: [5432]}]
"""
)


@pytest.mark.parametrize(
    ("name", "namespace", "addresses"),
    [
        ("web", "default", ("10.96.0.7",)),
        ("web", "shop", ("10.96.0.8",)),
        ("web.shop", "default", ("10.96.0.8",)),
        ("WEB.Shop.svc", "default", ("10.96.0.8",)),
        ("web.default.svc.cluster.local", "", ("10.96.0.7",)),
        ("web.default.svc.cluster.local.", "shop", ("10.96.0.7",)),
        ("db", "default", ("10.244.1.10", "10.244.2.10")),
        ("db-1.db", "default", ("10.244.2.10",)),
        ("10-244-9-9.default.pod.cluster.local", "", ("10.244.9.9",)),
        ("db.example.com", "default", ("192.0.2.50",)),
        ("out", "default", ("192.0.2.50",)),
        ("in", "default", ("10.96.0.8",)),
    ],
)
def test_a_name_has_addresses(name, namespace, addresses):
    answer = resolve(CLUSTER, name, namespace=namespace)
    assert (answer.code, answer.addresses) == ("NOERROR", addresses)


@pytest.mark.parametrize(
    "name",
    [
        "web.",
        "nobody",
        "x.web",
        "web.nowhere",
        "db-9.db",
        "digits",
        "db.example.org",
        "web.default.svc.cluster.org.",
    ],
)
def test_a_name_that_is_not_there(name):
    assert resolve(CLUSTER, name, namespace="default").code == "NXDOMAIN"


def test_an_external_name_is_an_alias():
    assert resolve(CLUSTER, "out", namespace="default").aliases == ("db.example.com",)


def test_an_alias_of_nothing_has_no_address_and_one_of_itself_neither():
    for name in ("lost", "self"):
        answer = resolve(CLUSTER, name, namespace="default")
        assert (answer.code, answer.addresses) == ("NOERROR", ())


def test_a_short_outside_name_is_asked_for_in_the_cluster_first():
    assert resolve(CLUSTER, "db.example.com", namespace="shop").asked == (
        "db.example.com.shop.svc.cluster.local",
        "db.example.com.svc.cluster.local",
        "db.example.com.cluster.local",
        "db.example.com",
    )
    assert resolve(CLUSTER, "db.example.com.", namespace="shop").asked == ("db.example.com",)


def test_off_the_cluster_short_names_are_unknown():
    assert resolve(CLUSTER, "web").code == "NXDOMAIN"


def test_a_family_may_have_no_address():
    assert resolve(CLUSTER, "web", namespace="default", family=6).addresses == ()
    assert resolve(CLUSTER, "web", namespace="default", family=4).addresses == ("10.96.0.7",)
