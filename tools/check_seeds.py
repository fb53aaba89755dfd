"""Draw every exercise of the coursework many times, and show that each draw keeps its promises: `make seeds`.

Of each draw: the right answer earns all points and the start none; wrong answers stay wrong, half right ones half
right; of all that could be answered to a line just one is right; the total is the same. Then how hard the draws are
(the same length of way, number of rules, of choices), and how often an answer copied from another student is right.

    python tools/check_seeds.py [--seeds 1000] [--only 01-visitor] [--workers 2] [--table FILE] [--journal FILE]

It takes an hour of processor time; with a journal it may be stopped, and goes on where it was.
"""

# ruff: noqa: INP001, T201 - a program to run, no package

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from functools import partial as bound
from multiprocessing import get_context
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parent.parent)]

import answers  # noqa: E402 - tools are no package

from svcnotes.exercises.personal import ALL, Personal, draw  # noqa: E402

COURSE = "seeds"
SHOWN = 2
"""How many problems of one exercise are printed."""
GENEROUS, ENOUGH = 0.27, 100
"""A copied answer may earn that part of the points on average, a quarter and what chance adds; asked from so many draws on."""
MEASURES = ("hops", "rules", "paths", "lines", "choices")


@dataclass
class Finding:
    """What one draw showed: its problems (none, it is hoped), its measures, times in ms, and its right answer."""

    exercise: str
    student: str
    problems: list[str] = field(default_factory=list)
    measures: dict[str, int] = field(default_factory=dict)
    drawing: float = 0.0
    judging: list[float] = field(default_factory=list)
    answer: str = ""
    copied: float = 0.0


def examine(exercise_id: str, number: int) -> Finding:
    """Draw a case, and try answers on it; the neighbour is the student before."""
    student = f"student-{number}"
    found = Finding(exercise_id, student)
    try:
        _examine(found, exercise_id, number)
    except Exception as error:  # noqa: BLE001 - one broken draw is a finding, not the end of the run
        found.problems.append(f"{type(error).__name__}: {error}"[:400])
    return found


def _examine(found: Finding, exercise_id: str, number: int) -> None:
    definition = ALL[exercise_id]
    begun = time.process_time()
    case = draw(exercise_id, COURSE, found.student)
    found.drawing = (time.process_time() - begun) * 1000
    found.answer = answers.right(exercise_id, case)
    fresh = draw(exercise_id, COURSE, found.student)  # nothing is remembered, as where one answer is marked
    begun = time.process_time()
    verdict = fresh.check(found.answer)
    found.judging.append((time.process_time() - begun) * 1000)
    if not verdict.ok or (verdict.points, verdict.out_of) != (definition.points, definition.points):
        found.problems.append(
            f"the right answer earns {verdict.points} of {verdict.out_of}: {found.answer}\n{verdict}"
        )
    if case.judge(found.answer).out_of != definition.points:
        found.problems.append(
            f"its parts are worth {case.judge(found.answer).out_of}, not {definition.points}"
        )
    if fresh.question != case.question or fresh.start != case.start:
        found.problems.append("drawn again, it is another case")
    for name, answer in answers.wrong(exercise_id, case).items():
        verdict = case.check(answer)
        if verdict.ok or verdict.out_of != definition.points:
            found.problems.append(f"wrong answer “{name}” earns {verdict.points} of {verdict.out_of}")
    for name, answer in answers.partial(exercise_id, case).items():
        begun = time.process_time()
        verdict = case.check(answer)
        found.judging.append((time.process_time() - begun) * 1000)
        if not 0 < verdict.points < verdict.out_of or verdict.out_of != definition.points:
            found.problems.append(f"half right answer “{name}” earns {verdict.points} of {verdict.out_of}")
    found.problems += only_one_right(case)
    found.measures = measures(case)
    if number:
        verdict = case.check(_neighbours(exercise_id, number - 1))
        found.copied = verdict.points / verdict.out_of
    _known[exercise_id] = number, found.answer


_known: dict[str, tuple[int, str]] = {}


def _neighbours(exercise_id: str, number: int) -> str:
    """The right answer of the student before, who has mostly been looked at just now."""
    before, answer = _known.get(exercise_id, (-1, ""))
    if before == number:
        return answer
    return answers.right(exercise_id, draw(exercise_id, COURSE, f"student-{number}"))


def only_one_right(case: Personal) -> list[str]:
    """What is amiss with the number of right answers: of the choices, or of all pairs of cause and place."""
    if case.choices:
        count = sum(case.check(choice).ok for choice in case.choices)
        return [] if count == 1 else [f"{count} choices are right"]
    pairs = answers.pairs(case)
    count = sum(case.check(answer).ok for answer in pairs)
    return [f"{count} pairs of cause and place explain it"] if pairs and count != 1 else []


def measures(case: Personal) -> dict[str, int]:
    """How much there is to a case: hops and matched rules of its longest way, ways, lines to answer, choices."""
    found = dict.fromkeys(MEASURES, 0)
    if case.ask is not None:
        paths = case.ask().paths
        found["paths"] = len(paths)
        found["hops"] = max(sum(hop.direction == "there" for hop in path.hops) for path in paths)
        found["rules"] = max(
            sum(bool(step.chain) for hop in path.hops if hop.direction == "there" for step in hop.steps)
            for path in paths
        )
    found["lines"] = case.start.count("???") or case.start.count("\n")
    found["choices"] = len(case.choices) or len(answers.pairs(case))
    return found


def table(findings: Sequence[Finding]) -> str:
    """The difficulty of each exercise's draws: least to most of each measure, the times, copied answers."""
    head = ["exercise", "draws", *MEASURES, "drawing, ms", "judging, ms", "copy right", "copy's points"]
    lines = ["| " + " | ".join(line) + " |" for line in (head, ["---"] * len(head))]
    for name in dict.fromkeys(one.exercise for one in findings):
        mine = [one for one in findings if one.exercise == name]
        spans = [_span([one.measures.get(what, 0) for one in mine]) for what in MEASURES]
        copied = [one.copied for one in mine[1:]] or [0.0]
        judged = [value for one in mine for value in one.judging] or [0.0]
        cells = [
            name, str(len(mine)), *spans,
            f"{statistics.mean(one.drawing for one in mine):.1f}", f"{statistics.mean(judged):.1f}",
            f"{sum(share == 1 for share in copied) / len(copied):.0%}", f"{statistics.mean(copied):.0%}",
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


PAGE = """\
# How hard the draws are, and how alike

<!-- Written by tools/check_seeds.py (make seeds SEEDS_FLAGS='--table FILE'). -->

Every exercise was drawn for {seeds} students. Chance chooses names, addresses, ports, the order of lines and causes, and which node is which.
It does not choose how much there is to do: how many nodes, pods, lines and causes there are is the exercise's, and so is the way of the packet
that it is about. The table shows it: hops and matched rules of that packet's longest way, the ways that it may take, lines to answer (or
lines of the manifest to mend), pairs of cause and place to choose from. A range means that it differs from draw to draw: where a share or a
count is asked for, there are a few pods or Services more or fewer.

The last two columns say what an answer is worth that was copied from another student: how often it earns all points, and which part of
the points it earns on average. A part is earned where something is right in both cases: a manifest or rules that can be loaded, a number or a cause
that happens to be the same. An outcome is one word of three or four: where most lines ask for one, it counts only beside an address of one's own
case that shows why. The program that writes this page fails where a copy earns more than {generous:.0%}.

{table}
"""


def page(findings: Sequence[Finding], seeds: int) -> str:
    """The table as a page of the book, without the times, which are a machine's."""
    rows = [line.split(" | ") for line in table(findings).splitlines()]
    kept = [" | ".join([*row[:7], *row[9:]]) for row in rows]
    return PAGE.format(seeds=f"{seeds:,}", table="\n".join(kept), generous=GENEROUS)


def too_generous(findings: Sequence[Finding]) -> list[str]:
    """The exercises, drawn often enough to tell, in which a copied answer earns more than it may."""
    copies: dict[str, list[float]] = {}
    for one in findings:
        copies.setdefault(one.exercise, []).append(one.copied)
    return [
        f"{name}: an answer copied from another student earns {statistics.mean(shares[1:]):.0%} of the points"
        for name, shares in copies.items()
        if len(shares) >= ENOUGH and statistics.mean(shares[1:]) > GENEROUS
    ]


def _span(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}-{high}, mean {statistics.mean(values):.1f}"


def every(
    ids: Iterable[str], seeds: int, workers: int, known: Mapping[str, Sequence[Finding]]
) -> Iterator[tuple[Finding, bool]]:
    """Examine all draws that are not `known`, in parallel; all in order, each with whether it is new."""
    with get_context("spawn").Pool(workers) if workers > 1 else nullcontext() as pool:
        for exercise_id in ids:
            before = known.get(exercise_id, ())[:seeds]
            yield from ((finding, False) for finding in before)
            look, left = bound(examine, exercise_id), range(len(before), seeds)
            chunk = max(1, min(25, seeds // workers))
            found = map(look, left) if pool is None else pool.imap(look, left, chunksize=chunk)
            yield from ((finding, True) for finding in found)


def kept(journal: Path | None) -> dict[str, list[Finding]]:
    """What a run that was stopped had found; a line that was cut off is found anew."""
    found: dict[str, list[Finding]] = {}
    if journal is None or not journal.exists():
        return found
    for line in journal.read_text(encoding="utf-8").splitlines():
        try:
            one = Finding(**json.loads(line))
        except (ValueError, TypeError):
            continue
        mine = found.setdefault(one.exercise, [])
        if one.student == f"student-{len(mine)}":
            mine.append(one)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, show progress, print the table; 1 where a draw breaks a promise."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        help="an exercise, by the beginning of its id; may be given again",
    )
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--table", type=Path, help="write the table of difficulty there")
    parser.add_argument(
        "--journal", type=Path, help="keep what was found there, and go on from it; for one state of the code"
    )
    given = parser.parse_args(arguments)
    ids = [name for name in ALL if not given.only or name.startswith(tuple(given.only))]
    told: Counter[str] = Counter()
    total, findings, begun = len(ids) * given.seeds, [], time.monotonic()
    with given.journal.open("a", encoding="utf-8") if given.journal else nullcontext() as journal:
        if journal is not None and journal.tell():
            journal.write("\n")  # where the last line was cut off, the next one begins anew
        for finding, new in every(ids, given.seeds, given.workers, kept(given.journal)):
            findings.append(finding)
            if new and journal is not None:
                journal.write(json.dumps(asdict(finding)) + "\n")
                journal.flush()
            for problem in finding.problems:
                told[finding.exercise] += 1
                if told[finding.exercise] <= SHOWN:
                    print(f"\r{finding.exercise} {finding.student}: {problem}", file=sys.stderr)
            _progress(len(findings), total, finding.exercise, begun)
    print(file=sys.stderr)
    text = table(findings)
    print(text)
    if given.table:
        given.table.write_text(page(findings, given.seeds), encoding="utf-8")
    broken = sum(bool(one.problems) for one in findings)
    print(
        f"\n{len(findings)} draws of {len(ids)} exercises, {broken} with a problem, {time.monotonic() - begun:.0f} s"
    )
    generous = too_generous(findings)
    print("\n".join(generous), end="\n" if generous else "", file=sys.stderr)
    return 1 if broken or generous else 0


def _progress(done: int, total: int, name: str, begun: float) -> None:
    if done % (20 if sys.stderr.isatty() else 2000) and done != total:
        return
    spent = time.monotonic() - begun
    left = spent / done * (total - done)
    bar = ("█" * (30 * done // total)).ljust(30, "·")
    print(f"\r{bar} {done}/{total}  {name:<16} {left:4.0f} s left ", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
