"""What each proxy mode costs at 10 to 100,000 Services with 5 endpoints each: `python benchmarks/modes_table.py`.

One process for each mode and number, so that memory is its own. Printed: seconds to make the objects, to write the
rules of a node, to read them and take the first packet to the last Service, to trace the next one, to trace it rule by
rule as a kernel would (no run of like rules looked up by its key), to write what one endpoint's change rewrites; rules
tried by that packet beside all those held; peak memory. Then how each grows (the slope on paper with steps of ten), and
the same against a real kube-proxy's recorded times.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from many_services import cluster_of, one_endpoint_less

from svcnotes import kube_proxy
from svcnotes.control_plane.cluster import Cluster
from svcnotes.kube_proxy.modes import MODES
from svcnotes.netfilter import index
from svcnotes.network.node_rules import node_ruleset, parsed
from svcnotes.scenarios.scale import NODE, visited
from svcnotes.scenarios.scale_recorded import backends, measured, mode_of
from svcnotes.trace import Trace, trace
from svcnotes.views.curves import exponent
from svcnotes.virtual_servers import saved

STEPS = (10, 100, 1_000, 10_000, 100_000)
SECONDS = ("objects", "write", "read + first packet", "next packet", "rule by rule", "one change")
CLIENT = "192.0.2.10"


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """How long it took, and what came of it."""
    begun = time.perf_counter()
    done = work()
    return time.perf_counter() - begun, done


def one(mode: str, services: int) -> dict[str, float]:
    """All measures of one mode and number."""
    found: dict[str, float] = {"services": services}
    found["objects"], cluster = timed(lambda: cluster_of(services))
    found["write"], text = timed(lambda: _texts(cluster, mode))
    found["MB of text"] = len(text) / 1e6
    del text
    last = next(reversed(cluster.services.values()))
    asks = (CLIENT, f"{last.cluster_ips[0]}:80", "tcp", NODE, mode)
    found["read + first packet"], told = timed(lambda: trace(cluster, *asks))
    found["next packet"] = min(timed(lambda: trace(cluster, *asks))[0] for _ in range(3))
    found["rules tried"] = _tried(told)
    counted = kube_proxy.counts(cluster, NODE, mode, 4)
    found["rules held"] = counted.rules
    changed = one_endpoint_less(cluster, services // 2)
    found["one change"], _ = timed(lambda: kube_proxy.partial_sync(cluster, changed, NODE, mode))
    found["peak MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    found["rule by rule"] = _rule_by_rule(lambda: trace(cluster, *asks))
    return found


def _texts(cluster: Cluster, mode: str) -> str:
    texts = (
        kube_proxy.rules(cluster, NODE, mode),
        kube_proxy.ip_sets(cluster, NODE, mode),
        saved(kube_proxy.virtual_servers(cluster, NODE, mode)),
    )
    return "\n".join(texts)


def _rule_by_rule(ask: Callable[[], Trace]) -> float:
    """The time of a trace where every rule of a chain is asked in turn, once all are read."""
    node_ruleset.cache_clear()
    parsed.cache_clear()
    shortest, index.SHORTEST_RUN = index.SHORTEST_RUN, sys.maxsize
    try:
        ask()
        return min(timed(ask)[0] for _ in range(3))
    finally:
        index.SHORTEST_RUN = shortest


def _tried(told: Trace) -> float:
    assert len(told.paths) == 5, "one way for each endpoint"
    return visited(told)


def in_a_process(mode: str, services: int) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, __file__, "--one", mode, str(services)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told: dict[str, float] = json.loads(done.stdout)
    return told


def slope(rows: list[dict[str, float]], column: str) -> float:
    """How a column grows, from 1,000 Services on: below that the fixed costs count."""
    return exponent([(row["services"], max(row[column], 1e-9)) for row in rows if row["services"] >= 1_000])


def table(head: list[str], rows: list[list[str]]) -> None:
    """Print a table in Markdown."""
    print("| " + " | ".join(head) + " |\n|" + "---:|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print(flush=True)


def main() -> None:
    """Measure every mode, print every table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--one", nargs=2, metavar=("MODE", "SERVICES"))
    parser.add_argument("--up-to", type=int, default=STEPS[-1])
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one[0], int(options.one[1]))))
        return
    columns = [*SECONDS, "rules tried", "rules held", "MB of text", "peak MB"]
    every = {}
    for mode in MODES:
        rows = [in_a_process(mode, services) for services in STEPS if services <= options.up_to]
        every[mode] = rows
        print(f"## {mode}\n")
        shown = [
            [f"{row['services']:,.0f}"]
            + [f"{row[one]:,.4f}" if one in SECONDS else f"{row[one]:,.1f}" for one in columns]
            for row in rows
        ]
        table(
            ["Services", *columns],
            [*shown, ["grows with the power", *(f"{slope(rows, c):.2f}" for c in columns)]],
        )
    print("## Against the recorded kube-proxy 1.36 (its milliseconds over ours)\n")
    compared = []
    for backend in backends():
        for column, own in (("first_sync_ms", "write"), ("one_change_sync_ms", "one change")):
            ours = {row["services"]: row[own] * 1000 for row in every[mode_of(backend)]}
            ratios = [
                f"{int(services):,}: {value:,.0f} / {ours[services]:,.1f} = {value / ours[services]:.1f}"
                for services, value in measured(column, backend)
                if services in ours
            ]
            compared.append([backend, own, "; ".join(ratios)])
    table(["backend", "what", "ratios by Services"], compared)


if __name__ == "__main__":
    main()
