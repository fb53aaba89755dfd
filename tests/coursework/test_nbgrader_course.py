"""`svcnotes course create` writes a course that nbgrader and a lecturer can work with at once."""

import json
import os
import re
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
from nbgrader.api import Gradebook
from nbgrader.nbgraderformat import MetadataValidator

from svcnotes.cli import main
from svcnotes.coursework.course import Course, create, readme
from svcnotes.coursework.course_notebook import exercises_in, source_notebook
from svcnotes.coursework.nbgrader_marks import write_marks
from svcnotes.coursework.results import Results
from svcnotes.errors import InputError, QuestionError
from svcnotes.exercises.personal import draw, find

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tools")]

import answers  # noqa: E402 - tools are no package

LESSONS = ROOT / "tests" / "data" / "coursework"
EXERCISES = ["01-visitor", "01-repair", "01-put-back"]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    folder = tmp_path_factory.mktemp("courses") / "nets-2026"
    roster = folder.parent / "roster.csv"
    roster.write_text("student,name,email\nana,Ana Lima,ana@example.org\nben,Ben,\n", encoding="utf-8")
    return create(folder, roster=roster, lessons=LESSONS)


@pytest.fixture(scope="module")
def source(course):
    path = course.folder / "source" / "01-nodeport" / "01-nodeport.ipynb"
    return json.loads(path.read_text(encoding="utf-8"))


def test_the_course_has_settings_sources_a_roster_and_a_page(course):
    assert course.name == "nets-2026"
    assert course.assignments == {"01-nodeport": tuple(EXERCISES)}
    assert course.students == ("ana", "ben")
    written = {str(p.relative_to(course.folder)) for p in course.folder.rglob("*") if p.is_file()}
    assert written == {
        "README.md",
        "nbgrader_config.py",
        "hub/nbgrader_config.py",
        "students.csv",
        "source/01-nodeport/01-nodeport.ipynb",
        "source/01-nodeport/glossary.md",
    }
    students = (course.folder / "students.csv").read_text(encoding="utf-8").splitlines()
    assert students == ["id,first_name,last_name,email", "ana,Ana,Lima,ana@example.org", "ben,,Ben,"]


def test_after_each_answer_cell_comes_a_locked_cell_with_its_points(source):
    cells = source["cells"]
    seen = []
    for answer, marks in pairwise(cells):
        text = "".join(answer["source"])
        if not text.startswith("%%answer"):
            continue
        exercise = text.split()[1]
        seen.append(exercise)
        assert answer["metadata"]["nbgrader"] == {
            "schema_version": 3,
            "grade": False,
            "solution": True,
            "locked": False,
            "task": False,
            "grade_id": exercise,
        }
        assert marks["metadata"]["nbgrader"] == {
            "schema_version": 3,
            "grade": True,
            "solution": False,
            "locked": True,
            "task": False,
            "grade_id": f"{exercise}-marks",
            "points": find(exercise).points,
        }
        assert f'marks("{exercise}", course="nets-2026")' in marks["source"]
    assert seen == EXERCISES


def test_nbgrader_finds_nothing_to_complain_about_in_the_metadata(source):
    import nbformat

    notebook = nbformat.from_dict(source)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        MetadataValidator().validate_cell(cell)
    ids = [cell["id"] for cell in source["cells"]]
    assert len(set(ids)) == len(ids)


def test_a_link_to_another_lesson_leads_to_its_assignment(source):
    title = next(cell for cell in source["cells"] if cell["id"] == "title")
    assert "](../02-snat/02-snat.ipynb)" in "".join(title["source"])


def test_the_first_code_cell_asks_who_the_student_is(source):
    first = next(cell for cell in source["cells"] if cell["cell_type"] == "code")
    assert first["source"] == "import svcnotes\n%student nets-2026 ???"


def test_the_lessons_themselves_make_a_course(tmp_path):
    made = create(tmp_path / "all", "all")
    assert list(made.assignments) == sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))
    for name, exercises in made.assignments.items():
        lesson = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8"))
        assert list(exercises) == exercises_in(lesson)
        folder = made.folder / "source" / name
        cells = json.loads((folder / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
        texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        texts += [page.read_text(encoding="utf-8") for page in folder.glob("*.md")]
        for link in re.findall(r"\]\(([^()#\s:]+)(?:#[^)]*)?\)", "\n".join(texts)):
            assert (folder / link).is_file(), f"{name}: {link}"
    paged = [name[:2] for name in made.assignments if list((made.folder / "source" / name).glob("*.md"))]
    page = (ROOT / "notebooks/teaching/files.md").read_text(encoding="utf-8")
    assert f"({', '.join(paged[:-1])} and {paged[-1]} have pages beside it: those, too)" in page


def test_what_comes_next_is_the_first_assignment_of_the_lecturers_pages(tmp_path):
    made = create(tmp_path / "whole")
    assert str(made).endswith("nbgrader generate_assignment 01-nodeport")
    assert "nbgrader generate_assignment 01-nodeport " in (made.folder / "README.md").read_text()
    for page in ("files.md", "jupyterhub.md"):
        text = (ROOT / "notebooks/teaching" / page).read_text(encoding="utf-8")
        assert f"nbgrader generate_assignment {made.first}\n" in text
    assert Course(tmp_path, "x", {"00-start-here": ()}, ()).first == "00-start-here"


def test_the_lecturers_page_adds_up_points_and_minutes():
    text = readme("nets", {"01-nodeport": tuple(EXERCISES)})
    stated = [find(name) for name in EXERCISES]
    assert f"| 01-nodeport | 3 | {sum(s.points for s in stated)} | {sum(s.minutes for s in stated)} |" in text


def lesson_with(*sources):
    return {
        "cells": [
            {"cell_type": "code", "id": str(n), "metadata": {}, "source": s} for n, s in enumerate(sources)
        ]
    }


def test_an_exercise_that_is_asked_twice_or_unknown_is_refused():
    with pytest.raises(InputError, match="01-visitor has two answer cells"):
        source_notebook(lesson_with("%%answer 01-visitor\n???", "%%answer 01-visitor\n???"), "x", "nets")
    with pytest.raises(QuestionError, match="Did you mean 01-visitor"):
        source_notebook(lesson_with("%%answer 01-visitr\n???"), "x", "nets")


@pytest.mark.parametrize(
    ("arguments", "roster", "says"),
    [
        (["--course", "a b"], None, "course: name: 'a b': use letters"),
        (["--course", "../x"], None, "course: name"),
        (["--lessons", "/nowhere"], None, "no notebooks in /nowhere; name their folder with --lessons"),
        ([], "student,name\n../ana,Ana\n", "student '../ana': nbgrader names folders by it"),
        ([], "student\na+b\n", "student 'a+b'"),
        ([], "who\nana\n", "It needs a column `student`"),
    ],
)
def test_what_cannot_be_a_course_gets_one_sentence(tmp_path, capsys, arguments, roster, says):
    more = []
    if roster:
        (tmp_path / "roster.csv").write_text(roster, encoding="utf-8")
        more = ["--roster", str(tmp_path / "roster.csv")]
    assert main(["course", "create", str(tmp_path / "c"), *arguments, *more]) == 1
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said
    assert not (tmp_path / "c" / "nbgrader_config.py").exists()


def test_a_course_is_never_written_over_another(course, capsys):
    before = (course.folder / "nbgrader_config.py").read_bytes()
    assert main(["course", "create", str(course.folder)]) == 1
    assert "there is a course already" in capsys.readouterr().err
    assert (course.folder / "nbgrader_config.py").read_bytes() == before


def nbgrader(course, *words):
    """Run nbgrader as somebody who has activated the environment."""
    programs = Path(sys.executable).parent
    return subprocess.run(
        [programs / "nbgrader", *words],
        cwd=course.folder,
        env=os.environ
        | {"HOME": str(course.folder.parent), "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def released(course):
    done = nbgrader(course, "generate_assignment", "01-nodeport")
    assert done.returncode == 0, done.stderr
    return course.folder / "release" / "01-nodeport"


def test_nbgrader_releases_the_answer_cells_as_they_are(released):
    path = released / "01-nodeport.ipynb"
    texts = ["".join(c["source"]) for c in json.loads(path.read_text(encoding="utf-8"))["cells"]]
    assert [text for text in texts if text.startswith("%%answer")] == [
        f"%%answer {one}\n???" for one in EXERCISES
    ]
    assert (released / "glossary.md").is_file()


def hand_in(course, released, student, answer):
    folder = course.folder / "submitted" / student / "01-nodeport"
    shutil.copytree(released, folder)
    path = folder / "01-nodeport.ipynb"
    text = path.read_text(encoding="utf-8")
    given = json.dumps(f"%%answer 01-visitor\n{answer}")[1:-1]
    for source in (r'"%%answer 01-visitor\n",' + "\n    " + '"???"', r'"%%answer 01-visitor\n???"'):
        text = text.replace(source, f'"{given}"')
    assert given in text
    path.write_text(text, encoding="utf-8")
    (folder / "timestamp.txt").write_text("2026-11-02 10:00:00.000000 UTC", encoding="utf-8")


def test_marks_of_a_class_that_nbgrader_never_graded_are_nbgraders_own(course, released, tmp_path):
    """Its gradebook, its export and a second run of ours agree on students that it first hears of from us."""
    hand_in(course, released, "ana", answers.right("01-visitor", draw("01-visitor", "nets-2026", "ana")))
    hand_in(course, released, "zoe", "near: 1.1.1.1\nfar: 1.1.1.1\ninside: 1.1.1.1")
    for _ in range(2):
        grade = ["course", "grade", str(course.folder), "--out", str(tmp_path / "marks"), "--workers", "1"]
        assert main([*grade, "--roster", str(course.folder.parent / "roster.csv")]) == 0
        with Gradebook(f"sqlite:///{course.folder / 'gradebook.db'}", "nets-2026") as book:
            found = {one.student.id: one for one in book.assignment_submissions("01-nodeport")}
            assert sorted(found) == ["ana", "zoe"], "ben handed nothing in"
            assert [found[name].score for name in ("ana", "zoe")] == [3, 0]
            assert found["ana"].max_score == sum(find(name).points for name in EXERCISES)
            assert found["ana"].student.first_name == "Ana"
            assert str(found["ana"].timestamp) == "2026-11-02 10:00:00"
            assert not found["ana"].needs_manual_grade
            (notebook,) = found["ana"].notebooks
            assert len(notebook.comments) == len(notebook.grades) == 3
    exported = nbgrader(course, "export")
    assert exported.returncode == 0, exported.stderr
    rows = (course.folder / "grades.csv").read_text(encoding="utf-8").splitlines()
    assert any(row.startswith("01-nodeport,") and ",ana," in row and ",3.0," in row for row in rows)


def test_a_gradebook_that_cannot_be_written_is_one_sentence(tmp_path):
    results = Results("nets", "Lab", (), ())
    (tmp_path / "gradebook.db").write_bytes(b"no database, but a text of some length" * 100)
    with pytest.raises(
        InputError, match=r"the gradebook cannot be written \(file is not a database\); the reports are"
    ):
        write_marks(results, tmp_path)


def test_nbgrader_takes_the_roster(course):
    done = nbgrader(course, "db", "student", "import", "students.csv")
    assert done.returncode == 0, done.stderr
    assert "ana" in nbgrader(course, "db", "student", "list").stdout
