"""Compare the simulation with the real kernel, and write FIDELITY.md: `make conformance`.

First every recorded scenario, in each mode of kube-proxy's in which packets can be followed, with the rules that
svcnotes writes and with the recorded ones; then random worlds, in a mode drawn at random or in that of `--mode`.
A disagreement is shrunk and kept in tests/data/kernel/, where a test asks it ever after.
"""

# ruff: noqa: INP001, T201 - a program to run, no package

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.queues import Queue
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tools"), str(ROOT / "tests" / "network")]

import random_worlds  # noqa: E402 - tools are no package
from hypothesis import HealthCheck, Phase, given, seed, settings  # noqa: E402
from recorded_worlds import MODES, RecordedFlow, recorded  # noqa: E402
from shrinking import shrink  # noqa: E402

from svcnotes.errors import SvcnotesError  # noqa: E402
from svcnotes.kernel import Lab, available, nft  # noqa: E402
from svcnotes.kernel.agreement import compare, ends, odds, spun  # noqa: E402
from svcnotes.kernel.restore import program  # noqa: E402
from svcnotes.kernel.tracer import questions  # noqa: E402
from svcnotes.trace import trace  # noqa: E402

KEPT = ROOT / "tests" / "data" / "kernel"
BATCH = 40
ONE_IN = 20
SHRINK = 30.0  # seconds


@dataclass
class Tally:
    """What was compared, and what differed."""

    counts: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Take another's counts in."""
        self.counts.update(other.counts)
        self.differences += other.differences


class DiffersError(AssertionError):
    """The kernel did what the simulation did not foretell."""


def ask_case(lab: Lab, case: random_worlds.Case, tally: Tally, *, one_in: int = 1) -> None:
    """Ask every question of a case; raises DiffersError at the first disagreement.

    Of `one_in` questions with several ends one is asked often, to see that the chances are right.
    """
    try:
        where = random_worlds.cluster(case)
    except SvcnotesError as error:
        tally.counts[f"case refused: {str(error).splitlines()[0][:60]}"] += 1
        return
    tally.counts["clusters"] += 1
    for flow in case["flows"]:
        asked = random_worlds.question(case, flow)
        if asked is None:
            continue
        try:
            foretold, real = trace(where, **asked), questions(where, **asked)
        except SvcnotesError:
            tally.counts["questions refused"] += 1
            continue
        if len(ends(foretold)) > 1 and any(spun(path) for path in foretold.paths):
            tally.counts["left out: a routing loop that passes a rule which tosses"] += 1
            continue
        got = compare(lab, foretold, real)
        tally.counts["flows"] += 1
        tally.counts[f"mode {real[0].net.proxy_mode}"] += 1
        tally.counts["packets sent"] += len(got.paths)
        tally.counts["rules matched"] += got.rules
        tally.counts[f"IPv{6 if ':' in real[0].address else 4}"] += 1
        tally.counts["in a dual-stack cluster"] += case.get("dual", False)
        tally.counts["under NetworkPolicies"] += bool(case.get("policies"))
        tally.counts[f"cni {case['world']['cni']}"] += 1
        tally.counts[f"protocol {asked['protocol']}"] += 1
        tally.counts[
            f"from {asked['source'].partition('/')[0] if '/' in asked['source'] else 'outside'}"
        ] += 1
        tally.counts["edited rules"] += case["edit"] is not None
        for outcome in {path.outcome for path in foretold.paths}:
            tally.counts[f"outcome {outcome}"] += 1
        wrong = got.difference
        tally.counts["differences that did not come again"] += bool(got.stray and not wrong)
        several = len(ends(foretold)) > 1
        tally.counts["several ends"] += several
        if not wrong and several and tally.counts["several ends"] % one_in == 0:
            tally.counts["chances counted, 200 packets each"] += 1
            wrong = odds(lab, foretold, real[0])
        if wrong:
            raise DiffersError(f"{json.dumps(asked)}: {wrong}")


def random_part(number: int, wanted: int, start: int, mode: str, say: Queue[Any]) -> None:
    """One process's share: batches of cases until it has compared enough flows."""
    lab, tally, batch = Lab(), Tally(), 0
    try:
        while tally.counts["flows"] < wanted and not tally.differences:
            before = Counter(tally.counts)
            _batch(lab, tally, start + 1_000_003 * number + batch, mode)
            batch += 1
            say.put(("progress", tally.counts["flows"] - before["flows"]))
    finally:
        lab.close()
        say.put(("done", tally))


def _batch(lab: Lab, tally: Tally, start: int, mode: str = "") -> None:
    found: list[random_worlds.Case] = []

    @seed(start)
    @settings(
        max_examples=BATCH,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(random_worlds.cases(mode=mode))
    def collect(case: random_worlds.Case) -> None:
        found.append(case)

    collect()
    for number, case in enumerate(found):
        why = differs(lab, case, tally, one_in=ONE_IN)
        if why:
            name = f"seed-{start}-{number}.json"
            smaller = shrink(case, why, lambda one: differs(lab, one, Tally()), seconds=SHRINK)
            keep(KEPT / name, *smaller)
            tally.differences.append(f"kept as {_place(KEPT / name)}: {smaller[1]}")
            return


def differs(lab: Lab, case: random_worlds.Case, tally: Tally, *, one_in: int = 1) -> str:
    """The first disagreement of a case, empty for none."""
    try:
        ask_case(lab, case, tally, one_in=one_in)
    except DiffersError as difference:
        return str(difference)
    return ""


def _place(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


def keep(path: Path, case: random_worlds.Case, why: str) -> None:
    """Keep a case for the tests."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"why": why, "case": case}, indent=1, default=list) + "\n", encoding="utf-8")


def recorded_part(number: int, of: int, say: Queue[Any]) -> None:
    """One process's share of the recorded scenarios, both kinds of rules."""
    lab, tally = Lab(), Tally()
    try:
        for index, flow in enumerate(recorded()):
            if flow.part % of != number:
                continue
            _recorded(lab, flow, tally)
            if index % 10 == 0:
                say.put(("progress", 10))
    finally:
        lab.close()
        say.put(("done", tally))


def _recorded(lab: Lab, flow: RecordedFlow, tally: Tally) -> None:
    foretold = flow.foretold()
    got = compare(lab, foretold, flow.questions(foretold))
    of_record = flow.differs_from_simulation(foretold) or flow.differs_from_kernel(got.paths, foretold)
    tally.counts[f"flows, {flow.mode}, {flow.rules} rules"] += 1
    tally.counts["packets sent"] += len(got.paths)
    tally.counts["rules matched"] += got.rules
    if got.difference or of_record:
        tally.differences.append(f"{flow}: {got.difference or of_record}")


def in_parallel(target: Any, arguments: list[tuple[Any, ...]], title: str, total: int) -> tuple[Tally, float]:
    """Run the shares, with a bar; their tallies together, and the seconds it took."""
    context = multiprocessing.get_context("spawn")
    say: Queue[Any] = context.Queue()
    running = [context.Process(target=target, args=(*one, say)) for one in arguments]
    begun = time.monotonic()
    for process in running:
        process.start()
    whole, done, finished = Tally(), 0, 0
    while finished < len(running):
        kind, value = say.get()
        if kind == "done":
            whole.add(value)
            finished += 1
        else:
            done += value
            _bar(title, min(done, total), total, time.monotonic() - begun)
    for process in running:
        process.join()
        if process.exitcode:
            raise SystemExit(f"{title}: a process ended with status {process.exitcode}")
    took = time.monotonic() - begun
    _bar(title, total, total, took)
    print(flush=True)
    return whole, took


def _bar(title: str, done: int, total: int, took: float) -> None:
    width = 30
    full = width * done // max(total, 1)
    rate = done / took if took else 0
    text = f"{title} [{'#' * full}{'.' * (width - full)}] {done:,} of {total:,}, {rate:.0f} a second"
    end = "" if sys.stdout.isatty() else "\n"
    if sys.stdout.isatty() or done == total:
        print(f"\r{text}" if sys.stdout.isatty() else text, end=end, flush=True)


def environment() -> dict[str, str]:
    """What the comparison ran on."""
    said = subprocess.run([program(4), "--version"], check=False, capture_output=True, text=True)  # noqa: S603
    nft_said = subprocess.run([nft.program(), "--version"], check=False, capture_output=True, text=True)  # noqa: S603
    return {
        "Linux": platform.release(),
        "iptables": said.stdout.strip().removeprefix("iptables-restore "),
        "nft": nft_said.stdout.partition(" (")[0].removeprefix("nftables "),
        "user": "root" if os.getuid() == 0 else "an ordinary user",
        "day": datetime.now(UTC).date().isoformat(),
    }


def main() -> int:
    """Compare, print a summary, write FIDELITY.md; 1 where something differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--flows", type=int, default=20_000, help="random questions to compare")
    parser.add_argument("--seed", type=int, default=None, help="repeats a run")
    parser.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--only", choices=["recorded", "random"], default=None)
    parser.add_argument("--mode", choices=MODES, default="", help="the random worlds' proxy mode (any)")
    parser.add_argument("--no-report", action="store_true", help="leave FIDELITY.md as it is")
    options = parser.parse_args()
    why = available()
    if why:
        print(why, file=sys.stderr)
        return 1
    start = int(time.time()) % 1_000_000 if options.seed is None else options.seed
    jobs = options.jobs
    parts: dict[str, tuple[Tally, float]] = {}
    if options.only != "random":
        total = sum(1 for _ in recorded())
        shares = [(number, jobs) for number in range(jobs)]
        parts["recorded scenarios"] = in_parallel(recorded_part, shares, "recorded", total)
    if options.only != "recorded":
        each = -(-options.flows // jobs)
        shares3 = [(number, each, start, options.mode) for number in range(jobs)]
        parts["random worlds"] = in_parallel(random_part, shares3, f"random, seed {start}", options.flows)
    for title, (tally, took) in parts.items():
        print(f"\n{title}: {took:.0f} s, differences: {len(tally.differences)}")
        for name, count in sorted(tally.counts.items()):
            print(f"  {count:>10,}  {name}")
        for one in tally.differences:
            print(f"  DIFFERS {one}")
    if any(tally.differences for tally, _ in parts.values()):
        print(f"\nEach {_place(KEPT)}/*.json is a test from now on (test_a_case_that_once_differed_agrees):")
        print(
            f"  {_place(Path(sys.executable))} -m pytest tests/kernel/test_kernel_agreement.py -k once_differed"
        )
        print("Name the file after what the kernel does, and commit it with what mends the simulation.")
    if not options.no_report and options.only is None and not options.mode:
        from fidelity import report

        (ROOT / "FIDELITY.md").write_text(report(parts, environment(), start, jobs), encoding="utf-8")
        print("\nwrote FIDELITY.md")
    return int(any(tally.differences for tally, _ in parts.values()))


if __name__ == "__main__":
    raise SystemExit(main())
