"""What kube-proxy makes in IPVS mode: a table of claims about virtual servers, IP sets, addresses and rules.

No recording of this mode is here; the claims are what pkg/proxy/ipvs/proxier.go of Kubernetes 1.36 does. The IP sets and
the rules are given to the real ipset and iptables-restore; ipvsadm's texts are read back.
"""

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from svcnotes.control_plane.load import load, loads
from svcnotes.errors import InputError, RuleError
from svcnotes.kube_proxy import Counts, counts, ip_sets, own_addresses, partial_sync, rules, virtual_servers
from svcnotes.netfilter import Ruleset
from svcnotes.virtual_servers import (
    RealServer,
    VirtualServer,
    listed,
    read_listed,
    read_saved,
    saved,
)

DATA = Path(__file__).parent.parent / "data"
SCENARIOS = sorted(path.parent.name for path in (DATA / "oracle").glob("*/cluster.yaml"))
WEB = "10.96.0.10:80"


def recorded(scenario, **changes):
    cluster = load(DATA / "oracle" / scenario / "cluster.yaml")
    return replace(cluster, proxy=replace(cluster.proxy, mode="ipvs", **changes))


def reals(cluster, where, node="node-1"):
    """The real servers behind an address and port, as text."""
    (found,) = (one for one in virtual_servers(cluster, node) if one.text == where)
    return [real.text for real in found.real_servers]


def entries(cluster, name, node="node-1", family=None):
    text = ip_sets(cluster, node, family=family)
    assert f"create {name} " in text
    return re.findall(rf"^add {name} (.*)$", text, re.MULTILINE)


def chain(text, name, in_table="nat"):
    table = text.split(f"*{in_table}\n")[1].split("COMMIT\n")[0]
    return re.findall(rf"^-A {name} (.*)$", table, re.MULTILINE)


@pytest.fixture(scope="module")
def dual():
    return load(DATA / "kube_proxy" / "dual-stack.yaml")


# --- virtual servers --------------------------------------------------------------------------


def test_a_cluster_ip_is_a_virtual_server_and_its_endpoints_are_the_real_ones():
    cluster = recorded("clusterip-multi")
    assert [one.text for one in virtual_servers(cluster, "node-1")] == [WEB]
    assert reals(cluster, WEB) == ["10.244.1.10:8080", "10.244.1.11:8080", "10.244.2.10:8080"]


def test_a_node_port_is_a_virtual_server_at_each_address_of_the_node_but_loopback():
    cluster = recorded("nodeport-cluster")
    found = [one.text for one in virtual_servers(cluster, "node-2")]
    assert found == [WEB, "172.18.0.12:30080", "10.244.2.1:30080"]


def test_node_port_addresses_choose_among_them():
    cluster = recorded("nodeport-cluster", node_port_addresses=("172.18.0.0/24", "127.0.0.0/8"))
    assert [one.text for one in virtual_servers(cluster, "node-2")] == [WEB, "172.18.0.12:30080"]
    nowhere = recorded("nodeport-cluster", node_port_addresses=("192.168.99.0/24",))
    assert [one.text for one in virtual_servers(nowhere, "node-2")] == [WEB]
    assert entries(nowhere, "KUBE-NODE-PORT-TCP", "node-2") == []


def test_no_endpoints_leave_a_virtual_server_without_a_real_one():
    assert reals(recorded("clusterip-no-endpoints"), WEB) == []


def test_external_policy_local_keeps_to_the_nodes_own_endpoints():
    cluster = recorded("lb-local")
    assert reals(cluster, "203.0.113.10:80") == ["10.244.1.10:8080", "10.244.1.11:8080"]
    assert len(reals(cluster, WEB)) == 3


def test_external_policy_local_without_an_endpoint_here_takes_all_of_them():
    cluster = recorded("lb-local")
    assert len(reals(cluster, "203.0.113.10:80", "node-3")) == 3
    assert len(reals(cluster, "172.18.0.13:30080", "node-3")) == 3


def test_internal_policy_local_without_an_endpoint_here_has_none():
    assert reals(recorded("itp-local"), WEB, "node-3") == []
    # With a nodePort too, all endpoints are in use somehow, and the clusterIP takes them.
    assert len(reals(recorded("itp-local-nodeport"), WEB, "node-3")) == 3


def test_a_terminating_endpoint_serves_when_no_ready_one_is_left():
    assert reals(recorded("term-all"), WEB) == ["10.244.1.10:8080"]


def test_affinity_is_persistence():
    (found,) = virtual_servers(recorded("affinity-clusterip"), "node-1")
    assert (found.scheduler, found.persistent) == ("rr", 10800)


def test_the_scheduler_is_that_of_the_configuration_and_mh_looks_at_ports_too():
    (found,) = virtual_servers(recorded("clusterip-multi", ipvs_scheduler="sh"), "node-1")
    assert (found.scheduler, found.flags) == ("sh", "")
    (found,) = virtual_servers(recorded("clusterip-multi", ipvs_scheduler="mh"), "node-1")
    assert (found.scheduler, found.flags) == ("mh", "mh-port")


def test_an_ip_mode_proxy_address_is_no_virtual_server():
    assert not any(
        one.address == "203.0.113.10" for one in virtual_servers(recorded("lb-ipmode-proxy"), "node-1")
    )


@pytest.mark.parametrize(
    ("given", "kept"), [("scheduler: sh", "sh"), ("strictARP: true", "rr"), ("{}", "rr")]
)
def test_the_scheduler_is_read_from_the_configuration(given, kept):
    text = f"""
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: ipvs
ipvs:
  {given}
"""
    assert loads(text).proxy.ipvs_scheduler == kept


def test_a_scheduler_that_kube_proxy_does_not_know_is_an_error():
    text = """
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: ipvs
ipvs: {scheduler: fastest}
"""
    with pytest.raises(InputError, match=r'ipvs.scheduler: "?fastest"? is not supported.*rr, wrr'):
        loads(text)


# --- kube-ipvs0 -------------------------------------------------------------------------------


def test_every_address_of_a_service_is_the_nodes_own(dual):
    assert own_addresses(dual, "node-1", "ipvs") == ("10.96.0.20", "198.51.100.20", "203.0.113.20")
    assert own_addresses(dual, "node-1", "ipvs", 6) == ("2001:db8:5::20", "2001:db8:9::20", "fd00:96::20")


def test_an_external_ip_that_another_interface_holds_is_not_put_on_a_second_one():
    cluster = recorded("extip-cluster")
    service = replace(cluster.services["default/web"], external_ips=("172.18.0.11",))
    other = replace(cluster)
    other.__dict__.update(services={"default/web": service}, endpoint_slices=cluster.endpoint_slices)
    assert own_addresses(other, "node-1") == ("10.96.0.10",)
    assert own_addresses(other, "node-2") == ("10.96.0.10", "172.18.0.11")
    assert reals(other, "172.18.0.11:80") == reals(other, WEB)


def test_the_other_modes_have_no_addresses_sets_or_virtual_servers(dual):
    for mode in ("iptables", "nftables"):
        assert own_addresses(dual, "node-1", mode) == ()
        assert virtual_servers(dual, "node-1", mode) == ()
        assert ip_sets(dual, "node-1", mode) == ""


# --- IP sets ----------------------------------------------------------------------------------


def test_there_are_seventeen_sets_whatever_the_services():
    text = ip_sets(recorded("clusterip-multi"), "node-1")
    assert text.count("create ") == 17
    assert re.findall(r"^add (.*)$", text, re.MULTILINE) == [
        "KUBE-LOOP-BACK 10.244.1.10,tcp:8080,10.244.1.10",
        "KUBE-LOOP-BACK 10.244.1.11,tcp:8080,10.244.1.11",
        "KUBE-CLUSTER-IP 10.96.0.10,tcp:80",
        "KUBE-IPVS-IPS 10.96.0.10",
    ]


def test_sets_of_ipv6_have_names_of_their_own_cut_off_at_31_letters(dual):
    names = re.findall(r"^create (\S+)", ip_sets(dual, "node-1", "ipvs", 6), re.MULTILINE)
    assert all(name.startswith("KUBE-6-") and len(name) <= 31 for name in names)
    assert "KUBE-6-LOAD-BALANCER-SOURCE-CID" in names
    assert not set(names) & set(re.findall(r"^create (\S+)", ip_sets(dual, "node-1", "ipvs"), re.MULTILINE))


def test_policy_local_is_in_a_set_of_its_own():
    cluster = recorded("lb-local")
    assert entries(cluster, "KUBE-LOAD-BALANCER") == ["203.0.113.10,tcp:80"]
    assert entries(cluster, "KUBE-LOAD-BALANCER-LOCAL") == ["203.0.113.10,tcp:80"]
    assert entries(cluster, "KUBE-NODE-PORT-TCP") == entries(cluster, "KUBE-NODE-PORT-LOCAL-TCP") == ["30080"]
    assert entries(recorded("lb-cluster"), "KUBE-LOAD-BALANCER-LOCAL") == []
    assert entries(recorded("extip-local"), "KUBE-EXTERNAL-IP-LOCAL") == ["198.51.100.10,tcp:80"]
    assert entries(recorded("extip-local"), "KUBE-EXTERNAL-IP") == []


def test_sctp_node_ports_need_addresses():
    cluster = recorded("clusterip-sctp")
    assert entries(cluster, "KUBE-NODE-PORT-SCTP-HASH") == ["10.244.1.1,sctp:30999", "172.18.0.11,sctp:30999"]


def test_the_health_check_port_has_a_set():
    cluster = recorded("lb-local")
    port = cluster.services["default/web"].health_check_node_port
    assert entries(cluster, "KUBE-HEALTH-CHECK-NODE-PORT") == [str(port)]


def test_source_ranges_are_entries_and_the_node_in_one_may_come_from_the_vip(dual):
    proxied = replace(dual, proxy=replace(dual.proxy, mode="ipvs"))
    assert entries(proxied, "KUBE-LOAD-BALANCER-SOURCE-CIDR")[:2] == [
        "203.0.113.20,tcp:80,172.18.0.0/16",
        "203.0.113.20,tcp:80,192.0.2.0/24",
    ]
    assert entries(proxied, "KUBE-LOAD-BALANCER-SOURCE-IP")[0] == "203.0.113.20,tcp:80,203.0.113.20"
    assert chain(rules(proxied, "node-1"), "KUBE-IPVS-OUT-FILTER", "filter") == []


def test_a_node_outside_the_source_ranges_may_not_call_the_load_balancer():
    text = rules(recorded("lb-sourceranges"), "node-1")
    assert chain(text, "KUBE-IPVS-OUT-FILTER", "filter") == [
        "-s 203.0.113.10/32 -m ipvs --vproto 6 --vaddr 203.0.113.10/32 --vport 80 -j DROP"
    ]


def test_a_range_of_every_address_fits_in_no_set():
    cluster = recorded("lb-sourceranges")
    service = replace(cluster.services["default/web"], load_balancer_source_ranges=("0.0.0.0/0",))
    other = replace(cluster)
    other.__dict__.update(services={"default/web": service}, endpoint_slices=cluster.endpoint_slices)
    assert entries(other, "KUBE-LOAD-BALANCER-FW") == ["203.0.113.10,tcp:80"]
    assert entries(other, "KUBE-LOAD-BALANCER-SOURCE-CIDR") == []


# --- the iptables rules that remain -----------------------------------------------------------


def test_no_chain_is_of_one_service_and_none_translates_a_destination():
    for scenario in ("nodeport-cluster", "lb-local", "affinity-nodeport"):
        text = rules(recorded(scenario), "node-1")
        assert "KUBE-SVC" not in text
        assert "KUBE-SEP" not in text
        assert "DNAT" not in text


def test_hairpins_are_masqueraded_first_of_all():
    first, *rest = chain(rules(recorded("clusterip-multi"), "node-1"), "KUBE-POSTROUTING")
    assert first.endswith("--match-set KUBE-LOOP-BACK dst,dst,src -j MASQUERADE")
    assert [rule.split("-j ")[1] for rule in rest] == [
        "RETURN",
        "MARK --set-xmark 0x4000/0x0",
        "MASQUERADE --random-fully",
    ]
    # On a node without an endpoint the set is empty, and the rule not there.
    assert len(chain(rules(recorded("clusterip-multi"), "node-3"), "KUBE-POSTROUTING")) == 3


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, r"! -s 10.244.0.0/16 .* KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ"),
        ({"masquerade_all": True}, r"-m comment .* KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ"),
        ({"cluster_cidrs": ()}, r"-m comment .* KUBE-CLUSTER-IP src,dst -j KUBE-MARK-MASQ"),
        (
            {"detect_local_mode": "NodeCIDR"},
            r"! -s 10.244.1.0/24 .* KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ",
        ),
        (
            {"detect_local_mode": "InterfaceNamePrefix", "local_interface": "veth"},
            r"! -i veth\+ -m comment .* KUBE-CLUSTER-IP dst,dst -j KUBE-MARK-MASQ",
        ),
    ],
)
def test_who_is_masqueraded_at_a_cluster_ip(settings, wanted):
    found = chain(rules(recorded("clusterip-multi", **settings), "node-1"), "KUBE-SERVICES")
    assert re.fullmatch(wanted, found[1])


def test_policy_local_is_let_off_before_the_mark():
    text = rules(recorded("lb-local"), "node-1")
    for name in ("KUBE-LOAD-BALANCER", "KUBE-NODE-PORT"):
        assert [rule.split("-j ")[1] for rule in chain(text, name)] == ["RETURN", "KUBE-MARK-MASQ"]


def test_a_service_address_at_a_port_that_is_none_is_refused_even_to_a_ping():
    last = chain(rules(recorded("clusterip-multi"), "node-1"), "KUBE-IPVS-FILTER", "filter")[-1]
    assert last == (
        "-m conntrack --ctstate NEW -m set --match-set KUBE-IPVS-IPS dst"
        " -j REJECT --reject-with icmp-port-unreachable"
    )


def test_packets_from_loopback_are_left_alone(dual):
    assert chain(rules(dual, "node-1", "ipvs"), "KUBE-SERVICES")[0] == "-s 127.0.0.0/8 -j RETURN"
    assert chain(rules(dual, "node-1", "ipvs", 6), "KUBE-SERVICES")[0] == "-s ::1/128 -j RETURN"


def test_many_services_need_no_more_rules_than_one():
    one = recorded("nodeport-cluster")
    service = one.services["default/web"]
    port = service.ports[0]
    lots = replace(one)
    lots.__dict__.update(
        services={
            f"default/web-{i}": replace(
                service,
                name=f"web-{i}",
                cluster_ips=(f"10.96.1.{i}",),
                ports=(replace(port, node_port=30100 + i),),
            )
            for i in range(50)
        },
        endpoint_slices=one.endpoint_slices,
    )
    few, many = counts(one, "node-3"), counts(lots, "node-3")
    assert (few.rules, few.chains) == (many.rules, many.chains)
    assert many.map_elements == 150  # a clusterIP and two addresses of the node each, without endpoints


# --- ipvsadm's texts --------------------------------------------------------------------------


def test_the_texts_of_ipvsadm_are_exact():
    servers = virtual_servers(recorded("affinity-clusterip"), "node-1")
    assert saved(servers) == (
        "-A -t 10.96.0.10:80 -s rr -p 10800\n"
        "-a -t 10.96.0.10:80 -r 10.244.1.10:8080 -m -w 1\n"
        "-a -t 10.96.0.10:80 -r 10.244.1.11:8080 -m -w 1\n"
        "-a -t 10.96.0.10:80 -r 10.244.2.10:8080 -m -w 1\n"
    )
    assert listed(servers).splitlines()[1:5] == [
        "Prot LocalAddress:Port Scheduler Flags",
        "  -> RemoteAddress:Port           Forward Weight ActiveConn InActConn",
        "TCP  10.96.0.10:80 rr persistent 10800",
        "  -> 10.244.1.10:8080             Masq    1      0          0         ",
    ]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_texts_of_ipvsadm_are_read_back(scenario):
    servers = virtual_servers(recorded(scenario), "node-1")
    assert read_saved(saved(servers)) == servers
    assert read_listed(listed(servers)) == servers


def test_every_kind_of_virtual_server_is_read_back():
    real = RealServer("fd00:244:1::10", 9999, weight=0, active=12, inactive=345)
    one = VirtualServer("sctp", "fd00:96::10", 9999, "mh", 10800, "mh-port", (real,))
    assert read_listed(listed([one])) == (one,)
    assert "SCTP [fd00:96::10]:9999 mh (mh-port) persistent 10800\n" in listed([one])
    assert read_saved(saved([one])) == (replace(one, real_servers=(replace(real, active=0, inactive=0),)),)


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (read_saved, "-A -t 10.96.0.10:80 -s rr\n-a -t 10.96.0.99:80 -r 10.244.1.10:80 -m -w 1\n"),
        (read_saved, "-A -t 10.96.0.10:80 -s rr\n-a -t 10.96.0.10:80 -r 10.244.1.10:80 -g -w 1\n"),
        (read_saved, "-A -t nowhere -s rr\n"),
        (read_listed, "  -> 10.244.1.10:80               Masq    1      0          0\n"),
        (read_listed, "TCP  10.96.0.10:80 rr\nwhat is this\n"),
    ],
)
def test_a_text_that_is_not_ipvsadms_is_an_error_that_names_the_line(read, text):
    with pytest.raises(RuleError, match=r"line \d: .* is not understood: a virtual server is"):
        read(text)


# --- a change ---------------------------------------------------------------------------------


def test_a_change_is_told_as_the_commands_that_make_it():
    before, after = recorded("clusterip-multi"), recorded("clusterip-single")
    sync = partial_sync(before, after, "node-1")
    assert sync.services == ("default/web",)
    commands = sync.text.split("iptables-restore")[0].splitlines()
    assert commands == [
        "ipvsadm -d -t 10.96.0.10:80 -r 10.244.1.10:8080",
        "ipvsadm -d -t 10.96.0.10:80 -r 10.244.1.11:8080",
        "ipset del KUBE-LOOP-BACK 10.244.1.10,tcp:8080,10.244.1.10",
        "ipset del KUBE-LOOP-BACK 10.244.1.11,tcp:8080,10.244.1.11",
    ]
    assert sync.deleted == Counts(map_elements=2, set_elements=2)
    assert sync.full  # the few iptables rules are written anew each time


def test_a_service_that_comes_brings_its_address():
    before, after = recorded("headless"), recorded("nodeport-udp")
    commands = partial_sync(before, after, "node-3").text.split("iptables-restore")[0].splitlines()
    new = [line for line in commands if "10.96.0.10" in line]
    assert "ipvsadm -A -u 10.96.0.10:80 -s rr" in new
    assert "ipset add KUBE-CLUSTER-IP 10.96.0.10,udp:80" in new


# --- the real tools ---------------------------------------------------------------------------


def give_up(why):
    """Skip, saying why; in continuous integration nothing skips."""
    if os.environ.get("CI"):
        pytest.fail(why)
    pytest.skip(f"skipped: {why}")


@pytest.mark.parametrize("family", [4, 6])
def test_ipset_and_iptables_take_the_texts_and_print_them_back(dual, family, tmp_path):
    """All but the rules that ask `ipvs`, of which the kernels at hand know nothing."""
    restore = "iptables-legacy-restore" if family == 4 else "ip6tables-legacy-restore"
    tools = ("unshare", "ipset", restore)
    if missing := [name for name in tools if not shutil.which(name)]:
        give_up(f"{', '.join(missing)} is missing; to enable: apt-get install iptables ipset util-linux")
    sets, text = ip_sets(dual, "node-1", "ipvs", family), rules(dual, "node-1", "ipvs", family)
    (tmp_path / "sets").write_text(sets)
    (tmp_path / "rules").write_text(re.sub(r"^-A .* -m ipvs .*\n", "", text, flags=re.MULTILINE))
    save = restore.replace("restore", "save")
    done = subprocess.run(
        ["unshare", "-Urn", "sh", "-ec", f"ipset restore < sets; {restore} < rules; ipset save; {save}"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "XTABLES_LOCKFILE": "/dev/null"},
    )  # fmt: skip
    if "modprobe" in done.stderr or "can't initialize" in done.stderr or "unshare" in done.stderr:
        give_up(f"no network namespace with iptables and ipset here ({done.stderr.strip()[:120]})")
    assert done.returncode == 0, done.stderr
    back = re.sub(r" bucketsize \d+ initval 0x[0-9a-f]+", "", done.stdout)
    assert sorted(line for line in back.splitlines() if line.startswith(("create", "add"))) == sorted(
        sets.splitlines()
    )
    printed = [line for line in back.splitlines() if line.startswith("-A")]
    wanted = [line for line in text.splitlines() if line.startswith("-A") and " -m ipvs " not in line]
    assert sorted(printed) == sorted(wanted)


def test_every_rule_is_one_that_netfilter_knows_but_for_ipvs_itself(dual):
    for family in (4, 6):
        text = rules(dual, "node-1", "ipvs", family)
        kept = re.sub(r"^-A .* -m ipvs .*\n", "", text, flags=re.MULTILINE)
        assert str(Ruleset.parse(kept, family, sets=ip_sets(dual, "node-1", "ipvs", family))) == kept
