"""The claims of the lesson on proxy modes, each with the cell of the notebook that makes it."""

import re
from dataclasses import replace

import ledger
import pytest

import svcnotes
from svcnotes import flow, scenarios
from svcnotes.exercises import modes
from svcnotes.exercises.evidence import chains, steps_there
from svcnotes.kube_proxy import ip_sets, own_addresses, virtual_servers
from svcnotes.scenarios.changes import with_mode
from svcnotes.toolbox import Terminal
from svcnotes.widgets.stage import Stage

LESSON = "08-modes"
OUTSIDE, ASKER, NODE = "192.0.2.10", "pod/default/asker", "node/node-1"
SERVICE, NODE_PORT = "10.96.0.80:80", "172.18.0.12:30080"
YES, NO, LOST, AWAY = "connected", "refused", "timeout", "external"
MODES = ("iptables", "nftables", "ipvs")
BOTH = pytest.mark.parametrize("mode", MODES[:2])
EVERY = pytest.mark.parametrize("mode", MODES)
POD = """\
apiVersion: v1
kind: Pod
metadata: {name: shop-3, labels: {app: shop}}
spec: {nodeName: node-3, containers: [{name: shop, image: shop, ports: [{name: http, containerPort: 8080}]}]}
"""

MORE = "\n---\n".join(
    f"apiVersion: v1\nkind: Service\nmetadata: {{name: more-{n}}}\nspec: {{selector: {{app: shop}}, ports: [{{port: 80}}]}}"
    for n in range(40)
)


def shop(mode, name="modes", **proxy):
    cluster = scenarios.load(name)
    cluster = replace(cluster, proxy=replace(cluster.proxy, **proxy))
    return with_mode(cluster, mode)


def local(mode):
    return shop(mode).patch("service", "shop", "spec: {externalTrafficPolicy: Local}")


def without_pods(mode):
    return shop(mode).delete("pod", "shop-1").delete("pod", "shop-2")


def with_external(mode):
    return shop(mode).patch("service", "shop", "spec: {externalIPs: [80.11.12.10]}")


def ends(cluster, source, to, **more):
    return {path.outcome for path in svcnotes.trace(cluster, source, to, **more).paths}


# The cell; the cluster; who dials what; how it ends in iptables, nftables and IPVS mode.
CLAIMS = [
    ("title", shop, NODE, "127.0.0.1:30080", (YES, NO, NO)),
    ("stage-try", shop, OUTSIDE, "172.18.0.11:30080", (YES, YES, YES)),
    ("stage-try", shop, OUTSIDE, "172.18.0.13:30080", (YES, YES, YES)),
    ("recall", local, OUTSIDE, "172.18.0.13:30080", (LOST, LOST, LOST)),
    ("recall", without_pods, OUTSIDE, "172.18.0.13:30080", (NO, NO, NO)),
    ("explain-undefined", shop, ASKER, SERVICE, (YES, YES, YES)),
    ("explain-undefined", shop, ASKER, "10.96.0.80:9999", (AWAY, NO, NO)),
    ("explain-undefined", shop, ASKER, "10.96.7.7:80", (AWAY, LOST, AWAY)),
    ("explain-doors", shop, NODE, "172.18.0.11:30080", (YES, YES, YES)),
    ("explain-doors", shop, NODE, "10.244.1.1:30080", (YES, NO, YES)),
    ("explain-doors", shop, NODE, "127.0.0.1:30080", (YES, NO, NO)),
    ("explain-dummy", shop, ASKER, "10.96.0.80:9999", (AWAY, NO, NO)),
    ("explain-dummy", shop, ASKER, "10.96.7.7:80", (AWAY, LOST, AWAY)),
    ("explain-dummy", without_pods, ASKER, SERVICE, (NO, NO, NO)),
    ("recap", shop, ASKER, "10.96.0.80:9999", (AWAY, NO, NO)),
    ("recap", shop, NODE, "10.244.1.1:30080", (YES, NO, YES)),
    ("recap", shop, NODE, "127.0.0.1:30080", (YES, NO, NO)),
]  # fmt: skip


@pytest.mark.parametrize(("cell", "make", "source", "to", "outcomes"), CLAIMS)
def test_a_claim_of_the_lesson_on_modes_is_what_a_trace_shows(cell, make, source, to, outcomes):
    assert cell in ledger.cells(LESSON)
    for mode, outcome in zip(MODES, outcomes, strict=True):
        assert ends(make(mode), source, to) == {outcome}, mode


def test_the_first_stage_connects_in_iptables_mode_and_is_refused_by_the_node_in_nftables_mode():
    """title, stage-try: one word of kube-proxy's configuration, and none of the Service."""
    stage = Stage(shop("iptables"), "default/shop", source=NODE, to="127.0.0.1:30080", controls=["mode"])
    assert stage.sentence.startswith("shop-1 sees 10.244.1.1")
    services = stage.cluster.services
    stage.mode = "nftables"
    assert stage.sentence.startswith(
        "Refused: node-1 answers with RST: nothing listens on tcp 127.0.0.1:30080."
    )
    assert stage.cluster.services == services
    assert not [step for step in steps_there(stage.trace.paths[0]) if step.verdict == "dnat"]


def test_pods_and_sources_are_the_same_in_every_mode():
    """stage-try, explain-beside, explain-servers, recap: who gets the packet, and whom the pod sees."""
    asked = [(OUTSIDE, f"172.18.0.1{n}:30080") for n in (1, 2, 3)]
    asked += [(ASKER, SERVICE), ("pod/default/shop-1", SERVICE), (NODE, SERVICE), (ASKER, NODE_PORT)]
    for make in (shop, local):
        for source, to in asked:
            if make is local and (to == "172.18.0.13:30080" or (source, to) == (ASKER, NODE_PORT)):
                continue  # a node without a pod has its own way in each mode; IPVS keeps pods to the node's own, too
            first, *others = [
                {
                    (p.pod, p.source_seen, p.outcome, p.probability)
                    for p in svcnotes.trace(make(mode), source, to).paths
                }
                for mode in MODES
            ]
            assert all(other == first for other in others), (make.__name__, source, to)
    for mode in MODES[:2]:
        (path,) = svcnotes.trace(local(mode), OUTSIDE, "172.18.0.13:30080").paths
        assert (path.outcome, path.pod) == (LOST, None)


def test_the_chains_of_a_node_port_are_those_of_the_first_lesson():
    """recall"""
    path = svcnotes.trace(shop("iptables"), OUTSIDE, NODE_PORT).paths[0]
    met = [name.rpartition("-")[0] if name.count("-") > 1 else name for name in chains(path)]
    wanted = ["KUBE-SERVICES", "KUBE-NODEPORTS", "KUBE-EXT", "KUBE-MARK", "KUBE-SVC", "KUBE-SEP"]
    assert [name for name in met if name in wanted] == wanted
    (dnat,) = [step for step in steps_there(path) if step.verdict == "dnat"]
    assert dnat.chain.startswith("KUBE-SEP-")
    assert [hop.host for hop in path.hops if hop.direction == "back"][-3] == "node-2"


def test_each_language_is_written_where_the_table_says():
    """cast"""
    assert svcnotes.rules(shop("nftables"), "node-2").startswith("table ip kube-proxy {\n")
    assert "-A KUBE-SVC-" in svcnotes.rules(shop("iptables"), "node-2")
    assert virtual_servers(shop("ipvs"), "node-2")
    assert ip_sets(shop("ipvs"), "node-2").startswith("create KUBE-")
    assert not virtual_servers(shop("nftables"), "node-2")
    assert svcnotes.rules(shop("ipvs").apply(MORE), "node-2") == svcnotes.rules(shop("ipvs"), "node-2")


def test_ipvs_mode_has_kube_chains_of_its_own():
    """explain-tell"""
    text = svcnotes.rules(shop("ipvs"), "node-2")
    assert ":KUBE-SERVICES" in text
    assert ":KUBE-SVC" not in text


def test_the_services_are_the_same_in_every_mode():
    """cast; modes.notes: the mode is a word of kube-proxy's configuration."""
    assert shop("iptables").state.objects == shop("nftables").state.objects
    text = scenarios.text("modes").replace("clusterCIDR:", "mode: nftables\nclusterCIDR:", 1)
    assert svcnotes.loads(text).proxy.mode == "nftables"


def test_the_base_chain_says_at_which_hook_the_kernel_calls_it():
    """rules-explained"""
    text = svcnotes.rules(shop("nftables"), "node-2")
    head = text.partition("chain nat-prerouting {\n")[2]
    assert head.splitlines()[0].strip() == "type nat hook prerouting priority dstnat; policy accept;"
    assert head.splitlines()[1].strip() == "jump services"


def test_the_mark_is_the_same_bit_in_every_mode():
    """rules-explained, explain-beside: and what acts on it is one rule in nftables, three in iptables."""
    assert "--set-xmark 0x4000/0x4000" in svcnotes.rules(shop("iptables"), "node-2")
    assert "meta mark | 0x00004000" in svcnotes.rules(shop("nftables"), "node-2")
    assert "--set-xmark 0x4000/0x4000" in svcnotes.rules(shop("ipvs"), "node-2")
    rules = svcnotes.rules(shop("iptables"), "node-2").splitlines()
    assert len([rule for rule in rules if rule.startswith("-A KUBE-POSTROUTING")]) == 3
    chain = svcnotes.rules(shop("nftables"), "node-2").partition("chain masquerading {\n")[2]
    assert "masquerade fully-random" in chain.splitlines()[0]
    assert "0x00004000 != 0x00000000" in chain.splitlines()[0]


def test_n_pods_are_one_rule_in_nftables_and_a_chain_each_in_iptables():
    """rules-explained"""
    for cluster, pods in ((shop("iptables"), 2), (shop("iptables").apply(POD), 3)):
        text = svcnotes.rules(cluster, "node-2")
        assert len(re.findall("^:KUBE-SEP-", text, re.MULTILINE)) == pods
        assert text.count("--probability") == pods - 1
        nft = svcnotes.rules(with_mode(cluster, "nftables"), "node-2")
        (rule,) = re.findall("dnat ip to numgen random mod .*", nft)
        assert f"mod {pods} " in rule
        assert rule.count(". 8080") == pods


def test_the_way_back_asks_no_rule_of_nat_in_nftables_mode():
    """rules-explained, explain-beside"""
    path = svcnotes.trace(shop("nftables"), OUTSIDE, NODE_PORT).paths[0]
    back = [step for hop in path.hops if hop.direction == "back" for step in hop.steps]
    assert not [step for step in back if step.chain.startswith("nat-")]
    assert len([step for step in back if step.verdict == "translate"]) == 2


def test_the_filter_chains_find_nothing_for_a_packet_that_has_a_pod():
    """rules-intro: what the cell leaves out are jumps to checks, each on the way to its end."""
    path = svcnotes.trace(shop("nftables"), OUTSIDE, NODE_PORT).paths[0]
    left = [s for hop in path.hops if hop.host == "node-2" and hop.direction == "there" for s in hop.steps]
    left = [step.verdict for step in left if step.number and "filter" in step.chain]
    assert left
    assert all(verdict.startswith("jump ") and verdict.endswith("-check") for verdict in left)


def test_the_name_of_a_chain_is_made_of_namespace_service_protocol_and_port():
    """rules-explained"""
    text = svcnotes.rules(shop("nftables"), "node-2")
    (name,) = re.findall(r"chain (service-[A-Z2-7]{8}-\S+) \{", text)
    assert re.fullmatch(r"service-[A-Z2-7]{8}-default/shop/tcp/http", name)


def elements(cluster, name):
    text = svcnotes.rules(cluster, "node-2", proxy_mode="nftables")
    block = text.partition(f"map {name} {{\n")[2].partition("\n\t}\n")[0]
    return re.findall(r"[\w.]+(?: \. \w+)+ : goto (\S+?),?(?= }|\s|$)", block)


def test_each_port_of_each_service_is_one_element():
    """maps-explained: and in iptables mode one rule of KUBE-SERVICES."""
    cluster = scenarios.load("nodeport")  # one Service with two ports
    assert len(elements(cluster, "service-ips")) == 2
    assert len(elements(cluster, "service-nodeports")) == 2
    rules = svcnotes.rules(cluster, "node-2").splitlines()
    assert len([r for r in rules if r.startswith("-A KUBE-SERVICES -d") and "-j KUBE-SVC-" in r]) == 2


def test_external_ips_and_balancers_addresses_stand_in_service_ips():
    """maps-explained; modes.word: they lead to external-…, the clusterIP to service-…"""
    found = elements(with_external("nftables"), "service-ips")
    assert sorted(name.partition("-")[0] for name in found) == ["external", "service"]
    balanced = scenarios.load("loadbalancer")
    assert len(elements(balanced, "service-ips")) > sum(len(s.ports) for s in balanced.services.values())


def test_a_map_is_asked_once_however_long_it_is_and_a_list_rule_by_rule():
    """maps-explained"""
    tried = {}
    for mode in ("iptables", "nftables"):
        for size, cluster in (("few", shop(mode)), ("many", shop(mode).apply(MORE))):
            hops = svcnotes.trace(cluster, OUTSIDE, NODE_PORT).paths[0].hops
            tried[mode, size] = sum(h.visited for h in hops if h.host == "node-2" and h.direction == "there")
    assert tried["nftables", "few"] == tried["nftables", "many"] > 0
    assert tried["iptables", "many"] - tried["iptables", "few"] == 40


def test_what_the_table_of_three_languages_says_is_there():
    """maps-explained, explain-dummy; explain-servers: how step 3 writes it."""
    nft, ipvs = svcnotes.rules(shop("nftables"), "node-1"), svcnotes.rules(shop("ipvs"), "node-1")
    assert "10.244.1.10 . 10.244.1.10 . tcp . 8080" in nft.partition("set hairpin-connections {")[2]
    assert "add KUBE-LOOP-BACK 10.244.1.10,tcp:8080,10.244.1.10" in ip_sets(shop("ipvs"), "node-1")
    assert re.search("-A KUBE-NODE-PORT .*-j KUBE-MARK-MASQ", ipvs)
    at = [one.text for one in virtual_servers(shop("ipvs"), "node-1")]
    assert at == ["10.96.0.80:80", "172.18.0.11:30080", "10.244.1.1:30080"]
    path = svcnotes.trace(shop("ipvs"), OUTSIDE, NODE_PORT).paths[0]
    (server,) = [step.rule for step in steps_there(path) if step.verdict == "dnat"]
    assert server.startswith("-a -t 172.18.0.12:30080 -r 10.244.1.10:8080 ")
    cluster = shop("iptables")
    assert [port.port for port in cluster.services["default/shop"].ports] == [80]
    assert cluster.pods["default/asker"].node == "node-3"


def test_a_packet_for_the_right_port_has_another_destination_when_it_comes_to_the_check():
    """explain-undefined"""
    path = svcnotes.trace(shop("nftables"), ASKER, SERVICE).paths[0]
    (check,) = [
        s for s in steps_there(path) if s.verdict == "jump cluster-ips-check" and s.hook == "FORWARD"
    ][:1]
    assert check.before.destination.startswith("10.244.")
    text = svcnotes.rules(shop("nftables"), "node-3")
    bases = re.findall(r"chain (\S+) {([^}]*)}", text)
    assert [name for name, body in bases if "jump cluster-ips-check" in body] == [
        "filter-forward",
        "filter-output",
    ]
    lost = svcnotes.trace(shop("nftables"), ASKER, "10.96.0.80:9999").paths[0]
    assert lost.hops[-1].packet.destination == "10.244.3.10"  # the refusal, at asker


def test_iptables_mode_has_no_rule_for_what_belongs_to_no_service():
    """explain-undefined"""
    for to in ("10.96.0.80:9999", "10.96.7.7:80"):
        path = svcnotes.trace(shop("iptables"), ASKER, to).paths[0]
        ended = [step for step in steps_there(path) if step.verdict in ("drop", "reject", "dnat")]
        assert not ended


def test_in_iptables_mode_it_is_the_router_that_answers():
    """explain-undefined"""
    path = svcnotes.trace(shop("iptables"), ASKER, "10.96.0.80:9999").paths[0]
    assert (path.outcome, path.how, path.icmp_from) == (AWAY, "icmp-net-unreachable", "172.18.0.1")


def test_a_deleted_service_is_an_address_that_nobody_has():
    """explain-undefined"""
    assert ends(shop("iptables").delete("service", "shop"), ASKER, SERVICE) == {AWAY}
    assert ends(shop("nftables").delete("service", "shop"), ASKER, SERVICE) == {LOST}


def test_a_dual_stack_node_has_a_primary_address_of_each_family():
    """explain-doors"""
    cluster = svcnotes.load(ledger.TESTS / "data" / "kube_proxy" / "dual-stack.yaml")
    node = next(iter(cluster.nodes.values()))
    for family in (4, 6):
        rules = svcnotes.rules(cluster, node.name, proxy_mode="nftables", family=family)
        held = rules.partition("set nodeport-ips {")[2].partition("\t}\n")[0]
        assert f"elements = {{ {node.address(family)} }}" in held


def test_listed_ranges_open_other_addresses_but_never_localhost():
    """explain-doors; modes.listed"""
    listed = shop("nftables", node_port_addresses=("127.0.0.0/8", "172.18.0.0/24", "10.244.0.0/16"))
    assert ends(listed, NODE, "10.244.1.1:30080") == {YES}
    assert ends(listed, NODE, "127.0.0.1:30080") == {NO}
    sets = svcnotes.rules(listed, "node-1").partition("set nodeport-ips {")[2].partition("\t}\n")[0]
    assert "127.0.0" not in sets


def test_primary_is_what_nftables_mode_does_anyway():
    """explain-doors"""
    for to, outcome in (("172.18.0.11:30080", YES), ("10.244.1.1:30080", NO), ("127.0.0.1:30080", NO)):
        assert ends(shop("iptables", node_port_addresses=("primary",)), NODE, to) == {outcome}
        assert ends(shop("nftables"), NODE, to) == {outcome}


def test_no_virtual_server_stands_at_localhost():
    """explain-doors"""
    assert not [one for one in virtual_servers(shop("ipvs"), "node-1") if one.address.startswith("127.")]


def test_kube_ipvs0_has_every_service_address():
    """explain-dummy, modes.led"""
    assert own_addresses(with_external("ipvs"), "node-3") == ("10.96.0.80", "80.11.12.10")
    balanced = with_mode(scenarios.load("loadbalancer"), "ipvs")
    given = {one.ip for service in balanced.services.values() for one in service.ingress}
    assert given
    assert given <= set(own_addresses(balanced, "node-3"))
    assert "10.96.7.7" not in own_addresses(shop("ipvs"), "node-3")


def test_what_ipvs_mode_leaves_to_iptables_refuses_what_is_no_service():
    """explain-dummy, modes.led: the last rule of KUBE-IPVS-FILTER, after those that let Services pass."""
    rules = svcnotes.rules(shop("ipvs"), "node-3").splitlines()
    last = [rule for rule in rules if rule.startswith("-A KUBE-IPVS-FILTER")][-1]
    assert "--match-set KUBE-IPVS-IPS dst" in last
    assert "-j REJECT" in last
    assert "MASQUERADE" in "\n".join(rules)
    assert [rule for rule in rules if rule.startswith("-A KUBE-SOURCE-RANGES-FIREWALL")]


def test_under_local_a_node_without_a_pod_leads_to_all_of_them_and_marks_nothing():
    """explain-dummy, modes.led"""
    servers = {one.text: one.real_servers for one in virtual_servers(local("ipvs"), "node-3")}
    assert len(servers["172.18.0.13:30080"]) == 2
    here = {one.text: one.real_servers for one in virtual_servers(local("ipvs"), "node-1")}
    assert [real.text for real in here["172.18.0.11:30080"]] == ["10.244.1.10:8080"]
    rules = [
        r for r in svcnotes.rules(local("ipvs"), "node-3").splitlines() if "KUBE-NODE-PORT-LOCAL-TCP" in r
    ]
    assert [rule.endswith("-j RETURN") for rule in rules] == [True]


def test_under_local_an_outside_client_of_ipvs_mode_gets_an_answer_from_a_stranger():
    """modes.led"""
    for path in svcnotes.trace(local("ipvs"), OUTSIDE, "172.18.0.13:30080").paths:
        assert (path.outcome, path.source_seen) == (LOST, OUTSIDE)
        assert path.pod in ("default/shop-1", "default/shop-2")
        assert path.hops[-1].packet.source.startswith("10.244.")
        assert "node-3" not in {hop.host for hop in path.hops if hop.direction == "back"}


def test_under_local_a_pods_call_is_short_circuited_but_in_ipvs_mode():
    """explain-dummy"""
    reached = {
        mode: {path.pod for path in svcnotes.trace(local(mode), "node/node-2", NODE_PORT).paths}
        for mode in MODES
    }
    assert reached["iptables"] == reached["nftables"] == {"default/shop-1", "default/shop-2"}
    assert reached["ipvs"] == {"default/shop-2"}
    asked = svcnotes.trace(local("ipvs"), ASKER, NODE_PORT).paths
    assert [(path.outcome, path.pod) for path in asked] == [(YES, "default/shop-2")]


def test_ipvs_undoes_its_own_change_at_forward():
    """explain-servers: conntrack has put back what MASQUERADE did; the rest is IPVS's own."""
    path = svcnotes.trace(shop("ipvs"), OUTSIDE, NODE_PORT).paths[0]
    back = [step for hop in path.hops if hop.direction == "back" for step in hop.steps]
    undone = [(step.hook, step.table) for step in back if step.verdict == "translate"]
    assert undone == [("PREROUTING", "conntrack"), ("FORWARD", "ipvs")]


def test_a_service_without_endpoints_is_a_virtual_server_without_real_ones():
    """explain-dummy, modes.led"""
    assert {one.real_servers for one in virtual_servers(without_pods("ipvs"), "node-3")} == {()}


def test_in_iptables_mode_the_shut_door_of_node_2_was_passed_by():
    """debug, debug-found: KUBE-FORWARD accepts what is marked, and known connections."""
    for mode, outcome in (("iptables", YES), ("nftables", LOST)):
        cluster = shop(mode, "modes-silence")
        assert ends(cluster, OUTSIDE, NODE_PORT) == {outcome}
        assert ends(cluster, OUTSIDE, "172.18.0.11:30080") == {YES}
        assert ends(cluster, OUTSIDE, "172.18.0.13:30080") == {YES}
    kept = re.findall(
        "^-A KUBE-FORWARD .*-j ACCEPT", svcnotes.rules(shop("iptables"), "node-2"), re.MULTILINE
    )
    assert [("0x4000" in rule, "RELATED,ESTABLISHED" in rule) for rule in kept] == [
        (True, False),
        (False, True),
    ]
    saved = str(Terminal(shop("nftables", "modes-silence")).run("node-2", "iptables-save -t filter"))
    assert ":FORWARD DROP" in saved
    assert "KUBE" not in saved


MARKED = "iptables -A FORWARD -m mark --mark 0x4000/0x4000 -j ACCEPT"
KNOWN = "iptables -A FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT"


@pytest.mark.parametrize(("commands", "outcome"), [([MARKED], LOST), ([KNOWN], LOST), ([MARKED, KNOWN], YES)])
def test_both_rules_together_open_the_door_and_each_alone_does_not(commands, outcome):
    """debug-found, debug-fixed, recap: the first packet needs one rule, its answer the other."""
    node = Terminal(scenarios.load("modes-silence"))
    for command in commands:
        assert node.run("node-2", command).exit_code == 0
    found = svcnotes.trace(node.cluster, OUTSIDE, NODE_PORT)
    assert {path.outcome for path in found.paths} == {outcome}
    if commands == [MARKED]:
        assert found.paths[0].hops[-1].direction == "back"


def test_under_local_the_door_was_shut_in_iptables_mode_as_well():
    """debug-fixed"""
    cluster = shop("iptables", "modes-silence").apply(
        POD.replace("node-3", "node-2").replace("shop-3", "shop-4")
    )
    assert ends(
        cluster.patch("service", "shop", "spec: {externalTrafficPolicy: Local}"), OUTSIDE, NODE_PORT
    ) == {LOST}
    assert YES in ends(cluster, OUTSIDE, NODE_PORT)


def test_no_rule_of_kube_proxys_table_counts():
    """practice"""
    assert "counter" not in svcnotes.rules(shop("nftables"), "node-2")
    assert "counter" not in svcnotes.rules(with_external("nftables"), "node-2")


@BOTH
def test_an_open_connection_outlives_a_change_of_mode(mode):
    """practice"""
    other = {"iptables": "nftables", "nftables": "iptables"}[mode]
    held = flow.open(shop(mode), OUTSIDE, NODE_PORT)
    before = held.pod
    assert replace(held, proxy_mode=other).after(shop(other)).send().pod == before


@pytest.mark.parametrize(
    ("mode", "command", "shows"),
    [
        ("nftables", "curl -s localhost:10249/proxyMode", "nftables"),
        ("ipvs", "curl -s localhost:10249/proxyMode", "ipvs"),
        ("nftables", "nft list table ip kube-proxy", "chain services"),
        ("nftables", "nft list map ip kube-proxy service-nodeports", "tcp . 30080 : goto external-"),
        ("nftables", "nft list table ip kube-proxy | grep default/shop", "external-"),
        ("ipvs", "ipvsadm -Ln", "TCP  10.96.0.80:80 rr"),
        ("ipvs", "ip addr show kube-ipvs0", "inet 10.96.0.80/32"),
        ("ipvs", "ipset list KUBE-CLUSTER-IP", "10.96.0.80,tcp:80"),
    ],
)
def test_the_commands_of_practice_print_what_their_remarks_say_in_each_mode(mode, command, shows):
    """practice"""
    assert command in ledger.cells(LESSON)["practice"][1]
    assert shows in str(Terminal(shop(mode)).run("node-2", command))


@EVERY
def test_no_mode_leads_a_ping_to_a_pod(mode):
    """modes.ping, explain-dummy"""
    for source in (ASKER, NODE, OUTSIDE):
        via = "node-1" if source == OUTSIDE else None
        paths = svcnotes.trace(shop(mode), source, "10.96.0.80", protocol="icmp", via=via).paths
        assert {path.pod for path in paths} == {None}
        assert {path.outcome for path in paths} <= ({NO} if mode != "iptables" else {AWAY, "unreachable"})


def test_the_answers_of_the_exercises_on_modes_are_the_traces():
    """modes.visitor, .undefined, .doors, .word, .silent, .ping, .listed, .nobody, .led, .notes"""
    for exercise, answer in [
        (modes.visitor, "172.18.0.12"),
        (modes.undefined, "2"),
        (modes.doors, "172.18.0.11 only"),
        (modes.word, "external"),
        (modes.silent, "timeout"),
        (modes.ping, "refused"),
        (modes.listed, "refused"),
        (modes.nobody, "2"),
        (modes.led, "3"),
        (modes.notes, "2, 3"),
    ]:
        assert exercise.check(answer).ok, exercise.name
    silent = svcnotes.rules(local("nftables"), "node-3").partition("map no-endpoint-nodeports {")[2]
    assert re.search(r"tcp \. 30080 .*: drop", silent.partition("\t}\n")[0])


def test_the_manifest_of_practice_is_a_shop_with_that_node_port():
    """practice"""
    text = ledger.cells(LESSON)["practice"][1].partition("```yaml\n")[2].partition("```")[0]
    made = with_mode(svcnotes.loads(text), "nftables")
    assert ends(made, OUTSIDE, "172.18.0.11:30080") == {YES}
    assert ends(made, NODE, "127.0.0.1:30080") == {NO}
