"""Each claim of behaviour in a lesson is shown in the notebook, tried by a test that cites it, or has its source."""

import re

import ledger
import pytest

LESSONS = sorted(path.stem for path in ledger.NOTEBOOKS.glob("*.ipynb"))
BOOKS = [*LESSONS, "shared-texts"]
WITH_CELLS = pytest.mark.parametrize("lesson", LESSONS)
ALL = pytest.mark.parametrize("lesson", BOOKS)


def cites(test: str, claim: ledger.Claim) -> bool:
    """Whether a test names the cell, or an exercise of the module whose text it is."""
    module, is_text, _ = claim.where.partition(".py")
    named = rf"{re.escape(module)}\.\w" if is_text else rf"{re.escape(claim.where)}(?![\w-])"
    return bool(re.search(rf"(?<![\w-]){named}", test))


@ALL
def test_every_claim_stands_where_the_ledger_says(lesson):
    missing = [
        str(claim)
        for claim in ledger.ledger(lesson).claims
        if ledger.plain(claim.says) not in ledger.words_at(lesson, claim.where)
    ]
    assert not missing, "\n".join(missing)


@WITH_CELLS
def test_what_is_shown_is_printed_by_the_cell_that_shows_it(lesson):
    printed = ledger.outputs(lesson)
    unseen = [
        f"{claim}, by {claim.by}: {claim.shows!r}"
        for claim in ledger.ledger(lesson).of("shown")
        if not claim.shows or ledger.plain(claim.shows) not in printed.get(claim.by, "")
    ]
    assert not unseen, "\n".join(unseen)


@ALL
def test_what_is_tested_has_a_test_that_cites_it(lesson):
    untested = []
    for claim in ledger.ledger(lesson).of("tested"):
        test = ledger.backing(lesson, claim)
        if test is None:
            untested.append(f"{claim}: there is no {claim.by}")
        elif "::" not in claim.by and not cites(test, claim):
            untested.append(f"{claim}: {claim.by} does not cite it")
    assert not untested, "\n".join(untested)


@ALL
def test_what_no_model_can_show_has_a_source(lesson):
    unsourced = [str(claim) for claim in ledger.ledger(lesson).of("facts") if claim.by not in ledger.SOURCES]
    assert not unsourced, "\n".join(unsourced)


@ALL
def test_no_claim_is_lost(lesson):
    """The floors are counted once and kept: who takes a claim out of the ledger lowers its floor knowingly."""
    found = ledger.ledger(lesson)
    counts = {kind: len(found.of(kind)) for kind in ledger.KINDS}
    assert all(counts[kind] >= found.floors[kind] for kind in ledger.KINDS), counts


@WITH_CELLS
def test_every_text_cell_is_in_the_ledger(lesson):
    """A text cell makes a claim that the ledger has, or is listed as one that makes none."""
    found = ledger.ledger(lesson)
    text = {name for name, (kind, _) in ledger.cells(lesson).items() if kind == "markdown"}
    claimed = {claim.where for claim in found.claims}
    assert text - claimed - found.silent == set()
    assert found.silent & claimed == set()
    assert found.silent <= text


@WITH_CELLS
def test_every_table_of_a_lesson_in_practice_has_its_facts(lesson):
    """A lesson that ends on a real cluster speaks of versions, and those have sources."""
    if "practice" in ledger.cells(lesson):
        assert "practice" in {claim.where for claim in ledger.ledger(lesson).of("facts")}


def test_every_source_is_used():
    used = {claim.by for lesson in BOOKS for claim in ledger.ledger(lesson).of("facts")}
    assert set(ledger.SOURCES) == used
