"""What students, platforms and systems make of files and names: each is read for what it is, bounded, and said."""

import codecs
import errno
import io
import os
import re
import unicodedata
import zipfile

import pytest
from class_made import EXERCISES, book, make_class
from made import COURSE, answer, code, data, notebook, submitted, write

from svcnotes.cli import main
from svcnotes.coursework import grade as grading
from svcnotes.coursework.answer_text import read_answer
from svcnotes.coursework.course_desk import Desk
from svcnotes.coursework.grade import grade
from svcnotes.coursework.journal import Journal
from svcnotes.coursework.pool import LocalPool
from svcnotes.coursework.roster import Roster, read_roster
from svcnotes.coursework.submissions import find_submissions
from svcnotes.errors import InputError

NOBODY = Roster()
BOOK = notebook(answer("01-word", "refused"))


def command(root, out, *more):
    return [
        "course", "grade", str(root), "--out", str(out), "--course", COURSE, "--catalogue", "tiny_catalogue",
        "--workers", "1", *more,
    ]  # fmt: skip


def roster(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "roster.csv"
    path.write_bytes(text.encode(encoding))
    return read_roster(path)


def files(root, people=NOBODY, **options):
    found = find_submissions(root, people, **options).submissions
    return {one.student: [name for name, _ in one.files] for one in found}


def results(root, out, people=NOBODY):
    out.mkdir()
    pool = LocalPool(1, catalogue="tiny_catalogue")
    try:
        with Journal(out / "journal.jsonl") as journal:
            found = find_submissions(root, people)
            return grade(found, COURSE, EXERCISES, pool, journal, name="tiny_catalogue")
    finally:
        pool.close()


@pytest.mark.parametrize("write_it", [write, lambda path, made: write(path, data(made))])
@pytest.mark.parametrize(
    "place",
    [
        "ada/01-NODEPORT.IPYNB",
        "ada_12_345_01-nodeport.IPYNB",
        "Ada_12_assignsubmission_file_01-nodeport.Ipynb",
        "L_ada_attempt_2026-01-31-10-20-30_01-nodeport.IPYNB",
    ],
)
def test_a_notebooks_name_may_end_in_capitals(place, write_it, tmp_path):
    write_it(tmp_path / "c" / place, BOOK)
    ((_, found),) = files(tmp_path / "c").items()
    assert [name.lower() for name in found] == ["01-nodeport.ipynb"]
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr(place, data(BOOK))
    assert files(tmp_path / "c.zip") == files(tmp_path / "c")


@pytest.mark.parametrize(
    "inside",
    [
        ["Ada_1_assignsubmission_file_/x.ipynb", "Bob_2_assignsubmission_file_/x.ipynb"],
        ["ada_1_2_x.ipynb", "bob_2_3_x.ipynb"],
        ["L_ada_attempt_2026-01-31-10-20-30_x.ipynb"],
    ],
)
def test_a_download_inside_another_folder_is_nobodys_and_the_remedy_is_said(inside, tmp_path):
    for place in inside:
        write(tmp_path / "c/downloads" / place, BOOK)
    with pytest.raises(InputError, match=r"all of it lies in one folder, downloads. Name that folder"):
        files(tmp_path / "c")
    assert len(files(tmp_path / "c/downloads")) == len(inside)


def test_a_zip_of_submitted_is_told_from_a_student_called_so(tmp_path):
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("submitted/ada/01-nodeport/x.ipynb", data(BOOK))
    with pytest.raises(InputError, match="lies in one folder, submitted"):
        files(tmp_path / "c.zip")


def test_a_folder_that_cannot_be_opened_is_a_remark_and_the_others_are_read(tmp_path, monkeypatch):
    submitted(tmp_path, "ada", BOOK)
    submitted(tmp_path, "bob", BOOK)
    scan = os.scandir

    def refused(path):
        if str(path).endswith("bob/01-nodeport"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr("os.scandir", refused)
    found = {one.student: one for one in find_submissions(tmp_path, NOBODY).submissions}
    assert len(found["ada"].files) == 1
    assert any("the folder cannot be opened (Permission denied)" in said for said in found["bob"].remarks)


def test_names_that_differ_in_case_are_two_students_in_a_course_of_nbgrader(tmp_path):
    submitted(tmp_path / "c", "ada", BOOK)
    write(tmp_path / "c/submitted/Ada/01-nodeport/other.ipynb", BOOK)
    people = roster(tmp_path, "student\nada\n")
    assert files(tmp_path / "c", people) == {
        "ada": ["01-nodeport/01-nodeport.ipynb"],
        "Ada": ["01-nodeport/other.ipynb"],
    }
    assert any(
        "Ada is not in the roster" in said for said in find_submissions(tmp_path / "c", people).remarks
    )


def test_two_students_in_the_roster_whose_names_differ_in_case_stay_two(tmp_path):
    for name in ("Ada", "ada", "BOB"):
        write(tmp_path / "c" / name / "x.ipynb", BOOK)
    people = roster(tmp_path, "student\nada\nAda\nbob\n")
    assert files(tmp_path / "c", people) == {"Ada": ["x.ipynb"], "ada": ["x.ipynb"], "bob": ["x.ipynb"]}
    assert people.find("", "ADA") is None


def test_a_platforms_number_belongs_to_one_student(tmp_path):
    with pytest.raises(InputError, match="number '12' stands in the roster for 'ada' and for 'bob'"):
        roster(tmp_path, "student,moodle\nada,12\nbob,12\n")


def test_a_letter_with_an_accent_is_the_same_letter_however_a_system_writes_it(tmp_path):
    composed, apart = (unicodedata.normalize(form, "Zoë Müller") for form in ("NFC", "NFD"))
    assert composed != apart
    write(tmp_path / "c" / apart / "x.ipynb", BOOK)
    assert list(files(tmp_path / "c")) == [composed]
    assert files(tmp_path / "c", roster(tmp_path, f"student,name\nz1,{composed}\n")) == {"z1": ["x.ipynb"]}
    assert files(tmp_path / "c", roster(tmp_path, f"student\n{apart}\n")) == {composed: ["x.ipynb"]}
    desk = Desk()
    desk.sit(COURSE, apart)
    assert desk.name == composed


def test_a_roster_in_another_encoding_is_refused_with_the_remedy(tmp_path):
    with pytest.raises(InputError, match="Save it as CSV, UTF-8"):
        roster(tmp_path, "student,name\nz,Zoë\n", "cp1252")
    assert roster(tmp_path, "student\r\nada\r\n\r\n", "utf-8-sig").people[0].student == "ada"


@pytest.mark.parametrize("kind", ["BOM", "line ends", "nbformat 3", "nbformat 5"])
def test_what_systems_and_versions_do_to_a_notebook_changes_no_mark(kind, tmp_path):
    made = book("ada")
    if kind == "line ends":
        for cell in made["cells"]:
            cell["source"] = cell["source"].replace("\n", "\r\n")
    if kind == "nbformat 3":
        cells = [{**cell, "input": cell["source"]} for cell in made["cells"] if cell["cell_type"] == "code"]
        for cell in cells:
            del cell["source"]
        made = {"worksheets": [{"cells": cells}], "nbformat": 3, "nbformat_minor": 0}
    if kind == "nbformat 5":
        made = {**made, "nbformat": 5, "nbformat_minor": 99, "something": {"new": []}}
    content = data(made).replace(b"\n", b"\r\n") if kind == "line ends" else data(made)
    submitted(tmp_path / "c", "ada", codecs.BOM_UTF8 + content if kind == "BOM" else content)
    (ada,) = results(tmp_path / "c", tmp_path / "out").students
    assert ada.points == 7
    assert ada.remarks == (
        ("01-nodeport/01-nodeport.ipynb: This is nbformat 3; its worksheets were read.",)
        if kind == "nbformat 3"
        else ()
    )


def test_an_answer_cell_that_is_indented_is_read_as_ipython_takes_it():
    read = read_answer("\n  %%answer 01-repair --hint 1\n  spec:\n    ports: []\n")
    assert (read.exercise, read.hints, read.text) == ("01-repair", 1, "spec:\n  ports: []")
    assert read_answer("%%answer 01-repair\n  spec: 1").text == "  spec: 1"


def test_an_emptied_answer_cell_is_no_answer_and_no_error(tmp_path):
    emptied = [
        code(f"%%answer {name}{rest}")
        for name, rest in zip(EXERCISES, ("", " ", "\n", " --hint 2\n \n"), strict=True)
    ]
    submitted(tmp_path / "c", "ada", notebook(*emptied))
    (ada,) = results(tmp_path / "c", tmp_path / "out").students
    assert [mark.judgement.state for mark in ada.marks] == ["blank"] * 4
    assert ada.remarks == ()


def test_one_students_thousands_of_files_do_not_take_the_machine(tmp_path, monkeypatch):
    monkeypatch.setattr(grading, "MAX_TOGETHER", 40_000)
    for number in range(200):
        filler = {"cell_type": "markdown", "metadata": {}, "source": "x" * 10_000}
        made = book("eve") if number == 0 else notebook(filler)
        write(tmp_path / f"c/submitted/eve/01-nodeport/{number:03d}.ipynb", made)
        (tmp_path / f"c/submitted/eve/01-nodeport/{number}.pdf").symlink_to("nowhere")
    submitted(tmp_path / "c", "ada", book("ada"))
    ada, eve = results(tmp_path / "c", tmp_path / "out").students
    assert (ada.points, eve.points, ada.remarks) == (7, 7, ())
    assert re.match(
        r"195 more files were not read: the 5 before have 4[0-9],[0-9]{3} bytes together", eve.remarks[0]
    )
    assert len(eve.remarks) <= 41


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--seconds", "nan"), "--seconds more than 0 and at most"),
        (("--seconds", "inf"), "--seconds more than 0 and at most"),
        (("--seconds", "0"), "--seconds more than 0 and at most"),
        (("--scale", "-1"), "--scale are at least 0"),
    ],
)
def test_a_number_that_means_nothing_is_refused(more, says, tmp_path, capsys):
    make_class(tmp_path / "class", 1)
    assert main(command(tmp_path / "class", tmp_path / "out", *more)) == 1
    assert says in capsys.readouterr().err


def test_reports_are_never_written_among_the_submissions(tmp_path, capsys):
    write(tmp_path / "class/ada/01-nodeport.ipynb", book("ada"))
    assert main(command(tmp_path / "class", tmp_path / "class/marks")) == 1
    assert "it lies among the submissions. Name a folder beside class" in capsys.readouterr().err
    assert not (tmp_path / "class/marks").exists()
    make_class(tmp_path / "course", 1)
    assert main(command(tmp_path / "course", tmp_path / "course/marks")) == 0
    assert main(command(tmp_path / "course", tmp_path / "course/submitted/marks")) == 1


def test_an_out_that_cannot_be_made_is_one_sentence(tmp_path, capsys):
    make_class(tmp_path / "class", 1)
    (tmp_path / "file").write_text("x")
    assert main(command(tmp_path / "class", tmp_path / "file")) == 1
    assert "the folder cannot be made (File exists)" in capsys.readouterr().err


class Full(io.BytesIO):
    def write(self, _content):
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_journal_without_room_says_how_to_go_on(tmp_path):
    with Journal(tmp_path / "j") as journal:
        inside, journal._file = journal._file, Full()
        with pytest.raises(InputError, match=r"No space left on device.*goes on from there"):
            journal.add("key", 2)
        journal._file = inside
        assert "key" not in journal
