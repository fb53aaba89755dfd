"""Whether this machine can be a kernel lab; if not, why, in one sentence."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import lru_cache

from svcnotes.kernel import restore

UNSHARE = ("unshare", "--user", "--map-root-user", "--net")
_TRIAL = "*nat\n-A POSTROUTING -m mark --mark 0x4000/0x4000 -j MASQUERADE\nCOMMIT\n"


@lru_cache(maxsize=1)
def available() -> str:
    """Say why there is no kernel lab here, in one sentence; empty where there is one.

    Asked once a process: it makes a user and a network namespace, loads one rule there, and lets them go.
    """
    if not sys.platform.startswith("linux"):
        return f"The kernel lab needs Linux; this is {sys.platform}."
    unshare = shutil.which(UNSHARE[0])
    if not unshare:
        return "The kernel lab needs the program unshare (package util-linux)."
    for family in (4, 6):
        if not restore.program(family):
            wanted = "iptables-legacy-restore" if family == 4 else "ip6tables-legacy-restore"
            return f"The kernel lab needs the program {wanted} (package iptables)."
    command = (unshare, *UNSHARE[1:])
    tried = subprocess.run((*command, "true"), check=False, capture_output=True, text=True)  # noqa: S603
    if tried.returncode:
        said = tried.stderr.strip().removeprefix("unshare: ") or f"exit status {tried.returncode}"
        return f"The kernel lab needs user and network namespaces, which are not allowed here ({said})."
    loaded = subprocess.run(  # noqa: S603
        (*command, restore.program(4)),
        input=_TRIAL,
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "XTABLES_LOCKFILE": "/dev/null"},
    )
    if loaded.returncode:
        said = " ".join(loaded.stderr.split()) or f"exit status {loaded.returncode}"
        return (
            f"The kernel lab needs a kernel with iptables' nat table, and this one refuses a rule ({said})."
        )
    return ""
