"""Whose a notebook is comes from the place where nbgrader or a platform put it, and nothing leads out of it."""

import io
import os
import stat
import zipfile

import pytest
from made import answer, data, notebook, submitted, write

from svcnotes.coursework.places import layout_of, place_of
from svcnotes.coursework.roster import Roster, read_roster
from svcnotes.coursework.submissions import find_submissions
from svcnotes.errors import InputError

BOOK = notebook(answer("01-word", "refused"))
NOBODY = Roster()


def found(root, roster=NOBODY, **options):
    return find_submissions(root, roster, **options)


def files(root, roster=NOBODY, **options):
    return {
        one.student: [name for name, _ in one.files] for one in found(root, roster, **options).submissions
    }


def zipped(path, members, **infos):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(infos.get(name, name), content)
    return path


@pytest.mark.parametrize(
    ("layout", "path", "name", "number", "file"),
    [
        ("nbgrader", "ada/01-nodeport/01-nodeport.ipynb", "ada", "", "01-nodeport/01-nodeport.ipynb"),
        ("moodle", "Ada Lovelace_123_assignsubmission_file_/x.ipynb", "Ada Lovelace", "123", "x.ipynb"),
        ("moodle", "Ada Lovelace_123_assignsubmission_file/x.ipynb", "Ada Lovelace", "123", "x.ipynb"),
        ("moodle", "Ada_123_assignsubmission_file_x.ipynb", "Ada", "123", "x.ipynb"),
        # a display name and a file name are the student's to choose
        ("moodle", "A_9_assignsubmission_file__123_assignsubmission_file_/x.ipynb", "A_9_assignsubmission_file_", "123", "x.ipynb"),
        ("moodle", "Ada_123_assignsubmission_file_z_9_assignsubmission_file_x.ipynb", "Ada", "123", "z_9_assignsubmission_file_x.ipynb"),
        ("canvas", "lovelaceada_123_4567_x.ipynb", "lovelaceada", "123", "x.ipynb"),
        ("canvas", "lovelaceada_LATE_123_4567_x-2.ipynb", "lovelaceada", "123", "x.ipynb"),
        ("canvas", "lovelaceada_123_4567_bob_1_2_x.ipynb", "lovelaceada", "123", "bob_1_2_x.ipynb"),
        ("blackboard", "Lab 1_ada_attempt_2026-01-31-10-20-30_x.ipynb", "ada", "ada", "x.ipynb"),
        ("blackboard", "Lab_1_ada_attempt_2026-01-31-10-20-30_z_bob_attempt_2026-01-31-10-20-30_x.ipynb", "ada", "ada", "z_bob_attempt_2026-01-31-10-20-30_x.ipynb"),
        ("folders", "ada/x.ipynb", "ada", "", "x.ipynb"),
    ],
)  # fmt: skip
def test_a_files_place_says_whose_it_is(layout, path, name, number, file):
    place = place_of(path, layout)
    assert place is not None
    assert (place.name, place.number, place.file) == (name, number, file)
    assert layout_of([path]) == layout


def test_a_file_named_as_on_another_platform_stays_its_students(tmp_path):
    submitted(tmp_path, "ada", BOOK)
    write(tmp_path / "submitted/bob/01-nodeport/ada_1_2_01-nodeport.ipynb", BOOK)
    write(tmp_path / "submitted/bob/01-nodeport/Ada_1_assignsubmission_file_/x.ipynb", BOOK)
    assert files(tmp_path)["ada"] == ["01-nodeport/01-nodeport.ipynb"]
    assert len(files(tmp_path)["bob"]) == 2


def test_one_assignment_of_an_nbgrader_course_can_be_chosen(tmp_path):
    submitted(tmp_path, "ada", BOOK)
    submitted(tmp_path, "ada", BOOK, lesson="02-snat")
    assert len(files(tmp_path)["ada"]) == 2
    assert files(tmp_path, assignments=["02-snat"]) == {"ada": ["02-snat/02-snat.ipynb"]}


def test_of_what_was_handed_in_again_the_latest_counts(tmp_path):
    write(tmp_path / "c/ada_1_10_x.ipynb", BOOK)
    write(tmp_path / "c/ada_LATE_1_12_x-2.ipynb", BOOK)
    write(tmp_path / "c/ada_1_11_x-1.ipynb", BOOK)
    (one,) = found(tmp_path / "c").submissions
    assert one.files[0][1].path == "ada_LATE_1_12_x-2.ipynb"
    assert any("marks it as late" in remark for remark in one.remarks)
    write(tmp_path / "b/L_ada_attempt_2026-01-31-10-20-30_x.ipynb", BOOK)
    write(tmp_path / "b/L_ada_attempt_2026-02-01-10-20-30_x.ipynb", BOOK)
    (one,) = found(tmp_path / "b").submissions
    assert [source.path for _, source in one.files] == ["L_ada_attempt_2026-02-01-10-20-30_x.ipynb"]


def test_several_files_of_one_student_on_moodle_all_count_in_the_order_of_their_names(tmp_path):
    for name in ("b.ipynb", "a.ipynb", "deep/c.ipynb"):
        write(tmp_path / "Ada_1_assignsubmission_file_" / name, BOOK)
    assert files(tmp_path) == {"Ada": ["a.ipynb", "b.ipynb", "deep/c.ipynb"]}


def test_links_pipes_and_folders_are_not_read(tmp_path):
    secret = write(tmp_path / "secret.ipynb", BOOK)
    root = tmp_path / "course"
    submitted(root, "ada", BOOK)
    bob = root / "submitted/bob/01-nodeport"
    bob.mkdir(parents=True)
    (bob / "link.ipynb").symlink_to(secret)
    os.mkfifo(bob / "pipe.ipynb")
    (bob / "folder.ipynb").mkdir()
    (root / "submitted/eve").symlink_to(root / "submitted/ada")
    write(bob / "work.pdf", b"%PDF")
    submissions = {one.student: one for one in found(root).submissions}
    assert [one.student for one in found(root).submissions if one.files] == ["ada"]
    said = "\n".join(submissions["bob"].remarks)
    assert "link.ipynb: it is a symbolic link" in said
    assert "pipe.ipynb: it is no plain file" in said
    assert "work.pdf: it is no notebook" in said
    assert any(remark.startswith("eve") for remark in found(root).remarks)


def test_a_link_that_takes_a_files_place_later_is_not_followed(tmp_path):
    path = submitted(tmp_path, "ada", BOOK)
    (one,) = found(tmp_path).submissions
    path.unlink()
    path.symlink_to(write(tmp_path / "secret.ipynb", BOOK))
    with pytest.raises(InputError, match="cannot be opened"):
        one.files[0][1].read()


def test_a_zip_is_read_in_place_and_no_name_leads_out_of_it(tmp_path):
    link = zipfile.ZipInfo("Eve_5_assignsubmission_file_/l.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    inner = io.BytesIO()
    zipped(inner, [("x.ipynb", data(BOOK))])
    path = zipped(
        tmp_path / "moodle.zip",
        [
            ("Ada_1_assignsubmission_file_/x.ipynb", data(BOOK)),
            ("Bob_2_assignsubmission_file_/../../x.ipynb", data(BOOK)),
            ("Bob_2_assignsubmission_file_/..\\x.ipynb", data(BOOK)),
            ("/Cyd_3_assignsubmission_file_/x.ipynb", data(BOOK)),
            ("C:/Cyd_3_assignsubmission_file_/x.ipynb", data(BOOK)),
            ("Dan_4_assignsubmission_file_/work.zip", inner.getvalue()),
            ("link", "/etc/passwd"),
            ("__MACOSX/Ada_1_assignsubmission_file_/._x.ipynb", b"x"),
            ("Fay_6_assignsubmission_file_/bomb.ipynb", b" " * 50_000_000),
        ],
        link=link,
    )
    before = sorted(tmp_path.rglob("*"))
    submissions = {one.student: one for one in found(path).submissions}
    assert {name for name, one in submissions.items() if one.files} == {"Ada", "Fay"}
    assert len(submissions["Fay"].files[0][1].read()) == 8_000_001
    said = "\n".join([*found(path).remarks, *(line for one in submissions.values() for line in one.remarks)])
    assert said.count("its name leads out of the zip") == 4
    assert "work.zip: it is no notebook" in said
    assert "l.ipynb: it is a symbolic link" in said
    assert sorted(tmp_path.rglob("*")) == before


def test_a_damaged_member_of_a_zip_stops_only_itself(tmp_path):
    path = zipped(
        tmp_path / "x.zip", [("ada/x.ipynb", data(BOOK)), ("bob/x.ipynb", os.urandom(5000)), ("cyd/x.ipynb", data(BOOK))]
    )  # fmt: skip
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("bob/x.ipynb").header_offset
    content[at + 100 : at + 140] = b"\0" * 40
    path.write_bytes(content)
    submissions = {one.student: one for one in found(path).submissions}
    assert submissions["ada"].files[0][1].read() == data(BOOK)
    with pytest.raises(InputError, match="the zip is damaged there"):
        submissions["bob"].files[0][1].read()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: root / "nowhere", "there is no such folder or zip"),
        (lambda root: write(root / "x.zip", b"PK\x03\x04 no zip"), "neither a folder nor a zip"),
        (lambda root: write(root / "only/readme.txt", b"x").parent, "there is no notebook"),
        (lambda root: write(root / "flat/x.ipynb", BOOK).parent, "no notebook lies where"),
    ],
)
def test_what_is_no_collection_of_submissions_is_refused_in_one_sentence(make, words, tmp_path):
    with pytest.raises(InputError, match=words):
        found(make(tmp_path))


def roster(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "roster.csv"
    path.write_bytes(text.encode(encoding))
    return read_roster(path)


MOODLE = 'Identifier,"Full name","Email address",Status,Grade,"Maximum Grade","Grade can be changed","Last modified (submission)","Last modified (grade)","Feedback comments"\n'


@pytest.mark.parametrize(
    ("text", "encoding", "platform", "people"),
    [
        ("student,name,email\nada,Ada Lovelace,a@x\n", "utf-8-sig", "own", [("ada", "Ada Lovelace")]),
        ("id;first_name;last_name\r\nada;Ada;Lovelace\r\n", "utf-8", "own", [("ada", "Ada Lovelace")]),
        (MOODLE + "Participant 12,Ada Lovelace,ada@x.org,,,10,Yes,-,-,\n", "utf-8", "moodle", [("ada", "Ada Lovelace")]),
        (
            'Student,ID,SIS User ID,SIS Login ID,Section,Lab (7)\n    Points Possible,,,,,10\n"Lovelace, Ada",123,S1,ada,A,\n',
            "utf-8", "canvas", [("ada", "Ada Lovelace")],
        ),
        (
            '"Last Name"\t"First Name"\t"Username"\t"Student ID"\n"Lovelace"\t"Ada"\t"ada"\t"S1"\n',
            "utf-16", "blackboard", [("ada", "Ada Lovelace")],
        ),
    ],
)  # fmt: skip
def test_a_roster_is_read_in_each_platforms_format(text, encoding, platform, people, tmp_path):
    read = roster(tmp_path, text, encoding)
    assert read.platform == platform
    assert [(one.student, one.name) for one in read.people] == people


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the roster is empty"),
        ("name,mail\nx,y\n", "It needs a column `student`"),
        ("student\nada\nada\n", "stands in the roster twice"),
        ("student,name\n,Ada\n", "line 2: student: it is empty"),
    ],
)
def test_a_roster_that_cannot_be_used_is_refused(text, words, tmp_path):
    with pytest.raises(InputError, match=words):
        roster(tmp_path, text)


def test_the_roster_says_under_which_name_a_student_draws(tmp_path):
    write(tmp_path / "m/Ada Lovelace_12_assignsubmission_file_/x.ipynb", BOOK)
    write(tmp_path / "m/Stranger_99_assignsubmission_file_/x.ipynb", BOOK)
    read = roster(
        tmp_path,
        MOODLE + "Participant 12,Ada Lovelace,ada@x.org,,,10,Yes,-,-,\nParticipant 13,Bob,bob@x,,,,,,,\n",
    )
    assert files(tmp_path / "m", read) == {"Stranger": ["x.ipynb"], "ada": ["x.ipynb"], "bob": []}
    assert any("Stranger is not in the roster" in remark for remark in found(tmp_path / "m", read).remarks)


def test_a_name_that_two_people_bear_means_neither(tmp_path):
    read = roster(tmp_path, "student,name\na1,Ada Lovelace\na2,Ada Lovelace\n")
    assert read.find("", "Ada Lovelace") is None
    assert read.find("", "a2").student == "a2"


def test_a_platforms_number_is_never_taken_for_a_students_own_number(tmp_path):
    read = roster(tmp_path, "student,name,moodle\n12,Ada,77\n77,Bob,12\n")
    assert read.find("12", "").name == "Bob"
    assert read.find("", "12").name == "Ada"


def test_in_the_platforms_own_list_a_display_name_means_nobody(tmp_path):
    write(tmp_path / "m/bob_99_assignsubmission_file_/x.ipynb", BOOK)
    read = roster(tmp_path, MOODLE + "Participant 13,Bob,bob@x,,,,,,,\n")
    with_files = [one for one in found(tmp_path / "m", read).submissions if one.files]
    assert [one.person.numbers for one in with_files] == [("99",)]


def test_two_people_of_one_name_on_a_platform_stay_two(tmp_path):
    for number in (1, 2):
        write(tmp_path / f"Ada_{number}_assignsubmission_file_/x.ipynb", BOOK)
    assert files(tmp_path) == {"Ada": ["x.ipynb"], "Ada [2]": ["x.ipynb"]}
    assert any("two people bear this name" in remark for remark in found(tmp_path).remarks)


CANVAS_LIST = 'Student,ID,SIS Login ID,Section\n"Lovelace, Ada",12,ada,\n"Eve, Eve",345,eve,\n'
MOODLE_LIST = (
    "Identifier,Full name,Email address\nParticipant 12,Ada,ada@x.org\nParticipant 345,Eve,eve@x.org\n"
)
OWN_LIST = "student,name,moodle\nada,Ada Lovelace,\neve,Eve,\n"
BLACKBOARD_LIST = "Last Name,First Name,Username\nA,Ada,ada_l\nL,Lou,l\n"


@pytest.mark.parametrize(
    ("people", "ada", "other", "says"),
    [
        (CANVAS_LIST, "lovelaceada_12_99_x.ipynb", "lovelaceada_12_345_678_x.ipynb", "may mean ada or eve"),
        (MOODLE_LIST, "Ada_12_assignsubmission_file_x.ipynb", "Ada_12_assignsubmission_file_y_345_assignsubmission_file_x.ipynb", "may mean ada or eve"),
    ],
)  # fmt: skip
def test_a_display_name_that_ends_as_anothers_number_does_not_reach_her_marks(
    people, ada, other, says, tmp_path
):
    for name in (ada, other):
        write(tmp_path / "c" / name, BOOK)
    (tmp_path / "r.csv").write_text(people)
    roster = read_roster(tmp_path / "r.csv")
    one, eve = found(tmp_path / "c", roster).submissions
    assert ([name for name, _ in one.files], eve.files) == (["x.ipynb"], ())
    assert says in one.remarks[0]
    assert one.remarks == eve.remarks


def test_two_accounts_of_one_name_are_nobody_until_a_list_has_their_numbers(tmp_path):
    for number in (12, 345):
        write(tmp_path / f"c/Ada Lovelace_{number}_assignsubmission_file_/x.ipynb", BOOK)
    (tmp_path / "r.csv").write_text(OWN_LIST)
    handed_in = found(tmp_path / "c", read_roster(tmp_path / "r.csv"))
    assert [one.files for one in handed_in.submissions] == [(), ()]
    assert (
        "ada: several people handed in under this name (the platform’s numbers 12, 345)"
        in handed_in.remarks[0]
    )
    (tmp_path / "r.csv").write_text(OWN_LIST.replace("Ada Lovelace,", "Ada Lovelace,12"))
    again = {
        one.student: len(one.files)
        for one in found(tmp_path / "c", read_roster(tmp_path / "r.csv")).submissions
    }
    assert again == {"ada": 1, "eve": 0, "Ada Lovelace": 1}


def test_a_user_name_of_blackboard_may_have_underscores(tmp_path):
    write(tmp_path / "c/Lab_1_ada_l_attempt_2026-01-31-10-20-30_x.ipynb", BOOK)
    (tmp_path / "r.csv").write_text(BLACKBOARD_LIST)
    assert files(tmp_path / "c", read_roster(tmp_path / "r.csv")) == {"ada_l": ["x.ipynb"], "l": []}


@pytest.mark.parametrize(
    ("people", "whose"),
    [(CANVAS_LIST, {"ada": ["01_2_x.ipynb"], "eve": []}), ("student\nada\n", {"ada": []})],
)
def test_a_file_of_ones_own_name_may_begin_with_numbers_where_the_list_has_the_platforms(
    people, whose, tmp_path
):
    write(tmp_path / "c/lovelaceada_12_99_01_2_x.ipynb", BOOK)
    (tmp_path / "r.csv").write_text(people)
    assert files(tmp_path / "c", read_roster(tmp_path / "r.csv"), layout="canvas") == whose


def test_one_students_many_folders_do_not_say_how_the_others_files_lie():
    theirs = [f"eve/{number}/x.ipynb" for number in range(50)]
    assert layout_of(["ada/x.ipynb", "bob/x.ipynb", *theirs]) == "folders"


def test_that_there_is_no_list_is_said_where_names_are_a_platforms(tmp_path):
    write(tmp_path / "c/Ada Lovelace_12_assignsubmission_file_/x.ipynb", BOOK)
    (said,) = found(tmp_path / "c").remarks
    assert "There is no --roster" in said
    assert "such as Ada Lovelace" in said
    assert found(tmp_path / "c", layout="folders").remarks == ()
