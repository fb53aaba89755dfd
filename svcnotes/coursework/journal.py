"""The journal: what is graded already, so that a run can be stopped at any moment and goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import svcnotes
from svcnotes.errors import InputError

FORMAT = "svcnotes coursework journal 1"
_SUM = 32


class Journal:
    """Answers to tasks by the task's key, in a file to which lines are only ever added.

    Each line is a checksum and JSON; a line that a crash cut off, or that was changed, does not count, and its
    task is done anew. `damaged` counts those. Used as a context manager; only one run may write at a time.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._places: dict[str, tuple[int, int]] = {}
        self._file: IO[bytes]
        self.damaged = 0

    def __enter__(self) -> Self:
        """Open and read it; InputError where another run has it, or where it cannot be written."""
        try:
            self._file = self._path.open("a+b")
        except OSError as error:
            raise InputError(f"{self._path}: the journal cannot be written ({error.strerror})") from None
        try:
            self._lock()
            self._read()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it; what was added is in the file already."""
        self._file.close()

    def __contains__(self, key: str) -> bool:
        """Whether a task is done."""
        return key in self._places

    def __getitem__(self, key: str) -> Any:
        """The answer to a task."""
        at, length = self._places[key]
        self._file.seek(at)
        return json.loads(self._file.read(length)[_SUM + 1 :])[1]

    def add(self, key: str, answer: Any) -> None:
        """Add an answer; it is with the operating system when this returns, so that a SIGKILL loses nothing.

        InputError where there is no room.
        """
        line = _line(json.dumps([key, answer], ensure_ascii=False).encode("utf-8"))
        try:
            self._file.seek(0, 2)
            at = self._file.tell()
            self._file.write(line)
            self._file.flush()
        except OSError as error:
            raise InputError(
                f"{self._path}: the journal cannot be written ({error.strerror}). What is in it is kept: make room, "
                "and the same command goes on from there"
            ) from None
        self._places[key] = (at, len(line))

    def _read(self) -> None:
        self._file.seek(0)
        at, last = 0, b"\n"
        for line in self._file:
            sum_, _, body = line.rstrip(b"\n").partition(b" ")
            if line.endswith(b"\n") and sum_ == _sum(body):
                self._places[json.loads(body)[0]] = (at, len(line))
            else:
                self.damaged += 1
            at, last = at + len(line), line[-1:]
        if last != b"\n":
            self._file.write(b"\n")
            self._file.flush()

    def _lock(self) -> None:
        try:
            import fcntl
        except ImportError:  # not on this system: the lecturer keeps order
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise InputError(
                f"{self._path}: another run is writing there. Wait for it, or choose another --out"
            ) from None


def key_of(task: Mapping[str, Any], *more: str) -> str:
    """A task's key: SHA-256 of its content, of the grader's version and of what else its answer depends on."""
    content = json.dumps(task, sort_keys=True, ensure_ascii=True)
    whole = "\0".join([FORMAT, version(), *more, content])
    return hashlib.sha256(whole.encode("utf-8")).hexdigest()


@cache
def version() -> str:
    """The version of what marks: the package's number, and a digest of its modules and data."""
    root = Path(svcnotes.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".yaml", ".json"}:
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return f"{svcnotes.__version__}+{digest.hexdigest()[:16]}"


def _sum(body: bytes) -> bytes:
    return hashlib.sha256(body).hexdigest()[:_SUM].encode("ascii")


def _line(body: bytes) -> bytes:
    return _sum(body) + b" " + body + b"\n"
