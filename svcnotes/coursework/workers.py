"""A worker process seen from outside: it is given tasks, watched, and replaced when it overruns or ends."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import svcnotes
from svcnotes.coursework.task import CATALOGUE
from svcnotes.errors import SvcnotesError

TRIES = 2
"""How often a step is tried that ended its worker: the first end may have had another cause (a full machine)."""
START_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Limits:
    """What one answer may take: seconds by the clock, and the memory of the process that judges, in megabytes."""

    seconds: float = 20.0
    megabytes: int = 2_000


class Worker:
    """One worker process at a time; `run` starts it, and starts another in its place when it ended.

    Not for several threads at once, but for `stop`.
    """

    def __init__(self, limits: Limits, catalogue: str = CATALOGUE) -> None:
        self._limits = limits
        self._catalogue = catalogue
        self._process: subprocess.Popen[str] | None = None
        self._deadline = float("inf")
        self._overran = False
        self._closed = False
        self._errors: Any = None
        self._watch = threading.Thread(target=self._watched, daemon=True)
        self._watch.start()

    def run(self, task: Mapping[str, Any]) -> dict[str, Any]:
        """Do a task. A step that ends the worker twice is left out, and the answer says so.

        After one that took too long twice, the task's others are not tried twice: it is the student's answers, not the machine.

        Raises SvcnotesError where no worker can be started, or where `close` was called.
        """
        asked: dict[str, Any] = {**task, "skip": [], "known": {}}
        ended: dict[str, int] = {}
        slow = False
        while True:
            last = ""
            for said in self._lines(asked):
                if "done" in said:
                    done: dict[str, Any] = said["done"]
                    return done
                if "kept" in said:
                    name, mark = said["kept"]
                    asked["known"][name] = mark
                else:
                    last = said["step"]
            overran, why = self._overran, self._why_ended()
            ended[last] = ended.get(last, 0) + 1
            if ended[last] >= (1 if overran and slow else TRIES):
                slow = slow or overran
                if not last:
                    raise SvcnotesError(f"a worker ended before its first step ({why})")
                asked["skip"].append([last, why])

    def stop(self) -> None:
        """End the process at once, from any thread; `run` then raises SvcnotesError."""
        self._closed = True
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """Stop, and tidy up; `run` must not be running any more."""
        self.stop()
        self._end()

    def _lines(self, task: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
        """What the worker says to a task, until it is done or ends."""
        process = self._running()
        if process.stdin is None or process.stdout is None:
            raise SvcnotesError("a worker has no pipes")
        self._overran = False
        self._deadline = time.monotonic() + self._limits.seconds
        try:
            process.stdin.write(json.dumps(task) + "\n")
            process.stdin.flush()
            for line in process.stdout:
                self._deadline = time.monotonic() + self._limits.seconds
                try:
                    said = json.loads(line)
                except ValueError:  # cut off as the process ended
                    break
                yield said
                if "done" in said:
                    return
        except OSError:
            pass  # the pipe broke as the process ended
        finally:
            self._deadline = float("inf")

    def _running(self) -> subprocess.Popen[str]:
        if self._closed:
            raise SvcnotesError("grading was stopped")
        if self._process is not None and self._process.poll() is None:
            return self._process
        self._end()
        return self._started()

    def _started(self) -> subprocess.Popen[str]:
        """Start a process and wait until it is ready; `-P` keeps what lies in the working folder from being imported."""
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by _end
        root = str(Path(svcnotes.__file__).parent.parent)
        paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        process = subprocess.Popen(  # noqa: S603 - our own module
            [
                sys.executable,
                "-P",
                "-m",
                "svcnotes.coursework.worker",
                str(self._limits.seconds),
                str(self._limits.megabytes),
                self._catalogue,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for the parent, which ends its workers in its own order
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONHASHSEED": "0"},
        )
        self._process = process
        if self._closed:  # stopped while it was being started
            process.kill()
        self._deadline = time.monotonic() + START_SECONDS
        first = process.stdout.readline() if process.stdout else ""
        self._deadline = float("inf")
        if first.strip() != '{"ready": true}':
            process.kill()
            process.wait()
            said = self._said()
            self._end()
            raise SvcnotesError(
                "grading was stopped" if self._closed else f"a worker could not be started: {said}"
            )
        return process

    def _said(self) -> str:
        """The last lines that the process wrote to its standard error."""
        self._errors.seek(0)
        text = self._errors.read().decode("utf-8", "replace").strip()
        return " / ".join(text.splitlines()[-3:]) or "it said nothing"

    def _why_ended(self) -> str:
        """In words, why the process ended; it is replaced at the next task."""
        if self._closed:
            raise SvcnotesError("grading was stopped")
        overran = self._overran
        self._end()
        return (
            f"took longer than {self._limits.seconds:g} s" if overran else "ended the process that judged it"
        )

    def _watched(self) -> None:
        """Kill the process when its step takes too long."""
        while not self._closed:
            time.sleep(0.05)
            process = self._process
            if process is not None and time.monotonic() > self._deadline:
                self._overran = True
                self._deadline = float("inf")
                process.kill()

    def _end(self) -> None:
        process = self._process
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, self._errors):
            if pipe is not None:
                with contextlib.suppress(OSError, ValueError):
                    pipe.close()
        self._process = None
