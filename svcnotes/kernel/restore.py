"""Load rules with the real iptables-restore, and what they need around them: nfacct objects, an empty conntrack.

Sources: nfnetlink_acct.h, nfnetlink_conntrack.h; iptables-restore(8).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from svcnotes.kernel.netlink import CREATE, REPLACE, Netlink, text

_ACCT_NEW, _CONNTRACK_DELETE, _EXPECT = 7 << 8, 1 << 8 | 2, 2 << 8 | 2
_TABLES = {"raw": ("PREROUTING", "OUTPUT"), "mangle": (), "nat": (), "filter": ()}
_NFACCT = re.compile(r" -m nfacct --nfacct-name +(\S+)")
_RECENT = Path("/proc/thread-self/net/xt_recent")
VARIANTS = ("legacy", "nft")
_PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))


def program_name(family: int, variant: str) -> str:
    """The name of the restore program of an IP family and a variant of iptables."""
    return f"{'iptables' if family == 4 else 'ip6tables'}-{variant}-restore"


def program(family: int, variant: str = VARIANTS[0]) -> str:
    """The path of that program; empty where there is none."""
    return shutil.which(program_name(family, variant), path=_PLACES) or ""


def completed(rules: str) -> str:
    """The text with every table in it (a missing one is emptied) and TRACE first in raw."""
    trace = "".join(f"-I {hook} 1 -j TRACE\n" for hook in _TABLES["raw"])
    for table in _TABLES:
        if not re.search(rf"^\*{table}$", rules, re.MULTILINE):
            rules = rules.rstrip("\n") + f"\n*{table}\nCOMMIT\n"
    head, _, tail = f"\n{rules}".partition("\n*raw\n")
    inside, commit, rest = tail.partition("COMMIT\n")
    return f"{head}\n*raw\n{inside}{trace}{commit}{rest}".lstrip("\n")


def counters(rules: str) -> set[str]:
    """The nfacct objects that a text names."""
    return set(_NFACCT.findall(rules))


def without_counters(rules: str) -> str:
    """The text without its nfacct matches, for a kernel that has none."""
    return _NFACCT.sub("", rules)


def make_counters(names: Iterable[str], net: Netlink) -> bool:
    """Make the nfacct objects in the socket's namespace; False where the kernel has no such thing."""
    try:
        for name in names:
            net.maybe(
                _ACCT_NEW, b"\0\0\0\0" + text(1, name), CREATE | REPLACE, forgive=(errno.EEXIST, errno.EBUSY)
            )
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM):
            return False
        raise
    return True


def start(rules: str, family: int, variant: str) -> subprocess.Popen[str]:
    """Start loading a text in the namespace that the process is in; the caller waits with `finished`."""
    # The lock file of every lab is one that is always there: nothing is left on the disk.
    environment = {"PATH": _PLACES, "XTABLES_LOCKFILE": "/dev/null"}
    process = subprocess.Popen(  # noqa: S603 - a program of the system, found in its own places
        [program(family, variant), "-w", "5"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    if process.stdin is not None:
        process.stdin.write(completed(rules))
        process.stdin.close()
        process.stdin = None
    return process


def finished(process: subprocess.Popen[str]) -> str:
    """Wait for a load; what the program complained about, empty when all is well."""
    _, said = process.communicate(timeout=30)
    return said.strip() or f"exit status {process.returncode}" if process.returncode else ""


def forget_connections(net: Netlink) -> None:
    """Empty conntrack of the socket's namespace."""
    for family in (2, 10):
        net.maybe(_CONNTRACK_DELETE, bytes([family, 0, 0, 0]), 0, forgive=(errno.ENOENT,))


def recent_lists() -> list[str]:
    """The lists of `-m recent` that hold somebody, in the namespace that the process is in."""
    return [path.name for path in sorted(_RECENT.glob("*")) if path.read_text()]


def forget_recent() -> None:
    """Empty the lists of `-m recent` in the namespace that the process is in; OSError where that is not allowed."""
    for path in _RECENT.glob("*"):
        path.write_text("/\n")
