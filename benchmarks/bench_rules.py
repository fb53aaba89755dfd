"""How long the rules of a node take to write, and how much memory: `pytest benchmarks/bench_rules.py`.

kube-proxy's own fastest first sync of 10,000 Services x 5 endpoints, on the machine where the
recordings were made, took 1.9 s. The objects are in memory, already read, as kube-proxy's are.
"""

import tracemalloc

import pytest
from many_services import cluster_of

from svcnotes.kube_proxy import rules


@pytest.mark.parametrize("services", [10, 1000, 10_000])
def test_write_the_rules_of_a_node(benchmark, services):
    cluster = cluster_of(services)
    text = benchmark.pedantic(rules, args=(cluster, "node-1"), rounds=5, warmup_rounds=1)
    nat = text.split("*nat\n")[1]
    # As recorded for NodePort Services with five endpoints: 21 rules each, and 8 that are always there.
    assert nat.count("-A ") == 21 * services + 8
    benchmark.extra_info["megabytes of text"] = round(len(text) / 1e6, 1)
    if services == 10_000:
        assert benchmark.stats.stats.median < 1.9


def test_the_time_grows_with_the_services_and_no_faster(benchmark):
    cluster = cluster_of(100_000)
    text = benchmark.pedantic(rules, args=(cluster, "node-1"), rounds=1)
    assert text.count(" -j DNAT ") == 500_000
    assert benchmark.stats.stats.median < 10 * 1.9


def test_the_peak_memory_is_a_few_times_the_text():
    cluster = cluster_of(10_000)
    tracemalloc.start()
    text = rules(cluster, "node-1")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"peak {peak / 1e6:.0f} MB for {len(text) / 1e6:.1f} MB of rules")
    assert peak < 6 * len(text)
