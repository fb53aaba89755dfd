"""No notebook, however made, changes another cell's mark or runs anything; the report says what is odd."""

import pytest
import tiny_catalogue
from hostile import ALL, KINDS, NONE, TARGET
from made import COURSE, answer, data, notebook

from svcnotes.coursework.sources import Source
from svcnotes.coursework.task import run, student_marks, submission_task

STUDENT = "ada"
EXERCISES = ["01-address", "01-manifest", "01-word"]


def right_answers(student=STUDENT):
    n = tiny_catalogue.number(COURSE, "01-address", student)
    port = 30000 + tiny_catalogue.number(COURSE, "01-manifest", student) % 2768
    word = ("refused", "timeout")[tiny_catalogue.number(COURSE, "01-word", student) % 2]
    return {
        "01-address": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}",
        "01-manifest": f"kind: Service\nspec: {{ports: [{{port: 80, nodePort: {port}}}]}}\n# nodePort: {port}",
        "01-word": word,
    }


def honest(student=STUDENT):
    return notebook(*(answer(name, text) for name, text in right_answers(student).items()))


def graded(content, exercises=EXERCISES):
    task = submission_task(COURSE, STUDENT, exercises, [("01-nodeport.ipynb", content)], "tiny_catalogue")
    return student_marks(run(task, lambda _step: None, lambda _name, _mark: None))


def said(marks, remarks):
    return "\n".join(
        [*remarks, *(line for mark in marks for line in (*mark.remarks, mark.judgement.explanation))]
    )


def test_there_are_more_than_twenty_kinds():
    assert len({kind.name for kind in KINDS}) >= 20


@pytest.mark.parametrize("target", EXERCISES)
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_hostile_notebook_loses_what_it_broke_and_nothing_else(kind, target, tmp_path):
    marks, remarks = graded(kind.of(honest(), target, tmp_path))
    lost = {mark.exercise for mark in marks if mark.judgement.state != "right"}
    assert lost == {NONE: set(), TARGET: {target}, ALL: set(EXERCISES)}[kind.loses]
    assert kind.line in said(marks, remarks)
    assert list(tmp_path.iterdir()) == []


def test_an_honest_notebook_has_full_marks_and_no_remark():
    marks, remarks = graded(data(honest()))
    assert [mark.judgement.state for mark in marks] == ["right"] * 3
    assert said(marks, remarks).strip() == f"It is {right_answers()['01-address']}."


def test_a_hundred_megabytes_are_not_read(tmp_path):
    path = tmp_path / "x.ipynb"
    path.write_bytes(data(honest()))
    with path.open("r+b") as file:
        file.truncate(100_000_000)
    marks, remarks = graded(Source("x.ipynb", path).read())
    assert "larger than 8,000,000 bytes" in said(marks, remarks)


def test_remarks_are_bounded_however_many_cells_ask_for_one():
    cells = [answer("01-word", "x", " --nonsense") for _ in range(1500)]
    marks, remarks = graded(
        data(
            notebook(
                *cells, *([{"cell_type": "markdown", "metadata": {}, "source": "%%answer 01-word"}] * 400)
            )
        )
    )
    assert len(remarks) <= 41
    assert all(len(mark.remarks) <= 41 for mark in marks)


def test_a_hundred_guesses_count_as_one_and_hints_in_any_of_them_cost():
    text = right_answers()["01-address"]
    book = notebook(answer("01-address", "???", " --hint 2"), answer("01-address", text))
    (mark, *_), _ = graded(data(book))
    assert (mark.hints, str(mark.points)) == (2, "8/5")
