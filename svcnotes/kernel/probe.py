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
    command = (unshare, *UNSHARE[1:])
    tried = subprocess.run((*command, "true"), check=False, capture_output=True, text=True)  # noqa: S603
    if tried.returncode:
        said = tried.stderr.strip().removeprefix("unshare: ") or f"exit status {tried.returncode}"
        return f"The kernel lab needs user and network namespaces, which are not allowed here ({said})."
    refused = {variant: _refused(command, variant) for variant in restore.VARIANTS}
    if all(refused.values()):
        both = "; ".join(f"{variant}: {why}" for variant, why in refused.items())
        return f"The kernel lab needs iptables and a kernel that takes its nat rules ({both})."
    return ""


@lru_cache(maxsize=1)
def working_variant() -> str:
    """The variant of iptables that works here: legacy, which says the numbers of rules itself, before nft."""
    unshare = shutil.which(UNSHARE[0]) or UNSHARE[0]
    usable = (one for one in restore.VARIANTS if not _refused((unshare, *UNSHARE[1:]), one))
    return next(usable, restore.VARIANTS[0])


def _refused(command: tuple[str, ...], variant: str) -> str:
    """Why a variant of iptables takes no rules in new namespaces; empty where it does."""
    for family in (4, 6):
        program = restore.program(family, variant)
        if not program:
            return f"no {restore.program_name(family, variant)}"
        loaded = subprocess.run(  # noqa: S603
            (*command, program),
            input=_TRIAL,
            check=False,
            capture_output=True,
            text=True,
            env={**os.environ, "XTABLES_LOCKFILE": "/dev/null"},
        )
        if loaded.returncode:
            return " ".join(loaded.stderr.split()) or f"exit status {loaded.returncode}"
    return ""
