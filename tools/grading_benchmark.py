"""Grade a generated class in one run, interrupt and resume it, and compare with nbgrader's own autograde.

    python tools/grading_benchmark.py --students 1000 --nbgrader 2 --work /some/folder

Prints time, notebooks a second, peak memory, whether every mark is the one known beforehand, whether any student's code
ran, whether the interrupted run gave the same bytes, and the ratio to `nbgrader autograde` on a sample in the same run.
"""

# ruff: noqa: INP001, T201 - a tool that prints

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parent)]

import class_of_submissions as generated  # noqa: E402 - tools are no package
from class_of_submissions import Expected  # noqa: E402 - the same
from tqdm import tqdm  # noqa: E402 - the same


def main() -> int:
    """Run it all; 1 where something is not as it must be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--students", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument(
        "--nbgrader", type=int, default=0, metavar="N", help="students graded by nbgrader, too"
    )
    parser.add_argument("--work", type=Path, help="a folder to keep; what was generated there is used again")
    parser.add_argument("--generate-only", action="store_true", help="stop before grading; needs --work")
    options = parser.parse_args()
    work = options.work or Path(tempfile.mkdtemp(prefix="svcnotes-bench-"))
    expected = _generated(work, options.students, options.seed)
    print(_counts(expected))
    if options.generate_only:
        return 0
    begun = _used()
    whole, seconds, megabytes = _run(work / "course", work / "whole", options.workers)
    processor = _used() - begun
    notebooks = expected.counts["notebooks"]
    print(
        f"graded {notebooks} notebooks in {seconds:.1f} s: {notebooks / seconds:.1f} a second, "
        f"{seconds / notebooks * 1000:.1f} ms each ({processor / notebooks * 1000:.1f} ms of processor time); "
        f"peak {megabytes:.0f} MB, all processes together"
    )
    problems = [*_wrong_marks(whole, expected), *_missing_lines(whole, expected), *_canaries(work)]
    _copies(whole, expected)
    at = _interrupted(work, options.workers, options.seed)
    same = _same(work / "whole", work / "cut")
    print(f"killed after {at} submissions and resumed: {'the same bytes' if same else 'OTHER BYTES'}")
    problems += [] if same else ["the resumed run gave other bytes"]
    if options.nbgrader:
        honest = [one for one in expected.points if one not in set(expected.hostile)][: options.nbgrader]
        _compare(work, whole, honest, (seconds / notebooks, processor / notebooks), problems)
    for problem in problems[:20]:
        print(f"PROBLEM: {problem}")
    print("all as expected" if not problems else f"{len(problems)} problems")
    if options.work is None:
        shutil.rmtree(work)
    return bool(problems)


def _generated(work: Path, students: int, seed: int) -> Expected:
    expected = Expected()
    with tqdm(total=students, unit=" students", desc="generating", disable=None) as bar:
        for batch in generated.make(work / "course", students, seed):
            expected.add(batch)
            bar.update(len(batch.points))
    return expected


def _counts(expected: Expected) -> str:
    counts = expected.counts
    kinds = sum(name.startswith("hostile: ") for name in counts)
    answers = ", ".join(f"{counts[kind]} {kind}" for kind in generated.KINDS)
    return (
        f"{len(expected.points)} students, {counts['notebooks']} notebooks, {counts['hostile']} of them hostile in {kinds} "
        f"kinds; answers: {answers}"
    )


def _command(course: Path, out: Path, workers: int) -> list[str]:
    return [
        sys.executable, "-m", "svcnotes", "course", "grade", str(course), "--out", str(out), "--workers", str(workers),
    ]  # fmt: skip


def _run(course: Path, out: Path, workers: int) -> tuple[dict[str, Any], float, float]:
    shutil.rmtree(out, ignore_errors=True)
    begun = time.monotonic()
    running = subprocess.Popen(_command(course, out, workers))  # noqa: S603 - our own
    peak = [0.0]
    watching = threading.Thread(target=_watch, args=(running, peak), daemon=True)
    watching.start()
    if running.wait():
        raise SystemExit("grading failed")
    seconds = time.monotonic() - begun
    watching.join()
    return json.loads((out / "results.json").read_text(encoding="utf-8")), seconds, peak[0]


def _used() -> float:
    """The processor time of all child processes that have ended, in seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _watch(running: subprocess.Popen[bytes], peak: list[float]) -> None:
    """The most memory that a process and its children had, in megabytes (resident, as Linux counts it)."""
    while running.poll() is None:
        peak[0] = max(peak[0], sum(_resident(pid) for pid in _family(running.pid)))
        time.sleep(0.2)


def _family(pid: int) -> list[int]:
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [one for child in task.read_text().split() for one in _family(int(child))]
        except OSError:
            continue
    return found


def _resident(pid: int) -> float:
    try:
        said = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmRSS:\s+(\d+) kB", said)
    return int(found[1]) / 1000 if found else 0.0


def _wrong_marks(results: dict[str, Any], expected: Expected) -> list[str]:
    problems = []
    checked = 0
    for student in results["students"]:
        for mark in student["marks"]:
            wanted = expected.points[student["student"]].get(mark["exercise"])
            checked += 1
            if wanted is None or Fraction(wanted) != Fraction(mark["points"]):
                problems.append(
                    f"{student['student']} {mark['exercise']}: {mark['points']} instead of {wanted}"
                )
    print(f"marks: {checked - len(problems)} of {checked} as known beforehand")
    return problems


def _missing_lines(results: dict[str, Any], expected: Expected) -> list[str]:
    said = {
        one["student"]: json.dumps([one["remarks"], [[m["remarks"], m["explanation"]] for m in one["marks"]]])
        for one in results["students"]
    }
    missing = [
        f"{student}: no line {line!r}"
        for student, line in expected.lines
        if json.dumps(line)[1:-1] not in said[student]
    ]
    print(f"lines about hostile notebooks: {len(expected.lines) - len(missing)} of {len(expected.lines)}")
    return missing


def _canaries(work: Path) -> list[str]:
    found = [str(path) for path in (work / "course" / "canary").glob("*")]
    print(f"canaries: {len(found)} (a file there would mean that a student's code ran)")
    return found


def _copies(results: dict[str, Any], expected: Expected) -> None:
    """How many of the copied answers that are wrong in one's own case are on the list."""
    listed = {(one["student"], one["exercise"]) for one in results["foreign"]}
    copied = {(student, exercise) for student, exercise, _ in expected.copied}
    print(
        f"copied answers that lost marks: {len(copied)}, of which {len(copied & listed)} are listed as another's; "
        f"{len(listed - copied)} others are listed"
    )


def _interrupted(work: Path, workers: int, seed: int) -> int:
    """Kill a run at a random point, leave half a line in its journal, and resume it; how far it had come."""
    shutil.rmtree(work / "cut", ignore_errors=True)
    lines = (work / "whole" / "journal.jsonl").read_bytes().count(b"\n")
    at = random.Random(seed).randrange(1, max(2, lines * 3 // 4))  # noqa: S311 - a repeatable choice
    running = subprocess.Popen(_command(work / "course", work / "cut", workers))  # noqa: S603 - our own
    journal = work / "cut" / "journal.jsonl"
    while running.poll() is None and (not journal.exists() or journal.read_bytes().count(b"\n") < at):
        time.sleep(0.05)
    running.send_signal(signal.SIGKILL)
    running.wait()
    with journal.open("ab") as file:
        file.write(b"half a line")
    subprocess.run(_command(work / "course", work / "cut", workers), check=True)  # noqa: S603 - our own
    return at


def _same(one: Path, other: Path) -> bool:
    names = [
        sorted(
            str(path.relative_to(root))
            for path in root.rglob("*")
            if path.is_file() and path.suffix != ".jsonl"
        )
        for root in (one, other)
    ]
    return names[0] == names[1] and all(
        (one / name).read_bytes() == (other / name).read_bytes() for name in names[0]
    )


def _compare(
    work: Path, results: dict[str, Any], chosen: list[str], ours: tuple[float, float], problems: list[str]
) -> None:
    """Time nbgrader's command on honest students' notebooks, one lesson after the other, and compare the marks."""
    course = work / "nbgrader"
    shutil.rmtree(course, ignore_errors=True)
    shutil.copytree(work / "course", course, ignore=shutil.ignore_patterns("submitted", "canary", "expected"))
    for student in chosen:
        shutil.copytree(work / "course/submitted" / student, course / "submitted" / student)
    programs = Path(sys.executable).parent
    environment = os.environ | {"PATH": f"{programs}{os.pathsep}{os.environ['PATH']}", "HOME": str(course)}

    def nbgrader(*words: str) -> tuple[float, float]:
        begun, used = time.monotonic(), _used()
        done = subprocess.run(  # noqa: S603 - the lecturer's own command
            [programs / "nbgrader", *words],
            check=False,
            cwd=course,
            env=environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(f"nbgrader {' '.join(words)} failed:\n{done.stderr[-2000:]}")
        return time.monotonic() - begun, _used() - used

    lessons = sorted(path.name for path in (course / "submitted" / chosen[0]).iterdir())
    spent = []
    for lesson in lessons:
        nbgrader("generate_assignment", lesson)
        spent.append(nbgrader("autograde", lesson))
    count = len(lessons) * len(chosen)
    clock, processor = (sum(one) / count for one in zip(*spent, strict=True))
    print(
        f"nbgrader autograde: {count} notebooks of {len(chosen)} students, {clock:.2f} s each ({processor:.2f} s of processor "
        f"time): grading here is {clock / ours[0]:.0f} times faster by the clock, {processor / ours[1]:.0f} times by processor time"
    )
    problems += _other_marks(course, results, chosen)


def _other_marks(course: Path, results: dict[str, Any], students: list[str]) -> list[str]:
    """Where nbgrader's gradebook has other marks than ours."""
    from nbgrader.api import Gradebook

    ours = {
        (one["student"], mark["exercise"]): float(Fraction(mark["points"]))
        for one in results["students"]
        for mark in one["marks"]
    }
    different, compared = [], 0
    with Gradebook(f"sqlite:///{course}/gradebook.db") as book:
        for assignment in book.assignments:
            for submission in assignment.submissions:
                for notebook in submission.notebooks:
                    for grade in notebook.grades:
                        exercise = grade.cell.name.removesuffix("-marks")
                        compared += 1
                        mine = ours[submission.student.id, exercise]
                        if submission.student.id in students and abs((grade.score or 0) - mine) > 1e-9:
                            different.append(
                                f"{submission.student.id} {exercise}: nbgrader {grade.score}, ours {mine}"
                            )
    print(f"marks in nbgrader's gradebook: {compared - len(different)} of {compared} equal ours")
    return different


if __name__ == "__main__":
    raise SystemExit(main())
