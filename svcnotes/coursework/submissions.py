"""Submissions: each student's notebooks, put together from where they lie and from the roster."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from svcnotes.coursework.feedback_zip import canvas_member, moodle_member
from svcnotes.coursework.notebook import printable
from svcnotes.coursework.places import LAYOUTS, Place, layout_of, packed_in, readings
from svcnotes.coursework.roster import Person, Roster
from svcnotes.coursework.sources import NOTEBOOK, Source, sources
from svcnotes.errors import InputError


@dataclass(frozen=True)
class Submission:
    """What one student handed in: the files that count, in the order in which they are read.

    `student` is the name under which cases are drawn. Each file is its path within the submission, and its source.
    `back` names the student's feedback in the zip that the platform takes back; empty where it takes none.
    """

    student: str
    person: Person
    files: tuple[tuple[str, Source], ...] = ()
    remarks: tuple[str, ...] = ()
    back: str = ""


@dataclass(frozen=True)
class Submitted:
    """All submissions, sorted by student, with what was found beside them."""

    layout: str
    submissions: tuple[Submission, ...]
    remarks: tuple[str, ...]


@dataclass
class _Pile:
    """A student's files while they are gathered."""

    person: Person
    files: list[tuple[Place, Source]] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    back: str = ""


def find_submissions(
    root: Path, roster: Roster, *, layout: str = "auto", assignments: Collection[str] = ()
) -> Submitted:
    """Find every submission below a folder or in a zip; InputError where there is none.

    A folder that holds `submitted/` is an nbgrader course. `assignments` keeps those of nbgrader's assignments
    (all, where none is given). Of files that a platform marks as handed in again the latest counts; of
    several files of one student (Moodle) all count, in the order of their names. Everybody in the roster has a
    submission, with no files where nothing was handed in.
    """
    if layout not in {"auto", *LAYOUTS}:
        raise InputError(f"layout: {layout!r} is none of auto, {', '.join(LAYOUTS)}")
    if root.is_dir() and (root / "submitted").is_dir() and not (root / "submitted").is_symlink():
        root, layout = root / "submitted", "nbgrader" if layout == "auto" else layout
    found = sources(root)
    notebooks = [source.path for source in found if source.path.lower().endswith(NOTEBOOK)]
    if not notebooks:
        raise InputError(f"{root}: there is no notebook (.ipynb) in it")
    if layout == "auto":
        if outer := packed_in(notebooks):
            raise InputError(
                f"{root}: all of it lies in one folder, {printable(outer)}. Name that folder (unpack the zip first), "
                "for the names inside it say whose each file is"
            )
        layout = layout_of(notebooks)
    piles: dict[str, _Pile] = {person.student: _Pile(person) for person in roster.people}
    remarks: list[str] = []
    for source in found:
        _put(source, layout, roster, assignments, piles, remarks)
    for student, pile in sorted(piles.items()):
        if said := _several_accounts(pile):
            remarks.append(f"{printable(student)}: {said}")
    if not roster.people and layout in {"moodle", "canvas"} and piles:
        remarks.insert(
            0,
            f"There is no --roster, so cases are those of the names that {layout.capitalize()} shows, such as "
            f"{printable(min(piles), 60)}. Where students wrote user names behind %student, give the platform’s list.",
        )
    submissions = [_submission(student, pile) for student, pile in sorted(piles.items())]
    return Submitted(layout, tuple(submissions), tuple(remarks))


def _put(
    source: Source,
    layout: str,
    roster: Roster,
    assignments: Collection[str],
    piles: dict[str, _Pile],
    remarks: list[str],
) -> None:
    """Put a file onto its student's pile."""
    shown = printable(source.path, 200)
    every = readings(source.path, layout)
    if not every:
        why = source.refused or f"its name does not say whose it is, as {layout} names files"
        remarks.append(f"{shown}: {why}; not read.")
        return
    if layout == "nbgrader" and assignments and every[0].file.split("/")[0] not in assignments:
        return
    place, meant = _meant(every, layout, roster)
    if len(meant) > 1:
        who = " or ".join(f"{printable(one.student, 60)}" for one in meant)
        remark = (
            f"{shown}: its name may mean {who}, for a display name or the file’s own name ends as the platform’s numbers "
            "do; not read. Ask who handed it in, and give it a plain name."
        )
        for one in meant:
            piles[one.student].remarks.append(remark)
        return
    if len(every) > 1 and not meant and layout != "blackboard":
        remarks.append(
            f"{shown}: its name may mean several people, and no number in it is in the roster; not read. Give "
            f"{layout.capitalize()}’s own list as --roster."
        )
        return
    person = meant[0] if meant else None
    if person is None:
        person = _stranger(place, roster, piles)
        if roster.people:
            remarks.append(f"{shown}: {printable(person.student)} is not in the roster.")
        elif person.student != place.name:
            remarks.append(
                f"{shown}: two people bear this name; a roster says under which names their cases are drawn."
            )
    pile = piles.setdefault(person.student, _Pile(person))
    if layout == "moodle":
        pile.back = pile.back or moodle_member(place)
    if source.refused:
        pile.remarks.append(f"{printable(place.file, 200)}: {source.refused}; not read.")
        return
    if place.late:
        pile.remarks.append(
            f"{printable(place.file, 200)}: the platform marks it as late; its marks are not lowered."
        )
    pile.files.append((place, source))
    if layout == "canvas":
        # A name that is the student's own: of several files' any will do.
        pile.back = canvas_member(place, source.path)


def _several_accounts(pile: _Pile) -> str:
    """Take the files off a pile that several accounts of the platform put there, and say so; a display name is free to choose."""
    numbers = sorted({place.number for place, _ in pile.files if place.number})
    if len(numbers) < 2:
        return ""
    pile.files.clear()
    pile.back = ""
    said = (
        f"several people handed in under this name (the platform’s numbers {', '.join(numbers[:5])}); nothing of theirs "
        "was read. The platform’s own list as --roster, or a column with its numbers in yours, says who is who."
    )
    pile.remarks.append(f"{said[0].upper()}{said[1:]}")
    return said


def _meant(every: tuple[Place, ...], layout: str, roster: Roster) -> tuple[Place, tuple[Person, ...]]:
    """The place that a file's name means, and the person; several people where the roster has several of them.

    Of several readings only a platform's number that the roster has tells, never a name: that is the student's to choose.
    """
    if layout == "nbgrader":
        # An account's name, under which its owner saw the cases: no other spelling is theirs.
        found = roster.student(every[0].name)
        return every[0], (found,) if found else ()
    if layout == "blackboard":  # the longest user name that the roster has
        known = [(one, who) for one in (*every[1:], every[0]) if (who := roster.find(one.number, one.name))]
        return (known[0][0], (known[0][1],)) if known else (every[0], ())
    by_number = len(every) > 1 or roster.platform == layout
    pairs = [(one, who) for one in every if (who := roster.find(one.number, one.name, by_number=by_number))]
    people = tuple(dict.fromkeys(who.student for _, who in pairs))
    return (pairs[0][0] if pairs else every[0]), tuple(
        next(who for _, who in pairs if who.student == name) for name in people
    )


def _stranger(place: Place, roster: Roster, piles: Mapping[str, _Pile]) -> Person:
    """Somebody whom no roster knows, by the platform's name; with its number, where somebody else has that name."""
    same = piles.get(place.name)
    taken = same is not None and (place.number not in same.person.numbers or same.person in roster.people)
    name = f"{place.name} [{place.number}]" if taken else place.name
    return Person(name, place.name, "", (place.number,))


def _submission(student: str, pile: _Pile) -> Submission:
    """Keep the latest attempt of each file, in the order of the names."""
    remarks = list(pile.remarks)
    latest: dict[str, tuple[Place, Source]] = {}
    # Blackboard's attempts are whole submissions; Canvas counts each file's own.
    newest = max((place.attempt for place, _ in pile.files if len(place.attempt) > 3), default="")
    for place, source in sorted(pile.files, key=lambda one: (one[0].file, one[0].attempt, one[1].path)):
        if newest and place.attempt != newest:
            remarks.append(
                f"{printable(place.file, 200)} of the attempt {place.attempt} was handed in again; the latest counts."
            )
            continue
        before = latest.get(place.file)
        if before is not None and before[0].attempt != place.attempt:
            remarks.append(
                f"{printable(place.file, 200)} was handed in again; the latest counts, not number {int(before[0].attempt or 0)}."
            )
        elif before is not None:
            remarks.append(
                f"{printable(place.file, 200)} is there twice; the last one counts, by the order of the paths."
            )
        latest[place.file] = (place, source)
    files = tuple((printable(name, 200), source) for name, (_, source) in sorted(latest.items()))
    return Submission(student, pile.person, files, tuple(sorted(remarks)), pile.back)
