"""Tables as kubectl lays them out: columns as wide as their longest cell and three blanks."""

from __future__ import annotations

from collections.abc import Sequence

_PADDING = 3
_NARROWEST = 6  # a column's width, blanks included, is never less


def printable(text: str) -> str:
    r"""A cell that cannot steer a terminal: cut at a line's end, control characters made visible.

    As kubectl does it (ESC becomes `^[`), and the other control characters likewise (`\x07`).
    """
    for end in range(len(text)):
        if text[end] in "\f\n\r":
            return printable(text[:end]) + "..."
    if text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(char: str) -> str:
    if char == "\x1b":
        return "^["
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The text of a table, one line a row, the header first; every row is as long as the header."""
    lines = [[printable(cell) for cell in row] for row in (header, *rows)]
    widths = [
        max(_NARROWEST, *(len(line[column]) + _PADDING for line in lines))
        for column in range(len(header) - 1)
    ]
    return "".join(
        "".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)) + line[-1] + "\n"
        for line in lines
    )
