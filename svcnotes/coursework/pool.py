"""Who does the tasks: worker processes of this machine, or a Dask cluster's."""

from __future__ import annotations

import importlib
import os
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Protocol

from svcnotes.coursework.task import CATALOGUE
from svcnotes.coursework.workers import Limits, Worker
from svcnotes.errors import InputError, SvcnotesError

Task = Mapping[str, Any]
Made = Callable[[], Task]
"""Makes a task when its turn comes, so that not all notebooks are in memory at once."""


class Pool(Protocol):
    """Does tasks in any order, several at once."""

    def run(self, tasks: Sequence[tuple[str, Made]]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (key, answer) of each (key, task) as it is done; closing the iterator stops what is left."""

    def close(self) -> None:
        """End all workers."""


class LocalPool:
    """Worker processes of this machine, as many as it has processors unless told otherwise."""

    def __init__(self, workers: int = 0, limits: Limits | None = None, catalogue: str = CATALOGUE) -> None:
        self._count = workers or _processors()
        self._limits = limits or Limits()
        self._catalogue = catalogue
        self._workers: list[Worker] = []
        self._idle: list[Worker] = []

    def run(self, tasks: Sequence[tuple[str, Made]]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (key, answer) of each task as it is done."""
        with ThreadPoolExecutor(min(self._count, len(tasks)) or 1) as threads:
            waiting = iter(tasks)
            running: dict[Future[dict[str, Any]], str] = {}
            try:
                while True:
                    # A few more than there are workers: none waits for work, and few notebooks are in memory.
                    while len(running) < 2 * self._count and (following := next(waiting, None)) is not None:
                        running[threads.submit(self._do, following[1])] = following[0]
                    if not running:
                        return
                    for done in wait(running, return_when=FIRST_COMPLETED).done:
                        yield running.pop(done), done.result()
            finally:
                if running:
                    for future in running:
                        future.cancel()
                    for worker in self._workers:
                        worker.stop()

    def close(self) -> None:
        """End the processes."""
        for worker in self._workers:
            worker.close()
        self._workers.clear()
        self._idle.clear()

    def _do(self, made: Made) -> dict[str, Any]:
        try:
            worker = self._idle.pop()
        except IndexError:
            worker = Worker(self._limits, self._catalogue)
            self._workers.append(worker)
        answer = worker.run(made())
        self._idle.append(worker)
        return answer


def _processors() -> int:
    """How many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


_HERE = threading.local()


def do_here(task: Task, limits: Limits, catalogue: str) -> dict[str, Any]:
    """Do a task in a Dask worker: in a process of its own, as on one machine, so that an answer can be cut off."""
    worker: Worker | None = getattr(_HERE, "worker", None)
    if worker is None:
        worker = _HERE.worker = Worker(limits, catalogue)
    return worker.run(task)


class DaskPool:
    """The workers of a Dask cluster, by its scheduler's address (`tcp://10.0.0.1:8786`).

    They need the same version of svcnotes. A task whose worker is lost is done by another, up to `RETRIES` times.
    """

    RETRIES = 5

    def __init__(
        self,
        scheduler: str,
        limits: Limits | None = None,
        catalogue: str = CATALOGUE,
        timeout: float = 20,
    ) -> None:
        try:
            self._dask: Any = importlib.import_module("distributed")
        except ImportError:
            raise SvcnotesError(
                "--scheduler needs Dask, which is not installed: pip install 'svcnotes[dask]'"
            ) from None
        try:
            self._client = self._dask.Client(scheduler, timeout=timeout, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise InputError(f"--scheduler {scheduler}: no Dask scheduler answers there ({error})") from None
        self._limits = limits or Limits()
        self._catalogue = catalogue

    def run(self, tasks: Sequence[tuple[str, Made]]) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (key, answer) of each task as it is done."""
        waiting = iter(tasks)
        running: dict[Any, str] = {}

        def submit() -> Any:
            following = next(waiting, None)
            if following is None:
                return None
            future = self._client.submit(
                do_here,
                following[1](),
                self._limits,
                self._catalogue,
                pure=False,
                retries=self.RETRIES,
            )
            running[future] = following[0]
            return future

        window = max(8, 3 * sum(self._client.nthreads().values()))
        first = [one for _ in range(window) if (one := submit()) is not None]
        futures = self._dask.as_completed(first, loop=self._client.loop)
        try:
            for future in futures:
                try:
                    answer = future.result()
                except self._dask.scheduler.KilledWorker as error:
                    raise SvcnotesError(
                        f"the Dask cluster lost too many workers ({error}). Start it again"
                    ) from None
                key = running.pop(future)
                if (following := submit()) is not None:
                    futures.add(following)
                yield key, answer
        finally:
            if running:
                self._client.cancel(list(running))

    def close(self) -> None:
        """Leave the cluster."""
        self._client.close()
