"""Answers to drawn exercises, found by asking their checks: nobody has them in store."""

import re


def fields_of(case):
    """The lines that an answer has, by their names."""
    return [line.partition(":")[0] for line in case.start.splitlines()]


def solved(case, right=None):
    """An answer with so many right lines (all of them by default), found by trying each word of the question."""
    fields = fields_of(case)
    words = dict.fromkeys(re.findall(r"[\w./-]*\w", case.question))
    lines = []
    for number, field in enumerate(fields):
        if right is not None and number >= right:
            lines.append(f"{field}: 203.0.113.99")
            continue
        lines.append(next(line for word in words if holds(case, number, line := f"{field}: {word}")))
    return "\n".join(lines)


def holds(case, number, line):
    """Whether a line of an answer is right, whatever the others say."""
    fields = fields_of(case)
    verdict = case.check(
        "\n".join(line if one == number else f"{field}: x" for one, field in enumerate(fields))
    )
    return len(verdict.parts) == len(fields) and verdict.parts[number].ok
