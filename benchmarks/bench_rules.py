"""How long the rules of a node take to write, and how much memory: `pytest benchmarks/bench_rules.py`.

kube-proxy's own fastest first sync of 10,000 Services x 5 endpoints, on the machine where the
recordings were made, took 1.9 s. The objects are in memory, already read, as kube-proxy's are.
"""

import tracemalloc

import pytest
from many_services import cluster_of, one_endpoint_less

from svcnotes.kube_proxy import counts, partial_sync, rules

MODES = ("iptables", "nftables")
# As recorded for NodePort Services with five endpoints each: how many rules N of them have, filter's included.
RULES = {"iptables": lambda n: 21 * n + 8 + 15, "nftables": lambda n: 3 * n + 22}
TRANSLATIONS = {"iptables": (" -j DNAT ", 5), "nftables": (" dnat ip to ", 1)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("services", [10, 1000, 10_000])
def test_write_the_rules_of_a_node(benchmark, services, mode):
    cluster = cluster_of(services)
    text = benchmark.pedantic(rules, args=(cluster, "node-1", mode), rounds=5, warmup_rounds=1)
    assert counts(cluster, "node-1", mode).rules == RULES[mode](services)
    benchmark.extra_info["megabytes of text"] = round(len(text) / 1e6, 1)
    if services == 10_000:
        assert benchmark.stats.stats.median < 1.9


@pytest.mark.parametrize("mode", MODES)
def test_the_time_grows_with_the_services_and_no_faster(benchmark, mode):
    cluster = cluster_of(100_000)
    text = benchmark.pedantic(rules, args=(cluster, "node-1", mode), rounds=1)
    word, each = TRANSLATIONS[mode]
    assert text.count(word) == each * 100_000
    assert benchmark.stats.stats.median < 10 * 1.9


@pytest.mark.parametrize("mode", MODES)
def test_one_endpoint_less(benchmark, mode):
    """What kube-proxy would hand to its tool when one of 10,000 Services loses one of its endpoints."""
    before = cluster_of(10_000)
    after = one_endpoint_less(before, 3)
    sync = benchmark.pedantic(partial_sync, args=(before, after, "node-1", mode), rounds=5, warmup_rounds=1)
    benchmark.extra_info["rules written"] = sync.written.rules
    assert benchmark.stats.stats.median < 1.9


@pytest.mark.parametrize("mode", MODES)
def test_the_peak_memory_is_a_few_times_the_text(mode):
    cluster = cluster_of(10_000)
    tracemalloc.start()
    text = rules(cluster, "node-1", mode)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print(f"{mode}: peak {peak / 1e6:.0f} MB for {len(text) / 1e6:.1f} MB of rules")
    assert peak < {"iptables": 6, "nftables": 10}[mode] * len(text)
