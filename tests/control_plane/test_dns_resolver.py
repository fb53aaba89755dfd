"""resolv.conf, Pod by Pod, and the questions that one look-up makes of it."""

import pytest

from svcnotes.control_plane.dns import coredns, ladder, resolv_conf, resolve
from svcnotes.control_plane.load import loads

PODS = """
apiVersion: v1
kind: Service
metadata: {name: my-db, namespace: shop}
spec: {type: ExternalName, externalName: db.example.com}
---
apiVersion: v1
kind: Service
metadata: {name: lost, namespace: shop}
spec: {type: ExternalName, externalName: nowhere.example.com}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {clusterIP: 10.96.0.7, ports: [{port: 80}]}
---
apiVersion: svcnotes/v1
kind: World
hosts: [{name: db.example.com, address: 192.0.2.50, serves: [5432]}]
"""


def cluster_with(spec="{}"):
    pod = f"---\napiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: shop}}\nspec: {spec}\n"
    return loads(PODS + pod)


def conf(spec="{}"):
    cluster = cluster_with(spec)
    return resolv_conf(cluster, cluster.pods["shop/p"])


def test_a_pods_file_names_the_clusters_server_three_suffixes_and_five_dots():
    assert str(conf()) == (
        "search shop.svc.cluster.local svc.cluster.local cluster.local\n"
        "nameserver 10.96.0.10\n"
        "options ndots:5\n"
    )


def test_a_node_and_the_outside_have_a_server_of_their_own_and_no_search_list():
    assert str(resolv_conf(cluster_with())) == "nameserver 192.0.2.53\n"


@pytest.mark.parametrize(
    ("spec", "clusters"),
    [
        ("{dnsPolicy: ClusterFirst}", True),
        ("{dnsPolicy: Default}", False),
        ("{hostNetwork: true, nodeName: node-1}", False),
        ("{hostNetwork: true, nodeName: node-1, dnsPolicy: ClusterFirst}", False),
        ("{hostNetwork: true, nodeName: node-1, dnsPolicy: ClusterFirstWithHostNet}", True),
    ],
)
def test_the_dns_policy_says_whose_server_a_pod_asks(spec, clusters):
    assert conf(spec).nameservers == (("10.96.0.10",) if clusters else ("192.0.2.53",))
    assert bool(conf(spec).search) == clusters


def test_policy_none_leaves_what_dns_config_says_and_nothing_else():
    spec = "{dnsPolicy: None, dnsConfig: {nameservers: [192.0.2.1], searches: [a.example], options: [{name: ndots, value: '2'}, {name: edns0}]}}"
    assert str(conf(spec.replace("None", "'None'"))) == (
        "search a.example\nnameserver 192.0.2.1\noptions ndots:2 edns0\n"
    )


def test_dns_config_adds_to_the_lists_and_replaces_options():
    found = conf(
        "{dnsConfig: {searches: [example.com, svc.cluster.local], options: [{name: ndots, value: '1'}]}}"
    )
    assert found.search == ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local", "example.com")
    assert found.ndots == 1


def test_the_clusters_server_is_the_service_kube_dns():
    dns = "---\napiVersion: v1\nkind: Service\nmetadata: {name: kube-dns, namespace: kube-system}\nspec: {clusterIP: 10.96.0.53, ports: [{port: 53}]}\n"
    cluster = loads(PODS + dns)
    assert coredns(cluster, "ns.dns.cluster.local").addresses == ("10.96.0.53",)


def asked(name, spec="{}"):
    cluster = cluster_with(spec)
    return [
        (rung.name, rung.kind, rung.reply.code)
        for rung in ladder(cluster, name, resolv_conf(cluster, cluster.pods["shop/p"]))
    ]


def test_an_outside_name_costs_six_questions_before_the_right_one():
    suffixes = ("shop.svc.cluster.local", "svc.cluster.local", "cluster.local")
    missing = [
        (f"db.example.com.{suffix}", kind, "NXDOMAIN") for suffix in suffixes for kind in ("A", "AAAA")
    ]
    found = [("db.example.com", kind, "NOERROR") for kind in ("A", "AAAA")]
    assert asked("db.example.com") == [*missing, *found]


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("db.example.com.", "{}"),
        ("db.example.com", "{dnsConfig: {options: [{name: ndots, value: '2'}]}}"),
        ("db.example.com", "{dnsPolicy: Default}"),
    ],
)
def test_a_last_dot_or_fewer_ndots_saves_them(name, spec):
    assert [full for full, _, _ in asked(name, spec)] == ["db.example.com"] * 2


def test_a_short_name_is_found_in_the_pods_own_namespace_at_once():
    assert [full for full, _, _ in asked("my-db")] == ["my-db.shop.svc.cluster.local"] * 2


def test_a_bare_alias_does_not_end_glibcs_search():
    names = list(dict.fromkeys(full for full, _, _ in asked("lost")))
    assert names == [
        "lost.shop.svc.cluster.local",
        "lost.svc.cluster.local",
        "lost.cluster.local",
        "lost",
    ]


def test_a_name_with_five_dots_is_asked_for_as_it_stands_first():
    assert resolve(cluster_with(), "a.b.c.d.e.f", namespace="shop").asked[0] == "a.b.c.d.e.f"


def test_a_pod_with_policy_default_does_not_know_short_names():
    from svcnotes.errors import QuestionError
    from svcnotes.trace import trace

    cluster = cluster_with("{dnsPolicy: Default}")
    with pytest.raises(
        QuestionError,
        match=r"no such name \(NXDOMAIN\), .* asks 192\.0\.2\.53, a server that knows nothing of the cluster",
    ):
        trace(cluster, "pod/shop/p", "web:80")
    assert trace(cluster_with(), "pod/shop/p", "web:80").destination == "10.96.0.7:80"
