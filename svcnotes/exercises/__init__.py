"""Questions with checks that trace the answer, and hints that name the misconception."""

from svcnotes.exercises.exercise import Exercise
from svcnotes.exercises.verdict import Part, Verdict

__all__ = ["Exercise", "Part", "Verdict"]
