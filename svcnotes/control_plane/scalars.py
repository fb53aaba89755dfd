"""Read a plain YAML scalar as kubectl does (sigs.k8s.io/yaml, go-yaml v2: YAML 1.1 with exceptions).

`y`, `on` and `No` are booleans, `030080` and `072600` are octal, `30_080` and `3.008e4` are numbers;
`1:30` is text (no base 60), and so is `2026-11-22` (no dates).
"""

from __future__ import annotations

import math
import re

_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
}
_INTEGER = re.compile(
    r"(?P<sign>[-+]?)(?:0[xX](?P<hex>[0-9a-fA-F]+)|0[bB](?P<bin>[01]+)|0[oO]?(?P<oct>[0-7]+)|(?P<dec>0|[1-9][0-9]*))"
)
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_BASES = {"hex": 16, "bin": 2, "oct": 8, "dec": 10}
_JSON_INTEGER_LIMIT = 1e21  # Go's encoding/json writes a float below it without an exponent


def plain_scalar(text: str) -> str | int | float | bool | None:
    """Read an unquoted scalar: a boolean, None, a number, or else the text itself.

    A float without a fraction comes back as an int, as it does through kubectl's JSON. Source:
    go-yaml v2 resolve.go.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in "+-.0123456789":
        return text
    digits = text if text[0] == "." else text.replace("_", "")
    match = _INTEGER.fullmatch(digits)
    if match:
        kind = match.lastgroup or "dec"
        value = int(match[kind], _BASES[kind]) if len(digits) < 80 else None
        if value is not None and -(2**63) <= (number := -value if match["sign"] == "-" else value) < 2**64:
            return number
    if _FLOAT.fullmatch(digits):
        number_ = float(digits)
        if number_.is_integer() and abs(number_) < _JSON_INTEGER_LIMIT:
            return int(number_)
        return number_ if math.isfinite(number_) else text
    return text
