"""Files that are made to be slow to read are read at once, and a crowd of them is cut off."""

import time
from contextlib import contextmanager

import pytest
from class_made import book
from made import answer, code, data, notebook, submitted

from svcnotes.coursework import grade as grading
from svcnotes.coursework.answer_text import read_answer
from svcnotes.coursework.grade import grade
from svcnotes.coursework.journal import Journal
from svcnotes.coursework.notebook import read_notebook
from svcnotes.coursework.pool import LocalPool
from svcnotes.coursework.roster import Roster
from svcnotes.coursework.submissions import find_submissions


@contextmanager
def at_once(seconds=5.0):
    """Much longer than it takes on a busy machine, and far below what it took."""
    begun = time.process_time()
    yield
    assert time.process_time() - begun < seconds


def test_the_one_key_that_stands_twice_among_hundreds_of_thousands_is_found_at_once():
    keys = ", ".join(f'"k{number}": 0' for number in range(300_000))
    with at_once():
        found = read_notebook(f'{{"cells": [], "z": {{{keys}, "k299999": 1}}}}'.encode())
    assert found.remarks == ("The JSON has the key 'k299999' twice; the last one counts.",)


def test_millions_of_blanks_before_an_answer_are_taken_off_at_once():
    blanks = " " * 3_000_000
    with at_once():
        found = read_answer(f"{blanks}%%answer 01-word\n{blanks}refused")
    assert (found.exercise, found.text) == ("01-word", "refused")


def test_of_thousands_of_files_of_one_student_the_first_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(grading, "MOST_FILES", 3)
    for number in range(9):
        made = book("eve") if number == 0 else notebook(code("1"))
        submitted(tmp_path / "c", "eve", data(made), lesson=f"{number:02d}-lesson")
    pool = LocalPool(1, catalogue="tiny_catalogue")
    try:
        with Journal(tmp_path / "journal.jsonl") as journal:
            found = find_submissions(tmp_path / "c", Roster())
            (eve,) = grade(found, "net-1", ["01-word"], pool, journal, name="tiny_catalogue").students
    finally:
        pool.close()
    assert eve.marks[0].judgement.state == "right"
    assert eve.remarks[0].startswith("6 more files were not read: the 3 before have ")


@pytest.mark.parametrize("letter", [" ", "\t", "\n", "\r", " \n", "\ufeff"])
def test_an_answer_cell_of_one_letter_over_and_over_is_read_at_once(letter):
    with at_once():
        assert read_answer(letter * 1_000_000) is None
        read_answer(answer("01-word", letter * 1_000_000)["source"])
