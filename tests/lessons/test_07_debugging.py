"""What the lesson on debugging claims, cell by cell, is what the traces and the tools show."""

import json
import re
from fractions import Fraction
from pathlib import Path

import pytest

import svcnotes
from svcnotes import scenarios
from svcnotes.exercises import dojo
from svcnotes.toolbox import Terminal

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "07-debugging.ipynb"
CELLS = {
    cell["id"]: "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
}
OFFICE, FRONT, WEB_0, WEB_1 = "192.0.2.10", "pod/default/front", "pod/default/web-0", "pod/default/web-1"
NODE_1, NODE_2, NODE_3 = (f"172.18.0.1{number}:30080" for number in (1, 2, 3))
SERVICE, LOCALHOST = "10.96.0.80:80", "127.0.0.1:30080"
YES, NO, SILENCE, ERROR = "connected", "refused", "timeout", "unreachable"
RST, ICMP = "rst", "icmp-port-unreachable"

# The cell that claims it; the case (0: the whole cluster); who dials what; how it ends, and how often; by what.
CLAIMS = [
    ("stage-try", 0, OFFICE, NODE_3, YES, 1, ""),
    ("stage-try", 1, OFFICE, NODE_3, NO, 1, ICMP),
    ("stage-try", 3, OFFICE, NODE_3, NO, 1, RST),
    ("stage-try", 8, OFFICE, NODE_3, SILENCE, 1, ""),
    ("stage-try", 27, OFFICE, NODE_3, SILENCE, 1, ""),
    ("title", 22, OFFICE, NODE_3, ERROR, "2/3", "icmp-net-unreachable"),
    ("explain-office", 6, OFFICE, NODE_1, YES, "2/3", ""),
    ("explain-office", 6, OFFICE, NODE_3, SILENCE, 1, ""),
    ("explain-localhost", 0, "node/node-1", LOCALHOST, YES, 1, ""),
    ("explain-localhost", 21, "node/node-1", LOCALHOST, SILENCE, 1, ""),
    ("worked-who", 17, OFFICE, NODE_1, YES, 1, ""),
    ("worked-who", 17, OFFICE, NODE_2, SILENCE, "2/3", ""),
    ("worked-who", 17, OFFICE, "203.0.113.1:80", SILENCE, "1/2", ""),
    ("worked-who", 17, "node/node-2", "10.244.1.10:8080", SILENCE, 1, ""),
    ("worked-mended", 3, FRONT, SERVICE, NO, 1, RST),
    ("worked-mended", 5, FRONT, SERVICE, NO, 1, RST),
    ("worked-mended", 9, OFFICE, NODE_1, NO, 1, RST),
    ("worked-mended", 12, OFFICE, NODE_1, NO, 1, RST),
    ("worked-mended", 1, FRONT, SERVICE, NO, 1, ICMP),
    ("worked-mended", 2, FRONT, SERVICE, NO, 1, ICMP),
    ("worked-mended", 4, FRONT, SERVICE, NO, 1, ICMP),
    ("worked-mended", 13, OFFICE, "80.11.12.10:80", "external", 1, ""),
    ("worked-mended", 14, OFFICE, "203.0.113.1:80", "external", 1, ""),
    ("worked-mended", 20, OFFICE, "203.0.113.1:80", SILENCE, 1, ""),
    ("worked-mended", 28, OFFICE, NODE_1, SILENCE, 1, ""),
    ("worked-mended", 23, OFFICE, NODE_2, SILENCE, 1, ""),
    ("worked-mended", 29, FRONT, NODE_1, SILENCE, 1, ""),
    ("worked-mended", 16, WEB_0, SERVICE, SILENCE, "1/3", ""),
    ("worked-mended", 15, WEB_1, SERVICE, SILENCE, "1/3", ""),
    ("worked-mended", 22, OFFICE, NODE_3, ERROR, "2/3", "icmp-net-unreachable"),
    ("worked-mended", 11, OFFICE, NODE_2, ERROR, "1/3", "icmp-host-unreachable"),
    ("debug", 28, OFFICE, NODE_1, SILENCE, 1, ""),
    ("recap", 8, OFFICE, NODE_1, YES, 1, ""),
]


def cluster(number):
    return dojo.case(number).broken() if number else scenarios.load("dojo")


@pytest.mark.parametrize(("cell", "number", "source", "to", "outcome", "share", "how"), CLAIMS)
def test_a_claim_of_the_lesson_on_debugging_is_what_a_trace_shows(
    cell, number, source, to, outcome, share, how
):
    assert cell in CELLS
    paths = svcnotes.trace(cluster(number), source, to).paths
    found = [path for path in paths if path.outcome == outcome]
    assert sum((path.probability for path in found), Fraction(0)) == Fraction(share)
    assert {path.how for path in found} == {how}


def test_in_d_the_packet_arrives_and_it_is_the_answer_that_dies():
    assert "it is the **answer** that dies" in CELLS["stage-try"]
    path = svcnotes.trace(cluster(27), OFFICE, NODE_3).paths[0]
    assert path.pod == "default/web-0"
    assert path.hops[-1].host == "client"


def test_no_rule_catches_a_ping_of_a_cluster_address():
    assert "nothing catches it" in CELLS["explain-ping"]
    for path in svcnotes.trace(cluster(0), FRONT, "10.96.0.80", "icmp").paths:
        assert path.outcome != YES
        assert not any(step.verdict == "dnat" for hop in path.hops for step in hop.steps)


def test_the_pods_node_sees_node_3_and_not_the_office():
    assert "It comes from node-3, and not from the office" in CELLS["explain-office"]
    said = str(
        dojo.open_case(6).watch(
            "node-1",
            "tcpdump -ni eth0 tcp port 8080",
            "client",
            "curl -sS -m 2 http://172.18.0.13:30080/",
            times=3,
        )
    )
    lines = [line for line in said.splitlines() if "Flags [S]" in line]
    assert lines
    assert all(" IP 172.18.0.13." in line for line in lines)


def test_the_remedies_for_the_policy_work():
    assert "Remedies: policy Local" in CELLS["explain-office"]
    local = cluster(6).patch("service", "web", "spec: {externalTrafficPolicy: Local}")
    paths = svcnotes.trace(local, OFFICE, NODE_1).paths
    assert {(path.outcome, path.source_seen) for path in paths} == {(YES, OFFICE)}


@pytest.fixture(scope="module")
def worked():
    session = dojo.open_case(17)
    session.run("client", "curl -sS -m 2 http://172.18.0.12:30080/", times=12)
    return session


def test_only_web_1_ever_answers_by_node_2(worked):
    assert "Only `web-1` ever answers" in CELLS["worked-who"]
    paths = svcnotes.trace(worked.cluster, OFFICE, NODE_2).paths
    assert {path.pod for path in paths if path.outcome == YES} == {"default/web-1"}


def test_the_packet_comes_in_by_eth0_and_nothing_goes_out_by_cni0():
    assert "comes in by eth0" in CELLS["worked-point-explained"]
    said = str(
        dojo.open_case(17).watch(
            "node-1",
            "tcpdump -ni any tcp port 8080",
            "node-2",
            "curl -sS -m 2 http://10.244.1.10:8080/",
        )
    )
    lines = [line for line in said.splitlines() if "Flags" in line]
    assert len(lines) == 2
    assert all(" eth0 " in line and " In " in line for line in lines)


def test_node_2_waits_and_node_1_has_no_entry_at_all():
    assert "node-1 has **no entry at all**" in CELLS["worked-memory-explained"]
    session = dojo.open_case(17)
    session.run("node-2", "curl -sS -m 2 http://10.244.1.10:8080/")
    assert "SYN_SENT" in str(session.run("node-2", "conntrack -L -d 10.244.1.10"))
    assert "0 flow entries" in str(session.run("node-1", "conntrack -L -d 10.244.1.10"))


def test_the_policys_counter_grows_and_nothing_was_counted_at_the_accepting_rules(worked):
    assert "that number has grown" in CELLS["worked-rules-explained"]
    before = str(worked.run("node-1", "iptables-save -c -t filter | grep FORWARD"))
    worked.run("node-2", "curl -sS -m 2 http://10.244.1.10:8080/")
    after = str(worked.run("node-1", "iptables-save -c -t filter | grep FORWARD"))
    assert before.splitlines()[0] != after.splitlines()[0]
    for line in after.splitlines():
        if line.endswith("-j ACCEPT"):
            assert line.startswith("[0:0] ")
    assert ":FORWARD ACCEPT" in str(worked.run("node-2", "iptables-save -t filter"))


def test_the_worked_case_is_mended_and_proved_as_the_cells_do_it():
    session = dojo.open_case(17)
    session.suspect("forward-drop")
    session.fix("node-1", "iptables -P FORWARD ACCEPT")
    assert "iptables -P FORWARD ACCEPT" in CELLS["worked-mend"]
    assert session.prove().ok


def test_the_half_finished_case_is_solved_by_what_the_two_lists_differ_in():
    assert "Compare the two lists" in CELLS["worked-mended"]
    session = dojo.open_case(11)
    assert "10.244.1.11" not in str(session.run("laptop", "kubectl get endpointslices"))
    assert "10.244.1.11" in str(session.run("node-2", "iptables-save -t nat | grep default/web:http"))
    session.suspect("kube-proxy")
    session.fix("node-2", "systemctl restart kube-proxy")
    assert session.prove().ok


def test_the_debug_rounds_packet_comes_in_and_dies_before_the_dnat():
    assert "**still to port 30080**" in CELLS["debug-found"]
    path = svcnotes.trace(cluster(28), OFFICE, NODE_1).paths[0]
    assert path.hops[-1].host == "node-1"
    last = path.hops[-1].steps[-1]
    assert (last.table, last.hook, last.before.destination_port) == ("mangle", "PREROUTING", 30080)


def test_the_dojo_has_as_many_cases_as_the_lesson_says():
    assert len(dojo.names()) == 29
    for cell in ("stage-try", "worked-mended"):
        assert "29" in CELLS[cell]
    assert CELLS["dojo"].count("Twenty-nine") == 1


def test_what_the_lesson_says_of_iptables_counters_of_silence_without_a_rule():
    """A full conntrack table and rp_filter drop without any rule: the place to look is elsewhere."""
    assert "on a node, by no rule" in CELLS["worked-mended"]
    for number, source, to, node in ((23, OFFICE, NODE_2, "node-2"), (29, FRONT, NODE_1, "node-1")):
        terminal = Terminal(cluster(number))
        terminal.run(source, f"curl -m 2 http://{to}/")
        drops = str(terminal.run(node, "iptables-save -c | grep DROP")).splitlines()
        assert all(line.startswith("[0:0]") for line in drops)
    terminal = Terminal(cluster(15), seed=1)
    assert "timed out" in str(terminal.run(WEB_1, f"curl -m 1 http://{SERVICE}/", times=12))
    assert "[UNREPLIED]" not in str(terminal.run("node-2", "conntrack -L"))
    assert "hairpin off" in str(terminal.run("node-2", "bridge -d link"))
    terminal = Terminal(cluster(23))
    terminal.run(OFFICE, f"curl -m 2 http://{NODE_2}/")
    assert "table full" in str(terminal.run("node-2", "dmesg"))
    assert " drop=2 " in str(terminal.run("node-2", "conntrack -S"))


def test_one_look_at_the_counters_tells_the_three_faults_of_the_recap_apart():
    assert "One look at `iptables-save -c` on node-3" in CELLS["recap"]
    firewall = scenarios.load("dojo").with_world(
        faults=[{"name": "host-firewall", "on": "node-3", "ports": "30000-32767"}]
    )
    said = set()
    for broken in (cluster(8), firewall, cluster(27)):
        terminal = Terminal(broken)
        terminal.run("client", f"curl -m 2 http://{NODE_3}/")
        lines = str(terminal.run("node-3", "iptables-save -c | grep DROP")).splitlines()
        said.add(tuple(line.split("] ")[1] for line in lines if not line.startswith("[0:0]")))
    assert len(said) == 3


def test_in_e_two_pods_in_three_cannot_be_reached_and_the_third_answers():
    assert "In E two pods in three cannot be reached" in CELLS["stage-try"]
    paths = svcnotes.trace(cluster(22), OFFICE, NODE_3).paths
    assert sorted(path.outcome for path in paths) == [YES, ERROR, ERROR]


def test_what_the_five_probes_of_the_worked_case_left():
    assert "Twelve calls ruled out all but one" in CELLS["worked-mended"]
    session = dojo.open_case(17)
    session.run("client", "curl -sS -m 2 http://172.18.0.12:30080/", times=12)
    session.watch(
        "node-1", "tcpdump -ni any tcp port 8080", "node-2", "curl -sS -m 2 http://10.244.1.10:8080/"
    )
    session.run("node-2", "conntrack -L -d 10.244.1.10")
    session.run("node-1", "conntrack -L -d 10.244.1.10")
    session.run("node-1", "iptables-save -c -t filter | grep FORWARD")
    session.suspect("forward-drop")
    session.fix("node-1", "iptables -P FORWARD ACCEPT")
    assert "left after each of your probes: 1, 1, 1, 1, 0." in " ".join(str(session.prove()).split())


@pytest.mark.parametrize(
    ("number", "node", "said"),
    [(3, 1, "Connection refused"), (1, 1, "Connection refused"), (22, 3, "Network is unreachable")],
)
def test_curl_says_the_same_of_refusals_and_errors_and_with_v_it_does_not(number, node, said):
    assert "*Couldn't connect to server*" in CELLS["worked-mended"]
    for tool in ("curl -v -m 2 http://172.18.0.1{}:30080/", "nc -vz -w 2 172.18.0.1{} 30080"):
        terminal = Terminal(cluster(number))
        assert said in str(terminal.run("client", tool.format(node), times=9))
    plain = Terminal(cluster(number)).run("client", f"curl -sS -m 2 http://172.18.0.1{node}:30080/", times=9)
    assert "Couldn't connect to server" in str(plain)
    assert said not in str(plain)


def test_the_lines_that_the_lesson_types_on_the_console_work_there():
    from svcnotes.widgets.console import Console

    console = Console(dojo.draw(43))
    for line in (
        "for i in $(seq 12); do curl -sS -m 2 http://172.18.0.12:30080/; done | sort | uniq -c",
        "tcpdump -ni any tcp",
    ):
        assert f"`{line}`" in CELLS["dojo"]
        console.type("client", line)
    assert "tcpdump listens" in console.text
    assert "dojo.draw(43)" in CELLS["cases"]


def test_the_cases_named_as_seen_are_those_of_the_lessons_cells():
    stage = {int(number) for number in re.findall(r"\b[A-E]=(\d+)", CELLS["stage"])}
    opened = {
        int(n)
        for text in CELLS.values()
        for n in re.findall(r"^\w+ = dojo\.open_case\((\d+)\)", text, re.MULTILINE)
    }
    assert stage == {1, 3, 8, 22, 27}
    assert opened == {6, 11, 17, 28}
    assert "(1, 3, 8, 22 and 27 were A to E on the stage; 6, 11, 17 and 28 you have seen.)" in CELLS["dojo"]
