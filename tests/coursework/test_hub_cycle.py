"""A class of three on a real JupyterHub: assigned, released, fetched, answered, submitted, collected, graded, told.

It is set up by the very commands and settings of the lecturer's page, notebooks/teaching/jupyterhub.md.
"""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import pytest

from svcnotes.exercises.personal import ALL, draw

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tools")]

import answers  # noqa: E402 - tools are no package

COURSE = "nets-2026"
EXERCISE = "01-visitor"
NAMESPACES = ["unshare", "--mount", "--pid", "--net", "--fork", "--kill-child", "--mount-proc"]
# What each student hands in, and the level of hints asked for.
CLASS = {
    "ana": (answers.right, 0),
    "ben": (lambda *asked: answers.partial(*asked)["the first line wrong"], 1),
    "cleo": (lambda *asked: answers.wrong(*asked)["each line wrong"], 0),
}
WHOLE = sum(one.points for one in ALL.values() if one.lesson == "01-nodeport")
MARKS = {"ana": 3.0, "ben": 1.8, "cleo": 0.0}


def answer_cell(student):
    answer, hints = CLASS[student]
    first = f"%%answer {EXERCISE}" + (f" --hint {hints}" if hints else "")
    return f"{first}\n{answer(EXERCISE, draw(EXERCISE, COURSE, student))}"


@pytest.fixture(scope="module")
def plan(hub_proxy):
    return {
        "package": str(ROOT),
        "proxy": hub_proxy,
        "course": COURSE,
        "page": (ROOT / "notebooks" / "teaching" / "jupyterhub.md").read_text(encoding="utf-8"),
        "assignment": "01-nodeport",
        "notebook": "01-nodeport",
        "students": {student: {EXERCISE: answer_cell(student)} for student in CLASS},
    }


@contextmanager
def started(plan, folder):
    """The class, and the end of a pipe: when that is closed (this process may crash), the class ends."""
    reads, writes = os.pipe()
    script = Path(__file__).with_name("hub_cycle.py")
    with subprocess.Popen(
        [*NAMESPACES, sys.executable, str(script), str(folder), json.dumps(plan)],
        stdin=reads,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        os.close(reads)
        with os.fdopen(writes, "wb") as pipe:
            yield running, pipe


@pytest.fixture
def folder():
    """An empty folder that other accounts may pass; what the class does in it lies in memory, and goes with it."""
    made = Path(tempfile.mkdtemp(prefix="svcnotes-class-"))
    made.chmod(0o755)
    yield made
    made.rmdir()  # fails where anything was left behind


@pytest.fixture(scope="module")
def happened(plan):
    made = Path(tempfile.mkdtemp(prefix="svcnotes-class-"))
    made.chmod(0o755)
    with started(plan, made) as (running, _):
        out, err = running.communicate(timeout=320)
    made.rmdir()
    assert running.returncode == 0, err
    return json.loads(out)


def test_each_student_sees_a_case_of_their_own_under_the_hubs_name(happened):
    for student in CLASS:
        who, question, _ = happened["said"][student]
        assert who == f"Your cases are those of {student} in {COURSE}.\n"
        assert str(draw(EXERCISE, COURSE, student)) in question


def test_the_marks_are_those_that_the_answers_deserve(happened):
    assert happened["marks"] == {student: [mark, WHOLE, False] for student, mark in MARKS.items()}


def test_the_lecturers_own_marks_without_running_anything_are_the_same(happened):
    said, _, results = happened["ours"].partition("{")
    assert "3 of 3 students handed in" in said
    assert "of 3 submissions (01-nodeport)" in said, "they stand in the gradebook"
    found = json.loads("{" + results)["students"]
    assert {one["student"]: float(Fraction(one["points"])) for one in found} == MARKS


def test_each_student_reads_feedback_with_their_marks_and_the_reason(happened):
    for student, page in happened["feedback"].items():
        text = re.sub(r"<[^>]+>", "", page)
        assert f"{EXERCISE}: {MARKS[student]:g} of 3 points" in text
        assert f"the case of {student} in {COURSE}" in text
        if MARKS[student] < 3:
            assert re.search(r"✘ near: \S+: 0/1", text)
        others = [other for other in CLASS if other != student]
        assert not any(f"the case of {other}" in text for other in others)


def test_each_student_has_an_account_that_cannot_look_into_the_others_homes(happened):
    accounts = [happened["said"][student][2].split() for student in CLASS]
    assert len({uid for uid, _, _ in accounts}) == 3
    assert all(others == "3" and open_ones == "0" for _, others, open_ones in accounts)


def processes_with(word):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            text = path.read_bytes().decode(errors="replace")
        except OSError:
            continue
        if word in text:
            found.append(int(path.parent.name))
    return found


@pytest.mark.parametrize("crash", ["the starter ends", "the class is killed"])
def test_after_a_crash_no_process_and_no_file_is_left(plan, folder, crash):
    with started(plan, folder) as (running, pipe):
        deadline = time.monotonic() + 60
        while len(processes_with(str(folder))) < 3 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert len(processes_with(str(folder))) >= 3, "the hub is up"
        if crash == "the starter ends":
            pipe.close()
        else:
            running.send_signal(signal.SIGKILL)
        running.communicate(timeout=30)
    while processes_with(str(folder)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_with(str(folder)) == []
    assert list(folder.iterdir()) == []
