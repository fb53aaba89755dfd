"""A form for an answer with choices: radio buttons, a button, and what the check says."""

from __future__ import annotations

from html import escape
from typing import Any

import ipywidgets

from svcnotes.coursework.answer_text import AnswerText
from svcnotes.coursework.course_desk import Desk
from svcnotes.exercises.personal import Personal

LABEL = "Answer:"
TAKE_OVER = "Run the cell again: it takes this answer over, and you hand it in."


class AnswerForm(ipywidgets.VBox):  # type: ignore[misc]  # ipywidgets ships no types
    """Choose, check, and run the cell again to keep it; nothing is chosen before.

    `said` is what the check says, as plain text; a screen reader hears it (aria-live).
    """

    def __init__(self, case: Personal, desk: Desk) -> None:
        self._case = case
        self._desk = desk
        self.said = ""
        wide = ipywidgets.Layout(width="auto", max_width="100%")
        if case.choices:
            self.field = ipywidgets.RadioButtons(
                options=case.choices, value=None, description=LABEL, layout=wide
            )
        else:
            self.field = ipywidgets.Textarea(value=case.start, rows=8, description=LABEL, layout=wide)
        self.check = ipywidgets.Button(
            description="Check", tooltip="Check this answer and keep it for the cell"
        )
        self._page = ipywidgets.HTML()
        self.check.on_click(self._checked)
        super().__init__(children=[self.field, self.check, self._page])

    def _checked(self, _: Any) -> None:
        from svcnotes.widgets.answer_cell import verdict_lines

        text = self.field.value or ""
        self.said = "\n".join(verdict_lines(self._case, AnswerText(self._case.name, text)))
        if text:
            self._desk.forms[self._case.name] = text
            self.said += f"\n\n{TAKE_OVER}"
        self._page.value = f'<pre role="status" aria-live="polite">{escape(self.said)}</pre>'


def form(exercise: str, desk: Desk) -> AnswerForm:
    """A form for one's own case of an exercise."""
    return AnswerForm(desk.case(exercise), desk)


def show(case: Personal, desk: Desk) -> None:
    """Show the form below what the cell has printed."""
    from IPython.display import display

    display(AnswerForm(case, desk))  # type: ignore[no-untyped-call]
