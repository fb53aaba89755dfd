"""Whose a notebook says it is changes no mark; where it says nothing, or another name, the pages tell what that means."""

import time

import pytest
from class_made import EXERCISES, book, right
from made import COURSE, answer, code, data, notebook, submitted, write

from svcnotes.cli import main
from svcnotes.coursework.answer_text import SEATED
from svcnotes.coursework.overview import overview
from svcnotes.coursework.results import Asked, Results, Student
from svcnotes.coursework.task import run, student_marks, submission_task

ANYONES = right("anyone")


def graded(*cells, student="ada", says_who=True):
    task = submission_task(
        COURSE, student, EXERCISES, [("x.ipynb", data(notebook(*cells)))], "tiny_catalogue", says_who=says_who
    )
    return student_marks(run(task, lambda _step: None, lambda _name, _mark: None))


def seat(line, output=""):
    cell = code(f"import svcnotes\n{line}")
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": [output]}] if output else []
    return cell


def anyones():
    return [answer(name, text) for name, text in ANYONES.items()]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (f"%student {COURSE} ???", "the question marks stayed in “%student net-1 ???”"),
        (f"%student {COURSE}\r\n", "the question marks stayed"),
        ("print(1)", "it has no line “%student net-1 NAME”"),
    ],
)
def test_a_notebook_that_does_not_say_whose_it_is_gets_a_remark_with_the_remedy(line, why):
    marks, remarks = graded(seat(line), *anyones())
    assert marks[0].judgement.state == "wrong"
    (said,) = remarks
    assert why in said
    assert "Marks are for the case of ada" in said
    assert "write “%student net-1 ada” into the first cell of code" in said


@pytest.mark.parametrize(
    "line", [f"%student {COURSE} ada", f"%student {COURSE} ada  \r", f"  %student {COURSE} ada"]
)
def test_a_notebook_that_says_whose_it_is_gets_none(line):
    assert graded(seat(line), *anyones())[1] == ()


def test_lines_made_to_be_slow_to_read_are_read_at_once():
    cells = [seat(f"%student {COURSE} a" + " " * 1900 + "b") for _ in range(1900)]
    start = time.process_time()
    graded(*cells)
    assert time.process_time() - start < 2


def test_where_a_hub_knew_who_it_was_no_name_is_needed_and_another_one_is_told():
    line, output = f"%student {COURSE} ???", SEATED.format(student="ada", course=COURSE) + "\n"
    assert graded(seat(line, output), *anyones())[1] == ()
    (said,) = graded(seat(line, output), *anyones(), student="bob")[1]
    assert "says it is of course net-1, student ada; it was handed in by bob" in said


def test_there_is_no_remark_where_it_would_be_noise():
    assert graded(seat(f"%student {COURSE} ???"), *anyones(), says_who=False)[1] == ()
    assert graded(*(answer(name, text) for name, text in right("ada").items()))[1] == ()
    assert graded(*(answer(name, "???") for name in EXERCISES))[1] == ()


def test_a_name_that_is_not_the_students_is_one_remark_and_not_also_a_missing_name():
    (said,) = graded(seat(f"%student {COURSE} Ada"), *anyones())[1]
    assert "student Ada; it was handed in by ada, whose case counts" in said


def test_on_the_class_page_a_remark_that_many_share_stands_once():
    asked = Asked("01-word", "A word", "01-nodeport", "predict")
    students = tuple(
        Student(
            name,
            "",
            "",
            "",
            True,
            (),
            (f"x.ipynb is {name}’s, not Adam’s.", "Odd.")
            if name == "ada"
            else (f"x.ipynb is {name}’s, not Adam’s.",),
        )
        for name in ("ada", "bob", "cyd")
    )
    page = overview(Results(COURSE, "Lab", (asked,), students), {})
    assert page.count("x.ipynb is NAME’s, not Adam’s.") == 1
    assert page.count("<bdi>bob</bdi>") == page.count("<bdi>ada</bdi>") - 1 == 2
    assert "<td>Odd.</td>" in page
    page = overview(Results(COURSE, "Lab", (asked,), students[:1]), {})
    assert "x.ipynb is ada’s" in page


def test_lecturer_and_student_both_read_it_but_not_in_a_course_of_nbgrader(tmp_path):
    made = notebook(seat(f"%student {COURSE} ???"), *anyones())
    write(tmp_path / "folders/ada/01-nodeport.ipynb", made)
    write(tmp_path / "folders/bob/01-nodeport.ipynb", book("bob"))
    submitted(tmp_path / "nbgrader", "ada", made)
    for name, shown in (("folders", True), ("nbgrader", False)):
        command = ["course", "grade", str(tmp_path / name), "--out", str(tmp_path / f"{name}-out")]
        more = ["--course", COURSE, "--catalogue", "tiny_catalogue", "--workers", "1"]
        assert main([*command, *more]) == 0
        for page in ("summary.html", "feedback/ada.html"):
            said = (tmp_path / f"{name}-out" / page).read_text(encoding="utf-8")
            assert ("does not say whose it is" in said) == shown, (name, page)
    assert "does not say" not in (tmp_path / "folders-out/feedback/bob.html").read_text(encoding="utf-8")


def test_a_course_that_half_of_the_class_does_not_say_is_told_to_the_lecturer_at_once(tmp_path, capsys):
    for name in ("ada", "bob", "cyd"):
        write(
            tmp_path / "c" / name / "01-nodeport.ipynb", notebook(seat(f"%student net-2 {name}"), *anyones())
        )
    write(tmp_path / "c/dan/01-nodeport.ipynb", book("dan"))
    command = ["course", "grade", str(tmp_path / "c"), "--catalogue", "tiny_catalogue", "--workers", "1"]
    assert main([*command, "--out", str(tmp_path / "one"), "--course", COURSE]) == 0
    said = f"3 of 4 students’ notebooks say that they are of course net-2, and cases are drawn for {COURSE}"
    assert said in capsys.readouterr().err
    assert said in (tmp_path / "one/summary.html").read_text(encoding="utf-8")
    assert main([*command, "--out", str(tmp_path / "two"), "--course", "net-2"]) == 0
    assert "cases are drawn for" not in capsys.readouterr().err
