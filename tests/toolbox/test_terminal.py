"""The terminal itself: places, the shell's grammar, time, chance, and that nothing leaves this process."""

from __future__ import annotations

import os
import socket
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svcnotes import scenarios
from svcnotes.errors import QuestionError, RuleError, SvcnotesError
from svcnotes.toolbox import Output, Terminal
from svcnotes.toolbox.tools import TOOLS

NODEPORT = scenarios.load("nodeport")


@pytest.fixture
def terminal():
    return Terminal(NODEPORT)


def test_an_output_is_its_text_and_shows_as_text_in_a_notebook(terminal):
    output = terminal.run("client", "echo hello")
    assert str(output) == output.text == "hello\n"

    class Page:
        text_ = ""

        def text(self, more):
            self.text_ += more

    page = Page()
    output._repr_pretty_(page, False)
    assert page.text_ == "hello"


def test_every_command_is_logged_with_its_host(terminal):
    terminal.run("node-1", "ip route")
    terminal.run("kubectl get svc")
    terminal.capture("node-1", "tcpdump -ni any", "client", "true")
    assert terminal.log == [
        ("node-1", "ip route"),
        ("laptop", "kubectl get svc"),
        ("node-1", "tcpdump -ni any"),
        ("client", "true"),
    ]


def test_an_unknown_host_is_not_resolved_and_those_there_are_are_named(terminal):
    output = terminal.run("node-9", "ip route")
    assert output.exit_code == 255
    assert output.text.startswith("ssh: Could not resolve hostname node-9: Name or service not known\n# ")
    assert "node-3, router, pod/default/my-nginx-1" in output.text


def test_an_unknown_command_is_not_found_and_those_there_are_are_named(terminal):
    output = terminal.run("node-1", "perl -e 1")
    assert output.exit_code == 127
    first, second = output.text.splitlines()
    assert first == "bash: perl: command not found"
    assert second.startswith("# commands here: kubectl, curl,")
    assert "iptables-save" in second


def test_a_tool_that_is_elsewhere_is_said_to_be_there(terminal):
    output = terminal.run("pod/default/my-nginx-1", "iptables-save")
    assert output.text == "bash: iptables-save: command not found\n# iptables-save is at: node\n"


def test_a_pod_without_an_address_is_no_place(terminal):
    assert terminal.run("pod/default/nope", "ip route").exit_code == 255


@pytest.mark.parametrize("host", ["pod/default/my-nginx-1", "pod/my-nginx-1", "default/my-nginx-1"])
def test_a_pod_is_found_by_each_of_its_names(terminal, host):
    assert "src 10.244.1.10" in terminal.run(host, "ip route").text


def test_any_outside_address_is_a_place(terminal):
    assert "you are 198.51.100.7" not in terminal.run("198.51.100.7", "curl -s 172.18.0.11:30080").text
    local = Terminal(scenarios.load("nodeport-local"))
    assert "you are 198.51.100.7" in local.run("198.51.100.7", "curl -s 172.18.0.11:30080").text


@pytest.mark.parametrize("bad", [{"times": 0}, {"times": 10**6}, {"times": "3"}])
def test_a_number_of_times_that_is_none_is_refused(terminal, bad):
    with pytest.raises(QuestionError, match="write a number from 1 to 1000"):
        terminal.run("client", "true", **bad)


def test_a_command_that_is_no_text_is_refused(terminal):
    with pytest.raises(QuestionError, match=r'write run\("node-1", "ip route"\)'):
        terminal.run("client", ["curl", "x"])


def test_the_same_seed_prints_the_same_and_another_one_something_else():
    def crowd(seed):
        return Terminal(NODEPORT, seed=seed).run("client", "curl -s 172.18.0.11:30080", times=20).text

    assert crowd(1) == crowd(1)
    assert crowd(1) != crowd(2)


def test_several_times_give_all_outputs_and_both_pods_answer(terminal):
    output = terminal.run("client", "curl -s 172.18.0.11:30080", times=30)
    assert len(output.runs) == 30
    assert all(isinstance(one, Output) for one in output.runs)
    assert output.text == "".join(map(str, output.runs))
    assert {str(one).split(",")[0] for one in output.runs} == {
        "Hello from my-nginx-1",
        "Hello from my-nginx-2",
    }


@pytest.mark.parametrize(
    ("line", "text", "code"),
    [
        ("echo a b", "a b\n", 0),
        ("echo 'a  b' \"c d\" e\\ f", "a  b c d e f\n", 0),
        ("echo 'it''s' \"say \\\"x\\\"\"", 'its say "x"\n', 0),
        ("echo a | cat", "a\n", 0),
        ("echo a; echo b", "a\nb\n", 0),
        ("echo a\necho b", "a\nb\n", 0),
        ("true && echo yes || echo no", "yes\n", 0),
        ("false && echo yes || echo no", "no\n", 0),
        ("false; echo on", "on\n", 0),
        ("echo a | false", "", 1),
        ("false | echo a", "a\n", 0),
        ("echo gone > /dev/null", "", 0),
        ("cat nope 2>/dev/null", "", 1),
        ("cat nope 2>&1 | wc -l", "1\n", 0),
        ("cat nope | wc -l", "cat: nope: No such file or directory\n0\n", 0),
        ("echo kept > f; echo more >> f; cat f; cat < f", "kept\nmore\nkept\nmore\n", 0),
        ("cat <<EOF\none $5\ntwo\nEOF", "one $5\ntwo\n", 0),
        ("cat <<'EOF' | grep two\none\ntwo\nEOF\necho after", "two\nafter\n", 0),
        ("cat <<< word", "word\n", 0),
        ("echo a # a remark", "a\n", 0),
        ("echo a#b", "a#b\n", 0),
        ("sudo echo a", "a\n", 0),
        ("/usr/bin/echo a", "a\n", 0),
        ("", "", 0),
        ("  \n # nothing\n", "", 0),
    ],
)
def test_a_line_is_read_as_a_shell_reads_it(terminal, line, text, code):
    output = terminal.run("client", line)
    assert (output.text, output.exit_code) == (text, code)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("echo 'open", "bash: unexpected EOF while looking for matching `''"),
        ('echo "open', "bash: unexpected EOF while looking for matching `\"'"),
        ("echo a |", "bash: syntax error near unexpected token `newline'"),
        ("| echo a", "bash: syntax error near unexpected token `|'"),
        ("echo a && ", "bash: syntax error near unexpected token `newline'"),
        ("echo a ;; echo b", "bash: syntax error near unexpected token `;'"),
        ("echo >", "bash: syntax error near unexpected token `newline'"),
        ("echo $HOME", "bash: this terminal does not know `$H': write the value itself"),
        ("echo `date`", "bash: this terminal does not know ``d': write the value itself"),
        ('echo "$(date)"', "bash: this terminal does not know `$(': write the value itself"),
        ("sleep 9 &", "bash: this terminal does not know `&': run one command after the other"),
        ("(echo a)", "bash: this terminal does not know `(': put it into quotes"),
        (
            "while true; do echo; done",
            "bash: this terminal does not know `while': for ten times, write: for i in $(seq 10); do COMMAND; done",
        ),
        ("cat nope < nope", "bash: nope: No such file or directory"),
        ("cat <<EOF\nnever ended", "bash: here-document delimited by end-of-file (wanted `EOF')"),
        ("echo " + "x" * 20_000, "bash: the line is longer than 10000 characters: shorten it"),
        ("echo \0", "bash: the line holds a NUL character: take it out"),
    ],
)
def test_a_line_that_the_shell_does_not_take_is_refused_in_its_words(terminal, line, said):
    output = terminal.run("client", line)
    assert output.text.splitlines()[0] == said
    assert output.exit_code != 0


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("grep b", "banana\nbob\n"),
        ("grep -v b", "Apple\ncherry\n"),
        ("grep -i a", "Apple\nbanana\n"),
        ("grep -c b", "2\n"),
        ("grep -n bob", "3:bob\n"),
        ("grep -E '^(Apple|bob)$'", "Apple\nbob\n"),
        ("grep 'Apple\\|bob'", "Apple\nbob\n"),
        ("grep 'Apple|bob'", ""),
        ("grep -F .", ""),
        ("grep -w bo", ""),
        ("grep -x bob", "bob\n"),
        ("grep -A1 Apple", "Apple\nbanana\n"),
        ("grep -B 1 bob", "banana\nbob\n"),
        ("grep -A1 -n Apple", "1:Apple\n2-banana\n"),
        ("grep -o an", "an\nan\n"),
        ("grep -e Apple -e bob", "Apple\nbob\n"),
        ("head -n 2", "Apple\nbanana\n"),
        ("head -1", "Apple\n"),
        ("head -n -3", "Apple\n"),
        ("tail -n 1", "cherry\n"),
        ("tail -n +4", "cherry\n"),
        ("wc -l", "4\n"),
        ("wc", "       4       4      24\n"),
        ("sort -r | head -1", "cherry\n"),
        ("cut -c 1", "cut: you must specify a list of fields such as -f 1,3\n"),
    ],
)
def test_filters_behind_a_pipe(terminal, command, text):
    assert terminal.run("client", f"cat <<EOF | {command}\nApple\nbanana\nbob\ncherry\nEOF").text == text


def test_equal_neighbours_are_counted(terminal):
    text = terminal.run("client", "cat <<EOF | sort | uniq -c | sort -rn\nb\na\nb\nEOF").text
    assert text == "      2 b\n      1 a\n"


def test_a_number_is_sorted_by_its_value(terminal):
    assert terminal.run("client", "cat <<EOF | sort -n\n10\n9\nEOF").text == "9\n10\n"


def test_time_passes_with_each_command_and_a_timeout_takes_its_time(terminal):
    terminal.run("client", "true")
    before = terminal.now
    terminal.run("client", "curl -s -m 5 10.9.9.9")
    assert terminal.now == pytest.approx(before + 6, abs=0.1)
    terminal.wait(100)
    assert terminal.now == pytest.approx(before + 106, abs=0.1)
    with pytest.raises(QuestionError, match="cannot pass"):
        terminal.wait(-1)


def test_a_connection_is_forgotten_after_its_time(terminal):
    terminal.run("client", "curl -s 172.18.0.11:30080")
    assert terminal.run("node-1", "conntrack -C").text == "1\n"
    terminal.wait(200)
    assert terminal.run("node-1", "conntrack -C").text == "0\n"


def test_another_cluster_can_be_put_in_place(terminal):
    terminal.cluster = scenarios.load("nodeport-local")
    assert terminal.run("client", "curl -s -m 1 172.18.0.13:30080").exit_code == 28


def test_rules_that_cannot_be_read_are_an_error_of_their_author():
    broken = Terminal(NODEPORT.with_rules("node-1", "*nat\n:PREROUTING ACCEPT\n-A PREROUTING -j\nCOMMIT\n"))
    with pytest.raises(RuleError, match="line 3"):
        broken.run("client", "curl -s 172.18.0.11:30080")


def test_help_lists_the_tools_of_a_place(terminal):
    at_node, at_pod = (terminal.run(host, "help").text for host in ("node-1", "pod/my-nginx-1"))
    assert "iptables-save [-t TABLE] [-c]" in at_node
    assert "iptables-save" not in at_pod
    assert "curl " in at_pod


@pytest.fixture
def sealed(monkeypatch):
    """Any way out of this process is an error."""

    def refuse(*args, **more):
        raise AssertionError(f"something left the process: {args} {more}")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    monkeypatch.setattr(os, "system", refuse)
    monkeypatch.setattr(socket, "socket", refuse)


@pytest.mark.usefixtures("sealed")
def test_nothing_is_run_on_the_real_machine(tmp_path):
    terminal = Terminal(NODEPORT)
    target = tmp_path / "made"
    for host in ("laptop", "client", "node-1", "pod/my-nginx-1"):
        terminal.run(host, f"touch {target}; echo x > {target}; curl -s -o {target} 172.18.0.11:30080")
        terminal.run(host, "curl -s -m 1 http://example.com; dig example.com; ping -c 1 10.9.9.9")
    assert not target.exists()


WORDS = st.sampled_from(
    [
        *TOOLS, "grep", "head", "wc", "|", ";", "&&", ">", "<", "-n", "-L", "-m", "2", "-v", "--", "-t", "nat", "get",
        "svc", "describe", "pods", "logs", "exec", "my-nginx-1", "my-nginx", "172.18.0.11:30080", "172.18.0.12",
        "http://10.96.0.80:8080/", "-c", "-D", "-p", "tcp", "--dport", "80", "route", "addr", "link", "any", "host",
        "port", "(", "'", '"', "\\", "=", "::1", "10.244.0.0/16", "-w", "%{http_code}", "*", "é", "KUBE-SERVICES",
    ]
)  # fmt: skip


@settings(max_examples=250, deadline=None)
@given(
    host=st.sampled_from(["laptop", "client", "node-2", "pod/my-nginx-2", "router", "nope"]),
    words=st.lists(WORDS, min_size=1, max_size=9),
)
def test_whatever_is_typed_something_is_printed(host, words):
    terminal = Terminal(NODEPORT)
    try:
        output = terminal.run(host, " ".join(words))
    except SvcnotesError as error:
        pytest.fail(f"{words}: {error}")
    assert isinstance(output.text, str)
    assert 0 <= output.exit_code < 256


def test_what_is_piped_into_kubectl_is_called_stdin_where_it_is_refused(terminal):
    manifest = (
        "apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}], type: Nonsense}\n"
    )
    terminal.files["web.yaml"] = manifest
    text = str(terminal.run("kubectl create -f - < web.yaml"))
    assert text == str(terminal.run("cat web.yaml | kubectl create -f -"))
    assert 'The Service "web" is invalid: spec.type: Unsupported value: "Nonsense"' in text
    locked = Terminal(NODEPORT)
    missing = str(
        locked.run("kubectl create -f -", stdin=manifest.replace("name: web", "name: web, namespace: none"))
    )
    assert missing.startswith(
        'Error from server (NotFound): error when creating "STDIN": namespaces "none" not found'
    )
