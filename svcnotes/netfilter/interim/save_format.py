"""The text of `iptables-save`: words of a line, and a line of words, as inverses."""

from __future__ import annotations

import re

from svcnotes.errors import RuleError

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_NEEDS_QUOTES = re.compile(r"[^A-Za-z0-9_-]")
# iptables-save prints this option with two blanks behind it (libxt_nfacct's own habit).
_DOUBLE_BLANK = {"--nfacct-name"}


def words(line: str) -> tuple[str, ...]:
    """Split a rule line into its words, quotes taken away; raises RuleError for an open quote."""
    found = []
    for match in _WORD.finditer(line):
        quoted, plain = match.groups()
        if quoted is not None:
            found.append(re.sub(r"\\(.)", r"\1", quoted))
        elif plain.startswith('"'):
            raise RuleError(f"a quote is opened and never closed: {line.strip()}", text=line)
        else:
            found.append(plain)
    return tuple(found)


def line(parts: tuple[str, ...]) -> str:
    """Write words as one line, quoted where iptables-save quotes: the inverse of `words`."""
    pieces = []
    for index, part in enumerate(parts):
        pieces.append(_quote(part, parts[index - 1] if index else ""))
        if part in _DOUBLE_BLANK:
            pieces.append("")
    return " ".join(pieces)


def _quote(word: str, before: str) -> str:
    # A comment is quoted when it holds anything but plain characters (xtables' xtables_save_string).
    if (
        word
        and not (before == "--comment" and _NEEDS_QUOTES.search(word))
        and not re.search(r'[\s"\\]', word)
    ):
        return word
    return '"' + re.sub(r'(["\\])', r"\\\1", word) + '"'
