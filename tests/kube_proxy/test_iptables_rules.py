"""What each setting and each kind of Service does to the rules of a node."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from svcnotes.control_plane.load import load, loads
from svcnotes.control_plane.objects import Endpoint, EndpointPort, EndpointSlice, Service, ServicePort
from svcnotes.errors import QuestionError
from svcnotes.kube_proxy import iptables, rules

DATA = Path(__file__).parent.parent / "data"
HASH = "LOLE4ISW44XBNF3G"  # default/web over TCP


def recorded(scenario):
    return load(DATA / "oracle" / scenario / "cluster.yaml")


def with_settings(cluster, **changes):
    return replace(cluster, proxy=replace(cluster.proxy, **changes))


def table(text, name):
    return text.split(f"*{name}\n")[1].split("COMMIT\n")[0].splitlines()


def chain(text, name, in_table="nat"):
    start = f"-A {name} "
    return [line.removeprefix(start) for line in table(text, in_table) if line.startswith(start)]


@pytest.fixture(scope="module")
def node_port():
    return recorded("nodeport-cluster")


@pytest.fixture(scope="module")
def dual():
    return load(DATA / "kube_proxy" / "dual-stack.yaml")


@pytest.fixture(scope="module")
def shop(dual):
    return rules(dual, "node-1")


# --- settings ---------------------------------------------------------------------------------


def test_masquerade_all_marks_every_packet_to_the_cluster_ip(node_port):
    text = rules(with_settings(node_port, masquerade_all=True), "node-1")
    first = chain(text, f"KUBE-SVC-{HASH}")[0]
    assert first == (
        '-d 10.96.0.10/32 -p tcp -m comment --comment "default/web cluster IP" -m tcp --dport 80'
        " -j KUBE-MARK-MASQ"
    )


def test_without_a_cluster_cidr_nobody_is_known_as_a_pod(node_port):
    text = rules(with_settings(node_port, cluster_cidrs=()), "node-1")
    assert [rule for rule in chain(text, f"KUBE-SVC-{HASH}") if "MARK-MASQ" in rule] == []
    local = rules(with_settings(recorded("nodeport-local"), cluster_cidrs=()), "node-1")
    assert "pod traffic for" not in local
    assert "route LOCAL traffic for" in local


def test_the_masquerade_bit_is_the_mark_everywhere(node_port):
    text = rules(with_settings(node_port, masquerade_bit=7), "node-1")
    assert "0x4000" not in text
    assert chain(text, "KUBE-MARK-MASQ") == ["-j MARK --set-xmark 0x80/0x80"]
    assert chain(text, "KUBE-POSTROUTING")[:2] == [
        "-m mark ! --mark 0x80/0x80 -j RETURN",
        "-j MARK --set-xmark 0x80/0x0",
    ]
    assert any("-m mark --mark 0x80/0x80 -j ACCEPT" in rule for rule in chain(text, "KUBE-FORWARD", "filter"))


def test_localhost_node_ports_off_keeps_the_loopback_closed(node_port):
    text = rules(with_settings(node_port, localhost_node_ports=False), "node-1")
    assert chain(text, "KUBE-SERVICES")[-1].startswith("! -d 127.0.0.0/8 -m comment")
    assert chain(text, "KUBE-FIREWALL", "filter") == []
    assert ":KUBE-FIREWALL -" in table(text, "filter")
    assert "localhost_nps_accepted_pkts" not in text


def test_several_node_port_addresses_give_a_rule_for_each_matching_address(node_port):
    ranges = ("172.18.0.0/24", "10.244.0.0/16", "fd00::/8")
    text = rules(with_settings(node_port, node_port_addresses=ranges), "node-2")
    jumps = [rule.split()[1] for rule in chain(text, "KUBE-SERVICES") if rule.endswith("-j KUBE-NODEPORTS")]
    assert jumps == ["172.18.0.12/32", "10.244.2.1/32"]
    assert "127.0.0.0/8" not in text


def test_node_port_addresses_that_name_the_loopback_open_it(node_port):
    text = rules(with_settings(node_port, node_port_addresses=("127.0.0.0/8",)), "node-1")
    assert chain(text, "KUBE-SERVICES")[-1].startswith("-d 127.0.0.1/32 -m comment")
    assert len(chain(text, "KUBE-FIREWALL", "filter")) == 1


def test_loopback_in_node_port_addresses_is_no_use_when_localhost_is_off(node_port):
    closed = with_settings(node_port, node_port_addresses=("127.0.0.0/8",), localhost_node_ports=False)
    assert "-j KUBE-NODEPORTS" not in "".join(table(rules(closed, "node-1"), "nat"))


def test_node_port_addresses_of_one_family_leave_the_other_at_its_default(dual):
    narrow = with_settings(dual, node_port_addresses=("172.18.0.0/24",))
    assert "-m addrtype --dst-type LOCAL" in chain(rules(narrow, "node-1", family=6), "KUBE-SERVICES")[-1]


def test_primary_means_the_nodes_own_address_of_each_family(dual):
    primary = with_settings(dual, node_port_addresses=("primary",))
    assert chain(rules(primary, "node-2"), "KUBE-SERVICES")[-1].startswith("-d 172.18.0.12/32 ")
    assert chain(rules(primary, "node-2", family=6), "KUBE-SERVICES")[-1].startswith("-d fd00:18::12/128 ")


def test_a_pod_network_without_a_bridge_has_no_node_address_of_its_own(node_port):
    routed = node_port.with_world(cni="routed")
    text = rules(with_settings(routed, node_port_addresses=("10.0.0.0/8",)), "node-1")
    assert "-j KUBE-NODEPORTS" not in "".join(table(text, "nat"))
    vxlan = node_port.with_world(cni="vxlan")
    text = rules(with_settings(vxlan, node_port_addresses=("10.0.0.0/8",)), "node-1")
    assert [r.split()[1] for r in chain(text, "KUBE-SERVICES")[-2:]] == ["10.244.1.0/32", "10.244.1.1/32"]


# --- kinds of Services ------------------------------------------------------------------------


def test_each_source_range_is_let_through_and_the_vip_itself_where_the_node_is_in_one(shop):
    firewall = [name for name in table(shop, "nat") if name.startswith(":KUBE-FW-")]
    assert len(firewall) == 2
    name = firewall[0].split()[0][1:]
    sources = [rule.split()[1] for rule in chain(shop, name)]
    assert sources == ["192.0.2.0/24", "172.18.0.0/16", "203.0.113.20/32", "comment"]


def test_a_node_outside_the_source_ranges_gets_no_rule_for_the_vip_as_source(dual):
    text = rules(dual, "node-1", family=6)
    name = next(line.split()[0][1:] for line in table(text, "nat") if line.startswith(":KUBE-FW-"))
    assert [rule.split()[1] for rule in chain(text, name)] == ["2001:db8:2::/64", "comment"]


def test_a_source_range_of_every_address_prints_no_source():
    cluster = recorded("lb-sourceranges")
    service = replace(cluster.services["default/web"], load_balancer_source_ranges=("0.0.0.0/0",))
    cluster.__dict__["services"] = {"default/web": service}
    assert chain(rules(cluster, "node-1"), f"KUBE-FW-{HASH}")[:2] == [
        f'-m comment --comment "default/web loadbalancer IP" -j KUBE-EXT-{HASH}',
        f'-s 203.0.113.10/32 -m comment --comment "default/web loadbalancer IP" -j KUBE-EXT-{HASH}',
    ]


def test_affinity_asks_for_the_kept_endpoint_before_it_draws_lots(shop):
    name = next(line.split()[0][1:] for line in table(shop, "nat") if line.startswith(":KUBE-SVC-"))
    picks = [rule for rule in chain(shop, name) if "KUBE-SEP" in rule]
    kept = [rule for rule in picks if "-m recent --rcheck --seconds 600 --reap" in rule]
    assert picks[: len(kept)] == kept
    assert len(kept) * 2 == len(picks)


def test_affinity_in_ipv6_compares_whole_addresses(dual):
    text = rules(dual, "node-2", family=6)
    assert "--mask ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff --rsource" in text
    assert "255.255.255.255" not in text


def test_a_port_without_endpoints_in_one_family_is_refused_in_that_family_only(dual):
    assert '"default/shop:dns has no endpoints"' not in rules(dual, "node-1")
    (refused,) = chain(rules(dual, "node-1", family=6), "KUBE-SERVICES", "filter")
    assert refused == (
        '-d fd00:96::20/128 -p udp -m comment --comment "default/shop:dns has no endpoints"'
        " -m udp --dport 53 -j REJECT --reject-with icmp6-port-unreachable"
    )


def test_an_endpoint_in_two_slices_is_one_endpoint_and_endpoints_sort_as_text(shop):
    picks = re.findall(r'comment "default/shop:http -> ([^"]+)" -m statistic --mode random|$^', shop)
    assert [pick for pick in picks if pick] == ["10.244.1.10:8080", "10.244.2.10:8080"]
    assert '"default/shop:http -> 10.244.2.9:8080" -j KUBE-SEP-' in shop


def test_a_service_of_another_proxy_leaves_no_rule(shop):
    assert "default/old" not in shop


PROXY_NAME, HEADLESS = "service.kubernetes.io/service-proxy-name", "service.kubernetes.io/headless"


def recorded_with(label, kind):
    """The cluster of a recording, one of whose Services or slices carries a label more."""
    text = (DATA / "oracle" / "nodeport-cluster" / "cluster.yaml").read_text(encoding="utf-8")
    documents = list(yaml.safe_load_all(text))
    (one,) = [document for document in documents if document["kind"] == kind]
    one["metadata"].setdefault("labels", {})[label] = ""
    return loads(yaml.safe_dump_all(documents))


def test_a_service_that_names_another_proxy_is_not_even_asked_for():
    """The informers in cmd/kube-proxy/app/server.go of Kubernetes 1.36: a selector of its own for each kind."""
    assert "default/web" not in rules(recorded_with(PROXY_NAME, "Service"), "node-1")
    labelled = rules(recorded_with(PROXY_NAME, "EndpointSlice"), "node-1")
    assert labelled == rules(recorded("nodeport-cluster"), "node-1"), "its slices may say so too, nobody asks"


def test_a_slice_labelled_headless_has_no_endpoints_for_kube_proxy_while_on_a_service_the_label_means_nothing():
    assert "default/web has no endpoints" in rules(recorded_with(HEADLESS, "EndpointSlice"), "node-1")
    labelled = rules(recorded_with(HEADLESS, "Service"), "node-1")
    assert labelled == rules(recorded("nodeport-cluster"), "node-1")


def test_families_do_not_mix(dual, shop):
    assert "fd00" not in shop
    assert "10.96" not in rules(dual, "node-1", family=6)


def test_the_health_check_port_is_accepted_once_for_each_port(shop):
    accepted = chain(shop, "KUBE-NODEPORTS", "filter")
    assert [re.search(r'"(.*) health', rule)[1] for rule in accepted] == [
        "default/shop:http",
        "default/shop:dns",
    ]
    assert all("--dport 31500 -j ACCEPT" in rule for rule in accepted)


# --- many endpoints ---------------------------------------------------------------------------


def with_endpoints(cluster, count):
    """The cluster with one ClusterIP Service of `count` endpoints in place of its own."""
    service = Service(
        "default", "web", cluster_ips=("10.96.0.10",), ports=(ServicePort("", "TCP", 80, 8080),)
    )
    addresses = [f"10.244.{i // 250}.{i % 250 + 1}" for i in range(count)]
    piece = EndpointSlice(
        "default",
        "web-1",
        "web",
        endpoints=tuple(Endpoint((address,), node="node-1") for address in addresses),
        ports=(EndpointPort("", 8080),),
    )
    other = replace(cluster)
    other.__dict__.update(services={"default/web": service}, endpoint_slices=(piece,))
    return other


def test_up_to_1000_endpoints_each_rule_says_whose_it_is(node_port):
    text = rules(with_endpoints(node_port, 1000), "node-1")
    assert text.count('"default/web -> ') == 1000


def test_over_1000_endpoints_the_comments_of_endpoint_rules_go(node_port):
    text = rules(with_endpoints(node_port, 1001), "node-1")
    picks = chain(text, f"KUBE-SVC-{HASH}")
    assert picks[1].startswith("-m statistic --mode random --probability 0.00099900")
    assert picks[-1].startswith("-j KUBE-SEP-")
    first = picks[1].split()[-1]
    assert chain(text, first)[1].startswith("-p tcp -m tcp -j DNAT --to-destination")
    assert '"default/web cluster IP"' in text


@pytest.mark.parametrize(
    ("n", "printed"), [(2, "0.50000000000"), (3, "0.33333333349"), (5, "0.20000000019"), (1, "1.00000000000")]
)
def test_probabilities_print_as_the_kernel_keeps_them(n, printed):
    from svcnotes.kube_proxy.iptables.service import probability

    assert probability(n) == printed


# --- the question -----------------------------------------------------------------------------


def test_replaced_rules_win_over_what_kube_proxy_would_write(node_port):
    edited = node_port.with_rules("node-2", "*nat\nCOMMIT\n")
    assert rules(edited, "node-2") == "*nat\nCOMMIT\n"
    assert rules(edited, "node-1") == iptables.rules(node_port, "node-1", 4)


def test_an_unknown_node_is_an_error_that_names_the_nodes(node_port):
    with pytest.raises(QuestionError, match=r"node-9.*node-1, node-2, node-3"):
        rules(node_port, "node-9")


def test_a_mode_that_does_not_exist_says_what_does(node_port):
    with pytest.raises(QuestionError, match=r"'userspace'.*iptables"):
        rules(node_port, "node-1", proxy_mode="userspace")


def test_a_family_that_the_cluster_lacks_is_an_error(node_port):
    with pytest.raises(QuestionError, match=r"family 6.*IPv4 only"):
        rules(node_port, "node-1", family=6)


def test_the_clusters_own_mode_is_the_default(node_port):
    assert rules(with_settings(node_port, mode="nftables"), "node-1").startswith("table ip kube-proxy {\n")
    assert rules(with_settings(node_port, mode=""), "node-1").startswith("*mangle\n")
