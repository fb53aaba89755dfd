"""A prediction: commit to an answer first, then see what the trace says."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from svcnotes.errors import QuestionError
from svcnotes.trace import Path as TracedPath
from svcnotes.trace import Trace
from svcnotes.views.headline import headline
from svcnotes.views.marks import MARKS, names_of
from svcnotes.views.prose import Prose, packed, plain, prose, strong
from svcnotes.views.story import tell

HERE = Path(__file__).parent
NONE_YET = "No prediction made yet. Choose an answer above, then commit to it."


@dataclass(frozen=True, slots=True)
class Option:
    """One answer: `holds` tells from the trace whether it is right.

    `belief` names the wrong idea that leads to it ("A node always forwards, whatever the policy"), and
    `because` says in a sentence what is true instead, or of a right answer why it is; both may be empty.
    """

    text: str
    holds: Callable[[Trace], bool]
    belief: str = ""
    because: str = ""


class Predict(anywidget.AnyWidget):
    """Ask a question, and reveal the answer only when one has been committed to.

    `ask` makes the trace that answers; it runs at the reveal, so nothing is given away before. Running a
    whole notebook leaves it unanswered and fails nothing. `chosen` is the index committed to, -1 before.
    `tells` picks the paths that the reveal speaks of, so that it answers this question and no later one.
    """

    _esm = HERE / "predict.js"
    _css = HERE / "predict.css"

    message = traitlets.Dict().tag(sync=True)
    chosen = traitlets.Int(-1).tag(sync=True)

    def __init__(
        self,
        question: str,
        options: Sequence[Option],
        ask: Callable[[], Trace],
        tells: Callable[[TracedPath], bool] = lambda _: True,
    ) -> None:
        if not options:
            raise QuestionError("options: a prediction needs at least one answer to choose")
        self._question = question
        self._options = tuple(options)
        self._ask = ask
        self._tells = tells
        self._feedback: Prose = ()
        self._right: bool | None = None
        super().__init__()
        self._show()
        self.observe(self._committed, "chosen")

    @traitlets.validate("chosen")
    def _once(self, proposal: Any) -> int:
        value = int(proposal["value"])
        if not -1 <= value < len(self._options):
            raise traitlets.TraitError(f"chosen: {value} is none of the {len(self._options)} answers")
        return self.chosen if self._right is not None else value

    @property
    def right(self) -> bool | None:
        """Whether the prediction came true; None before one was made."""
        return self._right

    @property
    def feedback(self) -> str:
        """What the trace says to the prediction, in plain words."""
        return plain(self._feedback) if self._feedback else NONE_YET

    def choose(self, text: str) -> str:
        """Commit to the answer with that text and give the feedback. Raises QuestionError for another text."""
        texts = [option.text for option in self._options]
        if text not in texts:
            raise QuestionError(f"{text!r} is none of the answers: {'; '.join(texts)}")
        self.chosen = texts.index(text)
        return self.feedback

    def _committed(self, _: Any) -> None:
        if self.chosen >= 0 and self._right is None:
            trace = self._ask()
            option = self._options[self.chosen]
            self._right = option.holds(trace)
            self._feedback = _judge(option, self._options, trace, self._tells)
            self._show()

    def _show(self) -> None:
        self.message = {
            "question": self._question,
            "options": [option.text for option in self._options],
            "feedback": packed(self._feedback),
            "right": self._right,
            "none": NONE_YET,
            "marks": {role: [mark.glyph, mark.colour] for role, mark in MARKS.items()},
        }


def _judge(
    option: Option, options: Sequence[Option], trace: Trace, tells: Callable[[TracedPath], bool]
) -> Prose:
    names = names_of(trace)
    told = [headline(tell(trace, path, names)) for path in trace.paths if tells(path)]
    facts = [prose(" ", sentence) for sentence in dict.fromkeys(told)]
    if option.holds(trace):
        why = f" {option.because}" if option.because else ""
        return prose(strong("✓ As you predicted."), why, *facts)
    answers = [other.text for other in options if other.holds(trace)]
    answer = prose(" Right is: ", strong(answers[0].rstrip(".")), ".") if answers else ()
    belief = prose(" The idea behind yours: ", strong(f"“{option.belief}”"), ".") if option.belief else ()
    because = f" {option.because}" if option.because else ""
    return prose(strong("✕ Not so."), answer, belief, because, *([" The trace:", *facts] if facts else ()))
