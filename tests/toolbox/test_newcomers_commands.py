"""What newcomers and admins type out of habit: it works, or the terminal says what does."""

import pytest

from svcnotes import scenarios
from svcnotes.exercises import dojo
from svcnotes.toolbox import Terminal
from svcnotes.toolbox.tools import INSTEAD, TOOLS

FORM = "write it so: for i in $(seq 12); do COMMAND; done"


@pytest.fixture
def terminal():
    return Terminal(scenarios.load("dojo"))


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("for i in 1 2 3; do echo call $i; done", "call 1\ncall 2\ncall 3\n"),
        ("for n in $(seq 3); do echo $n; done", "1\n2\n3\n"),
        ("for n in $(seq 9 11); do echo $n; done", "9\n10\n11\n"),
        ("for n in `seq 2`; do echo x${n}y; done", "x1y\nx2y\n"),
        ("for n in {11..13}; do echo 172.18.0.$n:30080; done | tail -1", "172.18.0.13:30080\n"),
        ("for n in a b\ndo\n  echo $n\n  echo again\ndone", "a\nagain\nb\nagain\n"),
        ("for n in b a b; do echo $n; done | sort | uniq -c", "      1 a\n      2 b\n"),
        ("for n in a; do echo $n; done; echo end", "a\nend\n"),
        ("for n in a b; do cat nope; done 2>&1 | wc -l", "2\n"),
    ],
)
def test_a_loop_runs_its_command_for_each_word_and_pipes_all_it_prints(terminal, line, text):
    assert terminal.run("client", line).text == text


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("for i in 1 2 do echo", f"bash: this terminal does not take that `for': {FORM}"),
        (
            "for i in 1; do for j in 2; do echo; done; done",
            f"bash: this terminal does not take a loop in a loop: {FORM}",
        ),
        ("for i in *; do echo; done", f"bash: this terminal does not know `*' in a loop: {FORM}"),
        (
            "for i in $(seq 1 2 9); do echo; done",
            f"bash: this terminal does not know a seq with a step: {FORM}",
        ),
        ("for i in $(seq 5000); do echo; done", "bash: these are 5000 rounds: at most 1000 are run here"),
        ("for i in 1; do echo; done nonsense", "bash: syntax error near unexpected token `nonsense'"),
    ],
)
def test_a_loop_that_is_none_is_refused_with_one_that_is(terminal, line, said):
    output = terminal.run("client", line)
    assert (output.text, output.exit_code) == (f"{said}\n", 2)


def test_twelve_calls_in_a_loop_reach_all_three_pods(terminal):
    said = terminal.run(
        "client", "for i in $(seq 12); do curl -s http://172.18.0.13:30080/; done | sort | uniq -c"
    )
    assert sum(int(line.split()[0]) for line in str(said).splitlines()) == 12
    assert len(str(said).splitlines()) == 3


def test_a_capture_sees_every_round_of_a_loop(terminal):
    call = "for i in $(seq 3); do curl -s http://172.18.0.13:30080/; done"
    seen = str(terminal.capture("node-3", "tcpdump -ni eth0 dst port 30080", "client", call))
    assert seen.count("Flags [S]") == 3


@pytest.mark.parametrize("name", sorted(INSTEAD))
def test_a_program_that_no_place_has_names_what_to_type_instead(terminal, name):
    assert name not in TOOLS
    output = terminal.run("node-1", f"{name} something")
    assert output.text == f"bash: {name}: command not found\n# here: {INSTEAD[name]}\n"


def test_a_tcpdump_alone_says_that_nothing_was_sent(terminal):
    assert "# nothing was sent while it listened." in str(terminal.run("node-1", "tcpdump -ni eth0"))


@pytest.mark.parametrize(
    ("command", "remark"),
    [
        ("kubectl edit service web", "# no editor waits here"),
        ("kubectl run tmp --image=busybox", "# every node and every pod is a place of its own"),
        ("kubectl debug node/node-1 --image=busybox", "# every node and every pod is a place of its own"),
        ("kubectl rollout undo statefulset/web", "# no earlier version is kept here"),
        ("kubectl -n kube-system get pods", "# here kube-proxy is a unit of systemd on each node"),
    ],
)
def test_what_kubectl_does_not_do_here_names_what_does(terminal, command, remark):
    assert remark in str(terminal.run("laptop", command))


@pytest.mark.parametrize(
    ("case", "endpoints"),
    [
        (0, "10.244.1.10:8080,10.244.1.11:8080,10.244.2.10:8080"),
        (1, "<none>"),
        (2, "<none>"),
        (3, "10.244.1.10:80,10.244.1.11:80,10.244.2.10:80"),
        (4, "<none>"),
    ],
)
def test_the_old_endpoints_show_who_is_ready_and_on_which_port(case, endpoints):
    cluster = dojo.case(case).broken() if case else scenarios.load("dojo")
    lines = str(Terminal(cluster).run("laptop", "kubectl get endpoints web")).splitlines()
    assert lines[0].startswith("Warning: v1 Endpoints is deprecated")
    assert lines[2].split() == ["web", endpoints, "10m"]


def test_a_pod_that_is_not_ready_is_in_the_endpoints_yaml_as_such():
    said = str(Terminal(dojo.case(2).broken()).run("laptop", "kubectl get ep web -o yaml"))
    assert "notReadyAddresses:" in said
    assert "\n- addresses:" not in said


def test_asking_for_endpoints_changes_nothing(terminal):
    before = terminal.cluster
    terminal.run("laptop", "kubectl get svc,ep -A")
    assert terminal.cluster is before


def test_describe_pod_shows_the_readiness_probe_that_fails():
    said = str(Terminal(dojo.case(2).broken()).run("laptop", "kubectl describe pod web-0"))
    assert (
        "    Readiness:      tcp-socket :8081 delay=0s timeout=1s period=10s #success=1 #failure=3\n" in said
    )
