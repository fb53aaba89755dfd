"""The kernel lab's bring-up and tear-down beside Mininet's, the same network in the same run.

Needs root and Mininet (Debian: `apt install mininet`), whose Python is the system's: MININET_PYTHON names another.
Both build the hosts, cables, addresses, routes, switches and rules of one blueprint, from nothing; Mininet is
shut into a network and mount namespace of its own.
"""

import json
import os
import subprocess
import time
from pathlib import Path
from statistics import median

import pytest

from svcnotes import scenarios
from svcnotes.kernel import Lab, available
from svcnotes.kernel.blueprint import blueprint
from svcnotes.network.node_rules import rules_text
from svcnotes.network.topology import topology

ROUNDS = 7
PYTHON = os.environ.get("MININET_PYTHON", "/usr/bin/python3")
SCRIPT = Path(__file__).with_name("mininet_network.py")


def mininets(cluster, net, scratch):
    asked = {
        "blueprint": blueprint(net).to_json(),
        "rules": {node: _plain(rules_text(cluster, node, None, 4)) for node in cluster.nodes},
        "rounds": ROUNDS,
        "ping": ["default/my-nginx-1", "172.18.0.12"],
        "scratch": str(scratch),
    }
    own = str(Path("/proc/self/ns/net").readlink())
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", PYTHON, str(SCRIPT), own]
    done = subprocess.run(
        command, input=json.dumps(asked), capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return json.loads(done.stdout)


def _plain(text):
    """Without the rules that count by nfacct: Mininet's namespaces are given no such counters."""
    return "".join(line for line in text.splitlines(keepends=True) if "nfacct" not in line)


def ours(net):
    told = {"build": [], "stop": []}
    for _ in range(ROUNDS):
        lab = Lab()
        begun = time.monotonic()
        lab.up(net)
        up = time.monotonic()
        lab.close()
        told["build"].append(up - begun)
        told["stop"].append(time.monotonic() - up)
    return told


def test_the_lab_comes_up_and_goes_down_sooner_than_mininets(benchmark, tmp_path):
    if why := available():
        pytest.skip(why)
    found = subprocess.run([PYTHON, "-c", "import mininet"], check=False, capture_output=True)
    if os.geteuid() != 0 or found.returncode:
        pytest.skip("Mininet needs root and Debian's package: apt install mininet")
    cluster = scenarios.load("nodeport")
    net = topology(cluster, None, "192.0.2.10", None)
    theirs, own = mininets(cluster, net, tmp_path), benchmark.pedantic(ours, args=(net,), rounds=1)
    for what in ("build", "stop"):
        mine, other = median(own[what]), median(theirs[what])
        benchmark.extra_info[what] = {
            "lab ms": round(mine * 1000),
            "Mininet ms": round(other * 1000),
            "ratio": round(other / mine, 1),
        }
        print(what, benchmark.extra_info[what])
    assert median(own["build"]) < median(theirs["build"])
