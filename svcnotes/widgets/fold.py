"""Store once what many answers share, so that a page with all of them stays small."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

SMALL = 48  # letters of JSON: a reference costs about nine


def fold(value: Any) -> tuple[Any, list[Any]]:
    """Replace repeated lists and dicts by `{"$": index}`; give the value and the pieces by index."""
    counts: Counter[str] = Counter()
    _count(value, counts)
    pieces: list[Any] = []
    places: dict[str, int] = {}

    def folded(part: Any, *, top: bool = False) -> Any:
        if not isinstance(part, (list, dict)):
            return part
        key = json.dumps(part, sort_keys=True)
        shared = not top and len(key) >= SMALL and counts[key] > 1
        if shared and key in places:
            return {"$": places[key]}
        inner = (
            [folded(item) for item in part]
            if isinstance(part, list)
            else {name: folded(item) for name, item in part.items()}
        )
        if not shared:
            return inner
        places[key] = len(pieces)
        pieces.append(inner)
        return {"$": places[key]}

    return folded(value, top=True), pieces


def _count(value: Any, counts: Counter[str]) -> None:
    if not isinstance(value, (list, dict)):
        return
    key = json.dumps(value, sort_keys=True)
    counts[key] += 1
    if counts[key] == 1:
        for item in value if isinstance(value, list) else value.values():
            _count(item, counts)
