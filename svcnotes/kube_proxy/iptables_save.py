"""How `iptables-save` prints a table: its built-in chains as hooked, the others by name, then their rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def table(name: str, hooks: Iterable[str], jumps: str, chains: Mapping[str, str]) -> str:
    """Write one table. `jumps` are the rules of its built-in chains, `chains` the text of each other one's rules."""
    ordered = sorted(chains.items())
    return "".join(
        [
            f"*{name}\n",
            *[f":{hook} ACCEPT\n" for hook in hooks],
            *[f":{chain} -\n" for chain, _ in ordered],
            jumps,
            *[text for _, text in ordered],
            "COMMIT\n",
        ]
    )
