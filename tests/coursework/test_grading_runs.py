"""A run can be stopped at any point and goes on from there; a worker that overruns or dies harms no other answer."""

import filecmp
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from class_made import EXERCISES, book, make_class
from made import COURSE, answer, notebook, submitted

from svcnotes.cli import main
from svcnotes.coursework.grade import grade
from svcnotes.coursework.journal import Journal, key_of
from svcnotes.coursework.pool import DaskPool, LocalPool
from svcnotes.coursework.roster import Roster
from svcnotes.coursework.submissions import find_submissions
from svcnotes.coursework.task import submission_task
from svcnotes.coursework.workers import Limits, Worker
from svcnotes.errors import InputError, SvcnotesError

LIMITS = Limits(seconds=1)


def command(root, out, *more):
    return [
        "course", "grade", str(root), "--out", str(out), "--course", COURSE, "--catalogue", "tiny_catalogue",
        "--workers", "2", *more,
    ]  # fmt: skip


def graded(root, out, pool=None):
    """Results in memory, with a journal in `out`."""
    out.mkdir(exist_ok=True)
    made = pool or LocalPool(2, LIMITS, "tiny_catalogue")
    try:
        with Journal(out / "journal.jsonl") as journal:
            return grade(
                find_submissions(root, Roster()), COURSE, EXERCISES, made, journal, name="tiny_catalogue"
            )
    finally:
        if pool is None:
            made.close()


def same_files(one: Path, other: Path) -> bool:
    names = sorted(
        str(path.relative_to(one))
        for path in one.rglob("*")
        if path.is_file() and path.name != "journal.jsonl"
    )
    others = sorted(
        str(path.relative_to(other))
        for path in other.rglob("*")
        if path.is_file() and path.name != "journal.jsonl"
    )
    return names == others and filecmp.cmpfiles(one, other, names, shallow=False) == (names, [], [])


def points(results):
    return {one.student: int(one.points) for one in results.students}


def test_marks_are_as_the_answers_deserve_and_the_same_input_gives_the_same_bytes(tmp_path):
    expected = make_class(tmp_path / "class")
    for out in ("a", "b"):
        assert main(command(tmp_path / "class", tmp_path / out)) == 0
    assert same_files(tmp_path / "a", tmp_path / "b")
    marks = json.loads((tmp_path / "a/results.json").read_text())
    assert {one["student"]: int(one["points"]) for one in marks["students"]} == expected


@pytest.mark.parametrize("seed", [1, 2])
def test_a_run_that_is_killed_at_a_random_point_is_resumed_to_the_same_bytes(seed, tmp_path):
    make_class(tmp_path / "class", 40)
    whole = subprocess.run(
        [sys.executable, "-m", "svcnotes", *command(tmp_path / "class", tmp_path / "whole")], check=True
    )
    assert whole.returncode == 0
    lines = random.Random(seed).randrange(3, 30)
    running = subprocess.Popen(
        [sys.executable, "-m", "svcnotes", *command(tmp_path / "class", tmp_path / "cut")],
        stdout=subprocess.DEVNULL,
    )
    journal = tmp_path / "cut/journal.jsonl"
    while running.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < lines):
        time.sleep(0.002)
    running.send_signal(signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    assert not (tmp_path / "cut/results.json").exists()
    with journal.open("ab") as file:
        file.write(b"cut off in the middle of a li")
    before = journal.read_bytes().count(b"\n")
    subprocess.run(
        [sys.executable, "-m", "svcnotes", *command(tmp_path / "class", tmp_path / "cut")], check=True
    )
    assert same_files(tmp_path / "whole", tmp_path / "cut")
    assert journal.read_bytes().count(b"\n") - before <= 40 - lines + 2


def test_ctrl_c_says_how_to_go_on_and_leaves_no_worker(tmp_path):
    make_class(tmp_path / "class", 4)
    submitted(tmp_path / "class", "zoe", book("zoe", **{"01_trap": "sleep"}))
    running = subprocess.Popen(
        [sys.executable, "-m", "svcnotes", *command(tmp_path / "class", tmp_path / "out", "--seconds", "60")],
        stderr=subprocess.PIPE,
        text=True,
        # Where tests run in the background of a shell, Ctrl-C is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    journal = tmp_path / "out/journal.jsonl"
    while not journal.exists() or journal.read_bytes().count(b"\n") < 4:
        time.sleep(0.02)
    children = _children(running.pid)
    assert children
    running.send_signal(signal.SIGINT)
    _, said = running.communicate(timeout=20)
    assert running.returncode == 130
    assert "the same command goes on from there" in said
    assert "Traceback" not in said
    assert not [pid for pid in children if _alive(pid)]


def _children(parent):
    return [int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()] or [
        int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit() and _parent(path) == parent
    ]


def _parent(path):
    try:
        return int((path / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def _alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("trap", "why"),
    [
        ("sleep", "took longer than 1 s"),
        ("spin", "took longer than 1 s"),
        ("die", "ended the process that judged it"),
        ("raise", "failed (RuntimeError)"),
        ("memory", "failed (MemoryError)"),
    ],
)
def test_an_answer_that_cannot_be_judged_gets_a_line_and_the_others_go_on(trap, why, tmp_path):
    submitted(tmp_path, "ada", book("ada", **{"01_trap": trap}))
    submitted(tmp_path, "bob", book("bob"))
    results = graded(tmp_path, tmp_path / "out")
    assert points(results) == {"ada": 6, "bob": 7}
    ((student, mark),) = results.to_look_at
    assert (student, mark.exercise) == ("ada", "01-trap")
    assert why in mark.judgement.explanation


def test_a_worker_that_somebody_else_kills_changes_no_mark():
    worker = Worker(Limits(seconds=30), "tiny_catalogue")
    task = submission_task(
        COURSE, "ada", EXERCISES, [("x.ipynb", json.dumps(book("ada")).encode())], "tiny_catalogue"
    )
    try:
        first = worker.run(task)
        os.kill(worker._process.pid, signal.SIGKILL)
        assert worker.run(task) == first
    finally:
        worker.close()


def test_an_orphaned_worker_ends_itself_even_in_an_endless_loop(tmp_path):
    submitted(tmp_path / "class", "ada", book("ada", **{"01_trap": "spin"}))
    running = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "svcnotes",
            *command(tmp_path / "class", tmp_path / "out", "--seconds", "0.5"),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    spinning = []
    while not spinning and time.monotonic() < deadline:
        spinning = [pid for pid in _children(running.pid) if _cpu(pid) > 0.2]
        time.sleep(0.01)
    running.kill()
    running.wait()
    deadline = time.monotonic() + 15
    while any(_alive(pid) for pid in spinning) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert spinning
    assert not [pid for pid in spinning if _alive(pid)]


def _cpu(pid):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_a_worker_does_not_import_what_lies_in_the_working_folder(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text(f"open({str(tmp_path / 'canary')!r}, 'w')\n")
    monkeypatch.chdir(tmp_path)
    submitted(tmp_path / "class", "ada", book("ada"))
    assert points(graded(tmp_path / "class", tmp_path / "out")) == {"ada": 7}
    assert not (tmp_path / "canary").exists()


def test_a_catalogue_that_cannot_be_loaded_is_one_clear_error():
    worker = Worker(LIMITS, "no_such_catalogue")
    with pytest.raises(SvcnotesError, match=r"a worker could not be started: .*no_such_catalogue"):
        worker.run({})
    worker.close()


def test_a_journal_line_that_was_changed_does_not_count(tmp_path):
    with Journal(tmp_path / "j") as journal:
        for number in range(3):
            journal.add(key_of({"task": number}), {"points": number})
    lines = (tmp_path / "j").read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b'{"points": 1}', b'{"points": 9}')
    (tmp_path / "j").write_bytes(b"".join(lines)[:-5])
    with Journal(tmp_path / "j") as journal:
        assert journal.damaged == 2
        assert journal[key_of({"task": 0})] == {"points": 0}
        assert key_of({"task": 1}) not in journal
        journal.add(key_of({"task": 2}), {"points": 2})
    with Journal(tmp_path / "j") as journal:
        assert journal[key_of({"task": 2})] == {"points": 2}


def test_only_one_run_writes_into_a_journal(tmp_path):
    with Journal(tmp_path / "j"), pytest.raises(InputError, match="another run is writing there"):
        Journal(tmp_path / "j").__enter__()


def test_a_changed_notebook_is_graded_anew_and_the_others_are_not(tmp_path):
    make_class(tmp_path, 4)
    graded(tmp_path, tmp_path / "out")
    before = (tmp_path / "out/journal.jsonl").read_bytes().count(b"\n")
    submitted(tmp_path, "student-001", notebook(answer("01-word", "x")))
    assert points(graded(tmp_path, tmp_path / "out"))["student-001"] == 0
    assert (tmp_path / "out/journal.jsonl").read_bytes().count(b"\n") == before + 1


@pytest.mark.slow
def test_a_dask_cluster_that_loses_a_worker_gives_the_same_bytes(tmp_path):
    """Four worker processes on 127.0.0.1, one of which is killed in the middle."""
    make_class(tmp_path / "class", 60)
    assert main(command(tmp_path / "class", tmp_path / "local")) == 0
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    scheduler_file = tmp_path / "scheduler.json"
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": tmp_path}
    here = ["--host", "127.0.0.1"]
    processes = [
        subprocess.Popen(
            [*dask, *here, "--port", "0", "--no-dashboard", "--no-show", "--scheduler-file", str(scheduler_file)], **quiet
        )
    ]  # fmt: skip
    try:
        _until(scheduler_file.exists)
        worker = [
            sys.executable,
            "-m",
            "distributed.cli.dask_worker",
            *here,
            "--no-dashboard",
            "--nthreads",
            "1",
        ]
        processes += [
            subprocess.Popen([*worker, "--no-nanny", "--scheduler-file", str(scheduler_file)], **quiet)
            for _ in range(4)
        ]
        address = json.loads(scheduler_file.read_text())["address"]
        pool = DaskPool(address, LIMITS, "tiny_catalogue")
        try:
            _until(lambda: len(pool._client.nthreads()) == 4)
        finally:
            pool.close()
        running = subprocess.Popen(
            [
                sys.executable, "-m", "svcnotes",
                *command(tmp_path / "class", tmp_path / "dask", "--scheduler", address),
            ]
        )  # fmt: skip
        journal = tmp_path / "dask/journal.jsonl"
        _until(lambda: journal.exists() and journal.read_bytes().count(b"\n") >= 10)
        processes[2].kill()
        assert running.wait(timeout=120) == 0
    finally:
        for process in processes:
            process.kill()
            process.wait()
    assert same_files(tmp_path / "local", tmp_path / "dask")


def _until(holds, seconds=60):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_scheduler_that_does_not_answer_is_one_clear_error():
    with pytest.raises(InputError, match="no Dask scheduler answers there"):
        DaskPool("tcp://127.0.0.1:9", timeout=1)
