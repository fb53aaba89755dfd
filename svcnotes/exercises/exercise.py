"""An exercise: a question, an answer as text, a check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from svcnotes.errors import SvcnotesError
from svcnotes.exercises.verdict import Part, Printer, Verdict, wrapped
from svcnotes.trace import Path, Trace

MAX_ANSWER = 20_000
"""The longest answer that is looked at, in characters."""
LONG = 24
"""A choice longer than this is printed on a line of its own."""


@dataclass(frozen=True)
class Exercise:
    """A question with a check; the answer is a text (YAML, an address, a word) and is never run.

    `judge` maps a text to a Verdict, by tracing. `hints` go from a nudge to nearly the answer. `start`
    is a text to begin with, `choices` the words to choose from; both may be empty. `ask` gives the trace
    that the question is about, where it is about one, and `tells` which of its paths the reveal speaks of;
    `explains` says whether a right prediction is told why, too. An answer to a `piecewise` one may leave some of it open.
    `world` gives the YAML of the cluster that the question is about, where it was drawn for it.
    """

    name: str
    question: str
    judge: Callable[[str], Verdict]
    hints: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    start: str = ""
    ask: Callable[[], Trace] | None = None
    tells: Callable[[Path], bool] = lambda _: True
    explains: bool = False
    piecewise: bool = False
    world: Callable[[], str] | None = None

    def check(self, answer: object = "", attempt: int = 1) -> Verdict:
        """Judge an answer; a wrong one comes with a hint, a stronger one from attempt to attempt.

        Raises nothing: an answer that cannot be read is a wrong one, and the Verdict says why.
        """
        verdict = self._judged(answer)
        if verdict.ok or verdict.hint:
            return verdict
        return replace(verdict, hint=self.hint(attempt))

    def hint(self, level: int = 1) -> str:
        """One hint: 1 is a nudge; beyond the last one it stays with the last."""
        return self.hints[max(0, min(level, len(self.hints)) - 1)] if self.hints else ""

    def _judged(self, answer: object) -> Verdict:
        if isinstance(answer, int) and not isinstance(answer, bool):
            answer = str(answer)
        if not isinstance(answer, str):
            return wrong(explanation=f"An answer is a text in quotes; this is a {type(answer).__name__}.")
        answer = str.__str__(answer)  # a subclass may claim to equal everything
        if ("??" in answer and not self.piecewise) or not answer.strip(" .…_?\t\n"):
            return wrong(explanation="No answer yet: put yours in place of the question marks.")
        if len(answer) > MAX_ANSWER:
            return wrong(explanation=f"{len(answer)} characters are too many for an answer.")
        try:
            return self.judge(answer)
        except SvcnotesError as error:
            return wrong(said=str(error), explanation="This cannot be used as it stands.")

    def __str__(self) -> str:
        return "\n".join([*wrapped(self.question), *self._choices()])

    def _choices(self) -> list[str]:
        """The choices in one line, or with numbers where they are sentences."""
        if any(len(choice) > LONG for choice in self.choices):
            return [f"  {number}. {choice}" for number, choice in enumerate(self.choices, 1)]
        return [f"One of: {', '.join(self.choices)}"] if self.choices else []

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:  # noqa: ARG002 - IPython's signature
        printer.text(str(self))


def wrong(
    claim: str = "the answer",
    *,
    misconception: str = "",
    said: str = "",
    explanation: str = "",
    rule: str = "",
    hint: str = "",
) -> Verdict:
    """A Verdict on an answer with one property, which does not hold."""
    return Verdict((Part(claim, ok=False),), misconception, said, explanation, rule, hint)


def right(claim: str = "the answer", *, explanation: str = "", rule: str = "") -> Verdict:
    """A Verdict on an answer with one property, which holds."""
    return Verdict((Part(claim, ok=True),), explanation=explanation, rule=rule)
