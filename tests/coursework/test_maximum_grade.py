"""Marks for a platform are out of the maximum that its own file states, and a contradiction is said before anything is graded."""

import csv

import pytest
from class_made import book
from made import COURSE, write

from svcnotes.cli import main

WORKSHEET = "Identifier,Full name,Email address,Grade,Maximum Grade\nParticipant 12,Ada L,ada@x,,{}\n"
GRADEBOOK = 'Student,ID,SIS Login ID,Section,Lab (7)\n    Points Possible,,,,50\n"L, Ada",12,ada,A,\n'


def graded(tmp_path, roster, *more):
    write(
        tmp_path / "m/Ada L_12_assignsubmission_file_/01-nodeport.ipynb", book("ada", **{"01_word": "wrong"})
    )
    (tmp_path / "roster.csv").write_text(roster)
    return main(
        [
            "course",
            "grade",
            str(tmp_path / "m"),
            "--out",
            str(tmp_path / "out"),
            "--course",
            COURSE,
            "--catalogue",
            "tiny_catalogue",
            "--workers",
            "1",
            "--roster",
            str(tmp_path / "roster.csv"),
            *more,
        ]
    )


def rows(tmp_path, name):
    with (tmp_path / "out" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file))


@pytest.mark.parametrize("maximum", ["100.00", "100,00", "100"])
def test_moodles_worksheet_says_out_of_what_its_grades_are(maximum, tmp_path, capsys):
    shown = f'"{maximum}"'
    assert graded(tmp_path, WORKSHEET.format(shown)) == 0
    assert rows(tmp_path, "moodle.csv")[1][3:5] == ["85.71", maximum]
    assert "moodle.csv has marks out of 100, the maximum there, not out of 7." in capsys.readouterr().err
    assert rows(tmp_path, "marks.csv")[1][-3:-1] == ["6", "7"]


def test_where_the_maximum_is_the_exercises_points_nothing_is_said(tmp_path, capsys):
    assert graded(tmp_path, WORKSHEET.format("7.00")) == 0
    assert rows(tmp_path, "moodle.csv")[1][3] == "6"
    assert "maximum" not in capsys.readouterr().err


def test_a_worksheet_graded_in_words_leaves_points_as_they_are(tmp_path):
    assert graded(tmp_path, WORKSHEET.format("Satisfactory")) == 0
    assert rows(tmp_path, "moodle.csv")[1][3] == "6"


def test_a_scale_that_the_worksheet_contradicts_is_refused_before_grading(tmp_path, capsys):
    assert graded(tmp_path, WORKSHEET.format("100"), "--scale", "10") == 1
    assert capsys.readouterr().err.startswith("--scale 10: the maximum in moodle's own file is 100.")
    assert not (tmp_path / "out/marks.csv").exists()


def test_canvas_and_blackboard_state_it_in_their_columns(tmp_path):
    column = "Lab [Total Pts: 10 Score] |5"
    assert graded(tmp_path, GRADEBOOK, "--canvas-column", "Lab (7)", "--blackboard-column", column) == 0
    assert rows(tmp_path, "canvas.csv")[1][-1] == "50"
    assert rows(tmp_path, "canvas.csv")[2][-1] == "42.86"
    assert rows(tmp_path, "blackboard.csv")[1][-1] == "8.57"
    assert rows(tmp_path, "moodle.csv")[1][4:6] == ["6", "7"]
