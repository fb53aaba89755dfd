"""The CSV files that platforms read back, and what a spreadsheet must not run."""

import csv
import io
from fractions import Fraction

import pytest

from svcnotes.coursework.marking import MISSING, RIGHT, Judgement
from svcnotes.coursework.marks_csv import all_marks, blackboard, canvas, moodle, safe
from svcnotes.coursework.results import Asked, Mark, Results, Student
from svcnotes.coursework.roster import read_roster

ASKED = Asked("01-visitor", "Who is it?", "01-nodeport", "predict")


def student(name, points=Fraction(9, 5), number="", full="", handed_in=True):
    judgement = Judgement(RIGHT if handed_in else MISSING, points if handed_in else Fraction(0), 2)
    return Student(name, full or name, f"{name}@x.org", number, handed_in, (Mark(ASKED, judgement, "x"),))


def results(*students):
    return Results("net-1", "Lab 1", (ASKED,), students)


def rows(text):
    assert text.endswith("\r\n")
    return list(csv.reader(io.StringIO(text, newline="")))


def roster(tmp_path, text):
    path = tmp_path / "r.csv"
    path.write_text(text, encoding="utf-8")
    return read_roster(path)


def own(tmp_path):
    return roster(tmp_path, "student\nada\nbob\n")


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "＝1", "\ufeff=1"]
)
def test_a_cell_that_a_spreadsheet_would_run_is_made_a_text(cell):
    assert safe(cell) == f"'{cell}"


@pytest.mark.parametrize(
    ("cell", "told"),
    [("Ada;=1+1", "Ada;'=1+1"), (";=1", ";'=1"), ('a; "@x', "a;' \"@x"), ("a\t-1", "a\t'-1"), ("01 2/3; 02 1/2", "01 2/3; 02 1/2")],
)  # fmt: skip
def test_a_formula_behind_a_semicolon_is_a_text_too(cell, told):
    assert safe(cell) == told


@pytest.mark.parametrize("cell", ["ada", "1.5", "-", "a=b", ""])
def test_other_cells_stay_as_they_are(cell):
    assert safe(cell) == cell


def test_names_of_students_are_neutralised_in_every_file(tmp_path):
    read = results(student("=cmd|' /C calc'!A0", full='@"quoted", name'))
    for text in (
        all_marks(read),
        moodle(read, own(tmp_path)),
        canvas(read, own(tmp_path)),
        blackboard(read, own(tmp_path)),
    ):
        cells = [cell for row in rows(text) for cell in row]
        assert not [cell for cell in cells if cell.startswith(("=", "+", "@"))]
        assert "'=cmd|' /C calc'!A0" in cells


def test_moodle_takes_identifier_grade_and_the_date_of_the_last_grade(tmp_path):
    head, ada, bob = rows(
        moodle(results(student("ada", number="12"), student("bob", handed_in=False)), own(tmp_path), 10)
    )
    row = dict(zip(head, ada, strict=True))
    assert (row["Identifier"], row["Grade"], row["Maximum Grade"]) == ("Participant 12", "9", "10")
    assert row["Last modified (grade)"] == "-"
    assert dict(zip(head, bob, strict=True))["Grade"] == ""


def test_moodles_own_worksheet_is_filled_in_and_keeps_its_columns(tmp_path):
    sheet = roster(
        tmp_path,
        "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Last modified (grade),Extra\n"
        'Participant 12,Ada,ada@x,Submitted,,2,-,"a, b"\nParticipant 13,Bob,bob@x,No,,2,-,c\n',
    )
    head, ada, bob = rows(moodle(results(student("ada"), student("bob", handed_in=False)), sheet))
    assert head[-2:] == ["Extra", "Feedback comments"]
    assert ada == ["Participant 12", "Ada", "ada@x", "Submitted", "1.8", "2", "-", "a, b", "01-visitor 1.8/2"]
    assert bob[4] == ""


def test_canvas_has_its_own_head_and_a_line_of_points_possible(tmp_path):
    sheet = roster(tmp_path, 'Student,ID,SIS User ID,SIS Login ID,Section\n"Lovelace, Ada",77,S1,ada,A\n')
    head, possible, ada = rows(canvas(results(student("ada")), sheet, column="Lab 1 (123)"))
    assert head == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Lab 1 (123)"]
    assert (possible[0].strip(), possible[-1]) == ("Points Possible", "2")
    assert ada == ["Lovelace, Ada", "77", "S1", "ada", "A", "1.8"]


def test_blackboard_knows_a_student_by_the_username_and_a_column_by_its_number(tmp_path):
    head, ada = rows(
        blackboard(
            results(student("ada", full="Ada Lovelace")), own(tmp_path), column="Lab [Total Pts: 2 Score] |5"
        )
    )
    assert head == ["Last Name", "First Name", "Username", "Lab [Total Pts: 2 Score] |5"]
    assert ada == ["Lovelace", "Ada", "ada", "1.8"]
