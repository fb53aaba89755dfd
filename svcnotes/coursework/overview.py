"""The lecturer's page: the class at a glance, what needs a person, answers that resemble each other."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from statistics import median

from svcnotes.coursework.alike import DECLARED as HOW_ALIKE
from svcnotes.coursework.foreign import DECLARED as HOW_FOREIGN
from svcnotes.coursework.marking import BLANK, MISSING, PARTIAL, RIGHT, WRONG
from svcnotes.coursework.page import meter, name, page, text
from svcnotes.coursework.results import Mark, Results, plain
from svcnotes.exercises.misconceptions import ALL

MOST = 500
"""Of a list on the page; all of it is in results.json."""
_STATES = (RIGHT, PARTIAL, WRONG, BLANK, MISSING)


def overview(results: Results, files: Mapping[str, str]) -> str:
    """The page, as HTML; `files` says for each student which file has the feedback, relative to the page."""
    parts = [
        _head(results),
        _notes("About the whole", results.remarks),
        _unjudged(results, files),
        _exercises(results),
        _ideas(results),
        _foreign(results, files),
        _alike(results, files),
        _odd(results, files),
        _students(results, files),
    ]
    return page(f"{results.title}: the class", "\n".join(part for part in parts if part))


def _head(results: Results) -> str:
    there = [one for one in results.students if one.handed_in]
    middle = median([one.points for one in there]) if there else Fraction(0)
    share = Fraction(middle) / results.out_of if results.out_of else Fraction(0)
    return (
        f'<div class="head"><div><small>course {text(results.course)}</small><h1>{text(results.title)}</h1>'
        f"<small>{len(there)} of {len(results.students)} handed in; {len(results.exercises)} exercises</small></div>"
        f'<div class="total">{plain(Fraction(middle))} <small>of {results.out_of}, median</small></div></div>{meter(share, "bar")}'
    )


def _unjudged(results: Results, files: Mapping[str, str]) -> str:
    waiting = [
        f"<tr><td>{_link(student, files)}</td><td class='id'>{text(mark.exercise)}</td><td>{text(mark.judgement.explanation)}</td></tr>"
        for student, mark in results.to_look_at
    ]
    return _card(
        "To look at: answers that could not be judged", "They have 0 points until you decide.", waiting
    )


def _exercises(results: Results) -> str:
    marks: dict[str, list[Mark]] = {one.exercise: [] for one in results.exercises}
    for student in results.students:
        if student.handed_in:
            for mark in student.marks:
                marks[mark.exercise].append(mark)
    columns = "".join(f'<th class="n">{word}</th>' for word in (*_STATES, "other", "mean"))
    rows = []
    for one in results.exercises:
        given = marks[one.exercise]
        count = Counter(mark.judgement.state for mark in given)
        whole = sum(mark.out_of for mark in given)
        share = Fraction(sum((mark.points for mark in given), Fraction(0))) / whole if whole else Fraction(0)
        cells = "".join(f'<td class="n">{count[state]}</td>' for state in _STATES)
        other = len(given) - sum(count[state] for state in _STATES)
        rows.append(
            f"<tr><td>{text(one.title)} <small class='id'>{text(one.exercise)}</small></td><td>{text(one.kind)}</td>{cells}"
            f'<td class="n">{other}</td><td class="n">{float(share):.0%}</td><td>{meter(share)}</td></tr>'
        )
    head = f"<tr><th>exercise</th><th>kind</th>{columns}<th></th></tr>"
    return _card("Exercises", "Of those who handed something in.", rows, head)


def _ideas(results: Results) -> str:
    count = Counter(
        mark.judgement.misconception
        for one in results.students
        for mark in one.marks
        if mark.judgement.misconception
    )
    rows = [
        f'<tr><td class="n">{number}</td><td>“{text(ALL.get(idea, idea))}” <small>{text(idea)}</small></td></tr>'
        for idea, number in sorted(count.items(), key=lambda one: (-one[1], one[0]))[:24]
    ]
    return _card(
        "Ideas behind wrong answers", "What the class may want to talk about; how many answers show it.", rows
    )


def _foreign(results: Results, files: Mapping[str, str]) -> str:
    titles = {one.exercise: one.title for one in results.exercises}
    rows = [
        f"<tr><td>{text(titles[one.exercise])}</td><td>{_link(one.student, files)}</td><td>{_who(one.fits, files)}</td>"
        f"<td>{'the same words' if one.same_words else 'tried there'}</td></tr>"
        for one in results.foreign
    ]
    head = "<tr><th>exercise</th><th>wrong for</th><th>right for</th><th>found by</th></tr>"
    return _card("Answers that fit another student’s case", HOW_FOREIGN, rows, head)


def _alike(results: Results, files: Mapping[str, str]) -> str:
    titles = {one.exercise: one.title for one in results.exercises}
    rows = [
        f"<tr><td>{text(titles[one.exercise])}</td><td>{_who(one.students, files)}"
        f"{' <small>(the usual answer: nothing to ask about)</small>' if one.common else ''}</td>"
        f'<td class="n">{float(one.likeness):.0%}</td></tr>'
        for one in results.alike
    ]
    head = '<tr><th>exercise</th><th>students</th><th class="n">alike</th></tr>'
    return _card("Free answers that are nearly the same", HOW_ALIKE, rows, head)


def _odd(results: Results, files: Mapping[str, str]) -> str:
    """Every remark on what was handed in, once where several have the same but for their name; the commonest first."""
    said: dict[str, dict[str, str]] = {}
    for one in results.students:
        own = re.compile(rf"(?<!\w){re.escape(one.student)}(?!\w)")
        remarks = (*one.remarks, *(remark for mark in one.marks for remark in mark.remarks))
        if not one.handed_in and len(remarks) == 1:
            continue  # that nothing was handed in stands in the list of students
        for remark in remarks:
            said.setdefault(own.sub("NAME", remark), {})[one.student] = remark
    rows = [
        f"<tr><td>{text(common if len(whose) > 1 else next(iter(whose.values())))}</td><td>{_who(tuple(whose), files)}</td></tr>"
        for common, whose in sorted(said.items(), key=lambda one: -len(one[1]))
    ]
    return _card("What is odd about files and answers", "Each student’s page says the same.", rows)


def _students(results: Results, files: Mapping[str, str]) -> str:
    rows = []
    for one in results.students:
        remarks = len(one.remarks) + sum(len(mark.remarks) for mark in one.marks)
        share = one.points / one.out_of if one.out_of else Fraction(0)
        points = f"{plain(one.points)} / {one.out_of}" if one.handed_in else "nothing handed in"
        rows.append(
            f'<tr><td>{_link(one.student, files)}</td><td>{name(one.name)}</td><td class="n">{points}</td>'
            f'<td>{meter(share)}</td><td class="n">{remarks or ""}</td></tr>'
        )
    head = (
        '<tr><th>student</th><th>name</th><th class="n">points</th><th></th><th class="n">remarks</th></tr>'
    )
    return _card("Students", "", rows, head, most=len(rows))


def _who(students: Sequence[str], files: Mapping[str, str]) -> str:
    more = len(students) - 12
    return ", ".join(_link(one, files) for one in students[:12]) + (f" and {more} more" if more > 0 else "")


def _link(student: str, files: Mapping[str, str]) -> str:
    file = files.get(student)
    return f'<a href="{text(file)}">{name(student)}</a>' if file else name(student)


def _notes(title: str, remarks: Sequence[str]) -> str:
    lines = "".join(f'<p class="note">{text(remark)}</p>' for remark in remarks[:MOST])
    return f'<div class="card"><h2>{title}</h2>{lines}</div>' if remarks else ""


def _card(title: str, about: str, rows: Sequence[str], head: str = "", most: int = MOST) -> str:
    """A titled table under a row of heads; nothing where it has no other rows."""
    if not rows:
        return ""
    more = len(rows) - most
    rest = f"<p>... and {more} more, in results.json.</p>" if more > 0 else ""
    return (
        f'<div class="card"><h2>{title}</h2><p class="soft">{text(about)}</p>'
        f'<div class="wide"><table>{head}{"".join(rows[:most])}</table></div>{rest}</div>'
    )
