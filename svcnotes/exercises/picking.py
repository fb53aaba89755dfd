"""Which of several texts an answer means."""

from __future__ import annotations

import re
from collections.abc import Sequence

SHORTEST = 3
"""How many letters of a text are enough to mean it, where no other begins so."""


def picked(answer: str, texts: Sequence[str]) -> int | None:
    """The index of the text that an answer names: by all of it, a beginning of it, or its number from 1.

    Capital letters, quotes and a stop at the end do not count. None where the answer names none, or several.
    """
    given, plain = _plain(answer), [_plain(text) for text in texts]
    if given in plain:
        return plain.index(given)
    number = int(given) if re.fullmatch(r"[0-9]{1,2}", given) else 0
    if 1 <= number <= len(texts):
        return number - 1
    begun = [index for index, text in enumerate(plain) if text.startswith(given)]
    return begun[0] if len(begun) == 1 and len(given) >= SHORTEST else None


def _plain(text: str) -> str:
    return " ".join(re.sub(r"[“”\"'`]|[.!]+$", "", text.strip().lower()).split())
