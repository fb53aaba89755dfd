"""What the tests of every lesson's exercises ask of a verdict."""


def is_judged(exercise, answer, misconception, rule=""):
    """The answer is right where no misconception is named, wrong by that one else; the deciding rule is shown."""
    verdict = exercise.check(answer)
    assert verdict.misconception == misconception, str(verdict)
    assert verdict.ok == (not misconception), str(verdict)
    assert rule in verdict.rule, str(verdict)
    assert verdict.explanation or verdict.ok
