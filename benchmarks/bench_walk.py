"""How fast packets walk the rules: `pytest benchmarks/bench_walk.py`.

A walk is: a packet in, the verdict and the NAT out, no trace built. Absolute times are this
machine's; the ratio between many Services and few is what the index of long runs is for.
"""

import time
from functools import lru_cache
from itertools import cycle

import pytest
from many_services import NODE_PORTS, address, cluster_of

from svcnotes.kube_proxy import rules
from svcnotes.kube_proxy.modes import MODES
from svcnotes.netfilter import Context, Rules, decide, read_rules, visited_rules, walk
from svcnotes.packet import Packet

NODE = "172.18.0.11"
HOST = Context(
    in_interface="eth0",
    out_interface="cni0",
    address_type=lambda asked, _: "LOCAL" if asked == NODE else "UNICAST",
    masquerade_address=lambda _packet, _interface: "10.244.1.1",
)


# Where rules alone lead a packet on its way: IPVS's sets and servers are followed in bench_trace.py and bench_scale.py.
every_mode = pytest.mark.parametrize("mode", [name for name, mode in MODES.items() if len(mode.formats) == 1])


@lru_cache(maxsize=8)
def text_of(services: int, mode: str) -> str:
    return rules(cluster_of(services), "node-1", mode)


@lru_cache(maxsize=8)
def ruleset_of(services: int, mode: str) -> Rules:
    return read_rules(text_of(services, mode))


def packets(services: int) -> list[Packet]:
    """First packets to ten Services from all over the list, by nodePort and by clusterIP."""
    some = range(0, services, max(1, services // 10))
    return [Packet("tcp", "192.0.2.10", 40000, NODE, NODE_PORTS[n], "SYN") for n in some] + [
        Packet("tcp", "192.0.2.10", 40000, address(11, n + 1), 80, "SYN") for n in some
    ]


def seconds_a_walk(services: int, mode: str, walks: int = 20_000) -> float:
    """The best of five, once every chain on the way was read."""
    ruleset, some = ruleset_of(services, mode), packets(services)
    for packet in some:
        for tenth in range(10):
            decide(ruleset, packet, HOST, tenth / 10)
    best = float("inf")
    for _ in range(5):
        begin = time.perf_counter()
        for turn, packet in zip(range(walks), cycle(some)):
            decide(ruleset, packet, HOST, turn % 100 / 100)
        best = min(best, (time.perf_counter() - begin) / walks)
    return best


@every_mode
@pytest.mark.parametrize(
    "hooks", [("PREROUTING",), ("PREROUTING", "FORWARD", "POSTROUTING")], ids=["nat", "all-the-way"]
)
def test_walks_a_second_on_one_service(benchmark, hooks, mode):
    ruleset, packet = ruleset_of(1, mode), packets(1)[0]

    def thousand():
        for turn in range(1000):
            decide(ruleset, packet, HOST, turn / 1000, hooks)

    benchmark.pedantic(thousand, rounds=30, warmup_rounds=3)
    per_second = 1000 / benchmark.stats.stats.min
    benchmark.extra_info["walks a second"] = round(per_second)
    print(f"{mode}: {per_second:,.0f} walks a second through {' '.join(hooks)}")
    assert per_second >= (100_000 if len(hooks) == 1 else 50_000)


@every_mode
def test_a_walk_among_ten_thousand_services_costs_as_among_ten(mode):
    few, many = seconds_a_walk(10, mode), seconds_a_walk(10_000, mode)
    print(
        f"{mode}, 10 Services: {few * 1e6:.1f} us a walk; 10,000: {many * 1e6:.1f} us; ratio {many / few:.2f}"
    )
    assert many / few <= 4


@every_mode
def test_ten_thousand_services_are_read_lazily(benchmark, mode):
    text = text_of(10_000, mode)
    benchmark.pedantic(read_rules, args=(text,), rounds=5, warmup_rounds=1)
    print(f"{mode}: {len(text) / 1e6:.1f} MB, {text.count(chr(10))} lines")
    assert benchmark.stats.stats.min < 0.5


@every_mode
def test_the_first_walk_reads_only_the_chains_on_its_way(benchmark, mode):
    packet = packets(10_000)[0]
    benchmark.pedantic(
        lambda ruleset: decide(ruleset, packet, HOST),
        setup=lambda: ((read_rules(text_of(10_000, mode)),), {}),
        rounds=3,
    )


@pytest.mark.parametrize(("mode", "most", "least"), [("iptables", 20_000, 5_000), ("nftables", 20, 1)])
def test_a_traced_walk_counts_what_a_kernel_would_have_tried(benchmark, mode, most, least):
    ruleset, packet = ruleset_of(10_000, mode), packets(10_000)[-1]
    walks = benchmark(walk, ruleset, "PREROUTING", packet, HOST)
    assert walks[0].visited == len(visited_rules(ruleset, walks[0]))
    assert least <= walks[0].visited <= most
