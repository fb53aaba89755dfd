"""What a case tells when it is mended: what it was, which evidence decides, how the learner's probes compare."""

from __future__ import annotations

from collections.abc import Iterator

from svcnotes.exercises.dojo.case import Case, case, names
from svcnotes.exercises.dojo.evidence import Probes, against, enough, left, still, tell_tale
from svcnotes.exercises.dojo.faults import FAULTS

SHOWN = 6
MOST_PROBES = 12
"""How many of the learner's probes are weighed; those after them count, and are not."""


def told(given: Case, suspected: str, because: str, probes: Probes) -> str:
    """The words after a mended case; `probes` are those run before the first change, in order."""
    return "\n".join(_lines(given, suspected, because, probes))


def _lines(given: Case, suspected: str, because: str, probes: Probes) -> Iterator[str]:
    weighed = probes[:MOST_PROBES]
    yield f"It was: {FAULTS[given.fault]}"
    if because:
        yield f"You wrote: {because}"
    if suspected and suspected != given.fault:
        yield from _against(given, suspected, weighed)
    yield from _order(given, weighed, len(probes))
    yield "What tells it:"
    for probe in given.solver:
        yield f"    {probe}"
        lines = tell_tale(given.name, probe)
        yield from (f"        {line.strip()}" for line in lines)
        if not lines:
            yield "        (it prints less than in a whole cluster: what is missing is the evidence)"


def _against(given: Case, suspected: str, probes: Probes) -> Iterator[str]:
    """Which of the learner's own probes speaks against what was suspected."""
    yield f"You suspected: {FAULTS[suspected]}"
    others = [name for name in names() if case(name).fault == suspected]
    found = [against(given.name, other, probes) for other in others]
    first = next((one for one in found if one is not None), None)
    if first is None or None in found:
        yield "    None of your probes speaks against that: it would have printed the same to each of them."
        return
    number, lines = first
    yield f"    Your probe {number + 1} speaks against that: {probes[number]}"
    if lines:
        yield "    With that fault, in the dojo's case of it, it would have printed:"
        yield from (f"        {line.strip()}" for line in lines)


def _order(given: Case, probes: Probes, ran: int) -> Iterator[str]:
    """How the order of the probes compares with the shortest."""
    best = len(given.solver)
    if not probes:
        yield "You changed something without looking first."
        return
    counts = ", ".join(map(str, still(given.name, probes)))
    after = "your probe" if ran == 1 else "each of your probes" if ran == len(probes) else "your first probes"
    yield f"Of the {len(names()) - 1} other cases, left after {after}: {counts}."
    count = enough(given.name, probes)
    if count:
        yield f"So probe {count} settled it. {_score(best, count)}"
        return
    same = left(given.name, probes)
    also = " ".join(FAULTS[case(other).fault] for other in same[:SHOWN])
    more = f" And {len(same) - SHOWN} more." if len(same) > SHOWN else ""
    one = "It would" if ran == 1 else "Together they would"
    yield f"{one} have looked the same with each of these: {also}{more}"


def _score(best: int, count: int) -> str:
    if count <= best:
        return f"Score: {count}, and nobody needs fewer."
    return f"Score: {count}; whoever knows already where to look needs {best}."
