"""Several questions about one case, answered line by line: each line is worth its points."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from svcnotes.exercises.exercise import Exercise, wrong
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.verdict import Part, Verdict

_LINE = re.compile(r"[-* ]*([A-Za-z0-9][A-Za-z0-9 ._-]{0,40}?) *[:=] *(.*)")


def several(
    name: str,
    question: str,
    fields: Mapping[str, Exercise],
    hints: tuple[str, ...] = (),
    *,
    points: Mapping[str, int] | None = None,
) -> Exercise:
    """Ask several exercises at once; an answer has a line `FIELD: ANSWER` for each of them.

    Each is worth its `points`, one where nothing is said, when all of it is right. The Verdict tells of the first
    wrong line, before that of one whose misconception is recognised. A line left open counts as wrong.
    """
    lines = [f"{key}: {one.question}{_words(one)}" for key, one in fields.items()]
    worth = {key: (points or {}).get(key, 1) for key in fields}

    def judge(answer: str) -> Verdict:
        given = read_lines(answer, tuple(fields))
        if not given:
            return wrong(explanation=f"An answer has a line for each of these: {', '.join(fields)}.")
        found = {key: one.check(given.get(key, "")) for key, one in fields.items()}
        parts = tuple(
            Part(f"{key}: {given.get(key) or 'no answer'}"[:80], verdict.ok, worth[key])
            for key, verdict in found.items()
        )
        failed = [(key, verdict) for key, verdict in found.items() if not verdict.ok]
        if not failed:
            said = "\n".join(f"{key}: {verdict.explanation}" for key, verdict in found.items())
            rule = next((verdict.rule for verdict in found.values() if verdict.rule), "")
            return Verdict(parts, explanation=said, rule=rule)
        key, told = next((one for one in failed if one[1].misconception), failed[0])
        return replace(told, parts=parts, explanation=f"{key}: {told.explanation}", hint="")

    first = next(iter(fields.values()))
    return Exercise(
        name,
        "\n".join([question, *lines]),
        judge,
        hints,
        start="\n".join(f"{key}: ???" for key in fields),
        ask=first.ask,
        piecewise=True,
    )


def _words(one: Exercise) -> str:
    """What may be answered, where that is given."""
    return f" ({' / '.join(one.choices)})" if one.choices else ""


def in_any_order(draw: Draw, fields: Sequence[Exercise]) -> dict[str, Exercise]:
    """The exercises as fields `line 1`, `line 2`, ..., in a drawn order: what is right in one draw is not in another."""
    order = draw.order("lines", range(len(fields)))
    return {f"line {number}": fields[index] for number, index in enumerate(order, 1)}


def read_lines(answer: str, keys: tuple[str, ...]) -> dict[str, str]:
    """The lines of an answer by their fields; lines without any are taken in order, where there is one for each."""
    lines = [line.strip() for line in answer.splitlines() if line.strip()]
    named = {key.lower(): key for key in keys}
    found = {}
    for line in lines:
        match = _LINE.fullmatch(line)
        if match and match[1].lower() in named:
            found[named[match[1].lower()]] = match[2].strip().strip("?")
    if not found and len(lines) == len(keys):
        return dict(zip(keys, lines, strict=True))
    return found
