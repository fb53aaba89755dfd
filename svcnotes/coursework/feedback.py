"""One student's page: what was asked, what was answered, what that is worth, and why."""

from __future__ import annotations

from fractions import Fraction
from itertools import groupby

from svcnotes.coursework.marking import HINT_COST, MISSING
from svcnotes.coursework.page import STATES, meter, name, page, text
from svcnotes.coursework.results import Mark, Results, Student, plain
from svcnotes.exercises.misconceptions import ALL, LISTED, NUMBER


def feedback(results: Results, student: Student) -> str:
    """The page of one student, as HTML."""
    return page(f"{student.name or student.student}: {results.title}", "\n".join(pieces(results, student)))


def pieces(results: Results, student: Student) -> list[str]:
    """What the page says, as pieces of HTML: the head, remarks, the table of all exercises, each exercise."""
    share = student.points / student.out_of if student.out_of else Fraction(0)
    known_as = f"<small>{name(student.student)}</small>" if student.name not in {"", student.student} else ""
    head = (
        f'<div class="head"><div><small>{text(results.title)}, course {text(results.course)}</small>'
        f"<h1>{name(student.name or student.student)}</h1>{known_as}</div>"
        f'<div class="total">{plain(student.points)} <small>of {student.out_of} points</small></div></div>'
        f"{meter(share, 'bar')}"
    )
    return [head, _remarks(student.remarks), *_marks(student)]


def _marks(student: Student) -> list[str]:
    """Every exercise; where there is not one answer cell, that is said once."""
    if not student.handed_in:
        return [""]
    if all(mark.judgement.state == MISSING for mark in student.marks):
        return [
            f'<div class="card"><p>None of the {len(student.marks)} exercises has an answer cell in what was handed in: '
            "a cell of code whose first line is %%answer and the exercise’s name.</p></div>"
        ]
    return [_overview(student), *(_card(mark) for mark in student.marks)]


def _overview(student: Student) -> str:
    """A line an exercise, under its lesson's name."""
    rows = []
    for lesson, marks in groupby(student.marks, key=lambda mark: mark.asked.lesson):
        rows.append(f'<tr><th colspan="3" scope="colgroup">{text(lesson)}</th></tr>')
        rows += [
            f'<tr><td><a href="#{text(mark.exercise)}">{text(mark.asked.title)}</a></td>'
            f'<td><span class="badge {mark.judgement.state}">{STATES[mark.judgement.state]}</span></td>'
            f'<td class="n">{plain(mark.points)} / {mark.out_of}</td></tr>'
            for mark in marks
        ]
    return f'<div class="card"><h2>All exercises</h2><table>{"".join(rows)}</table></div>'


def _card(mark: Mark) -> str:
    found = mark.judgement
    parts = [
        f'<div class="head"><h2>{text(mark.asked.title)} <small>{text(mark.exercise)}</small></h2>'
        f'<div><span class="badge">{STATES[found.state]}</span> <strong>{plain(mark.points)} / {mark.out_of}</strong></div></div>'
    ]
    if mark.asked.question:
        parts.append(
            f'<h3>The question, in your case</h3><div class="text">{_lines(mark.asked.question)}</div>'
        )
    if mark.answered:
        parts.append(
            f"<h3>Your answer <small>({text(mark.place)})</small></h3><pre>{text(mark.answer)}</pre>"
        )
    if found.properties:
        parts.append(f"<h3>Points, by property</h3>{_properties(mark)}")
    if found.misconception in ALL:
        number = NUMBER[found.misconception]
        listed = (
            f" It is a form of number {number} in the book’s list: {text(LISTED[number])}" if number else ""
        )
        parts.append(
            f'<p class="idea"><strong>A common idea:</strong> “{text(ALL[found.misconception])}”'
            f" <small>{text(found.misconception)}.{listed}</small></p>"
        )
    if found.said:
        parts.append(f"<h3>What the machine says</h3><pre>{text(found.said)}</pre>")
    if found.explanation:
        parts.append(f'<h3>Why</h3><div class="text">{text(found.explanation)}</div>')
    if found.rule:
        parts.append(f"<h3>The rule that decides</h3><pre>{text(found.rule)}</pre>")
    parts.append(_remarks(mark.remarks))
    return f'<section class="card {found.state}" id="{text(mark.exercise)}">{"".join(parts)}</section>'


def _lines(words: str) -> str:
    """Lines, of which a long one goes on further in: where a node's line ends is seen on a narrow page, too."""
    return "".join(f"<div>{text(line) or '<br>'}</div>" for line in words.split("\n"))


def _properties(mark: Mark) -> str:
    rows = [
        f'<tr><td class="m {"ok" if one.ok else "not"}">{"✔" if one.ok else "✘"}</td><td>{text(one.claim)}</td>'
        f'<td class="n">{one.points if one.ok else 0} / {one.points}</td></tr>'
        for one in mark.judgement.properties
    ]
    reached = sum(one.points for one in mark.judgement.properties if one.ok)
    if mark.hints and mark.points < reached:
        cost = f"{float(HINT_COST * 100):g} %"
        rows.append(
            f'<tr><td class="m not">−</td><td>Hints up to {mark.hints}; each takes {cost} of the points reached</td>'
            f'<td class="n">−{plain(reached - mark.points)}</td></tr>'
        )
    return f"<table>{''.join(rows)}</table>"


def _remarks(remarks: tuple[str, ...]) -> str:
    return "".join(f'<p class="note">{text(remark)}</p>' for remark in remarks)
