"""What the lesson on scale waits for: the slider's first look, a step of it, 10,000 Services: `pytest benchmarks/bench_scale.py`.

Claims are about one machine; compare ratios from one run.
"""

import time

import pytest

from svcnotes.kube_proxy.modes import MODES
from svcnotes.scenarios import scale
from svcnotes.scenarios.scale import NODE
from svcnotes.views.curves import exponent
from svcnotes.widgets.scale import Scale

STEPS = (100, 1_000, 10_000)


def test_the_slider_shows_itself_within_a_second(benchmark):
    def first() -> Scale:
        return Scale(steps=(10, 30, 100))

    shown = benchmark.pedantic(first, setup=scale.forget, rounds=3)
    assert "With 100 Services" in shown.sentence
    assert benchmark.stats.stats.min < 1.0


def test_a_step_of_the_slider_asks_nobody(benchmark):
    shown = Scale(steps=(10, 30, 100))

    def step() -> str:
        shown.services = 30 if shown.services == 100 else 100
        return shown.sentence

    benchmark(step)
    assert benchmark.stats.stats.median < 0.005


@pytest.mark.parametrize("mode", MODES)
def test_counting_grows_in_proportion_to_the_services(benchmark, mode):
    points = []

    def all_steps() -> None:
        points.clear()
        for services in STEPS:
            scale.forget()
            begun = time.perf_counter()
            scale.cost(services, mode)
            points.append((services, time.perf_counter() - begun))

    benchmark.pedantic(all_steps, rounds=1)
    benchmark.extra_info["seconds for 10,000"] = round(points[-1][1], 2)
    benchmark.extra_info["exponent"] = round(exponent(points), 2)
    print(f"{mode}: {points[-1][1]:.1f} s for 10,000 Services, exponent {exponent(points):.2f}")
    assert exponent(points) < 1.3


@pytest.mark.parametrize("mode", MODES)
def test_a_packet_among_ten_thousand_services_is_followed_while_one_blinks(benchmark, mode):
    cluster = scale.many(10_000)
    to = f"{scale.NODE_ADDRESS}:{scale.node_port(9_999)}"
    told = benchmark.pedantic(
        scale.trace, args=(cluster, scale.CLIENT, to), kwargs={"proxy_mode": mode}, rounds=20, warmup_rounds=1
    )
    assert scale.visited(told, NODE) == scale.cost(10_000, mode).visited["nodeport"]
    assert benchmark.stats.stats.median < 0.02
