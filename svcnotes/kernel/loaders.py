"""The loaders of the kernel lab, each for the rules of one language, in the order in which they load.

Of two chains of one priority the kernel asks the one first that was made last (nf_hook_entries_grow), and the
simulation those of `iptables-save` (`netfilter.languages.Joined`): so those are loaded last.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from svcnotes.kernel import nft, restore
from svcnotes.kernel.load import Loader

LOADERS: dict[str, Loader] = {one.LANGUAGE: one for one in (nft, restore)}


def lacking(languages: Iterable[str]) -> str:
    """Say which of these languages nothing here loads; empty where there is a loader for each."""
    unknown = [one for one in languages if one not in LOADERS]
    return f"simulated only, nothing here loads what {' and '.join(unknown)} would print" if unknown else ""


def variant(languages: Collection[str], otherwise: str) -> str:
    """The variant of iptables for a host with rules in these languages.

    Beside nftables' own tables it is the one that writes nf_tables too: one ear hears both, in the kernel's order.
    """
    return restore.VARIANTS[1] if nft.LANGUAGE in languages else otherwise
