"""Teaches IPython the magics of the coursework; what they do loads when one is used."""

from __future__ import annotations

from typing import Any


def _with_a_body(lines: list[str]) -> list[str]:
    """Give an emptied answer cell an empty line.

    IPython refuses a cell magic with nothing below its line before the magic is asked, in words about magics; a
    magic that works on a line as well changes only those words.
    """
    emptied = len(lines) == 1 and lines[0].split(maxsplit=1)[:1] == ["%%answer"]
    return [*lines, "\n"] if emptied else lines


# In a terminal the first line of a cell is no whole cell yet: IPython leaves such a one out when it looks for the end.
_with_a_body.has_side_effects = True  # type: ignore[attr-defined]


def register(shell: Any) -> None:
    """Register `%%answer`, `%student`, `%answer-new` and `%answer-form` with an IPython shell; to do it again changes nothing."""

    def answer(line: str, cell: str) -> None:
        """Answer an exercise: the text below the first line is read and judged, never run."""
        from svcnotes.widgets import answer_cell

        answer_cell.answer(line, cell)

    def student(line: str) -> None:
        """Say who answers: %student COURSE NAME."""
        from svcnotes.widgets import answer_cell

        answer_cell.student(line)

    def answer_new(line: str) -> None:
        """Lay out another case of an exercise: %answer-new EXERCISE."""
        from svcnotes.widgets import answer_cell

        answer_cell.answer_new(line)

    def answer_form(line: str) -> None:
        """Show an exercise with a form: %answer-form EXERCISE."""
        from svcnotes.widgets import answer_cell

        answer_cell.answer_form(line)

    shell.register_magic_function(answer, "cell", "answer")
    if _with_a_body not in shell.input_transformers_cleanup:
        shell.input_transformers_cleanup.append(_with_a_body)
    shell.register_magic_function(student, "line", "student")
    shell.register_magic_function(answer_new, "line", "answer-new")
    shell.register_magic_function(answer_form, "line", "answer-form")
