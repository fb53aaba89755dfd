"""Feedback goes back to Moodle and Canvas as the zip that their assignments take, to whom the number in the download means."""

import json
import re
import zipfile

import pytest
from class_made import book, make_class
from made import COURSE, answer, notebook, write

from svcnotes.cli import main
from svcnotes.coursework.feedback_zip import canvas_member, moodle_member
from svcnotes.coursework.notebook import read_notebook
from svcnotes.coursework.places import place_of

ZIP = "moodle-feedback.zip"


def command(root, out, *more):
    return [
        "course", "grade", str(root), "--out", str(out), "--course", COURSE, "--catalogue", "tiny_catalogue",
        "--workers", "1", *more,
    ]  # fmt: skip


def taken_by_moodle(name):
    """(number, file) as Moodle's importer reads a member's name; None where it passes it over."""
    parts = name.split("/")
    if parts[-1].startswith((".", "~")):
        return None
    while parts:
        info = parts.pop(0).split("_", 4)
        if len(info) >= 4 and info[1].isdigit() and info[2:4] == ["assignsubmission", "file"]:
            return info[1], "/".join([*info[4:], *parts]).lstrip("/")
    return None


def test_each_page_lies_where_moodle_finds_its_student(tmp_path):
    root = tmp_path / "class"
    write(root / "Ada Lovelace_12_assignsubmission_file_/01-nodeport.ipynb", book("Ada Lovelace"))
    write(root / "Bob_13_assignsubmission_file/01-nodeport.ipynb", book("Bob"))
    write(root / "Cyd_14_assignsubmission_file_01-nodeport.ipynb", book("Cyd"))
    write(root / "Dan_15_assignsubmission_file_/work.pdf", b"%PDF")
    for out in ("one", "two"):
        assert main(command(root, tmp_path / out)) == 0
    assert (tmp_path / "one" / ZIP).read_bytes() == (tmp_path / "two" / ZIP).read_bytes()
    with zipfile.ZipFile(tmp_path / "one" / ZIP) as archive:
        pages = {taken_by_moodle(name): archive.read(name).decode() for name in archive.namelist()}
    assert set(pages) == {(number, "feedback.html") for number in ("12", "13", "14", "15")}
    assert "<h1><bdi>Ada Lovelace</bdi></h1>" in pages["12", "feedback.html"]
    assert "work.pdf: it is no notebook" in pages["15", "feedback.html"]
    assert [path.name for path in (tmp_path / "one").iterdir() if path.name.endswith(".part")] == []


def test_with_a_worksheet_only_those_who_handed_in_get_a_page(tmp_path):
    write(tmp_path / "m/Ada L_12_assignsubmission_file_/01-nodeport.ipynb", book("ada"))
    sheet = "Identifier,Full name,Email address\nParticipant 12,Ada L,ada@x\nParticipant 13,Bob,bob@x\n"
    (tmp_path / "sheet.csv").write_text(sheet)
    assert main(command(tmp_path / "m", tmp_path / "out", "--roster", str(tmp_path / "sheet.csv"))) == 0
    with zipfile.ZipFile(tmp_path / "out" / ZIP) as archive:
        assert archive.namelist() == ["Ada L_12_assignsubmission_file_/feedback.html"]


def test_from_elsewhere_there_is_no_such_zip(tmp_path):
    make_class(tmp_path / "class", 1)
    assert main(command(tmp_path / "class", tmp_path / "out")) == 0
    assert not (tmp_path / "out" / ZIP).exists()


@pytest.mark.parametrize(
    "name", ["A_9_assignsubmission_file_", "..", "a\\b", "A\u202eb\x07", "x" * 300, "_7_"]
)
def test_no_display_name_sends_feedback_to_somebody_else_or_out_of_the_zip(name):
    place = place_of(f"{name}_123_assignsubmission_file_/x.ipynb", "moodle")
    member = moodle_member(place)
    assert taken_by_moodle(member) == ("123", "feedback.html")
    assert member.isprintable()
    assert "\\" not in member
    assert not member.startswith(("./", "../"))


def taken_by_canvas(name):
    """(student, file handed in) as Canvas reads a name: the first two numbers between underscores."""
    return tuple(word for word in name.split("_") if word != "LATE" and re.fullmatch(r"\d+", word))[:2]


def test_to_canvas_goes_a_notebook_named_as_the_one_handed_in(tmp_path):
    nasty = "</pre>\n\n<script>alert(1)</script> $x$ `"
    write(tmp_path / "c/lovelaceada_12_101_01-nodeport.ipynb", notebook(answer("01-word", nasty)))
    write(tmp_path / "c/bob_LATE_13_102_01-nodeport-2.ipynb", book("bob"))
    write(tmp_path / "c/cyd_14_103_work.pdf", b"%PDF")
    for out in ("one", "two"):
        assert main(command(tmp_path / "c", tmp_path / out, "--layout", "canvas")) == 0
    one, two = ((tmp_path / out / "canvas-feedback.zip").read_bytes() for out in ("one", "two"))
    assert one == two
    with zipfile.ZipFile(tmp_path / "one/canvas-feedback.zip") as archive:
        members = {taken_by_canvas(name): archive.read(name) for name in archive.namelist()}
    assert set(members) == {("12", "101"), ("13", "102")}
    made = read_notebook(members["12", "101"])
    assert made.remarks == ()
    assert {cell.kind for cell in made.cells} == {"markdown"}
    assert json.loads(members["12", "101"])["nbformat"] == 4
    cards = "\n".join(cell.source for cell in made.cells[1:])
    assert "<script>" not in cards
    assert "$" not in cards
    assert "&lt;/pre&gt;&#10;&#10;&lt;script&gt;alert(1)" in cards
    assert [cell.source.count("\n") for cell in made.cells] == [0] * len(made.cells)


def test_a_display_name_of_numbers_sends_nothing_to_somebody_else():
    path = "7_bond_12_345_x.ipynb"
    assert canvas_member(place_of(path, "canvas"), path) == ""
