"""The questions on hairpins: right answers hold by trace, wrong ones are met by name."""

from fractions import Fraction

import pytest
from judging import is_judged

import svcnotes
from svcnotes import scenarios
from svcnotes.exercises import hairpin

CHAIN = "KUBE-SEP-VH4ZNAPGOF73HPSQ"
ANSWERS = [
    ("self_local", "10.244.1.1 (node-1, cni0)", "", "MASQUERADE"),
    ("self_local", "10.244.1.10 (her own)", "a-pod-calling-itself-keeps-its-address", "MASQUERADE"),
    ("self_local", "172.18.0.11 (node-1, eth0)", "snat-uses-the-dialled-address", "MASQUERADE"),
    ("lost", "one in three", "", ""),
    ("lost", "none", "a-pod-always-reaches-itself", ""),
    ("lost", "all", "without-hairpin-nothing-works", ""),
    ("lost", "one in two", "every-choice-is-even", ""),
    ("unseen", "bert (on the same node)", "", ""),
    ("unseen", "none of them", "the-client-takes-any-answer", ""),
    ("blank", "KUBE-MARK-MASQ", "", "-s 10.244.1.10/32"),
    ("blank", "KUBE-POSTROUTING", "the-mark-travels", "-s 10.244.1.10/32"),
    ("duet", "10.244.1.10", "", ""),
    ("duet", "10.244.1.1", "everything-is-snated", ""),
    ("cables", "172.18.0.11", "", "MASQUERADE"),
    ("cables", "10.244.1.10", "a-pod-always-reaches-itself", "MASQUERADE"),
    ("rounds", "2/9", "", "--probability"),
    ("rounds", "22 %", "", "--probability"),
    ("rounds", "1", "without-hairpin-nothing-works", "--probability"),
    ("rounds", "2/3", "every-choice-is-even", "--probability"),
    ("put_back", f"-I {CHAIN} -s 10.244.1.10/32 -j KUBE-MARK-MASQ", "", ""),
    ("put_back", f"-I {CHAIN} 1 -s 10.244.1.10 -j KUBE-MARK-MASQ", "", ""),
    ("put_back", f"-I {CHAIN} -j KUBE-MARK-MASQ", "everything-is-snated", "MASQUERADE"),
    ("notes", "1, 3", "", ""),
    ("notes", "1", "a-pod-calling-itself-keeps-its-address", ""),
    ("notes", "3", "without-hairpin-nothing-works", ""),
    ("notes", "1 3 4", "without-hairpin-nothing-works", ""),
]


@pytest.mark.parametrize(("name", "answer", "misconception", "rule"), ANSWERS)
def test_an_answer_on_hairpins_is_judged_by_trace(name, answer, misconception, rule):
    is_judged(getattr(hairpin, name), answer, misconception, rule)


@pytest.mark.parametrize(
    ("name", "answer", "said"),
    [
        ("unseen", "anna herself", "an address of the node"),
        ("unseen", "carl (on node-2)", "between nodes"),
        ("rounds", "1/3", "carl's bridge"),
        ("rounds", "1/9", "draws himself"),
        ("put_back", f"-A {CHAIN} -s 10.244.1.10/32 -j KUBE-MARK-MASQ", "before the DNAT"),
        ("put_back", f"-I {CHAIN} -s 10.244.1.11/32 -j KUBE-MARK-MASQ", "timeout"),
        ("blank", "KUBE-EXT", "nodePort"),
    ],
)
def test_a_wrong_answer_on_hairpins_without_a_known_idea_is_explained(name, answer, said):
    verdict = getattr(hairpin, name).check(answer)
    assert not verdict.ok
    assert verdict.misconception == ""
    assert said in str(verdict)


@pytest.mark.parametrize("name", hairpin.__all__)
def test_each_question_on_hairpins_has_three_hints_and_no_free_points(name):
    exercise = getattr(hairpin, name)
    assert len(exercise.hints) >= 3
    assert not exercise.check("no such thing").ok
    assert "No answer yet" in exercise.check("???").explanation


def test_the_first_path_of_a_trace_is_led_to_the_first_pod():
    found = svcnotes.trace(scenarios.load("hairpin"), hairpin.ANNA, hairpin.SERVICE)
    led = [hairpin.led_to(path) for path in found.paths]
    assert led == ["10.244.1.10", "10.244.1.11", "10.244.2.10"]
    assert hairpin.failing(found) == Fraction(0)
