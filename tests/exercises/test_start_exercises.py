"""The first ten minutes: the stage tells the step, and a trace tells where the answer comes from."""

import pytest

from svcnotes.exercises import start


@pytest.mark.parametrize(
    ("given", "idea"),
    [
        ("10.244.1.10 (the pod)", "the-client-takes-any-answer"),
        ("172.18.0.11 (node-1)", "the-answer-has-the-last-nodes-address"),
    ],
)
def test_an_answer_from_elsewhere_is_a_known_belief(given, idea):
    verdict = start.answer.check(given)
    assert not verdict.ok
    assert verdict.misconception == idea


def test_the_answer_comes_from_the_address_that_was_dialled():
    assert start.answer.check("172.18.0.12 (node-2)").ok


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("2", "mark"),
        ("3", "destination"),
        ("99", "from 1 to"),
        ("four", "a number"),
        ("???", "No answer yet"),
        ("1", "stays as it is"),
    ],
)
def test_a_wrong_step_is_told_apart(given, said):
    verdict = start.step.check(given)
    assert not verdict.ok
    assert said in verdict.explanation


def test_the_step_is_the_one_that_the_stage_lights():
    from svcnotes import scenarios
    from svcnotes.widgets.stage import Stage

    stage = Stage(scenarios.load("nodeport"), "default/my-nginx", controls=("policy",), enter="node-1")
    number = stage._answer(stage._setting).story["paths"][0]["deciding"]
    verdict = start.step.check(number)
    assert verdict.ok
    assert "MASQUERADE" in verdict.rule
    assert str(number) in stage.sentence
