"""A text that is one JSON object, read at the speed of the JSON decoder.

JSON is YAML, and `kubectl get -o json` writes it: read as YAML a dump takes several times as long. Whatever is not
plainly the same in both languages is left to the reader of YAML, whose errors name line and column.
"""

from __future__ import annotations

import json
import re
from typing import Any

MAX_DEPTH = 100
LONGEST_NUMBER = 18
"""In characters: what is longer may not fit into the 64 bits that kubectl keeps a whole number in."""
_DECIMAL = re.compile(r"-?\d+\.\d+", re.ASCII)
_SURROGATE = re.compile(r"\\u[dD]")


def json_document(text: str) -> tuple[Any, int] | None:
    """The value of a text that is one JSON object, and the line where it begins; None for any other text.

    Also None for what YAML reads otherwise or refuses: numbers with an exponent or of many digits, NaN, escaped surrogates, objects
    nested deeper than MAX_DEPTH.
    """
    begins = len(text) - len(text.lstrip(" \t\r\n"))
    if text[begins : begins + 1] != "{" or _SURROGATE.search(text):
        return None
    try:
        value = _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None
    nested = text.count("{") + text.count("[")  # at most: some may stand in words
    return None if nested > MAX_DEPTH and _deep(value) else (value, text.count("\n", 0, begins) + 1)


def _whole(word: str) -> int:
    if len(word) > LONGEST_NUMBER:
        raise ValueError(word)
    return int(word)


def _decimal(word: str) -> float:
    if _DECIMAL.fullmatch(word) is None:
        raise ValueError(word)
    return float(word)


def _refused(word: str) -> Any:
    raise ValueError(word)


_DECODER = json.JSONDecoder(parse_int=_whole, parse_float=_decimal, parse_constant=_refused)


def _deep(value: Any) -> bool:
    """Whether containers stand in one another more than MAX_DEPTH times."""
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True
