"""What explains what was seen: a cause is right where a whole cluster, broken so, shows all of it again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache

from svcnotes.control_plane.cluster import Cluster
from svcnotes.errors import QuestionError, SvcnotesError
from svcnotes.exercises.asked import Asked
from svcnotes.exercises.exercise import Exercise, wrong
from svcnotes.exercises.misconceptions import check_ideas
from svcnotes.exercises.personal.several import read_lines
from svcnotes.exercises.picking import picked
from svcnotes.exercises.verdict import Part, Verdict
from svcnotes.trace import Trace

WHAT, WHERE = "what", "where"
_HOW = {"rst": "RST", "icmp-port-unreachable": "ICMP"}
Ends = Mapping[str, Fraction]


@dataclass(frozen=True)
class Cause:
    """One thing that may have been broken, and how it is broken at a place in a whole cluster.

    `words` are those by which an answer in free words is taken to mean it. `idea` and `because` are for the
    answer where it does not explain what was seen.
    """

    text: str
    breaks: Callable[[Cluster, str], Cluster]
    words: tuple[str, ...] = ()
    idea: str = ""
    because: str = ""


@dataclass(frozen=True)
class Sighting:
    """One thing that was looked at: a packet, in a reporter's words.

    `logs` where the pod's log was read too, `wire` where somebody saw what kind of packet refused it.
    """

    words: str
    asked: Asked
    logs: bool = False
    wire: bool = False

    def within(self, cluster: Cluster) -> Ends:
        """How it ends in a cluster, each end with its share."""
        try:
            found: Trace = self.asked.within(cluster)
        except QuestionError:
            return {"no such name": Fraction(1)}
        ends: dict[str, Fraction] = {}
        for path in found.paths:
            log = f", logged as {path.source_seen}" if self.logs and path.source_seen else ""
            how = f" by {_HOW.get(path.how, path.how)}" if self.wire and path.how else ""
            end = f"{path.outcome}{how}{log}"
            ends[end] = ends.get(end, Fraction(0)) + path.probability
        return ends

    def told(self, ends: Ends) -> str:
        """The sighting in a line."""
        if len(ends) == 1:
            return f"{self.words}: {next(iter(ends))}"
        return f"{self.words}: {'; '.join(f'{end} ({share})' for end, share in sorted(ends.items()))}"


def explain(
    name: str,
    question: str,
    whole: Callable[[], Cluster],
    causes: Sequence[Cause],
    places: Sequence[str],
    case: tuple[int, str],
    sightings: Sequence[Sighting],
    hints: tuple[str, ...] = (),
) -> Exercise:
    """Ask what is broken, and where; the answer has the lines `what: CAUSE` and `where: PLACE`.

    The student's case is the whole cluster with cause number `case[0]` at `case[1]`, and what is seen there is
    told. A line is right where it belongs to some cause at some place that shows just that; both are right only
    together.
    """
    check_ideas((cause.idea for cause in causes), name)

    @cache
    def broken(what: int, where: str) -> Cluster:
        return causes[what].breaks(whole(), where)

    @cache
    def shown(what: int, where: str, number: int) -> Ends:
        return sightings[number].within(broken(what, where))

    def differs(what: int, where: str) -> str:
        """The first thing that would have looked otherwise, with that cause there; empty where nothing would."""
        try:
            broken(what, where)
        except SvcnotesError:
            return "that cannot be broken there"
        for number, one in enumerate(sightings):
            ends = shown(what, where, number)
            if ends != shown(*case, number):
                return f"broken so: {one.told(ends)}\nseen was: {one.told(shown(*case, number))}"
        return ""

    def fits(what: int, where: str) -> bool:
        return not differs(what, where)

    def judge(answer: str) -> Verdict:
        given = read_lines(answer, (WHAT, WHERE))
        what = _meant(given.get(WHAT, ""), causes)
        place = picked(given.get(WHERE, ""), places) if given.get(WHERE) else None
        where = "" if place is None else places[place]
        if what is not None and where and fits(what, where):
            parts = (Part(f"what: {causes[what].text}", ok=True), Part(f"where: {where}", ok=True))
            return Verdict(parts, explanation="A whole cluster, broken so, shows all that was seen.")
        named = what is not None and any(fits(what, one) for one in places)
        there = bool(where) and any(fits(one, where) for one in range(len(causes)))
        parts = (
            Part(f"what: {causes[what].text if what is not None else 'no cause of the list'}", ok=named),
            Part(f"where: {where or 'no place of the list'}", ok=there),
        )
        if what is None or not where:
            lacks = (
                "The line `what` names one of the causes"
                if what is None
                else "The line `where` names one of the places"
            )
            return Verdict(parts, explanation=f"{lacks}, by its words or its number.")
        said = differs(what, where)
        cause = causes[what]
        told = wrong(
            misconception="" if named else cause.idea, said=said, explanation="" if named else cause.because
        )
        return replace(
            told, parts=parts, explanation=told.explanation or "That would have looked otherwise: see above."
        )

    listed = "\n".join(f"  {number}. {cause.text}" for number, cause in enumerate(causes, 1))
    told = "\n".join(f"  {one.told(shown(*case, number))}" for number, one in enumerate(sightings))
    text = f"{question}\nSeen:\n{told}\nWhat may be broken:\n{listed}\nWhere: {', '.join(places)}"

    return Exercise(
        name,
        text,
        judge,
        hints,
        start=f"{WHAT}: ???\n{WHERE}: ???",
        ask=sightings[0].asked.trace,
        piecewise=True,
    )


def _meant(answer: str, causes: Sequence[Cause]) -> int | None:
    """The cause that an answer names, by its text or number, or by words of only one cause."""
    if not answer.strip():
        return None
    index = picked(answer, [cause.text for cause in causes])
    if index is not None:
        return index
    given = answer.lower()
    named = [i for i, cause in enumerate(causes) if any(word.lower() in given for word in cause.words)]
    return named[0] if len(named) == 1 else None
