"""`for`: a loop over words, as one types it to try something several times.

Simplified: one loop, not in another one, and its variable stands for a plain word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from svcnotes.toolbox.shell import LONGEST, ShellError

MOST = 1000
_LOOP = re.compile(
    r"for\s+(?P<name>[A-Za-z_]\w*)\s+in\s+(?P<words>[^;\n]+?)\s*[;\n]\s*do\s+(?P<body>.+?)\s*[;\n]\s*done\b(?P<rest>.*)",
    re.DOTALL,
)
_COUNT = re.compile(r"\$\(\s*seq\s+([0-9 ]+?)\s*\)|`\s*seq\s+([0-9 ]+?)\s*`|\{(\d+)\.\.(\d+)\}")
_PLAIN = re.compile(r"[\w.:/-]+")
_FORM = "write it so: for i in $(seq 12); do COMMAND; done"


@dataclass(frozen=True, slots=True)
class Loop:
    """The command lines to run one after the other, and what stands behind `done`."""

    lines: tuple[str, ...]
    rest: str


def loop(line: str) -> Loop | None:
    """The loop that a command line is, or None. Raises ShellError where it begins as one, and is none."""
    line = line.strip()
    if len(line) > LONGEST or not re.match(r"for\s", line):
        return None
    found = _LOOP.fullmatch(line)
    if found is None:
        raise ShellError(f"bash: this terminal does not take that `for': {_FORM}")
    if re.search(r"(^|[;\n|&]\s*)(for|while|until)\s", found["body"]):
        raise ShellError(f"bash: this terminal does not take a loop in a loop: {_FORM}")
    variable = re.compile(rf"\$(?:\{{{found['name']}\}}|{found['name']}\b)")
    words = _words(found["words"])
    return Loop(tuple(variable.sub(word, found["body"]) for word in words), found["rest"].strip())


def _words(text: str) -> list[str]:
    """The words that a loop goes through: `1 2 3`, `$(seq 12)`, `{1..12}`, hosts and addresses."""
    words: list[str] = []
    for piece in _COUNT.sub(lambda found: f" {_counted(found)} ", text).split():
        if not _PLAIN.fullmatch(piece):
            raise ShellError(f"bash: this terminal does not know `{piece}' in a loop: {_FORM}")
        words.append(piece)
    if len(words) > MOST:
        raise ShellError(f"bash: these are {len(words)} rounds: at most {MOST} are run here")
    return words


def _counted(found: re.Match[str]) -> str:
    """The numbers of `seq LAST`, `seq FIRST LAST`, or `{FIRST..LAST}`."""
    if found[3]:
        first, last = int(found[3]), int(found[4])
    else:
        numbers = [int(one) for one in (found[1] or found[2]).split()]
        if len(numbers) > 2:
            raise ShellError(f"bash: this terminal does not know a seq with a step: {_FORM}")
        first, last = (1, *numbers)[-2:]
    if last - first >= MOST:
        raise ShellError(f"bash: these are {last - first + 1} rounds: at most {MOST} are run here")
    return " ".join(str(number) for number in range(first, last + 1))
