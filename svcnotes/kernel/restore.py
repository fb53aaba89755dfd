"""Load rules with the real iptables-restore, and what they need around them: nfacct objects, an empty conntrack.

Sources: nfnetlink_acct.h, nfnetlink_conntrack.h; iptables-restore(8).
"""

from __future__ import annotations

import errno
import re
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from svcnotes.kernel.load import PLACES, Load, finished, given, tried
from svcnotes.kernel.netlink import CREATE, REPLACE, Netlink, text

_ACCT_NEW, _CONNTRACK_DELETE, _EXPECT = 7 << 8, 1 << 8 | 2, 2 << 8 | 2
_TABLES = {"raw": ("PREROUTING", "OUTPUT"), "mangle": (), "nat": (), "filter": ()}
_NFACCT = re.compile(r" -m nfacct --nfacct-name +(\S+)")
LANGUAGE = "iptables-save"
_LISTS = "-m recent"
_TRIAL = "*nat\n-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE\nCOMMIT\n"
_RECENT = Path("/proc/thread-self/net/xt_recent")
VARIANTS = ("legacy", "nft")


def program_name(family: int, variant: str) -> str:
    """The name of the restore program of an IP family and a variant of iptables."""
    return f"{'iptables' if family == 4 else 'ip6tables'}-{variant}-restore"


def program(family: int, variant: str = VARIANTS[0]) -> str:
    """The path of that program; empty where there is none."""
    return shutil.which(program_name(family, variant), path=PLACES) or ""


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


def start(load: Load) -> subprocess.Popen[str]:
    """Start loading a text in the namespace that the process is in; the caller waits with `load.finished`."""
    return given(
        [program(load.family, load.variant), "-w", "5"], completed(_understood(load.after, load.net))
    )


def refused(command: tuple[str, ...], variant: str) -> str:
    """Why a variant of iptables takes no rules in namespaces that `command` makes; empty where it does."""
    for family in (4, 6):
        found = program(family, variant)
        if not found:
            return f"no {program_name(family, variant)}"
        if why := tried((*command, found), _TRIAL):
            return why
    return ""


def anew(before: str, after: str) -> bool:
    """Whether a load hangs base chains at the hooks anew: always, though legacy tables stay where they are."""
    del before, after
    return True


def _understood(rules: str, net: Netlink) -> str:
    """The text as this kernel takes it: without nfacct matches where it has no such objects."""
    names = counters(rules)
    return rules if make_counters(names, net) else without_counters(rules)


def forget_connections(net: Netlink) -> None:
    """Empty conntrack of the socket's namespace."""
    for family in (2, 10):
        net.maybe(_CONNTRACK_DELETE, bytes([family, 0, 0, 0]), 0, forgive=(errno.ENOENT,))


def holding(rules: str, net: Netlink) -> list[str]:
    """The lists of `-m recent` that hold somebody, in the namespace that the process is in."""
    del net
    return [path.name for path in sorted(_RECENT.glob("*")) if path.read_text()] if _LISTS in rules else []


def forget(load: Load) -> None:
    """Empty the lists of `-m recent` in the namespace that the process is in.

    Where only the machine's root may write them, load the rules anew, which makes new ones. Raises OSError.
    """
    if _LISTS not in load.after:
        return
    try:
        for path in _RECENT.glob("*"):
            path.write_text("/\n")
    except OSError:
        for text in ("", load.after):
            if said := finished(start(replace(load, after=text))):
                raise OSError(said) from None
