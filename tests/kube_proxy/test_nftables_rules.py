"""What each setting and each kind of Service does to the nftables table of a node."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from svcnotes.control_plane.load import load, loads
from svcnotes.control_plane.objects import Endpoint, EndpointPort, EndpointSlice, Service, ServicePort
from svcnotes.kube_proxy import counts, rules
from svcnotes.kube_proxy.nftables.text import address_set, duration

DATA = Path(__file__).parent.parent / "data"
WEB = "PFISGYVC-default/web/tcp/"
MARK = "meta mark set meta mark | 0x00004000"


def recorded(scenario):
    return load(DATA / "oracle" / scenario / "cluster.yaml")


def table(cluster, node="node-1", family=None):
    return rules(cluster, node, proxy_mode="nftables", family=family)


def with_settings(cluster, **changes):
    return replace(cluster, proxy=replace(cluster.proxy, **changes))


def with_service(cluster, **changes):
    """The cluster with its Service `web` changed."""
    other = replace(cluster)
    service = replace(cluster.services["default/web"], **changes)
    other.__dict__.update(services={"default/web": service}, endpoint_slices=cluster.endpoint_slices)
    return other


def block(text, name):
    """The lines of a chain, set or map."""
    (found,) = re.findall(
        rf"^\t(?:chain|set|map) {re.escape(name)} \{{\n(.*?)^\t\}}$", text, re.MULTILINE | re.DOTALL
    )
    return found.replace("\t\t\t     ", "").replace("\t\t", "").splitlines()


def elements(text, name):
    joined = " ".join(block(text, name))
    found = re.search(r"elements = \{ (.*) \}", joined)
    return found[1].split(", ") if found else []


@pytest.fixture(scope="module")
def node_port():
    return recorded("nodeport-cluster")


@pytest.fixture(scope="module")
def dual():
    return load(DATA / "kube_proxy" / "dual-stack.yaml")


@pytest.fixture(scope="module")
def shop(dual):
    return table(dual)


# --- settings ---------------------------------------------------------------------------------


def test_masquerade_all_marks_every_packet_to_a_cluster_ip(node_port):
    """setupNFTables in pkg/proxy/nftables/proxier.go of Kubernetes 1.36 has this comment; no recording shows the rule."""
    first, *_ = block(table(with_settings(node_port, masquerade_all=True)), "services")
    assert first.endswith('comment "masquerade all clusterIP traffic"')
    assert first.startswith(f"ip daddr @cluster-ips {MARK} comment ")


def test_a_bind_address_stands_for_the_nodes_own_in_its_family(dual):
    """detectNodeIPs in cmd/kube-proxy/app/server.go: it opens nodePorts there, and whether a range holds it counts."""
    text = (DATA / "kube_proxy" / "dual-stack.yaml").read_text(encoding="utf-8")
    bound = loads(text.replace("mode: iptables", "bindAddress: 192.0.2.77"))
    assert elements(table(bound, family=6), "nodeport-ips") == ["fd00:18::11"]
    narrow = {"load_balancer_source_ranges": ("192.0.2.0/24",)}
    for cluster, ranges in ((bound, "{ 192.0.2.0/24, 203.0.113.20 }"), (dual, "192.0.2.0/24")):
        other = replace(cluster)
        services = {"default/shop": replace(cluster.services["default/shop"], **narrow)}
        other.__dict__.update(services=services, endpoint_slices=cluster.endpoint_slices)
        name = re.search(r"chain (firewall-.*/http) ", table(other))[1]
        assert block(table(other), name) == [f"ip saddr != {ranges} drop"]
    everywhere = loads(text.replace("mode: iptables", 'bindAddress: "::"'))
    assert everywhere.proxy == dual.proxy


def test_each_further_service_cidr_of_the_family_has_its_unused_addresses_dropped_by_the_same_rule():
    """OnServiceCIDRsChanged and setupNFTables in pkg/proxy/nftables/proxier.go: all ranges in one set."""
    objects = [
        ("a-later-one", "[10.98.0.0/24]"),
        ("kubernetes", '[10.96.0.0/16, "fd00:96::/112"]'),
        ("more", '["fd00:97::/112"]'),
    ]
    made = (
        "apiVersion: networking.k8s.io/v1\nkind: ServiceCIDR\nmetadata: {{name: {}}}\nspec: {{cidrs: {}}}\n"
    )
    cluster = loads("---\n".join(made.format(*one) for one in objects))
    assert cluster.config.service_cidrs == ("10.96.0.0/16", "fd00:96::/112")
    drop = 'drop comment "Drop traffic to unallocated ClusterIPs"'
    for family, ranges in ((4, "10.96.0.0/16, 10.98.0.0/24"), (6, "fd00:96::/112, fd00:97::/112")):
        ip = "ip6" if family == 6 else "ip"
        rule = block(table(cluster, family=family), "cluster-ips-check")[-1]
        assert rule == f"{ip} daddr {{ {ranges} }} {drop}"


def test_a_comment_is_cut_where_nft_takes_no_more():
    """truncateNFTablesComment in pkg/proxy/nftables/proxier.go; NFTNL_UDATA_COMMENT_MAXLEN is 128."""
    names = {"namespace": "n" * 63, "name": "s" * 63}
    cluster = with_service(
        recorded("nodeport-no-endpoints"), ports=(ServicePort("p" * 63, "TCP", 80, 8080, 30080),), **names
    )
    (element,) = elements(table(cluster), "no-endpoint-nodeports")
    assert element == f'tcp . 30080 comment "{"n" * 63}/{"s" * 63}:" : goto reject-chain'


def test_without_a_cluster_cidr_nobody_is_known_as_a_pod():
    text = table(with_settings(recorded("nodeport-local"), cluster_cidrs=()))
    assert block(text, "services")[0] == "ip daddr . meta l4proto . th dport vmap @service-ips"
    assert (
        block(text, f"external-{WEB}")[0] == f'fib saddr type local {MARK} comment "masquerade local traffic"'
    )


@pytest.mark.parametrize(
    ("bit", "asked", "mark"),
    [
        (0, "meta mark & 0x00000001 != 0x00000000", "0x00000001"),
        (7, "meta mark & 0x00000080 != 0x00000000", "0x00000080"),
        # A mask of the first bit is a prefix of one bit, and nft prints it as one.
        (31, "meta mark != 0x00000000/1", "0x80000000"),
    ],
)
def test_the_masquerade_bit_is_the_mark_everywhere(node_port, bit, asked, mark):
    text = table(with_settings(node_port, masquerade_bit=bit))
    assert "0x00004000" not in text
    assert (
        block(text, "masquerading")[0] == f"{asked} meta mark set meta mark ^ {mark} masquerade fully-random"
    )
    assert block(text, f"external-{WEB}")[0] == f'meta mark set meta mark | {mark} comment "masquerade"'


def test_node_ports_are_open_at_the_primary_address_unless_told_otherwise(node_port, dual):
    assert elements(table(node_port, "node-2"), "nodeport-ips") == ["172.18.0.12"]
    assert elements(table(dual, "node-2", 6), "nodeport-ips") == ["fd00:18::12"]


def test_loopback_is_never_among_the_node_port_addresses(node_port):
    text = table(with_settings(node_port, node_port_addresses=("127.0.0.0/8", "172.18.0.0/24")))
    assert elements(text, "nodeport-ips") == ["172.18.0.11"]
    only = table(with_settings(node_port, node_port_addresses=("127.0.0.0/8",)))
    assert elements(only, "nodeport-ips") == []


def test_several_ranges_of_node_port_addresses_give_every_address_that_is_in_one(node_port):
    text = table(with_settings(node_port, node_port_addresses=("172.18.0.0/24", "10.244.0.0/16")), "node-2")
    assert elements(text, "nodeport-ips") == ["10.244.2.1", "172.18.0.12"]


def test_every_address_needs_no_set_but_a_question_to_the_routing_table(dual):
    text = table(with_settings(dual, node_port_addresses=("::/0",)), family=6)
    assert "nodeport-ips" not in text
    asked = "ip6 daddr != ::1 meta l4proto . th dport vmap"
    assert block(text, "services")[-1] == f"fib daddr type local {asked} @service-nodeports"
    assert block(text, "nodeport-endpoints-check") == [f"{asked} @no-endpoint-nodeports"]


def test_node_port_addresses_of_one_family_open_the_other_everywhere(dual):
    text = table(with_settings(dual, node_port_addresses=("172.18.0.0/24",)), family=6)
    assert "nodeport-ips" not in text


def test_both_families_have_a_service_range_of_their_own_in_which_the_rest_is_dropped(dual):
    assert any("ip daddr 10.96.0.0/16 drop" in rule for rule in block(table(dual), "cluster-ips-check"))
    assert any(
        "ip6 daddr fd00:96::/112 drop" in rule for rule in block(table(dual, family=6), "cluster-ips-check")
    )


# --- kinds of Services ------------------------------------------------------------------------


def test_source_ranges_guard_the_load_balancers_address_before_it_is_translated(shop):
    (name,) = [one.split()[-1] for one in elements(shop, "firewall-ips") if ". tcp . 80 " in one]
    assert block(shop, name) == ["ip saddr != { 172.18.0.0/16, 192.0.2.0/24, 203.0.113.20 } drop"]
    assert block(shop, "filter-prerouting-pre-dnat") == [
        "type filter hook prerouting priority dstnat - 10; policy accept;",
        "ct state new jump firewall-check",
    ]


def test_a_node_outside_the_source_ranges_may_not_come_from_the_load_balancers_address(dual):
    text = table(dual, family=6)
    (name,) = [one.split()[-1] for one in elements(text, "firewall-ips") if ". tcp . 80 " in one]
    assert block(text, name) == ["ip6 saddr != 2001:db8:2::/64 drop"]


def test_source_ranges_are_guarded_without_endpoints_too():
    cluster = with_service(recorded("lb-sourceranges"))
    cluster.__dict__["endpoint_slices"] = ()
    text = table(cluster)
    assert elements(text, "firewall-ips") == [f"203.0.113.10 . tcp . 80 : goto firewall-{WEB}"]
    assert 'comment "default/web" : goto reject-chain' in text


@pytest.mark.parametrize(
    ("given", "printed"),
    [
        (["192.0.2.7/32"], "192.0.2.7"),
        (["0.0.0.0/0"], "0.0.0.0/0"),
        (["0.0.0.0/0", "203.0.113.10"], "{ 0.0.0.0/0 }"),
        (["10.97.0.0/16", "10.96.0.0/16"], "{ 10.96.0.0/15 }"),
        (["10.0.0.0/24", "10.0.1.0/32"], "{ 10.0.0.0-10.0.1.0 }"),
        (["192.0.2.2", "192.0.2.1"], "{ 192.0.2.1, 192.0.2.2 }"),
        (["192.0.2.1/32", "192.0.2.2"], "{ 192.0.2.1-192.0.2.2 }"),
        (["fd00::1", "fd00::/64", "2001:db8::/32"], "{ 2001:db8::/32, fd00::/64 }"),
    ],
)
def test_ranges_that_touch_print_as_one(given, printed):
    assert address_set(given) == printed


@pytest.mark.parametrize(
    ("seconds", "printed"), [(10800, "3h"), (90, "1m30s"), (86400, "1d"), (5415, "1h30m15s"), (1, "1s")]
)
def test_times_print_in_days_hours_minutes_and_seconds(seconds, printed):
    assert duration(seconds) == printed


def test_affinity_asks_the_set_of_each_endpoint_before_it_draws_lots(shop):
    name = next(one.split(" : goto ")[1] for one in elements(shop, "service-ips") if ". tcp . 80" in one)
    *kept, last = block(shop, name.replace("external-", "service-"))
    sets = [re.fullmatch(r"ip saddr @(affinity-\S+) goto endpoint-\S+", rule)[1] for rule in kept]
    assert [one.split("__")[1] for one in sets] == ["10.244.1.10/8080", "10.244.2.10/8080", "10.244.2.9/8080"]
    assert last.startswith("numgen random mod 3 vmap { 0 : goto endpoint-")
    assert all(block(shop, one)[-1] == "timeout 10m" for one in sets)


def test_a_name_in_ipv6_has_dots_for_colons(dual):
    text = table(dual, "node-2", 6)
    name = re.search(r"chain (endpoint-\S+__fd00\.244\.2\.\.10/8080) \{", text)[1]
    assert block(text, name)[-1] == "meta l4proto tcp dnat to [fd00:244:2::10]:8080"
    assert block(text, name.replace("endpoint", "affinity"))[0] == "type ipv6_addr"


def test_a_name_too_long_for_the_kernel_is_cut_off_after_its_hash(node_port):
    long = replace(node_port.services["default/web"], namespace="n" * 120, name="w" * 130)
    cluster = replace(node_port)
    cluster.__dict__.update(services={long.key: long}, endpoint_slices=())
    cluster.__dict__["endpoint_slices"] = (
        EndpointSlice(
            long.namespace,
            "x",
            long.name,
            endpoints=(Endpoint(("10.244.1.10",)),),
            ports=(EndpointPort("", 80),),
        ),
    )
    (name,) = re.findall(r"chain service-(\S{8}-n\S+) ", table(cluster))
    assert len(name) == 240
    assert name.endswith("w...")


def test_only_endpoints_on_the_node_itself_can_be_both_ends_of_a_connection(node_port):
    assert elements(table(node_port, "node-2"), "hairpin-connections") == [
        "10.244.2.10 . 10.244.2.10 . tcp . 8080"
    ]
    assert elements(table(node_port, "node-3"), "hairpin-connections") == []


def test_without_an_endpoint_here_the_external_address_is_in_two_maps():
    text = table(recorded("lb-local"), "node-3")
    served, refused = elements(text, "service-ips"), elements(text, "no-endpoint-services")
    assert f"203.0.113.10 . tcp . 80 : goto external-{WEB}" in served
    assert refused == ['203.0.113.10 . tcp . 80 comment "default/web" : drop']
    assert not any(rule.startswith("goto local-") for rule in block(text, f"external-{WEB}"))


def test_a_port_without_endpoints_in_one_family_is_refused_in_that_family_only(dual):
    assert '"default/shop:dns"' not in table(dual)
    refused = elements(table(dual, family=6), "no-endpoint-services")
    assert 'fd00:96::20 . udp . 53 comment "default/shop:dns" : goto reject-chain' in refused


def test_a_service_of_another_proxy_leaves_nothing_not_even_its_cluster_ip(shop):
    assert "default/old" not in shop
    assert elements(shop, "cluster-ips") == ["10.96.0.20"]


def test_families_do_not_mix(dual, shop):
    assert "fd00" not in shop
    assert "10.96" not in table(dual, family=6)


def test_a_thousand_endpoints_are_one_rule(node_port):
    service = Service(
        "default", "web", cluster_ips=("10.96.0.10",), ports=(ServicePort("", "TCP", 80, 8080),)
    )
    addresses = [f"10.244.{i // 250}.{i % 250 + 1}" for i in range(1000)]
    piece = EndpointSlice(
        "default", "web-1", "web", endpoints=tuple(Endpoint((a,), node="node-1") for a in addresses),
        ports=(EndpointPort("", 8080),),
    )  # fmt: skip
    cluster = replace(node_port)
    cluster.__dict__.update(services={"default/web": service}, endpoint_slices=(piece,))
    (rule,) = block(table(cluster), f"service-{WEB}")
    assert rule.startswith("meta l4proto tcp dnat ip to numgen random mod 1000 map { 0 : ")
    assert rule.count(" . 8080") == 1000


# --- counts -----------------------------------------------------------------------------------


def test_counts_are_those_of_the_text(node_port, dual):
    for cluster in (node_port, dual, recorded("affinity-nodeport"), recorded("lb-local-no-endpoints")):
        text, found = table(cluster), counts(cluster, "node-1", "nftables")
        chains = re.findall(r"^\tchain .*?^\t\}$", text, re.MULTILINE | re.DOTALL)
        lines = [line for chain in chains for line in chain.splitlines()[1:-1]]
        assert found.chains == len(chains)
        assert found.rules == sum(not re.match(r"\t\t(type|comment) ", line) for line in lines)
        maps, sets = (
            sum(len(elements(text, name)) for name in re.findall(rf"^\t{word} (\S+)", text, re.MULTILINE))
            for word in ("map", "set")
        )
        assert (found.map_elements, found.set_elements) == (maps, sets)
