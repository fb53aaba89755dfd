"""The exercises of the lesson on scale: each idea behind a wrong answer is recognised, each right answer is counted."""

import pytest

from svcnotes.exercises import scale
from svcnotes.exercises.number import read_number

WRONG = [
    ("hour", "all 10,000", "every-packet-walks-the-list"),
    ("hour", "none: the kernel looks the Service up", ""),
    ("rewrite", "21,000 or so: all of them", "each-change-writes-everything"),
    ("rewrite", "20 or so: that Service's own", "a-change-costs-the-same-everywhere"),
    ("few", "it is less than half", "nftables-is-always-faster"),
    ("few", "it is more than double: maps are slower than rules", ""),
    ("blank", "26", ""),
    ("blank", "47", "a-packet-tries-every-rule"),
    ("blank", "254", "a-packet-tries-every-rule"),
    ("blank", "1000", ""),
    ("wide", "about ten times as many", "endpoints-cost-like-services"),
    ("wide", "exactly as many", ""),
    ("idle", "nothing: it asks for no Service", "an-idle-service-costs-nothing"),
    ("idle", "half of the list, on average", "an-idle-service-costs-nothing"),
    ("entries", "5,000", ""),
    ("entries", "1,200,000", ""),
    ("entries", "41.7", ""),
    ("onward", "6.7 s", "costs-grow-in-proportion"),
    ("onward", "5.5", ""),
    ("notes", "1, 3", ""),
    ("notes", "3, 4", "an-idle-service-costs-nothing"),
    ("notes", "2, 5", "each-change-writes-everything"),
    ("notes", "3", "every-packet-walks-the-list"),
]
RIGHT = [
    ("hour", "one: the first"),
    ("rewrite", "3,000 or so"),
    ("few", "no difference that one could measure"),
    ("blank", "27"),
    ("wide", "some twenty more"),
    ("idle", "the whole list"),
    ("entries", "about 600,000 entries"),
    ("entries", "600000"),
    ("onward", "9.5 s"),
    ("notes", "3, 5"),
]


@pytest.mark.parametrize(("name", "answer", "idea"), WRONG)
def test_a_wrong_answer_is_recognised_by_its_idea(name, answer, idea):
    verdict = getattr(scale, name).check(answer)
    assert not verdict.ok
    assert verdict.misconception == idea
    assert verdict.explanation


@pytest.mark.parametrize(("name", "answer"), RIGHT)
def test_a_right_answer_is_right(name, answer):
    assert getattr(scale, name).check(answer).ok


@pytest.mark.parametrize(
    ("mode", "says"),
    [
        ("iptables", "3,019 rules"),
        ("userspace", "would not start"),
        ('""', "3,019 rules"),
    ],
)
def test_a_setting_is_tried_with_packets(mode, says):
    verdict = scale.setting.check(scale.setting.start.replace("???", mode))
    assert not verdict.ok
    assert says in verdict.explanation


def test_the_setting_with_maps_is_right():
    verdict = scale.setting.check(scale.setting.start.replace("???", "nftables"))
    assert verdict.ok
    assert "more than 16 rules" in verdict.explanation
    assert "deprecated" not in verdict.explanation


def test_the_setting_with_a_table_of_servers_is_right_and_said_to_be_deprecated():
    verdict = scale.setting.check(scale.setting.start.replace("???", "ipvs"))
    assert verdict.ok
    assert "deprecated since 1.35" in verdict.explanation


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,200", 1200), ("about 12.5 s", 12.5), ("~7", 7), ("2184 connections/s", 2184), ("9.", 9)],
)
def test_a_number_is_read_as_people_write_it(text, value):
    assert read_number(text) == value


@pytest.mark.parametrize("text", ["", "many", "1/2", "-3", "3; import os", "1e9", "9" * 400])
def test_what_is_no_number_is_said_to_be_none(text):
    assert read_number(text) is None
