"""The pages and files that grading leaves: everything is there, escaped, and asks nothing of the network."""

import io
import json
import re
from fractions import Fraction
from html.parser import HTMLParser

import pytest
from class_made import book, make_class
from made import COURSE, answer, notebook, submitted, write

from svcnotes.cli import main
from svcnotes.coursework.feedback import feedback
from svcnotes.coursework.grade_command import bars
from svcnotes.coursework.marking import PARTIAL, UNJUDGED, WRONG, Judgement, Property, judge
from svcnotes.coursework.outputs import feedback_files
from svcnotes.coursework.overview import overview
from svcnotes.coursework.page import text as escaped
from svcnotes.coursework.results import (
    Alike,
    Asked,
    Foreign,
    Mark,
    Results,
    Student,
    mark_from_json,
    mark_to_json,
    plain,
)
from svcnotes.exercises import Exercise, Part, Verdict

EVIL = "</pre><script>alert(1)</script>\u202e\x00<img src=x onerror=alert(1)>"
ASKED = Asked("01-visitor", "Who is it?", "01-nodeport", "predict", f"Which address? {EVIL}", "???")
MARK = Mark(
    ASKED,
    Judgement(
        PARTIAL,
        Fraction(9, 5),
        3,
        (Property("it reaches the pod", ok=True, points=2), Property(f"it keeps the source {EVIL}", ok=False, points=1)),
        "snat-uses-the-nodes-address",
        f"said {EVIL}",
        f"why {EVIL}",
        "-A KUBE-POSTROUTING -j MASQUERADE",
    ),
    f"172.18.0.12 {EVIL}",
    "01-nodeport.ipynb, cell 4",
    1,
    (f"a remark {EVIL}",),
)  # fmt: skip
STUDENT = Student(f"ada{EVIL}", f"Ada {EVIL}", "a@x", "12", True, (MARK,), (f"of the whole {EVIL}",))


class Seen(HTMLParser):
    """The tags and texts of a page."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.text, self.attributes = [], "", []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]

    def handle_data(self, data):
        self.text += data


def results(*students, **more):
    return Results(COURSE, f"Lab {EVIL}", (ASKED,), students, **more)


@pytest.fixture(params=["feedback", "overview"])
def shown(request):
    whole = results(
        STUDENT,
        remarks=(f"about {EVIL}",),
        alike=(Alike("01-visitor", (STUDENT.student, "b"), Fraction(9, 10)),),
        foreign=(Foreign("01-visitor", STUDENT.student, ("b",), same_words=True),),
    )
    return (
        feedback(whole, STUDENT)
        if request.param == "feedback"
        else overview(whole, {STUDENT.student: "feedback/a.html"})
    )


def test_what_comes_from_outside_is_shown_and_never_run(shown):
    seen = Seen(shown)
    assert not {"script", "img", "iframe", "object", "link", "form"} & set(seen.tags)
    assert "<script>alert(1)</script>‹U+202E›‹U+0000›" in seen.text
    assert "\u202e" not in shown
    assert "\x00" not in shown
    assert not [name for _, name, _ in seen.attributes if name.startswith("on") or name in {"style", "src"}]


def test_a_page_asks_nothing_of_the_network(shown):
    policy = next(value for tag, name, value in Seen(shown).attributes if (tag, name) == ("meta", "content"))
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    targets = [value for _, name, value in Seen(shown).attributes if name in {"href", "src", "action"}]
    assert [target for target in targets if re.match(r"[a-z]*:|//", target)] == []


def test_feedback_tells_question_answer_points_by_property_the_idea_and_the_rule():
    text = Seen(feedback(results(STUDENT), STUDENT)).text
    for words in (
        "Which address?", "172.18.0.12", "1.8 / 3", "it reaches the pod", "2 / 2", "0 / 1", "each takes 10 %", "−0.2",
        "The source becomes the node's own address", "number 4 in the book’s list", "SNAT takes the node's address.",
        "-A KUBE-POSTROUTING -j MASQUERADE", "why ", "said ", "a remark", "of the whole", "◐ In part",
    ):  # fmt: skip
        assert words in text, words


def missing(name):
    asked = Asked(name, "Title", "01-nodeport", "predict", "Which?", "???")
    explanation = f"There is no cell %%answer {name}."
    return Mark(asked, Judgement("missing", Fraction(0), 3, explanation=explanation))


def test_where_nothing_was_handed_in_one_sentence_says_so(tmp_path):
    write(tmp_path / "f/ada/01-nodeport.ipynb", book("ada"))
    (tmp_path / "r.csv").write_text("student\nada\nbob\n")
    more = ["--course", COURSE, "--roster", str(tmp_path / "r.csv")]
    assert main(command(tmp_path / "f", tmp_path / "out", *more)) == 0
    text = Seen((tmp_path / "out/feedback/bob.html").read_text(encoding="utf-8")).text
    assert text.count("Nothing was handed in, so there is no answer to any of the exercises.") == 1
    assert "no cell" not in text
    assert "No answer cell" not in text


def test_where_no_answer_cell_is_left_one_sentence_says_so_and_one_missing_cell_is_named():
    marks = tuple(missing(f"01-{number}") for number in range(8))
    text = Seen(feedback(results(), Student("bob", "", "", "", True, marks, ("cannot be read",)))).text
    assert text.count("None of the 8 exercises has an answer cell") == 1
    assert "There is no cell" not in text
    assert "cannot be read" in text
    text = Seen(feedback(results(), Student("bob", "", "", "", True, (*marks[:1], MARK)))).text
    assert text.count("There is no cell %%answer 01-0.") == 1


def test_the_lecturers_page_tells_what_waits_what_resembles_and_which_ideas_are_about():
    waiting = Mark(
        ASKED, Judgement(UNJUDGED, Fraction(0), 3, explanation="judging it took longer than 20 seconds"), "x"
    )
    whole = results(
        STUDENT,
        Student("bob", "Bob", "", "", True, (waiting,)),
        Student("cyd", "Cyd", "", "", False, (Mark(ASKED, Judgement("missing", Fraction(0), 3)),)),
        alike=(Alike("01-visitor", ("ada", "bob"), Fraction(9, 10)),),
        foreign=(Foreign("01-visitor", "bob", ("ada",), same_words=False),),
    )
    text = Seen(overview(whole, {})).text
    for words in (
        "2 of 3 handed in",
        "took longer than 20 seconds",
        "tried there",
        "90%",
        "nothing handed in",
        "(Jaccard)",
    ):
        assert words in text, words


def test_a_students_name_is_never_a_path():
    names = [
        "ada",
        "Ada",
        "../../etc/passwd",
        "a/b",
        "con",
        ".hidden",
        "",
        "x" * 300,
        "\ud800",
        "a\nb",
        "ａｄａ",
    ]
    files = feedback_files(names)
    assert len({file.casefold() for file in files.values()}) == len(names)
    assert all(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._~-]{0,100}\.html", file) for file in files.values())


def test_an_accounts_name_names_its_page_so_that_it_can_be_sent_back():
    names = ["ana", "ana.lima@uni.example", "s1234567", "ana+nets", "a_b-c"]
    assert feedback_files(names) == {name: f"{name}.html" for name in names}


def test_points_are_written_with_two_places_at_most():
    assert [plain(Fraction(n, d)) for n, d in ((2, 1), (9, 5), (1, 3), (0, 1), (10, 1))] == [
        "2",
        "1.8",
        "0.33",
        "0",
        "10",
    ]


def test_a_mark_comes_back_from_json_as_it_was():
    assert mark_from_json(json.loads(json.dumps(mark_to_json(MARK)))) == MARK


def exercise(*parts, hints=("a", "b", "c")):
    return Exercise(
        "x",
        "q",
        lambda _: Verdict(tuple(Part("p", ok=ok, points=points) for ok, points in parts)),
        hints,
        start="go: ?",
    )


@pytest.mark.parametrize(
    ("hints", "points"), [(0, Fraction(2)), (1, Fraction(9, 5)), (3, Fraction(7, 5)), (9, Fraction(7, 5))]
)
def test_each_hint_costs_a_tenth_of_the_points_reached_and_no_more_than_there_are_hints(hints, points):
    assert judge(exercise((True, 2), (False, 1)), "x", hints).points == points


def test_an_untouched_start_gets_none_of_the_points_it_would_be_worth():
    assert judge(exercise((True, 2)), "go: ?\n").state == "blank"
    assert judge(exercise((True, 2)), "go: !").state == "right"


def test_an_answer_that_cannot_be_read_is_out_of_the_exercises_points():
    found = judge(exercise((False, 1)), "x", out_of=5)
    assert (found.state, found.points, found.out_of) == (WRONG, 0, 5)


def command(root, out, *more):
    return [
        "course",
        "grade",
        str(root),
        "--out",
        str(out),
        "--catalogue",
        "tiny_catalogue",
        "--workers",
        "1",
        *more,
    ]


def test_the_command_writes_marks_pages_and_files_for_the_platforms(tmp_path, capsys):
    make_class(tmp_path / "class", 4)
    write(
        tmp_path / "class/nbgrader_config.py",
        f'c = get_config()\nc.CourseDirectory.course_id = "{COURSE}"\n'.encode(),
    )
    assert main(command(tmp_path / "class", tmp_path / "out", "--exercises", "01-address,01-word")) == 0
    assert "4 of 4 students handed in; 2 exercises, 3 points." in capsys.readouterr().out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        "marks.csv", "moodle.csv", "canvas.csv", "blackboard.csv", "results.json", "summary.html", "feedback",
        "journal.jsonl",
    }  # fmt: skip
    summary = (tmp_path / "out/summary.html").read_text()
    for link in re.findall(r'href="([^"]+)"', summary):
        assert (tmp_path / "out" / link).is_file()


@pytest.mark.parametrize(
    ("named", "says"),
    [
        ("01-adress", "Did you mean 01-address"),
        ("01-nodport", "Did you mean 01-nodeport"),
        ("zzz", "The lessons are 01-nodeport"),
    ],
)
def test_an_exercise_that_is_not_there_is_refused_with_the_nearest_names(named, says, tmp_path, capsys):
    make_class(tmp_path / "class", 1)
    assert main(command(tmp_path / "class", tmp_path / "out", "--course", COURSE, "--exercises", named)) == 1
    assert f"no exercise and no lesson {named!r}. {says}" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_said_before_anything_else(tmp_path, capsys):
    assert main(command(tmp_path / "nowhere", tmp_path / "out")) == 1
    assert "nowhere: there is no such folder or zip" in capsys.readouterr().err


def test_the_last_lines_say_what_to_read_and_what_students_get(tmp_path, capsys):
    write(tmp_path / "m/Ada_12_assignsubmission_file_/01-nodeport.ipynb", book("Ada"))
    write(tmp_path / "m/Bob_13_assignsubmission_file_/work.pdf", b"%PDF")
    out = tmp_path / "out"
    assert main(command(tmp_path / "m", out, "--course", COURSE)) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        f"The class: {out / 'summary.html'}",
        f"For students: {out / 'feedback'}, {out / 'moodle-feedback.zip'}",
    ]
    assert "work.pdf: it is no notebook" in (out / "summary.html").read_text(encoding="utf-8")
    make_class(tmp_path / "class", 1)
    assert main(command(tmp_path / "class", out, "--course", COURSE)) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"For students: {out / 'feedback'}"


def test_a_lesson_that_one_student_brings_along_is_not_part_of_the_assignment(tmp_path, capsys):
    make_class(tmp_path / "class", 4)
    assert main(command(tmp_path / "class", tmp_path / "out", "--course", COURSE)) == 0
    submitted(tmp_path / "other", "ada", notebook(answer("01-word", "refused")), lesson="something-else")
    assert main(command(tmp_path / "other", tmp_path / "out2", "--course", COURSE)) == 1
    assert "it is not known what was asked" in capsys.readouterr().err


def test_an_nbgrader_courses_own_source_says_what_was_asked(tmp_path):
    make_class(tmp_path / "class", 4)
    write(tmp_path / "class/source/01-nodeport/01-nodeport.ipynb", notebook(answer("01-word", "???")))
    assert main(command(tmp_path / "class", tmp_path / "out", "--course", COURSE)) == 0
    assert [
        one["exercise"] for one in json.loads((tmp_path / "out/results.json").read_text())["exercises"]
    ] == ["01-word"]


def test_a_course_that_nbgraders_settings_call_otherwise_is_noted(tmp_path, capsys):
    make_class(tmp_path / "class", 1)
    write(tmp_path / "class/nbgrader_config.py", b'c.CourseDirectory.course_id = "nets-2025"\n')
    assert main(command(tmp_path / "class", tmp_path / "out", "--course", COURSE)) == 0
    note = f"Cases are those of {COURSE} (--course); nbgrader's settings beside the files say nets-2025."
    assert note in capsys.readouterr().err
    assert "settings beside the files" in (tmp_path / "out/summary.html").read_text(encoding="utf-8")


def test_without_the_courses_name_nothing_is_graded(tmp_path, capsys):
    make_class(tmp_path / "class", 1)
    assert main(command(tmp_path / "class", tmp_path / "out")) == 1
    assert capsys.readouterr().err.startswith("--course is missing")


def test_a_roster_of_moodle_gives_marks_back_to_moodle(tmp_path):
    write(tmp_path / "m/Ada L_12_assignsubmission_file_/01-nodeport.ipynb", book("ada"))
    (tmp_path / "sheet.csv").write_text(
        "Identifier,Full name,Email address,Status,Grade,Maximum Grade,Last modified (grade)\n"
        "Participant 12,Ada L,ada@x.org,Submitted,,100,-\nParticipant 13,Bob,bob@x.org,,,100,-\n"
    )
    assert (
        main(
            command(
                tmp_path / "m",
                tmp_path / "out",
                "--course",
                COURSE,
                "--roster",
                str(tmp_path / "sheet.csv"),
                "--scale",
                "100",
            )
        )
        == 0
    )
    lines = (tmp_path / "out/moodle.csv").read_text().splitlines()
    assert lines[1].startswith("Participant 12,Ada L,ada@x.org,Submitted,100,100,-")
    assert lines[2].startswith("Participant 13,Bob,bob@x.org,,,100,-")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_how_far_it_is(monkeypatch):
    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    with bars() as progress:
        for _ in range(4):
            progress("notebooks", 2, 8)
    assert "8/8" in shown.getvalue()
    assert "notebooks" in shown.getvalue()


def test_a_pile_of_marks_over_a_letter_does_not_cover_the_page():
    assert escaped("Zoe\u0308 \u0e17\u0e35\u0e48") == "Zoe\u0308 \u0e17\u0e35\u0e48"
    assert escaped("e" + "\u0301" * 6) == "e" + "\u0301" * 4 + "‹U+0301›" * 2
