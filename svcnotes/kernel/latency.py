"""How long the real kernel takes to open a connection under a rules text: measured, within a few seconds.

The time that counts is that of a TCP handshake between network namespaces of this machine. Only its growth means
anything: there is no wire, and the program that measures takes some microseconds itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from threading import Timer
from typing import Self

from svcnotes.kernel.probe import UNSHARE, available, working_variant

Wanted = tuple[int, str, Sequence[tuple[str, int]]]
"""How many Services, the rules text for them, and what to connect to."""
BUDGET = 8.0
CONNECTS = 200


class Stopwatch:
    """Connections in the real kernel, timed; a context manager. `why` says in a sentence why there are none."""

    def __init__(self) -> None:
        self.why = available()
        self._process: subprocess.Popen[str] | None = None
        if self.why:
            return
        root = str(Path(__file__).parent.parent.parent)
        path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
        own = str(Path("/proc/self/ns/net").readlink())
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            (
                shutil.which(UNSHARE[0]) or UNSHARE[0],
                *UNSHARE[1:],
                sys.executable,
                "-m",
                "svcnotes.kernel.latency_worker",
                own,
                working_variant(),
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def measure(
        self, wanted: Iterable[Wanted], budget: float = BUDGET, connects: int = CONNECTS
    ) -> Iterator[tuple[int, tuple[float, ...]]]:
        """Give (Services, median microseconds to each address) until all is measured or `budget` seconds are over.

        The seconds are the kernel's: what `wanted` takes to make its texts does not count. What is under way when they are over is broken off; `why` then says so, as it says what a tool refused.
        """
        left = budget
        for services, rules, to in wanted:
            if self._process is None:
                break
            alarm, begun = Timer(max(left, 0.01), self._process.kill), time.monotonic()
            alarm.start()
            answer = self._ask({"rules": rules, "to": to, "connects": connects})
            alarm.cancel()
            left -= time.monotonic() - begun
            if "error" in answer:
                self.why = (
                    f"The {budget:g} seconds were over before {services:,} Services were measured."
                    if left <= 0
                    else f"Not measured with {services:,} Services ({answer['error']})."
                )
                break
            yield services, tuple(answer["micros"])

    def _ask(self, order: dict[str, object]) -> dict[str, list[float]]:
        assert self._process is not None  # noqa: S101 - asked only where there is one
        assert self._process.stdin is not None  # noqa: S101 - a pipe was asked for
        assert self._process.stdout is not None  # noqa: S101 - the same
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        answer: dict[str, list[float]] = json.loads(line) if line else {"error": []}
        return answer

    def close(self) -> None:
        """End the worker; its namespaces go with it."""
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
