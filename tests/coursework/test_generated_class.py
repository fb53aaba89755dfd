"""A generated class over the real lessons: every mark is the one known beforehand, and no student's code runs."""

import json
import os
import sys
from fractions import Fraction
from pathlib import Path

import hostile
import pytest

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tools")]

import class_of_submissions as generated  # noqa: E402 - tools are no package

from svcnotes.cli import main  # noqa: E402 - after the path is set
from svcnotes.coursework.task import run, student_marks, submission_task  # noqa: E402 - the same


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    expected = generated.Expected()
    for batch in generated.make(folder / "course", 5, 7, processes=1, share=0.5):
        expected.add(batch)
    assert (
        main(["course", "grade", str(folder / "course"), "--out", str(folder / "out"), "--workers", "2"]) == 0
    )
    return folder, expected, json.loads((folder / "out/results.json").read_text(encoding="utf-8"))


def test_marks_are_those_that_were_known_beforehand(graded):
    _, expected, results = graded
    found = {
        one["student"]: {mark["exercise"]: Fraction(mark["points"]) for mark in one["marks"]}
        for one in results["students"]
    }
    assert found == {
        student: {exercise: Fraction(points) for exercise, points in marks.items()}
        for student, marks in expected.points.items()
    }
    assert len({mark for marks in found.values() for mark in marks}) >= 40


def test_every_hostile_notebook_gets_its_line(graded):
    _, expected, results = graded
    said = {one["student"]: json.dumps(one, ensure_ascii=False) for one in results["students"]}
    assert expected.counts["hostile"] >= 10
    for student, line in expected.lines:
        assert line in said[student], (student, line)


def test_no_code_of_a_student_ran(graded):
    folder, *_ = graded
    assert list((folder / "course/canary").iterdir()) == []
    assert "SVCNOTES_CANARY" not in os.environ


def test_the_canaries_would_sing(tmp_path):
    """The same payload, run on purpose, leaves the file that is looked for."""
    hostile.Pickled(f"touch {tmp_path}/pickle").__reduce__()[0](f"touch {tmp_path}/pickle")
    assert (tmp_path / "pickle").exists()


def test_copied_answers_are_listed_and_no_honest_one_is(graded):
    _, expected, results = graded
    copied = {(student, exercise) for student, exercise, _ in expected.copied}
    listed = {(one["student"], one["exercise"]) for one in results["foreign"]}
    assert listed <= copied
    assert len(listed) >= len(copied) / 2


def test_a_marks_cell_that_was_changed_is_told_and_has_no_effect(graded):
    folder, expected, results = graded
    student = results["students"][0]["student"]
    path = folder / "course/source/01-nodeport/01-nodeport.ipynb"
    book = json.loads(path.read_text(encoding="utf-8"))
    exercises = [name for name in expected.points[student] if name.startswith("01-")]

    def marked(changed):
        task = submission_task(generated.COURSE, student, exercises, [("x.ipynb", hostile.data(changed))])
        return student_marks(run(task, lambda _: None, lambda *_: None))

    marks, remarks = marked(book)
    assert remarks == ()
    for cell in book["cells"]:
        if cell["metadata"].get("nbgrader", {}).get("grade_id") == f"{exercises[0]}-marks":
            cell["source"] = "1000"
    tampered, remarks = marked(book)
    assert tampered == marks
    assert [f"the marks cell of {exercises[0]} was changed" in remark for remark in remarks] == [True]
