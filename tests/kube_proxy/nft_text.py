"""An nftables table's text, with what is chance in kube-proxy's order put in order."""

from __future__ import annotations

import re
from itertools import chain, groupby

_OF_A_SERVICE = re.compile(r"\t(set|chain) ([a-z]+)-[A-Z2-7]{8}-([^ /]+/[^ /]+/[^ /]+/[^ /]*)[^ ]* \{\n")


def _place(block: str) -> tuple[str, str, bool]:
    """Set or chain, the Service's port it belongs to, and whether to one endpoint of it; empty words for others."""
    found = _OF_A_SERVICE.match(block)
    if found is None:
        return "", "", False
    port, *endpoint = found[3].split("__")
    return found[1], port, bool(endpoint)


def in_stable_order(text: str) -> list[str]:
    """The blocks of the table: Services' blocks sorted by port, those of a port's endpoints by name.

    The order of the kinds of one port's chains stays as it is: it is no chance.
    """
    assert text.endswith("\t}\n}\n")
    out: list[str] = []
    for word, run in groupby(text.removesuffix("\n}\n").split("\n\n"), key=lambda block: _place(block)[0]):
        pieces = [
            (port, sorted(blocks) if of_endpoints else list(blocks))
            for (_, port, of_endpoints), blocks in groupby(run, key=_place)
        ]
        if word:
            pieces.sort(key=lambda piece: piece[0])
        out += chain.from_iterable(blocks for _, blocks in pieces)
    return out
