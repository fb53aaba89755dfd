"""Coursework: exercises that are drawn for each student from course, exercise and student, and judged by tracing."""

from svcnotes.exercises.personal.catalogue import ALL, draw, find
from svcnotes.exercises.personal.chance import Draw
from svcnotes.exercises.personal.definition import KINDS, Definition, Personal

__all__ = ["ALL", "KINDS", "Definition", "Draw", "Personal", "draw", "find"]
