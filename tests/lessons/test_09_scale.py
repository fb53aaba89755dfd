"""What the lesson on scale claims, cell by cell, is what is counted, traced, or was recorded."""

import re
from pathlib import Path

import ledger
import pytest

from svcnotes import loads, trace
from svcnotes.exercises import scale as asked
from svcnotes.exercises.evidence import chains
from svcnotes.kube_proxy import counts
from svcnotes.kube_proxy.modes import DEFAULT, MODES
from svcnotes.network.node_rules import rules_text
from svcnotes.scenarios import scale
from svcnotes.scenarios.changes import with_mode
from svcnotes.scenarios.scale import FIRST, LAST, LATER, NODE_PORT, NONE, cost, many, one_change
from svcnotes.scenarios.scale_recorded import drawn_out, measured, rows
from svcnotes.toolbox import Terminal

LESSON = "09-scale"
LIST, MAPS = "iptables", "nftables"
FULL = {"faults": [{"name": "conntrack-full", "node": "node-1"}]}

# The cell that claims it; the mode; the packet; few and many Services; how many rules more each Service costs it.
CLAIMS = [
    ("title", LIST, LAST, 10, 100, 1),
    ("stage-try", LIST, FIRST, 10, 300, 0),
    ("stage-try", LIST, LAST, 10, 300, 1),
    ("stage-try", LIST, NONE, 10, 300, 1),
    ("stage-try", MAPS, LAST, 10, 300, 0),
    ("stage-try", MAPS, NONE, 10, 300, 0),
    ("list-explained", LIST, NODE_PORT, 10, 300, 3),
    ("explain-hour", LIST, LATER, 10, 300, 0),
    ("worked-explained", LIST, LAST, 10, 11, 1),
    ("paper-explained", LIST, LAST, 10, 100, 1),
    ("paper-explained", LIST, NONE, 10, 100, 1),
    ("paper-explained", MAPS, NODE_PORT, 10, 100, 0),
    ("recap", LIST, LAST, 100, 300, 1),
    ("recap", LIST, NODE_PORT, 100, 300, 3),
    ("recap", LIST, NONE, 100, 300, 1),
    ("recap", LIST, LATER, 100, 300, 0),
    ("recap", MAPS, LATER, 100, 300, 0),
    ("recap", MAPS, LAST, 10, 300, 0),
]


@pytest.mark.parametrize(("cell", "mode", "packet", "few", "more", "each"), CLAIMS)
def test_a_packet_tries_so_many_rules_more_for_each_service(cell, mode, packet, few, more, each):
    assert cell in ledger.cells(LESSON)
    tried = [cost(services, mode).visited[packet] for services in (few, more)]
    assert tried[1] - tried[0] == each * (more - few)


def test_the_list_has_a_rule_for_each_cluster_ip_in_the_order_of_names_and_two_for_each_nodeport():
    """list-explained, list-intro"""
    terminal = Terminal(many(10))
    found = terminal.run("node-1", "iptables-save -t nat | grep 'A KUBE-SERVICES'").text.splitlines()
    assert [re.search(r"-d ([0-9.]+)/32", line)[1] for line in found[:-1]] == [
        scale.address(n) for n in range(10)
    ]
    assert "--dst-type LOCAL -j KUBE-NODEPORTS" in found[-1]
    ports = terminal.run("node-1", "iptables-save -t nat | grep 'A KUBE-NODEPORTS'").text.splitlines()
    assert len(ports) == 20
    assert sum("-d 127.0.0.0/8" in line and "nfacct" in line for line in ports) == 10


def test_the_services_have_five_pods_all_on_node_1():
    """list-intro, stage-try"""
    cluster = many(10)
    behind = {endpoint.addresses for piece in cluster.endpoint_slices for endpoint in piece.endpoints}
    pods = [pod for pod in cluster.pods.values() if pod.labels.get("app") == "web"]
    assert behind == {pod.addresses for pod in pods}
    assert {pod.node for pod in pods} == {"node-1"}
    assert len(pods) == 5


def test_a_later_packet_is_asked_about_in_filter_only():
    """explain-hour, worked-explained, recap"""
    told = trace(many(10), "pod/default/caller", "10.96.1.9:80")
    back = next(hop for hop in told.paths[0].hops if hop.host == "node-1" and hop.direction == "back")
    assert {step.table for step in back.steps if step.number} == {"filter"}
    assert back.visited == 5
    assert cost(10, LIST).visited[LATER] == 5


def test_what_one_change_names_are_the_lists_and_the_chains_of_one_service():
    """explain-rewrite"""
    text = one_change(1_000, LIST).text
    named = re.findall(r"^:(\S+)", text, re.MULTILINE)
    own = [name for name in named if re.match(r"KUBE-(SVC|EXT|SEP)-", name)]
    assert sorted({name[:8] for name in own}) == ["KUBE-EXT", "KUBE-SEP", "KUBE-SVC"]
    assert sum(name.startswith("KUBE-SEP") for name in own) == 4
    assert named.count("KUBE-SERVICES") == named.count("KUBE-NODEPORTS") == 2
    lists = len(re.findall(r"^-A KUBE-(?:SERVICES|NODEPORTS) ", text, re.MULTILINE))
    assert 3_000 <= lists <= 3_001
    assert one_change(1_000, LIST).written.rules == 3_024
    assert cost(1_000, LIST).held.rules == 21_023


def test_with_few_endpoints_the_fifth_chain_is_deleted_at_once_and_with_many_later():
    """explain-rewrite"""
    few, more = one_change(10, LIST), one_change(1_000, LIST)
    assert (few.text.count("-X KUBE-SEP"), few.later) == (1, "")
    assert (more.text.count("-X KUBE-SEP"), more.later.count("-X KUBE-SEP")) == (0, 1)


def test_in_nftables_mode_a_change_is_the_same_text_among_ten_services_and_a_thousand():
    """explain-rewrite, recap"""
    few, more = one_change(10, MAPS).text, one_change(1_000, MAPS).text
    assert len(few) == len(more)
    assert "numgen random mod 4" in more
    assert "element" not in more
    assert (cost(10, MAPS).rewritten, cost(1_000, MAPS).rewritten) == (3, 3)


def test_in_ipvs_mode_a_change_takes_three_servers_and_writes_its_few_rules_anew():
    """slider-explained"""
    for services in (10, 300):
        change = one_change(services, "ipvs")
        assert (change.deleted.map_elements, change.written.rules) == (3, 21)
        assert cost(services, "ipvs").rewritten == 24


def test_all_modes_hold_more_with_more_services():
    """explain-rewrite, slider-explained"""
    for mode in MODES:
        few, more = cost(10, mode).held, cost(300, mode).held
        assert (
            few.rules + few.map_elements + few.set_elements
            < more.rules + more.map_elements + more.set_elements
        )
    assert cost(10, "ipvs").held.rules == cost(300, "ipvs").held.rules < 50


def test_the_recorded_times_are_as_the_lesson_tells_them():
    """explain-few, sync-explained, paper-explained, onward"""
    ten = [
        dict(measured("lat_clusterip_last_us", backend))[10]
        for backend in ("iptables-legacy", "iptables-nft", MAPS)
    ]
    hundred = [
        dict(measured("lat_clusterip_last_us", backend))[100]
        for backend in ("iptables-legacy", "iptables-nft", MAPS)
    ]
    assert max(ten) / min(ten) < 2
    assert max(hundred) / min(hundred) < 2
    nft = dict(measured("lat_clusterip_last_us", "iptables-nft"))
    assert nft[1_000] > 1.5 * nft[10]
    assert 4 < nft[5_000] / nft[10] < 5
    assert nft[5_000] < 100
    assert dict(measured("lat_clusterip_last_us", MAPS))[10_000] < 20
    change = {
        backend: dict(measured("one_change_sync_ms", backend))
        for backend in ("iptables-legacy", "iptables-nft", MAPS)
    }
    assert [round(change[one][5_000] / 1000, 1) for one in ("iptables-legacy", "iptables-nft")] == [0.4, 1.3]
    assert round(change[MAPS][10_000] / 1000, 1) == 3.3
    first = {
        backend: dict(measured("first_sync_ms", backend))[5_000]
        for backend in ("iptables-legacy", "iptables-nft")
    }
    assert [round(first[one] / 1000, 1) for one in ("iptables-legacy", "iptables-nft")] == [0.9, 47.5]
    assert round(dict(measured("one_change_sync_ms", MAPS, "1.30"))[10_000] / 1000) == 174
    memory = dict(measured("node_proc_rss_mb", MAPS))
    assert (memory[5_000], memory[10_000]) == (155, 246)
    assert 1_800 < memory[10_000] + 90 * (memory[10_000] - memory[5_000]) / 5 < 2_100


def test_drawn_out_a_change_takes_a_minute_or_two():
    """paper-explained"""
    for backend in ("iptables-nft", MAPS):
        _, ms = drawn_out(measured("one_change_sync_ms", backend), 100_000)
        assert 60_000 < ms < 130_000


def test_a_rule_took_ten_to_thirty_nanoseconds():
    """paper-explained: the last nodePort's time less the first Service's, three rules for each of 5,000 Services"""
    for backend, nanoseconds in (("iptables-legacy", 11), ("iptables-nft", 32)):
        last, first = (
            dict(measured(column, backend))[5_000]
            for column in ("lat_nodeport_last_us", "lat_clusterip_first_us")
        )
        assert round(1000 * (last - first) / 15_000) == nanoseconds


def test_the_one_line_that_can_be_tried_says_too_little():
    """paper-explained"""
    points = measured("first_sync_ms", "iptables-nft", "1.30")
    assert [services for services, _ in points[-2:]] == [1_000, 5_000]
    assert round(drawn_out(points, 10_000)[1] / 1000) == 245
    notes = [
        row["note"] for row in rows("1.30") if (row["backend"], row["services"]) == ("iptables-nft", "10000")
    ]
    assert "had not finished after 295 s" in notes[0]


def test_a_service_without_a_nodeport_has_four_rules_less():
    """paper-explained"""
    with_port = many(10)
    without = with_port.patch("service", scale.service_name(0), "spec: {type: ClusterIP}")
    assert counts(with_port, scale.NODE, LIST).rules - counts(without, scale.NODE, LIST).rules == 4
    assert scale.each_more(LIST)["rules"] == 21


def test_the_commands_of_practice_count_rules():
    """practice: the numbers are those of a real kube-proxy with ten Services"""
    for mode, command, number in [
        (LIST, "iptables-save -t nat | grep -c '^-A'", "218"),
        (MAPS, "nft list table ip kube-proxy | grep -c 'dnat ip to'", "10"),
    ]:
        assert command in ledger.cells(LESSON)["practice"][1]
        assert Terminal(with_mode(many(10), mode)).run("node-1", command).text.strip() == number


def test_an_exponent_is_what_the_lesson_says_of_it():
    """paper, on paper: 1.5 is 2.8 times as much for twice as many"""
    assert "2.8 times as much for twice as many, 2 is four times" in ledger.cells(LESSON)["sync-explained"][1]
    assert round(2**1.5, 1) == 2.8


def test_the_worked_packet_tries_24_rules_of_which_21_are_in_the_lines():
    """worked-explained, live-explained"""
    told = trace(many(10), "pod/default/caller", "10.96.1.9:80")
    tried = []
    for path in told.paths:
        there = path.hops[1]
        tried.append(there.visited)
        assert sum(step.passed + 1 for step in there.steps if step.number) == there.visited - 3
    assert tried == [24, 25, 26, 27, 28]
    assert chains(told.paths[0])[:3] == chains(told.paths[1])[:3]
    for chain, rules in [("KUBE-FORWARD", 3), ("KUBE-SERVICES", 0)]:
        saved = Terminal(many(10)).run("node-1", f"iptables-save -t filter | grep -c 'A {chain} '")
        assert int(saved.text) == rules


def test_more_endpoints_lengthen_one_chain_only():
    """recap"""
    few, more = cost(100, DEFAULT).visited, cost(100, DEFAULT, 50).visited
    longer = (50 + 1) / 2 - (5 + 1) / 2
    assert more[LAST] - few[LAST] == pytest.approx(longer)
    assert more[FIRST] - few[FIRST] == pytest.approx(longer)
    assert more[NONE] == few[NONE]


def test_a_full_table_drops_first_packets_before_any_rule_in_every_mode():
    """debug, debug-found"""
    for mode in (LIST, MAPS):
        full = many(100).with_world(**FULL)
        (path,) = trace(full, scale.CLIENT, f"172.18.0.11:{scale.node_port(99)}", proxy_mode=mode).paths
        assert path.outcome == "timeout"
        assert "table full" in path.reason
        assert path.hops[2].visited == 0


def test_a_larger_table_mends_it():
    """debug-found"""
    noon = Terminal(many(100).with_world(**FULL))
    assert noon.run("node-1", "sysctl -w net.netfilter.nf_conntrack_max=262144").exit_code == 0
    paths = trace(noon.cluster, scale.CLIENT, f"172.18.0.11:{scale.node_port(99)}").paths
    assert {path.outcome for path in paths} == {"connected"}
    tried = sum(path.probability * path.hops[2].visited for path in paths)
    assert float(tried) == cost(100, LIST).visited[NODE_PORT]  # the list is as long as it was


def test_services_without_endpoints_have_their_rules_in_filter_where_every_new_connection_meets_them():
    """practice"""
    manifest = re.search(r"```yaml\n(.*?)```", ledger.cells(LESSON)["practice"][1], re.DOTALL)[1]
    cluster = loads(Path(scale.__file__).with_name("scale.yaml").read_text(encoding="utf-8")).apply(manifest)
    text = rules_text(cluster, "node-1", LIST, 4)
    filtered = text.partition("*filter")[2].partition("COMMIT")[0]
    assert filtered.count("crowd-0") == 1
    before = trace(many(10), scale.CLIENT, "10.244.1.11:8080").paths[0].hops[2].visited
    assert before > 0
    assert "-A FORWARD -m conntrack --ctstate NEW" in filtered


def test_the_settings_of_exercises_are_tried_with_packets():
    """exercise-setting-text, exercise-blank"""
    assert asked.setting.check(asked.setting.start.replace("???", MAPS)).ok
    assert not asked.setting.check(asked.setting.start.replace("???", LIST)).ok


def test_a_rollout_among_5000_services_writes_the_lists_whole():
    """recap: some 15,000 rules"""
    assert 14_000 < 3 * 5_000 + cost(10, LIST).rewritten - 30 < 16_000
    assert scale.each_more(LIST)["rewritten"] == 3
