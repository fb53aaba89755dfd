"""Change a rules text as `iptables -N`, `-A`, `-I`, `-P` and `-F` change the kernel's tables.

What is put in is written for iptables, as CNIs and firewalls do, also where the text has tables of nftables.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from svcnotes.netfilter.languages import nft_rules
from svcnotes.netfilter.save import BASE_CHAINS


def with_rules(
    text: str, table: str, rules: Sequence[str], *, chains: Sequence[str] = (), first: bool = False
) -> str:
    """Put rules (`-A CHAIN ...`) into a table, each behind the others of its chain, or `first` of them.

    `chains` are new chains of the table; a table that is not there is begun.
    """
    text, start, end = _table(text, table)
    if chains:
        block = "".join(f":{chain} -\n" for chain in chains)
        rule = text.find("\n-A ", start, end)
        text = _put(text, end if rule < 0 else rule + 1, block)
        end += len(block)
    own = set(chains)
    for chain, group in groupby(rules, key=_chain_of):
        if chain in own:  # nothing stands there yet: all such rules go to the table's end at once
            continue
        block = "".join(f"{rule}\n" for rule in group)
        opening = f"\n-A {chain} "
        if first:
            found = text.find(opening, start, end)
            place = end if found < 0 else found + 1
        else:
            found = text.rfind(opening, start, end)
            place = end if found < 0 else text.index("\n", found + 1) + 1
        text = _put(text, place, block)
        end += len(block)
    return _put(text, end, "".join(f"{rule}\n" for rule in rules if _chain_of(rule) in own)) if own else text


def _chain_of(rule: str) -> str:
    return rule.split(maxsplit=2)[1]


def with_policy(text: str, table: str, hook: str, policy: str) -> str:
    """Give a base chain another policy, ACCEPT or DROP: `iptables -t TABLE -P HOOK POLICY`."""
    text, start, end = _table(text, table)
    lines = text[start:end].split("\n")
    changed = [f":{hook} {policy}" if line.startswith(f":{hook} ") else line for line in lines]
    return text[:start] + "\n".join(changed) + text[end:]


def flushed(text: str, table: str) -> str:
    """Take every rule out of a table and leave its chains: `iptables -t TABLE -F`, and `nft flush table`."""
    text = _without_lines(text, {number for number, _ in nft_rules(text)})
    if f"*{table}\n" not in text:
        return text
    text, start, end = _table(text, table)
    kept = [line for line in text[start:end].split("\n") if not line.startswith("-A ")]
    return text[:start] + "\n".join(kept) + text[end:]


def without(text: str, fragment: str) -> str:
    """Leave out the rules, of all tables, whose line contains a text."""
    text = _without_lines(text, {number for number, rule in nft_rules(text) if fragment in rule})
    lines = text.splitlines(keepends=True)
    return "".join(line for line in lines if not (line.startswith("-A ") and fragment in line))


def _without_lines(text: str, numbers: set[int]) -> str:
    if not numbers:
        return text
    lines = text.splitlines(keepends=True)
    return "".join(line for number, line in enumerate(lines, 1) if number not in numbers)


def _table(text: str, table: str) -> tuple[str, int, int]:
    """The text with the table in it, and where the table begins and where its COMMIT stands."""
    head = f"*{table}\n"
    start = 0 if text.startswith(head) else text.find(f"\n{head}") + 1
    if not start and not text.startswith(head):
        start = len(text)
        text += head + "".join(f":{hook} ACCEPT\n" for hook in BASE_CHAINS[table]) + "COMMIT\n"
    return text, start, text.index("\nCOMMIT", start) + 1


def _put(text: str, place: int, block: str) -> str:
    return text[:place] + block + text[place:]
