"""Free answers that are nearly the same: the measure is declared (`DECLARED`), and every pair listed was measured exactly."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

from svcnotes.coursework.results import Alike, Mark, Student

FREE = frozenset({"manifest", "rules", "diagnose", "design"})
"""The kinds whose answers are texts of one's own; the others' are a word or two."""
LIKE = Fraction(4, 5)
RUN = 4
LEAST = 24
COMMON_LEAST = 5
COMMON_SHARE = Fraction(1, 10)
"""A group that is larger than both is the exercise's usual answer, and marked so."""
MOST_COMPARED = 100
"""With how many others one answer is measured at most, the rarest shared words first: no class takes quadratic time."""
_WORD = re.compile(r"[^\W_](?:[\w./:-]*[\w/])?|[^\w\s]|_+")

Runs = frozenset[int]

DECLARED = (
    "An answer is read as words: lower case; spaces and line ends do not count; a word with a digit in it (an address, "
    "a port, a numbered name), and a word of one’s own case that at most half of the cases have, becomes #; lines of the given start are taken out, comments stay. "
    f"What remains is cut into runs of {RUN} words. Two answers are alike as far as they share runs, of all runs in either "
    f"(Jaccard); from {float(LIKE):.0%} on they are listed, in chains. Fewer than {LEAST} runs are too short to tell. "
    "Likeness is a reason to ask, and no proof."
)


def alike(students: Sequence[Student]) -> tuple[Alike, ...]:
    """Groups of students with nearly the same free answer, by exercise; largest likeness first, then by name."""
    answers: dict[str, list[tuple[str, Mark]]] = defaultdict(list)
    for student in students:
        for mark in student.marks:
            if mark.asked.kind in FREE and mark.answered:
                answers[mark.exercise].append((student.student, mark))
    return tuple(group for exercise, given in answers.items() for group in _groups(exercise, given))


def words(text: str, start: str = "", own: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """An answer as the words that are compared; `own` are the words of this student's case alone."""
    left = Counter(line for line in (_line(line, own) for line in start.splitlines()) if line)
    found: list[str] = []
    for line in (_line(line, own) for line in text.splitlines()):
        if left[line]:
            left[line] -= 1
        else:
            found += line
    return tuple(found)


def _line(line: str, own: frozenset[str]) -> tuple[str, ...]:
    return tuple(
        "#" if word in own or any(c.isdigit() for c in word) else word
        for word in _WORD.findall(line.casefold())
    )


def _groups(exercise: str, given: Sequence[tuple[str, Mark]]) -> list[Alike]:
    """The groups of one exercise: equal texts first, then those that are like enough, joined in chains."""
    number: dict[tuple[str, ...], int] = {}
    runs_by_words: dict[tuple[str, ...], list[str]] = defaultdict(list)
    cases = [frozenset(_WORD.findall(mark.asked.question.casefold())) for _, mark in given]
    often = Counter(word for case in cases for word in case)
    for (student, mark), case in zip(given, cases, strict=True):
        own = frozenset(word for word in case if 2 * often[word] <= len(given))
        runs_by_words[words(mark.answer, mark.asked.start, own)].append(student)
    texts = [
        (found, sorted(who))
        for one, who in sorted(runs_by_words.items())
        if len(found := _runs(one, number)) >= LEAST
    ]
    joined = list(range(len(texts)))
    least = [Fraction(1)] * len(texts)

    def head(one: int) -> int:
        while joined[one] != one:
            joined[one] = joined[joined[one]]
            one = joined[one]
        return one

    for first, second in _candidates([found for found, _ in texts]):
        a, b = head(first), head(second)
        if a == b:
            continue
        likeness = jaccard(texts[first][0], texts[second][0])
        if likeness >= LIKE:
            joined[max(a, b)] = min(a, b)
            least[min(a, b)] = min(least[a], least[b], likeness)
    members: dict[int, list[str]] = defaultdict(list)
    for index, (_, who) in enumerate(texts):
        members[head(index)] += who
    groups = [
        Alike(exercise, tuple(sorted(who)), least[index], _common(len(who), len(given)))
        for index, who in members.items()
        if len(who) > 1
    ]
    return sorted(groups, key=lambda group: (group.common, -group.likeness, group.students))


def _common(size: int, answered: int) -> bool:
    return size > COMMON_LEAST and size > COMMON_SHARE * answered


def _runs(text: Sequence[str], number: dict[tuple[str, ...], int]) -> Runs:
    """Runs of four words, each as a number."""
    return frozenset(
        number.setdefault(tuple(text[at : at + RUN]), len(number)) for at in range(len(text) - RUN + 1)
    )


def jaccard(one: Runs, other: Runs) -> Fraction:
    """The runs in both, as a part of the runs in either."""
    both = len(one & other)
    either = len(one) + len(other) - both
    return Fraction(both, either) if either else Fraction(0)


def _candidates(texts: Sequence[Runs]) -> Iterable[tuple[int, int]]:
    """Pairs that may be like enough, each once, none missed below `MOST_COMPARED`.

    If two sets share a part LIKE of their runs, they share one among the first `len - ceil(LIKE * len) + 1`, in
    whatever order all runs are put; with the rarest first, few pairs remain (prefix filtering: Chaudhuri, Ganti
    and Kaushik 2006; Bayardo, Ma and Srikant 2007).
    """
    often = Counter(run for text in texts for run in text)
    seen: Mapping[int, list[int]] = defaultdict(list)
    for index, text in enumerate(texts):
        ordered = sorted(text, key=lambda run: (often[run], run))
        prefix = ordered[: len(text) - math.ceil(LIKE * len(text)) + 1]
        met: dict[int, None] = {}
        for run in prefix:
            for other in seen[run]:
                if len(met) >= MOST_COMPARED:
                    break
                if LIKE * max(len(text), len(texts[other])) <= min(len(text), len(texts[other])):
                    met.setdefault(other)
        yield from ((other, index) for other in met)
        for run in prefix:
            seen[run].append(index)
