"""The whole of nbgrader's cycle from the command line; its marks and ours are the same, in its gradebook, too."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from svcnotes.cli import main
from svcnotes.coursework.course import create
from svcnotes.exercises.personal import draw, find

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tools")]

import answers  # noqa: E402 - tools are no package

COURSE = "nets-2026"
ASSIGNMENT = "01-nodeport"
# Who uses the exchange; the others' notebooks are laid into submitted/, as from a learning platform.
FETCHES = "ana"
PROGRAMS = Path(sys.executable).parent


def some(kind, number=0):
    """An answer of a kind, by its place among those of the exercise."""
    return lambda *asked: list(getattr(answers, kind)(*asked).values())[number]


# Of each student: exercise, answer, level of hints.
CLASS = {
    "ana": {
        "01-visitor": (answers.right, 0),
        "01-repair": (answers.right, 0),
        "01-put-back": (answers.right, 2),
    },
    "ben": {
        "01-visitor": (some("partial", 1), 1),
        "01-repair": (some("partial"), 0),
        "01-put-back": (some("partial"), 1),
    },
    "cleo": {"01-visitor": (some("wrong", 3), 3), "01-repair": (some("wrong", 2), 0)},
}


def nbgrader(course, *words):
    home = course.parent / "home"
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        [PROGRAMS / "nbgrader", *words],
        cwd=course,
        env=os.environ | {"HOME": str(home), "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stderr


def answered(path, student):
    """Write a student's answers into the notebook that was fetched."""
    notebook = json.loads(path.read_text(encoding="utf-8"))
    for cell in notebook["cells"]:
        first, *_ = "".join(cell["source"]).split("\n")
        exercise = first.removeprefix("%%answer ")
        if cell["cell_type"] == "code" and exercise in CLASS[student]:
            answer, hints = CLASS[student][exercise]
            option = f" --hint {hints}" if hints else ""
            cell["source"] = f"{first}{option}\n{answer(exercise, draw(exercise, COURSE, student))}"
    path.write_text(json.dumps(notebook), encoding="utf-8")


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """A course after the whole cycle, the exchange being a folder."""
    folder = tmp_path_factory.mktemp("cycle") / COURSE
    create(folder, lessons=ROOT / "tests" / "data" / "coursework")
    exchange = folder.parent / "exchange"
    exchange.mkdir(mode=0o777)
    exchange.chmod(0o777)
    settings = folder / "nbgrader_config.py"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(f"{text}\nc.Exchange.root = {str(exchange)!r}\n", encoding="utf-8")
    nbgrader(folder, "generate_assignment", ASSIGNMENT)
    nbgrader(folder, "release_assignment", ASSIGNMENT)
    for student in CLASS:
        place = folder.parent / student
        place.mkdir()
        if student == FETCHES:
            shutil.copy(settings, place / "nbgrader_config.py")
            nbgrader(place, "fetch_assignment", ASSIGNMENT)
            answered(place / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", student)
            nbgrader(place, "submit", ASSIGNMENT, f"--student={student}")
        else:
            shutil.copytree(folder / "release" / ASSIGNMENT, folder / "submitted" / student / ASSIGNMENT)
            answered(folder / "submitted" / student / ASSIGNMENT / f"{ASSIGNMENT}.ipynb", student)
    nbgrader(folder, "collect", ASSIGNMENT)
    nbgrader(folder, "autograde", ASSIGNMENT)
    nbgrader(folder, "generate_feedback", ASSIGNMENT)
    nbgrader(folder, "release_feedback", ASSIGNMENT, f"--student={FETCHES}")
    nbgrader(folder.parent / FETCHES, "fetch_feedback", ASSIGNMENT, f"--student={FETCHES}")
    return folder


def gradebook_marks(course):
    """(student, exercise) to (points, waits for a person), as the gradebook has it."""
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", COURSE) as book:
        return {
            (submission.student.id, grade.name.removesuffix("-marks")): (
                grade.score,
                grade.needs_manual_grade,
            )
            for submission in book.assignment_submissions(ASSIGNMENT)
            for notebook in submission.notebooks
            for grade in notebook.grades
        }


@pytest.fixture(scope="module")
def theirs(course):
    return gradebook_marks(course)


@pytest.fixture(scope="module")
def ours(course, theirs, tmp_path_factory):
    """What `svcnotes course grade` finds in the same submissions, after nbgrader's own marks were noted."""
    assert theirs
    out = tmp_path_factory.mktemp("marks")
    assert main(["course", "grade", str(course), "--out", str(out), "--workers", "1"]) == 0
    found = json.loads((out / "results.json").read_text(encoding="utf-8"))
    return {(one["student"], mark["exercise"]): mark for one in found["students"] for mark in one["marks"]}


def test_the_marks_are_those_that_the_answers_deserve(theirs):
    marks = {key: points for key, (points, _) in theirs.items()}
    assert len(marks) == 9
    worth = {exercise: find(exercise).points for exercise in CLASS["ana"]}
    assert marks["ana", "01-visitor"] == worth["01-visitor"] == 3
    assert marks["ana", "01-repair"] == worth["01-repair"]
    assert marks["ana", "01-put-back"] == pytest.approx(worth["01-put-back"] * 0.8)
    assert marks["ben", "01-visitor"] == 1.8
    assert 0 < marks["ben", "01-repair"] < worth["01-repair"]
    assert 0 < marks["ben", "01-put-back"] < worth["01-put-back"] * 0.9
    assert marks["cleo", "01-visitor"] == marks["cleo", "01-repair"] == marks["cleo", "01-put-back"] == 0
    assert not any(waits for _, waits in theirs.values())


def test_nbgraders_autograde_and_ours_give_the_same_marks(theirs, ours):
    from fractions import Fraction

    assert {key: points for key, (points, _) in theirs.items()} == {
        key: float(Fraction(mark["points"])) for key, mark in ours.items()
    }


def test_our_marks_stand_in_nbgraders_gradebook(course, theirs, ours):
    """The gradebook is emptied of marks first, so that those found are ours."""
    assert ours
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", COURSE) as book:
        for submission in book.assignment_submissions(ASSIGNMENT):
            for notebook in submission.notebooks:
                for grade in notebook.grades:
                    grade.auto_score = 7.0 if grade.name == "01-visitor-marks" else None
                    grade.needs_manual_grade = True
        book.db.commit()
    out = course.parent / "again"
    assert main(["course", "grade", str(course), "--out", str(out), "--workers", "1"]) == 0
    assert gradebook_marks(course) == theirs


def test_a_mark_that_a_person_gave_stays(course, theirs, ours, capsys):
    assert ours
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", COURSE) as book:
        book.find_grade("01-repair-marks", ASSIGNMENT, ASSIGNMENT, "cleo").manual_score = 2.5
        book.db.commit()
    assert (
        main(["course", "grade", str(course), "--out", str(course.parent / "manual"), "--workers", "1"]) == 0
    )
    assert "The gradebook has 9 marks of 3 submissions (01-nodeport)." in capsys.readouterr().out
    assert gradebook_marks(course) == theirs | {("cleo", "01-repair"): (2.5, True)}
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", COURSE) as book:
        book.find_grade("01-repair-marks", ASSIGNMENT, ASSIGNMENT, "cleo").manual_score = None
        book.db.commit()


def test_feedback_names_points_and_reasons_and_can_be_fetched(course, theirs):
    for student in CLASS:
        page = course / "feedback" / student / ASSIGNMENT / f"{ASSIGNMENT}.html"
        text = re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))
        assert f"{theirs[student, '01-visitor'][0]:g} of 3 points" in text
        assert f"the case of {student} in {COURSE}" in text
    (fetched,) = (course.parent / FETCHES / ASSIGNMENT / "feedback").glob(f"*/{ASSIGNMENT}.html")
    assert fetched.read_bytes() == (course / "feedback" / FETCHES / ASSIGNMENT / fetched.name).read_bytes()


def test_no_remark_is_made_about_an_honest_student(ours):
    assert {tuple(mark["remarks"]) for mark in ours.values()} == {()}


def test_our_feedback_pages_go_through_the_exchange_by_the_commands_of_the_lecturers_page(course, tmp_path):
    page = (ROOT / "notebooks" / "teaching" / "jupyterhub.md").read_text(encoding="utf-8")
    (commands,) = re.findall(r"^```\n(for secret in .*?)^```$", page, re.MULTILINE | re.DOTALL)
    copy = shutil.copytree(course, tmp_path / COURSE, ignore=shutil.ignore_patterns("feedback"))
    assert main(["course", "grade", str(copy), "--out", str(copy / "marks"), "--workers", "1"]) == 0
    home = course.parent / "home"
    path = f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}"
    subprocess.run(
        ["sh", "-e", "-c", commands], cwd=copy, env=os.environ | {"HOME": str(home), "PATH": path}, check=True
    )
    assert [one.name for one in (copy / "feedback").iterdir()] == [FETCHES], "the others handed in otherwise"
    place = course.parent / "reads"  # beside the home that knows what was submitted
    place.mkdir()
    shutil.copy(course.parent / FETCHES / "nbgrader_config.py", place)
    nbgrader(place, "fetch_feedback", ASSIGNMENT, f"--student={FETCHES}")
    (fetched,) = (place / ASSIGNMENT / "feedback").glob(f"*/{ASSIGNMENT}.html")
    assert fetched.read_bytes() == (copy / "marks" / "feedback" / f"{FETCHES}.html").read_bytes()
