"""A sweep asks a whole cluster, shows how far it is, and keeps what it found when it is stopped."""

import html
import os
import pty
import re
import signal
import subprocess
import sys
import termios
import time
from collections import Counter
from itertools import islice

import pytest
from jupyter_client.manager import start_new_kernel

import svcnotes
from svcnotes import scenarios
from svcnotes.cli import main
from svcnotes.control_plane.kubectl.printers import get
from svcnotes.errors import QuestionError
from svcnotes.kube_proxy.modes import MODES, mode_named
from svcnotes.scenarios import sweep as sweeps
from svcnotes.scenarios.scale import many
from svcnotes.scenarios.sweep import ending, go_on, questions, sweep
from svcnotes.views.sweep import sweep_html, sweep_table

LOW_NODE_PORTS = """---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
apiServer: {extraArgs: [{name: service-node-port-range, value: 20000-32767}]}
"""


@pytest.fixture(scope="module")
def nodeport():
    return scenarios.load("nodeport")


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    """300 Services as YAML: more questions than one waits for."""
    path = tmp_path_factory.mktemp("sweep") / "many.yaml"
    path.write_text(get(many(300).state, output="yaml") + LOW_NODE_PORTS, encoding="utf-8")
    return path


def quiet(cluster, *given, **more):
    return sweep(cluster, *given, progress=False, **more)


def test_every_source_is_asked_for_every_address_of_every_service(nodeport):
    asked = questions(nodeport)
    services = [one for one in nodeport.services.values() if one.ports]
    nodes, pods = len(nodeport.nodes), [pod for pod in nodeport.pods.values() if not pod.host_network]
    pieces = nodeport.endpoint_slices
    ends = {(e.addresses[0], port.number) for one in pieces for e in one.endpoints for port in one.ports}
    doors = sum(len(one.ports) * (1 + nodes * (one.type == "NodePort")) for one in services) + len(ends)
    assert len(asked) == len(set(asked)) == (1 + nodes + len(pods)) * doors
    assert {one.origin for one in asked} == {"outside", "node", "pod"}
    assert {one.door for one in asked} == {"clusterIP", "nodePort", "pod"}


@pytest.mark.parametrize("scenario", ["externalips", "loadbalancer"])
def test_external_ips_and_a_load_balancers_address_are_doors_too(scenario):
    cluster = scenarios.load(scenario)
    wanted = {address for one in cluster.services.values() for address in one.external_ips} | {
        entry.ip for one in cluster.services.values() for entry in one.ingress
    }
    found = {
        one.to.rpartition(":")[0] for one in questions(cluster) if one.door in ("externalIP", "load balancer")
    }
    assert wanted
    assert found == wanted


@pytest.mark.parametrize("mode", MODES)
def test_groups_say_what_tracing_each_question_says(nodeport, mode):
    found = quiet(nodeport, proxy_mode=mode)
    single = Counter()
    for one in questions(nodeport):
        told = svcnotes.trace(nodeport, one.source, one.to, one.protocol, proxy_mode=mode)
        ends = tuple(sorted({ending(told, at) for at in range(len(told.paths))}))
        single[one.origin, one.door, one.protocol, ends] += 1
    assert {(g.origin, g.door, g.protocol, g.endings): g.flows for g in found.groups} == single
    assert (found.answered, found.stopped) == (len(questions(nodeport)), False)


def test_the_largest_group_comes_first_and_its_example_is_one_of_it(nodeport):
    found = quiet(nodeport)
    assert [group.flows for group in found.groups] == sorted((g.flows for g in found.groups), reverse=True)
    first = found.groups[0]
    told = svcnotes.trace(nodeport, first.example.source, first.example.to, first.protocol)
    assert tuple(sorted({ending(told, at) for at in range(len(told.paths))})) == first.endings


def test_a_sample_is_the_same_for_one_seed_and_asks_nothing_twice():
    asked = questions(many(50))
    assert asked.sample(100, 7) == asked.sample(100, 7) != asked.sample(100, 8)
    assert len(set(asked.sample(100))) == 100
    assert len(asked.sample(10**9)) == len(asked)


@pytest.mark.parametrize("services", [1, 2, 7])
def test_a_whole_sweep_jumps_about_and_leaves_nothing_out(services):
    asked = questions(many(services))
    spread = asked.spread()
    assert len(spread) == len(asked)
    assert set(spread) == set(asked)
    assert {one.origin for one in spread[: len(asked) // 4]} == {"outside", "node", "pod"}
    assert (asked[-1], spread[0]) == (asked[len(asked) - 1], asked[0])
    for beyond in (len(asked), -len(asked) - 1):
        with pytest.raises(IndexError):
            asked[beyond]


def test_only_the_named_sources_ask(nodeport):
    assert {one.source for one in questions(nodeport, ["node/node-1"])} == {"node/node-1"}
    with pytest.raises(QuestionError, match="no Node 'node-9'"):
        questions(nodeport, ["node/node-9"])


def test_a_dual_stack_cluster_is_asked_in_both_families_each_by_who_speaks_it():
    cluster = svcnotes.loads("""
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDRs: [10.244.1.0/24, "fd00:10:244:1::/64"]}
status: {addresses: [{type: InternalIP, address: 172.18.0.11}, {type: InternalIP, address: "fd00:172:18::11"}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, ipFamilyPolicy: RequireDualStack, selector: {app: web}, ports: [{port: 80}]}
""")
    aims = Counter(":" in one.to.strip("[").rpartition(":")[0] for one in questions(cluster))
    assert set(aims) == {True, False}
    assert aims[True] == aims[False]


BOUND = """
apiVersion: v1
kind: Node
metadata: {{name: node-1}}
spec: {{podCIDR: 10.244.1.0/24}}
status: {{addresses: [{{type: InternalIP, address: 172.18.0.11}}, {{type: InternalIP, address: 172.18.0.12}}]}}
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
bindAddress: {}
---
apiVersion: v1
kind: Service
metadata: {{name: web}}
spec: {{type: NodePort, ports: [{{port: 80, nodePort: 30080}}]}}
"""


@pytest.mark.parametrize(
    ("bound", "knocked"),
    [("172.18.0.12", "172.18.0.12"), ("192.0.2.1", "172.18.0.11"), ("127.0.0.1", "172.18.0.11")],
)
def test_a_node_is_knocked_at_where_kube_proxy_is_bound_if_that_address_is_its_own(bound, knocked):
    asked = questions(svcnotes.loads(BOUND.format(bound)))
    assert {one.to for one in asked if one.door == sweeps.NODE_PORT} == {f"{knocked}:30080"}


def test_a_cluster_without_services_has_nothing_to_ask():
    assert "nothing to ask" in str(quiet(scenarios.load("scale")))


def test_a_sample_of_none_is_refused(nodeport):
    with pytest.raises(QuestionError, match="sample 0: write how many"):
        quiet(nodeport, 0)


def interrupted_after(monkeypatch, count):
    real = sweeps.answers

    def some(*given):
        yield from islice(real(*given), count)
        raise KeyboardInterrupt

    monkeypatch.setattr(sweeps, "answers", some)


def test_stopped_it_gives_what_was_found_and_goes_on_from_there(nodeport, monkeypatch):
    with monkeypatch.context() as patched:
        interrupted_after(patched, 5)
        found = quiet(nodeport, seed=3)
    assert (found.answered, found.stopped) == (5, True)
    every = len(found.questions)
    assert str(found).startswith(f"stopped after 5 of {every} flows")
    assert "go_on" in sweep_html(found)
    assert go_on(found, progress=False).groups == quiet(nodeport, seed=3).groups


def test_the_table_in_pandas_and_on_a_page_has_the_same_rows(nodeport):
    found = quiet(nodeport)
    table = sweep_table(found)
    assert table["flows"].sum() == found.answered
    page = sweep_html(found)
    assert page.count("<tr") == 1 + len(table) == len(table_lines(str(found)))
    assert all(text in page for text in table["how they end"])


def table_lines(said):
    """The lines of a sweep's table, its heads among them."""
    return said.partition("\n\n")[0].splitlines()[1:]


@pytest.mark.parametrize("mode", MODES)
def test_below_the_table_stands_how_to_see_why_one_fails(mode, tmp_path, capsys):
    dojo = scenarios.load("modes")
    found = quiet(dojo, proxy_mode=mode)
    one = sweeps.worth_a_look(found)
    assert "connected" not in {path.outcome for path in traced(dojo, one, mode).paths}
    path = tmp_path / "all.yaml"
    path.write_text(scenarios.text("modes"), encoding="utf-8")
    _, _, command = str(found).rpartition("svcnotes trace FILE ")
    assert main(["trace", str(path), *command.split()]) == 0
    assert capsys.readouterr().out.startswith(f"{one.source} → {one.to} (tcp, {mode_named(mode).words})")
    assert repr(one.to) in html.unescape(sweep_html(found))


def test_an_example_names_the_service_whose_address_it_is(nodeport):
    whose = {one.to: one.service for one in questions(nodeport)}
    assert whose["10.96.0.80:8080"] == "default/my-nginx:http"
    assert {one.service for one in questions(nodeport) if one.door == "pod"} == {""}
    (row,) = (line for line in str(quiet(nodeport)).splitlines() if line.startswith("outside  nodePort"))
    assert re.search(r" client → \S+ \(default/my-nginx:https?\)$", row)


def traced(cluster, one, mode):
    return svcnotes.trace(cluster, one.source, one.to, one.protocol, proxy_mode=mode)


def test_from_the_command_line_it_prints_a_table_and_no_bar_where_nobody_watches(manifest, capsys):
    assert main(["sweep", str(manifest), "--sample", "20", "--from", "node/node-1"]) == 0
    said = capsys.readouterr()
    assert said.out.startswith("20 flows, kube-proxy in iptables mode\nfrom")
    assert said.err == ""
    assert main(["sweep", str(manifest), "--sample", "3", "--json", "--proxy-mode", "nftables"]) == 0
    assert '"answered": 3' in capsys.readouterr().out


SOME_DONE = re.compile(rf"\b[1-9]\d*/{len(questions(many(300)))}\b.*flows/s")


def read_until(terminal, wanted, seconds=60):
    said, end = "", time.monotonic() + seconds
    while not wanted(said):
        assert time.monotonic() < end, said
        said += os.read(terminal, 4096).decode()
    return said


def test_ctrl_c_at_a_terminal_ends_the_bar_and_prints_what_was_found(manifest):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    child = subprocess.Popen(
        [sys.executable, "-m", "svcnotes", "sweep", str(manifest)],
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
        # Where these tests are a background job, SIGINT is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    os.close(theirs)
    shown = read_until(ours, SOME_DONE.search)
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=30)
    os.close(ours)
    assert child.returncode == 130
    assert "Traceback" not in shown + out
    head, table = out.splitlines()[0], table_lines(out)
    assert head.startswith("stopped after ")
    flows = sum(int(line.split("tcp")[1].split()[0].replace(",", "")) for line in table[1:])
    assert int(head.split()[2].replace(",", "")) == flows > 0


def test_an_interrupted_cell_of_a_notebook_gives_what_was_found():
    manager, client = start_new_kernel(kernel_name="python3")
    try:
        client.execute(
            "import svcnotes\nfrom svcnotes.scenarios.scale import many\nsvcnotes.sweep(many(300))"
        )
        bar = ""
        while (message := client.get_iopub_msg(timeout=60))["header"]["msg_type"] != "execute_result":
            assert message["header"]["msg_type"] != "error", message["content"]["traceback"]
            words = message["content"].get("data", {}).get("state", {}).get("value")  # the bar's, a widget's
            if not bar and isinstance(words, str) and SOME_DONE.search(words):
                bar = words
                manager.interrupt_kernel()
        shown = message["content"]["data"]
        assert shown["text/plain"].startswith("stopped after ")
        assert "<table" in shown["text/html"]
        assert client.get_shell_msg(timeout=30)["content"]["status"] == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
