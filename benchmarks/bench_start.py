"""What a learner waits for first: the import, the cluster's file, a click on the stage.

Run with `make benchmarks`. Claims are about one machine; compare ratios from one run.
"""

import subprocess
import sys

import svcnotes
from svcnotes import scenarios
from svcnotes.widgets.stage import Stage


def test_importing_takes_less_than_a_tenth_of_a_second(benchmark):
    code = "import time; t = time.perf_counter(); import svcnotes; print(time.perf_counter() - t)"

    def once() -> float:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return float(done.stdout)

    once()  # compiles the bytecode
    assert min(once() for _ in range(5)) < 0.1
    benchmark(once)


def test_the_lessons_cluster_loads_while_one_blinks(benchmark):
    text = scenarios.text("nodeport")
    cluster = benchmark(svcnotes.loads, text)
    assert cluster.services["default/my-nginx"].ports[0].node_port == 30080


def test_a_new_setting_of_the_stage_is_answered_within_a_frame_or_two(benchmark):
    cluster = scenarios.load("nodeport")

    def fresh() -> str:
        stage = Stage(cluster, "default/my-nginx", pods="node-1,node-2")
        stage.policy = "Local"
        return stage.sentence

    assert "192.0.2.10" in benchmark(fresh)
