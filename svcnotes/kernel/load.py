"""One text of rules to load on a host, and how a program of the system is given it."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import Protocol

from svcnotes.kernel.netlink import Netlink

PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
# The lock file of every lab is one that is always there: nothing is left on the disk.
_ENVIRONMENT = {"PATH": PLACES, "XTABLES_LOCKFILE": "/dev/null"}


@dataclass(frozen=True)
class Load:
    """A text to load in place of another (empty: of none); `family` and `variant` are of iptables, `net` the host's."""

    before: str
    after: str
    family: int
    variant: str
    net: Netlink


class Loader(Protocol):
    """What loads the rules of one language: a module of this package."""

    LANGUAGE: str

    def start(self, load: Load) -> subprocess.Popen[str]:
        """Start loading in the namespace that the process is in; the caller waits with `finished`."""
        ...

    def refused(self, command: tuple[str, ...], variant: str) -> str:
        """Why it loads nothing in namespaces that `command` makes; empty where it does."""
        ...

    def anew(self, before: str, after: str) -> bool:
        """Whether a load hangs base chains at the hooks anew: then they are asked before older ones of their priority."""
        ...

    def holding(self, rules: str, net: Netlink) -> list[str]:
        """The names of the lists or sets that packets have filled, in the namespace of the socket and the process."""
        ...

    def forget(self, load: Load) -> None:
        """Empty those lists or sets, whose rules are `load.after`."""
        ...


def given(command: list[str], text: str) -> subprocess.Popen[str]:
    """Start a program of the system that reads a text."""
    process = subprocess.Popen(  # noqa: S603 - found in its own places
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=_ENVIRONMENT,
    )
    if process.stdin is not None:
        process.stdin.write(text)
        process.stdin.close()
        process.stdin = None
    return process


def finished(process: subprocess.Popen[str]) -> str:
    """Wait for a load; what the program complained about, empty when all is well."""
    _, said = process.communicate(timeout=30)
    return said.strip() or f"exit status {process.returncode}" if process.returncode else ""


def tried(command: tuple[str, ...], text: str) -> str:
    """Have a program read a text; what it complained about, empty when all is well."""
    done = subprocess.run(  # noqa: S603 - found in its own places
        command, input=text, check=False, capture_output=True, text=True, env={**os.environ, **_ENVIRONMENT}
    )
    return (" ".join(done.stderr.split()) or f"exit status {done.returncode}") if done.returncode else ""
