"""What holds for every exercise of every lesson."""

import pytest
from every_exercise import EVERY

from svcnotes.exercises.misconceptions import ALL
from svcnotes.widgets.predictions import predict

WITH_CHOICES = [name for name, exercise in EVERY.items() if exercise.choices]


@pytest.mark.parametrize("name", EVERY)
def test_it_has_three_hints_that_differ_and_a_name_of_its_own(name):
    exercise = EVERY[name]
    assert exercise.name == name.rpartition(".")[2]
    assert len(set(exercise.hints)) == len(exercise.hints) >= 3


@pytest.mark.parametrize("name", EVERY)
def test_no_answer_is_no_mistake(name):
    for blank in ("", "???", " … "):
        verdict = EVERY[name].check(blank)
        assert not verdict.ok
        assert verdict.misconception == ""
        assert "No answer yet" in verdict.explanation
        assert verdict.hint == EVERY[name].hints[0]


@pytest.mark.parametrize("name", WITH_CHOICES)
def test_just_one_of_its_choices_is_right_and_each_is_explained(name):
    exercise = EVERY[name]
    verdicts = [exercise.check(choice) for choice in exercise.choices]
    assert sum(verdict.ok for verdict in verdicts) == 1
    for verdict in verdicts:
        assert verdict.explanation or verdict.ok
        assert verdict.misconception in {*ALL, ""}
        assert not (verdict.ok and verdict.misconception)


@pytest.mark.parametrize("name", [name for name in WITH_CHOICES if EVERY[name].ask])
def test_its_choices_can_be_predicted(name):
    exercise = EVERY[name]
    for choice in exercise.choices:
        widget = predict(exercise)
        widget.choose(choice)
        assert widget.right == exercise.check(choice).ok
