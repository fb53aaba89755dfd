"""The book keeps its promises: each misconception has its moment, and the pages made from the lessons are up to date."""

from pathlib import Path

import pytest
from made_book import make_book

from svcnotes import load, rules, scenarios
from svcnotes.exercises import coverage
from svcnotes.exercises.misconceptions import ALL, LISTED, NUMBER

ROWS = coverage.rows()


CELLS = {(cell.lesson, cell.name): cell for cell in make_book.cells()}
MISSING = sorted(set(LISTED) - {row.number for row in ROWS})


def row_id(row: coverage.Row) -> str:
    return f"{row.number:02}-{row.lesson[:2]}-{row.exercise}-{row.idea}"


BY_NUMBER = sorted(ROWS, key=lambda row: (row.number, row.lesson))


@pytest.mark.parametrize("row", BY_NUMBER, ids=row_id)
def test_the_wrong_answer_of_a_misconception_brings_its_own_message(row):
    verdict = row.find().check(row.answer)
    assert not verdict.ok
    assert verdict.misconception == row.idea, str(verdict)
    assert ALL[row.idea] in str(verdict)
    assert verdict.explanation


@pytest.mark.parametrize("row", BY_NUMBER, ids=row_id)
def test_the_lesson_has_the_cell_and_it_puts_the_question(row):
    cell = CELLS.get((row.lesson, row.cell))
    assert cell is not None, f"{row.lesson} has no cell {row.cell}"
    assert cell.kind == "code"
    assert row.shown in cell.text
    asks = {"prediction": "predict(", "exercise": ".check(", "case": ""}[row.kind]
    assert asks in cell.text


@pytest.mark.parametrize("row", [r for r in BY_NUMBER if r.kind == "prediction"], ids=row_id)
def test_a_wrong_prediction_names_the_idea_behind_it(row):
    from svcnotes.widgets.predictions import predict

    assert ALL[row.idea].rstrip(".") in predict(row.find()).choose(row.answer)


def test_there_are_24_misconceptions():
    assert list(LISTED) == list(range(1, 25))


@pytest.mark.parametrize("number", LISTED)
def test_each_misconception_has_a_form_in_someones_own_words(number):
    assert [name for name, listed in NUMBER.items() if listed == number]


def recognised() -> str:
    """All that the exercises say, the list of ideas itself left out."""
    folder = Path(coverage.__file__).parent.parent
    files = [path for path in folder.rglob("*") if path.suffix in {".py", ".yaml"}]
    return "\n".join(path.read_text(encoding="utf-8") for path in files if path.name != "misconceptions.py")


SAID = recognised()
IDLE = [name for name in ALL if f'"{name}"' not in SAID and f"idea: {name}" not in SAID]


def test_every_idea_of_the_list_is_recognised_by_some_exercise():
    assert IDLE == []


def test_every_misconception_has_its_moment():
    assert MISSING == []


@pytest.mark.parametrize("name", make_book.PAGES)
def test_a_page_made_from_the_lessons_is_up_to_date(name):
    text = (make_book.NOTEBOOKS / name).read_text(encoding="utf-8")
    assert text == make_book.PAGES[name](), "run: make book"


UNUSED = [term.term for term in make_book.terms() if not term.places()]


def test_every_term_of_the_glossary_occurs_in_a_lesson():
    assert UNUSED == []


@pytest.mark.parametrize("term", [t for t in make_book.terms() if t.at], ids=lambda term: term.term)
def test_the_cell_that_explains_a_term_is_there_and_comes_first(term):
    place = term.places()[0]
    assert f"{place.lesson}: {place.name}" == term.at


@pytest.mark.parametrize("term", make_book.terms(), ids=lambda term: term.term)
def test_a_term_is_explained_in_one_sentence(term):
    assert term.sentence.endswith(".")
    assert 5 <= len(term.sentence.split()) <= 40


def test_no_term_is_explained_twice():
    names = [term.term.lower() for term in make_book.terms()]
    assert sorted(set(names)) == sorted(names)


def rules_of(cluster):
    for node in cluster.nodes:
        table = ""
        for line in rules(cluster, node, proxy_mode="iptables").splitlines():
            table = line[1:] if line.startswith("*") else table
            yield table, line


@pytest.mark.parametrize("name", scenarios.names())
def test_the_index_has_every_chain_and_every_rule_of_a_node(name):
    chains = {(kind.chain, table) for kind in make_book.kinds() for table in kind.table.split(", ")}
    for table, line in rules_of(scenarios.load(name)):
        if line.startswith(":KUBE-"):
            assert (make_book.chain_kind(line.split()[0][1:]), table) in chains
        elif line.startswith("-A KUBE-"):
            assert make_book.kind_of(table, line), line


def recorded(data: Path):
    """The clusters that a real kube-proxy wrote rules for, and one with affinity under Local."""
    paths = sorted((data / "oracle").glob("*/cluster.yaml"))
    sticky = load(data / "oracle" / "affinity-nodeport" / "cluster.yaml")
    return [*map(load, paths), sticky.patch("service", "web", "spec: {externalTrafficPolicy: Local}")]


def test_the_index_has_no_rule_that_kube_proxy_never_writes(data):
    written = {
        make_book.kind_of(table, line)
        for cluster in recorded(data)
        for table, line in rules_of(cluster)
        if line.startswith("-A KUBE-")
    }
    assert None not in written
    never = [f"{kind.chain}: {kind.rule}" for kind in make_book.kinds() if kind.rule and kind not in written]
    assert never == []


UNTAUGHT = [
    f"{kind.chain} in {kind.table}" for kind in make_book.kinds() if not kind.rule and not kind.places()
]


def test_every_chain_of_the_index_is_taught_in_a_lesson():
    assert UNTAUGHT == []


UNTESTED = [number for number in LISTED if not make_book.testing(*make_book.ideas_of(number))]


def test_every_misconception_is_tested_by_an_exercise_of_the_coursework():
    assert UNTESTED == []


def test_every_skill_is_tested_by_an_exercise_of_the_coursework():
    assert [key for key in make_book.SKILLS if not make_book.testing(key)] == []
