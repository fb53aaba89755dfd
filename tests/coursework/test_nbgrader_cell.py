"""A marks cell: the points that nbgrader takes, with the reasons, and what a student should know before handing in."""

import json
import sys
from pathlib import Path

import pytest

from svcnotes.coursework.answer_text import AnswerText
from svcnotes.coursework.course_desk import Desk
from svcnotes.coursework.nbgrader_cell import marks
from svcnotes.errors import QuestionError
from svcnotes.exercises.personal import draw, find

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tools")]

import answers  # noqa: E402 - tools are no package

EXERCISE = "01-visitor"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    monkeypatch.delenv("JUPYTERHUB_USER", raising=False)
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)


@pytest.fixture
def desk():
    found = Desk()
    found.sit("nets", "ana")
    return found


def right(student="ana"):
    return answers.right(EXERCISE, draw(EXERCISE, "nets", student))


def test_a_student_sees_the_marks_of_the_answer_that_was_run_last(desk, capsys):
    assert marks(EXERCISE, course="nets", desk=desk) == 0
    assert "01-visitor: 0 of 3 points (blank)" in capsys.readouterr().out
    desk.answers[EXERCISE] = AnswerText(EXERCISE, right())
    assert marks(EXERCISE, course="nets", desk=desk) == 3
    assert capsys.readouterr().out.splitlines()[0] == "01-visitor: 3 of 3 points (right)"


def test_hints_taken_are_counted_and_said(desk, capsys):
    desk.answers[EXERCISE] = AnswerText(EXERCISE, right(), 2)
    assert marks(EXERCISE, course="nets", desk=desk) == 2.4
    assert "2.4 of 3 points (right, 2 hints taken)" in capsys.readouterr().out


def test_marks_in_another_course_or_under_no_name_say_what_to_do(desk, capsys):
    marks(EXERCISE, course="other", desk=desk)
    assert "These marks are for other. Run the cell at the top with %student first" in capsys.readouterr().out
    desk.sit("nets", "???")
    marks(EXERCISE, course="nets", desk=desk)
    assert "put your name into the cell with %student nets first" in capsys.readouterr().out


def test_a_practice_case_is_not_what_is_marked(desk, capsys):
    practice = desk.another(EXERCISE)
    desk.answers[EXERCISE] = AnswerText(EXERCISE, answers.right(EXERCISE, practice))
    assert marks(EXERCISE, course="nets", desk=desk) < 3
    assert "%answer-new 01-visitor 0 lays out your own again" in capsys.readouterr().out


def submission(folder, student, *sources):
    place = folder / "autograded" / student / "01-nodeport"
    place.mkdir(parents=True)
    cells = [{"cell_type": "code", "source": source, "metadata": {}} for source in sources]
    (place / "01-nodeport.ipynb").write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return place


def test_where_nbgrader_grades_the_folder_says_who_and_the_file_says_what(tmp_path, monkeypatch, capsys):
    """Neither what the kernel was told nor the hub's user of the lecturer has a say."""
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    monkeypatch.setenv("JUPYTERHUB_USER", "lecturer")
    desk = Desk(course="nets", name="ben", answers={EXERCISE: AnswerText(EXERCISE, right())})
    place = submission(tmp_path, "ana", "%student nets ben", f"%%answer {EXERCISE} --hint 1\n{right()}")
    assert marks(EXERCISE, course="nets", desk=desk, folder=place) == 2.7
    place = submission(tmp_path, "ben", f"%%answer {EXERCISE}\n{right('ana')}")
    assert marks(EXERCISE, course="nets", desk=desk, folder=place) < 3
    place = submission(tmp_path, "cleo")
    assert marks(EXERCISE, course="nets", desk=desk, folder=place) == 0
    assert capsys.readouterr().err == "", "nbgrader gives no marks to a cell that writes to stderr"


def test_whole_points_are_whole_numbers_so_that_nbgrader_reads_them(desk):
    desk.answers[EXERCISE] = AnswerText(EXERCISE, right())
    assert repr(marks(EXERCISE, course="nets", desk=desk)) == str(find(EXERCISE).points)


def test_an_unknown_exercise_gets_one_sentence(desk):
    with pytest.raises(QuestionError, match="Did you mean 01-visitor"):
        marks("01-visitr", course="nets", desk=desk)
