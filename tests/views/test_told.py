"""The sentences for what a newcomer finds hard: proxies, strangers' answers, loops, addresses that nobody has."""

from functools import lru_cache

import pytest

from svcnotes import scenarios
from svcnotes.control_plane.load import load
from svcnotes.scenarios.changes import without_rule
from svcnotes.scenarios.externalname import SLICE, instead
from svcnotes.trace import trace
from svcnotes.views.compare import compare
from svcnotes.views.headline import headline
from svcnotes.views.marks import names_of
from svcnotes.views.pack import alt_text, deciding, pack
from svcnotes.views.prose import plain
from svcnotes.views.story import second_connections, stray, tell

CLIENT, VIP, SHOP = "192.0.2.10", "203.0.113.10:80", "pod/default/shop"


@lru_cache(maxsize=16)
def recorded(data, scenario):
    return load(data / "oracle" / scenario / "cluster.yaml")


def told(cluster, source, to, pod="", **question):
    found = trace(cluster, source, to, **question)
    path = next(path for path in found.paths if (path.pod or "").endswith(pod))
    return tell(found, path, names_of(found, cluster))


def test_a_proxy_hides_the_client_and_no_policy_changes_that(data):
    for scenario in ("lb-local", "lb-cluster"):
        cluster = recorded(data, scenario).with_world(cloud="pods")
        said = plain(headline(told(cluster, CLIENT, VIP, "web-c")))
        assert said == (
            "web-c sees 203.0.113.10, the load balancer, not the client 192.0.2.10. The balancer made a second "
            "connection, from its own address: no rule changed the source, and no traffic policy can bring the "
            "client back."
        )


def test_behind_a_proxy_a_node_that_masquerades_hides_the_proxy_as_well(data):
    cluster = recorded(data, "lb-cluster").with_world(cloud="proxying")
    said = plain(headline(told(cluster, CLIENT, VIP, "web-c")))
    assert said.startswith("web-c sees 172.18.0.11 (node-1), not the client 192.0.2.10. Changed at step 6 by")
    assert said.endswith(
        "the load balancer, which made a second connection: the client is hidden either way."
    )


def test_a_proxys_two_connections_are_told_apart(data):
    story = told(recorded(data, "lb-local").with_world(cloud="proxying"), CLIENT, VIP, "web-c")
    assert len(second_connections(story.path)) == 1
    assert [moment.kind for moment in story.moments][:4] == ["send", "accept", "send", "dnat"]
    assert [plain(moment.sentence) for moment in story.moments][1:3] == [
        "load-balancer accepts the connection itself, and sees the source 192.0.2.10:40112.",
        "load-balancer makes a second connection, from its own address 203.0.113.10:40112 to 172.18.0.12:30080 (node-2).",
    ]
    assert [plain(moment.sentence) for moment in story.moments][-3:] == [
        "load-balancer gets the answer from 172.18.0.12:30080 on the second connection.",
        "load-balancer answers 192.0.2.10 over the first connection, from 203.0.113.10:80.",
        "client gets the answer from 203.0.113.10:80.",
    ]


def test_without_snat_the_client_hears_a_stranger_and_says_so(data):
    story = told(
        without_rule(recorded(data, "nodeport-cluster"), "-j MASQUERADE"),
        CLIENT,
        "172.18.0.12:30080",
        "web-a",
    )
    assert stray(story.path)
    assert plain(headline(story)) == (
        "Timeout: web-a answers the client directly, from 10.244.1.10:8080. The client had dialled "
        "172.18.0.12:30080: its connection knows no such peer. It answers RST and waits in vain."
    )
    assert plain(story.moments[-1].sentence) == (
        "client gets an answer from 10.244.1.10:8080, but had dialled 172.18.0.12:30080: it knows no such "
        "connection, answers RST and waits in vain."
    )


def test_a_udp_client_does_not_reset_a_strangers_answer(data):
    cluster = without_rule(recorded(data, "nodeport-udp"), "-j MASQUERADE")
    story = told(cluster, CLIENT, "172.18.0.12:30080", "web-a", protocol="udp")
    assert stray(story.path)
    assert "throws the answer away" in plain(headline(story))
    assert "RST" not in plain(story.moments[-1].sentence)


def test_a_loop_names_the_two_who_hand_the_packet_to_each_other(data):
    story = told(recorded(data, "extip-cluster"), CLIENT, "198.51.100.10:12345", via="node-1")
    assert "goes in circles between router and node-1: nobody owns 198.51.100.10:12345" in plain(
        headline(story)
    )


def test_a_pod_without_a_listener_is_where_to_look_first(data):
    cluster = recorded(data, "nodeport-cluster")
    cluster = cluster.patch("service", "web", "spec: {ports: [{port: 80, targetPort: 9999}]}")
    cluster = cluster.patch("pod", "web-a", 'metadata: {annotations: {svcnotes/listens: "8080"}}')
    story = told(cluster, CLIENT, "172.18.0.11:30080", "web-a")
    closed = story.moments[deciding(story) - 1]
    assert (closed.kind, closed.host) == ("closed", "default/web-a")
    assert plain(closed.sentence) == "web-a (a pod) takes it in, but no process listens on port 9999."


def test_a_bridge_port_without_hairpin_is_told_in_the_kernels_words(data):
    cluster = recorded(data, "nodeport-cluster").with_world(faults=["hairpin-off"])
    found = trace(cluster, "pod/default/web-a", "10.96.0.10:80")
    lost = next(path for path in found.paths if path.outcome == "timeout")
    said = plain(headline(tell(found, lost, names_of(found, cluster))))
    assert said.endswith(
        "Dropped at step 4: veth-web-a is no hairpin port: the bridge sends no frame back where it came from."
    )


def test_where_only_the_port_was_rewritten_the_rule_is_named_all_the_same(data):
    said = plain(headline(told(recorded(data, "nodeport-cluster"), "node/node-3", "10.96.0.10:80", "web-a")))
    assert said == (
        "web-a sees 172.18.0.13, node-3 itself. "
        "Only its port was changed at step 4 by KUBE-POSTROUTING … MASQUERADE."
    )


def test_an_alias_of_a_name_outside_this_world_is_no_packet_at_all(data):
    cluster = recorded(data, "externalname")
    name = next(service.name for service in cluster.services.values() if service.type == "ExternalName")
    story = told(cluster, "pod/default/tool-1", f"{name}:443")
    assert story.moments == ()
    assert plain(headline(story)).startswith("The name leads out of this world. The name is an alias of")
    assert pack(story.trace, cluster)["paths"][0]["moments"] == []


def test_a_name_that_was_dialled_is_told_with_the_address_that_it_had_become():
    cluster = scenarios.load("externalname")
    for kind, address in ((cluster, "203.0.113.50"), (instead(cluster, SLICE), "10.96.0.50")):
        said = plain(headline(told(kind, SHOP, "my-db:5432")))
        assert said.endswith(f"DNS had turned my-db into {address} before the packet set out.")


def test_a_hosts_own_name_and_an_address_need_no_such_word():
    cluster = scenarios.load("externalname")
    for to in ("db.example.com:5432", "203.0.113.50:5432", "node-2:80"):
        assert "DNS" not in plain(headline(told(cluster, SHOP, to)))


def test_a_name_that_leads_to_another_address_is_a_change_even_if_the_end_is_the_same():
    cluster = scenarios.load("externalname")
    alias, by_rules = (told(kind, SHOP, "my-db:5432") for kind in (cluster, instead(cluster, SLICE)))
    found = compare(alias, by_rules)
    assert [(change.field, change.before, change.after) for change in found.changes] == [
        ("address dialled", "203.0.113.50:5432", "10.96.0.50:5432")
    ]
    assert str(found).startswith("address dialled 203.0.113.50:5432 → 10.96.0.50:5432. Now: KUBE-SEP-")
    assert {run.role for run in found.sentence if run.kind == "address"} == {"outside", "service"}


def test_whoever_asks_for_another_address_is_told_so_only_if_nothing_else_differs(data):
    cluster = recorded(data, "nodeport-cluster")
    there, here = (told(cluster, CLIENT, f"172.18.0.1{n}:30080", "web-a") for n in (2, 1))
    assert [change.field for change in compare(there, here).changes] == ["source seen"]
    elsewhere = told(cluster, "pod/default/tool-3", "172.18.0.12:30080", "web-a")
    again = told(cluster, "pod/default/tool-3", "10.244.2.1:30080", "web-a")
    assert [change.field for change in compare(elsewhere, again).changes] == ["address dialled"]


@pytest.mark.parametrize("cloud", ["pass-through", "proxying", "pods"])
def test_a_pictures_words_name_everybody_on_the_way(data, cloud):
    story = told(recorded(data, "lb-local").with_world(cloud=cloud), CLIENT, VIP, "web-c")
    assert alt_text(story).startswith("web-c sees")
    way = alt_text(story).rsplit(": ", 1)[1]
    assert way.startswith("client, ")
    assert "web-c" in way


def test_the_tunnels_address_is_a_nodes(data):
    cluster = recorded(data, "nodeport-cluster").with_world(cni="vxlan")
    said = plain(headline(told(cluster, CLIENT, "172.18.0.12:30080", "web-a")))
    assert said.startswith("web-a sees 10.244.2.0 (node-2), not the client")


def test_a_network_of_bare_cables_has_no_bridge_address_to_give_a_name(data):
    cluster = recorded(data, "nodeport-cluster").with_world(cni="routed")
    found = trace(cluster, CLIENT, "172.18.0.12:30080")
    assert names_of(found, cluster).of("10.244.1.1").role == "outside"
