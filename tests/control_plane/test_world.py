"""The World: what is not Kubernetes' to say."""

import pytest

from svcnotes.control_plane.load import loads
from svcnotes.control_plane.objects import OutsideHost, World
from svcnotes.errors import InputError

HEAD = "apiVersion: svcnotes/v1\nkind: World\n"


def world(text):
    return loads(HEAD + text).world


def test_without_a_world_document_the_usual_one_is_meant():
    assert loads("").world == World()


def test_fields_stand_at_the_top_level_or_under_spec():
    assert world("cni: vxlan\n") == world("spec: {cni: vxlan}\n") == World(cni="vxlan")
    assert world("cni: routed\nspec: {cniMasquerade: true}\n") == World(cni="routed", cni_masquerade=True)


@pytest.mark.parametrize(
    "text",
    [
        "net.bridge.bridge-nf-call-iptables: 0",
        "net/bridge/bridge-nf-call-iptables: '0'",
        "bridge-nf-call-iptables: false",
        "bridge-nf-call-iptables: off",
    ],
)
def test_a_sysctl_has_one_full_name_however_it_is_written(text):
    assert world(f"sysctls: {{{text}}}").sysctls == {"net.bridge.bridge-nf-call-iptables": "0"}


def test_routes_are_a_map_or_a_list():
    expected = {"203.0.113.10": "node-1", "203.0.113.0/24": "node-2"}
    assert world("routes: {203.0.113.10: node-1, 203.0.113.0/24: node-2}").routes == expected
    assert (
        world("routes: [{to: 203.0.113.10, via: node-1}, {address: 203.0.113.0/24, node: node-2}]").routes
        == expected
    )


def test_addresses_are_kept_in_their_canonical_form():
    assert world("routes: {'2001:DB8:0::10': node-1}").routes == {"2001:db8::10": "node-1"}


@pytest.mark.parametrize("text", ["none", "no", "off", "~"])
def test_no_cloud_may_be_said_in_several_ways(text):
    assert world(f"cloud: {text}").cloud == "none"


def test_outside_hosts_serve_what_they_say():
    hosts = world(
        """hosts:
- {name: db, address: 192.0.2.50, serves: [5432, UDP/53, {protocol: SCTP, port: 9999}]}
- {address: 192.0.2.51}
- {name: any, address: 192.0.2.52, serves: all}
"""
    ).hosts
    assert hosts == (
        OutsideHost("db", "192.0.2.50", frozenset({("TCP", 5432), ("UDP", 53), ("SCTP", 9999)})),
        OutsideHost("192.0.2.51", "192.0.2.51", frozenset()),
        OutsideHost("any", "192.0.2.52", None),
    )


def test_hosts_may_be_a_map_too():
    hosts = world("hosts: {db: {address: 192.0.2.50, serves: [80]}, idle: 192.0.2.51}").hosts
    assert [(h.name, h.address) for h in hosts] == [("db", "192.0.2.50"), ("idle", "192.0.2.51")]


def test_two_hosts_of_one_address_are_refused():
    with pytest.raises(InputError, match=r'two hosts have the address "192.0.2.50"'):
        world("hosts: {a: 192.0.2.50, b: 192.0.2.50}")


def test_faults_have_names_and_arguments():
    assert world("faults: [hairpin-off, {name: conntrack-full, node: node-1}]").faults == (
        {"name": "hairpin-off"},
        {"name": "conntrack-full", "node": "node-1"},
    )


def test_a_cluster_can_be_put_into_another_world():
    cluster = loads("")
    assert cluster.with_world(cniMasquerade=True, cni="vxlan").world == World(
        cni="vxlan", cni_masquerade=True
    )
    assert cluster.with_world(cni_masquerade=True).world.cni_masquerade
    assert cluster.with_world(sysctls={"bridge-nf-call-iptables": 0}).world.sysctls == {
        "net.bridge.bridge-nf-call-iptables": "0"
    }
    assert cluster.world == World()
    with pytest.raises(InputError, match='unknown field "clouds"'):
        cluster.with_world(clouds="none")
    with pytest.raises(InputError, match='no Node "node-7"'):
        cluster.with_world(routes={"192.0.2.1": "node-7"})


SLICE = """apiVersion: v1
kind: Service
metadata: {name: db}
spec: {ports: [{port: 5432}]}
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: db-1, labels: {kubernetes.io/service-name: db}}
addressType: IPv4
endpoints: [{addresses: [192.0.2.50]}]
ports: [{port: 5432}]
---
"""


def test_an_outside_address_in_a_slice_serves_that_slices_ports():
    assert loads(SLICE).world.hosts == (OutsideHost("192.0.2.50", "192.0.2.50", frozenset({("TCP", 5432)})),)


def test_unless_the_world_says_otherwise():
    cluster = loads(SLICE + HEAD + "hosts: [{name: db, address: 192.0.2.50}]")
    assert cluster.world.hosts == (OutsideHost("db", "192.0.2.50", frozenset()),)


BALANCER = """apiVersion: v1
kind: Service
metadata: {name: NAME}
spec: {type: LoadBalancer, ports: [{port: 80}]}
STATUS
---
"""


def ingress(cluster, name):
    return [(i.ip, i.ip_mode) for i in cluster.services[f"default/{name}"].ingress]


def test_a_load_balancer_is_pending_until_a_cloud_serves_it():
    text = BALANCER.replace("NAME", "a").replace("STATUS", "")
    cluster = loads(text)
    assert ingress(cluster, "a") == []
    assert ingress(cluster.with_world(cloud="pass-through"), "a") == [("203.0.113.1", "VIP")]
    assert ingress(cluster.with_world(cloud="proxying"), "a") == [("203.0.113.1", "Proxy")]
    assert ingress(cluster.with_world(cloud="pods").with_world(cloud="none"), "a") == []
    assert ingress(loads(text + HEAD + "cloud: proxying"), "a") == [("203.0.113.1", "Proxy")]


def test_what_a_file_says_of_a_load_balancer_stays_in_any_cloud():
    given = "status: {loadBalancer: {ingress: [{ip: 203.0.113.1}]}}"
    text = BALANCER.replace("NAME", "a").replace("STATUS", given) + BALANCER.replace("NAME", "b").replace(
        "STATUS", ""
    )
    cluster = loads(text).with_world(cloud="proxying")
    assert ingress(cluster, "a") == [("203.0.113.1", "VIP")]
    assert ingress(cluster, "b") == [("203.0.113.2", "Proxy")]
    assert ingress(cluster.with_world(cloud="none"), "a") == [("203.0.113.1", "VIP")]
