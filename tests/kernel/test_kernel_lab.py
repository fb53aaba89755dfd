"""What the kernel lab is: quick, gone without a trace, and never in the machine's own network."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from replay import cluster

from svcnotes.errors import QuestionError
from svcnotes.kernel import KernelError, Lab, available, trace

NODE_PORT = "172.18.0.11:30080"
HERE = Path(__file__).parent


def machine():
    """What a lab might leave: interfaces, addresses, routes, named namespaces, processes."""
    shown = [
        subprocess.run(command, check=True, capture_output=True, text=True).stdout
        for command in (["ip", "-o", "link"], ["ip", "-o", "address"], ["ip", "route"], ["ip", "netns"])
    ]
    return [" ".join(line.split()[:4]) for text in shown for line in text.splitlines()]


def workers():
    """The workers of this process that run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes()
            parent = int((path.parent / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if b"svcnotes.kernel.worker" in text and parent == os.getpid():
            found.append(path.parent.name)
    return sorted(found)


def test_a_real_packet_gives_the_trace_that_the_pictures_are_drawn_from(lab):
    found = trace(cluster("nodeport-local"), "client", NODE_PORT, lab=lab)
    first = found.paths[0]
    assert first.outcome == "connected"
    assert first.source_seen == "192.0.2.10"
    assert [hop.host for hop in first.hops] == [
        "client", "router", "node-1", first.pod, first.pod, "node-1", "router", "client"
    ]  # fmt: skip
    rules = [step.rule for step in first.hops[2].steps]
    assert any("--dport 30080" in rule and "KUBE-NODEPORTS" in rule for rule in rules)
    assert sum(path.probability for path in found.paths) == 1


def test_a_ping_and_a_health_check_are_answered(lab):
    where = cluster("nodeport-local")
    assert (
        trace(where, "pod/default/tool-1", "10.244.2.10", "icmp", lab=lab, packets=1).paths[0].outcome
        == "connected"
    )
    port = next(
        s.health_check_node_port for s in cluster("lb-local").services.values() if s.health_check_node_port
    )
    page = trace(cluster("lb-local"), "client", f"172.18.0.11:{port}", "http", lab=lab, packets=1).paths[0]
    assert page.status == 200
    assert page.body["localEndpoints"] == 2


def test_bring_up_takes_less_than_a_second():
    where = cluster("nodeport-cluster")
    available()
    took = []
    for _ in range(3):
        begun = time.monotonic()
        with Lab() as made:
            trace(where, "client", NODE_PORT, lab=made, packets=1)
            took.append(time.monotonic() - begun)
    print(f"bring-up with one packet: {min(took) * 1000:.0f} ms")
    assert min(took) < 1


def test_the_worker_is_in_a_namespace_of_its_own(lab):
    trace(cluster("nodeport-cluster"), "client", NODE_PORT, lab=lab, packets=1)
    for kind in ("net", "user"):
        assert Path(f"/proc/{lab.pid}/ns/{kind}").readlink() != Path(f"/proc/self/ns/{kind}").readlink()


def test_the_worker_refuses_the_machines_own_namespace():
    own = str(Path("/proc/self/ns/net").readlink())
    command = [sys.executable, "-m", "svcnotes.kernel.worker", own]
    done = subprocess.run(command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "the machine's own network namespace" in done.stdout


def test_a_worker_killed_at_ten_random_points_leaves_nothing_and_the_next_lab_comes_up():
    where = cluster("nodeport-local")
    before, dice = machine(), random.Random(36)
    others = workers()  # those of labs that other tests keep up
    for _ in range(10):
        lab = Lab()
        delay = str(dice.uniform(0, 0.4))
        killer = subprocess.Popen([sys.executable, "-c", KILL, str(os.getpid()), delay, *others])
        while killer.poll() is None:
            trace(where, "client", NODE_PORT, lab=lab, packets=1)
        assert killer.returncode == 0
        lab.close()
        assert workers() == others
        assert machine() == before
        with Lab() as another:
            assert trace(where, "client", NODE_PORT, lab=another, packets=1).paths[0].outcome == "connected"


# Kills the first worker that its grandparent has, after some time; the others named are left alone.
KILL = """
import os, signal, sys, time, pathlib
parent, delay, others = int(sys.argv[1]), float(sys.argv[2]), {str(os.getpid()), *sys.argv[3:]}
until = time.monotonic() + 5
while time.monotonic() < until:
    for path in (p for p in pathlib.Path("/proc").glob("[0-9]*") if p.name not in others):
        try:
            mine = int((path / "stat").read_text().rpartition(")")[2].split()[1]) == parent
            if mine and b"svcnotes.kernel.worker" in (path / "cmdline").read_bytes():
                time.sleep(delay)
                os.kill(int(path.name), signal.SIGKILL)
                sys.exit(0)
        except OSError:
            pass
    time.sleep(0.005)
sys.exit(1)
"""


def test_a_lab_whose_worker_was_killed_comes_up_again_at_the_next_question():
    where = cluster("nodeport-local")
    with Lab() as lab:
        trace(where, "client", NODE_PORT, lab=lab, packets=1)
        os.kill(lab.pid, signal.SIGKILL)
        assert trace(where, "client", NODE_PORT, lab=lab, packets=1).paths[0].outcome == "connected"


def test_the_worker_dies_with_its_parent():
    script = (
        "import svcnotes, sys, time\n"
        "from svcnotes.kernel import Lab, trace\n"
        f"where = svcnotes.load({str(HERE.parent / 'data/oracle/nodeport-local/cluster.yaml')!r})\n"
        "lab = Lab()\n"
        f"trace(where, 'client', {NODE_PORT!r}, lab=lab, packets=1)\n"
        "print(lab.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    assert Path(f"/proc/{pid}").exists()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 5
    while Path(f"/proc/{pid}/ns").exists() and time.monotonic() < until:
        try:
            if (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]) == "Z":
                break
        except OSError:
            break
        time.sleep(0.02)
    else:
        assert not Path(f"/proc/{pid}").exists()


def test_why_there_is_no_lab_is_one_sentence(monkeypatch):
    monkeypatch.setattr("svcnotes.kernel.restore.shutil.which", lambda *_, **__: None)
    assert available.__wrapped__() == "The kernel lab needs the program unshare (package util-linux)."
    monkeypatch.setattr("svcnotes.kernel.probe.sys.platform", "darwin")
    assert available.__wrapped__() == "The kernel lab needs Linux; this is darwin."


@pytest.mark.parametrize(
    ("world", "why"),
    [
        ({"cloud": "proxying"}, "no cloud load balancers"),
        ({"faults": [{"name": "conntrack-full"}]}, "one for the whole machine"),
    ],
)
def test_what_no_lab_can_be_is_said_in_a_sentence(lab, world, why):
    with pytest.raises(QuestionError, match=why):
        trace(cluster("lb-cluster").with_world(**world), "client", NODE_PORT, lab=lab)


def test_rules_that_the_kernel_refuses_are_an_error_with_its_words(lab):
    where = cluster("nodeport-local")
    text = "*nat\n:KUBE-X -\n-A PREROUTING -j KUBE-NOWHERE\nCOMMIT\n"
    with pytest.raises((KernelError, QuestionError), match="node-1"):
        trace(where.with_rules("node-1", text), "client", NODE_PORT, lab=lab, packets=1)
    assert trace(where, "client", NODE_PORT, lab=lab, packets=1).paths[0].outcome == "connected"
