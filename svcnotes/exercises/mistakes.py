"""Find the mistakes in a text of numbered lines; which lines are wrong is found from the model."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from svcnotes.exercises.asked import Seen, Subject, listed, look
from svcnotes.exercises.exercise import Exercise, wrong
from svcnotes.exercises.misconceptions import check_ideas
from svcnotes.exercises.verdict import Part, Verdict

_NUMBERS = re.compile(r"(?:lines? )?[0-9]{1,3}(?:[\s,;&]+(?:and )?(?:lines? )?[0-9]{1,3})*")


@dataclass(frozen=True)
class Line:
    """One line of the text: `holds` tells from the model whether it is true, `because` why or why not.

    `idea` is the misconception of someone who takes a wrong line for true, or a true one for wrong.
    """

    text: str
    holds: Callable[[Seen], bool]
    because: str
    idea: str = ""


def find_mistakes(
    name: str,
    question: str,
    asked: Subject | Sequence[Subject],
    lines: Sequence[Line],
    hints: tuple[str, ...] = (),
) -> Exercise:
    """Ask for the numbers of the wrong lines (`2, 5`): a point for each, less one for each true line accused."""
    check_ideas((line.idea for line in lines), name)
    subjects = listed(asked)
    text = "\n".join(f"{number}. {line.text}" for number, line in enumerate(lines, 1))

    def judge(answer: str) -> Verdict:
        named = _read(answer, len(lines))
        if isinstance(named, str):
            return wrong(explanation=named)
        seen = look(subjects)
        mistakes = {number for number, line in enumerate(lines, 1) if not line.holds(seen)}
        accused = named - mistakes
        parts = _parts(sorted(mistakes & named), len(mistakes - named), len(accused))
        missed = sorted(mistakes - named)
        at_fault = min(accused) if accused else missed[0] if missed and named else 0
        said = [
            f"{number} {_IS[number in mistakes]}: {lines[number - 1].because}" for number in sorted(named)
        ]
        return Verdict(
            parts,
            misconception=lines[at_fault - 1].idea if at_fault else "",
            explanation="\n".join(said),
        )

    return Exercise(name, f"{question}\n{text}", judge, hints)


def _parts(found: list[int], missed: int, accused: int) -> tuple[Part, ...]:
    """A part for each mistake; a true line that is accused takes the point of one that was found."""
    kept = found[: max(0, len(found) - accused)]
    lost = found[len(kept) :]
    return (
        *(Part(f"line {number} is wrong", ok=True) for number in kept),
        *(Part(f"line {number} is wrong, but a true line was accused", ok=False) for number in lost),
        *(Part("one more mistake", ok=False) for _ in range(missed)),
    )


_IS = {True: "is wrong", False: "is true"}


def _read(answer: str, most: int) -> frozenset[int] | str:
    """The numbers in an answer; a sentence that says what is wrong with it where it has none."""
    given = " ".join(answer.strip().lower().rstrip(".").split())
    if not _NUMBERS.fullmatch(given):
        return "An answer is the numbers of the wrong lines, such as 2, 5."
    numbers = frozenset(int(number) for number in re.findall(r"[0-9]+", given))
    if not numbers <= set(range(1, most + 1)):
        return f"The lines have the numbers 1 to {most}."
    return numbers
