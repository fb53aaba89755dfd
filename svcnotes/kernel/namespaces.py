"""Network namespaces without a name: held by a file descriptor, gone when it is closed.

Sources: namespaces(7), setns(2), prctl(2). Only a process with one thread may move between them.
"""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
NEWNET = 0x40000000
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")


def die_with_parent() -> None:
    """Have the kernel kill this process when the one that started it ends."""
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")


class Namespace:
    """One network namespace; nothing but `fd` and the sockets made inside holds it."""

    def __init__(self) -> None:
        home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _checked(_libc.unshare(NEWNET), "unshare")
            self.fd = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        finally:
            _checked(_libc.setns(home, NEWNET), "setns")
            os.close(home)

    def run(self, work: Callable[[], T]) -> T:
        """Do some work inside and come back."""
        home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        _checked(_libc.setns(self.fd, NEWNET), "setns")
        try:
            return work()
        finally:
            _checked(_libc.setns(home, NEWNET), "setns")
            os.close(home)

    def close(self) -> None:
        """Let go of it."""
        os.close(self.fd)
