"""Right, wrong and half right answers to the coursework's exercises, for tests and benchmarks.

    right(exercise_id, exercise) -> str
    wrong(exercise_id, exercise) -> {name: answer}     none of these earns all points
    partial(exercise_id, exercise) -> {name: answer}   each earns some points, and not all

Answers to questions are found by trying what could be answered against the judge; manifests and rules are written
for the case as drawn (`tools/answers_written.py`).
"""

# ruff: noqa: INP001 - a tool, no package

from __future__ import annotations

import re
import sys
from collections.abc import Collection, Iterator
from fractions import Fraction
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]

import answers_written as written  # noqa: E402 - tools are no package

from svcnotes.exercises.personal import Personal  # noqa: E402

_OPEN = re.compile(r"^(.+): \?\?\?$", re.MULTILINE)
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b(?!/)")
_WORDS = (
    "no such name",
    "connected",
    "refused",
    "timeout",
    "depends",
    "yes",
    "no",
    "external",
    "unreachable",
)
_SHARES = tuple(
    dict.fromkeys(str(Fraction(over, under)) for under in range(1, 37) for over in range(under + 1))
)
_CHAINS = (
    "KUBE-SVC",
    "KUBE-SVL",
    "KUBE-SEP",
    "KUBE-EXT",
    "KUBE-FW",
    "KUBE-MARK",
    "KUBE-SERVICES",
    "KUBE-NODEPORTS",
)


def right(exercise_id: str, exercise: Personal) -> str:
    """An answer that earns all points; raises LookupError where none is found."""
    if exercise_id in written.RIGHT:
        return written.RIGHT[exercise_id](exercise.drawn)
    if exercise.piecewise:
        return "\n".join(f"{field}: {good}" for field, (good, _) in lines(exercise).items())
    for candidate in _candidates(exercise, exercise.question, exercise.choices):
        if exercise.check(candidate).ok:
            return candidate
    raise LookupError(f"{exercise_id}: no right answer found for {exercise.question}")


def wrong(exercise_id: str, exercise: Personal) -> dict[str, str]:
    """Answers that are not right, by name."""
    found = {"nothing": "", "nonsense": "I do not know, sorry.", "untouched": exercise.start or "???"}
    if exercise_id in written.WRONG:
        return {**found, **written.WRONG[exercise_id](exercise.drawn)}
    if exercise.piecewise:
        found["each line wrong"] = "\n".join(f"{field}: {bad}" for field, (_, bad) in lines(exercise).items())
        return found
    for candidate in _candidates(exercise, exercise.question, exercise.choices):
        if not exercise.check(candidate).ok:
            found.setdefault(f"wrong: {candidate}", candidate)
        if len(found) == 6:
            break
    return found


def partial(exercise_id: str, exercise: Personal) -> dict[str, str]:
    """Answers that are partly right, by name; empty for an exercise with one part."""
    if exercise_id in written.PARTIAL:
        return written.PARTIAL[exercise_id](exercise.drawn)
    if not exercise.piecewise:
        return {}
    every = lines(exercise)
    first = next(iter(every))
    return {
        "only the first line": f"{first}: {every[first][0]}",
        "the first line wrong": "\n".join(
            f"{field}: {bad if field == first else good}" for field, (good, bad) in every.items()
        ),
    }


def recognised(exercise_id: str, exercise: Personal, wanted: Collection[str]) -> set[str]:
    """The misconceptions of `wanted` that wrong and half right answers bring; it stops when all have come."""
    found: set[str] = set()
    for answer in _every(exercise_id, exercise):
        if found >= set(wanted):
            break
        found.add(exercise.check(answer).misconception)
    return found & set(wanted)


def _every(exercise_id: str, exercise: Personal) -> Iterator[str]:
    """Wrong and half right answers, then all that could be answered to each line."""
    yield from wrong(exercise_id, exercise).values()
    yield from partial(exercise_id, exercise).values()
    yield from pairs(exercise)
    for field in _OPEN.findall(exercise.start):
        asked = re.search(rf"^{re.escape(field)}: (.*)$", exercise.question, re.MULTILINE)
        for candidate in _candidates(exercise, asked[1] if asked else "", (), field):
            yield f"{field}: {candidate}"


def lines(exercise: Personal) -> dict[str, tuple[str, str]]:
    """Each line of an exercise of several lines: a right answer to it, and a wrong one."""
    if not (_last and _last[0][0] is exercise):
        _last[:] = [(exercise, _searched(exercise))]
    return _last[0][1]


_last: list[tuple[Personal, dict[str, tuple[str, str]]]] = []


def _searched(exercise: Personal) -> dict[str, tuple[str, str]]:
    found = {}
    for field in _OPEN.findall(exercise.start):
        asked = re.search(rf"^{re.escape(field)}: (.*)$", exercise.question, re.MULTILINE)
        good, bad = "", ""
        for candidate in _candidates(exercise, asked[1] if asked else "", (), field):
            ok = _holds(exercise, field, candidate)
            good, bad = (good or candidate, bad) if ok else (good, bad or candidate)
            if good and bad:
                break
        else:
            raise LookupError(f"{exercise.name}: {field}: no {'wrong' if good else 'right'} answer found")
        found[field] = good, bad
    return found


def _holds(exercise: Personal, field: str, answer: str) -> bool:
    parts = exercise.check(f"{field}: {answer}").parts
    return any(part.ok for part in parts if part.claim.startswith(f"{field}:"))


def _candidates(exercise: Personal, asked: str, choices: tuple[str, ...], field: str = "") -> Iterator[str]:
    """What could be answered, likelier things first."""
    yield from choices
    given = re.search(r" \(([^()]+(?: / [^()]+)+)\)$", asked)
    if given:
        words, _, reason = given[1].partition(" + ")
        yield from words.split(" / ") if not reason else _with_reasons(exercise, words.split(" / "), reason)
        return
    numbered = re.findall(r"^ +(\d+)\. ", exercise.question, re.MULTILINE)
    places = re.search(r"^Where: (.*)$", exercise.question, re.MULTILINE)
    if not asked and places:
        yield from places[1].split(", ") if field == "where" else numbered
        return
    share = re.search(r"\b(share|part|how many|how large)\b", asked)
    if share:
        yield from _SHARES
    addresses = list(dict.fromkeys(_ADDRESS.findall(exercise.question)))
    yield from addresses
    yield from (f"{address.rpartition('.')[0]}.{end}" for address in addresses for end in (0, 1))
    yield from _CHAINS
    yield from _WORDS
    yield from numbered
    yield from (str(number) for number in range(17))
    yield from dict.fromkeys(re.findall(r"\b[0-9]{2,5}\b", exercise.question))
    yield from dict.fromkeys(re.findall(r"[A-Za-z0-9._-]{2,}", exercise.question))
    if not share:
        yield from _SHARES


def _with_reasons(exercise: Personal, words: list[str], reason: str) -> Iterator[str]:
    """Each outcome with each thing that may stand behind it: an address, or an address and a port."""
    behind = list(dict.fromkeys(_ADDRESS.findall(exercise.question)))
    if ":" in reason:
        ports = dict.fromkeys(re.findall(r"(?<![\w.])[0-9]{2,5}\b(?!\.[0-9])", exercise.question))
        behind = [f"{address}:{port}" for address in behind for port in ports]
    yield from words
    yield from (f"{word} {one}" for word in words for one in behind)


def pairs(exercise: Personal) -> list[str]:
    """Every pair of cause and place that could be answered, where an exercise asks for such."""
    places = re.search(r"^Where: (.*)$", exercise.question, re.MULTILINE)
    if not places or not exercise.start.startswith("what: ???"):
        return []
    causes = exercise.question[: places.start()].rpartition("What may be broken:")[2]
    return [
        f"what: {number}\nwhere: {place}"
        for number in re.findall(r"^ +(\d+)\. ", causes, re.MULTILINE)
        for place in places[1].split(", ")
    ]
