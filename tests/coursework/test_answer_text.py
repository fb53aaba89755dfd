"""The first line of an answer cell, and the text below it."""

import pytest

from svcnotes.coursework.answer_text import AnswerText, read_answer, unanswered


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("%%answer 01-visitor\n172.18.0.12", AnswerText("01-visitor", "172.18.0.12")),
        ("\n\n%%answer 01-visitor\n\n  a: 1\n  b: 2\n\n", AnswerText("01-visitor", "  a: 1\n  b: 2")),
        ("%%answer 01-visitor\r\nrefused\r\n", AnswerText("01-visitor", "refused")),
        ("%%answer 01-visitor --hint 2\nrefused", AnswerText("01-visitor", "refused", 2)),
        ("%%answer 01-visitor --hint=1 --hint 3\nx", AnswerText("01-visitor", "x", 3)),
        (
            "%%answer 01-visitor --student bob\nx",
            AnswerText("01-visitor", "x", strange="--student bob"),
        ),
        ("%%answer 01-visitor --hint 99\nx", AnswerText("01-visitor", "x", strange="--hint 99")),
        ("%%answer 01-visitor", AnswerText("01-visitor", "")),
        ("%%answer", None),
        ("%%answers 01-visitor\nx", None),
        ("%%answer ../../etc/passwd\nx", None),
        ("# %%answer 01-visitor\nx", None),
        ("print(1)\n%%answer 01-visitor\nx", None),
        ("%%answer 01-visitor " + "x" * 5000 + "\ny", None),
    ],
)
def test_an_answer_cell_is_read_by_its_first_line(source, expected):
    assert read_answer(source) == expected


def test_an_untouched_start_is_no_answer():
    assert unanswered("???")
    assert unanswered(" \n…")
    assert unanswered("kind: Service\n", "kind: Service")
    assert not unanswered("kind: Service\n# mine", "kind: Service")
