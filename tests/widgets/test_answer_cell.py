"""`%%answer` holds an answer as text: it shows one's own case, judges, and never runs what stands in the cell."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from IPython.core.interactiveshell import InteractiveShell

import svcnotes
from svcnotes.coursework.course_desk import Desk
from svcnotes.errors import InputError, QuestionError
from svcnotes.exercises.personal import draw
from svcnotes.widgets import answer_cell
from svcnotes.widgets.answer_form import TAKE_OVER, AnswerForm, form

sys.path[:0] = [str(Path(__file__).parents[2] / "tools")]

import answers  # noqa: E402 - tools are no package

VISITOR = "01-visitor"


@pytest.fixture(autouse=True)
def nowhere(monkeypatch):
    """No hub, and no nbgrader."""
    monkeypatch.delenv("JUPYTERHUB_USER", raising=False)
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def written(monkeypatch):
    """What the magic puts into the cell that is being run."""
    found = []
    monkeypatch.setattr(answer_cell, "_replace_cell", found.append)
    return found


@pytest.fixture
def forms(monkeypatch):
    found = []
    monkeypatch.setattr(answer_cell, "show_form", lambda case, desk: found.append(AnswerForm(case, desk)))
    return found


def said(capsys, *arguments, desk):
    answer_cell.answer(*arguments, desk=desk)
    return capsys.readouterr().out


def test_the_question_of_ones_own_case_comes_first_and_then_the_verdict(capsys, desk):
    case = draw(VISITOR, "self-study", "anyone")
    text = said(capsys, VISITOR, answers.right(VISITOR, case), desk=desk)
    assert text.index(str(case)) < text.index("✔ Right: 3 of 3 points")
    text = said(capsys, VISITOR, "near: 1.1.1.1\nfar: 1.1.1.1\ninside: 1.1.1.1", desk=desk)
    assert text.index(str(case)) < text.index("✘ Not yet: 0 of 3 points")


def test_an_answer_is_never_run(tmp_path):
    canary = tmp_path / "ran"
    shell = InteractiveShell()
    svcnotes.load_ipython_extension(shell)
    for text in (
        f"open({str(canary)!r}, 'w')",
        f"!touch {canary}",
        f"{{__import__('os').mknod({str(canary)!r})}}",
        f"$(touch {canary})",
        f"!!python/object/apply:os.system ['touch {canary}']",
        f"near: {{{{open({str(canary)!r}, 'w')}}}}",
        f"%%bash\ntouch {canary}",
    ):
        for exercise in (VISITOR, "01-repair"):
            assert shell.run_cell(f"%%answer {exercise}\n{text}").success, text
    assert not canary.exists()


@pytest.mark.parametrize("rest", ["", "\n", "   ", "\n   \n", " --hint 2", " --hint 2   \n\n"])
def test_an_emptied_answer_cell_says_what_to_do_and_is_no_error(rest, capsys):
    shell = InteractiveShell()
    svcnotes.load_ipython_extension(shell)
    svcnotes.load_ipython_extension(shell)
    assert shell.run_cell(f"%%answer {VISITOR}{rest}").success
    text, errors = capsys.readouterr()
    assert "No answer yet: write it below the first line, then run the cell again." in text
    assert ("Hint 2: " in text) == ("--hint 2" in rest)
    assert "UsageError" not in text + errors


def test_a_magic_without_an_exercise_is_told_so_when_the_cell_is_empty_too(capsys):
    shell = InteractiveShell()
    svcnotes.load_ipython_extension(shell)
    assert not shell.run_cell("%%answer").success
    assert "names no exercise" in capsys.readouterr().out


def test_in_a_terminal_an_answer_can_be_typed_below_its_first_line():
    shell = InteractiveShell()
    svcnotes.load_ipython_extension(shell)
    assert shell.check_complete(f"%%answer {VISITOR}")[0] == "incomplete"
    assert shell.check_complete("%%time")[0] == "incomplete"
    assert shell.run_cell("%%answer?").success


def test_a_form_or_a_start_is_offered_only_where_there_is_no_answer_yet(capsys, desk, written, forms):
    case = draw("01-repair", "self-study", "anyone")
    text = said(capsys, "01-repair --hint 1", "???", desk=desk)
    assert "No answer yet" in text
    assert case.start.strip() in text
    assert written == [f"%%answer 01-repair --hint 1\n{case.start.strip()}"]
    text = said(capsys, "01-repair", case.start, desk=desk)
    assert "No answer yet" in text
    assert "✔ Right" in said(capsys, VISITOR, answers.right(VISITOR, desk.case(VISITOR)), desk=desk)
    assert len(written) == 1
    assert forms == []


def test_nbgraders_autograde_is_offered_nothing(capsys, desk, written, forms, monkeypatch):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    said(capsys, "01-repair", "???", desk=desk)
    assert written == forms == []


def test_hints_come_when_asked_for_and_their_cost_is_said_before(capsys, desk):
    case = desk.case(VISITOR)
    wrong = "near: 1.1.1.1\nfar: 1.1.1.1\ninside: 1.1.1.1"
    plain = " ".join(said(capsys, VISITOR, wrong, desk=desk).split())
    assert "Hint 1" not in plain
    assert case.hint(1) not in plain
    assert "%%answer 01-visitor --hint 1 on the first line; each level takes 10 %" in plain
    plain = " ".join(said(capsys, f"{VISITOR} --hint 2", wrong, desk=desk).split())
    for level in (1, 2):
        assert " ".join(f"Hint {level}: {case.hint(level)}".split()) in plain
    assert case.hint(3) not in plain
    assert "With the hints taken: 2.4 points" in said(
        capsys, f"{VISITOR} --hint 2", answers.right(VISITOR, case), desk=desk
    )


def test_two_students_have_two_cases_and_a_hub_says_whose(capsys, desk, monkeypatch):
    answer_cell.student("nets ana", desk=desk)
    assert "ana in nets" in capsys.readouterr().out
    hers = said(capsys, VISITOR, "???", desk=desk)
    assert str(draw(VISITOR, "nets", "ana")) in hers
    answer_cell.student("nets ben", desk=desk)
    assert hers not in said(capsys, VISITOR, "???", desk=desk)
    monkeypatch.setenv("JUPYTERHUB_USER", "ana")
    answer_cell.student("nets ???", desk=desk)
    assert hers in said(capsys, VISITOR, "???", desk=desk)


def test_a_name_may_have_spaces_as_some_rosters_have_it(capsys, desk):
    answer_cell.student("nets Ana  Lima", desk=desk)
    assert desk.student == "Ana  Lima"
    assert str(draw(VISITOR, "nets", "Ana  Lima")) in said(capsys, VISITOR, "???", desk=desk)


def test_a_course_without_a_name_says_what_is_missing(capsys, desk):
    answer_cell.student("nets ???", desk=desk)
    assert "in place of the question marks: %student nets NAME" in capsys.readouterr().out
    assert "say who you are with %student nets YOUR-NAME" in said(capsys, VISITOR, "???", desk=desk)


def test_practice_cases_are_other_ones_and_one_comes_back_to_ones_own(capsys, desk):
    own = str(desk.case(VISITOR))
    answer_cell.answer_new(VISITOR, desk=desk)
    first = capsys.readouterr().out
    answer_cell.answer_new(VISITOR, desk=desk)
    second = capsys.readouterr().out
    assert "practice case 1" in first
    assert "practice case 2" in second
    assert len({own, str(draw(VISITOR, "self-study", "anyone", fresh=1)), str(desk.case(VISITOR))}) == 3
    answer_cell.answer_new(f"{VISITOR} 0", desk=desk)
    assert own in capsys.readouterr().out


@pytest.mark.parametrize(
    ("magic", "line", "says"),
    [
        ("answer", "01-visitr", "Did you mean 01-visitor"),
        ("answer", "", "names no exercise"),
        ("student", "", "write %student COURSE NAME"),
        ("answer_new", "", "write %answer-new EXERCISE"),
        ("answer_new", "01-visitor -1", "write %answer-new EXERCISE"),
        ("answer_form", "nothing", "no exercise 'nothing'"),
    ],
)
def test_a_wrong_line_gets_one_sentence_with_the_remedy(desk, magic, line, says):
    with pytest.raises(QuestionError) as refused:
        getattr(answer_cell, magic)(line, desk=desk)
    assert says in str(refused.value)


def test_a_name_without_bounds_is_refused(desk):
    with pytest.raises(InputError, match="at most 200"):
        answer_cell.student(f"nets {'x' * 300}", desk=desk)


def test_what_a_form_has_checked_goes_into_the_answer_cell_when_it_is_run(capsys, desk, written):
    case = desk.case(VISITOR)
    shown = form(VISITOR, desk)
    shown.field.value = answers.right(VISITOR, case)
    shown.check.click()
    assert "✔ Right" in shown.said
    assert TAKE_OVER in shown.said
    text = said(capsys, VISITOR, "???", desk=desk)
    assert "✔ Right" in text
    assert written == [f"%%answer {VISITOR}\n{answers.right(VISITOR, case)}"]
    assert desk.answers[VISITOR].text == answers.right(VISITOR, case)


def test_a_form_shows_whatever_is_typed_as_text(desk):
    shown = form(VISITOR, desk)
    shown.field.value = "near: <script>alert(1)</script>\nfar: x\ninside: x"
    shown.check.click()
    assert "<script>" not in shown.children[2].value
    assert 'aria-live="polite"' in shown.children[2].value


def test_the_magics_are_there_after_the_import_and_by_load_ext():
    shell = InteractiveShell()
    svcnotes.load_ipython_extension(shell)
    assert "answer" in shell.magics_manager.magics["cell"]
    assert {"student", "answer-new", "answer-form"} <= set(shell.magics_manager.magics["line"])


def test_the_import_stays_quick_and_needs_no_ipython():
    program = (
        "import sys, time; start = time.perf_counter(); import svcnotes; took = time.perf_counter() - start\n"
        "import json; print(json.dumps([took, [m for m in sys.modules if m.startswith(('IPython', 'svcnotes.'))]]))"
    )
    took, loaded = json.loads(subprocess.check_output([sys.executable, "-c", program]))
    assert took < 0.1
    assert loaded == []
