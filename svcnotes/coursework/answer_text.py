"""The cell that holds an answer: its first line `%%answer EXERCISE`, and the text below."""

from __future__ import annotations

import re
from dataclasses import dataclass

MAGIC = "%%answer"
UNANSWERED = "???"
SEATED = "Your cases are those of {student} in {course}."
"""What `%student` answers."""
HINTS = "--hint"
MAX_HINTS = 9
_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_LONGEST_LINE = 200


@dataclass(frozen=True, slots=True)
class AnswerText:
    """What stands in an answer cell: the exercise's id, the text, how many hints were asked for.

    `strange` are the words of the first line that mean nothing here; they change nothing.
    """

    exercise: str
    text: str
    hints: int = 0
    strange: str = ""


def read_answer(source: str) -> AnswerText | None:
    """Read a cell's source; None where its first line with words is not `%%answer EXERCISE`.

    Blank lines before it, the blank lines that begin the answer, and whitespace at its end do not matter.
    """
    lines = _flush(source.replace("\r\n", "\n").replace("\r", "\n")).split("\n", 1)
    head = lines[0].strip()
    if not head.startswith(MAGIC) or len(head) > _LONGEST_LINE:
        return None
    words = head[len(MAGIC) :].split()
    if not words or not head[len(MAGIC)].isspace() or not _ID.fullmatch(words[0]):
        return None
    hints, strange = _options(words[1:])
    return AnswerText(words[0], tidy(lines[1] if len(lines) > 1 else ""), hints, strange)


def _flush(source: str) -> str:
    """A cell without the blank lines that begin it, and without its first line's indentation, as IPython takes it."""
    found = re.sub(r"\A(?:[ \t]*\n)+", "", source)
    indent = found[: len(found) - len(found.lstrip(" \t"))]
    return "\n".join(line.removeprefix(indent) for line in found.split("\n")) if indent else found


def tidy(text: str) -> str:
    """An answer as it is judged: one kind of line end, no blank lines before, no whitespace after."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").rstrip()
    return re.sub(r"\A(?:[ \t]*\n)+", "", text)


def unanswered(text: str, start: str = "") -> bool:
    """Whether an answer is still as the exercise gave it: empty, question marks, or its start untouched."""
    return not text.strip(" .…_?\t\n") or (bool(start.strip()) and tidy(text) == tidy(start))


def _options(words: list[str]) -> tuple[int, str]:
    """The level after --hint, and the words that were not understood."""
    hints, strange = 0, []
    while words:
        word, *words = words
        given = word.removeprefix(f"{HINTS}=") if word.startswith(f"{HINTS}=") else ""
        if word == HINTS and words:
            given, *words = words
        if re.fullmatch(r"[0-9]", given):
            hints = max(hints, int(given))
        else:
            strange.append(f"{word} {given}".strip() if word == HINTS else word)
    return hints, " ".join(strange)
