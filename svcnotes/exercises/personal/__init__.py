"""Coursework: exercises that are drawn for each student from course, exercise and student, and judged by tracing."""

from svcnotes.exercises.personal.catalogue import ALL, draw, find
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.personal.definition import HINT_COST, KINDS, Definition, Personal, marks

__all__ = ["ALL", "HINT_COST", "KINDS", "Definition", "Draw", "Personal", "draw", "find", "marks"]
