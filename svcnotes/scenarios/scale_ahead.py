"""Count large numbers of Services ahead of the question, in a process of its own: `python -m svcnotes.scenarios.scale_ahead N...`.

10,000 Services are 200,000 rules to write, to read and to walk: seconds, in which a notebook should answer.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from threading import Lock, Thread
from typing import Any

from svcnotes.kube_proxy import Counts
from svcnotes.kube_proxy.modes import MODES
from svcnotes.scenarios.scale import Cost, cost, counted, keep

_ONE_CHILD = Lock()


def count_ahead(steps: Sequence[int], arrived: Callable[[int], None]) -> Thread:
    """Count these numbers of Services, the smallest first; `arrived` is told of each, in another thread."""

    def count() -> None:
        with _ONE_CHILD:  # who comes second finds everything counted
            missing = [step for step in steps if not counted(step)]
            if missing:
                _by_child(missing, arrived)
        for step in steps:
            if not counted(step):  # there is no other process here
                for mode in MODES:
                    cost(step, mode)
            arrived(step)

    thread = Thread(target=count, daemon=True)
    thread.start()
    return thread


def _by_child(steps: Iterable[int], arrived: Callable[[int], None]) -> None:
    root = str(Path(__file__).parent.parent.parent)
    path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
    command = [sys.executable, "-m", "svcnotes.scenarios.scale_ahead", *map(str, steps)]
    try:
        child = subprocess.Popen(  # noqa: S603 - our own module
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )
    except OSError:
        return
    with child:
        for line in child.stdout or ():
            found = from_json(json.loads(line))
            keep(found)
            if counted(found.services):
                arrived(found.services)


def to_json(one: Cost) -> dict[str, Any]:
    """A cost as JSON values."""
    return {**asdict(one), "visited": dict(one.visited)}


def from_json(read: dict[str, Any]) -> Cost:
    """A cost from what `to_json` gave."""
    counts = {name: Counts(**read[name]) for name in ("held", "written", "deleted")}
    return Cost(**{**read, **counts})


def main(arguments: Sequence[str]) -> int:
    """Print the costs, one JSON object a line; stops when whoever asked is gone."""
    asker = os.getppid()
    if hasattr(os, "nice"):
        os.nice(5)
    for services in map(int, arguments):
        for mode in MODES:
            if os.getppid() != asker:
                return 1
            print(json.dumps(to_json(cost(services, mode))), flush=True)  # noqa: T201 - the pipe is stdout
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
