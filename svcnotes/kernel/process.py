"""Start the worker in namespaces of its own, and talk to it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from svcnotes.errors import SvcnotesError
from svcnotes.kernel.probe import UNSHARE, available, working_variant


class KernelError(SvcnotesError):
    """The kernel lab is not available here, or the kernel refused what it was told."""


class WorkerEndedError(KernelError):
    """The worker is gone: killed, or out of memory."""

    def __init__(self) -> None:
        super().__init__("the kernel lab's worker has ended; make another lab")


class Worker:
    """The worker process; it ends with this one, whatever way this one ends."""

    def __init__(self, variant: str = "") -> None:
        why = available()
        if why:
            raise KernelError(f"{why} Ask the simulation (engine=simulated), which needs none of it.")
        root = str(Path(__file__).parent.parent.parent)
        path = os.pathsep.join(p for p in (root, os.environ.get("PYTHONPATH", "")) if p)
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            (
                shutil.which(UNSHARE[0]) or UNSHARE[0],
                *UNSHARE[1:],
                sys.executable,
                "-m",
                "svcnotes.kernel.worker",
                str(Path("/proc/self/ns/net").readlink()),
                variant or working_variant(),
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
            start_new_session=True,  # an interrupt of the notebook is none of the worker's
        )
        try:
            self._heard()
        except KernelError:
            self.close()
            raise

    @property
    def pid(self) -> int:
        """The worker's process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.poll() is None

    def order(self, what: str, **arguments: Any) -> Any:
        """Have the worker do something; raises KernelError with what the kernel said, or that the worker is gone."""
        if self._process.stdin is None:
            raise KernelError("the kernel lab is closed; make another")
        try:
            self._process.stdin.write(json.dumps({"do": what, **arguments}) + "\n")
            self._process.stdin.flush()
        except (BrokenPipeError, ValueError):
            raise WorkerEndedError from None
        return self._heard()

    def _heard(self) -> Any:
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise WorkerEndedError
        answer = json.loads(line)
        if "error" in answer:
            raise KernelError(f"kernel lab: {answer['error']}")
        return answer["ok"]

    def close(self) -> None:
        """End the worker; its namespaces go with it."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # an order that nobody will read
                    pipe.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
