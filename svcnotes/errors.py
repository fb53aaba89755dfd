"""The errors that svcnotes raises: each means that the author of an input erred.

An outcome such as a timeout is a value, never an exception.
"""

from __future__ import annotations


class SvcnotesError(Exception):
    """An input could not be used; the message names object, field, value and remedy.

    `str(error)` is one message, ready to print on stderr; no traceback is needed to act on it,
    and a notebook shows none (IPython asks `_render_traceback_`).
    """

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class InputError(SvcnotesError):
    """A file, document or setting is broken (YAML syntax, size, type, a Pod on an unknown Node)."""


class RuleError(SvcnotesError):
    """A rule text holds something that this Linux does not know; the message names the line.

    `line` is 1-based in the text given; `text` is that line.
    """

    def __init__(self, message: str, *, line: int = 0, text: str = "") -> None:
        super().__init__(message)
        self.line = line
        self.text = text


class ApiError(SvcnotesError):
    """kube-apiserver or kubectl refused an object; `str()` is what kubectl prints on stderr."""


class QuestionError(SvcnotesError):
    """A question to `trace` or `rules` names something that is not there (a Pod, a Node, a port)."""
