"""CoreDNS' answers with all their sections: aliases and their chains, noes with a SOA, SRV, PTR, the world outside."""

import pytest

from svcnotes.control_plane.dns import OUTSIDE, coredns, outside
from svcnotes.control_plane.dns.message import question, response
from svcnotes.control_plane.load import loads
from svcnotes.errors import QuestionError

SUFFIX = "default.svc.cluster.local"


def service(name, spec, namespace="default"):
    return f"apiVersion: v1\nkind: Service\nmetadata: {{name: {name}, namespace: {namespace}}}\nspec: {spec}\n---\n"


def alias(name, target):
    return service(name, f'{{type: ExternalName, externalName: "{target}"}}')


def chain(length):
    """`c1` is an alias of `c2`, and so on, the last one of `web`."""
    names = [f"c{number}" for number in range(1, length + 1)]
    targets = [f"{name}.{SUFFIX}" for name in [*names[1:], "web"]]
    return "".join(alias(name, target) for name, target in zip(names, targets, strict=True))


BASE = (
    service(
        "web", "{clusterIP: 10.96.0.7, ports: [{name: http, port: 80}, {name: dns, port: 53, protocol: UDP}]}"
    )
    + service("peers", "{clusterIP: None, selector: {app: peers}, ports: [{name: peer, port: 7000}]}")
    + service("empty", "{clusterIP: None, selector: {app: none}, ports: [{port: 1}]}")
    + alias("my-db", "db.example.com")
    + alias("dotted", "db.example.com.")
    + alias("inner", f"my-db.{SUFFIX}")
    + alias("to-web", f"web.{SUFFIX}")
    + alias("myself", f"myself.{SUFFIX}")
    + alias("tick", f"tock.{SUFFIX}")
    + alias("tock", f"tick.{SUFFIX}")
    + alias("digits", "192.0.2.50")
    + alias("lost", "nowhere.example.com")
    + alias("lost-inside", f"nobody.{SUFFIX}")
    + """apiVersion: apps/v1
kind: StatefulSet
metadata: {name: peers}
spec: {replicas: 2, serviceName: peers, template: {metadata: {labels: {app: peers}}, spec: {containers: [{name: p, image: p, ports: [{name: peer, containerPort: 7000}]}]}}}
---
apiVersion: svcnotes/v1
kind: World
hosts: [{name: db.example.com, address: 192.0.2.50, serves: [5432]}]
"""
)
CLUSTER = loads(BASE)
SOA = "ns.dns.cluster.local. hostmaster.cluster.local."


def shown(reply):
    return [(record.name, record.kind, record.data) for record in reply.answer]


def test_an_external_name_is_a_cname_and_the_targets_address():
    reply = coredns(CLUSTER, f"my-db.{SUFFIX}", "A")
    assert shown(reply) == [
        (f"my-db.{SUFFIX}.", "CNAME", "db.example.com."),
        ("db.example.com.", "A", "192.0.2.50"),
    ]
    assert {record.ttl for record in reply.answer} == {30}
    assert (reply.code, reply.authoritative, reply.recursion) == ("NOERROR", True, False)


def test_asked_for_the_alias_itself_coredns_gives_no_address():
    assert shown(coredns(CLUSTER, f"my-db.{SUFFIX}", "CNAME")) == [
        (f"my-db.{SUFFIX}.", "CNAME", "db.example.com.")
    ]
    assert coredns(CLUSTER, f"web.{SUFFIX}", "CNAME").answer == ()


def test_a_last_dot_in_external_name_changes_nothing():
    assert coredns(CLUSTER, f"dotted.{SUFFIX}").addresses == ("192.0.2.50",)


def test_an_alias_of_a_service_ends_at_its_cluster_ip():
    assert coredns(CLUSTER, f"to-web.{SUFFIX}").addresses == ("10.96.0.7",)
    assert coredns(CLUSTER, f"inner.{SUFFIX}").aliases == (f"my-db.{SUFFIX}", "db.example.com")


@pytest.mark.parametrize("name", ["myself", "tick", "tock", "lost-inside"])
def test_an_alias_that_leads_nowhere_within_the_cluster_is_left_out(name):
    reply = coredns(CLUSTER, f"{name}.{SUFFIX}")
    assert (reply.code, reply.answer) == ("NOERROR", ())
    assert reply.authority[0].data.startswith(SOA)


def test_an_alias_of_a_missing_outside_name_stays_a_bare_cname():
    reply = coredns(CLUSTER, f"lost.{SUFFIX}")
    assert (reply.code, reply.aliases, reply.addresses) == ("NOERROR", ("nowhere.example.com",), ())


def test_an_address_as_external_name_makes_no_record_at_all():
    for kind in ("A", "AAAA", "CNAME"):
        reply = coredns(CLUSTER, f"digits.{SUFFIX}", kind)
        assert (reply.code, reply.answer) == ("NXDOMAIN", ())


@pytest.mark.parametrize(("length", "reached"), [(1, True), (10, True), (11, True), (12, False), (20, False)])
def test_coredns_follows_eleven_aliases_in_a_row_and_no_more(length, reached):
    reply = coredns(loads(BASE + "---\n" + chain(length)), f"c1.{SUFFIX}")
    assert reply.addresses == (("10.96.0.7",) if reached else ())
    assert reply.code == "NOERROR"
    assert len(reply.aliases) == (length if reached else 0)


@pytest.mark.parametrize("front", ["x", "_http._tcp", "a.b.c"])
def test_an_external_name_has_no_endpoints_and_no_ports_in_dns(front):
    for kind in ("A", "SRV", "CNAME"):
        assert coredns(CLUSTER, f"{front}.my-db.{SUFFIX}", kind).code == "NXDOMAIN"
    assert coredns(CLUSTER, f"my-db.{SUFFIX}", "SRV").code == "NOERROR"
    assert coredns(CLUSTER, f"my-db.{SUFFIX}", "SRV").answer == ()


def test_a_no_comes_with_the_zones_soa_and_its_thirty_seconds():
    for name, code in ((f"nobody.{SUFFIX}", "NXDOMAIN"), (f"web.{SUFFIX}", "NOERROR")):
        reply = coredns(CLUSTER, name, "AAAA")
        (record,) = reply.authority
        assert (reply.code, record.name, record.kind, record.ttl) == (code, "cluster.local.", "SOA", 30)
        assert record.data.split()[-1] == "30"


def test_a_part_of_the_tree_is_there_without_records():
    for name in ("cluster.local", "svc.cluster.local", "pod.cluster.local", SUFFIX):
        assert (coredns(CLUSTER, name).code, coredns(CLUSTER, name).answer) == ("NOERROR", ())
    for name in ("web.svc.cluster.local", "nons.svc.cluster.local", "web.cluster.local"):
        assert coredns(CLUSTER, name).code == "NXDOMAIN"


def test_a_headless_service_without_ready_endpoints_has_no_name():
    assert coredns(CLUSTER, f"empty.{SUFFIX}").code == "NXDOMAIN"
    assert len(coredns(CLUSTER, f"peers.{SUFFIX}").addresses) == 2


def test_srv_names_port_and_host_of_each_endpoint_and_brings_their_addresses():
    reply = coredns(CLUSTER, f"_peer._tcp.peers.{SUFFIX}", "SRV")
    assert [record.data for record in reply.answer] == [
        f"0 50 7000 peers-{number}.peers.{SUFFIX}." for number in (0, 1)
    ]
    assert [record.name for record in reply.additional] == [
        f"peers-{number}.peers.{SUFFIX}." for number in (0, 1)
    ]
    assert shown(coredns(CLUSTER, f"_dns._udp.web.{SUFFIX}", "SRV"))[0][2] == f"0 100 53 web.{SUFFIX}."
    assert coredns(CLUSTER, f"_dns._tcp.web.{SUFFIX}", "SRV").code == "NXDOMAIN"


def test_ptr_names_the_service_of_a_cluster_ip_and_the_endpoint_of_a_pods_address():
    (pod, _) = coredns(CLUSTER, f"peers.{SUFFIX}").addresses
    for address, name in (("10.96.0.7", f"web.{SUFFIX}."), (pod, f"peers-0.peers.{SUFFIX}.")):
        pointer = ".".join(reversed(address.split("."))) + ".in-addr.arpa"
        assert [record.data for record in coredns(CLUSTER, pointer, "PTR").answer] == [name]
    assert coredns(CLUSTER, "77.0.96.10.in-addr.arpa", "PTR").code == "NXDOMAIN"
    assert coredns(CLUSTER, "50.2.0.192.in-addr.arpa", "PTR").answer[0].data == "db.example.com."


def test_coredns_passes_outside_names_on_and_shortens_their_life():
    inside, upstream = (server(CLUSTER, "db.example.com") for server in (coredns, outside))
    assert (inside.answer[0].ttl, upstream.answer[0].ttl) == (30, 300)
    assert (inside.authoritative, inside.recursion) == (False, True)


def test_the_outsides_server_knows_nothing_of_the_cluster():
    assert outside(CLUSTER, f"my-db.{SUFFIX}").code == "NXDOMAIN"
    assert outside(CLUSTER, "example.com").code == "NOERROR"
    assert "192.0.2.53" in OUTSIDE


def test_the_zone_says_its_own_version_and_server():
    assert coredns(CLUSTER, "dns-version.cluster.local", "TXT").answer[0].data == '"1.1.0"'
    assert coredns(CLUSTER, "cluster.local", "SOA").answer[0].data.startswith(SOA)
    assert coredns(CLUSTER, "ns.dns.cluster.local").addresses == ("10.96.0.10",)


def test_a_message_goes_over_the_wire_and_comes_back_whole():
    from dns import flags

    asked = question(f"my-db.{SUFFIX}", "A")
    got = response(asked, coredns(CLUSTER, f"my-db.{SUFFIX}"))
    assert got.id == asked.id
    assert flags.to_text(got.flags) == "QR AA RD"
    assert [rrset.to_text() for rrset in got.answer] == [
        f"my-db.{SUFFIX}. 30 IN CNAME db.example.com.",
        "db.example.com. 30 IN A 192.0.2.50",
    ]
    assert question("x", "A").id == question("x", "A").id


@pytest.mark.parametrize("name", ["a" * 64, "a..b", "a." * 130])
def test_a_name_that_no_message_holds_is_refused(name):
    with pytest.raises(QuestionError, match="no DNS message can hold it"):
        question(name, "A")


def test_svcnotes_needs_dnspython_only_for_messages():
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['dns'] = None\n"
        "import svcnotes; from svcnotes import scenarios\n"
        "cluster = scenarios.load('nodeport')\n"
        "print(svcnotes.trace(cluster, 'pod/default/my-nginx-1', 'my-nginx:8080').destination)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "10.96.0.80:8080"
