"""The process that judges: `python -P -m svcnotes.coursework.worker SECONDS MEGABYTES`, one task a line, JSON both ways.

It writes `{"ready": true}` once it can work; then for each task lines `{"step": name}` before each step,
`{"kept": [exercise, mark]}` after each mark, and `{"done": answer}` at the end.
"""

from __future__ import annotations

import contextlib
import gc
import json
import math
import os
import sys
from typing import Any

from svcnotes.coursework.task import CATALOGUE, catalogue, run


def main(arguments: list[str]) -> int:
    """Work until standard input ends."""
    seconds, megabytes = float(arguments[0]), int(arguments[1])
    # What a library prints must not get into the answers.
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", newline="\n")
    os.dup2(2, 1)
    _bound_memory(megabytes)
    catalogue(arguments[2] if len(arguments) > 2 else CATALOGUE)

    def say(value: dict[str, Any]) -> None:
        out.write(json.dumps(value) + "\n")
        out.flush()

    def step(name: str) -> None:
        _bound_time(seconds)
        say({"step": name})

    # Traces are trees of small frozen values, thrown away whole: looking for cycles among them every 700 objects, as
    # Python does, takes a seventh of the time. A student's marks leave some thousands of objects in cycles.
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 50, 100)
    say({"ready": True})
    for line in sys.stdin:
        say({"done": run(json.loads(line), step, lambda name, mark: say({"kept": [name, mark]}))})
    return 0


def _bound_memory(megabytes: int) -> None:
    """Let no answer take the machine's memory; where the system cannot say so, the parent's clock must do."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_AS)
        limit = megabytes * 1_000_000
        resource.setrlimit(resource.RLIMIT_AS, (limit if most < 0 else min(limit, most), most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _bound_time(seconds: float) -> None:
    """End this process if the step runs away, even when the parent is gone and no other thread gets a turn."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        used = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        limit = math.ceil(used + 2 * seconds + 5)
        resource.setrlimit(resource.RLIMIT_CPU, (limit if most < 0 else min(limit, most), most))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
