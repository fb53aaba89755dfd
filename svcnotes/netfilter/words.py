"""Split a rule into words and quote them again, as iptables does (libxtables/xtables.c, xshared.c)."""

from __future__ import annotations

import re

from svcnotes.errors import RuleError

WORD = re.compile(r'\s*(?:"((?:[^"\\]|\\.)*)"(?=\s|$)|([^\s"]\S*))', re.DOTALL)
PLAIN = re.compile(r"[-_0-9A-Za-z]+", re.ASCII)
GAP = ("", " ", "\t")  # what may stand beside a quote
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
NEEDS_ESCAPE = re.compile(r"([\"\\'])")


def split(line: str) -> list[str]:
    r"""Split a line into words; a word in double quotes may hold blanks, and `\\` escapes in it.

    Raises RuleError for a quote that is not closed.
    """
    if '"' not in line:
        return line.split()
    words: list[str] = []
    if "\\" not in line:
        pieces = line.split('"')
        outside = pieces[::2]
        if (
            len(pieces) % 2
            and all(p[:1] in GAP for p in outside[1:])
            and all(p[-1:] in GAP for p in outside[:-1])
        ):
            for position, piece in enumerate(pieces):
                words += [piece] if position % 2 else piece.split()
            return words
    position, end = 0, len(line.rstrip())
    while position < end:
        found = WORD.match(line, position)
        if found is None:
            raise RuleError(
                f'a double quote at column {position + 1} is not closed: write "..." around the text'
            )
        quoted, plain = found.groups()
        words.append(plain if quoted is None else ESCAPED.sub(r"\1", quoted))
        position = found.end()
    return words


def quote(text: str) -> str:
    r"""Write a text as `iptables-save` does: bare if it is plain, else quoted with `\` escapes."""
    return text if PLAIN.fullmatch(text) else '"' + NEEDS_ESCAPE.sub(r"\\\1", text) + '"'
