"""Each check accepts a right answer and names the idea behind each known wrong one."""

from pathlib import Path

import pytest
import yaml

from svcnotes.exercises import Verdict, nodeport
from svcnotes.exercises.misconceptions import ALL

ANSWERS = yaml.safe_load(
    (Path(__file__).parent.parent / "data" / "exercises" / "repair.yaml").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("case", ANSWERS, ids=lambda case: case["name"])
def test_repair_finds_in_a_manifest_what_is_wrong_with_it(case):
    verdict = nodeport.repair.check(case["answer"])
    assert (verdict.points, verdict.out_of) == (case["points"], 4), str(verdict)
    assert verdict.ok == (case["points"] == 4)
    assert verdict.misconception == case["misconception"]
    assert case.get("said", "") in verdict.said
    assert case.get("rule", "") in verdict.rule
    assert verdict.explanation
    assert verdict.hint or verdict.ok


def test_repair_begins_with_the_manifest_of_the_course():
    assert nodeport.repair.start == ANSWERS[0]["answer"]


def test_the_refusal_is_what_kubectl_create_prints():
    assert nodeport.repair.check(ANSWERS[0]["answer"]).said == (
        'The Service "my-nginx" is invalid: spec.ports[0].nodePort: Invalid value: 8080: '
        "provided port is not in the valid range. The range of valid ports is 30000-32767"
    )


def test_the_wrong_field_is_found_by_its_refusal_and_mended_by_the_ports_name():
    broken = nodeport.wrong_field.check(nodeport.wrong_field.start)
    assert broken.misconception == "wrong-targetport"
    assert nodeport.wrong_field.check(
        nodeport.wrong_field.start.replace("targetPort: 8080", "targetPort: http")
    ).ok


ONE_WORD = [
    ("caller", "10.244.1.1", "", "MASQUERADE"),
    ("visitor", "172.18.0.12 (node-2)", "", "MASQUERADE"),
    ("visitor", "172.18.0.11", "the-last-node-counts", "MASQUERADE"),
    ("netstat", "no", "", "DNAT"),
    ("netstat", "Yes", "nodeport-shows-in-netstat", "DNAT"),
    ("entry", "connected", "", "DNAT"),
    ("entry", "timeout", "cluster-needs-a-local-pod", "DNAT"),
    ("caller", "172.18.0.11", "snat-uses-the-dialled-address", "MASQUERADE"),
    ("caller", "192.0.2.10", "the-pod-sees-the-client", "MASQUERADE"),
    ("caller", "10.96.0.80", "the-service-calls", "MASQUERADE"),
    ("caller", "10.244.1.10", "source-and-destination-swapped", "MASQUERADE"),
    ("silence", "timeout", "", "has no local endpoints"),
    ("silence", "Refused", "local-refuses", "has no local endpoints"),
    ("silence", "connected", "local-forwards", "has no local endpoints"),
    ("nobody", "refused", "", "has no endpoints"),
    ("nobody", "timeout", "no-pods-means-timeout", "has no endpoints"),
    ("nobody", "connected", "selector-mismatch", "has no endpoints"),
    ("blank", "KUBE-SVL", "", "KUBE-SVL-"),
    ("blank", "kube-svl-sv7amnagzfkzemq4", "", "KUBE-SVL-"),
    ("blank", "KUBE-SVC", "local-uses-all-pods", "KUBE-SVL-"),
    ("blank", "KUBE-MARK-MASQ", "the-pod-sees-the-client", "KUBE-SVL-"),
]


@pytest.mark.parametrize(("name", "answer", "misconception", "rule"), ONE_WORD)
def test_a_short_answer_is_judged_and_the_deciding_rule_shown(name, answer, misconception, rule):
    verdict = getattr(nodeport, name).check(answer)
    assert verdict.misconception == misconception, str(verdict)
    assert verdict.ok == (not misconception)
    assert rule in verdict.rule
    assert verdict.explanation


@pytest.mark.parametrize("name", nodeport.__all__)
def test_hints_grow_and_a_wrong_answer_gets_the_next_one(name):
    exercise = getattr(nodeport, name)
    assert len(exercise.hints) >= 3
    assert exercise.check("no such thing", attempt=1).hint
    assert [exercise.check("", attempt=n).hint for n in (1, 2, 3)] == list(exercise.hints[:3])
    assert exercise.hint(99) == exercise.hints[-1]
    assert exercise.hint(-5) == exercise.hints[0]


@pytest.mark.parametrize("name", nodeport.__all__)
def test_an_unanswered_question_is_wrong_without_a_misconception(name):
    for blank in ("", "???", "KUBE-S??", " … "):
        verdict = getattr(nodeport, name).check(blank)
        assert not verdict.ok
        assert verdict.misconception == ""
        assert "No answer yet" in verdict.explanation


def test_a_verdict_prints_points_machine_words_idea_rule_and_hint():
    text = str(nodeport.repair.check(ANSWERS[-7]["answer"]))
    assert text.startswith("✘ Not yet: 3 of 4 points")
    assert f"“{ALL['wrong-targetport']}”" in text
    assert "The rule that decides:\n    -A KUBE-SEP-" in text
    assert "Hint: " in text


def test_every_misconception_that_a_check_may_name_is_in_the_list():
    from svcnotes.exercises import questions, refusals

    named = {refusal.misconception for refusal in refusals.REFUSALS}
    named |= {idea for idea, _ in questions._ENDED_INSTEAD.values()}
    assert named - {""} <= set(ALL)


def test_a_verdict_is_frozen():
    with pytest.raises(AttributeError):
        Verdict().hint = "x"
