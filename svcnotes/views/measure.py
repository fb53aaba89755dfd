"""How wide words will be, on the safe side: pictures are laid out where no browser is.

Widths are those of DejaVu Sans and DejaVu Sans Mono, wider than most fonts that a reader may have.
"""

from __future__ import annotations

SIZE, MONO_SIZE = 13.0, 12.0  # pixels
MONO = 0.605 * MONO_SIZE  # a letter of the fixed-width type
GLYPH = 1.35 * SIZE  # a mark and the blank behind it
MONO_GLYPH = 2 * MONO  # the same in fixed-width type
# Ems of letters that are not as wide as most; a capital is 0.70, any other 0.64.
_EMS = {
    0.29: "ijl'",
    0.34: " .,:;|/!I",
    0.37: "-f()[]",
    0.41: "tr",
    0.55: "scz",
    0.61: "aeovxky",
    0.82: "w",
    1.0: "mMWQ%@—…✓✕",
}
_EM = {letter: ems for ems, letters in _EMS.items() for letter in letters}
_BOLD = 1.13


def mono(text: str) -> float:
    """Give the width of a text in fixed-width type, in pixels."""
    return len(text) * MONO


def sans(text: str, *, bold: bool = False) -> float:
    """Give the width of a text in the picture's type, in pixels."""
    ems = sum(_EM.get(letter, 0.70 if letter.isupper() else 0.64) for letter in text)
    return ems * SIZE * (_BOLD if bold else 1.0)


def fit(text: str, room: float, *, bold: bool = False, fixed: bool = False) -> str:
    """Shorten a text to a room in pixels by leaving out its middle: names differ at both ends."""

    def width(words: str) -> float:
        return mono(words) if fixed else sans(words, bold=bold)

    room += 0.01  # sums of widths differ in their last digits
    if width(text) <= room:
        return text
    for kept in range(len(text) - 1, 2, -1):
        head = (kept + 1) // 2
        short = f"{text[:head]}…{text[len(text) - (kept - head) :]}"
        if width(short) <= room:
            return short
    return "…"
