"""How long a trace takes, there and back, every step kept: `pytest benchmarks/bench_trace.py`.

The stage repaints at a click, so a trace may take 10 ms, also among 10,000 Services (their rules once read).
"""

import pytest
from many_services import cluster_of

from svcnotes.kube_proxy.modes import MODES
from svcnotes.trace import trace


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("services", [1, 10, 10_000])
def test_trace_a_nodeport_with_five_endpoints(benchmark, services, mode):
    cluster = cluster_of(services)
    port = next(reversed(cluster.services.values())).ports[0].node_port
    found = benchmark.pedantic(
        trace,
        args=(cluster, "192.0.2.10", f"172.18.0.11:{port}", "tcp", None, mode),
        rounds=30,
        warmup_rounds=1,
    )
    assert [path.outcome for path in found.paths] == ["connected"] * 5
    assert benchmark.stats.stats.median < 0.01
