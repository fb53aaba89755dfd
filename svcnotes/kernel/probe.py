"""Whether this machine can be a kernel lab; if not, why, in one sentence."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import lru_cache

from svcnotes.kernel import loaders, restore

UNSHARE = ("unshare", "--user", "--map-root-user", "--net")


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
    refused = {variant: restore.refused(command, variant) for variant in restore.VARIANTS}
    if all(refused.values()):
        both = "; ".join(f"{variant}: {why}" for variant, why in refused.items())
        return f"The kernel lab needs iptables and a kernel that takes its nat rules ({both})."
    return ""


@lru_cache(maxsize=1)
def working_variant() -> str:
    """The variant of iptables that works here: legacy, which says the numbers of rules itself, before nft."""
    usable = (one for one in restore.VARIANTS if not restore.refused(_command(), one))
    return next(usable, restore.VARIANTS[0])


@lru_cache(maxsize=8)
def unloadable(languages: frozenset[str]) -> str:
    """Say why the rules of one of these languages cannot be loaded here, in one sentence; empty where all can."""
    for language in sorted(languages):
        why = loaders.LOADERS[language].refused(_command(), loaders.variant(languages, working_variant()))
        if why:
            return f"The kernel lab cannot load what {language} prints ({why})."
    return ""


def _command() -> tuple[str, ...]:
    return (shutil.which(UNSHARE[0]) or UNSHARE[0], *UNSHARE[1:])
