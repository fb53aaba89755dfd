"""The cell magic `%%answer EXERCISE`, and the two line magics around it.

A cell's text is the answer. It is read and judged, never run.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from svcnotes.coursework.answer_text import MAGIC, SEATED, AnswerText, read_answer, tidy, unanswered
from svcnotes.coursework.course_desk import DESK, SELF_STUDY, Desk, autograding
from svcnotes.coursework.marking import judge
from svcnotes.errors import QuestionError
from svcnotes.exercises.personal import Personal, find
from svcnotes.exercises.verdict import wrapped

COST = "each level takes 10 % of the points reached"


def answer(line: str, cell: str = "", desk: Desk = DESK) -> None:
    """Show the question of one's own case, then what its check says of the cell's text.

    A cell without an answer gets what there is to begin with (in JupyterLab into the cell itself), or a form
    where the question has choices; an answer checked in a form is taken over.
    """
    given = read(line, cell)
    case = desk.case(given.exercise)
    taken = desk.forms.pop(given.exercise, "")
    if taken and unanswered(given.text, case.start):
        given = replace(given, text=taken)
        _replace_cell(f"{MAGIC} {line.strip()}\n{taken}")
    desk.answers[given.exercise] = given
    _say(told(case, given, desk))
    if unanswered(given.text, case.start) and not autograding():
        _offer(case, given, line, desk)


def _offer(case: Personal, given: AnswerText, line: str, desk: Desk) -> None:
    """What to begin with, where nothing is answered yet."""
    if case.choices:
        show_form(case, desk)
    elif case.start and tidy(given.text) != tidy(case.start):
        _say(f"\nBegin with this, below the first line of the cell:\n\n{case.start.strip()}")
        _replace_cell(f"{MAGIC} {line.strip()}\n{case.start.strip()}")


def show_form(case: Personal, desk: Desk) -> None:
    """A form for the answer; its module loads when one is shown."""
    from svcnotes.widgets.answer_form import show

    show(case, desk)


def answer_form(line: str, desk: Desk = DESK) -> None:
    """Show an exercise with a form: `%answer-form EXERCISE`; the answer cell takes over what was checked in it."""
    case = desk.case(line.strip())
    _say(heading(case, desk), "", str(case))
    show_form(case, desk)


def read(line: str, cell: str) -> AnswerText:
    """What an answer cell holds. Raises QuestionError where its first line names no exercise."""
    given = read_answer(f"{MAGIC} {line}\n{cell}")
    if given is None:
        raise QuestionError(
            f"{MAGIC}: {line.strip()[:80]!r} names no exercise; write {MAGIC} 01-visitor, say"
        )
    return given


def told(case: Personal, given: AnswerText, desk: Desk) -> str:
    """The whole output of an answer cell in words: the heading, the question, the verdict, the hints asked for."""
    lines = [heading(case, desk), "", str(case)]
    if given.strange:
        lines += ["", f"(Not understood on the first line, and left aside: {given.strange})"]
    lines += ["", *verdict_lines(case, given)]
    lines += hint_lines(case, given)
    return "\n".join(lines)


def heading(case: Personal, desk: Desk) -> str:
    """Whose case it is, what it is worth, how long it takes."""
    definition = find(case.name)
    number = desk.fresh.get(case.name, 0)
    whose = f"practice case {number}" if number else "your case"
    if desk.course != SELF_STUDY:
        name = desk.student
        whose = f"{'not marked, ' + whose if number else 'the case of ' + name} in {desk.course}"
    if desk.nameless and not number:
        whose = f"nobody's case in {desk.course}: say who you are with %student {desk.course} YOUR-NAME"
    points = f"{definition.points} point{'' if definition.points == 1 else 's'}"
    return f"{definition.title} ({case.name}; {points}, about {definition.minutes} minutes; {whose})"


def verdict_lines(case: Personal, given: AnswerText) -> list[str]:
    """What the check says; an answer that is none yet is not judged."""
    if unanswered(given.text, case.start):
        return ["No answer yet: write it below the first line, then run the cell again."]
    lines = str(replace(case.check(given.text), hint="")).splitlines()
    mark = judge(case, given.text, given.hints, out_of=find(case.name).points)
    whole = sum(part.points for part in mark.properties if part.ok)
    if mark.points != whole:
        lines += ["", f"With the hints taken: {float(mark.points):g} points."]
    return lines


def hint_lines(case: Personal, given: AnswerText) -> list[str]:
    """The hints taken so far, and what the next one costs."""
    taken = min(given.hints, len(case.hints))
    lines = [part for level in range(1, taken + 1) for part in wrapped(f"Hint {level}: {case.hint(level)}")]
    if taken < len(case.hints) and not (given.text and case.check(given.text).ok):
        lines += wrapped(f"Stuck? Write {MAGIC} {case.name} --hint {taken + 1} on the first line; {COST}.")
    return ["", *lines] if lines else []


def student(line: str, desk: Desk = DESK) -> None:
    """Say who answers: `%student COURSE NAME`; on a hub `%student COURSE` is enough."""
    course, _, name = line.strip().partition(" ")
    if not course:
        raise QuestionError("%student: write %student COURSE NAME")
    desk.sit(course, name.strip())
    if desk.nameless:
        _say(
            f"Put your name as your course knows it in place of the question marks: %student {desk.course} NAME"
        )
    else:
        _say(SEATED.format(student=desk.student, course=desk.course))


def answer_new(line: str, desk: Desk = DESK) -> None:
    """Lay out another case of an exercise for practice: `%answer-new EXERCISE`; with 0 after it, one's own again."""
    words = line.split()
    if not 1 <= len(words) <= 2 or not all(word.isdecimal() and len(word) < 10 for word in words[1:]):
        raise QuestionError(
            "%answer-new: write %answer-new EXERCISE, or %answer-new EXERCISE 0 for your own case"
        )
    case = desk.another(words[0], *(int(word) for word in words[1:]))
    _say(
        heading(case, desk),
        str(case),
        "",
        f"Answer it in a cell that begins with {MAGIC} {case.name}.",
    )


def _say(*lines: str) -> None:
    """Print: a magic's words are the cell's output."""
    print(*lines, sep="\n")  # noqa: T201


def _replace_cell(text: str) -> None:
    """Put an answer that was chosen in a form into the cell that is being run, where a frontend can."""
    shell: Any = _shell()
    if shell is not None:
        shell.set_next_input(text, replace=True)


def _shell() -> Any:
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    return get_ipython()
