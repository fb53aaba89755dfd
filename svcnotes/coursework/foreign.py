"""Answers that are wrong for the student who gave them, and right in another's case; how they are found is declared."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from svcnotes.coursework.marking import PARTIAL, RIGHT, WRONG
from svcnotes.coursework.results import Foreign, Mark, Student

TRIALS = 6
SHARE = Fraction(1, 10)
LEAST = 1
"""How many may share a right answer or a word, in a small class, before it is called common."""
MOST_NAMED = 5
MANY_WORDS = 12
DECLARED = (
    "Wrong in one’s own case, right in another’s. The same words (case and spaces aside) stand as a right answer with somebody "
    "else; or the answer has addresses, ports or names that stand in no place of one’s own case, but in another’s: "
    f"the {TRIALS} cases that share most of its words were tried. What fits more than {float(SHARE):.0%} of those who were right "
    "says nothing and is not listed; nor is a short answer, such as “refused” or “2, 5”, that could be one’s own."
)
LEAST_LETTERS = 3
_WORD = re.compile(r"\w[\w./:-]*")


@dataclass(frozen=True, slots=True)
class Trial:
    """An answer to be judged in another student's case."""

    exercise: str
    student: str
    answer: str
    other: str


def foreign(
    students: Sequence[Student], tried: Callable[[Sequence[Trial]], Mapping[Trial, bool]]
) -> tuple[Foreign, ...]:
    """All such answers, by exercise and student; `tried` judges trials."""
    found: list[Foreign] = []
    trials: list[Trial] = []
    for exercise, marks in _by_exercise(students).items():
        right = _right(marks)
        few = max(LEAST, int(SHARE * sum(len(who) for who in right.values())))
        cases = {student: _words(f"{mark.asked.question}\n{mark.asked.start}") for student, mark in marks}
        holders = _holders(cases)
        for student, mark in marks:
            if mark.judgement.state not in {WRONG, PARTIAL}:
                continue
            strange = _words(mark.answer) - cases[student]
            same = [other for other in right.get(_plain(mark.answer), ()) if other != student]
            if same:
                if len(same) <= few and (_telling(mark) or any(strange & cases[other] for other in same)):
                    found.append(Foreign(exercise, student, tuple(same[:MOST_NAMED]), same_words=True))
                continue
            near = _nearest(_words(mark.answer), cases, holders, student)
            trials += (Trial(exercise, student, mark.answer, other) for other in near)
    fits: dict[tuple[str, str], list[str]] = defaultdict(list)
    for trial, right_there in tried(trials).items():
        if right_there:
            fits[trial.exercise, trial.student].append(trial.other)
    found += (
        Foreign(exercise, student, tuple(sorted(others)), same_words=False)
        for (exercise, student), others in fits.items()
    )
    return tuple(sorted(found, key=lambda one: (one.exercise, one.student)))


def _by_exercise(students: Sequence[Student]) -> Mapping[str, list[tuple[str, Mark]]]:
    marks: dict[str, list[tuple[str, Mark]]] = defaultdict(list)
    for student in students:
        for mark in student.marks:
            marks[mark.exercise].append((student.student, mark))
    return marks


def _right(marks: Sequence[tuple[str, Mark]]) -> Mapping[str, list[str]]:
    """Who is right, by the words of the answer."""
    right: dict[str, list[str]] = defaultdict(list)
    for student, mark in marks:
        if mark.judgement.state == RIGHT:
            right[_plain(mark.answer)].append(student)
    return right


def _telling(mark: Mark) -> bool:
    """Whether an answer belongs to one case whatever it says: many different words, or an address, a port, a numbered name."""
    words = _words(mark.answer)
    return len(words) >= MANY_WORDS or any(
        len(word) > LEAST_LETTERS and any(c.isdigit() for c in word) for word in words
    )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _words(text: str) -> frozenset[str]:
    """The words, names, addresses and ports of a text; of an address with a port or a range, its parts as well."""
    return frozenset(part for part in _parts(text) if len(part) >= LEAST_LETTERS)


def _parts(text: str) -> Iterator[str]:
    for word in _WORD.findall(text.casefold()):
        bare = word.rstrip(".:/-")
        yield bare
        if ":" in bare or "/" in bare:
            yield from re.split(r"[:/]", bare)


def _holders(cases: Mapping[str, frozenset[str]]) -> Mapping[str, list[str]]:
    holders: dict[str, list[str]] = defaultdict(list)
    for student, held in cases.items():
        for word in held:
            holders[word].append(student)
    return holders


def _nearest(
    words: frozenset[str],
    cases: Mapping[str, frozenset[str]],
    holders: Mapping[str, list[str]],
    student: str,
) -> list[str]:
    """The students whose cases share most of an answer's words, the rarer the more; none that share too little to tell.

    A word that a part p of the cases has counts as log2(1/p), in thousandths (whole numbers, so that no order of
    adding matters). Those that are strange in one's own case must together count as much as one word that a
    `SHARE` of the cases has.
    """
    weight = {
        word: int(1000 * math.log2(len(cases) / len(who)))
        for word in words
        if 0 < 2 * len(who := holders.get(word, ())) <= len(cases)
    }
    shared: Counter[str] = Counter()
    for word in weight.keys() - cases[student]:
        shared.update(dict.fromkeys(holders[word], weight[word]))
    enough = min(int(1000 * math.log2(1 / SHARE)), int(1000 * math.log2(max(2, len(cases)))))
    every = {
        other: sum(weight[word] for word in weight.keys() & cases[other])
        for other, strange in shared.items()
        if strange >= enough
    }
    return sorted(every, key=lambda other: (-every[other], other))[:TRIALS]
