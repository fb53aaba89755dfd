"""The maximum grade that a platform's own files state: marks for it must be out of that, whatever the exercises' points are."""

from __future__ import annotations

import re
from fractions import Fraction

from svcnotes.coursework.roster import Roster

_NUMBER = re.compile(r"\d{1,6}(?:[.,]\d{1,6})?")
_TOTAL = re.compile(r"\[Total Pts: (?:up to )?([\d.,]+)")


def of_moodle(roster: Roster) -> Fraction:
    """The worksheet's `Maximum Grade`; 0 where the roster is no worksheet, or is graded in words."""
    if roster.platform != "moodle":
        return Fraction(0)
    return next(
        (_number((person.row or {}).get("Maximum Grade", "")) for person in roster.people), Fraction(0)
    )


def of_canvas(roster: Roster, column: str) -> Fraction:
    """What stands under `Points Possible` in the gradebook's column; 0 where it has no such column."""
    return _number(roster.possible.get(column, ""))


def of_blackboard(column: str) -> Fraction:
    """The total in a column's name, `Title [Total Pts: 10 Score] |123`; 0 where it says none."""
    found = _TOTAL.search(column)
    return _number(found[1]) if found else Fraction(0)


def _number(words: str) -> Fraction:
    """A number as platforms write it, `36.00` or `36,00`."""
    found = _NUMBER.fullmatch(words.strip())
    return Fraction(found[0].replace(",", ".")) if found else Fraction(0)
