"""How packets fare in IPVS mode, a table of claims. Never held against a kernel: none of ours has IPVS.

So each claim has its source. KERNEL is net/netfilter/ipvs of Linux 6, PROXIER is pkg/proxy/ipvs of Kubernetes 1.36.
"""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import pytest
from replay import asked, cluster, disagreements, flows, scenarios

import svcnotes
import svcnotes.flow
from svcnotes import kube_proxy
from svcnotes.control_plane.cluster import Cluster
from svcnotes.scenarios.changes import with_mode
from svcnotes.toolbox import Terminal
from svcnotes.trace import Trace, to_json
from svcnotes.trace import trace as follow
from svcnotes.views.listing import listing

MODE = "ipvs"
CLIENT, NODE, TOOL, TOOL_3 = "192.0.2.10", "node/node-1", "pod/default/tool-1", "pod/default/tool-3"
CLUSTER_IP, EXTERNAL, VIP = "10.96.0.10", "198.51.100.10", "203.0.113.10"
NODE_1, NODE_2, NODE_3 = "172.18.0.11", "172.18.0.12", "172.18.0.13"
A, B, C = "default/web-a", "default/web-b", "default/web-c"


def ask(scenario: str | Cluster, source: str, to: str, protocol: str = "tcp", **more) -> Trace:
    where = cluster(scenario) if isinstance(scenario, str) else scenario
    return follow(where, source, to, protocol, proxy_mode=MODE, **more)


def pods(found: Trace) -> dict[str, Fraction]:
    """How likely each Pod is."""
    chances: dict[str, Fraction] = {}
    for path in found.paths:
        name = path.pod or path.outcome
        chances[name] = chances.get(name, Fraction()) + path.probability
    return chances


class Claim(NamedTuple):
    """What is asked, how it ends (outcome, by what), what the server sees as its client, and why it is so."""

    scenario: str
    source: str
    to: str
    protocol: str
    ends: tuple[str, str]
    sees: str | None
    source_of_it: str


THIRDS = "nodeport-cluster"
CLAIMS = {
    "a clusterIP is the node's own address, and IPVS sends a Pod's packet on with its own source": Claim(
        THIRDS, TOOL_3, f"{CLUSTER_IP}:80", "tcp", ("connected", ""), "10.244.3.100",
        "PROXIER proxier.go: kube-ipvs0; KERNEL ip_vs_core.c: ip_vs_in at LOCAL_IN",
    ),
    "a nodePort is a virtual server, and its client is masqueraded": Claim(
        THIRDS, CLIENT, f"{NODE_3}:30080", "tcp", ("connected", ""), NODE_3,
        "PROXIER iptables rules: KUBE-NODE-PORT-TCP, KUBE-MARK-MASQ",
    ),
    "a nodePort with policy Local keeps the client's address": Claim(
        "nodeport-local", CLIENT, f"{NODE_2}:30080", "tcp", ("connected", ""), CLIENT,
        "PROXIER: KUBE-NODE-PORT-LOCAL-TCP returns before the mark",
    ),
    "with policy Local and no endpoint here, a client outside is led to one elsewhere, and hears nothing it knows": Claim(
        # reference/kubernetes.md has `refused`, as before k/k#97081.
        "nodeport-local", CLIENT, f"{NODE_3}:30080", "tcp", ("timeout", ""), CLIENT,
        "PROXIER syncEndpoint, kubernetes/kubernetes#97081",
    ),
    "with policy Local and no endpoint here, a Pod of the node still gets through": Claim(
        "nodeport-local", TOOL_3, f"{NODE_3}:30080", "tcp", ("connected", ""), "10.244.3.100",
        "PROXIER syncEndpoint, kubernetes/kubernetes#97081",
    ),
    "internal policy Local and no endpoint here: of a Service that is also Local outside, all are taken instead": Claim(
        "itp-local-nodeport", TOOL_3, f"{CLUSTER_IP}:80", "tcp", ("connected", ""), "10.244.3.100",
        "PROXIER syncEndpoint: localEndpoints, else clusterEndpoints",
    ),
    "internal policy Local and no endpoint here: of another Service none are, and it refuses where iptables drops": Claim(
        "itp-local", TOOL_3, f"{CLUSTER_IP}:80", "tcp", ("refused", "icmp-port-unreachable"), None,
        "CategorizeEndpoints in pkg/proxy/topology.go; KERNEL ip_vs_leave",
    ),
    "no endpoint at all: a clusterIP refuses": Claim(
        "clusterip-no-endpoints", TOOL, f"{CLUSTER_IP}:80", "tcp", ("refused", "icmp-port-unreachable"), None,
        "KERNEL ip_vs_core.c: ip_vs_leave",
    ),
    "no endpoint at all: a nodePort refuses": Claim(
        "nodeport-no-endpoints", CLIENT, f"{NODE_1}:30080", "tcp", ("refused", "icmp-port-unreachable"), None,
        "KERNEL ip_vs_core.c: ip_vs_leave",
    ),
    "no endpoint at all and policy Local: it refuses as well": Claim(
        "nodeport-local-no-endpoints", CLIENT, f"{NODE_1}:30080", "tcp",
        ("refused", "icmp-port-unreachable"), None, "KERNEL ip_vs_core.c: ip_vs_leave",
    ),
    "a clusterIP's port that is no Service's is refused": Claim(
        THIRDS, TOOL, f"{CLUSTER_IP}:12345", "tcp", ("refused", "icmp-port-unreachable"), None,
        "KUBE-IPVS-FILTER, since 1.27: kubernetes/kubernetes#108460",
    ),
    "what listens on every address of the node is not reached by a clusterIP": Claim(
        THIRDS, TOOL, f"{CLUSTER_IP}:22", "tcp", ("refused", "icmp-port-unreachable"), None,
        "KUBE-IPVS-FILTER: kubernetes/kubernetes#72236",
    ),
    "a ping of a clusterIP is refused": Claim(
        # reference/kubernetes.md: it answers. So it was until 1.26.
        THIRDS, TOOL, CLUSTER_IP, "icmp", ("refused", "icmp-port-unreachable"), None,
        "KUBE-IPVS-FILTER rejects what is new and to KUBE-IPVS-IPS, whatever the protocol",
    ),
    "a ping of a clusterIP from the node itself is refused": Claim(
        THIRDS, NODE, CLUSTER_IP, "icmp", ("refused", "icmp-port-unreachable"), None,
        "KUBE-IPVS-FILTER: the packet comes back in by lo",
    ),
    "an address of the Service range that no Service has is not the node's: it goes out": Claim(
        THIRDS, TOOL, "10.96.7.7:80", "tcp", ("external", "icmp-net-unreachable"), None,
        "PROXIER: only addresses of Services are bound to kube-ipvs0",
    ),
    "a nodePort is not open at 127.0.0.1": Claim(
        THIRDS, NODE, "127.0.0.1:30080", "tcp", ("refused", "rst"), None,
        "PROXIER: loopback addresses are left out of the nodePorts' addresses",
    ),
    "a nodePort is open at the node's other addresses, the bridge's too": Claim(
        THIRDS, TOOL, "10.244.1.1:30080", "tcp", ("connected", ""), "10.244.1.1",
        "PROXIER: every address of the node, by nodePortAddresses",
    ),
    "the node's own packet leaves with the node's address, not with the clusterIP that it was sent from": Claim(
        "clusterip-manual-endpoints", "node/node-3", f"{CLUSTER_IP}:80", "tcp", ("connected", ""), NODE_3,
        "KUBE-SERVICES marks what is no Pod's; fib_table: the source toward a local address is that address",
    ),
    "a load balancer's address is the node's own too": Claim(
        "lb-cluster", TOOL_3, f"{VIP}:80", "tcp", ("connected", ""), NODE_3,
        "PROXIER: KUBE-LOAD-BALANCER, which marks for masquerade",
    ),
    "a Local load balancer asked by a node without an endpoint: the packet leaves with its address, and is lost": Claim(
        "lb-local", "node/node-3", f"{VIP}:80", "tcp", ("timeout", ""), None,
        "fib_validate_source: the next node has that address itself, a martian",
    ),
    "an externalIP is the node's own": Claim(
        "extip-cluster", TOOL_3, f"{EXTERNAL}:80", "tcp", ("connected", ""), NODE_3,
        "PROXIER: KUBE-EXTERNAL-IP",
    ),
    "source ranges turn away whom they do not name": Claim(
        "lb-sourceranges", TOOL, f"{VIP}:80", "tcp", ("timeout", ""), None,
        "PROXIER: KUBE-PROXY-FIREWALL, KUBE-SOURCE-RANGES-FIREWALL",
    ),
    "source ranges turn away the node itself": Claim(
        "lb-sourceranges", NODE, f"{VIP}:80", "tcp", ("timeout", ""), None,
        "PROXIER: KUBE-IPVS-OUT-FILTER, -m ipvs of xt_ipvs.c",
    ),
    "SCTP is balanced": Claim(
        "clusterip-sctp", TOOL_3, f"{CLUSTER_IP}:9999", "sctp", ("connected", ""), "10.244.3.100",
        "KERNEL ip_vs_proto_sctp.c",
    ),
    "UDP is balanced": Claim(
        "nodeport-udp", CLIENT, f"{NODE_3}:30080", "udp", ("connected", ""), NODE_3,
        "KERNEL ip_vs_proto_udp.c",
    ),
    "a host network Pod on this very node gets it through INPUT": Claim(
        "clusterip-hostnetwork", TOOL, f"{CLUSTER_IP}:80", "tcp", ("connected", ""), "10.244.1.100",
        "KERNEL ip_vs_xmit.c: a local real server is NF_ACCEPT",
    ),
    "IPv6 has virtual servers, sets and rules of its own": Claim(
        "ipv6-nodeport", "pod/default/tool-1", "[fd00:96::10]:80", "tcp", ("connected", ""), "fd00:244:1::100",
        "PROXIER: one proxier for each family",
    ),
}  # fmt: skip


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
def test_in_ipvs_mode(claim):
    found = ask(claim.scenario, claim.source, claim.to, claim.protocol)
    assert sum(path.probability for path in found.paths) == 1
    assert {(path.outcome, path.how) for path in found.paths} == {claim.ends}
    far = {path.source_seen for path in found.paths if path.pod != A or claim.source != TOOL}
    assert claim.sees is None or claim.sees in far, claim.source_of_it


EVERY = 4


@pytest.mark.parametrize("part", range(EVERY))
def test_what_differs_from_the_recorded_iptables_flows_is_one_of_the_known_differences(part):
    unlike = set()
    for scenario in scenarios()[part::EVERY]:
        for flow in list(flows(scenario))[::EVERY]:
            where = cluster(scenario, flow.get("variant"))
            here = {**flow, "mode": MODE}
            found = asked(where, here)
            if disagreements(where, here, found):
                now = {path.outcome for path in found.paths}
                unlike.add((flow["outcome"], *sorted(now)))
    assert unlike <= {
        ("unreachable", "refused"),  # a port that is no Service's: KUBE-IPVS-FILTER
        ("connected", "refused"),  # nodePorts at 127.0.0.1; a VIP without endpoints that went outside
        ("refused", "refused"),  # by whom: the virtual server's address is the node's own
        ("connected", "connected"),  # who may answer, and which port is seen: no short-circuit for Pods
        ("mixed", "connected"),
        ("mixed", "timeout"),
        ("mixed", "connected", "timeout"),
        ("connected", "timeout"),  # a martian, from the VIP
        ("timeout", "connected"),  # Local without an endpoint here takes all
        ("timeout", "refused"),
    }


# ---- the way through a node -------------------------------------------------------------------------------------


def steps(found: Trace, host: str, number: int = 0):
    return [
        s
        for hop in found.paths[number].hops
        if hop.host == host and hop.direction == "there"
        for s in hop.steps
    ]


def test_a_request_passes_input_and_output_and_never_forward():
    hooks = [step.hook for step in steps(ask(THIRDS, CLIENT, f"{NODE_3}:30080"), "node-3") if step.hook]
    assert list(dict.fromkeys(hooks)) == ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"]


def test_ipvs_comes_after_the_filter_in_input_and_between_nat_and_filter_in_output():
    tables = [
        step.table for step in steps(ask(THIRDS, CLIENT, f"{NODE_3}:30080"), "node-3") if step.hook == "INPUT"
    ]
    assert tables.index("filter") < tables.index("ipvs")
    of_node = [step.table for step in steps(ask(THIRDS, NODE, f"{CLUSTER_IP}:80"), "node-1") if step.chain]
    assert of_node.index("nat") < of_node.index("ipvs") < of_node.index("filter")


def test_the_steps_show_the_virtual_server_and_the_real_one_as_ipvsadm_prints_them():
    found = ask(THIRDS, CLIENT, f"{NODE_3}:30080")
    told = [step for step in steps(found, "node-3") if step.table == "ipvs"]
    saved = str(Terminal(with_mode(cluster(THIRDS), MODE)).run("node-3", "ipvsadm -Sn"))
    assert [step.verdict for step in told] == ["continue", "dnat"]
    assert all(step.rule in saved.splitlines() for step in told)
    assert told[1].rule.startswith(f"-a -t {NODE_3}:30080 -r 10.244.")
    assert told[1].element == "in turn: any of 3, who was last is not known"


def test_a_listing_names_the_tool_that_prints_the_virtual_server():
    hop = ask(THIRDS, CLIENT, f"{NODE_3}:30080").paths[0].hops[2]
    lines = [line.text for line in listing(hop, "INPUT", {})]
    assert lines[lines.index("# ipvsadm -Sn") + 1] == f"-A -t {NODE_3}:30080 -s rr"


def test_looking_a_virtual_server_up_counts_as_one():
    few, many = (
        ask(where, TOOL_3, f"{CLUSTER_IP}:80").paths[0].hops[1].visited
        for where in (cluster(THIRDS), with_services(300))
    )
    assert few == many


def with_services(count: int) -> Cluster:
    one = "apiVersion: v1\nkind: Service\nmetadata: {{name: more-{0}}}\nspec: {{ports: [{{port: 80}}], selector: {{app: web}}}}\n"
    return cluster(THIRDS).apply("---\n".join(one.format(number) for number in range(count)))


def test_conntrack_knows_who_answers_though_nat_changed_no_destination():
    (entry,) = ask(THIRDS, TOOL_3, f"{CLUSTER_IP}:80").paths[0].memories["node-3", 4].conntrack
    assert (entry.original.destination, entry.reply.source, entry.dnat) == (CLUSTER_IP, "10.244.1.10", False)


def test_two_pods_of_one_bridge_need_the_bridge_to_show_its_frames():
    """As for DNAT: else the answer goes straight to the asker, who knows no such server."""
    sure, unseen = (
        ask(cluster(THIRDS, variant), TOOL, f"{CLUSTER_IP}:80") for variant in (None, "bridge-nf-off")
    )
    assert {path.outcome for path in sure.paths} == {"connected"}
    assert {path.outcome for path in unseen.paths if path.pod in (A, B)} == {"timeout"}


def test_a_closed_udp_port_of_a_pod_is_told_with_the_virtual_servers_address():
    where = cluster("nodeport-udp")
    pod = json.loads(json.dumps(where.objects["Pod", "default", "web-a"]))
    pod["metadata"].setdefault("annotations", {})["svcnotes/listens"] = ""
    found = ask(where.with_state(where.state.with_object(pod)), TOOL_3, f"{CLUSTER_IP}:53", "udp")
    (closed,) = (path for path in found.paths if path.outcome != "connected")
    assert (closed.outcome, closed.icmp_from) == ("refused", CLUSTER_IP)


def test_the_ttl_ends_where_ipvs_sends_on():
    """decrement_ttl in ip_vs_xmit.c: one less, though the packet never passed FORWARD."""
    there = [hop for hop in ask(THIRDS, TOOL_3, f"{CLUSTER_IP}:80").paths[0].hops if hop.direction == "there"]
    assert [hop.packet.ttl for hop in there][:3] == [64, 64, 63]


# ---- kube-ipvs0 ---------------------------------------------------------------------------------------------------


def test_kube_ipvs0_holds_the_addresses_of_services_and_only_in_this_mode():
    where = cluster("lb-cluster")
    assert set(kube_proxy.own_addresses(where, "node-3", MODE)) == {CLUSTER_IP, VIP}
    assert ask(where, "node/node-3", f"{VIP}:80").source_address == VIP
    assert follow(where, "node/node-3", f"{VIP}:80", proxy_mode="nftables").source_address == NODE_3


@pytest.mark.parametrize("mode", ["iptables", "nftables", MODE])
def test_a_service_address_that_nothing_routes_to_a_node_leads_out_of_the_cluster_in_every_mode(mode):
    (path,) = follow(cluster("lb-cluster"), CLIENT, f"{CLUSTER_IP}:80", proxy_mode=mode).paths
    assert (path.outcome, path.how) == ("external", "icmp-net-unreachable")


def test_strict_arp_sets_the_two_switches():
    text = (
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1\nkind: KubeProxyConfiguration\nmode: ipvs\n"
        "ipvs: {{strictARP: {}, scheduler: sh}}\n"
    )
    sysctl = "sysctl net.ipv4.conf.all.arp_ignore net.ipv4.conf.all.arp_announce net.ipv4.vs.conntrack"
    shown = [
        str(Terminal(svcnotes.loads(text.format(word))).run("node-1", sysctl)) for word in ("true", "false")
    ]
    assert [line.rpartition(" = ")[2] for line in shown[0].splitlines()] == ["1", "2", "1"]
    assert "arp_ignore = 1" not in shown[1]


@pytest.mark.parametrize(("strict", "answering"), [(False, 3), (True, 0)])
def test_without_strict_arp_every_node_answers_for_an_external_ip_of_the_nodes_network(strict, answering):
    """arp_process and arp_ignore in net/ipv4/arp.c; what MetalLB's documentation asks strictARP for."""
    where = with_mode(cluster("extip-cluster"), MODE)
    where = replace(where, proxy=replace(where.proxy, strict_arp=strict))
    own = where.patch("service", "web", json.dumps({"spec": {"externalIPs": ["172.18.0.200"]}}))
    found = follow(own, CLIENT, "172.18.0.200:80")
    reached = {hop.host for path in found.paths for hop in path.hops[2:3]}
    assert len(reached & own.nodes.keys()) == answering
    assert sum(path.probability for path in found.paths) == 1
    if strict:
        assert [path.outcome for path in found.paths] == ["external"], "as in the other modes"
    told = follow(own, CLIENT, "172.18.0.200:80", via="node-2")
    assert {path.hops[2].host for path in told.paths} == {"node-2"}, "who was told to announce it has it"


# ---- schedulers ---------------------------------------------------------------------------------------------------


@lru_cache(maxsize=16)
def scheduled(scheduler: str, affinity: str = "None") -> Cluster:
    where = with_mode(cluster(THIRDS), MODE)
    where = replace(where, proxy=replace(where.proxy, ipvs_scheduler=scheduler))
    return where.patch("service", "web", json.dumps({"spec": {"sessionAffinity": affinity}}))


def after(where: Cluster, count: int, to: str = f"{CLUSTER_IP}:80", source: str = TOOL_3) -> list[Trace]:
    """One connection after another, each taking the first of its ways."""
    found, memories = [], None
    for number in range(count):
        found.append(follow(where, source, to, source_port=40_000 + number, memories=memories))
        memories = found[-1].paths[0].memories
    return found


def test_rr_goes_round_from_a_place_that_nobody_knows():
    first, *others = after(scheduled("rr"), 5)
    assert pods(first) == {A: Fraction(1, 3), B: Fraction(1, 3), C: Fraction(1, 3)}
    assert [pods(one) for one in others] == [{B: 1}, {C: 1}, {A: 1}, {B: 1}]


def test_each_virtual_server_has_a_place_of_its_own():
    where = scheduled("rr")
    memories = follow(where, TOOL_3, f"{CLUSTER_IP}:80").paths[0].memories
    assert len(follow(where, CLIENT, f"{NODE_3}:30080", memories=memories).paths) == 3


def test_lc_prefers_whoever_has_the_fewest_connections():
    assert [len(one.paths) for one in after(scheduled("lc"), 4)] == [3, 2, 1, 3]


@pytest.mark.parametrize("scheduler", ["wlc", "wrr"])
def test_with_equal_weights_wlc_is_lc_and_wrr_is_rr(scheduler):
    like = {"wlc": "lc", "wrr": "rr"}[scheduler]
    assert [pods(one) for one in after(scheduled(scheduler), 4)] == [
        pods(one) for one in after(scheduled(like), 4)
    ]


@pytest.mark.parametrize("scheduler", ["sed", "nq"])
def test_sed_and_nq_look_at_active_connections_only(scheduler):
    """A SYN is not active yet: without an ACK, all are alike."""
    assert [len(one.paths) for one in after(scheduled(scheduler), 3)] == [3, 3, 3]
    flow = svcnotes.flow.open(scheduled(scheduler), TOOL_3, f"{CLUSTER_IP}:80", pod=A)
    assert set(pods(flow.another())) == {B, C}


@pytest.mark.parametrize("scheduler", ["sh", "mh"])
def test_sh_knows_a_client_by_its_address_and_mh_by_its_port_too(scheduler):
    found = after(scheduled(scheduler), 30)
    assert all(len(one.paths) == 1 for one in found)
    assert len({next(iter(pods(one))) for one in found}) == {"sh": 1, "mh": 3}[scheduler]
    clients = [follow(scheduled(scheduler), f"192.0.2.{n}", f"{NODE_3}:30080") for n in range(20, 60)]
    assert {next(iter(pods(one))) for one in clients} == {A, B, C}


def test_sh_takes_the_bucket_that_the_kernels_hash_says():
    """hash_32(0xc000020a, 8) is 162: worked by hand from include/linux/hash.h. The round of three begins anew at each third."""
    assert (0xC000020A * 0x61C88647 & 0xFFFFFFFF) >> 24 == 162
    assert pods(follow(scheduled("sh"), CLIENT, f"{NODE_3}:30080")) == {(A, B, C)[162 % 3]: 1}


def test_dh_sends_all_that_dial_one_address_to_one_pod():
    found = [follow(scheduled("dh"), f"192.0.2.{n}", f"{NODE_3}:30080") for n in range(20, 40)]
    assert len({tuple(pods(one)) for one in found}) == 1


@pytest.mark.parametrize("scheduler", ["lblc", "lblcr"])
def test_lblc_and_lblcr_keep_an_address_at_one_server_until_it_has_too_much(scheduler):
    flow = svcnotes.flow.open(scheduled(scheduler), TOOL_3, f"{CLUSTER_IP}:80", pod=B)
    assert pods(flow.another()) == {B: 1}
    busy = svcnotes.flow.open(
        scheduled(scheduler), TOOL_3, f"{CLUSTER_IP}:80", source_port=41_000, memories=flow.memories
    )
    assert busy.pod == B
    assert set(pods(busy.another())) == {A, C}, "two active connections, weight 1, and others are idle"


def test_affinity_is_persistence():
    where = scheduled("rr", "ClientIP")
    assert [len(one.paths) for one in after(where, 3)] == [3, 1, 1]
    first = follow(where, TOOL_3, f"{CLUSTER_IP}:80")
    kept = first.paths[1]
    again = {"source_port": 41_000, "memories": kept.memories}
    assert pods(follow(where, TOOL_3, f"{CLUSTER_IP}:80", now=10_799, **again)) == {kept.pod: 1}
    assert len(follow(where, TOOL_3, f"{CLUSTER_IP}:80", now=10_801, **again).paths) == 1, (
        "rr goes on in turn"
    )
    assert follow(where, TOOL_3, f"{CLUSTER_IP}:80", now=10_801, **again).paths[0].pod != kept.pod


def test_a_trace_in_this_mode_is_a_value_like_any_other():
    told = to_json(ask(THIRDS, CLIENT, f"{NODE_3}:30080"))
    assert told["proxy_mode"] == MODE
    assert "IPVS" in str([step["rule"] for hop in told["paths"][0]["hops"] for step in hop["steps"]])
