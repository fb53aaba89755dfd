"""An exercise with choices as a prediction: the same question, the same check, to be answered by a click."""

from __future__ import annotations

from collections.abc import Callable

from svcnotes.errors import QuestionError
from svcnotes.exercises import Exercise
from svcnotes.exercises.misconceptions import ALL
from svcnotes.trace import Trace
from svcnotes.widgets.predict import Option, Predict


def predict(exercise: Exercise) -> Predict:
    """Ask the exercise's question; raises QuestionError for one without choices or without a trace."""
    if not exercise.choices or exercise.ask is None:
        raise QuestionError(f"the exercise {exercise.name!r} has no choices to predict from")
    return Predict(
        exercise.question,
        [_option(exercise, choice) for choice in exercise.choices],
        exercise.ask,
        exercise.tells,
    )


def _option(exercise: Exercise, choice: str) -> Option:
    verdict = exercise.check(choice)
    belief = ALL.get(verdict.misconception, "").rstrip(".")
    because = verdict.explanation if exercise.explains or not verdict.ok else ""
    return Option(choice, _holds(verdict.ok), belief, because)


def _holds(ok: bool) -> Callable[[Trace], bool]:
    return lambda _: ok
