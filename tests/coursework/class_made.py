"""A small class of submissions for the tiny catalogue, with marks known beforehand."""

from pathlib import Path

import tiny_catalogue
from made import COURSE, answer, notebook, submitted

EXERCISES = ["01-address", "01-manifest", "01-word", "01-trap"]


def right(student):
    n = tiny_catalogue.number(COURSE, "01-address", student)
    port = 30000 + tiny_catalogue.number(COURSE, "01-manifest", student) % 2768
    return {
        "01-address": f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}",
        "01-manifest": f"kind: Service\nspec: {{ports: [{{port: 80, nodePort: {port}}}]}}",
        "01-word": ("refused", "timeout")[tiny_catalogue.number(COURSE, "01-word", student) % 2],
        "01-trap": "fine",
    }


def book(student, **changed):
    given = right(student) | {name.replace("_", "-"): text for name, text in changed.items()}
    return notebook(*(answer(name, text) for name, text in given.items()))


def make_class(root: Path, size=12) -> dict[str, int]:
    """Submissions of `size` students; the points each must get."""
    expected = {}
    for number in range(size):
        student = f"student-{number:03d}"
        change, points = (
            ({}, 7),
            ({"01_address": "10.0.0.1"}, 5),
            ({"01_manifest": "kind: Service"}, 5),
            ({"01_trap": "raise"}, 6),
        )[number % 4]
        submitted(root, student, book(student, **change))
        expected[student] = points
    return expected
