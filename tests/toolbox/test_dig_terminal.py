"""dig and nslookup at a terminal: each try is a packet, its time passes, and other tools see it."""

from pathlib import Path

from svcnotes.control_plane.load import load
from svcnotes.toolbox import Terminal

CLUSTER = load(str(Path(__file__).parent.parent / "data" / "dig" / "cluster.yaml"))
SHELL = "pod/default/shell"


def one_of_two_dns_pods_is_dead():
    """A terminal in a cluster where one of the two DNS pods gets no packet."""
    gone = next(pod for pod in CLUSTER.pods.values() if pod.namespace == "kube-system")
    rules = "*filter\n:FORWARD ACCEPT\n-A FORWARD -d {address} -j DROP\nCOMMIT\n"
    text = rules.format(address=gone.addresses[0])
    dead = CLUSTER.with_rules(gone.node, text)
    return Terminal(dead, seed=3)


def test_dig_and_nslookup_are_found_at_each_place():
    terminal = Terminal(CLUSTER)
    assert str(terminal.run(SHELL, "dig +search +short my-db")) == "db.example.com.\n192.0.2.50\n"
    assert "canonical name = db.example.com." in str(terminal.run(SHELL, "nslookup my-db"))
    assert str(terminal.run("node-1", "dig +short my-db.default.svc.cluster.local")) == ""
    assert "dig" in str(terminal.run("node-1", "help"))


def test_dig_prints_the_terminals_time_of_day_and_grep_reads_it():
    terminal = Terminal(CLUSTER)
    assert "Nov 22 12:" in str(terminal.run(SHELL, "dig web.default | grep WHEN"))


def test_a_question_that_nobody_answers_takes_fifteen_seconds():
    terminal = Terminal(
        CLUSTER.with_rules("node-1", "*filter\n:FORWARD ACCEPT\n-A FORWARD -j DROP\nCOMMIT\n")
    )
    before = terminal.now
    printed = terminal.run(SHELL, "dig web.default")
    assert printed.exit_code == 9
    assert str(printed).count("timed out") == 3
    assert 15 <= terminal.now - before <= 17


def test_of_two_dns_pods_one_dead_the_next_try_finds_the_other():
    terminal = one_of_two_dns_pods_is_dead()
    texts = [str(terminal.run(SHELL, "dig +short web.default.svc.cluster.local")) for _ in range(12)]
    assert any(text.startswith(";; communications error") and text.endswith("10.96.0.7\n") for text in texts)
    assert any(text == "10.96.0.7\n" for text in texts)


def test_the_node_remembers_the_question():
    terminal = Terminal(CLUSTER)
    terminal.run(SHELL, "dig web.default")
    assert "dport=53" in str(terminal.run("node-1", "conntrack -L -p udp"))
